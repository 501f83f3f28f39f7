"""What is asked: half of the references told, and a library's own newest papers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import SourceError, StoreError
from indexer.library import open_library
from indexer.papers import Citation, Paper
from indexer.settings import Settings
from service.answers import RelatedRequest
from service.evaluation.experiment import run_experiment
from service.evaluation.measures import CITATION_MEASURES
from service.evaluation.questions import Question, Task, newest_task, with_half_known
from service.evaluation.systems import chosen_systems
from tests.builders import a_paper
from tests.libraries import build, put, settings_in, update


def task(*counts: int) -> Task:
    """A question for each count of relevant papers."""
    return Task(
        "toy",
        tuple(
            Question(f"q{at}", RelatedRequest(), {f"{at}-{one}": 1.0 for one in range(count)}, f"q{at}")
            for at, count in enumerate(counts)
        ),
        CITATION_MEASURES,
        notes=("toy",),
    )


@given(st.lists(st.integers(2, 30), min_size=1, max_size=5), st.integers(0, 9))
def test_half_is_known_and_the_other_asked_for(counts: list[int], seed: int) -> None:
    whole = task(*counts)
    half = with_half_known(whole, seed=seed)
    assert half == with_half_known(whole, seed=seed)
    for before, after in zip(whole.questions, half.questions, strict=True):
        known = set(after.request.known_references)
        assert known == after.left_out
        assert known | after.judged.keys() == before.judged.keys()
        assert not known & after.judged.keys()
        assert len(after.judged) - len(known) in {0, 1}


def test_another_seed_is_another_half() -> None:
    halves = {with_half_known(task(20), seed=seed).questions[0].left_out for seed in range(5)}
    assert len(halves) == 5


def test_a_query_with_one_reference_is_left_out() -> None:
    assert [question.name for question in with_half_known(task(1, 2, 0)).questions] == ["q1"]
    with pytest.raises(SourceError, match="no query has two references"):
        with_half_known(task(1, 1))


# --- a library's own --------------------------------------------------------------------------------------


def papers() -> list[Paper]:
    """Sixty papers, three a month, on two subjects by turns."""
    subjects = ("lanterns", "harbours")
    return [
        a_paper(
            number,
            month=2001 + (number // 3) % 12 + 100 * (number // 36),
            title=f"{subjects[number % 2]} study number {number}",
            abstract=f"We ask about {subjects[number % 2]}. We do experiment {number}.",
        )
        for number in range(1, 61)
    ]


def citing(of: list[Paper], each: int = 4) -> list[Citation]:
    """From the twenty-first on, each cites the first ones of its own subject."""
    return [
        Citation(paper.id, of[at].id)
        for paper in of[20:]
        for at in range(2 * each)
        if of[at].title.split()[0] == paper.title.split()[0]
    ]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    found, all_papers = settings_in(tmp_path_factory.mktemp("library")), papers()
    newer = [Citation(all_papers[59].id, all_papers[59].id), Citation(all_papers[40].id, all_papers[58].id)]
    build(found, all_papers, [*citing(all_papers), *newer])
    return found


def test_the_newest_papers_are_asked_what_they_cite(settings: Settings) -> None:
    with open_library(settings) as library:
        found = newest_task(library)
    of = papers()
    assert [question.name for question in found.questions] == [str(paper.id) for paper in of[50:]]
    for question, paper in zip(found.questions, of[50:], strict=True):
        assert question.request.liked == (str(paper.id),)
        assert question.request.text_only
        assert question.request.not_newer
        assert not question.request.as_of_seed
        assert question.judged.keys() == {str(one.cited) for one in citing(of) if one.citing == paper.id}
    assert found.notes[0].startswith("drawn from the 10 newest papers that cite (since 2021-")


def test_references_that_are_newer_or_the_paper_itself_are_not_asked_for(settings: Settings) -> None:
    with open_library(settings) as library:
        found = newest_task(library, as_of=True)
    assert all(question.name not in question.judged for question in found.questions)
    assert all(question.request.as_of_seed for question in found.questions)
    assert all(len(question.judged) == 4 for question in found.questions)


def test_a_library_is_measured_on_its_own_citations(settings: Settings) -> None:
    with open_library(settings) as library:
        report = run_experiment(library, newest_task(library), chosen_systems(["minilm", "related"]))
    gain = report.outcomes[0].parts["all"].behind[0]
    assert gain
    assert gain.difference.low > 0  # the other papers' citations tell what this one will cite


def test_a_library_with_too_few_citations(tmp_path: Path) -> None:
    settings, of = settings_in(tmp_path), papers()
    build(settings, of, citing(of[:29]))
    with open_library(settings) as library:
        with pytest.raises(
            StoreError, match=r"only 9 of the library's newest papers have 3 references or more"
        ):
            newest_task(library)
        put(settings, (), citing(of[:30]))
        update(settings)
        assert len(newest_task(library).questions) == 10


def test_a_library_without_citations(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    build(settings, papers()[:3])
    with (
        open_library(settings) as library,
        pytest.raises(StoreError, match=r"only 0 of .*`paperkin link SOURCE`"),
    ):
        newest_task(library)
