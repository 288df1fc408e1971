"""Loading a dataset by its name, or from a folder or a CSV file."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo import registry, settings
from zoo.data.dataset import Dataset, Split
from zoo.errors import ArgumentError, DataError, PluginError, UnknownNameError, ZooError, did_you_mean
from zoo.plugins import CORE, resolve_reference
from zoo.registry import Entry
from zoo.specs import DatasetSpec


# Eight parameters: the options that most sources share have names here; the rest is left to the source.
def load_data(
    name_or_folder: str | os.PathLike[str] | Dataset,
    *,
    path: str | os.PathLike[str] | None = None,
    classes: Iterable[str | int] | int | None = None,
    validation: float | str | os.PathLike[str] | None = None,
    test: float | str | os.PathLike[str] | None = None,
    seed: int = 0,
    on_error: str = "skip",
    **options: Any,
) -> Dataset:
    """Return the dataset with a name, or the data in a folder of class folders or in a CSV file.

    If a plugin offers a name and there is also a folder of that name, the plugin's dataset is loaded; ``./digits`` is
    always the folder.

    Args:
        name_or_folder: a dataset's name, a folder, a ``.csv`` file (with ``target=``), or a Dataset, which is returned
            as it is unless ``classes`` is given.
        path: the local file or folder of a named dataset that is not part of a plugin.
        classes: the classes to keep, in the desired order; their labels become 0, 1, ... (A single number is passed on
            to the dataset's loader.)
        validation: a fraction of the training data or, for class folders, another such folder; by default the
            dataset's own split, or what its loader decides.
        test: a fraction or a folder, as for ``validation``.
        seed: determines which samples are in which split.
        on_error: what to do about a damaged image: ``"skip"`` it and list it in ``skipped``, or ``"refuse"`` the data.
        options: further arguments of the dataset's loader.

    Raises:
        UnknownNameError: if no plugin offers the name and there is no such folder.
        ArgumentError: if this dataset does not take an option, or the value of one does not fit.
        DataError: if the data is missing, is damaged, or does not fit the task.
        PluginError: if the plugin's loader raises an error that is not Zoo's.

    >>> load_data("digits", classes=(5, 6), seed=1).describe()
    'digits: 219 for training, 72 for validation, 72 for testing; 2 classes (5, 6).'
    """
    common = {"path": path, "validation": validation, "test": test, "seed": seed, "on_error": on_error}
    defaults = {"path": None, "validation": None, "test": None, "seed": 0, "on_error": "skip"}
    given: dict[str, Any] = {key: value for key, value in common.items() if value != defaults[key]} | options
    if isinstance(classes, int):
        given, classes = given | {"classes": classes}, None
    if isinstance(name_or_folder, Dataset):
        if given:
            request = f"load {name_or_folder.name!r} with {', '.join(given)}"
            raise ArgumentError(request, "it is loaded already", "pass its name instead")
        return name_or_folder if classes is None else _with_classes(name_or_folder, classes)
    entry, location = _resolve(name_or_folder)
    if location is not None:
        if "path" in given:
            raise ArgumentError(f"load {str(location)!r}", f"path={path!r} is given as well", "pass one of the two")
        dataset = _load(entry, given | {"path": location})
    else:
        dataset = _load(entry, given)
    name = entry.qualified if location is None else os.path.abspath(location)
    origin = {key: _as_json(key, value) for key, value in {"name_or_folder": name, "seed": seed, **given}.items()}
    dataset = replace(dataset, origin=origin)
    if classes is not None:
        dataset = _with_classes(dataset, classes)
    return replace(dataset, notes=(*dataset.notes, *_classes_without_samples(dataset)))


def _resolve(name_or_folder: object) -> tuple[Entry[DatasetSpec], Path | None]:
    """Return the entry of the dataset and, if it was not found by its name, the path of the data."""
    if not isinstance(name_or_folder, (str, os.PathLike)) or not str(name_or_folder):
        request = f"load the data {name_or_folder!r}"
        raise ArgumentError(request, "it is neither a name nor a path", "pass a dataset's name or a folder")
    path = Path(name_or_folder).expanduser()
    if isinstance(name_or_folder, str):
        try:
            return registry.find_dataset(name_or_folder), None
        except UnknownNameError as error:
            bare = not path.suffix and path.name == name_or_folder
            if bare and not path.exists():
                found = f"{error.found}, and there is no folder {name_or_folder!r}"
                raise UnknownNameError(error.asked, found, error.advice) from None
    if path.is_dir():
        return registry.find_dataset(f"{CORE}/image_folder"), path
    if path.is_file() and path.suffix.lower() == ".csv":
        return registry.find_dataset(f"{CORE}/table"), path
    if path.exists():
        advice = "pass its folder, or the name of its dataset with path="
        raise DataError(f"load the data {str(path)!r}", "it is neither a folder nor a .csv file", advice)
    what = "file" if path.suffix.lower() == ".csv" else "folder"
    raise DataError(f"load the data {str(path)!r}", f"there is no such {what}", "check the path")


def _load(entry: Entry[DatasetSpec], given: dict[str, Any]) -> Dataset:
    """Call the loader of a dataset with its configuration and the arguments of the caller."""
    spec = entry.spec
    request = f"load the dataset {entry.qualified!r}"
    try:
        loader: Callable[..., object] = resolve_reference(spec.loader)
        parameters = inspect.signature(loader).parameters
    except Exception as error:
        raise _broken(entry, f"its loader {spec.loader} cannot be imported ({error})") from error
    open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for key in given if not open_ended else ():
        if key not in parameters:
            takes = sorted(parameters)
            advice = did_you_mean(key, takes) or f"leave out {key}"
            raise ArgumentError(
                request, f"it does not take {key!r}; it takes {', '.join(takes) or 'no options'}", advice
            )
    arguments = {**spec.config, **given}
    if "path" in parameters and "path" not in arguments and spec.reference and (local := _local_data(spec.name)):
        arguments["path"] = local
    needed = [name for name, each in parameters.items() if each.default is each.empty and each.kind != each.VAR_KEYWORD]
    missing = [name for name in needed if name not in arguments]
    if missing:
        advice = f"pass {' and '.join(f'{name}=' for name in missing)}"
        if "path" in missing and spec.reference:
            advice += f", or put the data at {settings.config_folder() / 'data' / spec.name}; it is {spec.reference}"
        raise ArgumentError(request, f"it needs {' and '.join(missing)}", advice)
    try:
        dataset = loader(**arguments)
    except ZooError:
        raise
    except (Exception, SystemExit) as error:
        raise _broken(entry, f"its loader fails with {type(error).__name__}: {error}") from error
    if not isinstance(dataset, Dataset):
        raise _broken(entry, f"its loader returns a {type(dataset).__name__}, not a zoo.data.Dataset")
    return dataset


def _broken(entry: Entry[DatasetSpec], found: str) -> PluginError:
    advice = f"tell the authors of {entry.distribution}, whose plugin offers it"
    return PluginError(f"load the dataset {entry.qualified!r}", found, advice)


def _local_data(name: str) -> Path | None:
    """Return the file or folder of this name, with any suffix, in the user's folder for data, if there is one."""
    folder = settings.config_folder() / "data"
    return next((each for each in sorted(folder.glob(f"{name}*")) if each.name.partition(".")[0] == name), None)


def _with_classes(dataset: Dataset, classes: Iterable[str | int]) -> Dataset:
    """Return only the samples of ``classes``, labelled in the order of ``classes``."""
    request = f"keep the classes {classes!r} of {dataset.name!r}"
    if not dataset.class_names:
        raise ArgumentError(request, f"its task is {dataset.task}, which has no classes", "leave out classes")
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise ArgumentError(request, "that is not a list of class names", "pass classes=('cat', 'dog'), for example")
    names = tuple(map(str, classes))
    for name in names:
        if name not in dataset.class_names:
            known = ", ".join(dataset.class_names[:20]) + (", ..." if len(dataset.class_names) > 20 else "")
            advice = did_you_mean(name, dataset.class_names) or "pass names of these classes"
            raise ArgumentError(request, f"there is no class {name!r} among {known}", advice)
    if len(set(names)) < max(2, len(names)):
        raise ArgumentError(
            request, "these are not two or more different classes", "name at least two, each of them once"
        )
    relabel = np.full(len(dataset.class_names), -1, np.int64)
    relabel[[dataset.class_names.index(name) for name in names]] = np.arange(len(names))
    parts: dict[str, Split | None] = {}
    for part, split in dataset.splits.items():
        labels = relabel[split.labels]
        kept = np.flatnonzero(labels >= 0)
        parts[part] = Split(split.take(kept).inputs, labels[kept]) if kept.size else None
    origin = {**dataset.origin, "classes": list(names)}
    return replace(dataset, class_names=names, origin=origin, **parts)  # type: ignore[arg-type]


def _classes_without_samples(dataset: Dataset) -> Iterable[str]:
    """Yield a note for each split that has no sample of some classes."""
    for part, split in dataset.splits.items():
        present = set(np.unique(split.labels))
        absent = [name for index, name in enumerate(dataset.class_names) if index not in present]
        if absent:
            yield f"no {part} sample of {', '.join(absent[:5])}{', ...' if len(absent) > 5 else ''}"


def _as_json(key: str, value: Any) -> Any:
    """Return an option in a type that JSON can hold; a path is made absolute, to be valid in any working folder."""
    if isinstance(value, os.PathLike) or (key in ("path", "validation", "test") and isinstance(value, str)):
        return os.path.abspath(os.path.expanduser(value))
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, (tuple, range, set, frozenset)) else value
