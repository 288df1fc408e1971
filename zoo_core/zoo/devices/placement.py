"""Laying the stages of a functional model over several devices."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import keras

from zoo.devices.hardware import Device, find_devices
from zoo.errors import ArgumentError, asked, asking, did_you_mean
from zoo.models.graph import BYTES, Node, macs_of, size_of

#: How much more than in the most even division a device may get, to cut where fewer tensors cross.
_UNEVEN = 1.25

_Way = tuple[int, int, float, tuple[int, ...]]

#: Where Keras keeps the logits of a softmax or sigmoid, from which it computes the cross-entropy.
_LOGITS = "_keras_logits"


@dataclass(frozen=True)
class Stage:
    """The layers that lie on one device, in the order in which they run.

    ``macs`` are the multiply-accumulates for one sample; ``handed_on`` the bytes that one sample takes between this
    stage and those after it, in float32.
    """

    device: str
    layers: tuple[str, ...]
    parameters: int
    macs: int
    handed_on: int


@dataclass(frozen=True)
class Placement:
    """What of a model lies where; as text, a table."""

    stages: tuple[Stage, ...]

    def __str__(self) -> str:
        heads = ("device", "from", "to", "layers", "parameters", "MACs", "bytes handed on")
        columns: list[list[str]] = [[head] for head in heads]
        for stage in self.stages:
            figures = (len(stage.layers), stage.parameters, stage.macs, stage.handed_on)
            cells = (stage.device, stage.layers[0], stage.layers[-1], *(f"{figure:,}" for figure in figures))
            for column, cell in zip(columns, cells, strict=True):
                column.append(cell)
        for column in columns:
            width = max(map(len, column))
            align = str.ljust if column[0] in heads[:3] else str.rjust
            column[:] = [align(cell, width) for cell in column]
        return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))


def place(model: keras.Model, devices: str | Sequence[str] | Mapping[str, str]) -> Placement:
    """Lay the stages of ``model`` over several devices, in place, and return what lies where.

    The variables of a layer lie on its device with the values that they had, and the layer runs there, forwards and
    backwards, in this model and in every other that shares it. Outputs and training stay the same. Where a model lies
    is not saved with it. XLA compiles for one device, so that a model that was placed runs without it.

    Place a model first, and take parts of it afterwards: a part that has already run keeps the old variables. What an
    optimiser keeps lies beside the weights if it is built before ``fit`` does so; :func:`zoo.transfer` sees to that.

    Args:
        model: a functional model, such as :func:`zoo.build` returns; compiled or not, nested or with shared layers.
        devices: the names of devices, over which the layers are divided in their order: each gets about the same share
            of parameters and of multiply-accumulates, the two counted alike, and the model is cut where few and small
            tensors cross. Or the name of the first layer of each stage, with the device from there on.

    Raises:
        ArgumentError: if the model is not functional, has no such layer, or fewer stages than devices.
        DeviceError: if there is no such device.

    >>> import zoo
    >>> [stage.device for stage in zoo.place(zoo.build("lenet5"), {"c1": "cpu:0", "f6": "cpu:0"}).stages]
    ['cpu:0', 'cpu:0']
    """
    named = devices if isinstance(devices, Mapping) else None
    names = list(devices.values()) if isinstance(devices, Mapping) else devices
    names = [names] if isinstance(names, str) else list(names)
    with asking(f"place {model.name!r} on {', '.join(map(str, names)) or 'no device'}"):
        if not hasattr(model, "operations"):
            raise ArgumentError(asked(), "it is no functional model", "pass a model that zoo.build returns")
        found = find_devices(names)
        graph = _graph_of(model)
        starts = _divided(graph, len(found)) if named is None else _starts(graph, named)
        stages = sorted(zip(starts, found, strict=True), key=lambda stage: stage[0])
        ends = [start for start, _ in stages[1:]] + [len(graph.operations)]
        done: set[int] = set()
        for (start, device), end in zip(stages, ends, strict=True):
            for operation in graph.operations[start:end]:
                for leaf in _leaves(operation):
                    _lay(leaf, device, done)
        for each in _with_nested(model):
            _forget_traces(each)
        return Placement(
            tuple(graph.stage(start, end, device) for (start, device), end in zip(stages, ends, strict=True))
        )


# -- where to cut


@dataclass(frozen=True)
class _Graph:
    """The operations of a model in the order in which they run, what each costs, and the tensors between them.

    ``spans`` holds for each tensor the first and the last place of the operations that make or take it, and its size.
    """

    operations: tuple[Any, ...]
    parameters: tuple[int, ...]
    macs: tuple[int, ...]
    spans: tuple[tuple[int, int, int], ...]

    def crossing(self, place: int) -> tuple[int, int]:
        """Return how many tensors pass a cut before the operation at ``place``, and their numbers for one sample."""
        sizes = [size for first, last, size in self.spans if first < place <= last]
        return len(sizes), sum(sizes)

    def stage(self, start: int, end: int, device: Device) -> Stage:
        """Return what lies on ``device``: the operations from ``start`` up to ``end``."""
        names = tuple(operation.name for operation in self.operations[start:end])
        handed_on = BYTES * self.crossing(end)[1]
        return Stage(device.name, names, sum(self.parameters[start:end]), sum(self.macs[start:end]), handed_on)


def _graph_of(model: keras.Model) -> _Graph:
    operations = tuple(model.operations)
    places = {id(operation): place for place, operation in enumerate(operations)}
    parameters = tuple(
        sum(math.prod(weight.shape) for weight in getattr(operation, "weights", ())) for operation in operations
    )
    macs = [0] * len(operations)
    spans: dict[int, tuple[int, int, int]] = {}
    for step in _calls(model):
        place = places[id(step.operation)]
        macs[place] += _macs(step)
        for tensor in step.inputs:
            made = places[id(tensor._keras_history.operation)]
            first, last, _ = spans.get(id(tensor), (made, made, 0))
            spans[id(tensor)] = min(first, place), max(last, place), size_of(tensor)
    return _Graph(operations, parameters, tuple(macs), tuple(spans.values()))


def _calls(model: keras.Model) -> Iterator[Node]:
    """Yield every use of an operation; :func:`zoo.models.graph.nodes_of` knows no layer that is used twice."""
    seen = set()
    waiting = list(model.outputs)
    inputs = {id(tensor) for tensor in model.inputs}
    while waiting:
        tensor = waiting.pop()
        history = tensor._keras_history
        if id(tensor) in inputs or (use := (id(history.operation), history.node_index)) in seen:
            continue
        seen.add(use)
        node = history.operation._inbound_nodes[history.node_index]
        yield Node(history.operation, tuple(node.input_tensors), tuple(node.output_tensors), 0, 1)
        waiting += node.input_tensors


def _macs(step: Node) -> int:
    nested = step.operation
    return sum(map(_macs, _calls(nested))) if hasattr(nested, "operations") else macs_of(step)


def _starts(graph: _Graph, named: Mapping[str, str]) -> list[int]:
    """Return the place of each layer named; the first of them takes along what comes before it."""
    places = {operation.name: place for place, operation in enumerate(graph.operations)}
    for name in named:
        if name not in places:
            advice = did_you_mean(name, list(places)) or f"its layers end with {', '.join(list(places)[-5:])}"
            raise ArgumentError(asked(), f"{name!r} is no layer of it", advice)
    starts = [places[name] for name in named]
    return [0 if start == min(starts) else start for start in starts]


def _divided(graph: _Graph, parts: int) -> list[int]:
    """Return where each of so many parts begins, of about the same cost, cut where the fewest and smallest cross.

    Raises:
        ArgumentError: if there are fewer operations that cost anything.
    """
    shares = zip(_shares(graph.parameters), _shares(graph.macs), strict=True)
    costs = [parameters + macs for parameters, macs in shares]
    count = sum(cost > 0 for cost in costs)
    if count < parts:
        found = f"it has {count} layers with weights, for {parts} devices"
        raise ArgumentError(asked(), found, f"name {count or 1} at most")
    sums = [0.0, *accumulate(costs)]
    most = _UNEVEN * _even(costs, parts)
    crossing = [graph.crossing(place) for place in range(len(costs) + 1)]
    # For every place where a part may end, the best way to get there: how many tensors and numbers cross on it, how
    # uneven its parts are, and where they begin. Of equal ways, the one that cuts later leaves an activation below.
    best: dict[int, _Way] = {0: (0, 0, 0.0, (0,))}
    for part in range(1, parts + 1):
        ways: dict[int, _Way] = {}
        for end in range(1, len(costs)) if part < parts else [len(costs)]:
            tensors, numbers = crossing[end]
            possible = [
                (way[0] + tensors, way[1] + numbers, way[2] + cost**2, (*way[3], end))
                for start, way in reversed(best.items())
                if start < end and 0 < (cost := sums[end] - sums[start]) <= most
            ]
            if possible:
                ways[end] = min(possible, key=lambda way: way[:3])
        best = ways
    return list(best[len(costs)][3][:-1])


def _shares(figures: Sequence[int]) -> list[float]:
    total = sum(figures)
    return [figure / total if total else 0.0 for figure in figures]


def _even(costs: Sequence[float], parts: int) -> float:
    """Return the least that the costliest part can cost, to a thousandth, if ``costs`` are divided in their order."""

    def needed(most: float) -> int:
        count, part = 1, 0.0
        for cost in costs:
            if part + cost > most:
                count, part = count + 1, 0.0
            part += cost
        return count

    least, enough = max(costs), sum(costs) * 1.001
    while enough - least > least / 1000:
        middle = (least + enough) / 2
        least, enough = (least, middle) if needed(middle) <= parts else (middle, enough)
    return enough


# -- laying


def _leaves(operation: Any) -> Iterator[Any]:
    """Yield the operations of a nested model, which other models may take out of it, or the operation itself."""
    if hasattr(operation, "operations"):
        for inner in operation.operations:
            yield from _leaves(inner)
    elif not isinstance(operation, keras.layers.InputLayer):
        yield operation


def _with_nested(model: keras.Model) -> Iterator[keras.Model]:
    yield model
    for operation in model.operations:
        if hasattr(operation, "operations"):
            yield from _with_nested(operation)


def _lay(operation: Any, device: Device, done: set[int]) -> None:
    """Let an operation run on ``device``, with its variables there; those ``done`` are of an earlier operation too."""
    if hasattr(vars(operation).get("call"), "placed_on"):
        del vars(operation)["call"]
    # Not by setattr, which Keras overrides to look for layers and variables. The attribute goes before the method.
    vars(operation)["call"] = _running_on(device, operation.call)
    if isinstance(operation, keras.Layer):
        operation.supports_jit = False
    for variable in getattr(operation, "variables", ()):
        if id(variable) not in done:
            done.add(id(variable))
            _move(variable, device.tensorflow_name)


def _running_on(device: Device, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``call`` such that it and its gradient run on ``device``.

    ``tf.device`` alone does not reach the gradient: what a tape computes lies where the tape is asked.
    """
    import tensorflow

    @functools.wraps(call)
    def placed(*args: Any, **kwargs: Any) -> Any:
        structure: Any = None
        results: list[Any] = []
        floating: list[int] = []

        @tensorflow.custom_gradient  # type: ignore[untyped-decorator]
        def forward(*inputs: Any) -> Any:
            nonlocal structure
            with tensorflow.GradientTape(persistent=True) as tape:
                tape.watch(inputs)
                structure = call(*args, **kwargs)
            results.extend(tensorflow.nest.flatten(structure))
            results.extend([getattr(each, _LOGITS, None) for each in results])
            floating.extend(place for place, each in enumerate(results) if _is_floating(each))
            outputs = [results[place] for place in floating]

            def backward(*gradients: Any, variables: Sequence[Any] = ()) -> Any:
                with tensorflow.device(device.tensorflow_name):
                    found = tape.gradient(outputs, [*inputs, *variables], list(gradients))
                return (found[: len(inputs)], found[len(inputs) :]) if variables else found

            return outputs, backward

        with tensorflow.device(device.tensorflow_name):
            outputs = forward(*filter(_is_floating, tensorflow.nest.flatten((args, kwargs))))
        for place, output in zip(floating, outputs, strict=True):
            results[place] = output
        count = len(results) // 2
        for output, logits in zip(results[:count], results[count:], strict=True):
            if logits is not None:
                setattr(output, _LOGITS, logits)
        return tensorflow.nest.pack_sequence_as(structure, results[:count])

    placed.placed_on = device.name  # type: ignore[attr-defined]
    return placed


def _is_floating(value: Any) -> bool:
    import tensorflow

    return isinstance(value, tensorflow.Tensor) and value.dtype.is_floating


def _move(variable: keras.Variable, device: str) -> None:
    """Give a variable its values on another device."""
    import tensorflow

    old = variable.value
    if str(old.device).lower().endswith(device.lower()):
        return
    with tensorflow.device(device):
        variable._value = tensorflow.Variable(
            old.read_value(),
            trainable=old.trainable,  # not the variable's own, which is False as long as its layer is frozen
            name=variable.name,
            aggregation=old.aggregation,
            synchronization=old.synchronization,
        )


def _forget_traces(model: keras.Model) -> None:
    """Let a model that has run be traced again, and its optimiser go on with the variables in their new places."""
    model.train_function = model.test_function = model.predict_function = None
    model.jit_compile = False
    optimizer = getattr(model, "optimizer", None)
    for each in (optimizer, getattr(optimizer, "inner_optimizer", None)):
        if each is None or not each.built:
            continue
        learning = each._trainable_variables
        each._trainable_variables_indices = {each._var_key(variable): place for place, variable in enumerate(learning)}
        for slots in list(vars(each).values()):
            if isinstance(slots, list) and slots is not learning and len(slots) == len(learning):
                for slot, variable in zip(slots, learning, strict=True):
                    if isinstance(slot, keras.Variable):
                        _move(slot, variable.value.device)
