"""The JSON document of a spec, as every command prints it."""

from __future__ import annotations

from typing import Any

from zoo import registry
from zoo.registry import Entry
from zoo.specs import ModelSpec, WeightsSpec


def spec_document(entry: Entry[Any]) -> dict[str, Any]:
    """Return a spec with the distribution it comes from; a model also contains its weights."""
    extra: dict[str, Any] = {"distribution": entry.distribution}
    if not isinstance(entry.spec, WeightsSpec):
        extra["qualified"] = entry.qualified
    if isinstance(entry.spec, ModelSpec):
        extra["weights"] = [spec_document(each) for each in registry.weights_of(entry)]
    return {**vars(entry.spec), **extra}
