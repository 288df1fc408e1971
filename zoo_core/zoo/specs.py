"""Specs: what plugins contribute to the zoo, as plain data.

A spec describes one thing that a plugin offers. Where code belongs to it, such as the function that builds a model, the
spec contains a reference to the function, ``"package.module:function"``. Zoo imports that module only when the function
is needed, so that thousands of specs can be listed in a moment.

Specs are checked when they are made, and cannot be changed afterwards. If a hook makes an invalid one, it raises
``ValueError``, and the plugin is listed as broken, with that message.
"""

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
        raise ValueError(f"{what} {name!r} does not consist of lower-case letters, digits, '_' and '-'")


def _check_reference(what: str, reference: str) -> None:
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
        raise ValueError(f"{what} {reference!r} is not of the form 'package.module:function'")


@dataclass(frozen=True)
class ParameterCount:
    """The number of parameters of a model, as its paper or its reference implementation gives it.

    ``trainable`` is the same as ``total`` by default. In a network with BatchNorm it is smaller: the moving statistics
    are not trainable.

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
        """The number of parameters that gradients do not change."""
        return self.total - self.trainable


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the input of a model.

    The image is resized to the model's height and width. Then each pixel value ``p``, from 0 to 255, becomes
    ``(p * scale - mean) / std``.

    - ``resize``: ``"crop"`` keeps the aspect ratio: the shorter side becomes ``size / crop_fraction`` pixels long, and
      the centre is cut out. ``"squash"`` resizes to the height and width and changes the aspect ratio;
    - ``crop_fraction``: the default, 0.875, is 224 of 256 pixels, as is usual for ImageNet;
    - ``interpolation``: ``"nearest"``, ``"bilinear"`` or ``"bicubic"``, with antialiasing where an image becomes
      smaller;
    - ``channels``: ``"rgb"``, ``"bgr"`` or ``"grey"``: the order of the channels that the model takes;
    - ``scale``, ``mean``, ``std``: numbers of the formula above; ``mean`` and ``std`` have one value for all channels
      or one for each, in the order of ``channels``;
    - ``per_image``: instead of ``mean`` and ``std``, use the mean and the standard deviation of each image (the latter
      at least ``1 / sqrt(number of values)``);
    - ``exact``: decode every pixel of a file and resize from these, as was done for published figures. With ``False``,
      a JPEG file that is at least twice as large as needed is decoded at a half, a quarter or an eighth of its size,
      and resized with vector instructions. That is several times as fast and differs by about one grey value.
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
            raise ValueError(f"crop_fraction {self.crop_fraction} is not above 0 and at most 1")
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std} contains a value that is not positive")


def read_preprocessing(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a preprocessing in a file that Zoo wrote; Zoo 0.1 wrote ``"squeeze"`` for ``"squash"``.

    >>> read_preprocessing({"resize": "squeeze", "scale": 1.0})
    {'resize': 'squash', 'scale': 1.0}
    """
    return {key: "squash" if (key, value) == ("resize", "squeeze") else value for key, value in content.items()}


@dataclass(frozen=True)
class ModelSpec:
    """A model: its name, the function that builds it, and what must be true of the network that comes out.

    What a caller sees:

    - ``name``: lower-case letters, digits, ``_`` and ``-``; ``aliases`` are further names;
    - ``summary``: one line for ``zoo list``, without a capital or a full stop;
    - ``task``: ``"image-classification"``, ``"classification"`` or ``"regression"`` (of rows of numbers);
    - ``paper`` and ``year``: the URL of the paper that describes the model, and when it was published.

    How it is built:

    - ``builder``: a reference to a function ``(input_shape, classes, include_top, pooling, classifier_activation,
      **config)`` that returns a ``keras.Model``. If it also takes ``columns``, ``zoo.transfer`` passes it the
      ``category_counts`` of the data's table;
    - ``config``: further arguments for the builder, which a caller of ``zoo.build`` can override;
    - ``input_shape``: without the batch, channels last; ``min_size`` is the smallest height and width that the network
      accepts; ``takes_rows`` says that an image model accepts rows of numbers, ``(features,)``, as well;
    - ``classes`` and ``classifier_activation``: of the reference implementation; the activation None means logits;
    - ``head``: the names of the layers that ``include_top=False`` leaves out, in order; the last has a unit for each
      class;
    - ``auxiliary``: for each auxiliary classifier, which only helps in training, the names of its layers in order. A
      weights file may lack them, or contain them although the model was built without.

    What is known about it:

    - ``parameters``: how many there are, which is checked at every build with the declared ``config``; ``reference``
      says where the numbers come from, such as ``"keras.applications"``;
    - ``macs`` and ``activation_bytes``: the multiply-accumulates, and the most memory that activations take at one
      time, for one input of ``input_shape``. Leave them out: ``python -m zoo.testing.figures`` computes them;
    - ``preprocessing``: that of the reference implementation; None for a model that does not take images;
    - ``layouts``: how other libraries name the layers in their weights files. Each has a name and a reference to a
      function that takes the name of a layer of this model and returns its name in such a file.

    >>> from zoo import ModelSpec, ParameterCount
    >>> spec = ModelSpec(
    ...     name="acmenet",
    ...     builder="zoo_acme.builders:acmenet",
    ...     input_shape=(8,),
    ...     classes=3,
    ...     parameters=ParameterCount(27),
    ...     summary="one dense layer",
    ...     task="classification",
    ... )
    >>> spec.config, spec.head
    ({}, ('predictions',))

    Raises:
        ValueError: if a name or a reference is not of the right form, or if an image model has no preprocessing.
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
            raise ValueError(f"task {self.task!r} of {self.name!r} is not one of {', '.join(TASKS)}")
        if self.task == "image-classification" and self.preprocessing is None:
            raise ValueError(f"image model {self.name!r} declares no preprocessing")


@dataclass(frozen=True)
class Fingerprint:
    """The outputs of a model for a generated input, which differ if the weights or the network are wrong.

    The input is :func:`zoo.weights.fingerprints.made_up_input` of ``seed`` and ``input_shape``, scaled by the
    preprocessing of the weights. ``outputs`` are the first outputs of the reference implementation, before the last
    activation. Each of the model's may differ by ``tolerance`` times the largest of them.
    """

    outputs: tuple[float, ...]
    seed: int = 0
    input_shape: tuple[int, ...] | None = None
    tolerance: float = 1e-4


@dataclass(frozen=True)
class WeightsSpec:
    """Trained weights for a model of this plugin or of another one.

    What they are:

    - ``model``: the name of the model; ``"zoo-resnet/resnet50"`` if it must be the one of that distribution;
    - ``name``: the tag, which is the part after the dot in ``lenet5.digits_0_4``;
    - ``summary``: one line for ``zoo list``; ``licence`` and ``reference``: under which terms, and by whom, they are
      published;
    - ``metrics``: as published, such as ``{"top-1": 0.761}``; accuracies are fractions of 1.

    The file:

    - ``source``: its path, its URL (``https://``) or ``hf://owner/repo[@revision]/file``;
    - ``sha256``: its digest in hexadecimal, or the first 8 digits or more if no more is published; ``md5`` if only that
      is published. Without either, Zoo records the digest of the first file that it downloads and compares later files;
    - ``file_name``: the name of a copy that the user downloaded by hand; by default the last part of ``source``;
    - ``fingerprint``: compared by ``zoo weights verify``.

    The network that they fit:

    - ``classes``: the number of outputs in the file; ``include_top`` is False if the file lacks the head;
    - ``class_names``: in the order of the outputs, as a tuple or as ``"package:file.txt"``, a file with one name on
      each line;
    - ``input_shape``: what the network was trained on, if it differs from the model's; ``config``: options of the
      builder that the file needs;
    - ``preprocessing``: None if it is the model's; ``table``: for a model of rows, the ``as_dict()`` of the
      :class:`zoo.data.Table` that encodes them.

    >>> from zoo import WeightsSpec
    >>> spec = WeightsSpec("acmenet", "iris", "https://example.org/acmenet_iris.safetensors", classes=3)
    >>> spec.file_name, spec.is_remote
    ('acmenet_iris.safetensors', True)

    Raises:
        ValueError: if the tag or a digest is not of the right form, or if there are more or fewer class names than
            classes.
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
            raise ValueError(f"classes {which} is {self.classes!r}; it must be the number of outputs, 1 or more")
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{8,64}", self.sha256):
            raise ValueError(f"sha256 {which} is neither 64 hexadecimal digits nor the first 8 or more of them")
        if self.md5 is not None and not re.fullmatch(r"[0-9a-f]{32}", self.md5):
            raise ValueError(f"md5 {which} is not 32 hexadecimal digits")
        if isinstance(self.class_names, str):
            if not _RESOURCE.fullmatch(self.class_names):
                raise ValueError(f"class_names {which} are neither a tuple nor of the form 'package:file.txt'")
        elif self.class_names and len(self.class_names) != self.classes:
            raise ValueError(f"class_names {which} are {len(self.class_names)} names for {self.classes} classes")
        if not self.file_name:
            object.__setattr__(self, "file_name", re.split(r"[/\\]", self.source)[-1])

    @property
    def is_remote(self) -> bool:
        """Whether the file must be downloaded before it can be read."""
        return bool(re.match(r"(https?|hf)://", self.source))

    def names_of_classes(self) -> tuple[str, ...]:
        """Return the class names; if they are in a file, read it.

        Raises:
            OSError: if that file cannot be read.
        """
        if not isinstance(self.class_names, str):
            return self.class_names
        from importlib.util import find_spec
        from pathlib import Path

        package, _, file = self.class_names.partition(":")
        found = find_spec(package)  # imports the packages around it, but not the package itself
        if found is None or not found.submodule_search_locations:
            raise FileNotFoundError(f"{self.class_names}: there is no package {package}")
        return tuple(Path(found.submodule_search_locations[0], file).read_text(encoding="utf-8").splitlines())


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset: its name and the function that loads it.

    ``loader`` is a reference to a function that returns a :class:`zoo.data.Dataset`. It is called with the entries of
    ``config`` and the caller's options as keyword arguments. Those may be ``path``, the local file or folder of a
    dataset that is not part of a distribution; and ``seed``, ``validation`` and ``test``, which say how to split a
    dataset that is not split yet (the latter two as fractions).

    Raises:
        ValueError: if a name or the reference is not of the right form.
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
            raise ValueError(f"task {self.task!r} of {self.name!r} is not one of {', '.join(TASKS)}")


@dataclass(frozen=True)
class StrategySpec:
    """A transfer strategy: its name and the function that plans the training.

    ``phases`` is a reference to a function that returns a list of :class:`zoo.transfer.Phase`. It takes the model, and
    as keyword arguments ``epochs``, ``learning_rate`` and the strategy's own options, whose defaults are in ``config``.
    ``new_head`` says whether training always starts with a new head, even if the number of classes is the same.

    Raises:
        ValueError: if a name or the reference is not of the right form.
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
    """A format of weights files that Zoo cannot read by itself.

    A file has this format if it begins with the bytes ``magic``, whatever its name is. ``reader`` is a reference to a
    function that takes the path and returns a :class:`zoo.weights.formats.WeightFile`. ``suffixes`` are the usual
    endings of the names of such files.

    Raises:
        ValueError: if the name or the reference is not of the right form, or if ``magic`` is empty.
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
            raise ValueError(f"format {self.name!r} declares no magic bytes, by which its files are recognised")
