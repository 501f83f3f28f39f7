"""Records of one work in answers: each list shows one of them, the paper's page names the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from indexer.library import Library
from indexer.papers import Paper
from indexer.tables import Filters
from service import explore
from service.pages import render_html, render_text
from service.paper_page import paper_page
from service.search import search
from service.site import newest_papers
from service.works import first_of_each, other_records, works_of
from tests.asking import ask, ids, library_of
from tests.builders import an_id
from tests.libraries import chain, ids_of, three_topics

PAPERS = three_topics()
SEED, KIN = PAPERS[15], PAPERS[18]  # of one topic, the second cites the first


def again(paper: Paper, number: int, **fields: object) -> Paper:
    """The same work under another id, half a year later."""
    return replace(paper, id=an_id(number, 2406), **fields)  # type: ignore[arg-type]  # the test names real fields


def told(paper: Paper) -> Paper:
    """The paper under a title that is long enough to tell."""
    return replace(paper, title=f"{paper.title} with words enough to tell it from others")


SEED_AGAIN = again(told(SEED), 501, license=None)
KIN_AGAIN = again(told(KIN), 502, abstract="Another abstract, of the same work.")
KIN_WITHDRAWN = again(told(KIN), 503, withdrawn=True)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    papers = [*PAPERS[:15], told(SEED), *PAPERS[16:18], replace(told(KIN), license=None), *PAPERS[19:]]
    papers += [SEED_AGAIN, KIN_AGAIN, KIN_WITHDRAWN]
    with library_of(tmp_path_factory.mktemp("works"), papers, chain(PAPERS)) as opened:
        yield opened


def key_of(library: Library, paper: Paper) -> int:
    return library.store.keys([paper.id])[paper.id]


def test_related_papers_have_each_work_once(library: Library) -> None:
    found = ids(ask(library, PAPERS[12].id, k=50))
    assert len({KIN.id, KIN_AGAIN.id} & set(found)) == 1
    assert len({SEED.id, SEED_AGAIN.id} & set(found)) == 1
    assert len(set(found)) == len(found)


def test_the_best_of_a_work_stays(library: Library) -> None:
    found = ids(ask(library, PAPERS[12].id, k=50))
    assert KIN.id in found  # which cites the seed; its other record does not


def test_where_the_best_may_not_be_shown_another_record_stands_in(library: Library) -> None:
    found = ids(ask(library, PAPERS[12].id, k=50, filters=Filters(open_license=True)))
    assert KIN_AGAIN.id in found
    assert KIN.id not in found


@pytest.mark.parametrize("side", ["liked", "disliked"])
def test_other_records_of_a_seed_are_not_related_to_it(library: Library, side: str) -> None:
    if side == "liked":
        found = ids(ask(library, SEED.id, k=50))
    else:
        found = ids(ask(library, PAPERS[12].id, disliked=(str(SEED.id),), k=50))
    assert found
    assert not {SEED.id, SEED_AGAIN.id} & set(found)


def test_a_search_finds_each_work_once_over_all_pages(library: Library) -> None:
    everything = [one.paper.id for one in search(library, "words enough", limit=100).results]
    assert len(everything) == 2
    assert len({SEED.id, SEED_AGAIN.id} & set(everything)) == 1
    pages = [search(library, "words enough", limit=1, offset=at) for at in range(4)]
    assert [one.paper.id for page in pages for one in page.results] == everything
    assert {page.total for page in pages} == {4}  # of records


def test_an_id_finds_that_very_record(library: Library) -> None:
    for paper in (SEED, SEED_AGAIN, KIN_WITHDRAWN):
        assert [one.paper.id for one in search(library, str(paper.id)).results] == [paper.id]


def test_a_topic_lists_each_work_once(library: Library) -> None:
    for topic in explore.topics(library):
        listed = ids_of(explore.topic(library, topic.id, limit=100).papers)
        assert len({SEED.id, SEED_AGAIN.id} & set(listed)) <= 1
        assert len({KIN.id, KIN_AGAIN.id, KIN_WITHDRAWN.id} & set(listed)) <= 1


def test_a_short_topic_is_filled_with_other_works(library: Library) -> None:
    (topic, *_) = [
        one
        for one in explore.topics(library)
        if SEED.id in ids_of(explore.topic(library, one.id, limit=100).papers)
    ]
    assert len(explore.topic(library, topic.id, limit=10).papers) == 10


def test_newest_papers_have_each_work_once(library: Library) -> None:
    newest = ids_of(newest_papers(library, 100, Filters()))
    assert len(newest) == len(PAPERS)
    assert len({SEED.id, SEED_AGAIN.id} & set(newest)) == 1


def test_the_page_names_the_other_records(library: Library) -> None:
    page = paper_page(library, str(KIN_AGAIN.id))
    assert [one.id for one in page.same_work] == [KIN.id, KIN_WITHDRAWN.id]
    assert f"- Same work: arXiv:{KIN.id}, arXiv:{KIN_WITHDRAWN.id}" in render_text(page).splitlines()
    shown = render_html(page, served=True)
    assert "<dt>Same work</dt>" in shown
    assert f'<a href="/papers/{KIN.id}">arXiv:{KIN.id}</a>' in shown
    assert f'<a href="https://arxiv.org/abs/{KIN.id}">arXiv:{KIN.id}</a>' in render_html(page)


def test_a_page_without_others_says_nothing(library: Library) -> None:
    page = paper_page(library, str(PAPERS[0].id))
    assert page.same_work == ()
    assert "Same work" not in render_text(page) + render_html(page)


def test_a_paper_newer_than_the_generation_is_its_own_work(library: Library) -> None:
    derived = library.derived()
    new = int(derived.catalogue.keys[-1]) + 1
    assert works_of(derived, np.array([new])).tolist() == [new]
    assert other_records(derived, new) == []


def test_the_record_that_stands_for_a_work(library: Library) -> None:
    derived = library.derived()
    keys = [key_of(library, paper) for paper in (KIN, KIN_AGAIN, KIN_WITHDRAWN, PAPERS[0])]
    assert works_of(derived, np.array(keys)).tolist() == [keys[0], keys[0], keys[0], keys[3]]
    assert other_records(derived, keys[1]) == [keys[0], keys[2]]


def test_first_of_each() -> None:
    assert first_of_each(np.array([7, 3, 7, 3, 1])).tolist() == [True, True, False, False, True]
    assert first_of_each(np.zeros(0, dtype=np.int64)).tolist() == []
