"""How a training goes, whatever the strategy: stopping, schedules, regularisation, precision, caches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, get_args

from zoo.errors import ArgumentError, asked, did_you_mean
from zoo.transfer.feature_cache import Where

if TYPE_CHECKING:
    from zoo.data.augmentation import Augmentation

Schedule = Literal["constant", "cosine", "exponential", "step"]


@dataclass(frozen=True)
class TrainingOptions:
    """The options of a training; every one is an argument of :func:`zoo.transfer` and a key of a recipe.

    - ``cache``: where the outputs of frozen layers are kept, which are the same in every epoch: ``"auto"`` is memory up
      to 1 GiB and then disk, ``"memory"``, ``"disk"``, or ``"off"``;
    - ``augment``: a :class:`zoo.data.Augmentation`, its options as a mapping, or ``"standard"`` for the usual ones;
    - ``views``: so many augmented views of each picture are computed once and cached, instead of new ones every epoch;
    - ``early_stopping``: epochs without a better ``monitor`` after which a phase ends;
    - ``monitor``: ``"val_loss"``, ``"val_accuracy"``, ``"val_mae"``, or one of them without ``val_``;
    - ``keep_best``: a phase ends with the weights of its best epoch, not its last; as early stopping does;
    - ``schedule``: how the learning rate changes during a phase. ``"constant"`` keeps it. ``"cosine"`` and
      ``"exponential"`` lower it to ``lr_decay`` times its first value by the end of the phase. ``"step"`` multiplies
      it by ``lr_decay`` every ``lr_decay_every`` epochs;
    - ``warmup``: epochs in which the rate rises from 0 to its first value;
    - ``ema``: momentum of a moving average of the weights, which replaces them in the end, such as 0.999;
    - ``class_weights``: ``"balanced"``, or the weight of each class by name;
    - ``label_smoothing``: the share of each label that is spread over all classes;
    - ``l1``, ``l2``: penalties on the kernels that learn; they count in ``loss`` and ``val_loss``, not in the metrics;
    - ``exact``: decode and resize every pixel of a photograph, as reference pipelines do, and not only what is needed;
    - ``device``: the name of the device to train on; several names, over which the stages of the model are divided in
      order; or the name of each stage's first layer, with its device: see :func:`zoo.place`;
    - ``mixed_precision``: compute in 16 bits where the device is faster with them;
    - ``gradient_accumulation_steps``: batches whose gradients are averaged before a step;
    - ``tensorboard``: a folder for TensorBoard's logs.
    """

    cache: Where = "auto"
    augment: Augmentation | None = None
    views: int = 0
    early_stopping: int | None = None
    monitor: str = "val_loss"
    keep_best: bool = False
    schedule: Schedule = "constant"
    warmup: float = 0.0
    lr_decay: float = 0.1
    lr_decay_every: int = 10
    ema: float | None = None
    class_weights: str | Mapping[str, float] | None = None
    label_smoothing: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    exact: bool = False
    device: str | Sequence[str] | Mapping[str, str] | None = None
    mixed_precision: bool = False
    gradient_accumulation_steps: int = 1
    tensorboard: str | None = None

    @property
    def restores_best(self) -> bool:
        """Whether a phase ends with the weights of its best epoch."""
        return self.keep_best or self.early_stopping is not None

    def as_dict(self) -> dict[str, Any]:
        """Return the options that are not the defaults, as JSON keeps them."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default}
        if self.augment is not None:
            own["augment"] = self.augment.as_dict()
        return own


NAMES = tuple(each.name for each in fields(TrainingOptions))


def training_options(given: Mapping[str, Any]) -> TrainingOptions:
    """Return the options in ``given``, each checked.

    Raises:
        ArgumentError: naming the one that does not fit, with what would.
    """
    own = {"augment": _augmentation(given.get("augment")), "device": _device(given.get("device"))}
    options = replace(TrainingOptions(), **{**given, **own})

    def check(name: str, fits: bool, advice: str) -> None:
        if not fits:
            raise ArgumentError(asked(f"with {name}={getattr(options, name)!r}"), "that does not fit", advice)

    def check_word(name: str, words: tuple[str, ...]) -> None:
        value = getattr(options, name)
        if value not in words:
            advice = did_you_mean(str(value), words) or f"pass {', '.join(words[:-1])} or {words[-1]}"
            raise ArgumentError(asked(f"with {name}={value!r}"), f"no such {name}", advice)

    check_word("cache", get_args(Where))
    check_word("schedule", get_args(Schedule))
    check_word("monitor", tuple(f"{part}{each}" for part in ("val_", "") for each in ("loss", "accuracy", "mae")))
    for name in ("keep_best", "exact", "mixed_precision"):
        check(name, isinstance(getattr(options, name), bool), "pass true or false")
    check("tensorboard", options.tensorboard is None or isinstance(options.tensorboard, str), "pass a folder")
    check("views", _is_count(options.views, 0), "pass the number of views, 0 for new ones in every epoch")
    check("early_stopping", options.early_stopping is None or _is_count(options.early_stopping, 1), "pass epochs: 5")
    check(
        "gradient_accumulation_steps",
        _is_count(options.gradient_accumulation_steps, 1),
        "pass a number of batches, 1 or more",
    )
    check("lr_decay_every", _is_count(options.lr_decay_every, 1), "pass a number of epochs, 1 or more")
    check("warmup", _is_number(options.warmup, 0, math.inf), "pass a number of epochs, 0 or more")
    check("lr_decay", _is_number(options.lr_decay, 0, 1), "pass a share from 0 to 1")
    check("ema", options.ema is None or _is_number(options.ema, 0.5, 1 - 1e-9), "pass a momentum such as 0.999")
    check("label_smoothing", _is_number(options.label_smoothing, 0, 0.9), "pass a share such as 0.1")
    check("l1", _is_number(options.l1, 0, math.inf), "pass 0 or more")
    check("l2", _is_number(options.l2, 0, math.inf), "pass 0 or more")
    check("device", _names_devices(options.device), "pass the name of a device or several: `zoo devices` lists them")
    if isinstance(options.class_weights, str):
        check_word("class_weights", ("balanced", "balanced"))
    is_idle = {
        "lr_decay": options.schedule == "constant",
        "lr_decay_every": options.schedule != "step",
        "monitor": not options.restores_best,
    }
    needed = {
        "lr_decay": "schedule='cosine', for example",
        "lr_decay_every": "schedule='step'",
        "monitor": "early_stopping or keep_best",
    }
    for name in is_idle:
        if name in given and is_idle[name]:
            found = "as the other options are, it changes nothing"
            raise ArgumentError(asked(f"with {name}={getattr(options, name)!r}"), found, f"pass {needed[name]} as well")
    if options.views and options.augment is None:
        raise ArgumentError(asked(f"with views={options.views}"), "nothing is augmented", "pass augment= as well")
    if options.tensorboard is not None and find_spec("tensorboard") is None:
        advice = 'pip install "zoo-core[tensorboard]"'
        raise ArgumentError(asked(f"with tensorboard={options.tensorboard!r}"), "TensorBoard is not installed", advice)
    if options.ema is not None and options.restores_best:
        found = "a moving average is known at the end of a phase alone, and cannot be the best epoch's"
        raise ArgumentError(asked(f"with ema={options.ema}"), found, "leave out early_stopping and keep_best")
    return options


def check_options(options: TrainingOptions, task: str, epochs: int) -> None:
    """Raise unless the options suit the data and the length of the training.

    Raises:
        ArgumentError: naming the one that does not.
    """
    other = "accuracy" if task == "regression" else "mae"
    if options.monitor.removeprefix("val_") == other:
        found = f"the task is {task}, which has no {other}"
        advice = f"monitor val_loss or val_{'mae' if other == 'accuracy' else 'accuracy'}"
        raise ArgumentError(asked(f"with monitor={options.monitor!r}"), found, advice)
    if options.warmup >= epochs:
        found = f"there are {epochs} epochs"
        raise ArgumentError(asked(f"with warmup={options.warmup:g}"), found, "pass fewer epochs of warm-up")


def _augmentation(given: Any) -> Augmentation | None:
    if given is None or given is False:
        return None
    from zoo.data.augmentation import Augmentation

    if given is True or given == "standard":
        return Augmentation.standard()
    return given if isinstance(given, Augmentation) else Augmentation.from_dict(given)


def _device(given: Any) -> Any:
    """Return a list of names as a tuple, and a single one by itself: on one device there is nothing to divide."""
    is_single = isinstance(given, (list, tuple)) and len(given) == 1
    return given[0] if is_single else tuple(given) if isinstance(given, list) else given


def _names_devices(given: Any) -> bool:
    if isinstance(given, Mapping):
        given = [*given, *given.values()]
    names = given if isinstance(given, (list, tuple)) else [given]
    return given is None or (bool(names) and all(isinstance(name, str) for name in names))


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: Any, least: float, most: float) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and least <= value <= most
