"""House prices in California by a wide & deep network, beside what it must beat: the figures of docs/wide_deep.md.

    python examples/wide_deep_california.py HOUSING.CSV [--seed 0] [--epochs 30]

The baselines choose their one parameter, and the network's options were chosen, on the validation split; all figures
are of the test split.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

import zoo
from zoo.data import Split

DEEP: dict[str, Any] = {"hidden_units": (128, 64), "dropout": 0.1}
PLACES: dict[str, Any] = {"crosses": (("longitude", "latitude"),), "buckets": 100}


def baselines(data: zoo.Dataset, seed: int) -> Iterator[tuple[str, float, float]]:
    """Yield the name, MAE and RMSE of each of scikit-learn's models, the best of its kind on the validation split."""
    train, validation, test = data.splits.values()
    kinds: dict[str, list[Any]] = {
        "linear regression": [LinearRegression()],
        "nearest neighbours": [KNeighborsRegressor(count, weights="distance") for count in (5, 10, 20)],
        "decision tree": [
            DecisionTreeRegressor(min_samples_leaf=least, random_state=seed) for least in (5, 10, 20, 40)
        ],
        "random forest": [RandomForestRegressor(100, random_state=seed)],
    }
    for name, candidates in kinds.items():
        fitted = [each.fit(train.inputs, train.labels) for each in candidates]
        best = min(fitted, key=lambda model: errors(model.predict(validation.inputs), validation)[1])
        yield f"{name}, scikit-learn", *errors(best.predict(test.inputs), test)


def errors(predicted: NDArray[Any], split: Split) -> tuple[float, float]:
    """Return the mean absolute error and the root of the mean squared one, in dollars."""
    difference = predicted - split.labels
    return float(np.abs(difference).mean()), float(np.sqrt(np.square(difference).mean()))


def networks(data: zoo.Dataset, seed: int, epochs: int) -> Iterator[tuple[str, float, float]]:
    """Yield the name, MAE and RMSE of each network trained by Zoo."""
    runs: list[tuple[str, str, str, dict[str, Any]]] = [
        ("linear regression, Zoo", "linear_regression", "full", {"learning_rate": 0.01}),
        ("without the cross, Adam", "wide_deep", "full", DEEP),
        ("wide & deep, Adam for both parts", "wide_deep", "full", {**DEEP, **PLACES}),
        (
            "wide & deep, FTRL and AdaGrad",
            "wide_deep",
            "wide_and_deep",
            {"deep_optimizer": "adagrad", **DEEP, **PLACES},
        ),
        ("wide & deep, FTRL and Adam", "wide_deep", "wide_and_deep", {**DEEP, **PLACES}),
    ]
    for name, model, strategy, options in runs:
        run = zoo.transfer(model, data, strategy, epochs=epochs, seed=seed, progress=False, **options)
        assert run.metrics is not None  # the data has a test split
        figures = run.metrics.figures()
        yield name, figures["MAE"], figures["RMSE"]


def main() -> None:
    """Print the figures of each model, and its RMSE beside that of linear regression."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="housing.csv of github.com/ageron/handson-ml2")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    data = zoo.load_data("california_housing", path=given.path, seed=given.seed)
    print(
        data.describe(), "\n\n| model | MAE | RMSE | RMSE beside the first |\n| --- | ---: | ---: | ---: |", flush=True
    )
    first = None
    for name, mae, rmse in chain(baselines(data, given.seed), networks(data, given.seed, given.epochs)):
        first = first or rmse
        print(f"| {name} | {mae:,.0f} | {rmse:,.0f} | {rmse / first - 1:+.1%} |", flush=True)


if __name__ == "__main__":
    main()
