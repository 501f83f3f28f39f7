"""The fixed fusion: parts that add up and depend on no pool, and many seeds as one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.fusion import (
    BASELINE,
    FEEDBACK,
    NEAREST,
    TEXT,
    WORDS,
    WORDS_OF_TEXT,
    Floats,
    facet_of_all,
    relevance,
    seed_similarity,
    sharpened,
    text_part,
    words_part,
)
from tests.builders import unit_vectors

cosines = arrays(
    np.float32, st.tuples(st.integers(0, 6), st.integers(0, 8)), elements=st.floats(-1, 1, width=32)
)


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)


def test_parts_are_in_proportion_and_sum_to_the_relevance() -> None:
    text, words = text_part(floats(0.5, 1.0, -0.2)), words_part(floats(0.1, 0.0, 0.4))
    assert text == pytest.approx([TEXT / 2, TEXT, 0.0])
    assert words == pytest.approx([WORDS / 10, 0.0, 0.4 * WORDS])
    assert relevance(text, words) == pytest.approx(BASELINE + text + words)
    assert words_part(floats(0.1), free_text=True) == pytest.approx([WORDS_OF_TEXT / 10])


def test_a_facet_counts_as_much_as_the_whole_and_as_the_words() -> None:
    near, facet, words = floats(0.8, 0.2), floats(0.2, 0.8), floats(0.3, 0.3)
    assert text_part(near, facet) == pytest.approx([TEXT / 2, TEXT / 2])
    assert words_part(words, facet=True) == pytest.approx(words_part(words) / 2)
    assert text_part(near, near) == pytest.approx(text_part(near))


def test_a_facet_that_is_not_known_is_guessed() -> None:
    near = floats(0.9, 0.5, 0.7, 0.1)
    found = facet_of_all(near, np.array([2, 0]), floats(0.6, 0.6))  # on average .2 less than the whole
    assert found == pytest.approx([0.6, 0.3, 0.6, -0.1])
    assert near[0] == np.float32(0.9)
    assert facet_of_all(near, np.zeros(0, dtype=np.int64), floats()) == pytest.approx(near)


@given(arrays(np.float32, st.integers(1, 9), elements=st.floats(-1, 1, width=32)), st.data())
def test_a_candidate_has_the_same_relevance_in_any_pool(near: Floats, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(near) - 1))
    alone = relevance(text_part(near[at : at + 1]), words_part(np.abs(near[at : at + 1])))
    assert relevance(text_part(near), words_part(np.abs(near)))[at] == alone[0]


def test_many_seeds_are_the_three_nearest() -> None:
    assert NEAREST == 3
    assert seed_similarity(floats(0.1, 0.9, 0.5, 0.7, 0.0)[None]) == pytest.approx([0.7])
    assert seed_similarity(floats(0.1, 0.9)[None]) == pytest.approx([0.5])
    assert seed_similarity(np.zeros((2, 0), dtype=np.float32)).tolist() == [0.0, 0.0]


@given(cosines)
def test_many_seeds_in_any_order_lie_between_mean_and_nearest(near: npt.NDArray[np.float32]) -> None:
    given_ = near.copy()
    found = seed_similarity(near)
    assert found.shape == (near.shape[0],)
    assert found.dtype == np.float32
    assert np.array_equal(near, given_)
    if near.shape[1]:
        assert (found <= near.max(axis=1) + 1e-6).all()
        assert (found >= near.mean(axis=1) - 1e-6).all()
        assert seed_similarity(near[:, ::-1]) == pytest.approx(found, abs=1e-6)


def test_feedback_moves_a_seed_towards_its_best() -> None:
    seed, best = unit_vectors(1)[0], unit_vectors(FEEDBACK + 3, seed=1)
    moved = sharpened(seed, best)
    assert np.linalg.norm(moved) == pytest.approx(1.0, abs=1e-6)
    assert (best[:FEEDBACK].mean(axis=0) @ moved) > (best[:FEEDBACK].mean(axis=0) @ seed)
    assert moved @ seed > 0.7
    assert np.array_equal(sharpened(seed, best[:FEEDBACK]), moved)  # those after them have no say
    assert np.array_equal(sharpened(seed, best[:0]), seed)
    assert sharpened(seed, seed[None]) == pytest.approx(seed, abs=1e-6)
