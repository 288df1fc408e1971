"""Placing the stages of a functional model on several devices."""

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

#: How many times the cost of the most even division one device may get, if fewer tensors then cross between devices.
_UNEVEN = 1.25

#: A way to divide the first operations of a model: the number of tensors that cross the cuts and the numbers in them,
#: the sum of the squares of the costs of the parts, and where the parts begin.
_Division = tuple[int, int, float, tuple[int, ...]]

#: The attribute in which Keras keeps the logits of a softmax or sigmoid, to compute the cross-entropy from them.
_LOGITS = "_keras_logits"


@dataclass(frozen=True)
class Stage:
    """The layers on one device, in the order in which they run.

    ``macs`` are the multiply-accumulates for one sample; ``handed_on`` is the number of bytes, in float32, that cross
    from this stage and those before it to the later ones, for one sample.
    """

    device: str
    layers: tuple[str, ...]
    parameters: int
    macs: int
    handed_on: int


@dataclass(frozen=True)
class Placement:
    """The stages of a model and their devices; as text, a table."""

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
    """Move the stages of ``model`` to several devices and return which layers are on which device.

    The variables of a layer are moved to its device, with their values. The layer runs there, forwards and backwards,
    in this model and in every other model that shares it. Outputs and training stay the same. The placement is not
    saved with the model. XLA compiles for a single device, so a placed model runs without it.

    Place a model before making models of parts of it: a part that has already run keeps the old variables. The
    variables of an optimiser are created on the devices of the weights if the optimiser is built before ``fit`` would
    build it; :func:`zoo.transfer` does so.

    Args:
        model: a functional model, such as :func:`zoo.build` returns. It may be compiled, nested or have shared layers.
        devices: the names of devices, among which the layers are divided in their order. Each gets about the same
            share of the parameters and of the multiply-accumulates, weighted equally, and the model is cut where few
            and small tensors cross. Or a mapping from the name of the first layer of each stage to its device.

    Raises:
        ArgumentError: if the model is not functional, has no such layer, or fewer stages than devices.
        DeviceError: if there is no such device.

    >>> import zoo
    >>> [stage.device for stage in zoo.place(zoo.build("lenet5"), {"c1": "cpu:0", "f6": "cpu:0"}).stages]
    ['cpu:0', 'cpu:0']
    """
    first_layers = devices if isinstance(devices, Mapping) else None
    names = list(devices.values()) if isinstance(devices, Mapping) else devices
    names = [names] if isinstance(names, str) else list(names)
    with asking(f"place {model.name!r} on {', '.join(map(str, names)) or 'no device'}"):
        if not hasattr(model, "operations"):
            raise ArgumentError(asked(), "it is not a functional model", "pass a model that zoo.build returns")
        found = find_devices(names)
        graph = _graph_of(model)
        starts = _divided(graph, len(found)) if first_layers is None else _starts(graph, first_layers)
        stages = sorted(zip(starts, found, strict=True), key=lambda stage: stage[0])
        ends = [start for start, _ in stages[1:]] + [len(graph.operations)]
        moved: set[int] = set()
        for (start, device), end in zip(stages, ends, strict=True):
            for operation in graph.operations[start:end]:
                for leaf in _leaves(operation):
                    _run_on(leaf, device, moved)
        for each in _with_nested(model):
            _forget_traces(each)
        return Placement(
            tuple(graph.stage(start, end, device) for (start, device), end in zip(stages, ends, strict=True))
        )


# -- where to cut


@dataclass(frozen=True)
class _Graph:
    """The operations of a model in the order in which they run, the cost of each, and the tensors between them.

    ``spans`` holds, for each tensor, the place of the operation that computes it, that of the last operation that takes
    it, and its size for one sample.
    """

    operations: tuple[Any, ...]
    parameters: tuple[int, ...]
    macs: tuple[int, ...]
    spans: tuple[tuple[int, int, int], ...]

    def crossing(self, place: int) -> tuple[int, int]:
        """Return how many tensors cross a cut before the operation at ``place``, and how many numbers they hold."""
        sizes = [size for first, last, size in self.spans if first < place <= last]
        return len(sizes), sum(sizes)

    def stage(self, start: int, end: int, device: Device) -> Stage:
        """Return the stage of the operations from ``start`` up to ``end``, on ``device``."""
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
    for node in _all_nodes(model):
        place = places[id(node.operation)]
        macs[place] += _macs(node)
        for tensor in node.inputs:
            made = places[id(tensor._keras_history.operation)]
            first, last, _ = spans.get(id(tensor), (made, made, 0))
            spans[id(tensor)] = min(first, place), max(last, place), size_of(tensor)
    return _Graph(operations, parameters, tuple(macs), tuple(spans.values()))


def _all_nodes(model: keras.Model) -> Iterator[Node]:
    """Yield a node for every use of an operation; :func:`zoo.models.graph.nodes_of` refuses layers used twice."""
    visited = set()
    waiting = list(model.outputs)
    inputs = {id(tensor) for tensor in model.inputs}
    while waiting:
        tensor = waiting.pop()
        history = tensor._keras_history
        if id(tensor) in inputs or (use := (id(history.operation), history.node_index)) in visited:
            continue
        visited.add(use)
        keras_node = history.operation._inbound_nodes[history.node_index]
        yield Node(history.operation, tuple(keras_node.input_tensors), tuple(keras_node.output_tensors), 0, 1)
        waiting += keras_node.input_tensors


def _macs(node: Node) -> int:
    nested = node.operation
    return sum(map(_macs, _all_nodes(nested))) if hasattr(nested, "operations") else macs_of(node)


def _starts(graph: _Graph, first_layers: Mapping[str, str]) -> list[int]:
    """Return where each stage begins: at its first layer, or for the first stage at the beginning of the model."""
    places = {operation.name: place for place, operation in enumerate(graph.operations)}
    for name in first_layers:
        if name not in places:
            advice = did_you_mean(name, list(places)) or f"its last layers are {', '.join(list(places)[-5:])}"
            raise ArgumentError(asked(), f"it has no layer {name!r}", advice)
    starts = [places[name] for name in first_layers]
    return [0 if start == min(starts) else start for start in starts]


def _divided(graph: _Graph, parts: int) -> list[int]:
    """Return where each of ``parts`` parts begins: about equal in cost, and cut where few and small tensors cross.

    Raises:
        ArgumentError: if there are fewer operations than parts that have weights or multiply-accumulates.
    """
    shares = zip(_shares(graph.parameters), _shares(graph.macs), strict=True)
    costs = [parameters + macs for parameters, macs in shares]
    count = sum(cost > 0 for cost in costs)
    if count < parts:
        found = f"it has {count} layers with weights, for {parts} devices"
        raise ArgumentError(asked(), found, f"name at most {count or 1}")
    sums = [0.0, *accumulate(costs)]
    most = _UNEVEN * _even(costs, parts)
    crossing = [graph.crossing(place) for place in range(len(costs) + 1)]
    # For every place where a part may end, the best division of the operations before it. Of several that are equally
    # good, the one that cuts later is taken, so that an activation stays with the layer before it.
    best: dict[int, _Division] = {0: (0, 0, 0.0, (0,))}
    for part in range(1, parts + 1):
        divisions: dict[int, _Division] = {}
        for end in range(1, len(costs)) if part < parts else [len(costs)]:
            tensors, numbers = crossing[end]
            possible = [
                (before[0] + tensors, before[1] + numbers, before[2] + cost**2, (*before[3], end))
                for start, before in reversed(best.items())
                if start < end and 0 < (cost := sums[end] - sums[start]) <= most
            ]
            if possible:
                divisions[end] = min(possible, key=lambda division: division[:3])
        best = divisions
    return list(best[len(costs)][3][:-1])


def _shares(figures: Sequence[int]) -> list[float]:
    total = sum(figures)
    return [figure / total if total else 0.0 for figure in figures]


def _even(costs: Sequence[float], parts: int) -> float:
    """Return the smallest possible cost of the most expensive of ``parts`` consecutive parts, to one thousandth."""

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


# -- placing


def _leaves(operation: Any) -> Iterator[Any]:
    """Yield the operations of a nested model, which other models may use by themselves, or the operation itself."""
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


def _run_on(operation: Any, device: Device, moved: set[int]) -> None:
    """Let an operation run on ``device`` and move its variables there, except those that an earlier one has moved."""
    if hasattr(vars(operation).get("call"), "placed_on"):
        del vars(operation)["call"]
    # Not by setattr, which Keras overrides to look for layers and variables. The attribute hides the method.
    vars(operation)["call"] = _running_on(device, operation.call)
    if isinstance(operation, keras.Layer):
        operation.supports_jit = False
    for variable in getattr(operation, "variables", ()):
        if id(variable) not in moved:
            moved.add(id(variable))
            _move(variable, device.tensorflow_name)


def _running_on(device: Device, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs ``call`` and its gradient on ``device``.

    ``tf.device`` alone does not affect the gradient: a tape computes that on the device where ``gradient`` is called.
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
    """Move a variable with its values to another device."""
    import tensorflow

    old = variable.value
    if str(old.device).lower().endswith(device.lower()):
        return
    with tensorflow.device(device):
        variable._value = tensorflow.Variable(
            old.read_value(),
            trainable=old.trainable,  # that of the Keras variable is False while its layer is frozen
            name=variable.name,
            aggregation=old.aggregation,
            synchronization=old.synchronization,
        )


def _forget_traces(model: keras.Model) -> None:
    """Let a model that has run be traced again, and its optimiser continue with the variables on their new devices."""
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
