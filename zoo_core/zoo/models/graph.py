"""The graph of a functional model: its nodes in the order of execution, and what they compute and need."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras

from zoo.errors import ArgumentError

#: The bytes of one activation or weight, in float32.
BYTES = 4


@dataclass(frozen=True)
class Node:
    """One operation of a model, with the tensors that are its inputs and outputs.

    ``needed_until`` is the place, in the order of execution, of the last node that takes one of the outputs. ``stride``
    is the distance, in pixels of the model's input, between neighbouring values of the output's feature maps.
    """

    operation: Any
    inputs: tuple[keras.KerasTensor, ...]
    outputs: tuple[keras.KerasTensor, ...]
    needed_until: int
    stride: int


def nodes_of(model: keras.Model) -> list[Node]:
    """Return the nodes of ``model`` in the order in which Keras runs them.

    Raises:
        ArgumentError: if the model is not functional, uses a layer twice, or uses another model as a layer.
    """
    operations = _operations(model)
    produced = {id(tensor): place for place, each in enumerate(operations) for tensor in _tensors(each.output)}
    needed = [tensor for operation in operations for tensor in _inputs(operation)] + list(model.outputs)
    if not all(id(tensor) in produced for tensor in needed):  # a layer knows only the tensors of its first use
        asked = f"follow the graph of {model.name!r}"
        found = "it uses a layer twice, or another model as a layer"
        raise ArgumentError(asked, found, "pass a model that does neither")
    last_use = dict.fromkeys(range(len(operations)), 0)
    for place, operation in enumerate(operations):
        for tensor in _inputs(operation):
            last_use[produced[id(tensor)]] = place
    for tensor in model.outputs:
        last_use[produced[id(tensor)]] = len(operations)
    nodes: list[Node] = []
    for place, operation in enumerate(operations):
        inputs = _inputs(operation)
        before = max((nodes[produced[id(tensor)]].stride for tensor in inputs), default=1)
        stride = before * _stride(operation)
        nodes.append(Node(operation, inputs, tuple(_tensors(operation.output)), last_use[place], stride))
    return nodes


def multiply_accumulates(model: keras.Model) -> int:
    """Return the multiply-accumulates of convolutions and dense layers for one input, without their biases."""
    return sum(macs_of(node) for node in nodes_of(model))


def peak_activation_bytes(model: keras.Model) -> int:
    """Return the largest number of bytes that activations take at the same time, for one input in float32.

    A tensor takes memory from the node that computes it to the last node that needs it, as in an interpreter that frees
    memory as soon as possible and computes nothing in place.
    """
    nodes = nodes_of(model)
    sizes = [sum(size_of(tensor) for tensor in node.outputs) * BYTES for node in nodes]
    living, peak = 0, 0
    for place, size in enumerate(sizes):
        living += size
        peak = max(peak, living)
        living -= sum(sizes[earlier] for earlier in range(place + 1) if nodes[earlier].needed_until == place)
    return peak


def _operations(model: keras.Model) -> list[Any]:
    if not hasattr(model, "operations"):
        found = "it is not a functional model"
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
    """Return how many numbers the tensor holds for one sample; a dimension of None counts as 1."""
    return math.prod(size or 1 for size in tensor.shape[1:])


def macs_of(node: Node) -> int:
    """Return the multiply-accumulates of one node for one sample."""
    layer = node.operation
    inputs: int = node.inputs[0].shape[-1] if node.inputs else 0
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        for_each: int = math.prod(layer.kernel_size)
    elif isinstance(layer, keras.layers.Conv2D):
        for_each = math.prod(layer.kernel_size) * inputs // layer.groups
    elif isinstance(layer, keras.layers.Dense):
        for_each = inputs
    else:
        return 0
    return size_of(node.outputs[0]) * for_each
