"""Fitting curves: where they bend, that they find a rule, and that chances are met."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.answers import Signal
from service.ranking import AT, COLUMN, NAMES, Additive, Curve, Features
from service.training.curves import calibrated, fit, knots_of, ramps

_VALUES = st.integers(1, 40).flatmap(
    lambda count: arrays(np.float32, count, elements=st.floats(-9, 9, width=16))
)


def drawn(count: int = 3_000, seed: int = 0) -> tuple[Features, np.ndarray]:
    """Features of which two tell what is relevant, one rising to its middle and falling, and its labels."""
    random = np.random.default_rng(seed)
    features = np.zeros((count, len(NAMES)), dtype=np.float32)
    for name in ("cosine", "walk", "age"):
        features[:, AT[name]] = random.uniform(-1 if name == "age" else 0, 1, count)
    odds = 5 * features[:, AT["cosine"]] - 4 * np.abs(features[:, AT["age"]]) - 2
    return features, random.uniform(size=count) < 1 / (1 + np.exp(-odds))


@given(_VALUES, st.integers(0, 3))
def test_knots_ascend_from_the_least_to_the_greatest(values: np.ndarray, every: int) -> None:
    relevant = np.arange(len(values)) % 4 < every
    knots = knots_of(values, relevant)
    assert (np.diff(knots) > 0).all()
    assert knots[[0, -1]] == pytest.approx([values.min(), values.max()], abs=1e-6)


@given(_VALUES)
def test_ramps_with_the_steps_of_a_curve_are_the_curve(values: np.ndarray) -> None:
    knots = knots_of(values, np.zeros(len(values), dtype=np.bool_))
    basis = ramps(values, knots)
    assert basis.shape == (len(values), len(knots) - 1)
    assert ((basis >= 0) & (basis <= 1)).all()
    heights = np.sin(np.arange(len(knots)))
    curve = np.interp(values, knots, heights)
    assert basis @ np.diff(heights) + heights[0] == pytest.approx(curve, abs=1e-4)


def test_a_fitted_model_finds_the_rule() -> None:
    features, relevant = drawn()
    model = fit(features, relevant, ("cosine", "walk", "age", "topic"), {})
    assert set(model.curves) == {"cosine", "walk", "age"}  # the fourth never varies
    for signal, height in ((Signal.TEXT, 4.0), (Signal.WALK, 0.0)):
        rows = np.zeros((2, len(NAMES)), dtype=np.float32)
        rows[:, [AT["cosine"], AT["walk"]]] = [[0.1], [0.9]]
        parts = model.contributions(rows)[:, COLUMN[signal]]
        assert parts[1] - parts[0] == pytest.approx(height, abs=1.0)
    ages = model.curves["age"].of(np.array([-0.9, 0.0, 0.9], dtype=np.float32))
    assert ages[1] > ages[0] + 2
    assert ages[1] > ages[2] + 2


def test_every_curve_is_nought_where_there_is_no_evidence() -> None:
    features, relevant = drawn()
    fixed = {"cites": Curve((0.0, 1.0), (0.0, 1.5))}
    model = fit(features, relevant, ("cosine", "walk", "age"), fixed)
    assert model.curves["cites"] == fixed["cites"]
    nothing = model.contributions(np.zeros((1, len(NAMES)), dtype=np.float32))
    assert nothing == pytest.approx(0.0, abs=2e-4)
    assert (model.slope, model.shift) == (1.0, 0.0)
    expected = relevant.mean()
    chances = model.similarity(model.relevance(model.contributions(features)))
    assert chances.mean() == pytest.approx(expected, abs=0.01)


def test_fitting_twice_is_the_same() -> None:
    features, relevant = drawn()
    one, two = (fit(features, relevant, ("cosine", "age"), {}) for _ in range(2))
    assert one == two


def test_chances_are_met() -> None:
    random = np.random.default_rng(1)
    log_odds = random.normal(0, 3, 4_000).astype(np.float32)
    linked = random.uniform(size=len(log_odds)) < 1 / (1 + np.exp(-(0.4 * log_odds - 1)))
    model = calibrated(Additive(0.0, {}, 1.0, 0.0), log_odds, linked)
    assert model.slope == pytest.approx(0.4, abs=0.05)
    assert model.shift == pytest.approx(-1.0, abs=0.1)
    shown = model.similarity(log_odds)
    for least in (0.2, 0.5, 0.8):
        near = np.abs(shown - least) < 0.1
        assert linked[near].mean() == pytest.approx(shown[near].mean(), abs=0.07)


def test_a_calibration_never_turns_the_order_around() -> None:
    log_odds = np.linspace(-3, 3, 50, dtype=np.float32)
    model = calibrated(Additive(0.0, {}, 1.0, 0.0), log_odds, log_odds < 0)
    assert model.slope > 0
    assert (np.diff(model.similarity(log_odds)) > 0).all()


@pytest.mark.parametrize("linked", [[], [True] * 3, [False] * 3])
def test_nothing_to_calibrate_by(linked: list[bool]) -> None:
    model = Additive(0.0, {}, 0.7, 0.2)
    log_odds = np.arange(len(linked), dtype=np.float32)
    assert calibrated(model, log_odds, np.array(linked, dtype=np.bool_)) is model


def test_a_signal_that_none_of_them_had_keeps_its_scale() -> None:
    model = Additive(-6.6, {}, 1.0, 0.0)
    same = np.full(10, -6.6, dtype=np.float32)
    assert calibrated(model, same, np.arange(10) < 3) is model
