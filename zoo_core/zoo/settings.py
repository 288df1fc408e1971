"""The user's own settings, kept between sessions: what an ambiguous name means, where files of weights come from."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.atomic import in_one_step
from zoo.errors import ArgumentError


@dataclass(frozen=True)
class WeightsSettings:
    """Where files of weights may come from.

    ``folders`` are searched for files that were downloaded by hand, ``mirror`` is the base URL that is asked before the
    address of a file, and ``offline`` forbids every download.
    """

    folders: tuple[Path, ...] = ()
    mirror: str | None = None
    offline: bool = False


def config_folder() -> Path:
    """Return the folder of the user's settings: ``$ZOO_HOME`` if set, else the platform's convention."""
    if home := os.environ.get("ZOO_HOME"):
        return Path(home)
    import platformdirs

    return Path(platformdirs.user_config_dir("zoo"))


def weights_folder() -> Path:
    """Return the folder of fetched weights: in ``$ZOO_HOME`` if set, else where the platform keeps caches."""
    if home := os.environ.get("ZOO_HOME"):
        return Path(home, "weights")
    import platformdirs

    return Path(platformdirs.user_cache_dir("zoo"), "weights")


def weights_settings() -> WeightsSettings:
    """Return the settings for files of weights: from the environment, else from ``settings.toml``, else none.

    The file stands in :func:`config_folder`, and each of its keys has a variable that wins over it:

    - ``[weights] folder = "..."``, ``ZOO_WEIGHTS`` (several, separated as in ``PATH``);
    - ``[weights] mirror = "https://..."``, ``ZOO_MIRROR``;
    - ``[weights] offline = true``, ``ZOO_OFFLINE``.

    Raises:
        ArgumentError: if the file is damaged or holds another key, or a value is not of its kind.
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
        raise ArgumentError(_READ_SETTINGS, f"{where} does not begin with https://", "give the base URL of the mirror")
    offline = _as_bool("ZOO_OFFLINE", kept.get("offline", False))
    return WeightsSettings(tuple(Path(each).expanduser() for each in folders if each), mirror or None, offline)


def preferred() -> dict[str, str]:
    """Return name -> distribution, as ``zoo prefer`` left it.

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
            "read your preferences", f"{path} cannot be read ({error})", "mend or delete that file"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise ArgumentError("read your preferences", f"{path} is not an object of strings", "mend or delete that file")
    return content


def prefer(name: str, distribution: str | None) -> None:
    """Let ``name`` mean that of ``distribution`` from now on; None forgets the preference. Written in one step."""
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
            "set ZOO_HOME to a folder of yours",
        ) from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object as JSON in one step, so that nobody ever reads half of it; raises OSError."""
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
        raise ArgumentError(_READ_SETTINGS, f"{path} cannot be read ({error})", "mend or delete that file") from error
    _check_keys(path, content, {"weights": dict}, "")
    table: dict[str, Any] = content.get("weights", {})
    _check_keys(path, table, _KINDS, "weights.")
    return table


def _check_keys(path: Path, table: dict[str, Any], kinds: Mapping[str, type], within: str) -> None:
    # The registry asks this module what is preferred, so that it cannot be imported above.
    from zoo.errors import did_you_mean

    names = {dict: "a table", str: "a string", bool: "true or false"}
    for key, value in table.items():
        if key not in kinds:
            advice = did_you_mean(key, kinds) or f"what can be set is {', '.join(within + each for each in kinds)}"
            raise ArgumentError(_READ_SETTINGS, f"{path} sets {within + key!r}, which is no setting", advice)
        if not isinstance(value, kinds[key]):
            found = f"{path} sets {within + key!r} to {value!r}"
            raise ArgumentError(_READ_SETTINGS, found, f"make it {names[kinds[key]]}")


def _as_bool(variable: str, otherwise: bool) -> bool:
    text = os.environ.get(variable, "").strip().lower()
    if text and text not in _BOOLEANS:
        raise ArgumentError(_READ_SETTINGS, f"{variable} is {text!r}", "set it to 1 or 0")
    return _BOOLEANS[text] if text else otherwise
