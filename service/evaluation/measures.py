"""Measures of a ranking, and how sure we are of their means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.papers import PaperId

MEASURES = ("nDCG@20", "recall@20", "recall@100")


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % bootstrap interval over queries."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The paired difference of two systems: its interval, and twice the share of resamples on 0's other side.

    `p` is two-sided, at least 1 / resamples and at most 1.
    """

    difference: Interval
    p: float


def ndcg(ranking: Sequence[PaperId], relevant: AbstractSet[PaperId], k: int) -> float:
    """Normalised discounted cumulative gain at k, binary gains (Järvelin and Kekäläinen 2002); 0 to 1."""
    gains = sum(1 / math.log2(rank + 2) for rank, paper in enumerate(ranking[:k]) if paper in relevant)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(len(relevant), k)))
    return gains / ideal if ideal else 0.0


def recall(ranking: Sequence[PaperId], relevant: AbstractSet[PaperId], k: int) -> float:
    """Share of the relevant papers that are among the first k; 0 to 1."""
    return len(relevant & set(ranking[:k])) / len(relevant) if relevant else 0.0


def measure_all(ranking: Sequence[PaperId], relevant: AbstractSet[PaperId]) -> tuple[float, float, float]:
    """The values of `MEASURES` for one query."""
    return ndcg(ranking, relevant, 20), recall(ranking, relevant, 20), recall(ranking, relevant, 100)


def bootstrap(values: Sequence[float], *, seed: int = 0, resamples: int = 2_000) -> Interval:
    """Mean and percentile interval (Efron 1979): queries drawn with replacement, `resamples` times."""
    sample = np.asarray(values, dtype=np.float64)
    means = _resampled_means(sample, seed, resamples)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(sample.mean()), float(low), float(high))


def compare(ours: Sequence[float], theirs: Sequence[float], *, seed: int = 0) -> Comparison:
    """Paired bootstrap of ours less theirs, query by query."""
    difference = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    means = _resampled_means(difference, seed, 2_000)
    tail = min(float((means <= 0).mean()), float((means >= 0).mean()))
    low, high = np.quantile(means, [0.025, 0.975])
    interval = Interval(float(difference.mean()), float(low), float(high))
    return Comparison(interval, min(1.0, max(2 * tail, 1 / len(means))))


def _resampled_means(sample: npt.NDArray[np.float64], seed: int, resamples: int) -> npt.NDArray[np.float64]:
    if not len(sample):
        raise ValueError("no query was measured")
    random = np.random.default_rng(seed)
    return np.array([sample[random.integers(0, len(sample), len(sample))].mean() for _ in range(resamples)])
