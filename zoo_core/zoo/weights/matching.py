"""Matching the variables of a model to the arrays of a file: a plan that is complete before an array is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np

from zoo.errors import WeightsMismatchError, asked
from zoo.plugins import resolve_reference
from zoo.specs import ModelSpec
from zoo.weights.formats import Array, StoredArray, WeightFile

#: The names of our layers' variables in other programs and in older versions of Keras.
_OTHER_NAMES = {
    "kernel": ("depthwise_kernel", "W", "weight"),
    "bias": ("b",),
    "gamma": ("weight",),
    "beta": ("bias",),
    "moving_mean": ("running_mean",),
    "moving_variance": ("running_var", "running_std"),
}

#: Counters that torch saves with the statistics of BatchNorm; they are not used for inference.
_COUNTERS = ("num_batches_tracked",)

#: Names that Keras itself gave to layers, which it numbers from the beginning of the session.
_AUTOMATIC = re.compile(r"(conv2d|depthwise_conv2d|separable_conv2d|batch_normalization|dense)(?:_(\d+))?")

#: How the kernel for red, green and blue is adapted to an input with another number of channels.
_STEMS = {
    1: "the kernels of red, green and blue summed for the one channel",
    4: "the kernels of the three channels kept, and zeros for the fourth channel",
}

_MOST_SHOWN = 5


@dataclass(frozen=True)
class Target:
    """One variable of a model: its layer, the variable itself, and its position among the variables of the layer."""

    layer: keras.Layer
    variable: keras.Variable
    position: int

    @property
    def name(self) -> str:
        """``layer/variable``."""
        return f"{self.layer.name}/{self.variable.name}"


@dataclass(frozen=True)
class Match:
    """A variable, the array that it gets, and the function that brings the array to the shape of the variable."""

    target: Target
    array: StoredArray
    convert: Callable[[Array], Array]

    @property
    def adaptation(self) -> str | None:
        """How the array is changed before it is assigned; None if it is not changed."""
        done = []
        if _is_of_torch(self.target, self.array):
            done.append(f"{self.array.shape} of torch rearranged to {tuple(self.target.variable.shape)}")
        if _adapts_stem(self.target, self.array):
            done.append(_STEMS[self.target.variable.shape[2]])
        return "; ".join(done) or None


@dataclass(frozen=True)
class Plan:
    """What a load will do: the matches, the variables without an array and why, and the arrays without a variable.

    ``missing`` are the variables without an array in the head, ``auxiliary`` those in auxiliary classifiers.
    """

    layout: str
    matches: tuple[Match, ...]
    missing: tuple[tuple[str, str], ...]
    unexpected: tuple[str, ...]
    auxiliary: tuple[tuple[str, str], ...]


def plan(model: keras.Model, file: WeightFile, spec: ModelSpec | None, head: Literal["auto", "new"] = "auto") -> Plan:
    """Match every variable of ``model`` to an array of ``file`` by the name of its layer, with the best layout.

    Only the head and the auxiliary classifiers may differ. In each of them, the first layer that does not fit and all
    layers after it are left at their initial values; with ``head="new"`` the last layer, the classifier, always is.

    Raises:
        WeightsMismatchError: if anything else differs: a variable without an array of its shape, or an array without a
            variable. The message lists the first differences.
    """
    targets = list(targets_of(model))
    heads = (spec.head, *spec.auxiliary) if spec else ()
    best = max(_attempts(spec, targets, file, heads), key=lambda attempt: attempt.score)
    best.check()
    unfit = best.unfit()
    replaced = {name for chain in heads for name in chain[-1:]} if head == "new" else set()
    matches, spare = [], list(best.spare_in_heads)
    missing: list[tuple[str, str]] = []
    auxiliary: list[tuple[str, str]] = []
    for target, array in best.pairs:
        name = target.layer.name
        if name in replaced or name in unfit:
            reason = "a new head was asked for" if name in replaced else _difference(target, array)
            (missing if name in heads[0] else auxiliary).append((target.name, reason))
            spare += [array.name] if array else []
        else:
            assert array is not None  # check() has made sure
            matches.append(Match(target, array, _conversion(target, array)[1]))
    return Plan(best.layout, tuple(matches), tuple(missing), tuple(spare), tuple(auxiliary))


def targets_of(model: keras.Model) -> Iterator[Target]:
    """Yield the variables of ``model`` that weights are loaded into, layer by layer, also those of nested models."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from targets_of(layer)
        else:
            for position, variable in enumerate(layer.weights):
                yield Target(layer, variable, position)


@dataclass(frozen=True)
class _Attempt:
    """The variables of a model paired with the arrays of a file according to one layout."""

    layout: str
    heads: tuple[tuple[str, ...], ...]
    pairs: tuple[tuple[Target, StoredArray | None], ...]
    spare: tuple[StoredArray, ...]
    spare_in_heads: tuple[str, ...]

    @classmethod
    def of(
        cls,
        name: str,
        layout: Callable[[str], str],
        targets: list[Target],
        arrays: _Groups,
        heads: tuple[tuple[str, ...], ...],
    ) -> _Attempt:
        pairs = tuple((target, _array_for(target, arrays.get(layout(target.layer.name), {}))) for target in targets)
        used = {array.name for _, array in pairs if array}
        foreign_heads = {layout(layer) for chain in heads for layer in chain}
        spare = [
            (layer in foreign_heads, array)
            for layer, group in arrays.items()
            for array in group.values()
            if array.name not in used and array.variable not in _COUNTERS
        ]
        return cls(
            name,
            heads,
            pairs,
            tuple(array for in_head, array in spare if not in_head),
            tuple(array.name for in_head, array in spare if in_head),
        )

    @property
    def score(self) -> tuple[int, int]:
        """The number of variables with an array of their shape, and the number with an array of any shape."""
        found = [(target, array) for target, array in self.pairs if array]
        return sum(_fits(target, array) for target, array in found), len(found)

    def check(self) -> None:
        wrong = [
            f"{target.name} {_difference(target, array)}"
            for target, array in self.pairs
            if not any(target.layer.name in chain for chain in self.heads) and not (array and _fits(target, array))
        ]
        wrong += [f"{array.name} {array.shape} of the file belongs to no variable of the model" for array in self.spare]
        if wrong:
            shown = ", ".join(wrong[:_MOST_SHOWN]) + (
                f" and {len(wrong) - _MOST_SHOWN} more" if wrong[_MOST_SHOWN:] else ""
            )
            raise WeightsMismatchError(
                asked(),
                f"the file fits {self.score[0]} of the model's {len(self.pairs)} variables by {self.layout} names; "
                f"the first differences are: {shown}",
                "nothing was loaded; choose the model or the options that the file was saved with",
            )

    def unfit(self) -> set[str]:
        """Return, for each head, its first layer that does not fit and all layers after it."""
        misfits = {target.layer.name for target, array in self.pairs if not (array and _fits(target, array))}
        first = [next((at for at, name in enumerate(chain) if name in misfits), len(chain)) for chain in self.heads]
        return {name for chain, at in zip(self.heads, first, strict=True) for name in chain[at:]}


# -- names

#: The arrays of a file by layer and variable.
_Groups = dict[str, dict[str, StoredArray]]


def _attempts(
    spec: ModelSpec | None, targets: list[Target], file: WeightFile, heads: tuple[tuple[str, ...], ...]
) -> Iterator[_Attempt]:
    arrays = _by_layer(file.arrays)
    yield _Attempt.of("own", _unchanged, targets, arrays, heads)
    for name, layout in (_layouts(spec) if spec else {}).items():
        yield _Attempt.of(name, layout, targets, arrays, heads)
        yield _Attempt.of(name, layout, targets, _renumbered(arrays), heads)


def _unchanged(layer: str) -> str:
    return layer


def _layouts(spec: ModelSpec) -> dict[str, Callable[[str], str]]:
    return {name: resolve_reference(reference) for name, reference in spec.layouts.items()}


def _by_layer(arrays: Iterable[StoredArray]) -> _Groups:
    """Group the arrays by layer, without the ``module.`` that torch's DataParallel puts before every name."""
    arrays = list(arrays)
    wrapped = all(array.layer.startswith("module.") for array in arrays)
    groups: _Groups = {}
    for array in arrays:
        layer = array.layer.removeprefix("module.") if wrapped else array.layer
        groups.setdefault(layer, {})[array.variable] = array
    return groups


def _renumbered(arrays: _Groups) -> _Groups:
    """Number the layers that Keras named itself from 1 on: ``conv2d`` and ``conv2d_95`` may both be the first one."""
    found: dict[str, list[tuple[int, str]]] = {}
    for layer in arrays:
        automatic = _AUTOMATIC.fullmatch(layer)
        if automatic:
            found.setdefault(automatic[1], []).append((int(automatic[2] or 0), layer))
    names = {
        layer: f"{kind}_{place}" for kind, layers in found.items() for place, (_, layer) in enumerate(sorted(layers), 1)
    }
    return {names.get(layer, layer): group for layer, group in arrays.items()}


def _array_for(target: Target, arrays: dict[str, StoredArray]) -> StoredArray | None:
    name = target.variable.name
    return next(
        (arrays[each] for each in (name, *_OTHER_NAMES.get(name, ()), str(target.position)) if each in arrays), None
    )


# -- shapes


def _conversion(target: Target, array: StoredArray) -> tuple[tuple[int, ...], Callable[[Array], Array]]:
    """Return the shape that ``array`` must have in its file to fit ``target``, and how to bring it to that shape.

    The axes of a kernel are (height, width, in, out) in Keras and (out, in, height, width) in torch; those of a dense
    layer are (in, out) and (out, in).
    """
    if _adapts_stem(target, array):
        channels = target.variable.shape[2]
        expected, convert = _of_kernel(target, array, (*target.variable.shape[:2], 3, target.variable.shape[3]))
        return expected, lambda a: _for_channels(convert(a), channels)
    return _of_kernel(target, array, tuple(target.variable.shape))


def _of_kernel(
    target: Target, array: StoredArray, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], Callable[[Array], Array]]:
    """Return the shape that an array of ``shape`` in Keras has in the file, and how to bring it to ``shape``."""
    layer = target.layer
    if not _is_of_torch(target, array):
        return shape, np.asarray
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        height, width, channels, multiplier = shape
        expected = (channels * multiplier, 1, height, width)
        return expected, lambda a: a.reshape(channels, multiplier, height, width).transpose(2, 3, 0, 1)
    if isinstance(layer, keras.layers.Conv2D):
        height, width, inputs, outputs = shape
        if height == width == 1 and len(array.shape) == 2:  # a linear layer in the file and a 1x1 convolution here
            return (outputs, inputs), lambda a: a.transpose()[None, None]
        return (outputs, inputs, height, width), lambda a: a.transpose(2, 3, 1, 0)
    if isinstance(layer, keras.layers.Dense):
        inputs, outputs = shape
        # torch flattens (channels, height, width), Keras (height, width, channels).
        height, width, channels = _flattened_maps(layer) or (1, 1, inputs)
        maps = (outputs, channels, height, width)
        # A convolution over whole feature maps in the file can be a dense layer here.
        stored = maps if len(array.shape) == 4 else (outputs, inputs)
        return stored, lambda a: a.reshape(maps).transpose(2, 3, 1, 0).reshape(inputs, outputs)
    return shape, np.asarray


def _is_of_torch(target: Target, array: StoredArray) -> bool:
    """Return whether the array is a kernel with the name and the order of axes that torch uses."""
    return array.variable == "weight" and target.variable.name == "kernel"


def _adapts_stem(target: Target, array: StoredArray) -> bool:
    """Return whether the array is the first kernel for three channels, and the model's input has one or four."""
    shape = tuple(target.variable.shape)
    if not isinstance(target.layer, keras.layers.Conv2D) or target.variable.name != "kernel" or shape[2] not in _STEMS:
        return False
    if len(array.shape) != 4 or array.shape[1 if _is_of_torch(target, array) else 2] != 3:
        return False
    return _sees_the_input(target.layer)


def _sees_the_input(layer: keras.Layer) -> bool:
    """Return whether no layer with weights is between the model's input and ``layer``."""
    source = layer.input._keras_history.operation
    while not isinstance(source, keras.layers.InputLayer):
        if source.weights or not isinstance(source.input, keras.KerasTensor):
            return False
        source = source.input._keras_history.operation
    return True


def _for_channels(kernel: Array, channels: int) -> Array:
    if channels == 1:
        summed: Array = np.sum(kernel, axis=2, keepdims=True)
        return summed
    return np.concatenate([kernel, np.zeros_like(kernel[:, :, :1])], axis=2)


def _flattened_maps(layer: keras.Layer) -> tuple[int, int, int] | None:
    """Return the (height, width, channels) of the feature maps that a Flatten gives to ``layer``, or None."""
    node = layer
    while True:
        source = node.input._keras_history.operation
        if isinstance(source, keras.layers.Flatten):
            shape = source.input.shape[1:]
            return shape if len(shape) == 3 else None
        if not isinstance(source, keras.layers.Dropout):
            return None
        node = source


def _fits(target: Target, array: StoredArray) -> bool:
    return _conversion(target, array)[0] == array.shape and array.dtype.startswith("f")


def _difference(target: Target, array: StoredArray | None) -> str:
    shape = tuple(target.variable.shape)
    if array is None:
        return f"{shape} has no array in the file"
    if not array.dtype.startswith("f"):
        return f"{shape} would get {array.dtype} values, not floating-point ones"
    if _fits(target, array):
        return f"{shape} comes after a layer that does not fit"
    return f"has the shape {_conversion(target, array)[0]} in the model and {array.shape} in the file"
