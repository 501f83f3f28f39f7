"""The experiment: systems on the same queries, what each may see, and the run that it leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.errors import SourceError
from indexer.library import Library, open_library
from indexer.papers import Citation, Paper
from service.evaluation.experiment import DEPTH, SYSTEMS, Report, run_experiment, table, write_run
from service.evaluation.judgements import Judgements
from service.evaluation.measures import MEASURES
from tests.builders import a_paper, an_id
from tests.libraries import build, settings_in, three_topics

ALL = tuple(SYSTEMS)


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
    """Every paper but the queries cites the classic of its topic, which 80 strangers keep from the first texts."""
    settings = settings_in(tmp_path_factory.mktemp("library"))
    cited = [Citation(paper.id, CLASSICS[topic_of(paper)].id) for paper in papers if paper not in queries]
    strangers = [on(f"matter{number}", number, 1801) for number in range(1, 81)]
    build(settings, [*papers, *CLASSICS.values(), *strangers], cited)
    with open_library(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def judgements(queries: list[Paper]) -> Judgements:
    return {paper.id: frozenset({CLASSICS[topic_of(paper)].id}) for paper in queries}


@pytest.fixture(scope="module")
def report(library: Library, judgements: Judgements) -> Report:
    return run_experiment(library, judgements, ALL)


def test_what_citations_know_lifts_related_over_all_that_only_read(report: Report) -> None:
    gains = {outcome.system: outcome.intervals[0].mean for outcome in report.outcomes}
    assert gains["related"] > max(gains["minilm"], gains["bm25"], gains["hybrid"])
    related = next(outcome for outcome in report.outcomes if outcome.system == "related")
    assert related.against_baseline
    assert related.against_baseline.difference.low > 0
    assert related.against_baseline.p < 0.05


@pytest.mark.parametrize("system", ALL)
def test_the_query_and_newer_papers_never_appear(report: Report, system: str, judgements: Judgements) -> None:
    outcome = next(one for one in report.outcomes if one.system == system)
    assert list(outcome.rankings) == list(judgements)
    for query, ranking in outcome.rankings.items():
        assert ranking
        assert query not in ranking
        assert len(set(ranking)) == len(ranking) <= DEPTH
        assert all(paper.month <= query.month for paper in ranking)


@pytest.mark.parametrize("system", ALL)
def test_every_system_finds_the_papers_on_the_same_topic(
    library: Library, papers: list[Paper], system: str
) -> None:
    query = papers[-1]
    kin = {paper.id for paper in papers if topic_of(paper) == topic_of(query)} - {query.id}
    found = run_experiment(library, {query.id: frozenset(kin)}, [system]).outcomes[0].rankings[query.id]
    assert len(kin) == 4
    assert len(kin & set(found[:6])) >= 3


def test_newer_evidence_is_hidden_as_of_the_query(library: Library, papers: list[Paper]) -> None:
    first = papers[0]  # every paper that cites its classic is as new as it or newer
    judged = {first.id: frozenset({CLASSICS[topic_of(first)].id})}
    knowing = run_experiment(library, judged, ["related"]).outcomes[0]
    then = run_experiment(library, judged, ["related"], as_of=True).outcomes[0]
    assert knowing.intervals[0].mean > 0.5
    assert then.intervals[0].mean < 0.1


def test_queries_that_are_not_held_are_counted(library: Library, judgements: Judgements) -> None:
    strangers = {an_id(number, 2001): frozenset({an_id(1)}) for number in (1, 2)}
    report = run_experiment(library, judgements | strangers, ["bm25"])
    assert (report.queries, report.not_held) == (3, 2)
    with pytest.raises(SourceError, match="the library holds none of the 2 papers judged"):
        run_experiment(library, strangers, ["bm25"])


def test_progress_is_told_for_every_query(library: Library, judgements: Judgements) -> None:
    told: list[tuple[str, float, float | None]] = []
    run_experiment(
        library, judgements, ["bm25"], progress=lambda step, done, of, _="": told.append((step, done, of))
    )
    assert told == [("rank by bm25", done, 3) for done in range(1, 4)]


def test_the_baseline_is_the_first_system(report: Report) -> None:
    assert [outcome.system for outcome in report.outcomes] == list(ALL)
    assert [outcome.against_baseline is None for outcome in report.outcomes] == [True, False, False, False]
    for outcome in report.outcomes[1:]:
        assert outcome.against_baseline
        assert outcome.against_baseline.difference.mean == pytest.approx(
            outcome.intervals[0].mean - report.outcomes[0].intervals[0].mean
        )


def test_the_table_has_a_row_for_each_system(report: Report) -> None:
    header, *rows = table(report)
    assert header == ("system", *MEASURES, "gain in nDCG@20", "ms each")
    assert [row[0] for row in rows] == list(ALL)
    assert {len(row) for row in rows} == {len(header)}
    assert rows[0][4] == "baseline"
    assert re.fullmatch(r"\+0\.\d{3} \[\+\.\d{3}, \+\.\d{3}\], p < \.001", rows[-1][4])
    assert re.fullmatch(r"0\.\d{3} \[\.\d{3}, \.\d{3}\]", rows[-1][1])


def test_a_run_is_in_the_form_of_trec(report: Report, tmp_path: Path) -> None:
    outcome = report.outcomes[-1]
    write_run(outcome, tmp_path / "run")
    rows = [line.split() for line in (tmp_path / "run").read_text().splitlines()]
    assert {(len(row), row[1], row[5]) for row in rows} == {(6, "Q0", "related")}
    for query, ranking in outcome.rankings.items():
        mine = [row for row in rows if row[0] == str(query)]
        assert [row[2] for row in mine] == [str(paper) for paper in ranking]
        assert [int(row[3]) for row in mine] == list(range(1, len(ranking) + 1))
        scores = [float(row[4]) for row in mine]
        assert scores == sorted(scores, reverse=True)
        assert len(set(scores)) == len(scores)  # ties would be broken by trec_eval in its own way
