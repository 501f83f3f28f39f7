"""The page of one paper: everything it shows, gathered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from indexer.errors import InvalidPaperId, UnknownPaper
from indexer.library import Library, open_library, open_store
from indexer.papers import Citation, PaperId, Version
from service.answers import RelatedRequest
from service.paper_page import MOST_NAMED, SAMPLE_COMMENT, paper_page
from service.related import related
from service.summaries import summarise
from tests.builders import NOW, a_paper, an_id
from tests.libraries import build, chain, settings_in, three_topics

OLD = PaperId.parse("hep-th/9711200")
PAPERS = three_topics()
REVISED = 15  # cites 12 and 9, and two works that are not held; cited by 18 and 21


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    papers = list(PAPERS)
    versions = tuple(Version(number, datetime(2023, 6, number, tzinfo=UTC)) for number in (1, 2, 3))
    papers[REVISED] = replace(papers[REVISED], versions=versions)
    papers[0] = replace(papers[0], versions=(Version(1, papers[0].submitted), Version(2, NOW)))
    papers[6] = replace(papers[6], versions=())
    papers.append(replace(a_paper(77, title="The large N limit", comments=SAMPLE_COMMENT), id=OLD))
    papers.append(a_paper(78, comments="12 pages. " + SAMPLE_COMMENT))
    citations = [*chain(papers[:36]), *(Citation(papers[REVISED].id, an_id(900 + at)) for at in range(2))]
    citations += [Citation(an_id(910), papers[REVISED].id)]
    place = settings_in(tmp_path_factory.mktemp("page"))
    build(place, papers, citations)
    with open_library(place) as opened:
        yield opened


def test_the_page_has_what_the_paper_has(library: Library) -> None:
    page = paper_page(library, str(PAPERS[3].id))
    assert page.paper == PAPERS[3]
    assert page.summary == summarise(PAPERS[3].abstract)
    assert 0 <= page.score <= 100
    assert page.placement is not None
    assert page.topics[-1].id == page.placement.topic
    assert page.topics[-1].label.startswith("Neutrino")
    assert page.generation == 1
    assert page.note is None


def test_related_papers_come_newest_first(library: Library) -> None:
    page = paper_page(library, str(PAPERS[REVISED].id), k=12)
    answer = related(library, RelatedRequest(liked=(str(PAPERS[REVISED].id),), k=12))
    assert {one.paper.id: one for one in page.related} == {one.paper.id: one for one in answer.results}
    assert page.related[0].paper.id != PAPERS[0].id  # revised last, but first submitted long before
    for newer, older in pairwise(page.related):
        assert (newer.paper.submitted, newer.paper.id) > (older.paper.submitted, older.paper.id)


@pytest.mark.parametrize("k", [0, 1, 5])
def test_as_many_related_papers_as_wanted(library: Library, k: int) -> None:
    assert len(paper_page(library, str(PAPERS[3].id), k=k).related) == k


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (f"{PAPERS[REVISED].id}", 3),
        (f"{PAPERS[REVISED].id}v2", 2),
        (f"https://arxiv.org/pdf/{PAPERS[REVISED].id}v1", 1),
        (f"{PAPERS[REVISED].id}v9", 9),  # arXiv may be ahead of the library
        (f"{PAPERS[6].id}", None),
        (f"{PAPERS[6].id}v4", 4),
        ("hep-th/9711200v2", 2),
        ("arXiv:hep-th/9711200", 1),
    ],
)
def test_the_version_is_the_one_asked_for_or_the_newest(
    library: Library, text: str, version: int | None
) -> None:
    page = paper_page(library, text)
    assert page.version == version
    assert page.paper.id == PaperId.parse(text)


def test_references_and_citers_are_named_if_held_and_counted_if_not(library: Library) -> None:
    page = paper_page(library, str(PAPERS[REVISED].id))
    assert {one.id for one in page.references} == {PAPERS[12].id, PAPERS[9].id}
    assert {one.id for one in page.cited_by} == {PAPERS[18].id, PAPERS[21].id}
    assert all(one.title for one in (*page.references, *page.cited_by))
    assert (page.reference_count, page.citation_count) == (4, 3)


def test_at_most_so_many_are_named(tmp_path: Path) -> None:
    star, *citers = [a_paper(number) for number in range(1, MOST_NAMED + 7)]
    place = settings_in(tmp_path)
    build(place, [star, *citers], [Citation(paper.id, star.id) for paper in citers])
    with open_library(place) as library:
        page = paper_page(library, str(star.id))
    assert len(page.cited_by) == MOST_NAMED
    assert page.citation_count == MOST_NAMED + 5
    assert (page.references, page.reference_count) == ((), 0)


@pytest.mark.parametrize(
    ("text", "note"), [(str(OLD), SAMPLE_COMMENT), (str(an_id(78)), None), (str(PAPERS[0].id), None)]
)
def test_the_sample_says_whose_the_abstract_is(library: Library, text: str, note: str | None) -> None:
    assert paper_page(library, text).note == note


def test_a_paper_newer_than_the_generation_has_a_page(tmp_path: Path) -> None:
    place, new = settings_in(tmp_path), a_paper(90, title="Neutrino flux anew", abstract="Solar flux.")
    build(place, PAPERS, chain(PAPERS))
    store = open_store(place)
    with store.transaction():
        store.put_papers([new], "test:", NOW)
    store.close()
    with open_library(place) as library:
        page = paper_page(library, str(new.id))
    assert page.score == 50.0
    assert (page.topics, page.placement) == ((), None)
    assert (page.references, page.cited_by, page.reference_count, page.citation_count) == ((), (), 0, 0)
    assert page.related


def test_a_library_of_one_paper(tmp_path: Path) -> None:
    place = settings_in(tmp_path)
    build(place, [a_paper()])
    with open_library(place) as library:
        page = paper_page(library, str(an_id()))
    assert page.related == ()
    assert page.score == 50.0


@pytest.mark.parametrize(
    ("text", "error"), [("2301.00099", UnknownPaper), ("2301.0099", InvalidPaperId), ("", InvalidPaperId)]
)
def test_no_page_of_what_is_not_held(library: Library, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        paper_page(library, text)
