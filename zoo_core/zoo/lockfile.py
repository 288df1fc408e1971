"""``zoo.lock``: the exact plugins, weights and preprocessing that the models of a project are made of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.atomic import in_one_step
from zoo.errors import LockError, asking, did_you_mean, one_line
from zoo.plugins import load_plugins
from zoo.registry import Entry
from zoo.specs import ModelSpec, read_preprocessing
from zoo.weights.sources import Source, is_tag

#: What the file is called, in the folder where a project is worked on.
LOCK = "zoo.lock"

_VERSION = 1


@dataclass(frozen=True)
class LockedModel:
    """One model of a project: the distributions that it is made of, its weights and its preprocessing.

    ``weights`` is the tag or the path as the user gave it, and ``sha256`` is the digest of the file. Both are None for
    a model without weights.
    """

    model: str
    distributions: dict[str, str]
    parameters: int
    weights: str | None = None
    sha256: str | None = None
    preprocessing: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        """The name of the model in the lock: its qualified name and its weights."""
        return _key(self.model, self.weights)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> LockedModel:
        """Return the model that a lock holds as ``content``."""
        preprocessing = content["preprocessing"]
        return cls(**{**content, "preprocessing": preprocessing and read_preprocessing(preprocessing)})


def lock(names: Iterable[str] = (), path: str | os.PathLike[str] = LOCK) -> list[LockedModel]:
    """Write the models of a project to ``path`` and return all models of the lock, the earlier ones included.

    Args:
        names: ``"resnet50"``, ``"resnet50.imagenet"`` or, with a file of weights, ``"resnet50=weights/photos.h5"``.
            Without names, the models that are already in the lock are written again, as they are today.
        path: the path of the lock, which is replaced in one step.

    Raises:
        UnknownNameError, WeightsError: if a model or its weights cannot be found.
        LockError: if there is nothing to lock, or the file cannot be read or written.
    """
    path = Path(path)
    before = read_lock(path) if path.exists() else {}
    wanted = [_parsed(name) for name in names] or [(each.model, each.weights) for each in before.values()]
    if not wanted:
        raise LockError(
            f"write {path}", "no model was named, and no model is locked yet", "name the models: MODEL[.TAG]"
        )
    fresh = {each.key: each for each in (_as_of_today(*each) for each in wanted)}
    locked = {**before, **fresh}
    content = {"version": _VERSION, "models": [asdict(locked[key]) for key in sorted(locked)]}
    try:
        with in_one_step(path) as unfinished:
            unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise LockError(f"write {path}", one_line(error), "choose a folder that can be written") from error
    return [locked[key] for key in sorted(locked)]


def read_lock(path: str | os.PathLike[str]) -> dict[str, LockedModel]:
    """Return the models of a lock by their keys.

    Raises:
        LockError: if the file is missing or damaged.
    """
    request = f"read {os.fspath(path)}"
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content["version"] != _VERSION:
            found = f"it has the version {content['version']}, and this Zoo reads version {_VERSION}"
            raise LockError(request, found, "install the Zoo that wrote it, or write it again with `zoo lock`")
        return {each.key: each for each in map(LockedModel.from_dict, content["models"])}
    except FileNotFoundError:
        raise LockError(request, "there is no such file", "write it with `zoo lock MODEL...`") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        advice = "restore it, or delete it and write it again with `zoo lock`"
        raise LockError(request, f"it cannot be read ({one_line(error)})", advice) from error


def check_lock(
    entry: Entry[ModelSpec], weights: str | None, source: Source | None, path: str | os.PathLike[str]
) -> None:
    """Compare the model that is about to be built with the lock.

    Raises:
        LockError: if the model is not in the lock, or if anything differs from the lock; the message has both values.
    """
    request = f"build {_key(entry.qualified, weights)!r} as locked in {os.fspath(path)}"
    models = read_lock(path)
    key = _key(entry.qualified, weights)
    if key not in models:
        advice = did_you_mean(key, models) or f"add it with `zoo lock {key}`"
        raise LockError(request, f"the lock holds {', '.join(sorted(models)) or 'nothing'}", advice)
    locked, today = models[key], _described(entry, weights, source)
    differences = [
        f"{name} is {today.distributions.get(name, 'not installed')} here and {version} in the lock"
        for name, version in locked.distributions.items()
        if today.distributions.get(name) != version
    ]
    differences += [
        f"{what} is {here} here and {there} in the lock"
        for what, here, there in (
            ("the SHA-256 of the weights", today.sha256, locked.sha256),
            ("the preprocessing", today.preprocessing, locked.preprocessing),
            ("the number of parameters", today.parameters, locked.parameters),
        )
        if json.dumps(here) != json.dumps(there)
    ]
    if differences:
        advice = f"install what the lock lists, or accept the change with `zoo lock {key}`"
        raise LockError(request, "; ".join(differences), advice)


def _parsed(name: str) -> tuple[str, str | None]:
    model, equals, path = name.partition("=")
    return (model, path) if equals else (name, None)


def _key(model: str, weights: str | None) -> str:
    if not weights:
        return model
    return f"{model}{'.' if is_tag(weights) else '='}{weights}"


def _as_of_today(name: str, weights: str | None) -> LockedModel:
    from zoo.weights import find_source

    entry, tag = registry.find_model(name)
    weights = tag or weights
    return _described(entry, weights, find_source(entry, weights) if weights else None)


def _described(entry: Entry[ModelSpec], weights: str | None, source: Source | None) -> LockedModel:
    """Return the model as it is installed now."""
    versions = {plugin.distribution: plugin.version for plugin in load_plugins()}
    taking_part = {"zoo-core", entry.distribution}
    preprocessing = entry.spec.preprocessing
    if source is not None:
        with asking(f"lock {_key(entry.qualified, weights)!r}"):
            source = source.settled()
        if source.record is not None:
            preprocessing = source.record.preprocessing or preprocessing
            taking_part |= {each.distribution for each in registry.weights_of(entry) if each.spec == source.record}
    return LockedModel(
        model=entry.qualified,
        distributions={name: versions[name] for name in sorted(taking_part) if name in versions},
        parameters=entry.spec.parameters.total,
        weights=weights,
        sha256=source.sha256 if source else None,
        preprocessing=json.loads(json.dumps(asdict(preprocessing))) if preprocessing else None,
    )
