"""Zip archives from untrusted sources: their directory is checked before a member is unpacked."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, BinaryIO

from zoo.weights.formats.arrays import read_mapped, refuse

#: A member may unpack to this many times its size in the file, or to this many bytes if that is more.
#: Weights hardly compress at all, but deflate compresses zeros to a thousandth.
_MOST_GROWTH = 50
_ALWAYS_ALLOWED = 16 * 2**20

#: Bytes of a member's header before its name.
_LOCAL_HEADER = 30

_ENCRYPTED = 0x1


def open_archive(path: Path, resources: ExitStack) -> zipfile.ZipFile:
    """Open a zip archive whose members are all plain.

    Raises:
        WeightsFileError: if a member occurs twice, is encrypted, overlaps another one or is compressed absurdly.
    """
    archive = resources.enter_context(zipfile.ZipFile(path))
    members = archive.infolist()
    twice = next((name for name, count in Counter(m.filename for m in members).items() if count > 1), None)
    if twice is not None:
        refuse(path, f"the archive has two members called {twice!r}")
    for member in members:
        if member.flag_bits & _ENCRYPTED:
            refuse(path, f"{member.filename!r} in the archive is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            refuse(path, f"{member.filename!r} in the archive is compressed by an unknown method")
        if member.file_size > max(_MOST_GROWTH * member.compress_size, _ALWAYS_ALLOWED):
            refuse(
                path,
                f"{member.filename!r} in the archive claims to unpack from {member.compress_size:,} "
                f"to {member.file_size:,} bytes",
            )
        if member.compress_type == zipfile.ZIP_STORED and member.file_size != member.compress_size:
            refuse(path, f"{member.filename!r} in the archive has two different sizes")
    ordered = sorted(members, key=lambda member: member.header_offset)
    ends = [member.header_offset for member in ordered[1:]] + [archive.start_dir]
    for member, end in zip(ordered, ends, strict=True):
        if member.header_offset + _LOCAL_HEADER + len(member.orig_filename) + member.compress_size > end:
            refuse(path, f"{member.filename!r} in the archive overlaps another member")
    return archive


def check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, copy: IO[bytes] | None = None) -> None:
    """Read a member to its end, where zipfile checks its checksum, and write the unpacked bytes to ``copy``."""
    with archive.open(member) as file:
        while block := file.read(2**20):
            if copy is not None:
                copy.write(block)


def data_offset(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member begin in the ``file`` of its archive."""
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER)
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return member.header_offset + _LOCAL_HEADER + lengths


class Window(io.RawIOBase):
    """A part of a file that can be read like a file."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        self._file, self._offset, self._size, self._at = file, offset, size, 0

    def readable(self) -> bool:  # noqa: D102
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:  # noqa: D102
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:  # noqa: D102
        return self._at

    def read_at(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes from ``offset`` on, or fewer at the end."""
        self.seek(offset)
        return self.read(min(max(size, 0), self._size)) or b""

    def read_mapped(self, offset: int, memory: memoryview) -> None:
        """Fill ``memory`` with the bytes from ``offset`` on.

        Raises:
            EOFError: if some of them are outside the window.
        """
        if not 0 <= offset <= self._size - len(memory):
            raise EOFError(f"{len(memory):,} bytes from {offset:,} on lie outside its {self._size:,} bytes")
        read_mapped(self._file, self._offset + offset, memory)

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        memory = memoryview(buffer).cast("B")[: max(self._size - self._at, 0)]
        self._file.seek(self._offset + self._at)
        count = self._file.readinto(memory)  # type: ignore[attr-defined]
        self._at += count
        return int(count)
