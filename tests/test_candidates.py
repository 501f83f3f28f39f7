"""Candidates: who is considered, the raw value of every signal, and what a query must not see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.library import Library, open_library
from indexer.papers import Citation, Paper, PaperId
from indexer.tables import Filters, Keys, Vectors
from service.answers import Signal
from service.candidates import NEAREST_TEXTS, Candidates, Query, _strongest, find_candidates
from service.ranking import COLUMN, SIGNALS
from tests.builders import a_paper, an_id
from tests.libraries import build, ids_of, settings_in
from tests.toy_embedder import ToyEmbedder


@contextmanager
def library_of(
    folder: Path, papers: Sequence[Paper], citations: Sequence[tuple[int, int]] = ()
) -> Iterator[Library]:
    """A library of papers and of citations given by number of paper; numbers beyond 500 are not held."""
    ids = {int(paper.id.value[-5:]): paper.id for paper in papers}
    settings = settings_in(folder)
    edges = [Citation(*(ids.get(number, an_id(number)) for number in edge)) for edge in citations]
    embedder = build(settings, papers, edges)
    with open_library(settings, embedder=embedder) as library:
        yield library


def query_for(library: Library, *liked: Paper, disliked: Sequence[Paper] = (), **fields: object) -> Query:
    """A query as `related` makes it; `fields` replaces some."""
    values: dict[str, object] = {
        "liked": keys_of(library, liked),
        "disliked": keys_of(library, disliked),
        "vectors": vectors_of(liked),
        "disliked_vectors": vectors_of(disliked),
        "texts": tuple(paper.text for paper in liked),
        "filters": Filters(),
        "month": max((paper.id.month for paper in liked), default=None),
    }
    return Query(**(values | fields))  # type: ignore[arg-type]  # the test names real fields


def keys_of(library: Library, papers: Sequence[Paper]) -> Keys:
    keys = library.store.keys(ids_of(papers))
    return np.array([keys[paper.id] for paper in papers], dtype=np.int64)


def vectors_of(papers: Sequence[Paper]) -> Vectors:
    return ToyEmbedder().embed([paper.text for paper in papers])


def found_by_id(library: Library, query: Query) -> dict[PaperId, dict[Signal, float]]:
    """The signals of each candidate that are not zero."""
    found = find_candidates(library.store, library.derived(), query)
    ids = library.store.ids(found.keys.tolist())
    return {
        ids[key]: {signal: row[COLUMN[signal]] for signal in SIGNALS if row[COLUMN[signal]]}
        for key, row in zip(found.keys.tolist(), found.features.tolist(), strict=True)
    }


def plain(number: int, words: str, *, month: int = 2401, **fields: object) -> Paper:
    return a_paper(number, month=month, title=words, abstract="", **fields)


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
    with library_of(tmp_path_factory.mktemp("seven"), SEVEN, LINKS) as library:
        yield library


def test_everyone_but_the_seeds_and_the_withdrawn_is_a_candidate_of_a_small_library(seven: Library) -> None:
    assert set(found_by_id(seven, query_for(seven, SEVEN[0]))) == set(ids_of(SEVEN[1:6]))
    two = query_for(seven, SEVEN[0], SEVEN[1], disliked=[SEVEN[2]])
    assert set(found_by_id(seven, two)) == set(ids_of(SEVEN[3:6]))
    withdrawn = query_for(seven, SEVEN[0], filters=Filters(withdrawn=True))
    assert SEVEN[6].id in found_by_id(seven, withdrawn)


def test_keys_ascend_and_features_have_a_column_for_each_signal(seven: Library) -> None:
    found = find_candidates(seven.store, seven.derived(), query_for(seven, SEVEN[0]))
    assert all(before < after for before, after in pairwise(found.keys.tolist()))
    assert found.features.shape == (5, len(SIGNALS))
    assert found.features.dtype == np.float32
    assert np.isfinite(found.features).all()


def test_the_seeds_own_citations(seven: Library) -> None:
    found = found_by_id(seven, query_for(seven, SEVEN[0]))
    by_signal = {
        signal: {int(paper.value[-5:]): row[signal] for paper, row in found.items() if signal in row}
        for signal in SIGNALS
    }
    assert by_signal[Signal.CITED_BY] == {3: 1.0}
    assert by_signal[Signal.CITES] == {2: 1.0, 6: 1.0}
    # 4 shares reference 3, of its own one; 5 shares 501, of its own one; each of the two has two citers.
    assert by_signal[Signal.SHARED_REFERENCES] == pytest.approx({4: 1 / np.log(4), 5: 1 / np.log(4)})
    # 6, with two references, cites 4 beside the seed; 2, with two, cites 5; nothing else cites either.
    assert by_signal[Signal.CITED_TOGETHER] == pytest.approx({4: 1 / np.log(4), 5: 1 / np.log(4)})


def test_several_seeds_share_each_signal(seven: Library) -> None:
    found = found_by_id(seven, query_for(seven, SEVEN[0], SEVEN[3]))
    assert found[an_id(3)][Signal.CITED_BY] == 1.0  # by both
    assert found[an_id(2)][Signal.CITES] == 0.5  # one of the two


def test_text_is_the_mean_of_the_nearest_seed_and_all_seeds(seven: Library) -> None:
    liked = [SEVEN[0], SEVEN[2]]
    cosines = vectors_of([SEVEN[1]])[0] @ vectors_of(liked).T
    found = found_by_id(seven, query_for(seven, *liked))
    expected = (cosines.max() + cosines.mean()) / 2
    assert found[SEVEN[1].id][Signal.TEXT] == pytest.approx(expected, abs=1e-3)


def test_words_are_a_share_of_the_most_that_could_be_reached(seven: Library) -> None:
    found = found_by_id(seven, query_for(seven, SEVEN[0]))
    scores = {paper: row[Signal.WORDS] for paper, row in found.items() if Signal.WORDS in row}
    assert set(scores) == {SEVEN[1].id}
    assert 0 < scores[SEVEN[1].id] < 1.5


def test_kinship(seven: Library) -> None:
    found = found_by_id(seven, query_for(seven, SEVEN[0]))
    assert found[an_id(3)][Signal.SAME_CATEGORY] == 1
    assert Signal.SAME_CATEGORY not in found[an_id(2)]
    assert found[SEVEN[3].id][Signal.AGE] == pytest.approx(4.0)
    assert Signal.AGE not in found[an_id(3)]
    assert found[an_id(3)][Signal.INFLUENCE] == pytest.approx(np.log1p(2))
    assert Signal.INFLUENCE not in found[an_id(2)]


def test_papers_without_category_are_not_of_the_same_one(tmp_path: Path) -> None:
    papers = [plain(number, "knots", categories=()) for number in (1, 2)]
    with library_of(tmp_path, papers) as library:
        assert Signal.SAME_CATEGORY not in found_by_id(library, query_for(library, papers[0]))[papers[1].id]


def test_dislike_counts_from_a_cosine_of_four_tenths(seven: Library) -> None:
    found = found_by_id(seven, query_for(seven, SEVEN[5], disliked=[SEVEN[0]]))
    cosines = vectors_of(SEVEN) @ vectors_of([SEVEN[0]])[0]
    assert cosines[1] > 0.4 > cosines[2]
    assert found[SEVEN[1].id][Signal.DISLIKED] == pytest.approx(cosines[1] - 0.4, abs=1e-3)
    assert Signal.DISLIKED not in found[SEVEN[2].id]


def test_the_nearest_texts_are_followed_with_weights_that_sum_to_one(tmp_path: Path) -> None:
    papers = [plain(number, f"spin glass {'model ' * (number % 7)}") for number in range(1, 81)]
    with library_of(tmp_path, papers) as library:
        found = find_candidates(library.store, library.derived(), query_for(library, papers[0]))
        keys = library.derived().graph.keys[found.neighbours]
        seed = keys_of(library, papers[:1])
    assert len(found.neighbours) == NEAREST_TEXTS
    assert not np.isin(keys, seed).any()
    assert found.neighbour_weights.sum() == pytest.approx(1.0)
    assert (np.diff(found.neighbour_weights) <= 0).all()


def test_what_the_nearest_texts_cite_and_what_cites_them(tmp_path: Path) -> None:
    titles = ("spin glass", "spin glass too", "spin glass with knots", "spin glass with braids")
    papers = [plain(number, title) for number, title in enumerate(titles, 1)]
    links = [(2, 3), (4, 2), (4, 3), (4, 501), (4, 502)]
    with library_of(tmp_path, papers, links) as library:
        query = query_for(library, papers[0])
        found = find_candidates(library.store, library.derived(), query)
        signals = found_by_id(library, query)
        weights = dict(
            zip(library.derived().graph.keys[found.neighbours], found.neighbour_weights, strict=True)
        )
        weight = [float(weights[key]) for key in keys_of(library, papers[1:])]
    assert signals[papers[2].id][Signal.CITED_BY_NEIGHBOURS] == pytest.approx(weight[0] + weight[2])
    citing = (weight[0] + weight[1]) / 2  # 4 cites two of them, and four works in all
    assert signals[papers[3].id][Signal.CITES_NEIGHBOURS] == pytest.approx(citing)
    # 2 itself cites a neighbour (3), and 3 is cited by it and by 4.
    assert signals[papers[2].id][Signal.CITED_WITH_NEIGHBOURS] == pytest.approx(weight[1] + citing)


def test_a_text_of_another_field_is_no_neighbour_however_small_the_library(tmp_path: Path) -> None:
    papers = [plain(1, "spin glass"), plain(2, "spin glass too"), plain(3, "knots")]
    with library_of(tmp_path, papers, [(3, 2)]) as library:
        found = find_candidates(library.store, library.derived(), query_for(library, papers[0]))
        neighbours = library.derived().graph.keys[found.neighbours].tolist()
        assert neighbours == keys_of(library, papers[1:2]).tolist()
        assert keys_of(library, papers[2:])[0] in found.keys  # found all the same


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 12))
def test_the_strongest_are_those_that_sorting_finds(values: list[int], most: int) -> None:
    array = np.array(values, dtype=np.float32)
    expected = np.sort(np.argsort(-array, kind="stable")[:most])
    np.testing.assert_array_equal(_strongest(array, most), expected)


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
    with library_of(tmp_path_factory.mktemp("crowd"), near + far) as library:
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
    found = found_by_id(library, query_for(library, papers[0], filters=filters))
    assert set(found) == set(ids_of(papers[400:]))


def test_the_search_under_a_filter_widens_until_enough_pass(crowd: tuple[Library, list[Paper]]) -> None:
    library, papers = crowd
    query = query_for(library, papers[400], filters=Filters(categories=("cs",)), texts=())
    assert len(found_by_id(library, query)) == 150


def test_a_category_is_no_archive_of_another_name(crowd: tuple[Library, list[Paper]]) -> None:
    library, papers = crowd
    query = query_for(library, papers[0], filters=Filters(categories=("cs.L", "mat", "c")))
    assert found_by_id(library, query) == {}


def test_neighbours_are_evidence_whatever_the_filters(seven: Library) -> None:
    of_computing = query_for(seven, SEVEN[0], filters=Filters(categories=("cs",)))
    found = find_candidates(seven.store, seven.derived(), of_computing)
    neighbours = seven.derived().graph.keys[found.neighbours]
    assert np.isin(keys_of(seven, [SEVEN[1]]), neighbours).all()
    assert not np.isin(keys_of(seven, [SEVEN[1]]), found.keys).any()


def test_as_of_the_seed_nothing_newer_is_seen(tmp_path: Path) -> None:
    papers = [
        plain(1, "spin glass", month=2202),
        plain(2, "spin glass old", month=2101),
        plain(3, "knots", month=2101),
        plain(4, "spin glass new", month=2203),
        plain(5, "protein", month=2203),
        plain(6, "origami", month=2202),
    ]
    links = [(4, 2), (5, 2), (4, 3), (5, 1), (5, 3), (1, 3), (6, 3), (4, 6)]
    with library_of(tmp_path, papers, links) as library:
        query = query_for(
            library, papers[0], as_of_seed=True, filters=Filters(not_after_month=papers[0].id.month)
        )
        found = find_candidates(library.store, library.derived(), query)
        signals = found_by_id(library, query)
        months = library.derived().catalogue.months[library.derived().node_rows[found.neighbours]]
    assert set(signals) == {papers[at].id for at in (1, 2, 5)}
    assert (months <= 202202).all()
    assert Signal.INFLUENCE not in signals[papers[1].id]  # cited by newer papers only
    assert signals[papers[2].id][Signal.INFLUENCE] == pytest.approx(np.log1p(2))  # by 1 and 6
    assert signals[papers[5].id][Signal.SHARED_REFERENCES] == pytest.approx(1 / np.log(2 + 2))
    assert not any(Signal.CITED_TOGETHER in row or Signal.SAME_TOPIC in row for row in signals.values())


def test_text_only_takes_the_seed_out_of_the_graph(seven: Library) -> None:
    found = found_by_id(seven, query_for(seven, SEVEN[0], text_only=True))
    own = {Signal.CITES, Signal.CITED_BY, Signal.SHARED_REFERENCES, Signal.CITED_TOGETHER}
    assert not any(own & set(row) for row in found.values())
    assert found[an_id(3)][Signal.INFLUENCE] == pytest.approx(np.log1p(1))  # by 4, not by the seed
    candidates: Candidates = find_candidates(
        seven.store, seven.derived(), query_for(seven, SEVEN[0], text_only=True)
    )
    assert not len(candidates.seeds)


def test_a_seed_that_was_cited_before_it_was_held_can_be_asked_as_of_its_month(tmp_path: Path) -> None:
    # The generation knows it as a node of the graph without a row; nothing may be counted below zero.
    papers = [plain(1, "spin glass"), plain(2, "spin glasses")]
    with library_of(tmp_path, papers, [(1, 501), (501, 2)]) as library:
        graph = library.derived().graph
        seed = graph.keys[~graph.held]
        query = replace(
            query_for(library, papers[0], as_of_seed=True, text_only=True), liked=seed, disliked=seed
        )
        found = find_candidates(library.store, library.derived(), query)
    assert np.isfinite(found.features).all()
    assert len(found.keys) == 2


def test_nothing_to_go_by_and_an_empty_library(tmp_path: Path) -> None:
    with library_of(tmp_path, []) as library:
        query = query_for(library, vectors=ToyEmbedder().embed(["spin"]), texts=("spin",))
        assert not len(find_candidates(library.store, library.derived(), query).keys)
        nothing = replace(query, vectors=np.zeros((0, 0), dtype=np.float32), texts=())
        assert not len(find_candidates(library.store, library.derived(), nothing).keys)
