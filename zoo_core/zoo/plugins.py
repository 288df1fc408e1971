"""Finding and loading plugins: a broken plugin is listed with its faults, and never stops the others from loading."""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import os
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pluggy

from zoo import guard, hookspecs
from zoo._moved import moved_names
from zoo.errors import PluginError
from zoo.guard import Fault as Fault, run_guarded
from zoo.specs import DatasetSpec, ModelSpec, StrategySpec, WeightFormatSpec, WeightsSpec

CORE = "zoo-core"

#: The kind of spec that each listing hook yields. ``zoo_commands`` lists nothing; only the command line calls it.
SPECS: Mapping[str, type] = MappingProxyType(
    {
        "zoo_models": ModelSpec,
        "zoo_weights": WeightsSpec,
        "zoo_datasets": DatasetSpec,
        "zoo_strategies": StrategySpec,
        "zoo_weight_formats": WeightFormatSpec,
    }
)

#: The file beside a plugin's module with those figures of its models that can only be computed by building them.
FIGURES = "figures.json"

#: A hook that yields more specs than this is taken for one that never ends.
MOST_SPECS = 10_000


@dataclass(frozen=True)
class Plugin:
    """One entry point of the group ``zoo``: where it comes from, what it contributes, what is wrong with it.

    ``specs`` maps the name of each hook that the plugin implements to the specs that the hook yielded.
    """

    name: str
    distribution: str
    version: str
    module: str
    specs: Mapping[str, tuple[Any, ...]]
    faults: tuple[Fault, ...] = ()

    @property
    def records(self) -> Mapping[str, tuple[Any, ...]]:
        """The old name of ``specs``, which goes with the next release."""
        warnings.warn("Plugin.records is now called Plugin.specs", DeprecationWarning, stacklevel=2)
        return self.specs


_loaded: tuple[Plugin, ...] | None = None


def load_plugins() -> tuple[Plugin, ...]:
    """Return every plugin installed, the core's own first, then by distribution and name; their faults never raise.

    Each plugin is imported, registered and asked for its specs under guard. The first call does that; a thread that
    calls in the meantime waits for it. The answer is kept until :func:`forget_plugins`.

    Raises:
        PluginError: if a plugin calls this while it is itself being loaded.
    """
    global _loaded
    loaded = _loaded
    if loaded is not None:
        return loaded
    if guard.runs_a_plugin():
        raise PluginError(
            "list what the zoo holds",
            "a plugin asked for it while it was being loaded",
            "ask inside its builders instead",
        )
    with guard.exclusively():
        if _loaded is None:
            with _without_garbage_collection():
                _loaded = _load_all()
        return _loaded


def resolve_reference(reference: str) -> Any:
    """Import the module of a reference ``"package.module:function"`` and return what the reference names in it.

    Raises whatever the import raises, and AttributeError if the module has no such name.
    """
    module, _, function = reference.partition(":")
    return getattr(importlib.import_module(module), function)


def forget_plugins() -> None:
    """Forget what was loaded, so that the next call looks again: for tests, and after an installation in a notebook."""
    global _loaded
    with guard.exclusively():
        _loaded = None


def extend_commands(app: Any) -> list[tuple[Plugin, Fault]]:
    """Let every plugin add its commands to ``app``, a ``click.Group``; return those that failed to."""
    failed = []
    for plugin in load_plugins():
        module = sys.modules.get(plugin.module)
        hook = getattr(module, "zoo_commands", None)
        if hook is None or not hasattr(hook, _MARK):
            continue
        _, fault = run_guarded("zoo_commands", partial(hook, app))
        if fault:
            failed.append((plugin, fault))
    return failed


# -- finding


def _find() -> tuple[list[tuple[str, str, metadata.EntryPoint]], list[Plugin]]:
    """Return the entry points of the zoo, each with its distribution and version, and the plugins that have none.

    They are read distribution by distribution: one damaged file makes importlib's own ``entry_points()`` fail for all.
    """
    found: list[tuple[str, str, metadata.EntryPoint]] = []
    broken: list[Plugin] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        entries, fault = run_guarded("find", partial(_entries_of, distribution))
        if not entries and not fault:
            continue
        fields = run_guarded("find", partial(_name_and_version, distribution))[0]
        name, version = fields or ("unknown", "unknown")
        if name in seen:  # a second copy further down sys.path cannot be imported either
            continue
        seen.add(name)
        if fault:
            broken.append(Plugin("?", name, version, "", MappingProxyType({}), (fault,)))
        else:
            found += [(name, version, entry) for entry in entries]
    return sorted(found, key=lambda each: (each[0], each[2].name)), broken


def _name_and_version(distribution: metadata.Distribution) -> tuple[str, str]:
    """Return the normalised name and the version, looked for in the text: parsing it all takes ten times as long."""
    header = (distribution.read_text("METADATA") or "").partition("\n\n")[0]
    fields = dict(re.findall(r"^(Name|Version):[ \t]*(\S+)[ \t\r]*$", header, re.MULTILINE))
    name = fields.get("Name") or distribution.metadata["Name"]
    version = fields.get("Version") or distribution.metadata["Version"]
    return re.sub(r"[-_.]+", "-", name).lower(), version or "unknown"


def _entries_of(distribution: metadata.Distribution) -> list[metadata.EntryPoint]:
    """Return the plugins of one distribution."""
    text = distribution.read_text("entry_points.txt") or ""
    group = hookspecs.ENTRY_POINT_GROUP
    return list(_entries_in(text, group)) if f"[{group}]" in text else []


def _entries_in(text: str, group: str) -> Iterator[metadata.EntryPoint]:
    section = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section == group and line and not line.startswith("#"):
            name, _, value = map(str.strip, line.partition("="))
            entry = metadata.EntryPoint(name, value, group)
            if not name or not entry.pattern.match(value):
                raise ValueError(f"entry_points.txt has the line {line!r}, which is not of the form 'name = module'")
            yield entry


def version_of(distribution: str) -> str:
    """Return the version of an installed distribution, or ``"unknown"``."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


# -- loading


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Spare Python the search for garbage: thousands of specs are made and kept, and searching takes a fifth longer."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


#: What ``hookimpl`` sets on a function.
_MARK = f"{hookspecs.PROJECT}_impl"


class _Manager(pluggy.PluginManager):
    """Looks for hooks among the marked functions of a module only; pluggy inspects every name in it."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """Return the options of a hook, or None if ``name`` is none."""
        if isinstance(plugin, types.ModuleType) and _MARK not in getattr(vars(plugin).get(name), "__dict__", ()):
            return None
        return super().parse_hookimpl_opts(plugin, name)


def _load_all() -> tuple[Plugin, ...]:
    manager = _Manager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    registered: dict[int, tuple[Any, str]] = {}
    core = metadata.EntryPoint("core", "zoo.builtin", hookspecs.ENTRY_POINT_GROUP)
    found, broken = _find()
    plugins = [
        _load(manager, registered, Plugin(entry.name, distribution, version, entry.module, MappingProxyType({})), entry)
        for distribution, version, entry in [(CORE, version_of(CORE), core), *found]
    ]
    return (*plugins, *broken)


def _load(
    manager: _Manager, registered: dict[int, tuple[Any, str]], plugin: Plugin, entry: metadata.EntryPoint
) -> Plugin:
    """Import, register and question one plugin; stop at the first phase that fails, but ask every hook."""
    module, fault = run_guarded("import", entry.load)
    if fault:
        return replace(plugin, faults=(fault,))
    name = f"{plugin.distribution}:{plugin.name}"
    hooks, fault = run_guarded("register", lambda: _register(manager, registered, module, name))
    if fault:
        return replace(plugin, faults=(fault,))
    specs: dict[str, tuple[Any, ...]] = {}
    faults = []
    for hook, kind in SPECS.items():
        if hook not in hooks:
            continue
        answer, fault = run_guarded(hook, partial(_ask, hooks[hook], kind))
        if fault:
            faults.append(fault)
        else:
            specs[hook] = answer
    if "zoo_models" in specs:
        counted, fault = run_guarded("figures", partial(_with_figures, module, specs["zoo_models"]))
        if fault:
            faults.append(fault)
        else:
            specs["zoo_models"] = counted
    return replace(plugin, specs=MappingProxyType(specs), faults=tuple(faults))


def _register(
    manager: _Manager, registered: dict[int, tuple[Any, str]], module: Any, name: str
) -> Mapping[str, Callable[..., Any]]:
    """Let pluggy check the hooks of a plugin and return them by name.

    The plugin does not stay registered: each is asked by itself, and pluggy takes longer the more of them it has.
    """
    if id(module) in registered:
        raise ValueError(f"{module.__name__} is already registered by {registered[id(module)][1]}")
    manager.register(module, name)
    callers = manager.get_hookcallers(module) or []
    unknown = [caller.name for caller in callers if not caller.has_spec()]
    hooks = {
        caller.name: each.function for caller in callers for each in caller.get_hookimpls() if each.plugin is module
    }
    manager.unregister(module)
    if unknown or not callers:
        known = ", ".join([*SPECS, "zoo_commands"])
        found = f"implements {', '.join(unknown)}, which is no hook" if unknown else "implements no hook"
        raise ValueError(f"{found}; the hooks are {known}, marked with @zoo.hookimpl")
    registered[id(module)] = (module, name)
    return hooks


def _ask(hook: Callable[[], Any], kind: type) -> tuple[Any, ...]:
    """Return the specs that ``hook`` yields; raise if one is of another kind or if two have the same name."""
    answer = hook()
    if not isinstance(answer, Iterable) or isinstance(answer, (str, bytes, Mapping)):
        raise TypeError(f"returned {_short(answer)}, not an iterable of {kind.__name__}")
    specs = tuple(itertools.islice(answer, MOST_SPECS + 1))
    if len(specs) > MOST_SPECS:
        raise ValueError(f"yields more than {MOST_SPECS:,} specs")
    names = set()
    for position, spec in enumerate(specs, start=1):
        if not isinstance(spec, kind):
            raise TypeError(f"yields {_short(spec)} at position {position}, not a {kind.__name__}")
        key = (getattr(spec, "model", None), spec.name)  # type: ignore[attr-defined]
        if key in names:
            raise ValueError(f"yields the name {spec.name!r} twice")  # type: ignore[attr-defined]
        names.add(key)
    return specs


def _with_figures(module: Any, models: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
    """Return ``models`` with the figures that :mod:`zoo.testing.figures` has computed for them, if it has."""
    path = os.path.join(os.path.dirname(module.__file__), FIGURES)
    if not os.path.isfile(path):
        return models
    figures = json.loads(Path(path).read_text(encoding="utf-8"))
    return tuple(replace(model, **own) if (own := figures.get(model.name)) else model for model in models)


def _short(value: Any) -> str:
    text = f"{type(value).__name__} {value!r}"
    return text if len(text) <= 80 else text[:77] + "..."


if not TYPE_CHECKING:
    __getattr__ = moved_names(__name__)
