"""A training as a file: TOML that people write, or the JSON from which an unfinished run is resumed."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.atomic import in_one_step
from zoo.errors import ArgumentError, RunError, asked, asking, did_you_mean, one_line
from zoo.transfer.options import NAMES, with_new_names

#: The recipe of an unfinished run, in its folder.
RECIPE = "recipe.json"

#: The arguments of :func:`zoo.transfer` that a recipe may hold besides the options of training, and their types.
_ARGUMENTS: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "data": (str, dict),
    "strategy": (str,),
    "weights": (str,),
    "epochs": (int,),
    "batch_size": (int,),
    "learning_rate": (int, float, str),
    "out": (str,),
    "seed": (int,),
    "options": (dict,),
}


@dataclass(frozen=True)
class Recipe:
    """A model, data and how to train: ``data`` are the arguments of :func:`zoo.load_data`, and ``arguments`` those of
    :func:`zoo.transfer` besides the model and the data.
    """

    model: str | None
    data: Mapping[str, Any] | None
    arguments: Mapping[str, Any] = field(default_factory=dict)


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Return the recipe in a TOML file; paths in it are relative to the current folder.

    Raises:
        ArgumentError: if the file cannot be read, or it has a key that no recipe has or a value of the wrong type.
    """
    with asking(f"read the recipe {os.fspath(path)!r}"):
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ArgumentError(asked(), "there is no such file", "check the path") from None
        except (OSError, ValueError) as error:
            raise ArgumentError(asked(), one_line(error), "correct the file: it has to be TOML") from error
        content = with_new_names(content)
        known = (*_ARGUMENTS, *NAMES)
        for key, value in content.items():
            if key not in known:
                advice = did_you_mean(key, known) or f"the keys of a recipe are {', '.join(known)}"
                raise ArgumentError(asked(), f"it sets {key!r}, which is not a key of a recipe", advice)
            kinds = _ARGUMENTS.get(key)
            if kinds and (not isinstance(value, kinds) or isinstance(value, bool)):
                names = " or ".join(kind.__name__.replace("dict", "table") for kind in kinds)
                raise ArgumentError(asked(), f"{key!r} is {value!r}", f"give it a value of the type {names}")
        return _recipe(content)


def _recipe(content: Mapping[str, Any]) -> Recipe:
    arguments = {key: value for key, value in content.items() if key not in ("model", "data", "options")}
    for key, value in content.get("options", {}).items():
        if key in _ARGUMENTS or key in NAMES:
            raise ArgumentError(asked(), f"{key!r} is under [options]", "move it to the top, before the first table")
        arguments[key] = value
    data = content.get("data")
    if isinstance(data, str):
        data = {"name_or_folder": data}
    elif data is not None:
        data = {"name_or_folder" if key == "name" else key: value for key, value in data.items()}
        if "name_or_folder" not in data:
            raise ArgumentError(
                asked(), "[data] does not name the data", 'add name = "..." to it: a folder, or the name of a dataset'
            )
    return Recipe(content.get("model"), data, arguments)


def save_recipe(recipe: Recipe, folder: Path) -> None:
    """Write ``recipe`` into the folder of an unfinished run in one step. Raises OSError."""
    with in_one_step(folder / RECIPE) as unfinished:
        unfinished.write_text(json.dumps(vars(recipe), indent=2) + "\n", encoding="utf-8")


def load_recipe(folder: Path) -> Recipe:
    """Return the recipe in the folder of an unfinished run.

    Raises:
        RunError: if it is missing or damaged.
    """
    try:
        return Recipe(**json.loads((folder / RECIPE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        found = f"{folder / RECIPE} cannot be read ({one_line(error)})"
        raise RunError(asked(), found, "delete that folder and train again from the start") from error
