"""Finding the file that ``weights=`` means: a tag, a path, a URL or a Hugging Face repository; checking its digest."""

from __future__ import annotations

import logging
import os
import re
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from zoo.errors import UnknownNameError, WeightsFileError, asked, asking
from zoo.registry import Entry, find_weights, weights_of
from zoo.specs import ModelSpec, WeightsSpec
from zoo.weights.digests import Digests, digests_of
from zoo.weights.downloads import without_password

log = logging.getLogger("zoo")

_TAG = re.compile(r"[a-z0-9][a-z0-9_-]*")

#: Bytes. The digest of a file up to this size is computed before the model is built, that of a larger file meanwhile.
_SMALL = 32 * 2**20


@dataclass(frozen=True)
class Source:
    """A local weights file and, if a plugin offers this very file, its spec, called ``record``.

    ``name`` is what the user asked for. ``promised`` is the SHA-256 that the file must have, if the store knows it.
    ``certain`` says that the user asked for the spec by its tag or URL. Otherwise only the name of the file suggests
    it, and the digest decides.
    """

    path: Path
    name: str
    record: WeightsSpec | None = None
    promised: str | None = None
    certain: bool = False

    @cached_property
    def _digesting(self) -> Future[Digests]:
        needs_md5 = bool(self.record and self.record.md5 and not self.record.sha256 and not self.promised)
        from zoo.weights.formats import files_of

        with_one_thread = ThreadPoolExecutor(1, thread_name_prefix="zoo-digest")
        future = with_one_thread.submit(digests_of, *files_of(self.path), md5=needs_md5)
        with_one_thread.shutdown(wait=False)
        return future

    def start_digesting(self) -> None:
        """Begin to compute the digest in the background."""
        self._digesting  # noqa: B018 (the first access starts it)

    @property
    def _who(self) -> str:
        return "its tag" if self.record else "the store"

    @property
    def sha256(self) -> str:
        """The digest of the file, in hexadecimal."""
        return self._digesting.result().sha256

    def settled(self) -> Source:
        """Return this source once its digest is known, without its spec if only the name of the file suggested it.

        Raises:
            WeightsFileError: if the file cannot be read, or does not have the digest that its tag or the store gives.
        """
        try:
            digests = self._digesting.result()
        except OSError as error:
            raise WeightsFileError(asked(), f"{self.path} cannot be read ({error})", "check its permissions") from error
        fits = digests.sha256 == self.promised if self.promised else self.record and digests.fit(self.record)
        if fits is not False:
            return self
        assert self.record or self.promised
        promised = self.promised or (self.record and (self.record.sha256 or f"MD5 {self.record.md5}"))
        found = f"{self.path} has the SHA-256 {digests.sha256}{digests.md5 and f' (MD5 {digests.md5})'}"
        if self.certain or self.promised:
            advice = "the file was changed or damaged: " + (
                "delete it, and it will be downloaded again"
                if self.record is None or self.record.is_remote
                else "reinstall the distribution that offers the tag"
            )
            raise WeightsFileError(asked(), f"{found}, but {self._who} gives {promised}", advice)
        assert self.record is not None
        log.warning(
            "%s has the name of the file of the weights %s.%s, but another digest: it is loaded as a different file",
            self.path,
            self.record.model,
            self.record.name,
        )
        settled = replace(self, record=None)
        settled.__dict__["_digesting"] = self._digesting
        return settled


def find_source(model: Entry[ModelSpec] | None, weights: str | os.PathLike[str], *, include_top: bool = True) -> Source:
    """Return the file that ``weights`` means for ``model``: a tag, a local path, ``https://...`` or ``hf://...``.

    A remote file is downloaded if it is not in the store. A local file with the digest or the name of a tag's file is
    treated as that tag. Without the top, a tag means ``<tag>_notop`` if that exists.

    Raises:
        UnknownNameError: if it is neither a tag nor a file.
        WeightsFileError: if the file is missing, cannot be downloaded, or does not have the digest that its tag gives.
    """
    text = os.fspath(weights)
    is_remote = re.match(r"(https?|hf)://", text) is not None
    shown = without_password(text) if is_remote else text
    with asking(f"load the weights {shown!r}" + (f" into {model.qualified!r}" if model else "")):
        if is_remote:
            record = next((entry.spec for entry in _tags(model) if entry.spec.source == text), None)
            return _fetched(text, record)
        if model and isinstance(weights, str) and is_tag(text):
            try:
                return _of_tag(model, text, include_top)
            except UnknownNameError:
                if not Path(text).is_file():
                    raise
        return _of_path(model, Path(text).expanduser())


def is_tag(text: str) -> bool:
    """Return whether ``text`` can be a tag; with a dot, a slash or a capital letter it is a path."""
    return _TAG.fullmatch(text) is not None


def _tags(model: Entry[ModelSpec] | None) -> list[Entry[WeightsSpec]]:
    return weights_of(model) if model else []


def _of_tag(model: Entry[ModelSpec], tag: str, include_top: bool) -> Source:
    record = find_weights(model, tag).spec
    if record.include_top and not include_top:
        without_top = [entry.spec for entry in _tags(model) if entry.spec.name == f"{tag}_notop"]
        record = without_top[0] if without_top else record
    if record.is_remote:
        return _fetched(record.source, record)
    source = Source(Path(record.source), record.source, record, certain=True)
    if not source.path.is_file():
        raise WeightsFileError(
            asked(),
            f"the file of that tag, {source.path}, is missing",
            "reinstall the distribution that offers the tag",
        )
    return source


def _fetched(url: str, record: WeightsSpec | None) -> Source:
    from zoo.weights.store import fetch

    file_name = record.file_name if record else url.rpartition("/")[2]
    digests = {"sha256": record.sha256, "md5": record.md5} if record else {}
    fetched = fetch(url, file_name=file_name, **digests)
    return Source(fetched.path, without_password(url), record, promised=fetched.sha256, certain=True)


def _of_path(model: Entry[ModelSpec] | None, path: Path) -> Source:
    from zoo.weights.formats import files_of

    files = files_of(path)
    if not any(file.exists() for file in files):
        raise WeightsFileError(
            asked(), f"there is no file {path}", "check the path, or pass one of the tags of `zoo weights list`"
        )
    if not all(file.is_file() for file in files):
        raise WeightsFileError(asked(), f"{path} is not a file", "pass the path of a weights file")
    tags = [entry.spec for entry in _tags(model)]
    named = [tag for tag in tags if path.name in (tag.file_name, tag.source.rpartition("/")[2])]
    try:
        # Two tags can have files of the same name that need different options: then the digest says which tag it is.
        if len(named) > 1 or sum(file.stat().st_size for file in files) <= _SMALL:
            digests = digests_of(*files, md5=any(tag.md5 for tag in tags))
            known = [tag for tag in tags if digests.fit(tag)]
            if known:
                return Source(path, str(path), known[0])
    except OSError as error:
        raise WeightsFileError(asked(), f"{path} cannot be read ({error})", "check its permissions") from error
    return Source(path, str(path), named[0] if named else None)
