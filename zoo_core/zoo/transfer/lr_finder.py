"""Finding a learning rate: train with ever larger ones for a while, and see from which on the loss falls best."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from zoo.data import Dataset
from zoo.data.pipeline import batches
from zoo.errors import RunError, asked
from zoo.models.build_info import build_of
from zoo.transfer.compilation import compile_for
from zoo.transfer.options import TrainingOptions
from zoo.transfer.phases import Phase, freeze
from zoo.transfer.training_state import put, updated_variables, values_of

#: The rates tried, and how many of them.
LEAST, MOST, STEPS = 1e-6, 1.0, 100

#: The share of the earlier losses in the smoothed one, and how far above the least it ends the search.
_SMOOTHING, _DIVERGED = 0.9, 4.0

#: Decades to either side over which the fall of the losses is measured: from one rate to the next, it is noise.
_REACH = 0.5


@dataclass(frozen=True)
class Search:
    """The rates that were tried, the smoothed loss at each, and the rate that was chosen."""

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    rate: float

    def picture(self) -> bytes:
        """Return the loss against the rate as a PNG."""
        from zoo.reporting.training_plots import rate_search

        return rate_search(self.rates, self.losses, self.rate)


def find_learning_rate(model: keras.Model, phase: Phase, data: Dataset, *, batch_size: int, seed: int) -> Search:
    """Try rates from 1e-6 to 1 on ``model``, which is given back its weights, and choose one for ``phase``.

    Each step has a larger rate than the one before. The rate chosen is that at which the smoothed loss falls fastest,
    or a tenth of that at its lowest where that is less.

    Source: Smith 2015, https://arxiv.org/abs/1506.01186, section 3.3.

    Raises:
        RunError: if the loss falls nowhere.
    """
    known = build_of(model)
    assert known is not None  # transfer() has seen to both
    assert data.train is not None
    freeze(model, phase)
    variables = list(updated_variables(model, [phase]))
    before = values_of(variables)
    steps = batches(
        data.train, known.preprocessing, known.options["input_shape"], batch_size=batch_size, shuffle=True, seed=seed
    )
    compile_for(model, known, data, phase, TrainingOptions(), len(steps))
    rates = np.geomspace(LEAST, MOST, STEPS)
    smoothed: list[float] = []
    average = 0.0
    try:
        for number, rate in enumerate(rates):
            if number and number % len(steps) == 0:
                steps.on_epoch_begin()
            model.optimizer.learning_rate = rate
            inputs, labels = steps[number % len(steps)]
            model.reset_metrics()
            loss = float(model.train_on_batch(inputs, labels, return_dict=True)["loss"])
            average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
            smoothed.append(average / (1 - _SMOOTHING ** (number + 1)))
            if not math.isfinite(loss) or smoothed[-1] > _DIVERGED * min(smoothed):
                break
    finally:
        put(variables, before)
        freeze(model, None)
        model.compiled, model.optimizer = False, None
    losses = np.asarray(smoothed)
    return Search(rates[: len(losses)], losses, chosen_rate(rates[: len(losses)], losses))


def chosen_rate(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> float:
    """Return the rate at which ``losses`` fall fastest against the rate's logarithm, well before their lowest.

    How fast they fall at a rate is the slope of the straight line that fits them best within half a decade of it.

    Raises:
        RunError: if they fall nowhere.
    """
    finite = np.isfinite(losses)
    rates, losses = rates[finite], losses[finite]
    lowest = int(np.argmin(losses)) if len(losses) else 0
    if lowest < 3:
        found = "the loss falls at no rate from 1e-6 to 1"
        raise RunError(asked("with learning_rate='find'"), found, "pass a number, and look at the data and its labels")
    decades, falling = np.log10(rates[: lowest + 1]), losses[: lowest + 1]
    windows = np.abs(decades - decades[:, None]) <= _REACH
    # A line through the few points at an end would say more of their noise than of the rate.
    fullest = max(window.sum() for window in windows) - 1
    slopes = [np.polyfit(decades[each], falling[each], 1)[0] if each.sum() >= fullest else 0.0 for each in windows]
    steepest = float(rates[int(np.argmin(slopes))])
    return float(f"{min(steepest, rates[lowest] / 10):.2g}")
