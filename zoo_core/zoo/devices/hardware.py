"""The devices that TensorFlow computes on: which there are, how their memory is used, and which one is taken."""

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
    """One device that models can lie on.

    - ``name``: what every ``device=`` and ``--device`` takes, such as ``"gpu:1"``;
    - ``kind``: ``"cpu"`` or ``"gpu"``;
    - ``part_of``: the piece of hardware, which differs from ``name`` where GPUs are hidden or a device is divided;
    - ``description``: what it is called;
    - ``memory``: the bytes that TensorFlow may take there, or None if they are not known: the machine's memory, or the
      limit of a GPU.
    """

    name: str
    kind: str
    part_of: str
    description: str
    memory: int | None

    @property
    def tensorflow_name(self) -> str:
        """What ``tf.device`` takes, and the end of what ``tf.Variable.device`` gives."""
        return f"/device:{self.name.upper()}"


def list_devices() -> tuple[Device, ...]:
    """Return the devices of this process, CPUs first; TensorFlow does not begin to use them for that.

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
    """Say how this process uses its devices; to be called before TensorFlow computes anything.

    What is None stays as it is. The same may be asked again at any time. Memory settings on a machine without a GPU are
    a warning in the log, so that a script runs there too.

    Args:
        memory_growth: whether to take the memory of a GPU as it is needed, and not all of it at once.
        memory_limit: the most that is taken of each GPU, in MiB.
        visible: the GPUs that are used, by what :class:`Device` calls ``part_of``; those left are counted from
            ``gpu:0`` again. An empty list hides all.
        cpus: how many devices the CPU counts as, to try out how a model lies over several.

    Raises:
        ArgumentError: if a value does not fit, or growth and a limit are asked for, which TensorFlow cannot both do.
        DeviceError: if there is no such GPU, or TensorFlow has already begun to use its devices otherwise.
    """
    given = {"memory_growth": memory_growth, "memory_limit": memory_limit, "visible": visible, "cpus": cpus}
    given = {name: value for name, value in given.items() if value is not None}
    with asking(f"configure the devices with {', '.join(f'{name}={value!r}' for name, value in given.items())}"):
        for name in ("memory_limit", "cpus"):
            value: Any = given.get(name, 1)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                advice = "pass MiB: 4096" if name == "memory_limit" else "pass a number of devices: 2"
                raise ArgumentError(asked(), f"{name} is {value!r}", advice)
        import tensorflow

        config = tensorflow.config
        gpus = {f"{kind}:{number}": hardware for kind, number, hardware in _hardware() if kind == "gpu"}
        if (memory_growth is not None or memory_limit is not None) and not gpus:
            log.warning("%s: there is no GPU, and nothing else has such a setting", asked())
        unknown = [name for name in visible or () if _plain(name) not in gpus]
        if unknown:
            raise DeviceError(
                asked(), f"there is no GPU {unknown[0]!r}", f"the GPUs found are {', '.join(gpus) or 'none'}"
            )
        if memory_growth is not None or memory_limit is not None:
            _check_memory(list(gpus.values()), memory_growth, memory_limit)
        try:
            if visible is not None:
                config.set_visible_devices([gpus[_plain(name)] for name in visible], "GPU")
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
            found = f"TensorFlow already uses its devices otherwise ({_names(list_devices())})"
            advice = "configure them before anything is built or computed: at the start of the program"
            raise DeviceError(asked(), found, advice) from error


def find_devices(names: Sequence[str]) -> list[Device]:
    """Return the devices of these names; ``"gpu"`` is the first GPU, and ``"/device:GPU:1"`` is ``"gpu:1"``.

    Raises:
        ArgumentError: if there is no name.
        DeviceError: if one is not the name of a device.
    """
    known = {device.name: device for device in list_devices()}
    if not names:
        raise ArgumentError(asked(), "no device is named", f"name one or more of {', '.join(known)}")
    for name in names:
        if _plain(name) not in known:
            found = f"there is no device {name!r}"
            raise DeviceError(asked(), found, f"the devices found are {_names(list(known.values()))}")
    return [known[_plain(name)] for name in names]


@contextmanager
def on(name: str) -> Iterator[Device]:
    """Give the device of that name; what is built and computed in the context lies and runs there.

    A model that is there already stays where it was built; :func:`zoo.place` moves it.

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
    """Yield the kind, the number among its kind and TensorFlow's handle of each piece of hardware."""
    import tensorflow

    counts: Counter[str] = Counter()
    for each in tensorflow.config.list_physical_devices():
        kind = each.device_type.lower()
        yield kind, counts[kind], each
        counts[kind] += 1


def _check_memory(gpus: Sequence[Any], growth: bool | None, limit: int | None) -> None:
    """Raise if memory would be both limited and taken as needed, by this call or together with an earlier one."""
    import tensorflow

    config = tensorflow.config
    grows = growth or (growth is None and any(config.experimental.get_memory_growth(gpu) for gpu in gpus))
    if grows and (limit is not None or any(config.get_logical_device_configuration(gpu) for gpu in gpus)):
        found = "TensorFlow takes the memory of a GPU either as it is needed or up to a limit"
        raise ArgumentError(asked(), found, "choose one of memory_growth and memory_limit")


def _plain(name: Any) -> str:
    """Return the name as :class:`Device` has it."""
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
    except (AttributeError, ValueError, OSError):  # a system that does not tell
        return None
