"""The fused ranking: additive in log-odds, a chance from 0 to 1, a stable order, a file that can be read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from indexer.errors import ModelError
from service.answers import Mode, Signal
from service.learned import FIXED_FUSION
from service.ranking import (
    AT,
    COLUMN,
    FEATURES,
    MEASURED,
    MODES,
    NAMES,
    SIGNALS,
    Additive,
    Curve,
    Features,
    RankingModel,
    order,
)
from tests.rankings import a_model, a_ranking

_VALUES = st.floats(-50, 100, width=32)
_FEATURES = st.integers(0, 8).flatmap(lambda rows: arrays(np.float32, (rows, len(NAMES)), elements=_VALUES))
_LOG_ODDS = arrays(np.float32, array_shapes(max_dims=1), elements=st.floats(-200, 200, width=32))
_CURVES = st.lists(
    st.tuples(st.floats(-10, 10), st.floats(-8, 8)), min_size=2, max_size=6, unique_by=lambda point: point[0]
).map(lambda points: Curve(*(tuple(part) for part in zip(*sorted(points), strict=True))))
_MODELS = st.builds(
    Additive,
    baseline=st.floats(-10, 10),
    curves=st.dictionaries(st.sampled_from(NAMES), _CURVES),
    slope=st.floats(0.01, 20),
    shift=st.floats(-20, 20),
)


def one(**values: float) -> Features:
    """Features of one candidate, all but these (with _ for a space) 0."""
    row = np.zeros((1, len(NAMES)), dtype=np.float32)
    for name, value in values.items():
        row[0, AT[name.replace("_", " ")]] = value
    return row


def test_every_feature_is_evidence_of_a_signal_and_every_signal_has_one() -> None:
    assert set(SIGNALS) == set(Signal) == set(FEATURES.values()) == set(MEASURED)
    assert [COLUMN[signal] for signal in SIGNALS] == list(range(len(SIGNALS)))
    assert [AT[name] for name in FEATURES] == list(range(len(FEATURES)))
    assert all(FEATURES[name] is signal for signal, name in MEASURED.items())
    assert (MEASURED[Signal.TEXT], MEASURED[Signal.INFLUENCE]) == ("cosine", "citers")


def test_every_mode_goes_by_features_of_its_own() -> None:
    assert {*MODES, Mode.FUSED} == set(Mode)
    names = [name for mode in MODES.values() for name in mode]
    assert len(names) == len(set(names))
    assert set(names) <= set(NAMES)


def test_a_curve_is_straight_between_knots_and_level_beyond() -> None:
    curve = Curve((0.0, 1.0, 3.0), (0.0, 2.0, 1.0))
    asked = np.array([-1, 0, 0.5, 1, 2, 3, 9], dtype=np.float32)
    assert curve.of(asked).tolist() == [0, 0, 1, 2, 1.5, 1, 1]
    assert curve.of(asked).dtype == np.float32


def test_the_features_of_a_signal_add_up() -> None:
    model = Additive(0.0, {"cosine": Curve((0, 1), (0, 4)), "closeness": Curve((0, 1), (0, 2))}, 1.0, 0.0)
    parts = model.contributions(one(cosine=0.5, closeness=0.5, walk=1.0))
    assert parts[0, COLUMN[Signal.TEXT]] == pytest.approx(3.0)
    assert np.count_nonzero(parts) == 1
    assert parts.dtype == np.float32


def test_nothing_known_is_the_baseline() -> None:
    for model in (a_model(baseline=-3.0), FIXED_FUSION.known, FIXED_FUSION.text):
        assert model.relevance(model.contributions(one()))[0] == pytest.approx(model.baseline)


@given(_MODELS, _FEATURES)
def test_relevance_is_the_baseline_and_all_contributions(model: Additive, features: Features) -> None:
    parts = model.contributions(features)
    for row, total in zip(parts.tolist(), model.relevance(parts).tolist(), strict=True):
        assert total == pytest.approx(model.baseline + math.fsum(row), abs=1e-4, rel=1e-6)


@given(_MODELS, _LOG_ODDS)
def test_similarity_is_a_chance_and_keeps_the_order(model: Additive, log_odds: Features) -> None:
    chances = model.similarity(np.sort(log_odds))
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (np.diff(chances) >= 0).all()


def test_similarity_tells_results_apart_where_they_lie() -> None:
    for model in (FIXED_FUSION.cold, a_model()):
        assert (np.diff(model.similarity(np.linspace(-12, 8, 50, dtype=np.float32))) > 0).all()


@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(1, 50)), unique_by=lambda pair: pair[1]),
    st.integers(0, 12),
)
def test_order_is_by_relevance_then_by_key(pairs: list[tuple[int, int]], k: int) -> None:
    log_odds = np.array([pair[0] for pair in pairs], dtype=np.float32)
    keys = np.array([pair[1] for pair in pairs], dtype=np.int64)
    found = [pairs[at] for at in order(log_odds, keys, k)]
    assert found == sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:k]


# --- As a file


@given(_MODELS)
def test_a_model_survives_json(model: Additive) -> None:
    assert Additive.from_json(json.loads(json.dumps(model.as_json()))) == model


@settings(max_examples=10)
@given(_MODELS, _MODELS, st.dictionaries(st.text(), st.integers() | st.text()))
def test_a_ranking_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory, cold: Additive, known: Additive, facts: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("ranking") / "ranking.json"
    modes = dict.fromkeys(MODES, known)
    ranking = RankingModel(cold=cold, known=known, text=known, modes=modes, facts=facts)
    ranking.save(path)
    assert RankingModel.load(path) == ranking


@pytest.mark.parametrize(
    ("has_paper", "has_citations", "name"),
    [(True, True, "known"), (True, False, "cold"), (False, True, "known"), (False, False, "text")],
)
def test_the_model_of_a_mode_and_a_kind_of_query(*, has_paper: bool, has_citations: bool, name: str) -> None:
    ranking = a_ranking()
    kind = {"has_paper": has_paper, "has_citations": has_citations}
    assert ranking.of(Mode.FUSED, **kind) is getattr(ranking, name)
    for mode in MODES:
        assert ranking.of(mode, **kind) is ranking.modes[mode]


def _set(*path: str, to: object) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        for name in path[:-1]:
            data = data[name]
        data[path[-1]] = to

    return change


_CURVE = ("known", "curves", "cosine")


@pytest.mark.parametrize(
    "damage",
    [
        _set("format", to=99),
        _set("known", to=None),
        _set("text", to=[]),
        _set("facts", to=3),
        _set("modes", to={}),
        _set("known", "baseline", to="high"),
        _set("known", "baseline", to=float("nan")),
        _set("known", "slope", to=0),
        _set("known", "slope", to=-1.0),
        _set("text", "shift", to=float("inf")),
        _set("known", "curves", to=[1]),
        _set("known", "curves", "fame", to={"knots": [0, 1], "values": [0, 1]}),
        _set(*_CURVE, to={"knots": [0, 1], "values": [0]}),
        _set(*_CURVE, to={"knots": [0], "values": [0]}),
        _set(*_CURVE, to={"knots": [1, 0], "values": [0, 1]}),
        _set(*_CURVE, to={"knots": [0, 0], "values": [0, 1]}),
        _set(*_CURVE, to={"knots": [0, 1], "values": [0, float("nan")]}),
        _set(*_CURVE, to={"knots": [0, 1]}),
    ],
)
def test_a_damaged_file_is_refused_with_one_sentence(
    tmp_path: Path, damage: Callable[[dict[str, Any]], None]
) -> None:
    path = tmp_path / "ranking.json"
    a_ranking().save(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    damage(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(
        ModelError, match=r"ranking\.json cannot be read .*`paperkin train ranking`"
    ) as caught:
        RankingModel.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b'{"format": 1}'])
def test_what_is_no_ranking_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ranking.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read"):
        RankingModel.load(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        RankingModel.load(tmp_path / "none.json")
