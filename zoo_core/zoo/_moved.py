"""The old places of names that have moved since Zoo 0.1: importing from them still works in this release, and warns."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

#: Modules that no longer exist, each with the modules that define its names today, in the order of the search.
MODULES: dict[str, tuple[str, ...]] = {
    "zoo.auxiliary": ("zoo.layers.auxiliary",),
    "zoo.comparing": ("zoo.inference.comparison",),
    "zoo.documents": ("zoo.reporting.documents",),
    "zoo.evaluation": ("zoo.inference.evaluation", "zoo.runs.metrics"),
    "zoo.explaining": ("zoo.inference.explanation",),
    "zoo.extracting": ("zoo.inference.extraction",),
    "zoo.feature_maps": ("zoo.models.feature_maps",),
    "zoo.files": ("zoo.atomic",),
    "zoo.graph": ("zoo.models.graph",),
    "zoo.heads": ("zoo.layers.heads",),
    "zoo.labels": ("zoo.reporting.label_placement",),
    "zoo.locking": ("zoo.lockfile",),
    "zoo.metrics": ("zoo.runs.metrics", "zoo.inference.scoring"),
    "zoo.pictures": (
        "zoo.reporting.training_plots",
        "zoo.reporting.evaluation_plots",
        "zoo.reporting.image_grids",
        "zoo.reporting.model_chart",
        "zoo.reporting.canvas",
    ),
    "zoo.placing": ("zoo.devices.placement",),
    "zoo.prediction": ("zoo.inference.prediction",),
    "zoo.preferences": ("zoo.settings",),
    "zoo.published": ("zoo.weights.published",),
    "zoo.records": ("zoo.runs.folder",),
    "zoo.subject": ("zoo.inference.loaded_model", "zoo.models.build_info"),
    "zoo.data.augmented": ("zoo.data.augmented_folder",),
    "zoo.data.cifar": ("zoo.data.sources.cifar10",),
    "zoo.data.datasets": ("zoo.data.dataset", "zoo.data.loading"),
    "zoo.data.digits": ("zoo.data.sources.digits",),
    "zoo.data.folders": ("zoo.data.sources.folders", "zoo.data.sources.labelled_folder"),
    "zoo.data.images": ("zoo.data.decoding", "zoo.data.preprocessing"),
    "zoo.data.memory": ("zoo.data.buffer_pool",),
    "zoo.data.pixels": ("zoo.data.pixel_cache",),
    "zoo.data.rows": ("zoo.data.row_file",),
    "zoo.data.scaled": ("zoo.data.jpeg",),
    "zoo.data.synthetic": ("zoo.data.sources.synthetic",),
    "zoo.data.tables": ("zoo.data.table_encoding", "zoo.data.sources.csv_file"),
    "zoo.data.threads": ("zoo.data.thread_pool",),
    "zoo.transfer.adapting": ("zoo.transfer.starting_model",),
    "zoo.transfer.caching": ("zoo.transfer.feature_cache", "zoo.transfer.model_cut"),
    "zoo.transfer.checkpoints": ("zoo.transfer.training_state",),
    "zoo.transfer.compiling": ("zoo.transfer.compilation",),
    "zoo.transfer.finding": ("zoo.transfer.lr_finder",),
    "zoo.transfer.precision": ("zoo.transfer.mixed_precision",),
    "zoo.transfer.reports": ("zoo.transfer.run_pictures", "zoo.reporting.run_report", "zoo.reporting.documents"),
    "zoo.transfer.resuming": ("zoo.transfer.unfinished",),
    "zoo.transfer.runs": ("zoo.runs.run", "zoo.runs.folder"),
    "zoo.transfer.scaling": ("zoo.transfer.target_scaling",),
    "zoo.transfer.solving": ("zoo.transfer.closed_form",),
    "zoo.transfer.transferring": ("zoo.transfer.training",),
    "zoo.weights.converting": ("zoo.weights.conversion",),
    "zoo.weights.report": ("zoo.models.load_report",),
    "zoo.weights.verifying": ("zoo.weights.verification",),
    "zoo.weights.formats.tensors": ("zoo.weights.formats.safetensors",),
}

#: Names that left a module which still exists, or that have a new name: ``module:name`` says what they are today.
NAMES: dict[str, dict[str, str]] = {
    "zoo": {"ContestedNameError": "zoo.errors:AmbiguousNameError"},
    "zoo.building": {
        "Build": "zoo.models.build_info:Build",
        "DECLARED": "zoo.models.options:DECLARED",
        "annotate": "zoo.models.build_info:annotate",
        "build_from": "zoo.models.network:build_from",
        "build_of": "zoo.models.build_info:build_of",
        "own_options": "zoo.models.options:own_options",
        "resolve_options": "zoo.models.options:resolve_options",
    },
    "zoo.data.memory": {"Memory": "zoo.data.buffer_pool:BufferPool"},
    "zoo.data.pixels": {"Pixels": "zoo.data.pixel_cache:PixelCache"},
    "zoo.documents": {"Table": "zoo.reporting.documents:Grid"},
    "zoo.errors": {"ContestedNameError": "zoo.errors:AmbiguousNameError"},
    "zoo.evaluation": {"digest_of": "zoo.data.dataset:digest_of_samples"},
    "zoo.graph": {"Step": "zoo.models.graph:Node", "steps_of": "zoo.models.graph:nodes_of"},
    "zoo.metrics": {
        "classification": "zoo.inference.scoring:classification_metrics",
        "regression": "zoo.inference.scoring:regression_metrics",
    },
    "zoo.plugins": {
        "HEAVY": "zoo.guard:HEAVY",
        "MOST_RECORDS": "zoo.plugins:MOST_SPECS",
        "RECORDS": "zoo.plugins:SPECS",
        "named": "zoo.plugins:resolve_reference",
    },
    "zoo.prediction": {"named": "zoo.inference.prediction:top_predictions"},
    "zoo.registry": {"did_you_mean": "zoo.errors:did_you_mean"},
    "zoo.subject": {
        "Subject": "zoo.inference.loaded_model:LoadedModel",
        "known_build": "zoo.models.build_info:require_build",
        "model_of": "zoo.inference.loaded_model:existing_model",
        "name_of": "zoo.inference.loaded_model:display_name",
        "subject_of": "zoo.inference.loaded_model:load_model",
    },
    "zoo.transfer.caching": {"Features": "zoo.transfer.feature_cache:FeatureStore"},
    "zoo.transfer.checkpoints": {"touched": "zoo.transfer.training_state:updated_variables"},
    "zoo.transfer.reports": {"drawings": "zoo.transfer.run_pictures:run_pictures"},
    "zoo.transfer.trainer": {"check_layers": "zoo.transfer.strategy_loading:check_layers"},
    "zoo.transfer.solving": {"regression": "zoo.transfer.closed_form:solve_regression"},
    "zoo.weights": {"LoadReport": "zoo.models.load_report:LoadReport"},
}


def moved_names(module: str, *, stacklevel: int = 2) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module, which finds the names that have moved out of it and warns once for each.

    ``stacklevel`` is that of the warning: 2 where this function is the ``__getattr__`` itself, 3 where that calls it.
    """

    def find(name: str) -> Any:
        home, new = _home_of(module, name)
        if home is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(
            f"{module}.{name} is now {home}.{new}; the old name will be removed in the next release",
            DeprecationWarning,
            stacklevel=stacklevel,
        )
        value = getattr(importlib.import_module(home), new)
        setattr(sys.modules[module], name, value)  # `from package import name` asks twice, and one warning is enough
        return value

    return find


def _home_of(module: str, name: str) -> tuple[str | None, str]:
    """Return the module that defines the name today, or None, and what the name is there."""
    if name in NAMES.get(module, {}):
        home, _, new = NAMES[module][name].partition(":")
        return home, new
    if name.startswith("__"):
        return None, name
    homes = (home for home in MODULES.get(module, ()) if hasattr(importlib.import_module(home), name))
    return next(homes, None), name


class _MovedModules:
    """Finds the modules that are gone. Python imports them as empty modules, whose ``__getattr__`` finds the names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        # Python asks a loader only for the two methods below; importlib.abc.Loader would make `import zoo` slower.
        return ModuleSpec(fullname, self) if fullname in MODULES else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = moved_names(module.__name__)  # type: ignore[method-assign]


def install() -> None:
    """Make the modules that are gone importable."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(_MovedModules())
