"""From names to records: qualified names, aliases, ambiguous names, suggestions for typing errors."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Entry(Generic[S]):
    """A record and the distribution that provides it."""

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
    return _find("model", f"{distribution}/{bare}" if distribution else bare, _entries("zoo_models")), tag or None


def info(name: str) -> ModelSpec:
    """Return the record of a model: what it is, where it comes from and how many parameters it must have.

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
    return _find("dataset", name, _entries("zoo_datasets"))


def find_strategy(name: str) -> Entry[StrategySpec]:
    """Return the strategy that ``name`` means; raises as :func:`find_model` does."""
    return _find("strategy", name, _entries("zoo_strategies"))


def weights_of(model: Entry[ModelSpec]) -> list[Entry[WeightsSpec]]:
    """Return the weights that all plugins offer for ``model``.

    A bare model name in a record means the model of the same distribution if it has one, else whatever the name
    resolves to.
    """
    return [entry for entry in _entries("zoo_weights") if _is_for(entry, model)]


def weight_formats() -> list[Entry[WeightFormatSpec]]:
    """Return the formats of weight files that plugins add."""
    return _entries("zoo_weight_formats")


# -- listing


def list_models(
    pattern: str = "*", *, weights: bool | None = None, plugin: str | None = None, task: Task | None = None
) -> list[str]:
    """Return the names of the models installed, sorted; an ambiguous name stands there qualified, once for each plugin.

    Args:
        pattern: a shell pattern that the name or an alias must match.
        weights: True for models that have weights, False for those that have none.
        plugin: a distribution (``zoo-resnet``) or the name of its plugin (``resnet``).
        task: ``"image-classification"``, ``"classification"`` or ``"regression"``.

    >>> import zoo
    >>> zoo.list_models("lenet*")
    ['lenet5']
    """
    entries = _entries("zoo_models")
    chosen = [
        entry
        for entry in entries
        if any(fnmatch.fnmatchcase(name, pattern) for name in (entry.spec.name, *entry.spec.aliases, entry.qualified))
        and (task is None or entry.spec.task == task)
        and (weights is None or bool(weights_of(entry)) == weights)
    ]
    return _names(_of_plugin(chosen, plugin), entries)


def list_weights(pattern: str = "*") -> list[str]:
    """Return the weights installed as ``model.tag``, sorted.

    >>> import zoo
    >>> zoo.list_weights("lenet5*")
    ['lenet5.digits_0_4']
    """
    names = {f"{entry.spec.model.rpartition('/')[2]}.{entry.spec.name}" for entry in _entries("zoo_weights")}
    return sorted(name for name in names if fnmatch.fnmatchcase(name, pattern))


def list_datasets(pattern: str = "*") -> list[str]:
    """Return the names of the datasets installed, sorted."""
    return _listed(_entries("zoo_datasets"), pattern)


def list_strategies(pattern: str = "*") -> list[str]:
    """Return the names of the transfer strategies installed, sorted."""
    return _listed(_entries("zoo_strategies"), pattern)


def list_plugins() -> list[Plugin]:
    """Return every plugin installed, with what it contributes and everything that is wrong with it.

    A name that two plugins claim, and that the user has not decided, is a fault of phase ``names`` in both.
    """
    ambiguous: dict[str, list[Fault]] = {}
    for hook, what in (("zoo_models", "model"), ("zoo_datasets", "dataset"), ("zoo_strategies", "strategy")):
        entries = _entries(hook)
        for name in sorted({name for entry in entries for name in _claims(entry)}):
            claimants = [entry for entry in entries if name in _claims(entry)]
            if len(claimants) > 1 and _preferred(name, claimants) is None:
                for entry in claimants:
                    others = ", ".join(sorted({each.distribution for each in claimants} - {entry.distribution}))
                    reason = f"claims the {what} name {name!r}, and so does {others or 'another of its plugins'}; "
                    reason += f"`zoo prefer {name} {entry.distribution}` decides"
                    ambiguous.setdefault(entry.distribution, []).append(Fault("names", reason))
    return [
        replace(plugin, faults=(*plugin.faults, *(ambiguous.get(plugin.distribution, ()) if plugin.records else ())))
        for plugin in plugins.load_plugins()
    ]


def prefer(name: str, distribution: str | None) -> None:
    """Let the bare ``name`` mean the one of ``distribution`` from now on; None forgets the preference.

    Raises:
        ArgumentError: if that distribution offers nothing of that name.
    """
    if distribution is not None:
        hooks = ("zoo_models", "zoo_datasets", "zoo_strategies")
        claimants = {entry.distribution for hook in hooks for entry in _entries(hook) if name in _claims(entry)}
        claimants |= {e.distribution for e in _entries("zoo_weights") if name == f"{e.spec.model}.{e.spec.name}"}
        if distribution not in claimants:
            found = f"offered by {', '.join(sorted(claimants))}" if claimants else "offered by no plugin"
            raise ArgumentError(f"prefer {distribution} for {name!r}", f"the name is {found}", "see `zoo plugins`")
    settings.prefer(name, distribution)


# -- inside


def _entries(hook: str) -> list[Entry[Any]]:
    return [
        Entry(spec, plugin.distribution) for plugin in plugins.load_plugins() for spec in plugin.records.get(hook, ())
    ]


def _claims(entry: Entry[Any]) -> tuple[str, ...]:
    return (entry.spec.name, *getattr(entry.spec, "aliases", ()))


def _check_is_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"find the {what} {name!r}", "it is not a name", f"pass the {what}'s name as a string")


def _find(what: str, name: str, entries: list[Entry[S]]) -> Entry[S]:
    _check_is_name(what, name)
    distribution, _, bare = name.rpartition("/")
    matching = [entry for entry in entries if bare in _claims(entry)]
    if distribution:
        matching = [entry for entry in matching if entry.distribution == distribution]
    if matching:
        return _only(what, bare, matching)
    known = sorted({claim for entry in entries for claim in _claims(entry)} | {entry.qualified for entry in entries})
    count = len({entry.qualified for entry in entries})
    raise UnknownNameError(
        f"find the {what} {name!r}",
        f"none of the {count} {_plural(what)} installed has that name",
        did_you_mean(name, known) or "`zoo list` shows them, `zoo plugins` shows where they come from",
    )


def _only(what: str, name: str, entries: list[Entry[S]]) -> Entry[S]:
    if len(entries) == 1:
        return entries[0]
    choice = _preferred(name, entries)
    if choice is not None:
        return choice
    raise AmbiguousNameError(
        f"find the {what} {name!r}",
        f"it is claimed by {' and '.join(entry.qualified for entry in entries)}",
        f"pass the qualified name, or choose once and for all with `zoo prefer {name} {entries[0].distribution}`",
    )


def _preferred(name: str, entries: Iterable[Entry[S]]) -> Entry[S] | None:
    distribution = settings.preferred().get(name)
    chosen = [entry for entry in entries if entry.distribution == distribution]
    return chosen[0] if len(chosen) == 1 else None


def _is_for(weights: Entry[WeightsSpec], model: Entry[ModelSpec]) -> bool:
    distribution, _, bare = weights.spec.model.rpartition("/")
    if bare not in _claims(model):
        return False
    if distribution:
        return distribution == model.distribution
    claimants = [entry for entry in _entries("zoo_models") if bare in _claims(entry)]
    own = [entry for entry in claimants if entry.distribution == weights.distribution]
    choice = own[0] if own else claimants[0] if len(claimants) == 1 else _preferred(bare, claimants)
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


def _names(chosen: Iterable[Entry[S]], among: list[Entry[S]]) -> list[str]:
    """Name each entry as shortly as is unambiguous."""
    claimants: dict[str, list[Entry[S]]] = {}
    for each in among:
        for name in _claims(each):
            claimants.setdefault(name, []).append(each)

    def shortest(entry: Entry[S]) -> str:
        rivals = claimants[entry.spec.name]
        return entry.spec.name if len(rivals) == 1 or _preferred(entry.spec.name, rivals) == entry else entry.qualified

    return sorted({shortest(entry) for entry in chosen})


def _listed(entries: list[Entry[S]], pattern: str) -> list[str]:
    return _names((e for e in entries if any(fnmatch.fnmatchcase(name, pattern) for name in _claims(e))), entries)


def _plural(what: str) -> str:
    return what[:-1] + "ies" if what.endswith("y") else what + "s"


if not TYPE_CHECKING:
    __getattr__ = moved_names(__name__)
