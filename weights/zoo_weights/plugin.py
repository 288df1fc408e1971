"""One set of weights for each card: ``cards/MODEL.TAG.toml`` beside ``cards/MODEL.TAG.safetensors``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo import Preprocessing, WeightsSpec, hookimpl

CARDS = Path(__file__).parent / "cards"


@hookimpl
def zoo_weights() -> Iterator[WeightsSpec]:
    """Return the weights that have a card."""
    for path in sorted(CARDS.glob("*.toml")):
        card = tomllib.loads(path.read_text(encoding="utf-8"))
        yield WeightsSpec(
            model=card["model"],
            name=card["tag"],
            source=str(path.with_suffix(".safetensors")),
            sha256=card["sha256"],
            classes=card["classes"],
            summary=card["summary"],
            class_names=tuple(card["class_names"]),
            preprocessing=_preprocessing(card.get("preprocessing")),
            metrics=card["metrics"],
            licence=card["licence"],
            reference=card["recipe"],
        )


def _preprocessing(fields: dict[str, Any] | None) -> Preprocessing | None:
    if fields is None:
        return None
    return Preprocessing(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
