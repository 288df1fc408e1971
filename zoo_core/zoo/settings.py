"""The user's settings, which last between sessions: what an ambiguous name means, and where weights come from."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.atomic import in_one_step
from zoo.errors import ArgumentError, did_you_mean


@dataclass(frozen=True)
class WeightsSettings:
    """Where weights files may come from.

    - ``folders``: searched for files that the user has downloaded by hand;
    - ``mirror``: the base URL of a server that is tried before a file's own URL;
    - ``offline``: forbids every download.
    """

    folders: tuple[Path, ...] = ()
    mirror: str | None = None
    offline: bool = False


def config_folder() -> Path:
    """Return the folder of the user's settings: ``$ZOO_HOME`` if it is set, otherwise the usual one of the platform."""
    if home := os.environ.get("ZOO_HOME"):
        return Path(home)
    import platformdirs

    return Path(platformdirs.user_config_dir("zoo"))


def weights_folder() -> Path:
    """Return the folder of downloaded weights: in ``$ZOO_HOME`` if it is set, otherwise in the platform's cache."""
    if home := os.environ.get("ZOO_HOME"):
        return Path(home, "weights")
    import platformdirs

    return Path(platformdirs.user_cache_dir("zoo"), "weights")


def weights_settings() -> WeightsSettings:
    """Return the settings for weights files, from the environment and ``settings.toml`` in :func:`config_folder`.

    For each key of the file there is an environment variable, which overrides it:

    - ``[weights] folder = "..."``, ``ZOO_WEIGHTS`` (one or more folders, separated as in ``PATH``);
    - ``[weights] mirror = "https://..."``, ``ZOO_MIRROR``;
    - ``[weights] offline = true``, ``ZOO_OFFLINE``.

    Raises:
        ArgumentError: if the file is damaged or contains another key, or if a value is of the wrong type.
    """
    path = config_folder() / "settings.toml"
    kept = _weights_table(path)
    folder = os.environ.get("ZOO_WEIGHTS")
    folders = (
        [str(path.parent / Path(kept["folder"]).expanduser())]
        if folder is None and "folder" in kept
        else (folder or "").split(os.pathsep)
    )
    mirror = os.environ.get("ZOO_MIRROR", kept.get("mirror", ""))
    if mirror and not mirror.startswith(("https://", "http://")):
        where = "ZOO_MIRROR" if "ZOO_MIRROR" in os.environ else f"mirror in {path}"
        raise ArgumentError(
            _READ_SETTINGS, f"{where} does not begin with https://", "set it to the base URL of the mirror"
        )
    offline = _as_bool("ZOO_OFFLINE", kept.get("offline", False))
    return WeightsSettings(tuple(Path(each).expanduser() for each in folders if each), mirror or None, offline)


def preferred() -> dict[str, str]:
    """Return the distribution that each ambiguous name means, by name, as decided with ``zoo prefer``.

    Raises:
        ArgumentError: if the file of preferences is damaged.
    """
    path = config_folder() / "prefer.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ArgumentError(
            "read your preferences", f"{path} cannot be read ({error})", "correct or delete that file"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise ArgumentError(
            "read your preferences",
            f"{path} is not a JSON object whose values are strings",
            "correct or delete that file",
        )
    return content


def prefer(name: str, distribution: str | None) -> None:
    """Let ``name`` mean what ``distribution`` offers from now on; None forgets the preference.

    Raises:
        ArgumentError: if the file of preferences is damaged or cannot be written.
    """
    choices = preferred()
    choices.pop(name, None)
    if distribution is not None:
        choices[name] = distribution
    path = config_folder() / "prefer.json"
    try:
        write_json(path, choices)
    except OSError as error:
        raise ArgumentError(
            f"prefer {distribution} for {name!r}",
            f"{path.parent} cannot be written ({error})",
            "set ZOO_HOME to a folder that you can write to",
        ) from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object as JSON in one step, so that no reader ever sees half of it; raises OSError."""
    with in_one_step(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=2, sort_keys=True), encoding="utf-8")


# -- settings.toml

_READ_SETTINGS = "read your settings"
_KINDS: dict[str, type] = {"folder": str, "mirror": str, "offline": bool}
_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _weights_table(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ArgumentError(
            _READ_SETTINGS, f"{path} cannot be read ({error})", "correct or delete that file"
        ) from error
    _check_keys(path, content, {"weights": dict}, "")
    table: dict[str, Any] = content.get("weights", {})
    _check_keys(path, table, _KINDS, "weights.")
    return table


def _check_keys(path: Path, table: dict[str, Any], kinds: Mapping[str, type], within: str) -> None:
    names = {dict: "a table", str: "a string", bool: "true or false"}
    for key, value in table.items():
        if key not in kinds:
            advice = did_you_mean(key, kinds) or f"the settings are {', '.join(within + each for each in kinds)}"
            raise ArgumentError(_READ_SETTINGS, f"{path} sets {within + key!r}, which is not a setting", advice)
        if not isinstance(value, kinds[key]):
            found = f"{path} sets {within + key!r} to {value!r}"
            raise ArgumentError(_READ_SETTINGS, found, f"set it to {names[kinds[key]]}")


def _as_bool(variable: str, otherwise: bool) -> bool:
    text = os.environ.get(variable, "").strip().lower()
    if text and text not in _BOOLEANS:
        raise ArgumentError(_READ_SETTINGS, f"{variable} is {text!r}", "set it to 1 or 0")
    return _BOOLEANS[text] if text else otherwise
