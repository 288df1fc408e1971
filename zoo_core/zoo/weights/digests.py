"""The digests that identify a weights file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from zoo.specs import WeightsSpec


@dataclass(frozen=True)
class Digests:
    """The digests of a file in hexadecimal; ``md5`` is empty if it was not asked for."""

    sha256: str
    md5: str = ""

    def fit(self, record: WeightsSpec) -> bool | None:
        """Return whether they are the digests that ``record`` gives; None if it gives none that was computed."""
        if record.sha256 is not None:
            return self.sha256.startswith(record.sha256)
        return self.md5 == record.md5 if record.md5 and self.md5 else None


def digests_of(*files: Path, md5: bool = False) -> Digests:
    """Return the digests of a file, or of the bytes of several files in this order."""
    hashes = [hashlib.sha256(), *([hashlib.md5(usedforsecurity=False)] if md5 else [])]
    for each_file in files:
        with each_file.open("rb") as file:
            while block := file.read(2**20):
                for each in hashes:
                    each.update(block)
    return Digests(*(each.hexdigest() for each in hashes))
