"""Verifying weights: the digest of the file, every array, and the outputs of the network with them."""

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
    """Weights that were verified: what was loaded, and how far the outputs are from the fingerprint of the spec.

    ``deviation`` is the largest difference divided by the largest output; None if the spec has no fingerprint.
    """

    report: LoadReport
    deviation: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report and the deviation, ready for JSON."""
        return {**self.report.as_dict(), "deviation": self.deviation}


def verify(name: str, *, model: str | None = None) -> Verified:
    """Check weights: the digest of a tag's file, every array, and the fingerprint if there is one.

    Args:
        name: ``model.tag``, or a path or URL if ``model`` is given.
        model: the name of the model that the file belongs to.

    Raises:
        ZooError: if the file is wrong, the head does not fit, or the outputs differ from the reference.
    """
    request = f"verify {name!r}"
    if model is None:
        entry, tag = registry.find_model(name)
        if tag is None:
            raise ArgumentError(request, "the name has no weights tag", "pass 'model.tag', or a path and its model")
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
            f"the file has no array of the right shape for {report.missing[0][0]}",
            "pass the model that the file belongs to",
        )
    if report.tag is None or record is None or record.fingerprint is None:
        return Verified(report)
    found = deviation(built, record.fingerprint, record.preprocessing or entry.spec.preprocessing)
    if found > record.fingerprint.tolerance:
        raise WeightsFileError(
            request,
            f"its outputs differ from the fingerprint by {found:.1e} of the largest output, "
            f"and {record.fingerprint.tolerance:.1e} is allowed",
            f"do not use it: the network of {entry.distribution} and the weights do not fit together",
        )
    return Verified(report, found)
