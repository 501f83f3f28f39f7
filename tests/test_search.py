"""Search: words, phrases, ids, any text at all; pages without gaps or repeats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.library import Library, open_library, open_store
from indexer.papers import Author, Citation, PaperId
from indexer.tables import Filters
from service.search import LONGEST_QUERY, search
from tests.builders import NOW, a_paper, an_id
from tests.libraries import build, settings_in

OLD = PaperId.parse("hep-th/9711200")
MANY = 45


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    papers = [
        a_paper(1, title="Spin glasses", abstract="First. A glass of spins is frozen. The end.", authors=()),
        a_paper(2, title="Glass spinning", abstract="A spin is not a glass.", authors=()),
        a_paper(3, title="The large N limit", abstract="", authors=(Author("Gell-Mann", "Murray"),)),
        a_paper(4, title="Die Schrödinger-Gleichung", abstract="x² in $\\mathbb{R}$", authors=()),
        a_paper(5, title="Withdrawn spin glasses", abstract="", authors=(), withdrawn=True),
        replace(a_paper(6, title="Anti de Sitter", abstract="", authors=()), id=OLD),
    ]
    papers += [
        a_paper(
            100 + at,
            month=2301 + at % 12,
            title="",
            abstract=f"Quark {'quark ' * (at % 3)}number {at}.",
            authors=(),
            categories=("hep-ph",) if at % 2 else ("hep-ex", "cs.LG"),
        )
        for at in range(MANY)
    ]
    place = settings_in(tmp_path_factory.mktemp("search"))
    build(place, papers, [Citation(papers[0].id, papers[-1].id), Citation(papers[1].id, papers[-1].id)])
    store = open_store(place)  # one that came after the last update
    with store.transaction():
        store.put_papers([a_paper(7, title="Newcomer", abstract="Fresh.")], "test:", NOW)
    store.close()
    with open_library(place) as opened:
        yield opened


def ids(library: Library, text: str, filters: Filters | None = None, **page: int) -> list[PaperId]:
    return [one.paper.id for one in search(library, text, filters, **page).results]


@pytest.mark.parametrize(
    ("text", "numbers", "total"),
    [
        ("spin glass", [1, 2], 2),
        ('"spin glass"', [1], 1),
        ('"spin glass" frozen', [1], 1),
        ('"glass spinning" spin', [2], 1),
        ("spin limit", [1, 2, 3], 0),  # none has both: those that have one of them
        ('"glass of spin" limit', [1, 3], 0),
        ("schrodinger", [4], 1),
        ("Gell-Mann", [3], 1),
        ("murray large", [3], 1),
        ("THE LARGE N LIMIT", [3], 1),
        ("newcomer", [7], 1),
        ("zzzz", [], 0),
        ("", [], 0),
        ("  \n ", [], 0),
        ("?!*()", [], 0),
        ('""', [], 0),
        ('"', [], 0),
        ('" "', [], 0),
    ],
)
def test_words_and_phrases(library: Library, text: str, numbers: list[int], total: int) -> None:
    answer = search(library, text)
    assert sorted(one.paper.id for one in answer.results) == [an_id(number) for number in numbers]
    assert answer.total == total
    assert (answer.query, answer.generation) == (text, 1)


def test_grammar_is_searched_for_where_there_is_nothing_else(library: Library) -> None:
    assert ids(library, "the") == [an_id(3), an_id(1)]
    assert set(ids(library, "not a")) == {an_id(2)}


@pytest.mark.parametrize(
    "text",
    [
        "2401.00001",
        "arXiv:2401.00001v3",
        "https://arxiv.org/abs/2401.00001",
        " 2401.00001 ",
    ],
)
def test_an_id_finds_its_paper_alone(library: Library, text: str) -> None:
    answer = search(library, text)
    assert [one.paper.id for one in answer.results] == [an_id(1)]
    assert answer.total == 1
    assert search(library, text, offset=1).results == ()
    assert search(library, text, offset=1).total == 1
    assert search(library, text, limit=0).results == ()


@pytest.mark.parametrize(
    ("text", "found"), [("hep-th/9711200", OLD), ("2401.00005", an_id(5)), ("2401.00007", an_id(7))]
)
def test_an_id_finds_old_withdrawn_and_new_papers(library: Library, text: str, found: PaperId) -> None:
    assert ids(library, text, Filters(categories=("math",))) == [found]


def test_an_id_that_is_not_held_is_text(library: Library) -> None:
    assert search(library, "2401.99999").results == ()


def test_withdrawn_papers_are_left_out_unless_wanted(library: Library) -> None:
    assert an_id(5) not in ids(library, "spin glasses")
    assert an_id(5) in ids(library, "spin glasses", Filters(withdrawn=True))


def test_filters(library: Library) -> None:
    assert search(library, "quark", Filters(categories=("hep-ph",))).total == MANY // 2
    assert search(library, "quark", Filters(categories=("cs",))).total == MANY - MANY // 2
    assert search(library, "quark", Filters(not_after_month=202301)).total == len(range(0, MANY, 12))


def test_pages_have_no_gap_and_no_repeat(library: Library) -> None:
    pages = [search(library, "quark", limit=7, offset=start) for start in range(0, MANY + 7, 7)]
    found = [one.paper.id for page in pages for one in page.results]
    assert {page.total for page in pages} == {MANY}
    assert len(found) == len(set(found)) == MANY
    assert found == ids(library, "quark", limit=100)
    scores = [one.relevance for page in pages for one in page.results]
    assert scores == sorted(scores, reverse=True)
    assert found[:15] == sorted(found[:15], key=lambda paper: int(paper.value[-5:]))  # equals by key


def test_pages_of_what_has_some_of_the_words(library: Library) -> None:
    pages = [ids(library, "quark zzzz", limit=20, offset=start) for start in (0, 20, 40, 60)]
    assert sorted(paper for page in pages for paper in page) == sorted(ids(library, "quark", limit=100))


def test_the_snippet_is_the_sentence_with_most_of_the_words(library: Library) -> None:
    snippets = {one.paper.id: one.snippet for one in search(library, "frozen glass").results}
    assert snippets == {an_id(1): "A glass of spins is frozen."}
    (limit,) = search(library, "large limit").results
    assert limit.snippet == ""  # no abstract
    (new,) = search(library, "2401.00007").results
    assert new.snippet == "Fresh."


def test_scores_stand_beside_and_are_50_for_papers_newer_than_the_generation(library: Library) -> None:
    scores = {one.paper.id: one.score for one in search(library, "quark", limit=100).results}
    assert all(0 <= score <= 100 for score in scores.values())
    assert max(scores, key=lambda paper: scores[paper]).value.endswith(str(100 + MANY - 1))  # the one cited
    assert [one.score for one in search(library, "newcomer").results] == [50.0]


def test_what_follows_the_longest_query_does_not_count(library: Library) -> None:
    text = "quark".ljust(LONGEST_QUERY) + " zzzz"
    assert search(library, text).total == MANY
    assert search(library, "quark".rjust(LONGEST_QUERY) + " zzzz").total == MANY
    assert search(library, "quark " * 10_000).total == MANY  # cut between words
    assert search(library, "a" * 5_000).total == 0


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=30)
    | st.text(alphabet="quark spin\"*():^-+AND ORNEAR{}[]'\\%_;\0", max_size=40)
    | st.sampled_from(["NEAR(quark spin)", "title:quark", "quark*", "a" * 5000, "\ud800", "' OR 1=1 --"])
)
def test_any_text_may_be_searched_for(library: Library, text: str) -> None:
    answer = search(library, text, limit=100)
    assert len(answer.results) == answer.total or not answer.total
    assert len({one.paper.id for one in answer.results}) == len(answer.results)


def test_a_library_without_papers(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = settings_in(tmp_path_factory.mktemp("empty"))
    build(place, [])
    with open_library(place) as library:
        assert search(library, "quark").results == ()
        assert search(library, "2401.00001").total == 0
