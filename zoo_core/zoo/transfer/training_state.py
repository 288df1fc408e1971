"""What a training that was stopped goes on from: its state after an epoch, in one file, whole or that of before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from zoo.atomic import in_one_step
from zoo.errors import RunError, asked, one_line
from zoo.transfer.phases import Phase, leaf_layers

#: The state of a training, in the folder of an unfinished run.
STATE = "state.npz"

Values = list[NDArray[Any]]


@dataclass
class State:
    """A training between two epochs.

    ``epoch`` epochs of phase number ``phase`` are done; ``best`` is its best value of what is monitored and ``waited``
    the epochs since. ``weights`` are the values of the variables that training has touched, random seeds included,
    ``optimizer`` those of the optimiser, ``best_weights`` those of the best epoch.
    """

    phase: int = 0
    epoch: int = 0
    best: float | None = None
    waited: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    weights: Values = field(default_factory=list)
    optimizer: Values = field(default_factory=list)
    best_weights: Values = field(default_factory=list)


_ARRAYS = ("weights", "optimizer", "best_weights")


def save_state(state: State, folder: Path) -> None:
    """Write ``state`` into ``folder`` in one step; raises OSError."""
    values = {f"{kind}/{number}": array for kind in _ARRAYS for number, array in enumerate(getattr(state, kind))}
    record = {key: value for key, value in vars(state).items() if key not in _ARRAYS}
    with in_one_step(folder / STATE) as unfinished:
        np.savez(unfinished, state=np.frombuffer(json.dumps(record).encode(), np.uint8), **values)


def load_state(folder: Path) -> State:
    """Return the state in ``folder``, or that of a training that has not finished an epoch if there is none.

    Raises:
        RunError: if the file is damaged.
    """
    if not (folder / STATE).exists():
        return State()
    try:
        with np.load(folder / STATE, allow_pickle=False) as file:
            state = State(**json.loads(file["state"].tobytes()))
            for kind in _ARRAYS:
                count = sum(name.startswith(f"{kind}/") for name in file.files)
                setattr(state, kind, [file[f"{kind}/{number}"] for number in range(count)])
    except Exception as error:  # whatever NumPy raises for a damaged file
        advice = "train again from the start; delete that folder first"
        raise RunError(asked(), f"{folder / STATE} is damaged ({one_line(error)})", advice) from error
    return state


def updated_variables(model: keras.Model, phases: Sequence[Phase]) -> Iterator[keras.Variable]:
    """Yield the variables of ``model`` that the phases change: those of layers that learn, and all random seeds."""
    for layer in leaf_layers(model):
        weights = {id(variable) for variable in layer.weights}
        learns = any(phase.trains(layer.name) for phase in phases)
        for variable in layer.variables:
            if learns or id(variable) not in weights:
                yield variable


def values_of(variables: Sequence[keras.Variable]) -> Values:
    """Return copies of the variables' values."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def put(variables: Sequence[keras.Variable], values: Values) -> None:
    """Give the variables the values that :func:`values_of` returned.

    Raises:
        RunError: if they are those of another model.
    """
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        found = f"the saved state has {len(values)} values of other shapes, where {len(variables)} are needed"
        raise RunError(asked(), found, "the plugins or the data have changed since: train again from the start")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
