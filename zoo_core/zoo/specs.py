"""What plugins contribute: frozen records of data, made of the standard library alone."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Task = Literal["image-classification", "classification", "regression"]
TASKS: tuple[Task, ...] = ("image-classification", "classification", "regression")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_RESOURCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[\w.-]+\.txt")
_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def _check_name(what: str, name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{what} {name!r} is not made of lower-case letters, digits, '_' and '-'")


def _check_reference(what: str, reference: str) -> None:
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
        raise ValueError(f"{what} {reference!r} is not of the form 'package.module:function'")


@dataclass(frozen=True)
class ParameterCount:
    """The number of parameters of a model, as its paper or reference build gives it.

    ``trainable`` defaults to ``total``; the difference is the moving statistics of BatchNorm.

    >>> ParameterCount(total=25_636_712, trainable=25_583_592).non_trainable
    53120
    """

    total: int
    trainable: int = -1

    def __post_init__(self) -> None:
        if self.trainable == -1:
            object.__setattr__(self, "trainable", self.total)
        if not 0 <= self.trainable <= self.total:
            raise ValueError(f"trainable parameters {self.trainable} are not between 0 and the total {self.total}")

    @property
    def non_trainable(self) -> int:
        """The parameters that training does not change by gradients."""
        return self.total - self.trainable


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes a model's input.

    The picture is brought to the model's height and width, then each pixel value ``p`` (0 to 255, in the order of
    ``channels``) becomes ``(p * scale - mean) / std``.

    - ``resize``: ``"crop"`` keeps the aspect ratio: the shorter side goes to ``size / crop_fraction`` and the centre is
      cut out (0.875 is the 224 of 256 of the ImageNet literature); ``"squash"`` resizes to the size, aspect ratio or
      not;
    - ``interpolation``: ``"nearest"``, ``"bilinear"`` or ``"bicubic"``, antialiased when shrinking;
    - ``channels``: ``"rgb"``, ``"bgr"`` or ``"grey"``;
    - ``per_image``: subtract the picture's own mean and divide by its own standard deviation (at least
      ``1 / sqrt(number of values)``) instead of ``mean`` and ``std``;
    - ``exact``: decode and resize every pixel, as the pipelines did that published figures come from. Otherwise a JPEG
      file that is at least twice as large as needed is decoded at a half, a quarter or an eighth of its size (of its
      frequencies, those are used that the smaller picture can show), and what remains is resized with vector
      instructions: the same picture to about one grey value, several times as fast.
    """

    resize: Literal["crop", "squash"] = "crop"
    crop_fraction: float = 0.875
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bilinear"
    channels: Literal["rgb", "bgr", "grey"] = "rgb"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    per_image: bool = False
    exact: bool = True

    def __post_init__(self) -> None:
        if self.resize == "squeeze":  # type: ignore[comparison-overlap]
            warnings.warn("resize='squeeze' is now called resize='squash'", DeprecationWarning, stacklevel=3)
            object.__setattr__(self, "resize", "squash")
        if self.resize not in ("crop", "squash"):
            raise ValueError(f"resize {self.resize!r} is neither 'crop' nor 'squash'")
        if not 0 < self.crop_fraction <= 1:
            raise ValueError(f"crop_fraction {self.crop_fraction} is not in (0, 1]")
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std} is not positive")


def read_preprocessing(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a preprocessing in a file that Zoo wrote; Zoo 0.1 wrote ``"squeeze"`` for ``"squash"``.

    >>> read_preprocessing({"resize": "squeeze", "scale": 1.0})
    {'resize': 'squash', 'scale': 1.0}
    """
    return {key: "squash" if (key, value) == ("resize", "squeeze") else value for key, value in content.items()}


@dataclass(frozen=True)
class ModelSpec:
    """One named model: how to build it and what it must come out as.

    - ``builder``: ``"package.module:function"``, imported when the model is built and not before. The function takes
      ``(input_shape, classes, include_top, pooling, classifier_activation, **config)`` and returns a ``keras.Model``;
      one that takes ``columns`` is told by ``zoo.transfer`` the ``Table.category_counts`` of the data;
    - ``config``: the builder's further arguments; a caller of ``zoo.build`` may override them;
    - ``input_shape``: without the batch, channels last; ``min_size`` is the smallest height and width the network
      bears; ``takes_rows`` says that an image model also takes rows, ``(features,)``;
    - ``parameters``: checked at every build of the declared configuration; ``reference`` says where the figures come
      from;
    - ``head``: the layers that ``include_top=False`` leaves out, in order; the last of them has one unit per class;
    - ``auxiliary``: the layers of each classifier that helps in training alone, in order; a weights file may lack them,
      or hold those of a model that is built without them;
    - ``macs`` and ``activation_bytes``: multiply-accumulates and the most memory that activations take at once, for one
      input of ``input_shape``; computed, from the ``figures.json`` beside the plugin (:mod:`zoo.testing.figures`);
    - ``preprocessing``: that of the reference build; None for a model that takes no pictures;
    - ``layouts``: layouts of foreign weight files, each a name and a function ``"package.module:function"`` that
      takes the name of one of our layers and returns that layer's name in such a file.
    """

    name: str
    builder: str
    input_shape: tuple[int | None, ...]
    classes: int
    parameters: ParameterCount
    summary: str
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)
    task: Task = "image-classification"
    classifier_activation: str | None = "softmax"
    min_size: int = 1
    takes_rows: bool = False
    head: tuple[str, ...] = ("predictions",)
    auxiliary: tuple[tuple[str, ...], ...] = ()
    preprocessing: Preprocessing | None = None
    layouts: Mapping[str, str] = field(default_factory=dict, hash=False)
    aliases: tuple[str, ...] = ()
    paper: str | None = None
    year: int | None = None
    reference: str | None = None
    macs: int | None = None
    activation_bytes: int | None = None

    def __post_init__(self) -> None:
        _check_name("model name", self.name)
        for alias in self.aliases:
            _check_name("alias", alias)
        _check_reference("builder", self.builder)
        for layout in self.layouts.values():
            _check_reference("layout", layout)
        if not isinstance(self.parameters, ParameterCount):
            raise ValueError(f"parameters of {self.name!r} are {self.parameters!r}, not a ParameterCount")
        if self.task not in TASKS:
            raise ValueError(f"task {self.task!r} of {self.name!r} is none of {', '.join(TASKS)}")
        if self.task == "image-classification" and self.preprocessing is None:
            raise ValueError(f"image model {self.name!r} declares no preprocessing")


@dataclass(frozen=True)
class Fingerprint:
    """What a model says of one made-up input, from which wrong weights or a wrong network are known.

    The input is :func:`zoo.weights.fingerprints.made_up_input` of ``seed`` and ``input_shape``, brought to the model's
    scale by the preprocessing of the weights. ``outputs`` are the first outputs of the reference, before the last
    activation; each may differ by ``tolerance`` times the largest of them.
    """

    outputs: tuple[float, ...]
    seed: int = 0
    input_shape: tuple[int, ...] | None = None
    tolerance: float = 1e-4


@dataclass(frozen=True)
class WeightsSpec:
    """One set of trained weights for a model, of this plugin or another; ``model`` may be qualified.

    - ``name``: the tag, the part behind the dot in ``lenet5.digits_0_4``;
    - ``source``: the path of a file, its URL (``https://``) or ``hf://owner/repo[@revision]/file``;
    - ``sha256``: in hexadecimal; whole, or its first 8 digits or more where no more is published; ``md5`` where that is
      what is published. Without either, the digest of the first file that is fetched is pinned and checked ever after;
    - ``file_name``: what the file is called where people keep it by hand; the last part of ``source`` by default;
    - ``classes``: the outputs of the network in the file; ``include_top`` is False for a file that lacks the head;
    - ``class_names``: in the order of the outputs: a tuple, or the text file of one name a line that holds them,
      ``"package:file.txt"``;
    - ``input_shape``: what the network was trained on, where that is not the model's own; ``config`` holds the options
      of the builder that the file needs;
    - ``preprocessing``: None means the model's own; ``table`` is for a model of rows the ``as_dict()`` of the
      :class:`zoo.data.Table` that encodes them;
    - ``metrics``: as published; top-1 and top-5 are shares of 1;
    - ``fingerprint``: checked by ``zoo weights verify``.
    """

    model: str
    name: str
    source: str
    sha256: str | None = None
    classes: int = 0
    summary: str = ""
    md5: str | None = None
    file_name: str = ""
    include_top: bool = True
    input_shape: tuple[int | None, ...] | None = None
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)
    class_names: tuple[str, ...] | str = ()
    preprocessing: Preprocessing | None = None
    table: Mapping[str, Any] | None = field(default=None, hash=False)
    metrics: Mapping[str, float] = field(default_factory=dict, hash=False)
    licence: str | None = None
    reference: str | None = None
    fingerprint: Fingerprint | None = None

    def __post_init__(self) -> None:
        _check_name("weights tag", self.name)
        which = f"of weights {self.model}.{self.name}"
        if self.classes < 1:
            raise ValueError(f"classes {which} is {self.classes!r}, not the number of outputs")
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{8,64}", self.sha256):
            raise ValueError(f"sha256 {which} is not 64 hexadecimal digits, nor the first 8 or more of them")
        if self.md5 is not None and not re.fullmatch(r"[0-9a-f]{32}", self.md5):
            raise ValueError(f"md5 {which} is not 32 hexadecimal digits")
        if isinstance(self.class_names, str):
            if not _RESOURCE.fullmatch(self.class_names):
                raise ValueError(f"class_names {which} are neither a tuple nor of the form 'package:file.txt'")
        elif self.class_names and len(self.class_names) != self.classes:
            raise ValueError(f"class_names {which} name {len(self.class_names)} of {self.classes} classes")
        if not self.file_name:
            object.__setattr__(self, "file_name", re.split(r"[/\\]", self.source)[-1])

    @property
    def is_remote(self) -> bool:
        """Whether the file has to be fetched before it can be read."""
        return bool(re.match(r"(https?|hf)://", self.source))

    def names_of_classes(self) -> tuple[str, ...]:
        """Return the class names, read from their file if they stand in one."""
        if not isinstance(self.class_names, str):
            return self.class_names
        from importlib.util import find_spec
        from pathlib import Path

        package, _, file = self.class_names.partition(":")
        found = find_spec(package)  # which imports what the package is in, but not the package
        if found is None or not found.submodule_search_locations:
            raise FileNotFoundError(f"{self.class_names}: there is no package {package}")
        return tuple(Path(found.submodule_search_locations[0], file).read_text(encoding="utf-8").splitlines())


@dataclass(frozen=True)
class DatasetSpec:
    """One named dataset: ``loader`` (``"package.module:function"``) returns a :class:`zoo.data.Dataset`.

    The function takes ``config`` and the caller's options as keywords; ``path`` is the local file or folder of a
    dataset that is not shipped, ``seed`` and ``validation`` / ``test`` (fractions) say how to split one that has no
    split.
    """

    name: str
    loader: str
    task: Task
    summary: str
    classes: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)
    aliases: tuple[str, ...] = ()
    licence: str | None = None
    reference: str | None = None

    def __post_init__(self) -> None:
        _check_name("dataset name", self.name)
        _check_reference("loader", self.loader)
        if self.task not in TASKS:
            raise ValueError(f"task {self.task!r} of {self.name!r} is none of {', '.join(TASKS)}")


@dataclass(frozen=True)
class StrategySpec:
    """One transfer strategy: ``phases`` (``"package.module:function"``) returns a list of :class:`zoo.transfer.Phase`.

    The function takes the model, ``epochs``, ``learning_rate`` and the strategy's own options as keywords, whose
    defaults stand in ``config``. ``new_head`` says whether the head always starts afresh.
    """

    name: str
    phases: str
    summary: str
    new_head: bool = False
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_name("strategy name", self.name)
        _check_reference("phases", self.phases)


@dataclass(frozen=True)
class WeightFormatSpec:
    """One further format of weight files.

    A file is of this format when its first bytes are ``magic``. ``reader`` (``"package.module:function"``) takes the
    path and returns a :class:`zoo.weights.formats.WeightFile`.
    """

    name: str
    reader: str
    magic: bytes
    summary: str
    suffixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_name("format name", self.name)
        _check_reference("reader", self.reader)
        if not self.magic:
            raise ValueError(f"format {self.name!r} declares no magic bytes to know its files by")
