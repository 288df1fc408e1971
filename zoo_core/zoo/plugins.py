"""Finding, loading and isolating plugins: a broken one becomes a record, never a crash."""

from __future__ import annotations

import builtins
import importlib
import itertools
import json
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pluggy

from zoo import hookspecs
from zoo._moved import moved_names
from zoo.errors import PluginError, one_line
from zoo.specs import DatasetSpec, ModelSpec, StrategySpec, WeightFormatSpec, WeightsSpec

CORE = "zoo-core"

#: What each listing hook must yield. ``zoo_commands`` lists nothing; it is called by the command line alone.
RECORDS: Mapping[str, type] = MappingProxyType(
    {
        "zoo_models": ModelSpec,
        "zoo_weights": WeightsSpec,
        "zoo_datasets": DatasetSpec,
        "zoo_strategies": StrategySpec,
        "zoo_weight_formats": WeightFormatSpec,
    }
)

#: Importing one of these takes up to seconds; a plugin that does so while it is listed would make everybody pay. Beside
#: the heaviest stand the packages that bring NumPy along: once loaded, they would not be seen to import it.
HEAVY = frozenset({"tensorflow", "keras", "numpy", "torch", "jax", "h5py", "matplotlib", "pandas", "scipy", "sklearn"})

#: Figures of a plugin's models that take building to know; a file beside its module.
FIGURES = "figures.json"

#: A hook that yields more is taken for one that never ends.
MOST_RECORDS = 10_000


@dataclass(frozen=True)
class Fault:
    """What went wrong with a plugin: in which ``phase`` (find, import, register, a hook's name, names) and why."""

    phase: str
    reason: str
    traceback: str = ""


@dataclass(frozen=True)
class Plugin:
    """One entry point of the group ``zoo``: where it comes from, what it contributes, what is wrong with it."""

    name: str
    distribution: str
    version: str
    module: str
    records: Mapping[str, tuple[Any, ...]]
    faults: tuple[Fault, ...] = ()


class _HeavyImportError(ImportError):
    """Raised inside a plugin that imports a heavy package while it is loaded or listed."""


@lru_cache(maxsize=1)
def load_plugins() -> tuple[Plugin, ...]:
    """Return every plugin installed, the core's own first, then by distribution and name; their faults never raise.

    Each is imported, registered and asked for its records under guard. The answer is kept until :func:`forget_plugins`.

    Raises:
        PluginError: if a plugin calls this while it is itself being loaded.
    """
    if _loading.owner == threading.get_ident():
        raise PluginError(
            "list what the zoo holds",
            "a plugin asked for it while it was being loaded",
            "ask inside its builders instead",
        )
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = [
        _load(manager, CORE, _version_of(CORE), metadata.EntryPoint("core", "zoo.builtin", hookspecs.ENTRY_POINT_GROUP))
    ]
    found, faults = _find()
    plugins += [_load(manager, distribution, version, entry) for distribution, version, entry in found]
    return (*plugins, *faults)


def resolve_reference(reference: str) -> Any:
    """Return what a record names as ``"package.module:function"``, its module imported; raises whatever that raises."""
    module, _, function = reference.partition(":")
    return getattr(importlib.import_module(module), function)


def forget_plugins() -> None:
    """Forget what was loaded, so that the next call looks again: for tests, and after an installation in a notebook."""
    load_plugins.cache_clear()


def extend_commands(app: Any) -> list[tuple[Plugin, Fault]]:
    """Let every plugin add its commands to ``app``, a ``click.Group``; return those that failed to."""
    failed = []
    for plugin in load_plugins():
        module = sys.modules.get(plugin.module)
        hook = getattr(module, "zoo_commands", None)
        if hook is None or not hasattr(hook, f"{hookspecs.PROJECT}_impl"):
            continue
        _, fault = _guarded("zoo_commands", partial(hook, app))
        if fault:
            failed.append((plugin, fault))
    return failed


# -- finding


def _find() -> tuple[list[tuple[str, str, metadata.EntryPoint]], list[Plugin]]:
    """Read the entry points distribution by distribution: importlib's own ``entry_points()`` fails as a whole."""
    found: list[tuple[str, str, metadata.EntryPoint]] = []
    broken: list[Plugin] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        entries, fault = _guarded("find", partial(_zoo_entries, distribution))
        if not entries and not fault:
            continue
        name = _guarded("find", partial(_normal_name, distribution))[0] or "unknown"
        if name in seen:  # a second copy further down sys.path cannot be imported either
            continue
        seen.add(name)
        version = _guarded("find", partial(getattr, distribution, "version"))[0] or "unknown"
        if fault:
            broken.append(Plugin("?", name, version, "", MappingProxyType({}), (fault,)))
        else:
            found += [(name, version, entry) for entry in entries]
    return sorted(found, key=lambda each: (each[0], each[2].name)), broken


def _normal_name(distribution: metadata.Distribution) -> str:
    return re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()


def _zoo_entries(distribution: metadata.Distribution) -> list[metadata.EntryPoint]:
    """Return the plugins of one distribution; searching the text first spares the parsing of all the others."""
    group = hookspecs.ENTRY_POINT_GROUP
    text = distribution.read_text("entry_points.txt") or ""
    if not re.search(rf"^\s*\[\s*{group}\s*\]", text, re.MULTILINE):
        return []
    return list(distribution.entry_points.select(group=group))


def _version_of(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


# -- loading


def _load(manager: pluggy.PluginManager, distribution: str, version: str, entry: metadata.EntryPoint) -> Plugin:
    """Import, register and question one plugin; stop at the first phase that fails, but ask every hook."""
    plugin = Plugin(entry.name, distribution, version, entry.module, MappingProxyType({}))
    module, fault = _guarded("import", entry.load)
    if fault:
        return replace(plugin, faults=(fault,))
    _, fault = _guarded("register", lambda: _register(manager, module, f"{distribution}:{entry.name}"))
    if fault:
        return replace(plugin, faults=(fault,))
    records: dict[str, tuple[Any, ...]] = {}
    faults = []
    for hook, kind in RECORDS.items():
        implementation = _implementation(manager, module, hook)
        if implementation is None:
            continue
        answer, fault = _guarded(hook, partial(_ask, implementation, kind))
        if fault:
            faults.append(fault)
        else:
            records[hook] = answer
    if "zoo_models" in records:
        counted, fault = _guarded("figures", partial(_with_figures, module, records["zoo_models"]))
        if fault:
            faults.append(fault)
        else:
            records["zoo_models"] = counted
    return replace(plugin, records=MappingProxyType(records), faults=tuple(faults))


def _register(manager: pluggy.PluginManager, module: Any, name: str) -> None:
    if manager.is_registered(module):
        raise ValueError(f"{module.__name__} is already registered by {manager.get_name(module)}")
    manager.register(module, name)
    callers = manager.get_hookcallers(module) or []
    unknown = [caller.name for caller in callers if not caller.has_spec()]
    if unknown or not callers:
        manager.unregister(module)
        hooks = ", ".join([*RECORDS, "zoo_commands"])
        found = f"implements {', '.join(unknown)}, which is no hook" if unknown else "implements no hook"
        raise ValueError(f"{found}; the hooks are {hooks}, marked with @zoo.hookimpl")


def _implementation(manager: pluggy.PluginManager, module: Any, hook: str) -> Callable[[], Any] | None:
    implementations = getattr(manager.hook, hook).get_hookimpls()
    return next((each.function for each in implementations if each.plugin is module), None)


def _ask(hook: Callable[[], Any], kind: type) -> tuple[Any, ...]:
    """Return the records that ``hook`` yields, all of them good and of different names, or raise."""
    answer = hook()
    if not isinstance(answer, Iterable) or isinstance(answer, (str, bytes, Mapping)):
        raise TypeError(f"returned {_short(answer)}, not an iterable of {kind.__name__}")
    records = tuple(itertools.islice(answer, MOST_RECORDS + 1))
    if len(records) > MOST_RECORDS:
        raise ValueError(f"yields more than {MOST_RECORDS:,} records")
    names = set()
    for position, record in enumerate(records, start=1):
        if not isinstance(record, kind):
            raise TypeError(f"yields {_short(record)} at position {position}, not a {kind.__name__}")
        key = (getattr(record, "model", None), record.name)  # type: ignore[attr-defined]
        if key in names:
            raise ValueError(f"yields the name {record.name!r} twice")  # type: ignore[attr-defined]
        names.add(key)
    return records


def _with_figures(module: Any, models: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
    """Return ``models`` with the figures that :mod:`zoo.testing.figures` has computed for them, if it has."""
    path = Path(module.__file__).with_name(FIGURES)
    if not path.is_file():
        return models
    figures = json.loads(path.read_text(encoding="utf-8"))
    return tuple(replace(model, **figures.get(model.name, {})) for model in models)


def _short(value: Any) -> str:
    text = f"{type(value).__name__} {value!r}"
    return text if len(text) <= 80 else text[:77] + "..."


# -- guarding


class _Loading(threading.local):
    """Which thread is inside a plugin's code right now."""

    owner: int | None = None


_loading = _Loading()


def _guarded(phase: str, action: Callable[[], Any]) -> tuple[Any, Fault | None]:
    """Run a plugin's code; return its answer and None, or None and the fault. Only Ctrl-C passes through."""
    before = set(sys.modules)
    refused: list[str] = []
    answer, fault = None, None
    try:
        with _refusing_heavy_imports(refused):
            answer = action()
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        fault = Fault(phase, f"called sys.exit({'' if error.code is None else repr(error.code)})")
    except BaseException as error:
        detail = "".join(traceback.format_exception(error))
        fault = Fault(phase, one_line(error), detail)
    if refused:  # also when the plugin caught the ImportError: what it imported in the meantime is half of itself
        for name in set(sys.modules) - before:
            del sys.modules[name]
        reason = f"imports {refused[0]} while it is loaded or listed; import it inside the builders"
        answer, fault = None, Fault(phase, reason, fault.traceback if fault else "")
    return answer, fault


@contextmanager
def _refusing_heavy_imports(refused: list[str]) -> Iterator[None]:
    """Refuse, in this thread, every ``import`` of a heavy package, loaded already or not, and note its name.

    Refusing at the ``import`` statement rather than with a finder makes a plugin's verdict the same in every process,
    also in one where TensorFlow is there already.
    """
    plain_import = builtins.__import__
    owner = threading.get_ident()

    def guarded_import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        top = name.partition(".")[0]
        if level and globals:
            top = (globals.get("__package__") or "").partition(".")[0]
        if top in HEAVY and threading.get_ident() == owner:
            refused.append(top)
            raise _HeavyImportError(
                f"{top} must not be imported while a plugin of the zoo is loaded or listed", name=top
            )
        return plain_import(name, globals, locals, fromlist, level)

    outer = _loading.owner
    _loading.owner = owner
    builtins.__import__ = guarded_import
    try:
        yield
    finally:
        builtins.__import__ = plain_import
        _loading.owner = outer


if not TYPE_CHECKING:
    __getattr__ = moved_names(__name__)
