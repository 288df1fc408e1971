"""Explanations of a network: the parts of an image that speak for a class, feature maps, and filters."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data.decoding import Picture, open_image
from zoo.data.preprocessing import prepare, resized_and_cut
from zoo.errors import ArgumentError, asked, asking, did_you_mean
from zoo.inference.loaded_model import LoadedModel, load_model
from zoo.models.build_info import is_linear
from zoo.models.feature_maps import features
from zoo.models.graph import Node, nodes_of
from zoo.reporting import image_grids
from zoo.specs import Preprocessing

if TYPE_CHECKING:
    from zoo.runs.run import Run

#: What the functions take as the model: a model built by Zoo, a run or its folder, or a model's name.
Model = Any


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where in ``image`` the network found the class ``label``.

    ``heatmap`` is float32 ``(H, W)`` with the size of the image and values from 0 to 1: the maximum is 1, and parts
    that the network did not see are 0. If nothing in the image speaks for the class, all values are 0. ``seen`` is the
    part that the network saw: left, top, right, bottom. ``index`` is the index of the class, and ``probability`` its
    predicted probability; for a regression, ``value`` is the predicted value. ``layer`` is the layer whose feature maps
    were used.
    """

    image: Image.Image = field(repr=False)
    heatmap: NDArray[np.float32] = field(repr=False)
    seen: tuple[int, int, int, int]
    layer: str
    index: int
    label: str
    probability: float | None = None
    value: float | None = None

    def overlay(self, strength: float = 0.6) -> Image.Image:
        """Return the image with the heat map over it, in the same size; a ``strength`` of 0 shows no heat."""
        return image_grids.heat_over(self.image, self.heatmap, strength)

    def png(self) -> bytes:
        """Return a PNG of the image beside the image with the heat map over it."""
        said = f"{self.value:g}" if self.probability is None else f"{self.probability:.1%}"
        return image_grids.side_by_side(
            self.image, self.overlay(), f"{self.label} ({said})", f"layer {self.layer}", self.seen
        )


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """The output of ``layer`` for an image: ``values`` are float32 ``(height, width, channels)``."""

    image: Image.Image = field(repr=False)
    layer: str
    values: NDArray[np.float32] = field(repr=False)

    def png(self) -> bytes:
        """Return a PNG of the maps, each stretched over the whole colour scale."""
        return image_grids.map_grid(self.values, f"feature maps of {self.layer}")


@dataclass(frozen=True, eq=False)
class Filters:
    """The kernels of the convolution ``layer``: ``values`` are float32 ``(height, width, inputs, outputs)``.

    Three inputs are always in the order red, green, blue, also for a model that takes blue first. The kernels of a
    depthwise convolution have one input.
    """

    layer: str
    values: NDArray[np.float32] = field(repr=False)

    def png(self) -> bytes:
        """Return a PNG of the kernels, each stretched from its least to its largest value."""
        return image_grids.filter_grid(self.values, f"filters of {self.layer}")


def explain(
    model_or_run: keras.Model | Run | str | os.PathLike[str],
    image: Picture,
    *,
    weights: str | os.PathLike[str] | None = None,
    layer: str | None = None,
    label: str | int | None = None,
) -> Explanation:
    """Return where in an image a network finds a class (Grad-CAM).

    The result is a weighted sum of the feature maps of a layer, in which negative values become 0. The weight of a map
    is the gradient of the class's logit, averaged over the map. The sum is enlarged to the part of the image that the
    network saw.

    Source: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391, section 3, equations 1 and 2.

    Args:
        model_or_run: a model built by Zoo, a run or its folder, or a model's name.
        image: a path, the bytes of a file, a Pillow image, or an array of pixel values from 0 to 255.
        weights: for a name, a weights tag or file.
        layer: the layer whose feature maps to use; by default the last that has any (see :func:`zoo.features`).
        label: the class, by its name or index; by default the predicted class.

    Raises:
        ArgumentError: if the model does not take images, has no top, has no such layer or class, or its classes do not
            depend on the layer.
        DataError: if the image cannot be read.

    >>> import zoo
    >>> digits = zoo.load_data("digits", classes=range(5))
    >>> zoo.explain("lenet5.digits_0_4", digits.test.inputs[0]).heatmap.shape
    (8, 8)
    """
    import tensorflow as tf

    with asking("explain an image"):
        loaded = _image_model(model_or_run, weights)
    model, known = loaded.model, loaded.build
    with asking(f"explain an image with {known.spec.name!r}"):
        if not known.options["include_top"]:
            raise ArgumentError(asked(), "the model was built without its top", "build it with include_top=True")
        index = None if label is None else _class_index(loaded, label)
        picture = open_image(image)
        nodes = _nodes(model)
        node = _maps_node(model, nodes, layer)
        before, logits_of = _before_activation(loaded, nodes)
        network = keras.Model(model.input, [node.outputs[0], before, model.outputs[0]])
        inputs = tf.convert_to_tensor(_input_of(loaded, picture)[None])
        with tf.GradientTape() as tape:
            tape.watch(inputs)  # without this, the tape does not record frozen layers
            maps, values, outputs = network(inputs, training=False)
            logits = tf.reshape(logits_of(values), (-1,))
            if loaded.is_regression:
                index, score = 0, logits[0]
            else:
                probabilities = loaded.probabilities(np.asarray(outputs, np.float32))[0]
                index = int(probabilities.argmax()) if index is None else index
                # A single unit is the logit of the second class; its negative is that of the first.
                score = logits[index] if len(logits) > 1 else logits[0] if index == 1 else -logits[0]
        gradient = tape.gradient(score, maps)
        if gradient is None:
            raise ArgumentError(
                asked(), f"the classes do not depend on the layer {node.operation.name!r}", "pass another layer"
            )
        heat = _heat(np.asarray(maps[0], np.float32), np.asarray(gradient[0], np.float32))
        size = known.options["input_shape"]
        seen = _seen(picture.size, _preprocessing(loaded), size)
        shared = picture, _over_photograph(heat, picture.size, seen), seen, node.operation.name
        if loaded.is_regression:
            target = known.table.target if known.table else "value"
            return Explanation(*shared, 0, target, value=float(logits[0]))
        return Explanation(*shared, index, loaded.labels[index], float(probabilities[index]))


def feature_maps(
    model_or_run: Model,
    image: Picture,
    layer: str | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
) -> FeatureMaps:
    """Return the feature maps of ``layer`` for an image; by default those of the first stage.

    Raises:
        ArgumentError: if the model does not take images or has no such layer, or the layer gives no feature maps.
        DataError: if the image cannot be read.
    """
    with asking("draw feature maps"):
        loaded = _image_model(model_or_run, weights)
    with asking(f"draw feature maps of {loaded.build.spec.name!r}"):
        picture = open_image(image)
        nodes = _nodes(loaded.model)
        node = _maps_node(loaded.model, nodes, layer or features(loaded.model).maps[0].layer)
        maps = keras.Model(loaded.model.input, node.outputs[0])
        values = maps(_input_of(loaded, picture)[None], training=False)
        return FeatureMaps(picture, node.operation.name, np.asarray(values[0], np.float32))


def filters(model_or_run: Model, layer: str | None = None, *, weights: str | os.PathLike[str] | None = None) -> Filters:
    """Return the kernels of the convolution ``layer``; by default of the first convolution larger than 1x1.

    Raises:
        ArgumentError: if the model does not take images or has no such layer, or the layer is not a convolution.
    """
    with asking("draw filters"):
        loaded = _image_model(model_or_run, weights)
    request = f"draw filters of {loaded.build.spec.name!r}"
    nodes = _nodes(loaded.model)
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    convolutions = {each.operation.name: each.operation for each in nodes if isinstance(each.operation, kinds)}
    if not convolutions:
        raise ArgumentError(request, "the model has no convolution", "pass a convolutional network")
    if layer is None:
        larger = (name for name, each in convolutions.items() if max(each.kernel_size) > 1)
        layer = next(larger, next(iter(convolutions)))
    if layer not in convolutions:
        found = "this layer is not a convolution" if layer in _names(nodes) else "the model has no such layer"
        raise ArgumentError(f"{request}, layer {layer!r}", found, _instead(layer, list(convolutions)))
    chosen = convolutions[layer]
    values = np.asarray(keras.ops.convert_to_numpy(chosen.kernel), np.float32)
    if isinstance(chosen, keras.layers.DepthwiseConv2D):
        values = values.reshape(*values.shape[:2], 1, -1)
    if values.shape[2] == 3 and _preprocessing(loaded).channels == "bgr":
        values = values[:, :, ::-1]
    return Filters(layer, values)


# -- inside


def _image_model(given: Any, weights: str | os.PathLike[str] | None) -> LoadedModel:
    loaded = load_model(given, weights)
    if loaded.build.preprocessing is None:
        found = f"{loaded.build.qualified!r} takes rows of numbers, not images"
        raise ArgumentError(asked(), found, "pass an image model")
    return loaded


def _preprocessing(loaded: LoadedModel) -> Preprocessing:
    assert loaded.build.preprocessing is not None  # _image_model has checked it
    return loaded.build.preprocessing


def _input_of(loaded: LoadedModel, picture: Image.Image) -> NDArray[np.float32]:
    return prepare(picture, _preprocessing(loaded), loaded.build.options["input_shape"])


def _class_index(loaded: LoadedModel, label: str | int) -> int:
    if loaded.is_regression:
        raise ArgumentError(
            f"{asked()}, class {label!r}", "the model predicts a number, not classes", "leave the class out"
        )
    labels = loaded.labels
    if isinstance(label, str) and label not in labels and label.isdecimal():
        label = int(label)
    if isinstance(label, str):
        if label not in labels:
            known = ", ".join(map(repr, labels[:5])) + (", ..." if len(labels) > 5 else "")
            advice = did_you_mean(label, labels) or f"its classes are {known}"
            raise ArgumentError(f"{asked()}, class {label!r}", "the model has no such class", advice)
        return labels.index(label)
    if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < len(labels):
        raise ArgumentError(
            f"{asked()}, class {label!r}",
            f"the model has {len(labels)} classes",
            f"pass an index from 0 to {len(labels) - 1}",
        )
    return label


def _nodes(model: keras.Model) -> list[Node]:
    return nodes_of(keras.Model(model.input, model.outputs[0]))  # without auxiliary classifiers


def _names(nodes: list[Node]) -> list[str]:
    return [each.operation.name for each in nodes]


def _gives_maps(node: Node) -> bool:
    """Return whether the output of a node has a height and a width of more than one pixel."""
    shape = node.outputs[0].shape
    is_map = len(node.outputs) == 1 and len(shape) == 4 and (shape[1] is None or shape[1] > 1)
    return is_map and not isinstance(node.operation, keras.layers.InputLayer)


def _maps_node(model: keras.Model, nodes: list[Node], layer: str | None) -> Node:
    name = features(model).maps[-1].layer if layer is None else layer
    maps = [each for each in nodes if _gives_maps(each)]
    for each in maps:
        if each.operation.name == name:
            return each
    found = "this layer gives no feature maps" if name in _names(nodes) else "the model has no such layer"
    raise ArgumentError(f"{asked()}, layer {name!r}", found, _instead(name, _names(maps)))


def _instead(name: str, names: list[str]) -> str:
    shown = names if len(names) <= 6 else [*names[:3], "...", *names[-2:]]
    return did_you_mean(name, names) or f"pass one of {', '.join(shown)}"


def _before_activation(loaded: LoadedModel, nodes: list[Node]) -> tuple[keras.KerasTensor, Callable[[Any], Any]]:
    """Return a tensor of the network and a function that computes the logits from its values."""
    output = loaded.model.outputs[0]
    last = next(each for each in nodes if any(tensor is output for tensor in each.outputs))
    layer = last.operation
    if is_linear(loaded.build.options["classifier_activation"]):
        return output, lambda values: values
    if isinstance(layer, (keras.layers.Activation, keras.layers.Softmax)):
        return last.inputs[0], lambda values: values
    if isinstance(layer, keras.layers.Dense):
        kernel, bias = layer.kernel, layer.bias

        def logits(values: Any) -> Any:
            product = keras.ops.matmul(keras.ops.cast(values, "float32"), keras.ops.cast(kernel, "float32"))
            return product if bias is None else product + keras.ops.cast(bias, "float32")

        return last.inputs[0], logits
    found = f"its last layer {layer.name!r} is neither Dense nor an activation, so its logits cannot be computed"
    raise ArgumentError(asked(), found, "build the model with classifier_activation=None")


def _heat(maps: NDArray[np.float32], gradient: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return equation 2 of the paper for maps ``(height, width, channels)``, divided by its largest value."""
    weights = gradient.mean(axis=(0, 1))  # equation 1
    heat = np.maximum(maps @ weights, 0)
    most = float(heat.max())
    scaled: NDArray[np.float32] = heat / np.float32(most) if most > 0 else heat
    return scaled


def _seen(
    size: tuple[int, int], preprocessing: Preprocessing, input_shape: tuple[int | None, ...]
) -> tuple[int, int, int, int]:
    """Return the left, top, right and bottom of the part that the network sees of an image of this width and height."""
    width, height = size
    if preprocessing.resize == "squash":
        return 0, 0, width, height
    resized, wanted = resized_and_cut(size, preprocessing, input_shape[0], input_shape[1])
    starts = [(whole - part) // 2 for whole, part in zip(resized, wanted, strict=True)]
    left, top = (round(start * side / whole) for start, side, whole in zip(starts, size, resized, strict=True))
    right, bottom = (
        round((start + part) * side / whole)
        for start, part, side, whole in zip(starts, wanted, size, resized, strict=True)
    )
    return left, top, right, bottom


def _over_photograph(
    heat: NDArray[np.float32], size: tuple[int, int], seen: tuple[int, int, int, int]
) -> NDArray[np.float32]:
    left, top, right, bottom = seen
    enlarged = Image.fromarray(heat).resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    heatmap = np.zeros((size[1], size[0]), np.float32)
    heatmap[top:bottom, left:right] = np.clip(np.asarray(enlarged), 0, 1)
    return heatmap
