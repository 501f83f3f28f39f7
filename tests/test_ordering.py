"""The order of results: as asked for, and spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.answers import Sort
from service.ordering import sort_results, spread
from tests.builders import unit_vectors


def chances_of(count: int) -> np.ndarray:
    return np.linspace(0.9, 0.1, count, dtype=np.float32)


@given(st.integers(0, 12), st.integers(0, 15), st.floats(0, 1), st.integers(0, 3))
def test_a_spread_has_so_many_and_none_twice(count: int, wanted: int, diversity: float, seed: int) -> None:
    vectors = unit_vectors(count, seed=seed) if count else np.zeros((0, 16), dtype=np.float32)
    found = spread(chances_of(count), vectors, wanted, diversity)
    assert len(found) == len(set(found.tolist())) == min(count, wanted)
    assert set(found.tolist()) <= set(range(count))
    assert found[:1].tolist() == [0][: min(count, wanted)]  # the best is first, however it is spread


def test_without_diversity_the_order_stays() -> None:
    assert spread(chances_of(6), unit_vectors(6), 4, 0.0).tolist() == [0, 1, 2, 3]


def test_what_is_like_one_before_it_comes_later() -> None:
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]]
    chances = np.array([0.9, 0.8, 0.7, 0.1], dtype=np.float32)
    assert spread(chances, vectors, 4, 0.5).tolist() == [0, 2, 3, 1]
    assert spread(chances, vectors, 3, 0.05).tolist() == [0, 1, 2]


def test_papers_without_a_vector_are_unlike_all() -> None:
    assert spread(chances_of(3), np.zeros((3, 4), dtype=np.float32), 3, 1.0).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("by", "expected"),
    [(Sort.SCORE, [0, 1, 2, 3]), (Sort.DATE, [1, 3, 0, 2]), (Sort.INFLUENCE, [2, 0, 1, 3])],
)
def test_results_in_the_order_asked_for(by: Sort, expected: list[int]) -> None:
    days = np.array([5, 9, 5, 9], dtype=np.int32)
    citers = np.array([1.5, 0, 7, 0], dtype=np.float32)
    assert sort_results(by, days, citers).tolist() == expected


@pytest.mark.parametrize("by", Sort)
def test_no_results(by: Sort) -> None:
    nothing = np.zeros(0, dtype=np.int32)
    assert sort_results(by, nothing, nothing).tolist() == []
