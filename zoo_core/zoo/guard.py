"""Running a plugin's code so that it harms nobody: its errors are caught, and heavy packages are refused to it.

A plugin is refused ``import tensorflow`` and its like at the import statement, because a statement is noticed also when
the package is loaded already: so the verdict on a plugin is the same in every process. For that
``builtins.__import__`` is replaced while the plugin runs. All threads share that function, therefore

- one lock lets a single thread at a time run plugins; the others wait for it;
- the replacement refuses nothing to any other thread, and nothing to anybody once the plugin has returned;
- what a refused plugin has imported is forgotten, but only the modules that its own thread began to load and that no
  other thread has asked for since.
"""

from __future__ import annotations

import builtins
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from zoo.errors import PluginError, one_line

#: Importing one of these takes up to seconds; a plugin that does so while it is listed would make everybody pay. The
#: packages that bring NumPy along are here too: once they are loaded, nobody would see them import it.
HEAVY = frozenset({"tensorflow", "keras", "numpy", "torch", "jax", "h5py", "matplotlib", "pandas", "scipy", "sklearn"})

#: How many seconds a thread waits for another one that is running plugins. Only a deadlock takes that long: the other
#: thread waits for the import of a module that this thread is importing.
PATIENCE = 120.0


@dataclass(frozen=True)
class Fault:
    """What went wrong with a plugin: in which ``phase`` (find, import, register, a hook's name, names) and why."""

    phase: str
    reason: str
    traceback: str = ""


class _HeavyImportError(ImportError):
    """Raised inside a plugin that imports a heavy package while it is loaded or listed."""


@dataclass
class _Watch:
    """What is observed while one plugin runs.

    - ``thread``: the one that the plugin runs in; None once the plugin has returned;
    - ``refused``: the heavy packages that it tried to import;
    - ``loaded``: the modules that its thread began to load;
    - ``wanted``: the modules that other threads asked for in the meantime.
    """

    thread: int | None
    refused: list[str] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)


def run_guarded(phase: str, action: Callable[[], Any]) -> tuple[Any, Fault | None]:
    """Run a plugin's code; return its answer and None, or None and the fault. Only Ctrl-C passes through."""
    with exclusively():
        answer, fault = None, None
        watch, outer = _Watch(None), _recorder.watch
        try:
            try:
                _recorder.watch = watch
                answer = _refusing_heavy_imports(watch, action)
            except KeyboardInterrupt:
                raise
            except SystemExit as error:
                fault = Fault(phase, f"called sys.exit({'' if error.code is None else repr(error.code)})")
            except BaseException as error:
                fault = Fault(phase, one_line(error), "".join(traceback.format_exception(error)))
            if watch.refused:  # also if the plugin caught the ImportError: what it imported may lack half of its names
                _forget_modules(watch)
                reason = f"imports {watch.refused[0]} while it is loaded or listed; import it inside the builders"
                answer, fault = None, Fault(phase, reason, fault.traceback if fault else "")
        finally:
            _recorder.watch = outer
            if outer is not None:
                outer.loaded |= watch.loaded
                outer.wanted |= watch.wanted
        return answer, fault


@contextmanager
def exclusively() -> Iterator[None]:
    """Let no other thread run plugins in this context; one that is running them is waited for.

    Raises:
        PluginError: if the other thread does not come to its end.
    """
    if not _lock.acquire(timeout=PATIENCE):
        raise PluginError(
            "list what the zoo holds",
            f"another thread has been loading the plugins for {PATIENCE:g} seconds",
            "list it once before other threads start, and not while a module is imported that a plugin imports too",
        )
    try:
        if _recorder not in sys.meta_path:
            sys.meta_path.insert(0, _recorder)
        yield
    finally:
        _lock.release()


def runs_a_plugin() -> bool:
    """Return whether this thread is inside a plugin's code right now."""
    watch = _recorder.watch
    return watch is not None and watch.thread == threading.get_ident()


# -- refusing


def _refusing_heavy_imports(watch: _Watch, action: Callable[[], Any]) -> Any:
    """Run ``action`` while every ``import`` of a heavy package in this thread is refused and noted.

    The statements that install and remove the guard stand in one ``try``, without a call between them: Python delivers
    Ctrl-C at calls and loops, so that nothing can come between.
    """
    plain_import = builtins.__import__
    this_thread = threading.get_ident()

    def guarded_import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        thread = watch.thread
        if thread is None:  # the plugin has returned, and somebody still holds this function
            return plain_import(name, globals, locals, fromlist, level)
        module = _absolute(name, globals, level)
        if thread != threading.get_ident():
            watch.wanted.update((module, *(f"{module}.{each}" for each in fromlist or ())))
        elif (top := module.partition(".")[0]) in HEAVY:
            watch.refused.append(top)
            raise _HeavyImportError(
                f"{top} must not be imported while a plugin of the zoo is loaded or listed", name=top
            )
        return plain_import(name, globals, locals, fromlist, level)

    try:
        watch.thread = this_thread
        builtins.__import__ = guarded_import
        return action()
    finally:
        watch.thread = None
        # If somebody has wrapped the guard in the meantime, that wrapper stays; the guard inside does nothing any more.
        if builtins.__import__ is guarded_import:
            builtins.__import__ = plain_import


def _absolute(name: str, globals: Any, level: int) -> str:
    """Return the name of the module that an import statement of this ``level`` in a module of ``globals`` means."""
    if not level:
        return name
    package = (globals or {}).get("__package__") or ""
    for _ in range(level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{name}" if name else package


# -- forgetting


class _Recorder:
    """A finder of modules that finds none: Python asks it first, in the thread that begins to load a module.

    It stays on ``sys.meta_path``, because taking it away could make another thread skip the finder after it.
    """

    def __init__(self) -> None:
        self.watch: _Watch | None = None
        self.forgotten: dict[str, ModuleType] = {}

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Note which thread begins to load the module."""
        watch = self.watch
        if watch is not None:
            if watch.thread == threading.get_ident():
                watch.loaded.add(name)
            else:
                watch.loaded.discard(name)
                watch.wanted.add(name)
        if self.forgotten:
            self._bring_back_packages_of(name)
        return None

    def _bring_back_packages_of(self, name: str) -> None:
        """Undo the forgetting of the packages around a module that a thread had begun to load before.

        Python looks its package up before it asks for the module, and once more after it has loaded it.
        """
        self.forgotten.pop(name, None)
        for package in _with_packages(name)[1:]:
            module = self.forgotten.pop(package, None)
            if module is not None:
                sys.modules.setdefault(package, module)


_lock = threading.RLock()
_recorder = _Recorder()


def _forget_modules(watch: _Watch) -> None:
    """Remove the modules that the plugin's thread loaded, except those that other threads use as well."""
    used = {package for name in list(watch.wanted) for package in _with_packages(name)}
    for name in sorted(watch.loaded, reverse=True):  # a package after what is in it
        if not any(each in used for each in _with_packages(name) if each in watch.loaded):
            _forget_module(name)


def _forget_module(name: str) -> None:
    module = sys.modules.get(name)
    if module is None:
        return
    _recorder.forgotten[name] = module
    del sys.modules[name]
    package, _, child = name.rpartition(".")
    # Otherwise `from package import child` would still find it.
    around = vars(sys.modules[package]) if package in sys.modules else {}
    if around.get(child) is module:
        del around[child]


def _with_packages(name: str) -> list[str]:
    """Return the name of a module and of every package around it.

    >>> _with_packages("scipy.linalg.blas")
    ['scipy.linalg.blas', 'scipy.linalg', 'scipy']
    """
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
