"""A report as rows for people and as data for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from service.evaluation.experiment import ALL, Figures, Outcome, Report
from service.evaluation.measures import Comparison, Interval, Measure


@dataclass(frozen=True, slots=True)
class Printed:
    """A report in both forms; `title` tells it from others beside it."""

    rows: Sequence[Sequence[str]]
    footnote: str
    data: dict[str, Any]
    title: str = ""

    def as_json(self) -> dict[str, Any]:
        """The report as data."""
        return self.data


def printed(report: Report, title: str = "") -> Printed:
    """A report of an experiment."""
    return Printed(table(report), footnote(report), data(report), title)


def table(report: Report) -> list[tuple[str, ...]]:
    """Rows of text, the header first: a row for each system, by part of the questions where there are parts.

    Each row but the subject's tells how much more the subject has of the first measure, query by query.
    """
    parts = list(report.subject.parts)
    measures = report.task.measures
    behind = f"{report.subject.system} minus it, {measures[0].name}"
    header = ("system", *(one.name for one in measures), behind, "ms")
    rows = [header if len(parts) == 1 else ("part", *header)]
    for part in parts:
        for outcome in report.outcomes:
            row = _row(outcome, part)
            rows.append(row if len(parts) == 1 else (part, *row))
    return rows


def _row(outcome: Outcome, part: str) -> tuple[str, ...]:
    figures = outcome.parts[part]
    timed = part == ALL and outcome.milliseconds is not None  # a part was not timed by itself
    took = f"{outcome.milliseconds:.1f}" if timed else ""
    behind = shown_gain(figures.behind[0]) if figures.behind else ""
    return (outcome.system, *map(shown, figures.intervals), behind, took)


def footnote(report: Report) -> str:
    """What was measured and how, in a few sentences of one line each."""
    task = report.task
    are = "is" if task.not_held == 1 else "are"
    left_out = f"; {task.not_held:,} more {are} not in this library" if task.not_held else ""
    first, *more = (*task.notes, *report.notes)
    intervals = f"in brackets 95 % bootstrap intervals over {task.units}"
    return "\n".join([f"{report.units:,} {task.units}{left_out}; {first}; {intervals}", *more])


def data(report: Report) -> dict[str, Any]:
    """All figures: for each system each measure's interval, and by how much the subject exceeds it."""
    task = report.task
    return {
        "evaluation": task.title,
        "queries": report.units,
        "units": task.units,
        "not_held": task.not_held,
        "notes": [*task.notes, *report.notes],
        "subject": report.subject.system,
        "systems": {outcome.system: _system_data(outcome, task.measures) for outcome in report.outcomes},
    }


def _system_data(outcome: Outcome, measures: Sequence[Measure]) -> dict[str, Any]:
    parts = {part: _part_data(figures, measures) for part, figures in outcome.parts.items()}
    took = outcome.milliseconds
    found = parts.pop(ALL) | {"milliseconds": None if took is None else round(took, 2)}
    return found | ({"parts": parts} if parts else {})


def _part_data(figures: Figures, measures: Sequence[Measure]) -> dict[str, Any]:
    found: dict[str, Any] = {
        measure.name: asdict(one) if one else None
        for measure, one in zip(measures, figures.intervals, strict=True)
    }
    behind = {
        measure.name: asdict(one) if one else None
        for measure, one in zip(measures, figures.behind, strict=False)
    }
    return found | {"subject_minus_it": behind or None}


def shown(interval: Interval | None) -> str:
    """An interval for a table: `0.520 [.510, .529]`; a dash where nothing was measured."""
    return f"{interval.mean:.3f} {_between(interval, '.3f')}" if interval else "-"


def shown_gain(behind: Comparison | None) -> str:
    """A paired difference for a table: `+0.021 [+.012, +.030], p < .001`; a dash where there is none."""
    if behind is None:
        return "-"
    sure = "p < .001" if behind.p < 0.001 else f"p = {behind.p:.3f}".replace("0.", ".")
    return f"{behind.difference.mean:+.3f} {_between(behind.difference, '+.3f')}, {sure}"


def _between(interval: Interval, form: str) -> str:
    """The ends of an interval, short enough for a table of 110 columns."""
    low, high = (format(end, form).replace("0.", ".", 1) for end in (interval.low, interval.high))
    return f"[{low}, {high}]"
