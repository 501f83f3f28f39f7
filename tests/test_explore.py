"""Walking through the library: topics, neighbourhoods, paths, papers by id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import InvalidPaperId, UnknownPaper, UnknownTopic
from indexer.library import Library, open_library, open_store
from indexer.papers import Citation, Paper, PaperId, Topic
from service import explore
from tests.builders import NOW, a_paper, an_id
from tests.libraries import build, chain, ids_of, settings_in, three_topics

NOT_HELD = an_id(900)
OLD = PaperId.parse("hep-th/9711200")


@contextmanager
def library_of(
    folder: Path, papers: Sequence[Paper], citations: Sequence[Citation] = ()
) -> Iterator[Library]:
    place = settings_in(folder)
    build(place, papers, citations)
    with open_library(place) as library:
        yield library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    papers = [*three_topics(), replace(a_paper(77, title=r"The $\beta$ function"), id=OLD)]
    with library_of(tmp_path_factory.mktemp("explore"), papers, chain(papers[:36])) as opened:
        yield opened


PAPERS = three_topics()


# --- Papers by id


@pytest.mark.parametrize(
    ("text", "found", "version"),
    [
        ("2301.00001", PAPERS[0].id, None),
        ("arXiv:2301.00001v2", PAPERS[0].id, 2),
        ("hep-th/9711200v1", OLD, 1),
        ("https://arxiv.org/pdf/hep-th/9711200.pdf", OLD, None),
    ],
)
def test_a_paper_in_any_form_of_its_id(
    library: Library, text: str, found: PaperId, version: int | None
) -> None:
    key, paper, asked = explore.held(library, text)
    assert (paper.id, asked) == (found, version)
    assert library.store.ids([key]) == {key: found}


@pytest.mark.parametrize(
    ("text", "error", "nearest"),
    [
        ("2301.00009", UnknownPaper, "2301.00001"),
        ("oai:arXiv.org:2301.00009", UnknownPaper, "2301.00001"),
        ("2301.1", InvalidPaperId, "2301.00001"),
        ("hep-th/971120", InvalidPaperId, "hep-th/9711200"),
    ],
)
def test_what_is_not_held_names_the_nearest(
    library: Library, text: str, error: type[Exception], nearest: str
) -> None:
    with pytest.raises(error, match=nearest):
        explore.held(library, text)


# --- Topics


def test_the_tree_has_each_topic_before_those_below_it(library: Library) -> None:
    tree = explore.topics(library)
    assert sum(topic.size for topic in tree if not topic.parent) == 37
    seen = {""}
    for topic in tree:
        assert topic.parent in seen
        seen.add(topic.id)


def test_a_topic_with_its_papers(library: Library) -> None:
    for topic in explore.topics(library):
        answer = explore.topic(library, topic.id, limit=5)
        assert answer.topic == topic
        assert (answer.path, answer.children, answer.generation) == ((topic,), (), 1)
        assert len(answer.papers) == 5
        assert len({paper.title.split()[0] for paper in answer.papers}) == 1
        assert len(explore.topic(library, topic.id, limit=100).papers) == topic.size


@pytest.mark.parametrize("topic", ["", "99", "1.1.1", "x"])
def test_an_unknown_topic(library: Library, topic: str) -> None:
    with pytest.raises(UnknownTopic, match="paperkin topics"):
        explore.topic(library, topic)


def test_the_path_to_a_topic_begins_at_the_top(library: Library) -> None:
    topics = tuple(Topic(name, name.rpartition(".")[0], name, (), 1) for name in ("4", "4.2", "4.2.1"))
    derived = library.derived()
    nested = replace(derived, topics=replace(derived.topics, topics=topics))
    assert explore.path_to(nested, topics[2]) == topics
    assert explore.path_to(nested, topics[0]) == topics[:1]


# --- Neighbourhoods


def test_a_neighbourhood_is_what_is_next_to_a_paper_and_all_citations_among_it(library: Library) -> None:
    centre = PAPERS[12]
    answer = explore.neighbourhood(library, centre.id)
    assert answer.centre == centre.id
    assert [node.id for node in answer.nodes] == [PAPERS[at].id for at in (6, 9, 12, 15, 18)]
    assert all(node.title and node.rank > 0 and node.month == node.id.month for node in answer.nodes)
    around = {node.id for node in answer.nodes}
    assert set(answer.edges) == {
        (one.citing, one.cited) for one in chain(PAPERS) if {one.citing, one.cited} <= around
    }
    assert answer.path == ()


def test_a_neighbourhood_of_at_most_so_many(library: Library) -> None:
    answer = explore.neighbourhood(library, PAPERS[12].id, most=2)
    assert len(answer.nodes) == 3
    assert PAPERS[12].id in [node.id for node in answer.nodes]
    ranks = {node.id: node.rank for node in explore.neighbourhood(library, PAPERS[12].id).nodes}
    kept = {node.id for node in answer.nodes} - {PAPERS[12].id}
    left_out = set(ranks) - kept - {PAPERS[12].id}
    assert min(ranks[one] for one in kept) >= max(ranks[one] for one in left_out)


def test_a_paper_without_citations_stands_alone(library: Library) -> None:
    answer = explore.neighbourhood(library, OLD)
    assert [(node.id, node.title) for node in answer.nodes] == [(OLD, "The β function")]
    assert answer.edges == ()


def test_a_neighbourhood_of_a_paper_that_is_not_held(library: Library) -> None:
    with pytest.raises(UnknownPaper):
        explore.neighbourhood(library, NOT_HELD)


@pytest.mark.parametrize("held", [0, 3])
def test_a_paper_newer_than_the_generation_stands_alone(tmp_path: Path, held: int) -> None:
    new = a_paper(90, title="New")
    with library_of(tmp_path, PAPERS[:held]) as library:
        store = open_store(library.settings)
        with store.transaction():
            store.put_papers([new], "test:", NOW)
            store.put_citations([Citation(new.id, PAPERS[0].id)], "test:", NOW)
        store.close()
        for answer in (
            explore.neighbourhood(library, new.id),
            explore.path(library, new.id, new.id),
        ):
            assert [(node.id, node.title, node.rank) for node in answer.nodes] == [(new.id, "New", 1.0)]
            assert answer.edges == ()


# --- Paths


def test_a_path_is_the_same_in_both_directions(library: Library) -> None:
    there = explore.path(library, PAPERS[30].id, PAPERS[0].id)
    back = explore.path(library, PAPERS[0].id, PAPERS[30].id)
    assert there.path[0] == back.path[-1] == PAPERS[30].id
    assert there.path[-1] == back.path[0] == PAPERS[0].id
    assert len(there.path) == len(back.path) == 6  # steps of six papers at most
    assert there.centre == PAPERS[30].id
    cited = {(one.citing, one.cited) for one in chain(PAPERS)}
    for answer in (there, back):
        assert [node.id for node in answer.nodes] == list(answer.path)
        assert len(answer.edges) == 5
        assert set(answer.edges) <= cited
        steps = {frozenset(step) for step in zip(answer.path, answer.path[1:], strict=False)}
        assert {frozenset(edge) for edge in answer.edges} == steps


def test_no_path(library: Library) -> None:
    answer = explore.path(library, PAPERS[0].id, PAPERS[1].id)
    assert (answer.path, answer.edges) == ((), ())
    assert [node.id for node in answer.nodes] == [PAPERS[0].id]


def test_a_path_to_itself(library: Library) -> None:
    answer = explore.path(library, PAPERS[0].id, PAPERS[0].id)
    assert answer.path == (PAPERS[0].id,)
    assert answer.edges == ()


def test_a_path_through_a_work_that_is_not_held_and_two_that_cite_each_other(tmp_path: Path) -> None:
    papers = [a_paper(number) for number in range(1, 4)]
    first, second, third = ids_of(papers)
    citations = [
        Citation(first, NOT_HELD),
        Citation(second, NOT_HELD),
        Citation(second, third),
        Citation(third, second),
    ]
    with library_of(tmp_path, papers, citations) as library:
        answer = explore.path(library, first, third)
        both = explore.path(library, second, third)
    assert answer.path == (first, NOT_HELD, second, third)
    assert [node.title for node in answer.nodes][1] == ""
    assert set(both.edges) == {(second, third), (third, second)}


def test_a_path_to_a_paper_that_is_not_held(library: Library) -> None:
    for ends in ((PAPERS[0].id, NOT_HELD), (NOT_HELD, PAPERS[0].id)):
        with pytest.raises(UnknownPaper, match=str(NOT_HELD)):
            explore.path(library, *ends)


# --- Papers by node


def test_named_are_the_papers_held_the_most_cited_first(tmp_path: Path) -> None:
    papers = [a_paper(number, title=f"Paper {number}") for number in range(1, 5)]
    ids = ids_of(papers)
    citations = [Citation(ids[at], ids[2]) for at in (0, 1)] + [Citation(ids[0], ids[3])]
    citations += [Citation(ids[0], NOT_HELD), Citation(ids[3], ids[0])]
    with library_of(tmp_path, papers, citations) as library:
        derived = library.derived()
        nodes = np.arange(len(derived.graph), dtype=np.int32)
        titles = [one.title for one in explore.named(library, derived, nodes, most=10)]
        assert titles == ["Paper 3", "Paper 1", "Paper 4", "Paper 2"]
        assert [one.title for one in explore.named(library, derived, nodes, most=2)] == titles[:2]
