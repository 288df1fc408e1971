"""CIFAR-10 from a local folder or archive: the official binary batches, or the same images as class folders."""

from __future__ import annotations

import os
import re
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.data.dataset import Dataset, Split
from zoo.data.decoding import open_image
from zoo.data.splits import PARTS, check_fractions, digests, divide, leaks
from zoo.errors import ArgumentError, DataError, asked, asking

#: The classes in their official order, that of batches.meta.txt.
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

#: One byte for the class, then 32x32 bytes each of red, green and blue (https://www.cs.toronto.edu/~kriz/cifar.html).
RECORD = 1 + 3 * 32 * 32

_BATCHES = {
    "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test": ("test_batch.bin",),
}
_PICTURE = re.compile(rf"(?:.*/)?(train|test)/({'|'.join(CLASSES)})/[^/.][^/]*\.(?:jpe?g|png)", re.IGNORECASE)
_PICKLE = re.compile(r"data_batch_[1-5]|test_batch|batches\.meta")

#: No file of CIFAR-10 is larger than this; a larger one is refused before it is read into memory.
_LARGEST = 10_000 * RECORD


@dataclass
class _Found:
    """The files of CIFAR-10 that a folder or an archive holds."""

    batches: dict[str, bytes] = field(default_factory=dict)
    pictures: dict[str, list[tuple[str, int, bytes]]] = field(default_factory=dict)
    pickles: list[str] = field(default_factory=list)


def cifar10(
    path: str | os.PathLike[str],
    *,
    splits: Collection[str] = PARTS,
    validation: float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Return CIFAR-10 as images ``(N, 32, 32, 3)``; the test split is the official one.

    Args:
        path: a folder, or a ``.tar.gz`` of one, that holds ``data_batch_1.bin`` to ``data_batch_5.bin`` and
            ``test_batch.bin``, or ``{train,test}/<class>/*.jpg``. An archive is read in memory and never unpacked.
        splits: the splits to load; for ``("test",)`` the training images are not decoded.
        validation: the fraction of the training images to hold out for validation.
        seed: determines which images these are.

    Raises:
        DataError: if there is no such data, part of it is missing or damaged, or there are only the pickled batches,
            which are refused because reading a pickle can run code.
        ArgumentError: if an argument does not fit.
    """
    root = Path(path).expanduser()
    with asking(f"read CIFAR-10 from {str(root)!r}"):
        if isinstance(splits, str) or not splits or not set(splits) <= set(PARTS):
            advice = "pass ('train', 'validation', 'test') or some of them"
            raise ArgumentError(asked(), f"splits is {splits!r}", advice)
        check_fractions(validation, 0, seed)
        if not root.exists():
            raise DataError(asked(), "there is no such file or folder", "check the path")
        wanted = {"test" if part == "test" else "train" for part in splits}
        found = _find(root, wanted)
        loaded = {part: _part(found, part) for part in sorted(wanted)}

        parts: dict[str, Split | None] = {}
        groups = {part: digests(np.asarray(split.inputs)) for part, split in loaded.items()}
        if "train" in loaded:
            parts |= divide(loaded["train"], groups["train"], validation=validation, test=0, seed=seed)
        parts["test"] = loaded.get("test")
        return Dataset(
            name="cifar10",
            task="image-classification",
            class_names=CLASSES,
            notes=leaks(groups.get("train", ()), **{part: each for part, each in groups.items() if part != "train"}),
            **{part: split for part, split in parts.items() if part in splits},  # type: ignore[arg-type]
        )


def _find(root: Path, wanted: set[str]) -> _Found:
    """Return the files of the wanted parts, from ``root`` or else from an archive in it."""
    pickles: list[str] = []
    for source in (root, *(sorted(root.glob("*.tar*")) if root.is_dir() else ())):
        found = _Found()
        try:
            for name, read in _members(source):
                _sort_in(found, name, read, wanted)
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            advice = "fetch it again: cifar-10-binary.tar.gz"
            problem = f"{str(source)!r} is not a complete archive or folder ({error})"
            raise DataError(asked(), problem, advice) from error
        except ValueError as error:
            raise DataError(asked(), f"{error} in {str(source)!r}", "pass the folder or archive of CIFAR-10") from error
        if found.batches or found.pictures:
            return found
        pickles += found.pickles
    advice = "pass the folder or archive of the binary version, cifar-10-binary.tar.gz, or of class folders"
    if pickles:
        raise DataError(asked(), f"{pickles[0]} is a Python pickle, and reading a pickle can run code", advice)
    raise DataError(asked(), f"it holds no {' and no '.join(sorted(wanted))} images of CIFAR-10", advice)


def _members(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the name of each file of a folder or an archive, with a function that returns its bytes."""
    if source.is_dir():
        for file in sorted(source.rglob("*")):
            if file.is_file():
                name = file.relative_to(source.parent).as_posix()
                yield name, partial(_bounded, name, file.stat().st_size, file.read_bytes)
        return
    with tarfile.open(source) as archive:
        for member in archive:
            if member.isreg() and (content := archive.extractfile(member)):
                yield member.name, partial(_bounded, member.name, member.size, content.read)


def _bounded(name: str, size: int, read: Callable[[], bytes]) -> bytes:
    if size > _LARGEST:
        raise ValueError(f"{name} has {size:,} bytes, more than any file of CIFAR-10,")
    return read()


def _sort_in(found: _Found, name: str, read: Callable[[], bytes], wanted: set[str]) -> None:
    base = name.rpartition("/")[2]
    if any(base in _BATCHES[part] for part in wanted):
        found.batches[base] = read()
    elif base == "batches.meta.txt":
        names = tuple(read().decode("utf-8", "replace").split())
        if names != CLASSES:
            raise ValueError(f"{name} names other classes ({', '.join(names[:10])})")
    elif match := _PICTURE.fullmatch(name):
        if (part := match[1].lower()) in wanted:
            found.pictures.setdefault(part, []).append((name, CLASSES.index(match[2].lower()), read()))
    elif _PICKLE.fullmatch(base):
        found.pickles.append(name)


def _part(found: _Found, part: str) -> Split:
    """Return the images of the official ``part``, train or test.

    Raises:
        DataError: if the part is not complete.
    """
    advice = "fetch CIFAR-10 again, or pass another path"
    if found.batches:
        missing = [name for name in _BATCHES[part] if name not in found.batches]
        if missing:
            raise DataError(asked(), f"{', '.join(missing)} is missing", advice)
        records = np.concatenate([_records(name, found.batches[name]) for name in _BATCHES[part]])
        images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return Split(np.ascontiguousarray(images), records[:, 0].astype(np.int64))
    pictures = sorted(found.pictures.get(part, ()))
    absent = [name for label, name in enumerate(CLASSES) if label not in {label for _, label, _ in pictures}]
    if absent:
        raise DataError(asked(), f"{part} has no images of {', '.join(absent)}", advice)
    decoded = np.stack([_pixels(name, content) for name, _, content in pictures])
    return Split(decoded, np.array([label for _, label, _ in pictures], np.int64))


def _records(name: str, content: bytes) -> NDArray[np.uint8]:
    advice = "fetch it again: cifar-10-binary.tar.gz"
    if not content or len(content) % RECORD:
        found = f"{name} has {len(content):,} bytes, which is not a multiple of the {RECORD:,} bytes of an image"
        raise DataError(asked(), found, advice)
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    if (highest := records[:, 0].max()) > 9:
        raise DataError(asked(), f"{name} has the label {highest}, but the classes of CIFAR-10 are 0 to 9", advice)
    return records


def _pixels(name: str, content: bytes) -> NDArray[np.uint8]:
    image = open_image(content, name=name)
    if image.size != (32, 32):
        found = f"it has {image.width}x{image.height} pixels, not the 32x32 of CIFAR-10"
        raise DataError(f"open {name}", found, "load images of other sizes as the dataset image_folder")
    return np.asarray(image.convert("RGB"))
