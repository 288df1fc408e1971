"""Where a model is cut in two: the part that gives the same outputs in every epoch, and the part that learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from zoo.errors import ArgumentError
from zoo.models.graph import BYTES, Node, macs_of, nodes_of, size_of
from zoo.transfer.phases import Phase

#: The share of the frozen multiply-accumulates that may be computed again in each epoch if fewer bytes are stored so.
_RECOMPUTED = 0.02


@dataclass(frozen=True)
class Cut:
    """A model in two parts: ``frozen``, from the input to the tensors that cross the cut, and ``rest``, from there on.

    Both parts share their layers with the model. ``sizes`` are the shapes of the crossing tensors for one sample;
    ``macs`` are the multiply-accumulates of ``frozen`` for one sample, and ``all_macs`` those of the whole model.
    """

    frozen: keras.Model
    rest: keras.Model
    sizes: tuple[tuple[int, ...], ...]
    macs: int
    all_macs: int

    @property
    def bytes_per_sample(self) -> int:
        """The bytes that the features of one sample take as float32."""
        return BYTES * sum(math.prod(size) for size in self.sizes)


def cut_of(model: keras.Model, phase: Phase) -> Cut | None:
    """Return ``model`` cut as late as possible above layers that ``phase`` does not change, or None if it has none.

    Below the cut every layer is frozen and none is random, so a sample gives the same tensors in every epoch. The cut
    then moves back towards the input to a place where fewer bytes cross it, if that means computing at most 2 % of the
    frozen part again in each epoch.
    """
    try:
        nodes = nodes_of(model)
    except ArgumentError:  # a layer is used twice, or the model is not functional
        return None
    if len(model.outputs) > 1:
        return None
    fixed = _fixed_places(nodes, phase)
    all_macs, below = sum(map(macs_of, nodes)), sum(macs_of(nodes[place]) for place in fixed)
    if not below or len(fixed) == len(nodes) or any(None in tensor.shape[1:] for tensor in nodes[0].outputs):
        return None
    candidates = []
    done = 0
    for count, place in enumerate(fixed, 1):
        done += macs_of(nodes[place])
        if done >= (1 - _RECOMPUTED) * below:
            crossing = _crossing(nodes, set(fixed[:count]), model)
            if not any(isinstance(tensor._keras_history.operation, keras.layers.InputLayer) for tensor in crossing):
                candidates.append((sum(map(size_of, crossing)), -count, done, crossing))
    if not candidates:
        return None
    _, _, done, crossing = min(candidates, key=lambda each: each[:2])
    return Cut(keras.Model(model.input, crossing), _above(crossing, model), _sizes(crossing), done, all_macs)


def cut_below(model: keras.Model, name: str) -> Cut:
    """Return ``model`` cut at the input of the layer ``name``; random layers below it act as they do at inference."""
    crossing = keras.tree.flatten(model.get_layer(name).input)
    frozen = keras.Model(model.input, crossing)
    macs = sum(map(macs_of, nodes_of(frozen)))
    return Cut(frozen, _above(crossing, model), _sizes(crossing), macs, macs)


def _sizes(crossing: Sequence[keras.KerasTensor]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(tensor.shape[1:]) for tensor in crossing)


def _above(crossing: list[keras.KerasTensor], model: keras.Model) -> keras.Model:
    """Return the model from the crossing tensors to its main output, without auxiliary outputs."""
    return keras.Model(crossing[0] if len(crossing) == 1 else tuple(crossing), model.outputs[0])


def _fixed_places(nodes: Sequence[Node], phase: Phase) -> list[int]:
    """Return the places in ``nodes`` of those whose outputs for a sample are the same in every epoch of ``phase``."""
    producer = {id(tensor): place for place, node in enumerate(nodes) for tensor in node.outputs}
    fixed: list[int] = []
    for place, node in enumerate(nodes):
        if _is_fixed(node, phase) and all(producer[id(tensor)] in fixed for tensor in node.inputs):
            fixed.append(place)
    return fixed


def _is_fixed(node: Node, phase: Phase) -> bool:
    """Return whether a node gives the same outputs for the same inputs in every epoch of ``phase``."""
    layer = node.operation
    if isinstance(layer, keras.layers.InputLayer):
        return True
    attributes = getattr(layer, "__dict__", {}).values()
    if any(isinstance(value, keras.random.SeedGenerator) for value in attributes):
        return False
    weights = getattr(layer, "weights", [])
    if not weights:
        return not getattr(layer, "activity_regularizer", None)
    # A custom layer may change its weights during training even when it is frozen, so only Keras' own are trusted.
    is_of_keras = type(layer).__module__.partition(".")[0] == "keras"
    return is_of_keras and not phase.trains(layer.name) and not getattr(layer, "activity_regularizer", None)


def _crossing(nodes: Sequence[Node], below: set[int], model: keras.Model) -> list[keras.KerasTensor]:
    """Return the tensors that the nodes at the places ``below`` produce and nodes above them need."""
    above = {id(tensor) for place, node in enumerate(nodes) if place not in below for tensor in node.inputs}
    above |= {id(tensor) for tensor in model.outputs}
    return [tensor for place in sorted(below) for tensor in nodes[place].outputs if id(tensor) in above]
