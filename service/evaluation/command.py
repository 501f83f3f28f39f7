"""What `paperkin evaluate` does: a library or a judged set, an experiment on it, its report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from indexer.errors import SettingsError, SourceError
from indexer.library import Library, held_papers, open_library
from indexer.ports import Embedder
from indexer.progress import Progress
from indexer.settings import Settings
from service.evaluation.experiment import run_experiment
from service.evaluation.figures import Printed, printed, shown
from service.evaluation.forms import READERS, JudgedSet, find_sets
from service.evaluation.judgements import read_judgements
from service.evaluation.questions import Task, citation_task, newest_task, with_half_known
from service.evaluation.runs import Run, read_run, write_run
from service.evaluation.sets import library_of
from service.evaluation.speed import Speed, measure_speed
from service.evaluation.systems import System, chosen_systems

SYSTEMS = ("minilm", "bm25", "hybrid", "related")


@dataclass(frozen=True, slots=True)
class Options:
    """How an experiment is made: `systems` in the order of the table, the last compared with each other one.

    `as_of` hides what is newer than the query, as evidence too; `half_known` tells half of its references. The
    rankings of the last system go to `run`, since a TREC run holds one; `scores` is the run of an outside system.
    Libraries made of judged sets are kept under `work`. `embedder` stands in for the model.
    """

    systems: tuple[str, ...] = SYSTEMS
    as_of: bool = False
    half_known: bool = False
    run: Path | None = None
    scores: Path | None = None
    work: Path | None = None
    embedder: Embedder | None = None


@dataclass(frozen=True, slots=True)
class _Compared:
    """What an experiment compares and what it leaves, checked before any work."""

    systems: dict[str, System]
    outside: tuple[Run, ...]
    run: Path | None

    def report(self, library: Library, task: Task, progress: Progress, title: str = "") -> Printed:
        """Run the experiment."""
        report = run_experiment(library, task, self.systems, outside=self.outside, progress=progress)
        if self.run is not None:
            write_run(Run(report.subject.system, report.subject.rankings), self.run)
        return printed(report, title)


def evaluate_citations(
    settings: Settings, judgements: Path, options: Options, progress: Progress, title: str = ""
) -> Printed:
    """How well a library tells what judged papers cite; see `questions.citation_task`."""
    compared, relevant = _compared(options), read_judgements(judgements)
    with open_library(settings) as library:
        task = citation_task(library, relevant, as_of=options.as_of)
        return compared.report(library, _told(task, options), progress, title)


def evaluate_self(settings: Settings, options: Options, progress: Progress) -> Printed:
    """How well a library foresees what its own newest papers cite; see `questions.newest_task`."""
    compared = _compared(options)
    with open_library(settings) as library:
        task = newest_task(library, as_of=options.as_of)
        return compared.report(library, _told(task, options), progress)


def evaluate_set(
    form: str, folder: Path, settings: Settings, options: Options, progress: Progress, title: str = ""
) -> Printed:
    """How well a judged set is ranked (`grades`, `profiles`, `search`), its papers a library of their own."""
    compared, found = _compared(options), READERS[form](folder)
    with _library(form, found, settings, options, progress) as library:
        return compared.report(library, found.task, progress, title)


def evaluate_all(
    settings: Settings, folder: Path, options: Options, progress: Progress
) -> tuple[list[Printed], list[str]]:
    """A report for each set in a folder; a sentence for each form that is missing or set that cannot be used."""
    reports, missing = [], []
    for form, paths in find_sets(folder).items():
        if not paths:
            missing.append(f"no set for {form} in {folder}")
        for path in paths:
            title = f"{form}: {path.name}"
            try:
                if form == "citations":
                    reports.append(evaluate_citations(settings, path, options, progress, title))
                else:
                    reports.append(evaluate_set(form, path, settings, options, progress, title))
            except SourceError as error:
                missing.append(f"{title}: {error}")
    if not reports:
        raise SourceError(f"nothing in {folder} can be measured with: {'; '.join(missing)}")
    return reports, missing


@contextmanager
def _library(
    form: str, found: JudgedSet, settings: Settings, options: Options, progress: Progress
) -> Iterator[Library]:
    with library_of(
        form,
        found.documents,
        settings,
        work=options.work,
        progress=progress,
        embedder=options.embedder,
    ) as library:
        yield library


def _compared(options: Options) -> _Compared:
    """Tell now, not after the experiment, what cannot be run, read or written."""
    names = list(options.systems)
    if options.half_known and "text only" not in names:
        names.insert(-1, "text only")
    systems = chosen_systems(names)
    outside = () if options.scores is None else (read_run(options.scores),)
    for run in outside:
        if run.system in systems:
            raise SettingsError(
                f"--scores {options.scores} is of {run.system!r} too; name its system otherwise"
            )
    if options.run is not None:
        try:
            options.run.open("a").close()
        except OSError as error:
            raise SettingsError(
                f"--run {options.run} cannot be written ({error.strerror}); name another file"
            ) from error
    return _Compared(systems, outside, options.run)


def _told(task: Task, options: Options) -> Task:
    return with_half_known(task) if options.half_known else task


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
