"""Files and folders that appear in one step: complete, or not at all."""

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

#: The end of the name of a folder with an unfinished file: the writing process, and a number that no other folder has.
_UNFINISHED = re.compile(r"\.(?P<pid>\d+)-[0-9a-f]{8}\.part$")


@contextmanager
def in_one_step(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; that file is moved to ``path`` when the context ends without an exception.

    The temporary file has the same name as ``path`` and is in a temporary folder beside it. It needs a folder because
    some libraries write a second file beside the one that they are asked to write, which is left over if the process is
    killed. Whoever writes ``path`` next removes the folders that killed processes have left.

    Raises:
        OSError: if the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_folders_of_killed_processes(path)
    folder = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        folder.mkdir()
        unfinished = folder / path.name
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.chmod(0o666 & ~_umask())  # some libraries make their files readable to the user alone
        os.replace(unfinished, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def absolute(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path: ``~`` and ``..`` are resolved, symbolic links are not."""
    return Path(os.path.abspath(Path(path).expanduser()))


def is_free(path: Path) -> bool:
    """Return whether a folder can be written there: nothing has that name, or it is an empty folder."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


@contextmanager
def folder_in_one_step(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder to write into; it is renamed to ``path`` when the context ends without an exception.

    After an exception nothing is left over: the temporary folder is removed, and so are the parent folders that were
    created for it. With ``replace``, a folder that exists already is replaced, and temporary folders that killed
    processes have left are removed.

    Raises:
        OSError: if the folder cannot be written; it is a ``FileExistsError`` if ``path`` exists and ``replace`` is not
            given.
    """
    if not is_free(path) and not (replace and path.is_dir()):
        raise FileExistsError(errno.EEXIST, "exists and is not an empty folder", str(path))
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
    """Remove folders, innermost first, until one is not empty."""
    for each in folders:
        try:
            each.rmdir()
        except OSError:
            return


def _umask() -> int:
    """Return the permissions that are withheld from the files of this process."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _remove_folders_of_killed_processes(path: Path) -> None:
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
