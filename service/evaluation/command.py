"""What `paperkin evaluate` prints: reports as rows for people and as data for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexer.errors import SettingsError
from indexer.library import held_papers, open_library
from indexer.progress import Progress
from indexer.settings import Settings
from service.evaluation.experiment import SYSTEMS, Report, run_experiment, shown, table, write_run
from service.evaluation.judgements import read_judgements
from service.evaluation.measures import MEASURES
from service.evaluation.speed import Speed, measure_speed


@dataclass(frozen=True, slots=True)
class Printed:
    """A report in both forms."""

    rows: Sequence[Sequence[str]]
    footnote: str
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The report as data."""
        return self.data


def evaluate_citations(
    settings: Settings,
    judgements: Path,
    systems: Sequence[str],
    *,
    as_of: bool,
    run: Path | None,
    progress: Progress,
) -> Printed:
    """Rank for every judged query by every system and compare; see `experiment`.

    The rankings of the last system go to `run`, since a TREC run holds one.
    """
    unknown = [system for system in systems if system not in SYSTEMS]
    if unknown:
        raise SettingsError(f"there is no system {unknown[0]!r}; use some of {', '.join(SYSTEMS)}")
    relevant = read_judgements(judgements)
    if run is not None:
        _refuse_unwritable(run)
    with open_library(settings) as library:
        report = run_experiment(library, relevant, systems, as_of=as_of, progress=progress)
    if run is not None:
        write_run(report.outcomes[-1], run)
    are = "is" if report.not_held == 1 else "are"
    left_out = f"; {report.not_held:,} more {are} not in this library" if report.not_held else ""
    protocol = (
        "papers newer than the query hidden"
        if as_of
        else "papers newer than the query left out of the answers"
    )
    footnote = (
        f"{report.queries:,} queries{left_out}; {protocol}; in brackets 95 % bootstrap intervals over queries"
    )
    return Printed(table(report), footnote, _data(report))


def _refuse_unwritable(run: Path) -> None:
    """Tell now, not after the experiment, that its rankings cannot be written."""
    try:
        run.open("a").close()
    except OSError as error:
        raise SettingsError(f"--run {run} cannot be written ({error.strerror}); name another file") from error


def _data(report: Report) -> dict[str, Any]:
    systems = {}
    for outcome in report.outcomes:
        against = outcome.against_baseline
        systems[outcome.system] = {
            **{name: asdict(one) for name, one in zip(MEASURES, outcome.intervals, strict=True)},
            "against_baseline": asdict(against) if against else None,
            "milliseconds": round(outcome.milliseconds, 2),
        }
    return {"queries": report.queries, "not_held": report.not_held, "systems": systems}


def evaluate_references(settings: Settings, folder: Path, progress: Progress) -> Printed:
    """Read real citations out of three kinds of bibliography, titles found in the library; see `references`."""
    from indexer.sources.references import Titles
    from service.evaluation.references import evaluate_references as measure

    progress("titles", 0, None, "papers")
    report = measure(folder, Titles.of(held_papers(settings)))
    rows = [("form", "part", "references", "recall", "precision", "as labelled", "unlabelled")]
    rows += [
        (
            score.form,
            score.part,
            f"{score.rows:,}",
            shown(score.recall),
            shown(score.precision),
            shown(score.as_labelled),
            f"{score.unlabelled:,}",
        )
        for score in report.scores
    ]
    survey = report.survey
    footnote = (
        "precision leaves out references labelled as not of arXiv, of which the last column were found there; in"
        f" brackets 95 % bootstrap intervals over citing papers\nsurvey of {survey.entries:,} BibTeX entries:"
        f" {survey.found:,} of its {survey.ids:,} arXiv ids, {survey.from_titles:,} more papers by title"
    )
    return Printed(
        rows, footnote, {"scores": [asdict(score) for score in report.scores], "survey": asdict(survey)}
    )


def evaluate_speed(settings: Settings, progress: Progress) -> Printed:
    """Time the encoder against sentence-transformers, and answers over HTTP."""
    return speed_report(measure_speed(settings, progress))


def speed_report(speed: Speed) -> Printed:
    """What was measured, in words with units."""
    rows = [
        ("what", "measured"),
        ("embedding", f"{speed.texts_per_second:.1f} texts a second"),
        ("sentence-transformers' own encode", f"{speed.baseline_texts_per_second:.1f} texts a second"),
        ("ratio", f"{speed.texts_per_second / speed.baseline_texts_per_second:.2f}"),
        ("server start to first answer", f"{speed.first_answer_seconds:.2f} s"),
        ("related by id over HTTP, median", f"{speed.median_milliseconds:.1f} ms"),
        ("related by id over HTTP, 95th percentile", f"{speed.p95_milliseconds:.1f} ms"),
    ]
    footnote = (
        f"{speed.texts} texts in both orders; {speed.requests} different papers, one request after the other"
    )
    return Printed(rows, footnote, asdict(speed))
