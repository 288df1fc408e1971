"""A strategy by its name: the function of a plugin that returns phases, called with its options and checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from zoo import registry
from zoo.errors import ArgumentError, PluginError, ZooError, asked, one_line
from zoo.plugins import resolve_reference
from zoo.registry import Entry
from zoo.specs import StrategySpec
from zoo.transfer.phases import ALL, Phase, leaf_layers


@dataclass(frozen=True)
class Strategy:
    """A strategy of a plugin, with the ``options`` that its function is called with."""

    entry: Entry[StrategySpec]
    make_phases: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def option_names(self) -> set[str]:
        """The names of the options that the strategy's function takes."""
        parameters = list(inspect.signature(self.make_phases).parameters.values())[1:]
        names = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD}
        return names - {"epochs", "learning_rate"}

    def with_options(self, given: Mapping[str, Any]) -> Strategy:
        """Return the strategy with those of the ``given`` options that are its own, over what its spec declares."""
        own = {name: given[name] for name in self.option_names & given.keys()}
        return replace(self, options={**self.entry.spec.config, **own})

    def phases(self, model: keras.Model, epochs: int, learning_rate: float | None) -> list[Phase]:
        """Return the phases for ``model``.

        Raises:
            ZooError: what the strategy itself raises, such as ArgumentError for an option that does not fit.
            PluginError: if it fails in any other way, or does not return phases of layers that the model has.
        """
        try:
            phases = self.make_phases(model, epochs=epochs, learning_rate=learning_rate, **self.options)
        except ZooError:
            raise
        except Exception as error:
            raise _broken(self.entry, f"it raised {one_line(error)}") from error
        if not isinstance(phases, list) or not phases or not all(isinstance(phase, Phase) for phase in phases):
            raise _broken(self.entry, f"it returned {phases!r}, which is not a list of zoo.transfer.Phase")
        check_layers(model, phases)
        return phases


def load_strategy(name: str) -> Strategy:
    """Return the strategy called ``name``.

    Raises:
        UnknownNameError: if no plugin offers it.
        PluginError: if the function that its spec names cannot be imported.
    """
    entry = registry.find_strategy(name)
    try:
        make_phases = resolve_reference(entry.spec.phases)
        inspect.signature(make_phases)
    except Exception as error:
        raise _broken(entry, f"{entry.spec.phases} cannot be imported ({one_line(error)})") from error
    return Strategy(entry, make_phases)


def phase_of_rate(phases_at: Callable[[float | None], list[Phase]]) -> Phase:
    """Return the first phase whose learning rate the user can choose; ``phases_at`` gives the phases at a rate.

    Raises:
        ArgumentError: if the strategy has no such phase.
    """
    for phase, other in zip(phases_at(None), phases_at(1e-9), strict=True):
        if phase.learning_rate != other.learning_rate:
            return phase
    found = "its strategy has no learning rate that can be chosen"
    raise ArgumentError(asked("with learning_rate='find'"), found, "leave learning_rate out")


def _broken(entry: Entry[StrategySpec], found: str) -> PluginError:
    return PluginError(f"use the strategy {entry.qualified!r}", found, f"tell the authors of {entry.distribution}")


def check_layers(model: keras.Model, phases: Sequence[Phase]) -> None:
    """Raise unless every layer that a phase names is a layer of the model.

    Raises:
        PluginError: naming the first that is not.
    """
    names = {layer.name for layer in leaf_layers(model)}
    for phase in phases:
        unknown = [name for name in phase.trainable if name not in names and phase.trainable != ALL]
        if unknown:
            found = f"the phase {phase.name!r} trains {unknown[0]!r}, which is not a layer of {model.name!r}"
            raise PluginError(asked(), found, "tell the authors of the strategy")
