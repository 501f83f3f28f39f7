"""The experiment: systems on the same queries, what each may see, and the run that it leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

from indexer.errors import SourceError
from indexer.library import Library, open_library
from indexer.papers import Citation, Paper, PaperId
from indexer.tables import Keys
from service.answers import RelatedRequest
from service.evaluation.experiment import Figures, Outcome, Report, run_experiment
from service.evaluation.figures import data, footnote, table
from service.evaluation.judgements import Judgements
from service.evaluation.measures import CITATION_MEASURES, Comparison, Interval, Measure
from service.evaluation.questions import DEPTH, Question, Task, citation_task, with_half_known
from service.evaluation.runs import Run
from service.evaluation.systems import chosen_systems
from tests.builders import a_paper, an_id
from tests.libraries import build, settings_in, three_topics

ALL = ("minilm", "bm25", "hybrid", "related")


def on(subject: str, number: int, month: int) -> Paper:
    """A paper in the words of all others, but for its subject."""
    return a_paper(
        number,
        month=month,
        title=f"{subject.capitalize()} study number {number}",
        abstract=f"We ask about {subject}. We do experiment {number}. We find that {subject} works.",
    )


# The classics of three topics have subjects of their own: nothing but citations leads to them.
CLASSICS = {
    "diffusion": on("tapestry", 1, 1901),
    "neutrino": on("harpsichords", 2, 1902),
    "parsing": on("candles", 3, 1903),
}


def topic_of(paper: Paper) -> str:
    return paper.title.partition(" ")[0].lower()


@pytest.fixture(scope="module")
def papers() -> list[Paper]:
    """Five papers on each of three topics, in order of time."""
    return sorted(three_topics(5), key=lambda paper: (paper.id.month, paper.id))


@pytest.fixture(scope="module")
def queries(papers: list[Paper]) -> list[Paper]:
    return papers[-3:]


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, papers: list[Paper], queries: list[Paper]
) -> Iterator[Library]:
    """Every paper but the queries cites the classic of its topic, which 80 strangers keep from the first texts.

    The strangers cite each other: with so few citations as the topics have a library ranks by text alone.
    """
    settings = settings_in(tmp_path_factory.mktemp("library"))
    cited = [Citation(paper.id, CLASSICS[topic_of(paper)].id) for paper in papers if paper not in queries]
    strangers = [on(f"matter{number}", number, 1801) for number in range(1, 81)]
    cited += [Citation(strangers[at].id, strangers[at - back].id) for at in range(3, 80) for back in (1, 3)]
    build(settings, [*papers, *CLASSICS.values(), *strangers], cited)
    with open_library(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def judgements(queries: list[Paper]) -> Judgements:
    return {paper.id: frozenset({CLASSICS[topic_of(paper)].id}) for paper in queries}


def run(library: Library, judgements: Judgements, *systems: str, as_of: bool = False) -> Report:
    return run_experiment(library, citation_task(library, judgements, as_of=as_of), chosen_systems(systems))


@pytest.fixture(scope="module")
def report(library: Library, judgements: Judgements) -> Report:
    return run(library, judgements, *ALL)


def mean(report: Report, system: str, at: int = 0) -> float:
    """The mean of a system's measure."""
    interval = next(one for one in report.outcomes if one.system == system).parts["all"].intervals[at]
    assert interval
    return interval.mean


def test_what_citations_know_lifts_related_over_all_that_only_read(report: Report) -> None:
    assert report.subject.system == "related"
    assert not report.subject.parts["all"].behind
    for outcome in report.outcomes[:-1]:
        behind = outcome.parts["all"].behind[0]
        assert behind
        assert behind.difference.mean == pytest.approx(mean(report, "related") - mean(report, outcome.system))
        assert behind.difference.low > 0
        assert behind.p < 0.05


@pytest.mark.parametrize("system", ALL)
def test_the_query_and_newer_papers_never_appear(report: Report, system: str, judgements: Judgements) -> None:
    outcome = next(one for one in report.outcomes if one.system == system)
    assert list(outcome.rankings) == [str(query) for query in judgements]
    for query in judgements:
        ranking = outcome.rankings[str(query)]
        assert ranking
        assert str(query) not in ranking
        assert len(set(ranking)) == len(ranking) <= DEPTH
        assert all(PaperId.parse(name).month <= query.month for name in ranking)


@pytest.mark.parametrize("system", ALL)
def test_every_system_finds_the_papers_on_the_same_topic(
    library: Library, papers: list[Paper], system: str
) -> None:
    query = papers[-1]
    kin = {paper.id for paper in papers if topic_of(paper) == topic_of(query)} - {query.id}
    found = run(library, {query.id: frozenset(kin)}, system).subject.rankings[str(query.id)]
    assert len(kin) == 4
    assert len({str(paper) for paper in kin} & set(found[:6])) >= 3


def test_newer_evidence_is_hidden_as_of_the_query(library: Library, papers: list[Paper]) -> None:
    first = papers[0]  # every paper that cites its classic is as new as it or newer
    judged = {first.id: frozenset({CLASSICS[topic_of(first)].id})}
    assert mean(run(library, judged, "related"), "related") > 0.5
    assert mean(run(library, judged, "related", as_of=True), "related") < 0.1


def test_queries_that_are_not_held_are_counted(library: Library, judgements: Judgements) -> None:
    strangers = {an_id(number, 2001): frozenset({an_id(1)}) for number in (1, 2)}
    report = run(library, judgements | strangers, "bm25")
    assert (report.units, report.task.not_held) == (3, 2)
    with pytest.raises(SourceError, match="the library holds none of the 2 papers judged"):
        run(library, strangers, "bm25")


def test_progress_is_told_for_every_query(library: Library, judgements: Judgements) -> None:
    told: list[tuple[str, float, float | None]] = []
    run_experiment(
        library,
        citation_task(library, judgements),
        chosen_systems(["bm25"]),
        progress=lambda step, done, of, _="": told.append((step, done, of)),
    )
    assert told == [("rank by bm25", done, 3) for done in range(1, 4)]


# --- half of the references known -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def half(library: Library, papers: list[Paper], queries: list[Paper]) -> Task:
    """Each query cites all earlier papers on its topic."""
    cited = {
        query.id: frozenset(one.id for one in papers if topic_of(one) == topic_of(query) and one != query)
        for query in queries
    }
    return with_half_known(citation_task(library, cited))


def test_known_references_are_neither_asked_for_nor_answers(library: Library, half: Task) -> None:
    systems = chosen_systems(["bm25", "text only", "related"])
    report = run_experiment(library, half, systems)
    for question in half.questions:
        known = set(question.request.known_references)
        assert known == question.left_out
        assert (len(known), len(question.judged)) == (2, 2)
        assert not known & set(question.judged)
        for outcome in report.outcomes:
            assert not known & set(outcome.rankings[question.name])
            assert set(question.judged) & set(outcome.rankings[question.name])


# --- systems made for a test ------------------------------------------------------------------------------

SHARE = (Measure("share", lambda ranking, grades: len(set(ranking) & grades.keys()) / len(grades)),)


def asked(name: str, *judged: str, unit: str = "", part: str = "", k: int = 20) -> Question:
    return Question(name, RelatedRequest(text=name, k=k), dict.fromkeys(judged, 1.0), unit or name, part)


def answers(report: Report, system: str) -> dict[str, list[str]]:
    return next(one for one in report.outcomes if one.system == system).rankings


def silent_system(*_: object) -> Keys:
    return np.zeros(0, dtype=np.int64)


def test_an_outside_system_stands_before_the_last_and_is_held_to_the_same_rules(
    library: Library, judgements: Judgements, queries: list[Paper]
) -> None:
    query, other = (paper.id for paper in queries[:2])
    newer = an_id(9, 2405)
    classic = str(next(iter(judgements[query])))
    rankings = {str(query): [str(query), str(newer), f"arXiv:{classic}v2", classic], "9912.00001": ["x"]}
    task = citation_task(library, judgements)
    report = run_experiment(
        library, task, chosen_systems(["bm25", "related"]), outside=[Run("theirs", rankings)]
    )
    assert [outcome.system for outcome in report.outcomes] == ["bm25", "theirs", "related"]
    assert answers(report, "theirs")[str(query)] == [classic]
    assert answers(report, "theirs")[str(other)] == []
    assert report.notes == ("theirs answers 1 of 3",)
    assert footnote(report).endswith("\ntheirs answers 1 of 3")
    assert table(report)[2][-1] == ""  # nobody knows how long it took
    assert data(report)["systems"]["theirs"]["milliseconds"] is None


def test_an_outside_system_that_answers_nothing_is_refused(library: Library, judgements: Judgements) -> None:
    task = citation_task(library, judgements)
    with pytest.raises(
        SourceError, match="the run of theirs answers none of the queries; they are called such"
    ):
        run_experiment(library, task, chosen_systems(["bm25"]), outside=[Run("theirs", {"1": ["2"]})])


def test_questions_of_one_unit_are_drawn_as_one_and_parts_told_apart(library: Library) -> None:
    names = {"2001.00001": "a", "2001.00002": "b"}
    task = Task(
        "toy",
        (
            asked("1", "a", unit="one", part="left"),
            asked("2", "b", unit="one", part="right"),
            asked("3", "a", "b", unit="two", part="right"),
        ),
        SHARE,
        names,
        notes=("made for a test",),
    )
    outside = Run("theirs", {"1": ["a"], "2": ["a"], "3": ["a", "b"]})
    report = run_experiment(library, task, {"silent": silent_system}, outside=[outside])
    assert report.units == 2
    assert {part: mean_of(report, "theirs", part) for part in ("all", "left", "right")} == {
        "all": 0.75,  # unit one .5, unit two 1
        "left": 1.0,
        "right": 0.5,
    }
    assert [row[:2] for row in table(report)] == [
        ("part", "system"),
        *((part, system) for part in ("all", "left", "right") for system in ("theirs", "silent")),
    ]
    found = data(report)
    assert found["systems"]["theirs"]["parts"]["left"]["share"]["mean"] == 1.0
    assert found["systems"]["theirs"]["subject_minus_it"]["share"]["difference"]["mean"] == -0.75
    assert found["systems"]["silent"]["subject_minus_it"] is None


def mean_of(report: Report, system: str, part: str) -> float:
    interval = next(one for one in report.outcomes if one.system == system).parts[part].intervals[0]
    assert interval
    return interval.mean


def test_a_pool_is_all_that_may_be_answered_and_k_cuts(library: Library) -> None:
    names = {f"2001.0000{at}": name for at, name in enumerate("abcd", 1)}
    request = RelatedRequest(liked=("2001.00004",), among=("2001.00001", "2001.00002"), k=1)
    task = Task("toy", (Question("q", request, {"a": 1.0}, "q"),), SHARE, names, notes=("test",))
    outside = Run("theirs", {"q": ["d", "c", "b", "b", "a"]})
    report = run_experiment(library, task, {"silent": silent_system}, outside=[outside])
    assert answers(report, "theirs") == {"q": ["b"]}


def test_what_nobody_can_be_measured_on_is_a_dash(library: Library) -> None:
    measures = (*SHARE, Measure("pairs", lambda *_: 0.0, lambda _: 0.0))
    task = Task("toy", (asked("1", "a"),), measures, {"2001.00001": "a"}, notes=("test",))
    report = run_experiment(library, task, {"silent": silent_system}, outside=[Run("theirs", {"1": ["a"]})])
    assert [row[2] for row in table(report)] == ["pairs", "-", "-"]
    assert data(report)["systems"]["theirs"]["pairs"] is None


# --- the table --------------------------------------------------------------------------------------------


def test_the_table_has_a_row_for_each_system(report: Report) -> None:
    header, *rows = table(report)
    names = [measure.name for measure in CITATION_MEASURES]
    assert header == ("system", *names, "related minus it, nDCG@20", "ms")
    assert [row[0] for row in rows] == list(ALL)
    assert {len(row) for row in rows} == {len(header)}
    assert rows[-1][4] == ""
    assert re.fullmatch(r"\+[01]\.\d{3} \[\+1?\.\d{3}, \+1?\.\d{3}\], p < \.001", rows[0][4])
    assert re.fullmatch(r"[01]\.\d{3} \[1?\.\d{3}, 1?\.\d{3}\]", rows[-1][1])


def test_the_table_fits_110_columns(half: Task) -> None:
    interval = Interval(0.52, 0.51, 0.53)
    figures = Figures((interval,) * 3, (Comparison(Interval(-0.25, -0.26, -0.24), 0.031),) * 3)
    names = (*ALL[:3], "text only", "related")
    outcomes = tuple(Outcome(name, {"all": figures}, {}, 123.4) for name in names)
    rows = table(Report(half, outcomes, 1_500))
    assert rows[1][4] == "-0.250 [-.260, -.240], p = .031"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    assert sum(widths) + 2 * (len(widths) - 1) <= 110
