"""One set of weights for each card: ``cards/MODEL.TAG.toml`` beside ``cards/MODEL.TAG.safetensors``."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo import Fingerprint, Preprocessing, WeightsSpec, hookimpl

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
            input_shape=tuple(card["input_shape"]),
            config=json.loads(card.get("config", "{}")),
            table=json.loads(card["table"]) if "table" in card else None,
            summary=card["summary"],
            class_names=tuple(card["class_names"]),
            preprocessing=_preprocessing(card.get("preprocessing")),
            metrics=card["metrics"],
            licence=card["licence"],
            reference=card["recipe"],
            fingerprint=_fingerprint(card.get("fingerprint")),
        )


def _preprocessing(fields: dict[str, Any] | None) -> Preprocessing | None:
    return Preprocessing(**_with_tuples(fields)) if fields else None


def _fingerprint(fields: dict[str, Any] | None) -> Fingerprint | None:
    return Fingerprint(**_with_tuples(fields)) if fields else None


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
