"""What happened to every variable of a model when weights were loaded into it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class LoadReport:
    """The outcome of one load: every variable of the model stands in ``loaded``, ``initial`` or ``auxiliary``.

    - ``loaded``: variables that got their array from the file, as ``layer/variable``;
    - ``adapted``: those among them whose array was changed on the way, with what was done to it;
    - ``initial``: variables left at their initial value, all of them in the head, with the reason;
    - ``unused``: arrays of the file that found no place in the model, all of them of a head or auxiliary classifier;
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
    initial: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]
    auxiliary: tuple[tuple[str, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain lists and strings, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} variables loaded from {self.source} ({self.format}, {self.layout} names)"]
        if self.adapted:
            lines.append(f"adapted: {len(self.adapted)} of them, the first {self.adapted[0][0]}: {self.adapted[0][1]}")
        for name, reason in (*self.initial, *self.auxiliary):
            lines.append(f"left at its initial value: {name} ({reason})")
        for name in self.unused:
            lines.append(f"not used: {name}")
        return "\n".join(lines)
