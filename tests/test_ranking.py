"""The fused ranking: linear in log-odds, a chance from 0 to 1, a stable order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from service.answers import Signal
from service.ranking import (
    BASELINE,
    COLUMN,
    SIGNALS,
    WEIGHTS,
    Features,
    contributions,
    order,
    relevance,
    similarity,
)

_VALUES = st.floats(0, 100, width=32)
_FEATURES = st.integers(0, 8).flatmap(lambda rows: arrays(np.float32, (rows, len(SIGNALS)), elements=_VALUES))
_LOG_ODDS = arrays(np.float32, array_shapes(max_dims=1), elements=st.floats(-200, 200, width=32))


def one(**values: float) -> Features:
    """Features of one candidate, all but these 0."""
    row = np.zeros((1, len(SIGNALS)), dtype=np.float32)
    for name, value in values.items():
        row[0, COLUMN[Signal[name]]] = value
    return row


def test_every_signal_has_a_weight_and_a_column() -> None:
    assert set(SIGNALS) == set(Signal)
    assert [COLUMN[signal] for signal in SIGNALS] == list(range(len(SIGNALS)))


def test_only_age_and_dislike_speak_against() -> None:
    assert {signal for signal, weight in WEIGHTS.items() if weight.weight < 0} == {
        Signal.AGE,
        Signal.DISLIKED,
    }


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TEXT", 0.5, 0.5 * WEIGHTS[Signal.TEXT].weight),
        ("CITED_BY_NEIGHBOURS", 0.25, 0.5 * WEIGHTS[Signal.CITED_BY_NEIGHBOURS].weight),
        ("DISLIKED", 0.5, -3.0),
        ("CITES", 0.0, 0.0),
    ],
)
def test_what_a_signal_adds(name: str, value: float, expected: float) -> None:
    parts = contributions(one(**{name: value}))
    assert parts.dtype == np.float32
    assert parts[0, COLUMN[Signal[name]]] == pytest.approx(expected)
    assert np.count_nonzero(parts) == bool(expected)


def test_nothing_known_is_the_baseline() -> None:
    assert relevance(contributions(one()))[0] == pytest.approx(BASELINE)


@given(_FEATURES)
def test_relevance_is_the_baseline_and_all_contributions(features: Features) -> None:
    parts = contributions(features)
    for row, total in zip(parts.tolist(), relevance(parts).tolist(), strict=True):
        assert total == pytest.approx(BASELINE + math.fsum(row), abs=1e-4, rel=1e-6)


@given(_LOG_ODDS)
def test_similarity_is_a_chance_and_keeps_the_order(log_odds: Features) -> None:
    chances = similarity(np.sort(log_odds))
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (np.diff(chances) >= 0).all()


def test_similarity_tells_results_apart_where_they_lie() -> None:
    assert (np.diff(similarity(np.linspace(-12, 8, 50, dtype=np.float32))) > 0).all()


@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(1, 50)), unique_by=lambda pair: pair[1]),
    st.integers(0, 12),
)
def test_order_is_by_relevance_then_by_key(pairs: list[tuple[int, int]], k: int) -> None:
    log_odds = np.array([pair[0] for pair in pairs], dtype=np.float32)
    keys = np.array([pair[1] for pair in pairs], dtype=np.int64)
    found = [pairs[at] for at in order(log_odds, keys, k)]
    assert found == sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:k]
