"""The checks of :mod:`zoo.testing.checks` as parametrised tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import pytest

from zoo.errors import UnknownNameError
from zoo.testing import checks


def parametrize_with_checks(
    distribution: str,
    *,
    representatives: Collection[str] | None = None,
    small: Mapping[str, Any] | None = None,
    declared: Mapping[str, Any] | None = None,
) -> pytest.MarkDecorator:
    """Return a decorator that runs a test with each check of each model of an installed distribution::

        @parametrize_with_checks("zoo-acme", representatives=["acme_small"])
        def test_the_models_keep_what_every_model_promises(check: Callable[[], None]) -> None:
            check()

    The slower checks run on ``representatives``, by default on all models; ``small`` and ``declared`` are those of a
    :class:`~zoo.testing.checks.Candidate`. A test's id is ``model-check``, such as ``acme_small-learns``.

    Raises:
        UnknownNameError: if no installed distribution of that name offers models, or not those of ``representatives``.
    """
    candidates = checks.candidates(distribution, small=small, declared=declared)
    names = [candidate.spec.name for candidate in candidates]
    unknown = sorted(set(representatives or ()) - set(names))
    if unknown:
        asked = f"check {', '.join(map(repr, unknown))} as representatives of {distribution!r}"
        raise UnknownNameError(asked, f"it offers {', '.join(names)}", "name some of these")
    runs = [
        pytest.param(partial(checks.listing_imports_nothing_heavy, distribution), id="listing_imports_nothing_heavy")
    ]
    for candidate in candidates:
        slow = representatives is None or candidate.spec.name in representatives
        for check in (*checks.OF_EACH_MODEL, *(checks.OF_A_REPRESENTATIVE if slow else ())):
            runs.append(pytest.param(partial(check, candidate), id=f"{candidate.spec.name}-{check.__name__}"))
    return pytest.mark.parametrize("check", runs)
