"""Converting any readable weights file to safetensors or ``.weights.h5``, with the names of our own model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import keras
import safetensors.numpy

from zoo import registry
from zoo.atomic import in_one_step
from zoo.errors import ArgumentError, WeightsFileError, WeightsMismatchError, asked, asking, one_line
from zoo.models.build_info import build_of
from zoo.models.load_report import LoadReport
from zoo.models.options import resolve_options
from zoo.weights.formats import Array, open_weights
from zoo.weights.loading import build_with
from zoo.weights.matching import targets_of
from zoo.weights.sources import find_source

#: The endings of a file's name that say in which format it is written.
SUFFIXES = (".safetensors", ".weights.h5")


def convert(
    source: str | os.PathLike[str], model: str, path: str | os.PathLike[str], *, overwrite: bool = False, **options: Any
) -> LoadReport:
    """Write the weights of ``source`` to ``path`` under the names of ``model``, and return what was loaded.

    The file appears in one step, after it was read again and every array was found equal to the last bit.

    Args:
        source: a tag of ``model``, a path, ``https://...`` or ``hf://...``, as for :func:`zoo.build`.
        model: the model's name.
        path: the file to write. Its name ends with ``.safetensors`` or ``.weights.h5``, which decides the format.
        overwrite: whether an existing file may be replaced.
        options: of :func:`zoo.build`, such as ``classes`` or ``include_top=False``.

    Raises:
        ArgumentError: if ``path`` has another ending, or if the file exists already.
        WeightsError: if the source cannot be read, or does not fill the model.
        WeightsFileError: if the file cannot be written.
    """
    target = Path(path).expanduser()
    with asking(f"convert {os.fspath(source)!r} to {str(target)!r}"):
        if not target.name.endswith(SUFFIXES):
            raise ArgumentError(
                asked(), "the name does not say the format", f"use a name that ends with {' or '.join(SUFFIXES)}"
            )
        if target.exists() and not overwrite:
            raise ArgumentError(asked(), "the file exists already", "choose another name, or pass overwrite=True")
        entry, tag = registry.find_model(model)
        if tag is not None:
            raise ArgumentError(asked(), f"the name {model!r} has a weights tag", "pass the model's name alone")
        found = find_source(entry, source, include_top=options.get("include_top", True))
        if found.record is not None:
            given = {"classes": found.record.classes, "input_shape": found.record.input_shape, **found.record.config}
            options = {**given, "include_top": found.record.include_top, **options}
        built = build_with(entry, resolve_options(entry, **options), found)
        known = build_of(built)
        assert known is not None
        assert known.report is not None
        report = known.report
        if report.missing:
            name, reason = report.missing[0]
            raise WeightsMismatchError(
                asked(),
                f"{name} {reason}",
                "nothing was written; pass the classes of the file, or include_top=False",
            )
        try:
            with in_one_step(target) as unfinished:
                origin = {"model": known.qualified, "source": Path(report.source).name, "sha256": report.sha256}
                _write(built, unfinished, origin)
                _check(built, unfinished)
        except OSError as error:
            advice = "choose a folder that you can write to and that has enough space"
            raise WeightsFileError(asked(), f"the file cannot be written ({one_line(error)})", advice) from error
        return report


def _write(model: keras.Model, path: Path, origin: dict[str, str]) -> None:
    if path.name.endswith(".safetensors"):
        # A single key, because safetensors writes several keys in any order, and equal weights must give equal files.
        safetensors.numpy.save_file(arrays_of(model), path, {"zoo": json.dumps(origin)})
    else:
        model.save_weights(path)


def arrays_of(model: keras.Model) -> dict[str, Array]:
    """Return the values of the model's variables as ``layer/variable``."""
    return {target.name: keras.ops.convert_to_numpy(target.variable) for target in targets_of(model)}


def _check(model: keras.Model, path: Path) -> None:
    """Read the file again and compare it with the model, bit by bit."""
    places = {f"{target.layer.name}/{target.position}": target.name for target in targets_of(model)}
    expected = arrays_of(model)
    with open_weights(path) as file:
        written = {places.get(array.name, array.name): array.read() for array in file.arrays}
    same = {name for name, array in expected.items() if name in written and _bits(written[name]) == _bits(array)}
    if len(same) < len(expected):
        name = sorted(expected.keys() - same)[0]
        raise WeightsFileError(
            asked(), f"{name} has other values than those that were written", "check the disk, and try again"
        )


def _bits(array: Array) -> tuple[str, tuple[int, ...], bytes]:
    return str(array.dtype), array.shape, array.tobytes()
