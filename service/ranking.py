"""The fused ranking: features of a candidate to log-odds, linear, so that every signal's share can be told.

The weights are a logistic regression that tells what a paper cites from the other candidates; DECISIONS.md
says on which papers it was fitted and how well it ranks others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.answers import Signal

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Weight:
    """How a signal's value enters: log-odds per unit of `sqrt(value)` or of `value`."""

    weight: float
    root: bool = False  # sums over neighbours have long tails, which the square root shortens


BASELINE = -7.7
SLOPE, SHIFT = 0.68, 2.1  # log-odds of "cited" to log-odds of "cited, or cited together": see `similarity`

WEIGHTS: dict[Signal, Weight] = {
    Signal.TEXT: Weight(4.4),
    Signal.WORDS: Weight(8.7),
    Signal.CITED_BY_NEIGHBOURS: Weight(6.1, root=True),
    Signal.CITES_NEIGHBOURS: Weight(1.5, root=True),
    Signal.CITED_WITH_NEIGHBOURS: Weight(0.7, root=True),
    Signal.SHARED_REFERENCES: Weight(0.5, root=True),
    Signal.CITED_TOGETHER: Weight(1.3, root=True),
    Signal.CITED_BY: Weight(1.5),
    Signal.CITES: Weight(1.5),
    Signal.SAME_TOPIC: Weight(0.15),
    Signal.SAME_CATEGORY: Weight(0.1),
    Signal.INFLUENCE: Weight(0.28),
    Signal.AGE: Weight(-0.03),
    Signal.DISLIKED: Weight(-6.0),
}

SIGNALS = tuple(WEIGHTS)
COLUMN = {signal: at for at, signal in enumerate(SIGNALS)}


def contributions(features: Features) -> Features:
    """Log-odds that each signal adds: float32 [n, len(SIGNALS)] of raw values in the order of `SIGNALS`."""
    roots = np.array([WEIGHTS[signal].root for signal in SIGNALS])
    weights = np.array([WEIGHTS[signal].weight for signal in SIGNALS], dtype=np.float32)
    transformed = np.where(roots, np.sqrt(np.maximum(features, 0.0)), features)
    return (transformed * weights).astype(np.float32)


def relevance(parts: Features) -> npt.NDArray[np.float32]:
    """The fused score of each candidate in log-odds: baseline plus all contributions, float32 [n]."""
    total: npt.NDArray[np.float32] = (BASELINE + parts.sum(axis=1, dtype=np.float64)).astype(np.float32)
    return total


def similarity(log_odds: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The chance, 0 to 1, that the seed cites the candidate or that somebody cites both; in the same order.

    A logistic curve fitted on the first 20 results of papers set aside (Platt 1999): of results shown with .8,
    about 8 of 10 are so linked.
    """
    return (1.0 / (1.0 + np.exp(-(SLOPE * log_odds.astype(np.float64) + SHIFT)))).astype(np.float32)


def order(log_odds: npt.NDArray[np.float32], keys: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int64]:
    """Positions of the k best, best first; equals are ordered by key, so that the order is stable."""
    return np.lexsort((keys, -log_odds))[:k]
