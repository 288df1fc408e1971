"""What a training is asked to be, before anything of it is looked up or loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo.errors import ArgumentError

#: The arguments of a training besides its model, its data and the options.
ARGUMENTS = ("strategy", "weights", "epochs", "batch_size", "learning_rate", "out", "seed")


@dataclass(frozen=True)
class Request:
    """The arguments of :func:`zoo.transfer`, ``options`` apart; ``out`` is absolute and ``seed`` is drawn.

    ``options`` are those of the training, of the strategy and of the model, which nobody has told apart yet.
    ``is_resumed`` says that they were read from the folder of an unfinished training.
    """

    model: Any
    data: Any
    strategy: str
    weights: str | None
    epochs: int
    batch_size: int
    learning_rate: float | str | None
    out: str | None
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    is_resumed: bool = False

    def __post_init__(self) -> None:
        for name, least, example in (("epochs", 1, 10), ("batch_size", 1, 32), ("seed", 0, 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**32:
                found = f"it is not a whole number from {least} to {2**32 - 1}"
                raise ArgumentError(f"train with {name}={value!r}", found, f"pass {example}, for example")
        rate = self.learning_rate
        is_number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
        if rate not in (None, "find") and not (is_number and 0 < rate < math.inf):  # type: ignore[operator]
            found, advice = "it is not a positive number", "pass 0.001, for example, or 'find'"
            raise ArgumentError(f"train with learning_rate={rate!r}", found, advice)

    @classmethod
    def of(cls, model: Any, data: Any, arguments: Mapping[str, Any], *, is_resumed: bool = False) -> Request:
        """Return the request whose arguments and options are given in one mapping, as recipes keep them."""
        options = {name: value for name, value in arguments.items() if name not in ARGUMENTS}
        given = {name: arguments[name] for name in ARGUMENTS}
        return cls(model, data, **given, options=options, is_resumed=is_resumed)

    @property
    def arguments(self) -> dict[str, Any]:
        """Return arguments and options in one mapping, as recipes keep them."""
        return {**{name: getattr(self, name) for name in ARGUMENTS}, **self.options}
