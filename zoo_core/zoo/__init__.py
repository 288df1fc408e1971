"""Zoo: a model zoo for TensorFlow and Keras 3 that grows by plugins.

Every public name is loaded when it is first used; ``import zoo`` itself imports no TensorFlow, Keras or NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo import _moved
from zoo._lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from zoo.building import build as build
    from zoo.data import Dataset as Dataset, load_data as load_data
    from zoo.devices.hardware import Device as Device, list_devices as list_devices
    from zoo.devices.placement import Placement as Placement, place as place
    from zoo.errors import (
        AmbiguousNameError as AmbiguousNameError,
        ArgumentError as ArgumentError,
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
    from zoo.hookspecs import hookimpl as hookimpl
    from zoo.inference.comparison import Comparison as Comparison, compare as compare
    from zoo.inference.evaluation import evaluate as evaluate
    from zoo.inference.explanation import Explanation as Explanation, explain as explain
    from zoo.inference.extraction import Extracted as Extracted, extract as extract
    from zoo.inference.prediction import Prediction as Prediction, predict as predict
    from zoo.models.feature_maps import Features as Features, features as features
    from zoo.models.load_report import LoadReport as LoadReport
    from zoo.registry import (
        info as info,
        list_datasets as list_datasets,
        list_models as list_models,
        list_plugins as list_plugins,
        list_strategies as list_strategies,
        list_weights as list_weights,
        prefer as prefer,
    )
    from zoo.runs.metrics import Metrics as Metrics
    from zoo.runs.run import Run as Run, load as load
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
    from zoo.transfer import transfer as transfer
    from zoo.weights import load_weights as load_weights

#: Where each public name is defined.
_HOMES = {
    "zoo.building": ("build",),
    "zoo.data": ("Dataset", "load_data"),
    "zoo.devices.hardware": ("Device", "list_devices"),
    "zoo.devices.placement": ("Placement", "place"),
    "zoo.errors": (
        "AmbiguousNameError",
        "ArgumentError",
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
    "zoo.hookspecs": ("hookimpl",),
    "zoo.inference.comparison": ("Comparison", "compare"),
    "zoo.inference.evaluation": ("evaluate",),
    "zoo.inference.explanation": ("Explanation", "explain"),
    "zoo.inference.extraction": ("Extracted", "extract"),
    "zoo.inference.prediction": ("Prediction", "predict"),
    "zoo.models.feature_maps": ("Features", "features"),
    "zoo.models.load_report": ("LoadReport",),
    "zoo.registry": (
        "info",
        "list_datasets",
        "list_models",
        "list_plugins",
        "list_strategies",
        "list_weights",
        "prefer",
    ),
    "zoo.runs.metrics": ("Metrics",),
    "zoo.runs.run": ("Run", "load"),
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
    "zoo.transfer": ("transfer",),
    "zoo.weights": ("load_weights",),
}
__all__, __getattr__ = lazy_names(__name__, _HOMES)

_moved.install()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
