"""The devices that TensorFlow computes on: which there are, how their memory is used, and choosing one of them."""

from __future__ import annotations

import logging
import os
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from zoo.errors import ArgumentError, DeviceError, asked, asking

log = logging.getLogger("zoo")

_MIB = 2**20


@dataclass(frozen=True)
class Device:
    """One device that a model can be placed on.

    - ``name``: what every ``device=`` and ``--device`` takes, such as ``"gpu:1"``;
    - ``kind``: ``"cpu"`` or ``"gpu"``;
    - ``part_of``: the hardware, whose number differs from that in ``name`` if GPUs are hidden or a device is divided;
    - ``description``: the name of the product;
    - ``memory``: the number of bytes that TensorFlow may use: the memory of the machine, or the limit of a GPU; None if
      it is not known.
    """

    name: str
    kind: str
    part_of: str
    description: str
    memory: int | None

    @property
    def tensorflow_name(self) -> str:
        """The name that ``tf.device`` takes, and with which the name in ``tf.Variable.device`` ends."""
        return f"/device:{self.name.upper()}"


def list_devices() -> tuple[Device, ...]:
    """Return the devices of this process, CPUs first. They can still be configured afterwards.

    >>> import zoo
    >>> zoo.list_devices()[0].name
    'cpu:0'
    """
    import tensorflow

    counts: Counter[str] = Counter()
    devices = []
    for kind, number, hardware in _hardware():
        if hardware not in tensorflow.config.get_visible_devices():
            continue
        for part in tensorflow.config.get_logical_device_configuration(hardware) or [None]:
            limit = getattr(part, "memory_limit", None)
            memory = _memory_of_machine() if kind == "cpu" else None if limit is None else int(limit * _MIB)
            description = _description(kind, hardware)
            devices.append(Device(f"{kind}:{counts[kind]}", kind, f"{kind}:{number}", description, memory))
            counts[kind] += 1
    return tuple(sorted(devices, key=lambda device: device.kind))


def configure(
    *,
    memory_growth: bool | None = None,
    memory_limit: int | None = None,
    visible: Sequence[str] | None = None,
    cpus: int | None = None,
) -> None:
    """Set how this process uses its devices. This has to be done before TensorFlow computes anything.

    A setting of None is left unchanged. Repeating a call with the same settings is allowed at any time. On a machine
    without a GPU, settings of GPU memory only cause a warning in the log, so that a script runs there too.

    Args:
        memory_growth: whether to allocate the memory of a GPU as it is needed, instead of all of it at once.
        memory_limit: the most memory to use on each GPU, in MiB.
        visible: the GPUs to use, by the names that :class:`Device` has in ``part_of``. They are then numbered from
            ``gpu:0`` again. An empty list hides all GPUs.
        cpus: the number of devices into which the CPU is divided, to try out a model that is placed on several.

    Raises:
        ArgumentError: if a value does not fit, or memory is to be both limited and allocated as needed.
        DeviceError: if there is no such GPU, or TensorFlow already uses its devices with other settings.
    """
    given = {"memory_growth": memory_growth, "memory_limit": memory_limit, "visible": visible, "cpus": cpus}
    given = {name: value for name, value in given.items() if value is not None}
    with asking(f"configure the devices with {', '.join(f'{name}={value!r}' for name, value in given.items())}"):
        for name in ("memory_limit", "cpus"):
            value: Any = given.get(name, 1)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                example = "4096, in MiB" if name == "memory_limit" else "2"
                advice = f"pass a positive integer, such as {name}={example}"
                raise ArgumentError(asked(), f"{name} is {value!r}", advice)
        import tensorflow

        config = tensorflow.config
        gpus = {f"{kind}:{number}": hardware for kind, number, hardware in _hardware() if kind == "gpu"}
        if (memory_growth is not None or memory_limit is not None) and not gpus:
            log.warning("%s: there is no GPU, so the memory settings have no effect", asked())
        unknown = [name for name in visible or () if _normalised(name) not in gpus]
        if unknown:
            raise DeviceError(
                asked(), f"there is no GPU {unknown[0]!r}", f"the GPUs found are {', '.join(gpus) or 'none'}"
            )
        if memory_growth is not None or memory_limit is not None:
            _check_memory(list(gpus.values()), memory_growth, memory_limit)
        try:
            if visible is not None:
                config.set_visible_devices([gpus[_normalised(name)] for name in visible], "GPU")
            for gpu in gpus.values():
                if memory_growth is not None and memory_growth != bool(config.experimental.get_memory_growth(gpu)):
                    config.experimental.set_memory_growth(gpu, memory_growth)
                if memory_limit is not None:
                    part = config.LogicalDeviceConfiguration(memory_limit=memory_limit)
                    config.set_logical_device_configuration(gpu, [part])
            cpu = config.list_physical_devices("CPU")[0]
            if cpus is not None and cpus != len(config.get_logical_device_configuration(cpu) or [None]):
                config.set_logical_device_configuration(cpu, [config.LogicalDeviceConfiguration()] * cpus)
        except RuntimeError as error:
            found = f"TensorFlow already uses its devices with other settings ({_names(list_devices())})"
            advice = "configure them at the start of the program, before anything is built or computed"
            raise DeviceError(asked(), found, advice) from error


def find_devices(names: Sequence[str]) -> list[Device]:
    """Return the devices with these names; ``"gpu"`` is the first GPU, and ``"/device:GPU:1"`` is ``"gpu:1"``.

    Raises:
        ArgumentError: if no name is given.
        DeviceError: if there is no device of a name.
    """
    known = {device.name: device for device in list_devices()}
    if not names:
        raise ArgumentError(asked(), "no device is named", f"name one or more of {', '.join(known)}")
    for name in names:
        if _normalised(name) not in known:
            found = f"there is no device {name!r}"
            raise DeviceError(asked(), found, f"the devices found are {_names(list(known.values()))}")
    return [known[_normalised(name)] for name in names]


@contextmanager
def on(name: str) -> Iterator[Device]:
    """Build and compute on the device with this name everything in the body of a ``with`` statement.

    A model that exists already stays on the device where it was built; :func:`zoo.place` moves it.

    Raises:
        DeviceError: if there is no such device.

    >>> import zoo
    >>> from zoo import devices
    >>> with devices.on("cpu:0"):
    ...     model = zoo.build("lenet5")
    """
    with asking(f"compute on {name!r}"):
        (device,) = find_devices([name])
    import tensorflow

    with tensorflow.device(device.tensorflow_name):
        yield device


def _hardware() -> Iterator[tuple[str, int, Any]]:
    """Yield, for each piece of hardware, its kind, its number within that kind, and TensorFlow's object for it."""
    import tensorflow

    counts: Counter[str] = Counter()
    for each in tensorflow.config.list_physical_devices():
        kind = each.device_type.lower()
        yield kind, counts[kind], each
        counts[kind] += 1


def _check_memory(gpus: Sequence[Any], growth: bool | None, limit: int | None) -> None:
    """Raise if GPU memory would be both limited and allocated as needed, by this call or by an earlier one too."""
    import tensorflow

    config = tensorflow.config
    grows = growth or (growth is None and any(config.experimental.get_memory_growth(gpu) for gpu in gpus))
    if grows and (limit is not None or any(config.get_logical_device_configuration(gpu) for gpu in gpus)):
        found = "TensorFlow allocates the memory of a GPU either as it is needed or up to a limit"
        raise ArgumentError(asked(), found, "choose one of memory_growth and memory_limit")


def _normalised(name: Any) -> str:
    """Return the name in the form that :class:`Device` has."""
    plain = str(name).lower().removeprefix("/device:").removeprefix("/")
    return plain if ":" in plain else f"{plain}:0"


def _names(devices: Sequence[Device]) -> str:
    return ", ".join(device.name for device in devices)


def _description(kind: str, hardware: Any) -> str:
    import tensorflow

    if kind == "cpu":
        return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    return str(tensorflow.config.experimental.get_device_details(hardware).get("device_name", hardware.name))


def _memory_of_machine() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # the operating system does not say
        return None
