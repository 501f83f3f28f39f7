"""The nearest texts: by meaning, by words, and whose citations are followed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.library import Library
from service.nearness import (
    STRANGER,
    Kernel,
    Nearness,
    cosines,
    evenly,
    mean_vector,
    nearest_texts,
    word_cosines,
)
from service.view import View
from tests.queries import keys_of, numbered_library, plain, query_for, vectors_of
from tests.toy_embedder import ToyEmbedder

PAPERS = [
    plain(1, "spin glass landscapes"),
    plain(2, "spin glass dynamics"),
    plain(3, "spin chains"),
    plain(4, "knots and braids", month=2402),
    plain(5, "origami"),
]

_KERNEL = Kernel(5.0, 3.0, 1.0)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with numbered_library(tmp_path_factory.mktemp("near"), PAPERS, [(1, 501), (2, 501)]) as opened:
        yield opened


def near_to(library: Library, *liked: int, **fields: Any) -> tuple[View, Nearness]:
    query = query_for(library, *(PAPERS[at - 1] for at in liked), **fields)
    view = View.of(library.derived(), query)
    return view, Nearness.of(view, query)


def numbers(library: Library, view: View, nodes: np.ndarray) -> list[int]:
    """Numbers of papers, by node."""
    ids = library.store.ids(view.graph.keys[nodes].tolist())
    return [int(ids[key].value[-5:]) for key in view.graph.keys[nodes].tolist()]


def test_everything_near_is_compared_in_both_ways(library: Library) -> None:
    view, near = near_to(library, 1)
    assert numbers(library, view, near.nodes) == [2, 3, 4, 5]
    expected = np.maximum(vectors_of(PAPERS[1:]) @ vectors_of(PAPERS[:1])[0], 0)
    assert near.cosines == pytest.approx(expected, abs=2e-3)
    assert near.word_cosines[0] > near.word_cosines[1] > 0 == near.word_cosines[3]
    assert near.dense[0] == keys_of(library, PAPERS[:1])[0]  # the index knows the seed itself


def test_seeds_and_disliked_papers_are_not_near(library: Library) -> None:
    view, near = near_to(library, 1, 2, disliked=[PAPERS[2]])
    assert numbers(library, view, near.nodes) == [4, 5]


def test_as_of_a_seed_nothing_later_is_near(library: Library) -> None:
    view, near = near_to(library, 1, as_of_seed=True)
    assert numbers(library, view, near.nodes) == [2, 3, 5]


def test_words_alone_where_a_seed_has_no_vector(library: Library) -> None:
    nothing = np.zeros((0, 0), dtype=np.float32)
    view, near = near_to(library, 1, vectors=nothing)
    assert not len(near.dense)
    assert set(numbers(library, view, near.nodes)) == {2, 3}
    assert not near.cosines.any()
    assert near.word_cosines.all()


def test_nothing_to_go_by(library: Library) -> None:
    nothing = np.zeros((0, 0), dtype=np.float32)
    _, near = near_to(library, vectors=nothing, texts=())
    assert (len(near.nodes), len(near.dense), near.telling.words, near.weighed) == (0, 0, (), ())
    nodes, weights = near.neighbours(_KERNEL, 5)
    assert (len(nodes), len(weights)) == (0, 0)


def test_neighbours_are_no_strangers_and_weigh_one_in_all(library: Library) -> None:
    view, near = near_to(library, 1)
    close = near.cosines > STRANGER
    assert 0 < close.sum() < len(close)
    nodes, weights = near.neighbours(_KERNEL, 50)
    assert nodes.tolist() == near.nodes[close].tolist()
    assert weights.sum() == pytest.approx(1.0)
    odds = 5 * near.cosines + 3 * near.word_cosines + near.freshness
    assert weights == pytest.approx(np.exp(odds[close]) / np.exp(odds[close]).sum(), abs=1e-6)
    (best,) = near.neighbours(_KERNEL, 1)[0]
    assert numbers(library, view, np.array([best])) == [2]


def test_freshness_falls_with_the_months_between(library: Library) -> None:
    view, near = near_to(library, 4)
    fresh = dict(zip(numbers(library, view, near.nodes), near.freshness.tolist(), strict=True))
    assert fresh == pytest.approx(dict.fromkeys((1, 2, 3, 5), math.exp(-1 / 36)))
    view, near = near_to(library, 1)
    fresh = dict(zip(numbers(library, view, near.nodes), near.freshness.tolist(), strict=True))
    assert fresh[2] == 1.0


def test_the_nearest_of_several_vectors_come_once_and_nearest_first(library: Library) -> None:
    query = query_for(library, PAPERS[0], PAPERS[3])
    every = np.ones(len(library.derived().catalogue), dtype=np.bool_)
    keys, values = nearest_texts(library.derived(), query, every, 300)
    assert sorted(keys.tolist()) == sorted(keys_of(library, PAPERS).tolist())
    assert (np.diff(values) <= 0).all()
    assert set(keys[:2].tolist()) == set(keys_of(library, [PAPERS[0], PAPERS[3]]).tolist())
    few = every.copy()
    few[0] = False
    assert (
        int(library.derived().catalogue.keys[0]) not in nearest_texts(library.derived(), query, few, 300)[0]
    )


def test_the_words_of_works_that_are_not_held_are_not_known(library: Library) -> None:
    view, near = near_to(library, 1)
    strange = np.flatnonzero(~view.graph.held).astype(np.int32)
    assert len(strange) == 1
    assert word_cosines(view, near.weighed, strange).tolist() == [0.0]
    assert cosines(view, query_for(library, PAPERS[0]), strange).tolist() == [0.0]


@given(st.integers(0, 400))
def test_of_many_seeds_the_first_the_last_and_some_between_are_read(count: int) -> None:
    texts = tuple((str(at), "") for at in range(count))
    read = evenly(texts)
    assert len(read) == min(count, 30)
    assert [int(title) for title, _ in read] == sorted({int(title) for title, _ in read})
    if count:
        assert (read[0], read[-1]) == (texts[0], texts[-1])


def test_the_mean_of_vectors_has_length_one() -> None:
    mean = mean_vector(ToyEmbedder().embed(["spin glass", "knots"]))
    assert np.linalg.norm(mean) == pytest.approx(1.0)
    assert mean_vector(np.zeros((0, 7), dtype=np.float32)).tolist() == [0.0] * 7
    assert mean_vector(np.zeros((0, 0), dtype=np.float32)).tolist() == []
