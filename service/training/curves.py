"""Fitting an additive model: curves between knots by logistic regression, and what its log-odds mean (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from service.ranking import AT, Additive, Curve, Features, Values

Labels = npt.NDArray[np.bool_]

_OF_ALL = (0.0, 1 / 3, 2 / 3, 1.0)  # quantiles of all candidates
_OF_RELEVANT = (0.1, 0.4, 0.7, 0.95)  # and of the relevant ones, which stand where the others are few
_PENALTY = 1.0  # the C of scikit-learn's logistic regression; from .05 to 1 nDCG@20 changed by .002
_ROUNDS = 200


def knots_of(values: Values, relevant: Labels) -> npt.NDArray[np.float64]:
    """Where a curve may bend: quantiles, ascending and distinct; fewer than two for a constant."""
    places = [np.quantile(values, _OF_ALL)]
    if relevant.any():
        places.append(np.quantile(values[relevant], _OF_RELEVANT))
    return np.unique(np.round(np.concatenate(places).astype(np.float64), 6))


def ramps(values: Values, knots: npt.NDArray[np.float64]) -> Features:
    """How far each value has come between every knot and the next, 0 to 1: float32 [n, knots - 1].

    Their weights are the steps of a curve, so that a penalty on them flattens it: weights of its heights pulled the
    ends, where few candidates are, to zero.
    """
    places = (values[:, None] - knots[:-1]) / np.diff(knots)
    return np.clip(places, 0.0, 1.0).astype(np.float32)


def fit(features: Features, relevant: Labels, names: tuple[str, ...], fixed: Mapping[str, Curve]) -> Additive:
    """Curves for the features of these names, each 0 where its feature is 0; `fixed` ones are taken as they are.

    A feature that never varies gets none. `slope` and `shift` are 1 and 0: see `calibrated`.
    """
    from sklearn.linear_model import LogisticRegression  # a second to import

    knots = {name: knots_of(features[:, AT[name]], relevant) for name in names}
    knots = {name: places for name, places in knots.items() if len(places) > 1}
    basis = np.concatenate([ramps(features[:, AT[name]], places) for name, places in knots.items()], axis=1)
    regression = LogisticRegression(C=_PENALTY, max_iter=_ROUNDS).fit(basis, relevant)
    weights, baseline = regression.coef_[0].tolist(), float(regression.intercept_[0])
    curves = dict(fixed)
    for name, places in knots.items():
        values = np.cumsum([0.0, *(weights.pop(0) for _ in places[1:])])
        at_zero = float(np.interp(0.0, places, values))
        baseline += at_zero
        curve = np.round(values - at_zero, 4).tolist()
        curves[name] = Curve(tuple(places.tolist()), tuple(curve))
    return Additive(round(baseline, 4), curves, slope=1.0, shift=0.0)


def calibrated(model: Additive, log_odds: Values, linked: Labels) -> Additive:
    """The model with `slope` and `shift` such that its chances are met (Platt 1999).

    `log_odds` are of the first results of papers that trained nothing, `linked` tells those that the query cites, or
    that somebody cites together with it. Unchanged where all are linked, or none, or all have the same log-odds.
    """
    from sklearn.linear_model import LogisticRegression

    if linked.all() or not linked.any() or np.ptp(log_odds) == 0:
        return model
    regression = LogisticRegression(C=1e6).fit(log_odds[:, None], linked)
    slope = max(float(regression.coef_[0, 0]), 0.01)  # a falling one would turn the order around
    return replace(model, slope=round(slope, 4), shift=round(float(regression.intercept_[0]), 4))
