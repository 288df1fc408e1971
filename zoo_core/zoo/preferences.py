"""The user's own settings, kept between sessions: which distribution a contested name means."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from zoo.errors import ArgumentError


def config_folder() -> Path:
    """Return the folder of the user's settings: ``$ZOO_HOME`` if set, else the platform's convention."""
    if home := os.environ.get("ZOO_HOME"):
        return Path(home)
    import platformdirs

    return Path(platformdirs.user_config_dir("zoo"))


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
    folder = config_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(choices, file, indent=2, sort_keys=True)
        os.replace(temporary, folder / "prefer.json")
    except OSError as error:
        raise ArgumentError(
            f"prefer {distribution} for {name!r}",
            f"{folder} cannot be written ({error})",
            "set ZOO_HOME to a folder of yours",
        ) from error
