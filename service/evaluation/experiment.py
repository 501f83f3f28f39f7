"""One experiment: systems x questions x measures, with intervals, and the last system compared with each other one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from indexer.errors import SourceError
from indexer.library import Derived, Library
from indexer.papers import PaperId
from indexer.progress import Progress, silent
from service.evaluation.measures import Comparison, Interval, Measure, bootstrap, compare
from service.evaluation.questions import Question, Task
from service.evaluation.runs import Run
from service.evaluation.systems import Setting, System
from service.hiding import without_references_of

ALL = "all"  # the part that has every question


@dataclass(frozen=True, slots=True)
class Figures:
    """For each measure a mean with its interval, and the last system's less this one's; None where none was measured.

    `behind` is empty for the last system itself.
    """

    intervals: tuple[Interval | None, ...]
    behind: tuple[Comparison | None, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One system's figures by part of the questions (`all` first), its rankings, milliseconds a question.

    The rankings of an outside system took nobody knows how long.
    """

    system: str
    parts: dict[str, Figures]
    rankings: dict[str, list[str]]
    milliseconds: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """An experiment's outcomes, in the order of the systems; `units` counts what the bootstrap drew."""

    task: Task
    outcomes: tuple[Outcome, ...]
    units: int
    notes: tuple[str, ...] = ()

    @property
    def subject(self) -> Outcome:
        """The system that the others are compared with: the last."""
        return self.outcomes[-1]


@dataclass(slots=True)
class _Columns:
    """Values of each measure by unit, and the weights of the units."""

    values: list[list[float]] = field(default_factory=list)
    weights: list[list[float]] = field(default_factory=list)


def run_experiment(
    library: Library,
    task: Task,
    systems: Mapping[str, System],
    *,
    outside: Sequence[Run] = (),
    progress: Progress = silent,
) -> Report:
    """Answer every question by every system, outside ones from their runs, and compare all with the last.

    Outside systems stand before the last. Raises `SourceError` if one of them answers no question.
    """
    setting = Setting(library, _hidden(library, task), task.names)
    ranked = {
        name: _rank_all(setting, name, system, task, progress=progress) for name, system in systems.items()
    }
    notes = []
    for run in outside:
        last = list(ranked)[-1]
        ranked[run.system] = (_taken(run, task), None)
        ranked[last] = ranked.pop(last)  # stays the last
        answered = sum(question.name in run.rankings for question in task.questions)
        if answered < len(task.questions):
            notes.append(f"{run.system} answers {answered:,} of {len(task.questions):,}")
    columns = {name: _by_part(task, rankings) for name, (rankings, _) in ranked.items()}
    subject = columns[list(ranked)[-1]]
    outcomes = tuple(
        Outcome(
            name,
            {
                part: _figures(mine, subject[part] if columns[name] is not subject else None)
                for part, mine in columns[name].items()
            },
            rankings,
            milliseconds,
        )
        for name, (rankings, milliseconds) in ranked.items()
    )
    return Report(task, outcomes, len({question.unit for question in task.questions}), tuple(notes))


def _hidden(library: Library, task: Task) -> Derived:
    """What is derived, as it would be if nobody knew what some papers cite."""
    if not task.hidden:
        return library.derived()
    keys = library.store.keys(task.hidden)
    return without_references_of(library.derived(), np.array(sorted(keys.values()), dtype=np.int64))


def _rank_all(
    setting: Setting, name: str, system: System, task: Task, *, progress: Progress
) -> tuple[dict[str, list[str]], float | None]:
    """Every question's ranking by one system, and the milliseconds that one took."""
    rankings, seconds = {}, 0.0
    for done, question in enumerate(task.questions, 1):
        started = time.perf_counter()
        found = system(setting, question)
        seconds += time.perf_counter() - started
        rankings[question.name] = _admitted(setting.named(found), question, task.names)
        progress(f"rank by {name}", done, len(task.questions), "queries")
    return rankings, 1000 * seconds / len(task.questions)


def _taken(run: Run, task: Task) -> dict[str, list[str]]:
    """The rankings of an outside system, held to the same rules."""
    if not any(question.name in run.rankings for question in task.questions):
        first = task.questions[0].name
        raise SourceError(
            f"the run of {run.system} answers none of the queries; they are called such as {first}"
        )
    return {
        question.name: _admitted(_canonical(run.rankings.get(question.name, ()), task), question, task.names)
        for question in task.questions
    }


def _canonical(ranking: Sequence[str], task: Task) -> Sequence[str]:
    """Ids of arXiv as the judgements have them, whatever the run adds (a version, `arXiv:`)."""
    return ranking if task.names else [str(PaperId.parse(name)) for name in ranking]


def _admitted(ranking: Sequence[str], question: Question, names: Mapping[str, str]) -> list[str]:
    """A ranking without the seeds and what may not be an answer, cut at the number asked for."""
    request = question.request
    away = question.left_out | {names.get(text, text) for text in request.liked}
    pool = {names.get(text, text) for text in request.among}
    latest = max((PaperId.parse(text).month for text in request.liked), default=0)
    dated = (request.not_newer or request.as_of_seed) and not names
    kept = []
    for name in dict.fromkeys(ranking):
        if name in away or (pool and name not in pool):
            continue
        if not dated or PaperId.parse(name).month <= latest:
            kept.append(name)
    return kept[: request.k]


def _by_part(task: Task, rankings: Mapping[str, Sequence[str]]) -> dict[str, _Columns]:
    """The values of all questions, and of those of each part where there are several."""
    parts = list(dict.fromkeys(question.part for question in task.questions))
    chosen = {ALL: list(task.questions)}
    if len(parts) > 1:
        chosen |= {part: [one for one in task.questions if one.part == part] for part in parts}
    return {part: _columns(task.measures, rankings, asked) for part, asked in chosen.items()}


def _columns(
    measures: Sequence[Measure], rankings: Mapping[str, Sequence[str]], questions: Sequence[Question]
) -> _Columns:
    units: dict[str, list[Question]] = {}
    for question in questions:
        units.setdefault(question.unit, []).append(question)
    found = _Columns()
    for measure in measures:
        values, weights = [], []
        for asked in units.values():
            each = [measure.of(rankings[question.name], question.judged) for question in asked]
            values.append(sum(each) / len(each))
            weights.append(sum(measure.weight(question.judged) for question in asked) / len(asked))
        found.values.append(values)
        found.weights.append(weights)
    return found


def _figures(mine: _Columns, subject: _Columns | None) -> Figures:
    intervals = tuple(
        bootstrap(values, weights=weights) if any(weights) else None
        for values, weights in zip(mine.values, mine.weights, strict=True)
    )
    if subject is None:
        return Figures(intervals, ())
    behind = tuple(
        compare(ours, theirs, weights=weights) if any(weights) else None
        for ours, theirs, weights in zip(subject.values, mine.values, mine.weights, strict=True)
    )
    return Figures(intervals, behind)
