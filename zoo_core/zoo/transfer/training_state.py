"""The state of a training after an epoch, in one file, from which a training that was stopped goes on."""

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

#: The file with the state of a training, in the folder of an unfinished run.
STATE = "state.npz"

#: A record for each epoch, through all phases.
History = list[dict[str, Any]]

Values = list[NDArray[Any]]


@dataclass
class State:
    """A training between two epochs.

    ``epoch`` epochs of the phase with the index ``phase`` are done. ``best`` is the best value so far of the figure
    that is monitored, ``waited`` the number of epochs since then, and ``best_weights`` the weights of that epoch.
    ``weights`` are the values of the variables that training updates, the states of random generators included;
    ``optimizer`` are those of the optimizer. Both are empty except in the file and until they are restored from it.
    """

    phase: int = 0
    epoch: int = 0
    best: float | None = None
    waited: int = 0
    history: History = field(default_factory=list)
    weights: Values = field(default_factory=list)
    optimizer: Values = field(default_factory=list)
    best_weights: Values = field(default_factory=list)

    def begin_next_phase(self) -> None:
        """Count the next phase as begun, with no epoch done and nothing monitored yet."""
        self.phase, self.epoch, self.best, self.waited, self.best_weights = self.phase + 1, 0, None, 0, []


_ARRAYS = ("weights", "optimizer", "best_weights")


def save_state(state: State, folder: Path) -> None:
    """Write ``state`` into ``folder``; the file is replaced in one step. Raises OSError."""
    values = {f"{kind}/{number}": array for kind in _ARRAYS for number, array in enumerate(getattr(state, kind))}
    record = {key: value for key, value in vars(state).items() if key not in _ARRAYS}
    with in_one_step(folder / STATE) as unfinished:
        np.savez(unfinished, state=np.frombuffer(json.dumps(record).encode(), np.uint8), **values)


def load_state(folder: Path) -> State:
    """Return the state in ``folder``, or the state before the first epoch if no epoch was finished.

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
    """Yield the variables of ``model`` that training updates: those of layers that learn, and all random generators."""
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
        RunError: if the values have other shapes than the variables.
    """
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        found = f"the {len(values)} saved values do not have the shapes of the {len(variables)} variables of this model"
        raise RunError(asked(), found, "the plugins or the data have changed since: train again from the start")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
