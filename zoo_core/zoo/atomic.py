"""Files and folders that appear in one step: whole under their name, or not at all."""

from __future__ import annotations

import errno
import glob
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The names of folders for unfinished files: the final name, the process that writes, and what tells its folders apart.
_UNFINISHED = re.compile(r"\.(?P<pid>\d+)-[0-9a-f]{8}\.part$")


@contextmanager
def in_one_step(path: Path) -> Iterator[Path]:
    """Give the path to write to; what stands there becomes ``path`` when the context ends without an exception.

    It has the name of ``path``, in a folder of its own beside it, because some libraries write to a file of their own
    beside what they are given, which is left when the process is killed. The next one to write ``path`` removes the
    folders of killed processes.

    Raises:
        OSError: whatever the system says.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_the_dead(path)
    folder = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        folder.mkdir()
        unfinished = folder / path.name
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.chmod(0o666 & ~_umask())  # some libraries let nobody but the user read what they write
        os.replace(unfinished, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def absolute(path: str | os.PathLike[str]) -> Path:
    """Return the path from the root on, ``~`` and ``..`` resolved, links not."""
    return Path(os.path.abspath(Path(path).expanduser()))


def is_free(path: Path) -> bool:
    """Return whether there is nothing of that name, or an empty folder."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


@contextmanager
def folder_in_one_step(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder to write into; it becomes ``path`` when the context ends without an exception.

    Otherwise nothing is left, nor any of the folders above that were not there. ``replace`` lets it take the place of a
    folder that is there, and of what processes that were killed have left beside it.

    Raises:
        OSError: whatever the system says; ``FileExistsError`` if ``path`` is there and may not be replaced.
    """
    if not is_free(path) and not (replace and path.is_dir()):
        raise FileExistsError(errno.EEXIST, "exists and is no empty folder", str(path))
    missing = [each for each in (path.parent, *path.parent.parents) if not each.exists()]
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{glob.escape(path.name)}-*") if replace else ():
            shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        before = temporary.with_name(f"{temporary.name}.before")
        if path.exists():
            path.rename(before)
        temporary.rename(path)
        shutil.rmtree(before, ignore_errors=True)
    finally:
        if temporary is None or temporary.exists():
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)
            _remove_empty(missing)


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders that were made on the way, innermost first, as far as they are empty."""
    for each in folders:
        try:
            each.rmdir()
        except OSError:
            return


def _umask() -> int:
    """Return the permissions that files of this process do not get."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _remove_the_dead(path: Path) -> None:
    for each in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        unfinished = _UNFINISHED.search(each.name)
        if unfinished and not _is_alive(int(unfinished["pid"])):
            shutil.rmtree(each, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
