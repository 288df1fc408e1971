"""The search for a learning rate: train with larger and larger rates, and see at which the loss falls fastest."""

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

#: The lowest and the highest rate that is tried, and how many there are.
LEAST, MOST, STEPS = 1e-6, 1.0, 100

#: The share of the earlier losses in the smoothed loss; and the search ends at so many times the lowest smoothed loss.
_SMOOTHING, _DIVERGED = 0.9, 4.0

#: The slope of the losses is measured over so many decades to either side: between two rates, it would be noise.
_REACH = 0.5


@dataclass(frozen=True)
class Search:
    """The rates that were tried, the smoothed loss at each, and the rate that was chosen."""

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    rate: float

    def picture(self) -> bytes:
        """Return a plot of the loss against the rate, as a PNG."""
        from zoo.reporting.training_plots import rate_search

        return rate_search(self.rates, self.losses, self.rate)


def find_learning_rate(model: keras.Model, phase: Phase, data: Dataset, *, batch_size: int, seed: int) -> Search:
    """Train ``model`` with rates from 1e-6 to 1, restore its weights, and choose a rate for ``phase``.

    Each step has a larger rate than the one before. The rate at which the smoothed loss falls fastest is chosen, but at
    most a tenth of the rate at which it is lowest.

    Source: Smith 2015, https://arxiv.org/abs/1506.01186, section 3.3.

    Raises:
        RunError: if the loss does not fall at any rate.
    """
    known = build_of(model)
    assert known is not None  # a plan is made of a model that Zoo has built and data with training samples
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

    The slope at a rate is that of the straight line that fits the losses best within half a decade of it.

    Raises:
        RunError: if the losses do not fall at any rate.
    """
    finite = np.isfinite(losses)
    rates, losses = rates[finite], losses[finite]
    lowest = int(np.argmin(losses)) if len(losses) else 0
    if lowest < 3:
        found = "the loss does not fall at any rate from 1e-6 to 1"
        raise RunError(asked("with learning_rate='find'"), found, "pass a number, and check the data and its labels")
    decades, falling = np.log10(rates[: lowest + 1]), losses[: lowest + 1]
    windows = np.abs(decades - decades[:, None]) <= _REACH
    # At either end, a line through only a few points would follow their noise.
    fullest = max(window.sum() for window in windows) - 1
    slopes = [np.polyfit(decades[each], falling[each], 1)[0] if each.sum() >= fullest else 0.0 for each in windows]
    steepest = float(rates[int(np.argmin(slopes))])
    return float(f"{min(steepest, rates[lowest] / 10):.2g}")
