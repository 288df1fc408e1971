"""What happened to every variable of a model when weights were loaded into it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: The fields that had another name in Zoo 0.1, also in the runs that it wrote.
_BEFORE = {"initial": "missing", "unused": "unexpected"}


@dataclass(frozen=True)
class LoadReport:
    """The outcome of one load: every variable of the model is in ``loaded``, ``missing`` or ``auxiliary``.

    - ``loaded``: variables that got their array from the file, as ``layer/variable``;
    - ``adapted``: those of them whose array was changed before it was assigned, with what was done to it;
    - ``missing``: variables that the file gave no array, with the reason. They are left at their initial value, and
      all of them are in the head;
    - ``unexpected``: arrays of the file that belong to no variable of the model, all of them in a head or an auxiliary
      classifier;
    - ``auxiliary``: variables of auxiliary classifiers that are left at their initial value, with the reason. The
      model's own outputs do not depend on them.

    ``layout`` is the naming scheme that the file follows; ``"own"`` is that of the model itself.
    """

    source: str
    format: str
    layout: str
    sha256: str
    tag: str | None
    loaded: tuple[str, ...]
    adapted: tuple[tuple[str, str], ...]
    missing: tuple[tuple[str, str], ...]
    unexpected: tuple[str, ...]
    auxiliary: tuple[tuple[str, str], ...] = ()

    @property
    def initial(self) -> tuple[tuple[str, str], ...]:
        """Deprecated: the name of ``missing`` in Zoo 0.1."""
        _warn_of("initial")
        return self.missing

    @property
    def unused(self) -> tuple[str, ...]:
        """Deprecated: the name of ``unexpected`` in Zoo 0.1."""
        _warn_of("unused")
        return self.unexpected

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain lists and strings, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> LoadReport:
        """Return the report of :meth:`as_dict`, also one that Zoo 0.1 wrote, with other names for two of the fields."""
        return cls(**{_BEFORE.get(key, key): value for key, value in content.items()})

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} variables loaded from {self.source} ({self.format}, {self.layout} names)"]
        if self.adapted:
            lines.append(f"adapted: {len(self.adapted)} of them, the first {self.adapted[0][0]}: {self.adapted[0][1]}")
        for name, reason in (*self.missing, *self.auxiliary):
            lines.append(f"left at its initial value: {name} ({reason})")
        for name in self.unexpected:
            lines.append(f"unexpected in the file: {name}")
        return "\n".join(lines)


def _warn_of(name: str) -> None:
    message = f"LoadReport.{name} is now LoadReport.{_BEFORE[name]}; the old name will be removed in the next release"
    warnings.warn(message, DeprecationWarning, stacklevel=3)
