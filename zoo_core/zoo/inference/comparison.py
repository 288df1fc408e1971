"""Runs side by side: what was done differently, and whether one of them is better."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoo.errors import ArgumentError, RunError, asked, asking, one_line
from zoo.runs.folder import ADVICE, HISTORY, RECORD, read_json, read_record
from zoo.runs.metrics import Metrics
from zoo.specs import Task

if TYPE_CHECKING:
    from zoo.runs.run import Run

#: The probability of a difference as large as this by chance alone, below which it is said to be one.
SIGNIFICANT = 0.05

#: What differs between any two runs and says nothing of how they were made.
_NOT_SETTINGS = ("format", "metrics", "weights", "seconds", "warning", "parameters")


@dataclass(frozen=True)
class Compared:
    """One of the runs: what was trained, how, for how long and how well.

    ``parameters`` and ``trained`` count the weights of the model and those that learnt; None where the run does not
    say. ``seconds`` are those of the training. ``settings`` are all that was chosen, by dotted names.
    """

    name: str
    model: str
    strategy: str
    data: str
    epochs: int
    seconds: float | None
    parameters: int | None
    trained: int | None
    metrics: Metrics | None
    settings: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Verdict:
    """How a run stands to the ``baseline``, the first run: ``reason`` says it in words.

    ``difference`` is that of ``figure``, the run's less the baseline's, and ``p_value`` the probability of one as large
    by chance, None where the samples are not known to be the same.
    """

    run: str
    baseline: str
    figure: str
    difference: float | None
    p_value: float | None
    decision: Literal["better", "worse", "undecided"]
    reason: str


@dataclass(frozen=True)
class Comparison:
    """The runs, the settings in which they differ (a value for each run), and how each stands to the first."""

    runs: tuple[Compared, ...]
    differences: Mapping[str, tuple[Any, ...]]
    verdicts: tuple[Verdict, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(f"{each.run}: {each.reason}" for each in self.verdicts)


def compare(runs: Iterable[Run | str | os.PathLike[str]]) -> Comparison:
    """Return two or more runs side by side; the first is what the others are measured against.

    Where both runs were evaluated on the same samples and know which of them they got right, the difference is judged
    by McNemar's exact test on the samples that one of them got right and the other wrong. Otherwise, and for a
    regression, a difference counts only if the 95% intervals do not overlap: a stricter rule, so that intervals which
    overlap leave it undecided.

    No model is built, and TensorFlow is not needed.

    Args:
        runs: runs or their folders.

    Raises:
        ArgumentError: if there are fewer than two, or their tasks are not the same.
        RunError: if a folder is no run, or is damaged.
    """
    if isinstance(runs, (str, os.PathLike)):
        raise ArgumentError(f"compare {str(runs)!r}", "it is one run", "pass a list of two or more")
    given = list(runs)
    request = f"compare {len(given)} {'run' if len(given) == 1 else 'runs'}"
    if len(given) < 2:
        raise ArgumentError(request, "that leaves nothing to compare", "pass two or more")
    compared = tuple(map(_compared, given))
    first, *others = compared
    for each in others:
        if _task(each) != _task(first) and None not in (_task(each), _task(first)):
            found = f"the task of {first.name!r} is {_task(first)}, that of {each.name!r} {_task(each)}"
            raise ArgumentError(request, found, "compare runs of one task")
    return Comparison(compared, _differences(compared), tuple(_verdict(each, first) for each in others))


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test, on the samples that only one of two models got right.

    Source: McNemar 1947, https://doi.org/10.1007/BF02295996; the exact form is a binomial test with a half.

    >>> mcnemar(1, 9)
    0.021484375
    """
    discordant = only_first + only_second
    ways = total = 1
    for chosen in range(min(only_first, only_second)):
        ways = ways * (discordant - chosen) // (chosen + 1)
        total += ways
    p_value: float = 2 * total / 2**discordant
    return min(1.0, p_value)


# -- reading


def _name(run: Any) -> str:
    if isinstance(run, (str, os.PathLike)):
        return os.fspath(run).rstrip(os.sep) or os.sep
    folder = getattr(run, "folder", None)
    return os.fspath(folder) if folder else "a run in memory"


def _compared(run: Any) -> Compared:
    with asking(f"compare the run {_name(run)!r}"):
        return _read(run)


def _read(run: Any) -> Compared:
    if isinstance(run, (str, os.PathLike)):
        record = read_record(run)
        history = read_json(Path(run).expanduser() / HISTORY)
    elif hasattr(run, "info") and hasattr(run, "build"):
        model = {"name": run.build.qualified, "version": run.build.version, "options": run.build.options}
        record = {"model": model, "metrics": run.metrics and run.metrics.as_dict(), **run.info}
        record["weights"] = run.report and run.report.as_dict()
        history = run.history
    else:
        raise ArgumentError(asked(), f"a {type(run).__name__} is no run", "pass a run or its folder")
    try:
        settings = {key: value for key, value in record.items() if key not in _NOT_SETTINGS}
        settings["model"] = {key: record["model"][key] for key in ("name", "version", "options")}
        settings["data"] = record["data"]["origin"]
        settings["weights"] = _first_weights(record["weights"])
        counts = record.get("parameters") or {}
        return Compared(
            name=_name(run),
            model=_bare(record["model"]["name"]),
            strategy=_bare(record["strategy"]["name"]),
            data=record["data"]["name"],
            epochs=len(history),
            seconds=(record.get("seconds") or {}).get("training"),
            parameters=counts.get("total"),
            trained=counts.get("trained"),
            metrics=Metrics.from_dict(record["metrics"]) if record["metrics"] else None,
            settings=dict(_flat("", settings)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(asked(), f"{RECORD} is damaged ({one_line(error)})", ADVICE) from error


def _first_weights(report: Mapping[str, Any] | None) -> str:
    if report is None:
        return "random"
    return report.get("tag") or Path(report["source"]).name


def _bare(qualified: str) -> str:
    return qualified.rpartition("/")[2]


def _flat(prefix: str, value: Any) -> Iterable[tuple[str, Any]]:
    """Yield what is in nested mappings under dotted names; phases are numbered, other lists are values."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), each)
    elif isinstance(value, (list, tuple)) and value and all(isinstance(each, Mapping) for each in value):
        for number, each in enumerate(value, 1):
            yield from _flat(f"{prefix}.{number}", each)
    else:
        yield prefix, list(value) if isinstance(value, tuple) else value


# -- judging


def _task(run: Compared) -> Task | None:
    return run.metrics.task if run.metrics else None


def _differences(runs: tuple[Compared, ...]) -> dict[str, tuple[Any, ...]]:
    names = dict.fromkeys(name for each in runs for name in each.settings)
    values = {name: tuple(each.settings.get(name) for each in runs) for name in names}
    return {name: each for name, each in values.items() if any(value != each[0] for value in each)}


def _verdict(run: Compared, baseline: Compared) -> Verdict:
    one, other = run.metrics, baseline.metrics
    if one is None or other is None:
        missing = run.name if one is None else baseline.name
        reason = f"undecided: nothing was held out of {missing}"
        return Verdict(run.name, baseline.name, "", None, None, "undecided", reason)
    figure = next(iter(one.figures()))
    difference = one.figures()[figure] - other.figures()[figure]
    p_value, reason = None, ""
    right, before = one.correct(), other.correct()
    if right is not None and before is not None and one.samples == other.samples and len(right) == len(before):
        gained, lost = int((right & ~before).sum()), int((before & ~right).sum())
        p_value = mcnemar(gained, lost)
        is_clear = p_value < SIGNIFICANT
        reason = (
            f"of {one.count:,} samples, {gained:,} only this run got right and {lost:,} only the first "
            f"(McNemar's exact test, p = {p_value:.2g})"
        )
    else:
        is_clear, reason = _apart(figure, one, other)
    better = difference > 0 if figure.startswith("top") else difference < 0
    decision: Literal["better", "worse", "undecided"] = "undecided"
    if is_clear:
        decision = "better" if better else "worse"
    return Verdict(run.name, baseline.name, figure, difference, p_value, decision, f"{decision}: {reason}")


def _apart(figure: str, one: Metrics, other: Metrics) -> tuple[bool, str]:
    """Return whether the intervals of a figure lie apart, and why that is all that can be said."""
    if not (one.samples and other.samples):
        where = "on samples that may be others"
    else:
        where = "on the same samples" if one.samples == other.samples else "on other samples"
    if figure not in one.intervals or figure not in other.intervals:
        return False, f"there is no interval of {figure}"
    (low, high), (least, most) = one.intervals[figure], other.intervals[figure]
    is_apart = low > most or high < least
    return is_apart, f"the 95% intervals of {figure}, measured {where}, {'lie apart' if is_apart else 'overlap'}"
