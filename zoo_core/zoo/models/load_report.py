"""What happened to every variable of a model when weights were loaded into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: What Zoo 0.1 called the fields, in the runs that it wrote.
_BEFORE = {"initial": "missing", "unused": "unexpected"}


@dataclass(frozen=True)
class LoadReport:
    """The outcome of one load: every variable of the model stands in ``loaded``, ``missing`` or ``auxiliary``.

    - ``loaded``: variables that got their array from the file, as ``layer/variable``;
    - ``adapted``: those among them whose array was changed on the way, with what was done to it;
    - ``missing``: variables left at their initial value, all of them in the head, with the reason;
    - ``unexpected``: arrays of the file that no variable of the model takes, all of a head or an auxiliary classifier;
    - ``auxiliary``: variables of auxiliary classifiers left at their initial value, with the reason. The model's own
      outputs do not depend on them.

    ``layout`` names the naming scheme that the file was found to follow, ``"own"`` being that of the model itself.
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

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain lists and strings, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> LoadReport:
        """Return the report of :meth:`as_dict`; Zoo 0.1 called two of its fields otherwise."""
        return cls(**{_BEFORE.get(key, key): value for key, value in content.items()})

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} variables loaded from {self.source} ({self.format}, {self.layout} names)"]
        if self.adapted:
            lines.append(f"adapted: {len(self.adapted)} of them, the first {self.adapted[0][0]}: {self.adapted[0][1]}")
        for name, reason in (*self.missing, *self.auxiliary):
            lines.append(f"left at its initial value: {name} ({reason})")
        for name in self.unexpected:
            lines.append(f"not used: {name}")
        return "\n".join(lines)
