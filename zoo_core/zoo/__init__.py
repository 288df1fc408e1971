"""Zoo: a model zoo for TensorFlow and Keras 3 that grows by plugins.

Every public name is loaded when it is first used; ``import zoo`` itself imports no TensorFlow, Keras or NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from zoo.building import build
    from zoo.data import Dataset, load_data
    from zoo.errors import (
        ArgumentError,
        ContestedNameError,
        DataError,
        ParameterCountError,
        PluginError,
        RunError,
        UnknownNameError,
        WeightsError,
        WeightsFileError,
        WeightsMismatchError,
        ZooError,
    )
    from zoo.evaluation import Metrics, evaluate
    from zoo.hookspecs import hookimpl
    from zoo.prediction import Prediction, predict
    from zoo.registry import (
        info,
        list_datasets,
        list_models,
        list_plugins,
        list_strategies,
        list_weights,
        prefer,
    )
    from zoo.specs import (
        DatasetSpec,
        ModelSpec,
        ParameterCount,
        Preprocessing,
        StrategySpec,
        WeightFormatSpec,
        WeightsSpec,
    )
    from zoo.transfer import Run, load, transfer
    from zoo.weights import LoadReport, load_weights

#: Where each public name is defined.
_HOMES = {
    "zoo.building": ("build",),
    "zoo.data": ("Dataset", "load_data"),
    "zoo.errors": (
        "ArgumentError",
        "ContestedNameError",
        "DataError",
        "ParameterCountError",
        "PluginError",
        "RunError",
        "UnknownNameError",
        "WeightsError",
        "WeightsFileError",
        "WeightsMismatchError",
        "ZooError",
    ),
    "zoo.evaluation": ("Metrics", "evaluate"),
    "zoo.hookspecs": ("hookimpl",),
    "zoo.prediction": ("Prediction", "predict"),
    "zoo.registry": (
        "info",
        "list_datasets",
        "list_models",
        "list_plugins",
        "list_strategies",
        "list_weights",
        "prefer",
    ),
    "zoo.specs": (
        "DatasetSpec",
        "ModelSpec",
        "ParameterCount",
        "Preprocessing",
        "StrategySpec",
        "WeightFormatSpec",
        "WeightsSpec",
    ),
    "zoo.transfer": ("Run", "load", "transfer"),
    "zoo.weights": ("LoadReport", "load_weights"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
