"""Candidates: who is considered, and what a query must not see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import UnknownTopic
from indexer.library import Library, open_store
from indexer.papers import Paper, PaperId
from indexer.tables import Filters
from service.candidates import find_candidates
from service.evidence import NEAREST_TEXTS
from service.ranking import FEATURES
from service.view import Query
from tests.builders import NOW, a_paper
from tests.libraries import ids_of
from tests.queries import features_by_id, keys_of, numbered_library, plain, query_for
from tests.toy_embedder import ToyEmbedder


def found_in(library: Library, query: Query) -> set[PaperId]:
    """The ids of the candidates."""
    return set(features_by_id(library, query))


SEVEN = [
    plain(1, "spin glass landscapes"),
    plain(2, "spin glass dynamics", categories=("cond-mat.dis-nn",)),
    plain(3, "protein folding"),
    plain(4, "protein docking", month=2001),
    plain(5, "origami folding"),
    plain(6, "survey of everything"),
    plain(7, "unrelated knots", withdrawn=True),
]
LINKS = [(1, 3), (2, 1), (4, 3), (1, 501), (5, 501), (6, 1), (6, 4), (2, 5)]


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with numbered_library(tmp_path_factory.mktemp("seven"), SEVEN, LINKS) as library:
        yield library


def test_everyone_but_the_seeds_and_the_withdrawn_is_a_candidate_of_a_small_library(seven: Library) -> None:
    assert found_in(seven, query_for(seven, SEVEN[0])) == set(ids_of(SEVEN[1:6]))
    two = query_for(seven, SEVEN[0], SEVEN[1], disliked=[SEVEN[2]])
    assert found_in(seven, two) == set(ids_of(SEVEN[3:6]))
    withdrawn = query_for(seven, SEVEN[0], filters=Filters(withdrawn=True))
    assert SEVEN[6].id in features_by_id(seven, withdrawn)


def test_keys_ascend_and_every_feature_has_a_column(seven: Library) -> None:
    found = find_candidates(seven.store, seven.derived(), query_for(seven, SEVEN[0]))
    assert all(before < after for before, after in pairwise(found.keys.tolist()))
    assert found.features.shape == (5, len(FEATURES))
    assert found.features.dtype == np.float32
    assert np.isfinite(found.features).all()


def test_the_nearest_texts_are_followed_with_weights_that_sum_to_one(tmp_path: Path) -> None:
    papers = [plain(number, f"spin glass {'model ' * (number % 7)}") for number in range(1, 81)]
    with numbered_library(tmp_path, papers) as library:
        found = find_candidates(library.store, library.derived(), query_for(library, papers[0]))
        keys = library.derived().graph.keys[found.neighbours]
        seed = keys_of(library, papers[:1])
    assert len(found.neighbours) == NEAREST_TEXTS
    assert not np.isin(keys, seed).any()
    assert found.neighbour_weights.sum() == pytest.approx(1.0)
    assert (np.diff(found.neighbour_weights) <= 0).all()


def test_a_text_of_another_field_is_no_neighbour_however_small_the_library(tmp_path: Path) -> None:
    papers = [plain(1, "spin glass"), plain(2, "spin glass too"), plain(3, "knots")]
    with numbered_library(tmp_path, papers, [(3, 2)]) as library:
        found = find_candidates(library.store, library.derived(), query_for(library, papers[0]))
        neighbours = library.derived().graph.keys[found.neighbours].tolist()
        assert neighbours == keys_of(library, papers[1:2]).tolist()
        assert keys_of(library, papers[2:])[0] in found.keys  # found all the same


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Library, list[Paper]]]:
    """400 papers near to each other, and ten that are far, in another category and with another licence."""
    near = [plain(number, f"spin glass model {number}", categories=("cs.LG",)) for number in range(1, 401)]
    far = [
        plain(
            number,
            f"knots braids links {number}",
            categories=("math.GT", "math.QA"),
            license="http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
            month=1905,
        )
        for number in range(401, 411)
    ]
    with numbered_library(tmp_path_factory.mktemp("crowd"), near + far) as library:
        yield library, near + far


@pytest.mark.parametrize(
    "filters",
    [
        Filters(categories=("math.GT",)),
        Filters(categories=("math",)),
        Filters(categories=("math.QA", "stat")),
        Filters(licenses=("http://arxiv.org/licenses/nonexclusive-distrib/1.0/",)),
        Filters(not_after_month=201912),
        Filters(until=a_paper(1, month=1906).submitted.date()),
    ],
)
def test_a_filter_finds_the_few_that_pass_however_far_they_are(
    crowd: tuple[Library, list[Paper]], filters: Filters
) -> None:
    library, papers = crowd
    found = features_by_id(library, query_for(library, papers[0], filters=filters))
    assert set(found) == set(ids_of(papers[400:]))


def test_the_search_under_a_filter_widens_until_enough_pass(crowd: tuple[Library, list[Paper]]) -> None:
    library, papers = crowd
    query = query_for(library, papers[400], filters=Filters(categories=("cs",)), texts=())
    assert len(features_by_id(library, query)) == 150


def test_a_category_is_no_archive_of_another_name(crowd: tuple[Library, list[Paper]]) -> None:
    library, papers = crowd
    query = query_for(library, papers[0], filters=Filters(categories=("cs.L", "mat", "c")))
    assert features_by_id(library, query) == {}


def test_neighbours_are_evidence_whatever_the_filters(seven: Library) -> None:
    of_computing = query_for(seven, SEVEN[0], filters=Filters(categories=("cs",)))
    found = find_candidates(seven.store, seven.derived(), of_computing)
    neighbours = seven.derived().graph.keys[found.neighbours]
    assert np.isin(keys_of(seven, [SEVEN[1]]), neighbours).all()
    assert not np.isin(keys_of(seven, [SEVEN[1]]), found.keys).any()


def test_a_seed_that_was_cited_before_it_was_held_can_be_asked_as_of_its_month(tmp_path: Path) -> None:
    # The generation knows it as a node of the graph without a row; nothing may be counted below zero.
    papers = [plain(1, "spin glass"), plain(2, "spin glasses")]
    with numbered_library(tmp_path, papers, [(1, 501), (501, 2)]) as library:
        graph = library.derived().graph
        seed = graph.keys[~graph.held]
        query = replace(
            query_for(library, papers[0], as_of_seed=True, text_only=True), liked=seed, disliked=seed
        )
        found = find_candidates(library.store, library.derived(), query)
    assert np.isfinite(found.features).all()
    assert len(found.keys) == 2


def test_nothing_to_go_by_and_an_empty_library(tmp_path: Path) -> None:
    with numbered_library(tmp_path, []) as library:
        query = query_for(library, vectors=ToyEmbedder().embed(["spin"]), texts=(("", "spin"),))
        assert not len(find_candidates(library.store, library.derived(), query).keys)
        nothing = replace(query, vectors=np.zeros((0, 0), dtype=np.float32), texts=())
        assert not len(find_candidates(library.store, library.derived(), nothing).keys)


def test_among_ranks_all_that_are_named_and_no_others(seven: Library) -> None:
    wanted = keys_of(seven, [SEVEN[6], SEVEN[0], SEVEN[4]])  # withdrawn, the seed itself, any
    few = query_for(seven, SEVEN[0], among=wanted, filters=Filters(categories=("math",)))
    found = find_candidates(seven.store, seven.derived(), few)
    assert found.keys.tolist() == sorted(wanted.tolist())
    assert np.isfinite(found.features).all()
    none = query_for(seven, SEVEN[0], among=wanted[:0])
    assert not len(find_candidates(seven.store, seven.derived(), none).keys)


def test_a_paper_newer_than_the_generation_cannot_be_ranked_among_others(tmp_path: Path) -> None:
    new = plain(501, "spin glasses anew")
    with numbered_library(tmp_path, SEVEN, [*LINKS, (501, 2)]) as library:
        store = open_store(library.settings)
        with store.transaction():
            store.put_papers([new], "test:", NOW)
        store.close()
        among = keys_of(library, [SEVEN[1], new])
        assert (library.derived().graph.positions(among) >= 0).all()
        found = find_candidates(library.store, library.derived(), query_for(library, SEVEN[0], among=among))
        assert found.keys.tolist() == among[:1].tolist()


def test_what_a_text_cites_is_no_result(seven: Library) -> None:
    known = np.sort(seven.derived().graph.positions(keys_of(seven, [SEVEN[2]])))
    query = query_for(seven, SEVEN[0], known=known)
    assert SEVEN[2].id not in found_in(seven, query)
    found = find_candidates(seven.store, seven.derived(), replace(query, text_only=True))
    assert found.references.tolist() == known.tolist()


def test_other_records_of_a_seed_are_no_candidates(tmp_path: Path) -> None:
    title, abstract = "Spin glass landscapes of long names", "We study the landscapes of spin glasses. " * 4
    papers = [a_paper(number, title=title, abstract=abstract) for number in (1, 2)]
    with numbered_library(tmp_path, [*papers, plain(3, "spin")]) as library:
        assert len(set(library.derived().same_work.tolist())) == 2
        assert found_in(library, query_for(library, papers[0])) == {plain(3, "").id}


def test_a_library_without_topics_has_no_topic_to_ask_for(seven: Library) -> None:
    with pytest.raises(UnknownTopic):
        find_candidates(seven.store, seven.derived(), query_for(seven, SEVEN[0], topic="77"))


def test_a_topic_has_only_its_own_papers(crowd: tuple[Library, list[Paper]]) -> None:
    library, papers = crowd
    derived = library.derived()
    rows = derived.row_topics
    place = int(rows[-1])
    assert place >= 0
    query = query_for(library, papers[0], topic=derived.topics.topics[place].id)
    keys = find_candidates(library.store, derived, query).keys
    assert len(keys)
    inside = derived.topics.inside(query.topic)
    assert inside[rows[derived.catalogue.rows(keys)]].all()


def test_works_of_which_none_is_held(tmp_path: Path) -> None:
    with numbered_library(tmp_path, [], [(601, 602), (603, 602)]) as library:
        known = np.arange(len(library.derived().graph), dtype=np.int32)
        query = query_for(
            library, vectors=ToyEmbedder().embed(["spin"]), texts=(("", "spin"),), known=known, text_only=True
        )
        assert not len(find_candidates(library.store, library.derived(), query).keys)
