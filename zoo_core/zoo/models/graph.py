"""The graph of a functional model, step by step in the order of execution: what is computed, from what, until when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras

from zoo.errors import ArgumentError

#: The numbers of one activation or weight.
BYTES = 4


@dataclass(frozen=True)
class Node:
    """One operation of a model: the tensors it takes and gives, and the last step that needs what it gives.

    ``stride`` says how many pixels of the input lie between two neighbours of the output's maps.
    """

    operation: Any
    inputs: tuple[keras.KerasTensor, ...]
    outputs: tuple[keras.KerasTensor, ...]
    needed_until: int
    stride: int


def nodes_of(model: keras.Model) -> list[Node]:
    """Return the steps of ``model`` in the order in which Keras runs them; nested models are opened.

    Raises:
        ArgumentError: if the model is not functional, or uses a layer twice.
    """
    operations = _operations(model)
    produced = {id(tensor): place for place, each in enumerate(operations) for tensor in _tensors(each.output)}
    needed = [tensor for operation in operations for tensor in _inputs(operation)] + list(model.outputs)
    if not all(id(tensor) in produced for tensor in needed):  # a layer's own tensors are those of its first use alone
        asked = f"follow the graph of {model.name!r}"
        raise ArgumentError(asked, "it uses a layer twice", "pass a model that does not")
    last_use = dict.fromkeys(range(len(operations)), 0)
    for place, operation in enumerate(operations):
        for tensor in _inputs(operation):
            last_use[produced[id(tensor)]] = place
    for tensor in model.outputs:
        last_use[produced[id(tensor)]] = len(operations)
    steps: list[Node] = []
    for place, operation in enumerate(operations):
        inputs = _inputs(operation)
        before = max((steps[produced[id(tensor)]].stride for tensor in inputs), default=1)
        stride = before * _stride(operation)
        steps.append(Node(operation, inputs, tuple(_tensors(operation.output)), last_use[place], stride))
    return steps


def multiply_accumulates(model: keras.Model) -> int:
    """Return how often a weight is multiplied and added for one input: convolutions and dense layers, biases aside."""
    return sum(macs_of(step) for step in nodes_of(model))


def peak_activation_bytes(model: keras.Model) -> int:
    """Return the most bytes that activations take at once for one input in float32.

    A tensor lives from the step that makes it to the last that needs it, as in an interpreter that frees what it can
    and does nothing in place.
    """
    steps = nodes_of(model)
    sizes = [sum(size_of(tensor) for tensor in step.outputs) * BYTES for step in steps]
    living, peak = 0, 0
    for place, size in enumerate(sizes):
        living += size
        peak = max(peak, living)
        living -= sum(sizes[earlier] for earlier in range(place + 1) if steps[earlier].needed_until == place)
    return peak


def _operations(model: keras.Model) -> list[Any]:
    if not hasattr(model, "operations"):
        found = "it is no functional model"
        raise ArgumentError(f"follow the graph of {model.name!r}", found, "pass a model that zoo.build returns")
    return list(model.operations)


def _inputs(operation: Any) -> tuple[keras.KerasTensor, ...]:
    return () if isinstance(operation, keras.layers.InputLayer) else tuple(_tensors(operation.input))


def _tensors(structure: Any) -> list[keras.KerasTensor]:
    return [each for each in keras.tree.flatten(structure) if isinstance(each, keras.KerasTensor)]


def _stride(operation: Any) -> int:
    strides = getattr(operation, "strides", None) or 1
    return max(strides) if isinstance(strides, (tuple, list)) else int(strides)


def size_of(tensor: keras.KerasTensor) -> int:
    """Return how many numbers the tensor holds for one sample; a size that is open counts as 1."""
    return math.prod(size or 1 for size in tensor.shape[1:])


def macs_of(step: Node) -> int:
    """Return the multiply-accumulates of one step for one sample."""
    layer = step.operation
    inputs: int = step.inputs[0].shape[-1] if step.inputs else 0
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        for_each: int = math.prod(layer.kernel_size)
    elif isinstance(layer, keras.layers.Conv2D):
        for_each = math.prod(layer.kernel_size) * inputs // layer.groups
    elif isinstance(layer, keras.layers.Dense):
        for_each = inputs
    else:
        return 0
    return size_of(step.outputs[0]) * for_each
