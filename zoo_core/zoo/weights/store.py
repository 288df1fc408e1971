"""Where the bytes of weights come from: a tag that a plugin offers, or a local file."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from zoo.errors import UnknownNameError, WeightsFileError
from zoo.registry import Entry, find_weights, weights_of
from zoo.specs import ModelSpec, WeightsSpec

_TAG = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Source:
    """A local file of weights and, if a plugin offers that very file, its record."""

    path: Path
    record: WeightsSpec | None = None

    @cached_property
    def sha256(self) -> str:
        """The digest of the file as it is now, in hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def find_source(model: Entry[ModelSpec] | None, weights: str | os.PathLike[str]) -> Source:
    """Return the file that ``weights`` means for ``model``: a tag, or the path of a local file.

    A local file whose digest is that of a tag is that tag. The file of a tag is checked against its digest.

    Raises:
        UnknownNameError: if it is neither a tag nor a file.
        WeightsFileError: if the file is missing, is no file, or is not the one its tag promises.
    """
    text = os.fspath(weights)
    asked = f"load the weights {text!r}" + (f" into {model.qualified!r}" if model else "")
    if re.match(r"(https?|hf)://", text):
        raise WeightsFileError(asked, "only tags and local files are read", "download the file and pass its path")
    is_tag = isinstance(weights, str) and _TAG.fullmatch(text)
    if model and is_tag:
        try:
            return _of_tag(asked, find_weights(model, text).spec)
        except UnknownNameError:
            if not Path(text).is_file():
                raise
    path = Path(text).expanduser()
    if not path.exists():
        raise WeightsFileError(
            asked, f"there is no file {path}", "check the path, or pass one of the tags of `zoo weights list`"
        )
    if not path.is_file():
        raise WeightsFileError(asked, f"{path} is no file", "pass the path of a weights file")
    source = Source(path)
    known = {entry.spec.sha256: entry.spec for entry in weights_of(model)} if model else {}
    return Source(path, known.get(_digest(asked, source))) if known else source


def _of_tag(asked: str, record: WeightsSpec) -> Source:
    source = Source(Path(record.source), record)
    if not source.path.is_file():
        raise WeightsFileError(
            asked,
            f"the file of that tag, {source.path}, is missing",
            "install again the distribution that offers the tag",
        )
    digest = _digest(asked, source)
    if digest != record.sha256:
        raise WeightsFileError(
            asked,
            f"{source.path} has the SHA-256 {digest}, where its tag promises {record.sha256}",
            "the file was changed or damaged: install again the distribution that offers the tag",
        )
    return source


def _digest(asked: str, source: Source) -> str:
    try:
        return source.sha256
    except OSError as error:
        raise WeightsFileError(asked, f"{source.path} cannot be read ({error})", "check its permissions") from error
