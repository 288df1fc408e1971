"""Zoo: a model zoo for TensorFlow and Keras 3 that grows by plugins.

Every public name is loaded when it is first used; ``import zoo`` itself imports no TensorFlow, Keras or NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from zoo.building import build as build
    from zoo.comparing import Comparison as Comparison, compare as compare
    from zoo.data import Dataset as Dataset, load_data as load_data
    from zoo.devices import Device as Device, list_devices as list_devices
    from zoo.errors import (
        ArgumentError as ArgumentError,
        ContestedNameError as ContestedNameError,
        DataError as DataError,
        DeviceError as DeviceError,
        LockError as LockError,
        ParameterCountError as ParameterCountError,
        PluginError as PluginError,
        RunError as RunError,
        UnknownNameError as UnknownNameError,
        WeightsError as WeightsError,
        WeightsFileError as WeightsFileError,
        WeightsMismatchError as WeightsMismatchError,
        ZooError as ZooError,
    )
    from zoo.evaluation import Metrics as Metrics, evaluate as evaluate
    from zoo.explaining import Explanation as Explanation, explain as explain
    from zoo.extracting import Extracted as Extracted, extract as extract
    from zoo.feature_maps import Features as Features, features as features
    from zoo.hookspecs import hookimpl as hookimpl
    from zoo.placing import Placement as Placement, place as place
    from zoo.prediction import Prediction as Prediction, predict as predict
    from zoo.registry import (
        info as info,
        list_datasets as list_datasets,
        list_models as list_models,
        list_plugins as list_plugins,
        list_strategies as list_strategies,
        list_weights as list_weights,
        prefer as prefer,
    )
    from zoo.specs import (
        DatasetSpec as DatasetSpec,
        Fingerprint as Fingerprint,
        ModelSpec as ModelSpec,
        ParameterCount as ParameterCount,
        Preprocessing as Preprocessing,
        StrategySpec as StrategySpec,
        WeightFormatSpec as WeightFormatSpec,
        WeightsSpec as WeightsSpec,
    )
    from zoo.transfer import Run as Run, load as load, transfer as transfer
    from zoo.weights import LoadReport as LoadReport, load_weights as load_weights

#: Where each public name is defined.
_HOMES = {
    "zoo.building": ("build",),
    "zoo.comparing": ("Comparison", "compare"),
    "zoo.data": ("Dataset", "load_data"),
    "zoo.devices": ("Device", "list_devices"),
    "zoo.errors": (
        "ArgumentError",
        "ContestedNameError",
        "DataError",
        "DeviceError",
        "LockError",
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
    "zoo.explaining": ("Explanation", "explain"),
    "zoo.extracting": ("Extracted", "extract"),
    "zoo.feature_maps": ("Features", "features"),
    "zoo.hookspecs": ("hookimpl",),
    "zoo.placing": ("Placement", "place"),
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
        "Fingerprint",
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
    # Importing the package zoo.transfer has set that name already, to the package, which can be called itself.
    if not callable(globals().get(name)):
        globals()[name] = value
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
