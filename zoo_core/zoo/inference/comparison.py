"""Runs side by side: the settings in which they differ, and whether one of them is better."""

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

#: The significance level: a difference with a p-value below it is not put down to chance.
SIGNIFICANT = 0.05

#: The entries of a run's record that are not settings; most of them differ between any two runs.
_NOT_SETTINGS = ("format", "metrics", "weights", "seconds", "warning", "parameters")


@dataclass(frozen=True)
class Compared:
    """One of the runs: what was trained, how, for how long and how well.

    ``parameters`` counts the parameters of the model and ``trained`` those that were trained; each is None if the run
    does not say. ``seconds`` is the time of the training. ``settings`` holds all settings by dotted names.
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
    """Whether a run is better than the ``baseline``, which is the first run; ``reason`` says why in words.

    ``difference`` is the run's ``figure`` minus that of the baseline; ``p_value`` is the probability of a difference
    this large by chance, None if the two runs are not known to be measured on the same samples.
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
    """The runs, the settings in which they differ (one value for each run), and a verdict on each run but the first."""

    runs: tuple[Compared, ...]
    differences: Mapping[str, tuple[Any, ...]]
    verdicts: tuple[Verdict, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(f"{each.run}: {each.reason}" for each in self.verdicts)


def compare(runs: Iterable[Run | str | os.PathLike[str]]) -> Comparison:
    """Compare two or more runs; the first is the baseline for the others.

    If two runs were evaluated on the same samples and both recorded which of them they got right, McNemar's exact test
    on the samples that only one of them got right decides. Otherwise, and for a regression, the 95% confidence
    intervals decide: if they overlap, the verdict is "undecided". This rule is stricter than the test.

    No model is built, and TensorFlow is not imported.

    Args:
        runs: runs or their folders.

    Raises:
        ArgumentError: if there are fewer than two runs, or their tasks differ.
        RunError: if a folder is not that of a run, or is damaged.
    """
    if isinstance(runs, (str, os.PathLike)):
        raise ArgumentError(f"compare {str(runs)!r}", "this is a single run", "pass a list of two or more runs")
    given = list(runs)
    request = f"compare {len(given)} {'run' if len(given) == 1 else 'runs'}"
    if len(given) < 2:
        raise ArgumentError(request, "a comparison needs at least two", "pass two or more runs")
    compared = tuple(map(_compared, given))
    first, *others = compared
    for each in others:
        if _task(each) != _task(first) and None not in (_task(each), _task(first)):
            found = f"the task of {first.name!r} is {_task(first)}, and that of {each.name!r} is {_task(each)}"
            raise ArgumentError(request, found, "compare runs with the same task")
    return Comparison(compared, _differences(compared), tuple(_verdict(each, first) for each in others))


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test from the numbers of samples that only one model got right.

    Source: McNemar 1947, https://doi.org/10.1007/BF02295996; the exact form is a binomial test with probability 1/2.

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
        raise ArgumentError(asked(), f"a value of type {type(run).__name__} is not a run", "pass a run or its folder")
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
    """Yield the values of nested mappings by dotted names; phases get numbers, and other lists are values."""
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
        reason = f"undecided: {missing} has no figures, because no data was held out"
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
            f"of {one.count:,} samples, this run alone got {gained:,} right and the first run alone {lost:,} "
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
    """Return whether the intervals of a figure do not overlap, and the same in words."""
    if not (one.samples and other.samples):
        where = "on samples that may differ"
    else:
        where = "on the same samples" if one.samples == other.samples else "on different samples"
    if figure not in one.intervals or figure not in other.intervals:
        return False, f"there is no confidence interval of {figure}"
    (low, high), (least, most) = one.intervals[figure], other.intervals[figure]
    is_apart = low > most or high < least
    return is_apart, f"the 95% intervals of {figure}, measured {where}, {'do not overlap' if is_apart else 'overlap'}"
