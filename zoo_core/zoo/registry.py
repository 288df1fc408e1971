"""From names to specs: qualified names, aliases, ambiguous names, suggestions for typing errors."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from zoo import plugins, settings
from zoo._moved import moved_names
from zoo.errors import AmbiguousNameError, ArgumentError, UnknownNameError, did_you_mean
from zoo.plugins import Fault, Plugin
from zoo.specs import DatasetSpec, ModelSpec, StrategySpec, Task, WeightFormatSpec, WeightsSpec


class _Named(Protocol):
    @property
    def name(self) -> str: ...


S = TypeVar("S", bound=_Named)


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """A spec and the distribution that provides it."""

    spec: S
    distribution: str

    @property
    def qualified(self) -> str:
        """The name that is never ambiguous, such as ``zoo-resnet/resnet50``."""
        return f"{self.distribution}/{self.spec.name}"


# -- looking up


def find_model(name: str) -> tuple[Entry[ModelSpec], str | None]:
    """Return the model that ``name`` means and the weights tag behind its dot, if any.

    Raises:
        UnknownNameError: if no plugin offers the name, with the nearest ones.
        AmbiguousNameError: if several do and none is preferred.
    """
    _check_is_name("model", name)
    distribution, _, bare = name.rpartition("/")
    bare, _, tag = bare.partition(".")
    models: _Index[ModelSpec] = _index("zoo_models")
    return _find("model", f"{distribution}/{bare}" if distribution else bare, models), tag or None


def info(name: str) -> ModelSpec:
    """Return the spec of a model: what it is, where it comes from and how many parameters it must have.

    >>> import zoo
    >>> zoo.info("resnet50").parameters.total
    25636712

    Raises:
        UnknownNameError, AmbiguousNameError: as :func:`find_model` does.
    """
    return find_model(name)[0].spec


def find_weights(model: Entry[ModelSpec], tag: str) -> Entry[WeightsSpec]:
    """Return the weights of ``model`` under ``tag``.

    Raises:
        UnknownNameError: if there are none, with the tags that exist.
        AmbiguousNameError: if several plugins offer the tag and none is preferred.
    """
    candidates = weights_of(model)
    matching = [entry for entry in candidates if entry.spec.name == tag]
    if matching:
        return _only("weights", f"{model.spec.name}.{tag}", matching)
    request = f"find the weights '{model.spec.name}.{tag}'"
    tags = [entry.spec.name for entry in candidates]
    if not tags:
        found = f"no plugin offers weights for {model.qualified}"
        raise UnknownNameError(request, found, "install one that does, or pass the path of a weights file")
    advice = did_you_mean(tag, tags) or "pass one of them, or the path of a weights file"
    raise UnknownNameError(request, f"{model.qualified} has the tags {', '.join(tags)}", advice)


def find_dataset(name: str) -> Entry[DatasetSpec]:
    """Return the dataset that ``name`` means; raises as :func:`find_model` does."""
    return _find("dataset", name, _index("zoo_datasets"))


def find_strategy(name: str) -> Entry[StrategySpec]:
    """Return the strategy that ``name`` means; raises as :func:`find_model` does."""
    return _find("strategy", name, _index("zoo_strategies"))


def weights_of(model: Entry[ModelSpec]) -> list[Entry[WeightsSpec]]:
    """Return the weights that all plugins offer for ``model``.

    A WeightsSpec that gives a bare model name means the model of its own distribution, if that has one of this name,
    and otherwise the model that the name resolves to.
    """
    return _weights_of(model, _Preferences())


def weight_formats() -> list[Entry[WeightFormatSpec]]:
    """Return the formats of weight files that plugins add."""
    return list(_index("zoo_weight_formats").entries)


# -- listing


def list_models(
    pattern: str = "*", *, weights: bool | None = None, plugin: str | None = None, task: Task | None = None
) -> list[str]:
    """Return the names of the models installed, sorted.

    For a name that several plugins claim, the list has the qualified name of each of their models instead.

    Args:
        pattern: a shell pattern that the name or an alias must match.
        weights: True for models that have weights, False for those that have none.
        plugin: a distribution (``zoo-resnet``) or the name of its plugin (``resnet``).
        task: ``"image-classification"``, ``"classification"`` or ``"regression"``.

    >>> import zoo
    >>> zoo.list_models("lenet*")
    ['lenet5']
    """
    index: _Index[ModelSpec] = _index("zoo_models")
    preferences = _Preferences()
    matches = _matcher(pattern)
    chosen = [
        entry
        for entry in index.entries
        if (any(map(matches, _names_of(entry))) or matches(entry.qualified))
        and (task is None or entry.spec.task == task)
        and (weights is None or bool(_weights_of(entry, preferences)) == weights)
    ]
    return _shortest_names(_of_plugin(chosen, plugin), index, preferences)


def list_weights(pattern: str = "*") -> list[str]:
    """Return the weights installed as ``model.tag``, sorted.

    >>> import zoo
    >>> zoo.list_weights("lenet5*")
    ['lenet5.digits_0_4']
    """
    entries: Sequence[Entry[WeightsSpec]] = _index("zoo_weights").entries
    names = {f"{entry.spec.model.rpartition('/')[2]}.{entry.spec.name}" for entry in entries}
    return sorted(filter(_matcher(pattern), names))


def list_datasets(pattern: str = "*") -> list[str]:
    """Return the names of the datasets installed, sorted."""
    return _listed(_index("zoo_datasets"), pattern)


def list_strategies(pattern: str = "*") -> list[str]:
    """Return the names of the transfer strategies installed, sorted."""
    return _listed(_index("zoo_strategies"), pattern)


def list_plugins() -> list[Plugin]:
    """Return every plugin installed, with what it contributes and everything that is wrong with it.

    A name that two plugins claim, and that the user has not decided, is a fault of phase ``names`` in both.
    """
    ambiguous: dict[str, list[Fault]] = {}
    preferences = _Preferences()
    for hook, what in (("zoo_models", "model"), ("zoo_datasets", "dataset"), ("zoo_strategies", "strategy")):
        index = _index(hook)
        for name in sorted(name for name, positions in index.claims.items() if len(positions) > 1):
            claimants = index.claimants(name)
            if preferences.among(name, claimants) is not None:
                continue
            distributions = sorted({entry.distribution for entry in claimants})
            for entry in claimants:
                others = ", ".join(each for each in distributions if each != entry.distribution)
                reason = f"claims the {what} name {name!r}, and so does {others or 'another of its plugins'}; "
                reason += f"`zoo prefer {name} {entry.distribution}` decides"
                ambiguous.setdefault(entry.distribution, []).append(Fault("names", reason))
    return [
        replace(plugin, faults=(*plugin.faults, *ambiguous[plugin.distribution]))
        if plugin.specs and plugin.distribution in ambiguous
        else plugin
        for plugin in plugins.load_plugins()
    ]


def prefer(name: str, distribution: str | None) -> None:
    """Let the bare ``name`` mean what ``distribution`` offers under it from now on; None forgets the preference.

    Raises:
        ArgumentError: if that distribution offers nothing of that name.
    """
    if distribution is not None:
        hooks = ("zoo_models", "zoo_datasets", "zoo_strategies")
        claimants = {entry.distribution for hook in hooks for entry in _index(hook).claimants(name)}
        claimants |= {
            entry.distribution
            for entry in _index("zoo_weights").entries
            if name == f"{entry.spec.model}.{entry.spec.name}"
        }
        if distribution not in claimants:
            found = f"offered by {', '.join(sorted(claimants))}" if claimants else "offered by no plugin"
            raise ArgumentError(f"prefer {distribution} for {name!r}", f"the name is {found}", "see `zoo plugins`")
    settings.prefer(name, distribution)


# -- inside


@dataclass(frozen=True)
class _Index(Generic[S]):
    """All that the plugins yield to one hook.

    - ``entries``: in the order of the plugins;
    - ``claims``: the positions in ``entries`` of those that claim a name, by name. Of weights, the name is that of
      the model, without its distribution.
    """

    entries: Sequence[Entry[S]]
    claims: dict[str, list[int]]

    def claimants(self, name: str) -> list[Entry[S]]:
        """Return the entries that claim ``name``."""
        return [self.entries[position] for position in self.claims.get(name, ())]


#: The plugins that were indexed last, and the index of each hook that has been asked for.
_indexed: tuple[tuple[Plugin, ...], dict[str, _Index[Any]]] = ((), {})


def _index(hook: str) -> _Index[Any]:
    """Return the index of a hook: built at the first question after plugins were loaded, and with them forgotten."""
    global _indexed
    loaded = plugins.load_plugins()
    of, indexes = _indexed
    if of is not loaded:
        indexes = {}
        _indexed = (loaded, indexes)
    if hook not in indexes:
        entries = [Entry(spec, plugin.distribution) for plugin in loaded for spec in plugin.specs.get(hook, ())]
        claims: dict[str, list[int]] = {}
        for position, entry in enumerate(entries):
            names = (entry.spec.model.rpartition("/")[2],) if hook == "zoo_weights" else _names_of(entry)
            for name in names:
                positions = claims.setdefault(name, [])
                if position not in positions[-1:]:  # an alias may be the name once more
                    positions.append(position)
        indexes[hook] = _Index(entries, claims)
    return indexes[hook]


def _names_of(entry: Entry[Any]) -> tuple[str, ...]:
    return (entry.spec.name, *getattr(entry.spec, "aliases", ()))


def _matcher(pattern: str) -> Callable[[str], object]:
    """Return what tells whether a name matches a shell pattern."""
    return re.compile(fnmatch.translate(pattern)).match


def _check_is_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"find the {what} {name!r}", "it is not a name", f"pass the {what}'s name as a string")


def _find(what: str, name: str, index: _Index[S]) -> Entry[S]:
    _check_is_name(what, name)
    distribution, _, bare = name.rpartition("/")
    matching = index.claimants(bare)
    if distribution:
        matching = [entry for entry in matching if entry.distribution == distribution]
    if matching:
        return _only(what, bare, matching)
    qualified = {entry.qualified for entry in index.entries}
    raise UnknownNameError(
        f"find the {what} {name!r}",
        f"none of the {len(qualified)} {_plural(what)} installed has that name",
        did_you_mean(name, sorted(qualified.union(index.claims)))
        or "`zoo list` shows them, `zoo plugins` shows where they come from",
    )


def _only(what: str, name: str, entries: list[Entry[S]]) -> Entry[S]:
    if len(entries) == 1:
        return entries[0]
    choice = _Preferences().among(name, entries)
    if choice is not None:
        return choice
    raise AmbiguousNameError(
        f"find the {what} {name!r}",
        f"it is claimed by {' and '.join(entry.qualified for entry in entries)}",
        f"pass the qualified name, or choose once and for all with `zoo prefer {name} {entries[0].distribution}`",
    )


class _Preferences:
    """What the user prefers; the file is read when the first ambiguous name needs it, once for each operation."""

    @cached_property
    def choices(self) -> dict[str, str]:
        """The distribution that is preferred for a name."""
        return settings.preferred()

    def among(self, name: str, entries: Iterable[Entry[S]]) -> Entry[S] | None:
        """Return the entry that the user prefers, or None if there is no preference or it does not decide."""
        distribution = self.choices.get(name)
        chosen = [entry for entry in entries if entry.distribution == distribution]
        return chosen[0] if len(chosen) == 1 else None


def _weights_of(model: Entry[ModelSpec], preferences: _Preferences) -> list[Entry[WeightsSpec]]:
    index: _Index[WeightsSpec] = _index("zoo_weights")
    positions = {position for name in _names_of(model) for position in index.claims.get(name, ())}
    candidates = (index.entries[position] for position in sorted(positions))
    return [entry for entry in candidates if _is_for(entry, model, preferences)]


def _is_for(weights: Entry[WeightsSpec], model: Entry[ModelSpec], preferences: _Preferences) -> bool:
    """Return whether weights are for ``model``, one of the names of which they give."""
    distribution, _, bare = weights.spec.model.rpartition("/")
    if distribution:
        return distribution == model.distribution
    claimants: list[Entry[ModelSpec]] = _index("zoo_models").claimants(bare)
    own = [entry for entry in claimants if entry.distribution == weights.distribution]
    choice = own[0] if own else claimants[0] if len(claimants) == 1 else preferences.among(bare, claimants)
    return choice == model


def _of_plugin(entries: list[Entry[S]], plugin: str | None) -> list[Entry[S]]:
    if plugin is None:
        return entries
    installed = plugins.load_plugins()
    distributions = {each.distribution for each in installed if plugin in (each.name, each.distribution)}
    if not distributions:
        names = sorted({each.distribution for each in installed})
        raise UnknownNameError(
            f"list what the plugin {plugin!r} offers",
            f"{len(names)} distributions with plugins are installed: {', '.join(names)}",
            did_you_mean(plugin, names) or "install it, or see `zoo plugins`",
        )
    return [entry for entry in entries if entry.distribution in distributions]


def _shortest_names(chosen: Iterable[Entry[S]], among: _Index[S], preferences: _Preferences) -> list[str]:
    """Return the name of each entry, qualified where the bare name is ambiguous, in order."""

    def shortest(entry: Entry[S]) -> str:
        name = entry.spec.name
        if len(among.claims[name]) == 1 or preferences.among(name, among.claimants(name)) == entry:
            return name
        return entry.qualified

    return sorted({shortest(entry) for entry in chosen})


def _listed(index: _Index[S], pattern: str) -> list[str]:
    matches = _matcher(pattern)
    chosen = (entry for entry in index.entries if any(map(matches, _names_of(entry))))
    return _shortest_names(chosen, index, _Preferences())


def _plural(what: str) -> str:
    return what[:-1] + "ies" if what.endswith("y") else what + "s"


if not TYPE_CHECKING:
    __getattr__ = moved_names(__name__)
