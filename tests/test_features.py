"""Features that need no more than texts and the catalogue, and those of standing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.library import Library
from indexer.papers import Paper
from indexer.word_vectors import WordSpace
from service.candidates import find_candidates
from service.ranking import AT
from service.view import Query
from tests.builders import an_id
from tests.queries import features_by_id, keys_of, numbered_library, plain, query_for, vectors_of

PAPERS = [
    plain(1, "spin glass landscapes"),
    plain(2, "spin glass dynamics", categories=("cond-mat.dis-nn",)),
    plain(3, "protein folding"),
    plain(4, "protein docking", month=2001),
    plain(5, "origami folding", month=2402),
    plain(6, "survey of everything"),
]
LINKS = [(1, 3), (2, 1), (4, 3), (5, 3), (1, 501), (6, 1), (6, 4)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with numbered_library(tmp_path_factory.mktemp("features"), PAPERS, LINKS) as opened:
        yield opened


def column(library: Library, query: Query, name: str) -> dict[int, float]:
    """One feature, zeros included, by number of paper."""
    found = find_candidates(library.store, library.derived(), query)
    ids = library.store.ids(found.keys.tolist())
    return {
        int(ids[key].value[-5:]): value
        for key, value in zip(found.keys.tolist(), found.features[:, AT[name]].tolist(), strict=True)
    }


def test_the_cosine_to_several_seeds_is_their_mean(library: Library) -> None:
    liked = [PAPERS[0], PAPERS[2]]
    cosines = vectors_of([PAPERS[1]])[0] @ vectors_of(liked).T
    assert column(library, query_for(library, *liked), "cosine")[2] == pytest.approx(cosines.mean(), abs=1e-3)


def test_closeness_is_what_is_above_the_twentieth_or_the_last(library: Library) -> None:
    near, away = (column(library, query_for(library, PAPERS[0]), name) for name in ("cosine", "closeness"))
    least = min(near.values())
    assert away == pytest.approx({number: value - least for number, value in near.items()}, abs=1e-6)


def test_words(library: Library) -> None:
    query = query_for(library, PAPERS[0])
    assert {number for number, value in column(library, query, "word cosine").items() if value} == {2}
    told = column(library, query, "telling words")
    assert {number for number, value in told.items() if value} == {2}
    assert 0 < told[2] < 1.5


def test_kinship(library: Library) -> None:
    query = query_for(library, PAPERS[0])
    assert column(library, query, "category") == {2: 0, 3: 1, 4: 1, 5: 1, 6: 1}
    assert column(library, query, "age") == pytest.approx({2: 0, 3: 0, 4: 4, 5: -1 / 12, 6: 0}, abs=1e-4)
    of_two = query_for(library, PAPERS[0], PAPERS[3])
    assert column(library, of_two, "age")[3] == pytest.approx(-2.0, abs=1e-3)


def test_a_text_has_no_kin(library: Library) -> None:
    query = query_for(library, vectors=vectors_of(PAPERS[:1]), texts=(("", "spin glass"),))
    for name in ("age", "category", "topic", "authors", "cites", "cited by"):
        assert not any(column(library, query, name).values())
    assert any(column(library, query, "cosine").values())


def test_papers_without_category_are_not_of_the_same_one(tmp_path: Path) -> None:
    papers = [plain(number, "knots", categories=()) for number in (1, 2)]
    with numbered_library(tmp_path, papers) as opened:
        assert column(opened, query_for(opened, papers[0]), "category") == {2: 0}


def test_the_same_topic_unless_later_papers_made_it(library: Library) -> None:
    rows = library.derived().row_topics
    assert rows.max() >= 0
    place = dict(zip(library.derived().catalogue.keys.tolist(), rows.tolist(), strict=True))
    keys = keys_of(library, PAPERS).tolist()
    found = column(library, query_for(library, PAPERS[0]), "topic")
    assert found == {number: float(place[keys[number - 1]] == place[keys[0]] >= 0) for number in found}
    assert any(found.values())
    assert not any(column(library, query_for(library, PAPERS[0], as_of_seed=True), "topic").values())


def test_standing_in_the_month_of_the_query(library: Library) -> None:
    query = query_for(library, PAPERS[0])
    assert column(library, query, "citers")[3] == pytest.approx(np.log1p(3))
    # by 1 of the same month, not by 4 of long before, not by 5 of later
    assert column(library, query, "recent citers")[3] == pytest.approx(np.log1p(1))
    assert column(library, query, "recent share")[3] == pytest.approx(1 / 3)
    text = query_for(library, vectors=vectors_of(PAPERS[:1]), texts=(("", "spin"),))
    assert column(library, text, "recent citers")[3] == pytest.approx(np.log1p(2))
    assert column(library, query, "recent share")[5] == 0


def test_dislike_counts_from_a_cosine_of_four_tenths(library: Library) -> None:
    cosines = vectors_of(PAPERS) @ vectors_of(PAPERS[:1])[0]
    assert cosines[1] > 0.4 > cosines[2]
    found = column(library, query_for(library, PAPERS[5], disliked=[PAPERS[0]]), "disliked")
    assert found[2] == pytest.approx(cosines[1] - 0.4, abs=1e-3)
    assert found[3] == 0


def test_what_is_like_the_references_of_the_seed(library: Library) -> None:
    found = column(library, query_for(library, PAPERS[0]), "near references")
    expected = vectors_of(PAPERS) @ vectors_of(PAPERS[2:3])[0]  # the one that is held
    assert found[5] == pytest.approx(expected[4], abs=1e-3)
    assert not any(column(library, query_for(library, PAPERS[2]), "near references").values())


def test_what_is_like_the_first_results(library: Library) -> None:
    found = column(library, query_for(library, PAPERS[0]), "near best")
    mean = vectors_of(PAPERS[1:]).mean(axis=0)
    expected = vectors_of(PAPERS[1:]) @ mean / np.linalg.norm(mean)
    assert list(found.values()) == pytest.approx(expected.tolist(), abs=2e-3)


# --- The profiles of citers


def test_one_seed_is_asked_as_if_the_profiles_did_not_know_it(library: Library) -> None:
    derived = library.derived()
    seed = derived.graph.positions(keys_of(library, PAPERS[:1]))
    query = query_for(library, PAPERS[0])
    found = column(library, query, "citing texts")
    hidden = replace(derived, graph=derived.graph.without_references_of(seed))
    profiles = type(derived.profiles).of(hidden.graph, derived.node_rows, derived.vectors, derived.word_space)
    asked = profiles.query(query.vectors[0], derived.word_space.vector(*query.texts[0]))
    rows = derived.catalogue.rows(keys_of(library, PAPERS[1:]))
    assert list(found.values()) == pytest.approx(profiles.scores(rows, asked).tolist(), abs=5e-3)
    assert column(library, replace(query, text_only=True), "citing texts") == pytest.approx(found)


@pytest.mark.parametrize("liked", [PAPERS[:2], PAPERS[:1]])
def test_what_the_seeds_taught_the_profiles_is_no_evidence_where_they_are_to_be_texts(
    library: Library, liked: list[Paper]
) -> None:
    both = query_for(
        library,
        *liked,
        vectors=vectors_of([*liked, PAPERS[5]]),
        texts=(*((paper.title, "") for paper in liked), ("", "survey")),
    )
    assert any(column(library, both, "citing texts").values())
    assert not any(column(library, replace(both, text_only=True), "citing texts").values())
    assert not any(column(library, replace(both, as_of_seed=True), "citing texts").values())


def test_seeds_that_cite_nothing_may_be_asked_as_texts_all_together(library: Library) -> None:
    query = query_for(library, PAPERS[2], plain(3, ""), text_only=True)
    assert any(column(library, query, "citing texts").values())


# --- Whatever is missing


def test_a_seed_that_was_cited_before_it_was_held_can_be_asked_as_of_its_month(tmp_path: Path) -> None:
    # The generation knows it as a node of the graph without a row; nothing may be counted below zero.
    papers = [plain(1, "spin glass"), plain(2, "spin glasses")]
    with numbered_library(tmp_path, papers, [(1, 501), (501, 2)]) as opened:
        graph = opened.derived().graph
        seed = graph.keys[~graph.held]
        query = query_for(opened, papers[0], as_of_seed=True, text_only=True)
        found = find_candidates(opened.store, opened.derived(), replace(query, liked=seed, disliked=seed))
    assert np.isfinite(found.features).all()
    assert len(found.keys) == 2


def test_a_seed_without_a_vector(library: Library) -> None:
    nothing = np.zeros((0, 0), dtype=np.float32)
    found = features_by_id(library, query_for(library, PAPERS[0], vectors=nothing))
    assert found[an_id(2)]["word cosine"] > 0
    assert "cosine" not in found[an_id(2)]


def test_papers_without_a_word_are_far_from_all(tmp_path: Path) -> None:
    papers = [plain(number, "", authors=(), categories=()) for number in (1, 2, 3)]
    with numbered_library(tmp_path, papers, [(2, 3)]) as opened:
        found = find_candidates(opened.store, opened.derived(), query_for(opened, papers[0]))
        assert isinstance(opened.derived().word_space, WordSpace)
    assert np.isfinite(found.features).all()
    assert not found.features[:, AT["word cosine"]].any()
