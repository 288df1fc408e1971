"""The options of a training, whatever its strategy: stopping, schedules, regularisation, precision, caches."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, get_args

from zoo.errors import ArgumentError, asked, did_you_mean
from zoo.transfer.feature_cache import Where

if TYPE_CHECKING:
    from zoo.data.augmentation import Augmentation

Schedule = Literal["constant", "cosine", "exponential", "step"]

#: The options that are either on or off.
_SWITCHES = ("keep_best", "exact", "mixed_precision")


@dataclass(frozen=True)
class TrainingOptions:
    """The options of a training; every one is an argument of :func:`zoo.transfer` and a key of a recipe.

    - ``cache``: where the outputs of frozen layers are kept, which are the same in every epoch: ``"auto"`` uses memory
      up to 1 GiB and disk beyond that; or ``"memory"``, ``"disk"`` or ``"off"``;
    - ``augment``: a :class:`zoo.data.Augmentation`, its options as a mapping, or ``"standard"`` for the usual ones;
    - ``views``: the number of augmented views of each image that are computed once and cached, in place of new ones in
      every epoch;
    - ``early_stopping``: a phase ends after this many epochs without a better ``monitor``;
    - ``monitor``: ``"val_loss"``, ``"val_accuracy"``, ``"val_mae"``, or one of them without ``val_``;
    - ``keep_best``: a phase ends with the weights of its best epoch, not its last; early stopping does so too;
    - ``schedule``: how the learning rate changes during a phase. ``"constant"`` keeps it. ``"cosine"`` and
      ``"exponential"`` lower it to ``lr_decay`` times its first value by the end of the phase. ``"step"`` multiplies
      it by ``lr_decay`` every ``lr_decay_every`` epochs;
    - ``warmup``: the number of epochs in which the learning rate rises from 0 to its first value;
    - ``ema``: the momentum of a moving average of the weights, such as 0.999; the average replaces the weights at the
      end of a phase;
    - ``class_weights``: ``"balanced"``, or the weight of each class by its name;
    - ``label_smoothing``: the share of each label that is spread over all classes;
    - ``l1``, ``l2``: penalties on the kernels that learn; they count in ``loss`` and ``val_loss``, not in the metrics;
    - ``exact``: decode and resize every pixel of a photograph, as reference pipelines do, even where fewer pixels would
      do;
    - ``device``: the name of the device to train on; several names, over which the stages of the model are divided in
      order; or the name of each stage's first layer, with its device: see :func:`zoo.place`;
    - ``mixed_precision``: compute in 16 bits where the device is faster with them;
    - ``gradient_accumulation_steps``: the number of batches whose gradients are averaged before a step;
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
        """Return the options that differ from the defaults, as values that JSON can hold."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default}
        if self.augment is not None:
            own["augment"] = self.augment.as_dict()
        return own


NAMES = tuple(each.name for each in fields(TrainingOptions))

#: What Zoo 0.1 called some options, with the names of today; the old names work for one release more.
OLD_NAMES = {"accumulate": "gradient_accumulation_steps", "decay": "lr_decay", "decay_every": "lr_decay_every"}


def with_new_names(given: Mapping[str, Any], others: Collection[str] = (), *, warn: bool = True) -> dict[str, Any]:
    """Return the options in ``given`` under the names of today, and warn of each old name.

    ``others`` are names that mean something else here, such as an option of the strategy. ``warn`` is False for options
    that an earlier Zoo wrote down itself, where there is nothing that the user could change.

    Raises:
        ArgumentError: if an option is given under both names.
    """
    options: dict[str, Any] = {}
    for name, value in given.items():
        new = OLD_NAMES.get(name, name) if name not in others else name
        if new != name:
            if new in given:
                found = f"{name!r} is the old name of {new!r}, and both are given"
                raise ArgumentError(asked(f"with {name}={value!r}"), found, f"pass {new} alone")
            message = f"the option {name!r} is now called {new!r}; the old name will be removed in the next release"
            if warn:
                warnings.warn(message, DeprecationWarning, stacklevel=_level_of_the_caller())
        options[new] = value
    return options


def _level_of_the_caller() -> int:
    """Return the ``stacklevel`` at which ``warnings.warn`` blames the code outside Zoo that called it."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "zoo":
        frame, level = frame.f_back, level + 1
    return level


def training_options(given: Mapping[str, Any]) -> TrainingOptions:
    """Return the options in ``given``, each checked.

    Raises:
        ArgumentError: naming the option that does not fit, and what would.
    """
    own = {"augment": _augmentation(given.get("augment")), "device": _device(given.get("device"))}
    options = replace(TrainingOptions(), **{**given, **own})
    _check_words(options)
    _check_values(options)
    _check_uses(options, given)
    _check_combinations(options)
    return options


def _check_words(options: TrainingOptions) -> None:
    """Raise unless each option that is a word is one of those that Zoo knows."""
    figures = tuple(f"{part}{each}" for part in ("val_", "") for each in ("loss", "accuracy", "mae"))
    known = {"cache": get_args(Where), "schedule": get_args(Schedule), "monitor": figures}
    for name, words in known.items():
        value = getattr(options, name)
        if value not in words:
            advice = did_you_mean(str(value), words) or f"pass {', '.join(words[:-1])} or {words[-1]}"
            raise ArgumentError(asked(f"with {name}={value!r}"), f"there is no such {name}", advice)


def _check_values(options: TrainingOptions) -> None:
    """Raise unless each option has a value of the right kind and size."""

    def is_share(value: Any, most: float) -> bool:
        return _is_number(value, 0, most)

    weights = options.class_weights
    checks: dict[str, tuple[bool, str]] = {
        **{name: (isinstance(getattr(options, name), bool), "pass true or false") for name in _SWITCHES},
        "tensorboard": (options.tensorboard is None or isinstance(options.tensorboard, str), "pass a folder"),
        "views": (_is_count(options.views, 0), "pass the number of views, or 0 for new ones in every epoch"),
        "early_stopping": (
            options.early_stopping is None or _is_count(options.early_stopping, 1),
            "pass a number of epochs, such as 5",
        ),
        "gradient_accumulation_steps": (
            _is_count(options.gradient_accumulation_steps, 1),
            "pass a number of batches, 1 or more",
        ),
        "lr_decay_every": (_is_count(options.lr_decay_every, 1), "pass a number of epochs, 1 or more"),
        "warmup": (_is_number(options.warmup, 0, math.inf), "pass a number of epochs, 0 or more"),
        "lr_decay": (is_share(options.lr_decay, 1), "pass a share from 0 to 1"),
        "ema": (options.ema is None or _is_number(options.ema, 0.5, 1 - 1e-9), "pass a momentum such as 0.999"),
        "label_smoothing": (is_share(options.label_smoothing, 0.9), "pass a share such as 0.1"),
        "l1": (_is_number(options.l1, 0, math.inf), "pass 0 or more"),
        "l2": (_is_number(options.l2, 0, math.inf), "pass 0 or more"),
        "device": (
            _names_devices(options.device),
            "pass the name of a device or several: `zoo devices` lists them",
        ),
        "class_weights": (
            weights in (None, "balanced") or isinstance(weights, Mapping),
            "pass 'balanced', or the weight of each class by its name",
        ),
    }
    for name, (fits, advice) in checks.items():
        if not fits:
            raise ArgumentError(asked(f"with {name}={getattr(options, name)!r}"), "that value does not fit", advice)


def _check_uses(options: TrainingOptions, given: Mapping[str, Any]) -> None:
    """Raise if an option was given that changes nothing without another one."""
    needed = {
        "lr_decay": (options.schedule != "constant", "schedule='cosine', for example,"),
        "lr_decay_every": (options.schedule == "step", "schedule='step'"),
        "monitor": (options.restores_best, "early_stopping or keep_best"),
        "views": (options.augment is not None or not options.views, "augment"),
    }
    for name, (is_used, other) in needed.items():
        if name in given and not is_used:
            found = "it changes nothing with the other options as they are"
            raise ArgumentError(asked(f"with {name}={getattr(options, name)!r}"), found, f"pass {other} as well")


def _check_combinations(options: TrainingOptions) -> None:
    """Raise if two options exclude each other, or what one needs is not installed."""
    if options.tensorboard is not None and find_spec("tensorboard") is None:
        advice = 'pip install "zoo-core[tensorboard]"'
        raise ArgumentError(asked(f"with tensorboard={options.tensorboard!r}"), "TensorBoard is not installed", advice)
    if options.ema is not None and options.restores_best:
        found = "the moving average is known only at the end of a phase, so no epoch can be the best one"
        raise ArgumentError(asked(f"with ema={options.ema}"), found, "leave out early_stopping and keep_best")


def check_options(options: TrainingOptions, task: str, epochs: int) -> None:
    """Raise unless the options suit the data's task and the length of the training.

    Raises:
        ArgumentError: naming the option that does not.
    """
    other = "accuracy" if task == "regression" else "mae"
    if options.monitor.removeprefix("val_") == other:
        found = f"the task is {task}, for which no {other} is measured"
        advice = f"monitor val_loss or val_{'mae' if other == 'accuracy' else 'accuracy'}"
        raise ArgumentError(asked(f"with monitor={options.monitor!r}"), found, advice)
    if options.warmup >= epochs:
        found = f"training has only {epochs} epochs"
        raise ArgumentError(asked(f"with warmup={options.warmup:g}"), found, "pass fewer epochs of warm-up")


def _augmentation(given: Any) -> Augmentation | None:
    if given is None or given is False:
        return None
    from zoo.data.augmentation import Augmentation

    if given is True or given == "standard":
        return Augmentation.standard()
    return given if isinstance(given, Augmentation) else Augmentation.from_dict(given)


def _device(given: Any) -> Any:
    """Return a list of names as a tuple, and a single name by itself: one device leaves nothing to divide."""
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
