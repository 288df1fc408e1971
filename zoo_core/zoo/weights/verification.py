"""Whether weights are what they claim to be: the digest, every array, and what the network says with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zoo import registry
from zoo.errors import ArgumentError, WeightsFileError
from zoo.models.load_report import LoadReport
from zoo.models.options import resolve_options
from zoo.weights.fingerprints import deviation
from zoo.weights.loading import build_with
from zoo.weights.sources import find_source


@dataclass(frozen=True)
class Verified:
    """Weights found whole: what was loaded, and by how much the outputs differ from the fingerprint of the record.

    ``deviation`` is the largest difference over the largest output; None if the record holds no fingerprint.
    """

    report: LoadReport
    deviation: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report and the deviation, ready for JSON."""
        return {**self.report.as_dict(), "deviation": self.deviation}


def verify(name: str, *, model: str | None = None) -> Verified:
    """Check that weights are whole: the digest of a tag's file, every array, and the fingerprint if there is one.

    Args:
        name: ``model.tag``, or a path or URL if ``model`` says for which model the file is.

    Raises:
        ZooError: if anything is wrong with the file, the head does not fit, or the outputs are not the reference's.
    """
    request = f"verify {name!r}"
    if model is None:
        entry, tag = registry.find_model(name)
        if tag is None:
            raise ArgumentError(request, "that names no weights", "pass 'model.tag', or a path and its model")
    else:
        (entry, _), tag = registry.find_model(model), name
    source = find_source(entry, tag)
    record = source.record
    options: dict[str, Any] = {}
    if record is not None:
        options = {"classes": record.classes, "input_shape": record.input_shape, "include_top": record.include_top}
        options.update(record.config)
        if record.fingerprint:
            options["classifier_activation"] = None
    built = build_with(entry, resolve_options(entry, **options), source)
    report = built._zoo_build.report
    if report.missing:
        raise WeightsFileError(
            request,
            f"{report.missing[0][0]} finds no array of its shape in the file",
            "pass the model it is for",
        )
    if report.tag is None or record is None or record.fingerprint is None:
        return Verified(report)
    found = deviation(built, record.fingerprint, record.preprocessing or entry.spec.preprocessing)
    if found > record.fingerprint.tolerance:
        raise WeightsFileError(
            request,
            f"its outputs differ from the fingerprint by {found:.1e} of the largest, "
            f"where {record.fingerprint.tolerance:.1e} is allowed",
            f"do not use it: the network of {entry.distribution} and the weights do not belong together",
        )
    return Verified(report, found)
