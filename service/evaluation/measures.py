"""Measures of a ranking, and how sure we are of their means.

A ranking is names of documents, best first; what is judged is a grade (more is better) by name. What a ranking leaves
out counts as not found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Ranking = Sequence[str]
Grades = Mapping[str, float]
Name = TypeVar("Name")

RELEVANT = 2  # the lowest grade of CSFCube that counts as relevant (Mysore et al. 2021)
WELL, BADLY = 4.0, 2.0  # ratings that make a pair easy or hard (Stelmakh et al. 2023)


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


def _one(_: Grades) -> float:
    return 1.0


@dataclass(frozen=True, slots=True)
class Measure:
    """A number for each query by `of`; their mean is weighted by `weight`, which knows the judgements alone.

    A weight of 0 leaves the query out.
    """

    name: str
    of: Callable[[Ranking, Grades], float]
    weight: Callable[[Grades], float] = _one


def ndcg(ranking: Sequence[Name], relevant: AbstractSet[Name], k: int) -> float:
    """Normalised discounted cumulative gain at k, binary gains (Järvelin and Kekäläinen 2002); 0 to 1."""
    gains = sum(1 / math.log2(rank + 2) for rank, name in enumerate(ranking[:k]) if name in relevant)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(len(relevant), k)))
    return gains / ideal if ideal else 0.0


def graded_ndcg(ranking: Ranking, grades: Grades, k: int) -> float:
    """The same with the grade itself as gain; 0 to 1."""
    return _normalised(ranking, grades, [1 / math.log2(rank + 2) for rank in range(k)])


def ndcg_of_pool(ranking: Ranking, grades: Grades) -> float:
    """NDCG at 20 % of the pool as CSFCube's own script has it, to be comparable with what is published; 0 to 1.

    `eval_scripts/ranking_eval.py` cuts at `int(0.20 * pool)` and leaves the rest to the widespread `rank_metrics`,
    whose `ndcg_at_k` takes the grade itself as gain and, by default, the discount of Järvelin and Kekäläinen (2002)
    with base 2: 1 for ranks 1 and 2, then 1 / log2(rank).
    """
    return _normalised(
        ranking, grades, [1 / max(1.0, math.log2(rank)) for rank in range(1, len(grades) // 5 + 1)]
    )


def _normalised(ranking: Ranking, grades: Grades, discounts: Sequence[float]) -> float:
    found = [grades.get(name, 0.0) for name in ranking[: len(discounts)]]
    best = sorted(grades.values(), reverse=True)
    ideal = _discounted(best, discounts)
    return _discounted(found, discounts) / ideal if ideal else 0.0


def _discounted(gains: Sequence[float], discounts: Sequence[float]) -> float:
    return sum(gain * discount for gain, discount in zip(gains, discounts, strict=False))


def recall(ranking: Sequence[Name], relevant: AbstractSet[Name], k: int) -> float:
    """Share of the relevant papers that are among the first k; 0 to 1."""
    return len(relevant & set(ranking[:k])) / len(relevant) if relevant else 0.0


def average_precision(ranking: Ranking, relevant: Collection[str]) -> float:
    """Mean over the relevant papers of the precision at the rank of each, 0 for those not found; 0 to 1."""
    precisions: list[float] = []
    for rank, name in enumerate(ranking, 1):
        if name in relevant:
            precisions.append((len(precisions) + 1) / rank)
    return sum(precisions) / len(relevant) if relevant else 0.0


def weighted_loss(ranking: Ranking, ratings: Grades) -> float:
    """The share of what could be lost by pairs in the wrong order, each as dear as its ratings differ; 0 to 1.

    Weighted Kendall loss of Stelmakh et al. (2023): 0 is best, .5 random. A pair that the ranking leaves out both of
    is a tie, which loses half.
    """
    most = rating_differences(ratings)
    lost = sum(
        (higher - lower) * (0.5 if order == 0 else float(order < 0))
        for higher, lower, order in _pairs(ranking, ratings)
    )
    return lost / most if most else 0.0


def rating_differences(ratings: Grades) -> float:
    """The most that `weighted_loss` can lose: the sum over all pairs of the difference of their ratings."""
    return sum(abs(one - other) for one, other in combinations(ratings.values(), 2))


def _pairs(ranking: Ranking, ratings: Grades) -> list[tuple[float, float, int]]:
    """Of each pair of unequal ratings the higher, the lower, and whether they stand in order (1, -1; 0 tied)."""
    places = {name: place for place, name in enumerate(ranking)}
    pairs = []
    for one, other in combinations(ratings, 2):
        if ratings[one] == ratings[other]:
            continue
        better, worse = (one, other) if ratings[one] > ratings[other] else (other, one)
        order = places.get(worse, len(ranking)) - places.get(better, len(ranking))
        pairs.append((ratings[better], ratings[worse], (order > 0) - (order < 0)))
    return pairs


def _is_easy(higher: float, lower: float) -> bool:
    return higher >= WELL and lower <= BADLY


def _is_hard(higher: float, lower: float) -> bool:
    return higher > lower >= WELL


def _pairs_right(which: Callable[[float, float], bool], name: str) -> Measure:
    """The share of such pairs that stand in order, each pair counting the same."""

    def of(ranking: Ranking, ratings: Grades) -> float:
        chosen = [order for higher, lower, order in _pairs(ranking, ratings) if which(higher, lower)]
        return sum(order > 0 for order in chosen) / len(chosen) if chosen else 0.0

    def weight(ratings: Grades) -> float:
        pairs = combinations(ratings.values(), 2)
        return float(sum(one != other and which(max(one, other), min(one, other)) for one, other in pairs))

    return Measure(name, of, weight)


CITATION_MEASURES = (
    Measure("nDCG@20", lambda ranking, grades: graded_ndcg(ranking, grades, 20)),
    Measure("recall@20", lambda ranking, grades: recall(ranking, grades.keys(), 20)),
    Measure("recall@100", lambda ranking, grades: recall(ranking, grades.keys(), 100)),
)
GRADE_MEASURES = (
    Measure(
        "MAP",
        lambda ranking, grades: average_precision(
            ranking, {name for name, grade in grades.items() if grade >= RELEVANT}
        ),
    ),
    Measure("NDCG%20", ndcg_of_pool),
)
PROFILE_MEASURES = (
    Measure("loss", weighted_loss, rating_differences),
    _pairs_right(_is_easy, "easy pairs"),
    _pairs_right(_is_hard, "hard pairs"),
)
SEARCH_MEASURES = (
    Measure("nDCG@10", lambda ranking, grades: graded_ndcg(ranking, grades, 10)),
    Measure("recall@100", lambda ranking, grades: recall(ranking, grades.keys(), 100)),
)


def bootstrap(
    values: Sequence[float],
    *,
    weights: Sequence[float] | None = None,
    seed: int = 0,
    resamples: int = 2_000,
) -> Interval:
    """Weighted mean and percentile interval (Efron 1979): queries drawn with replacement, `resamples` times.

    Raises `ValueError` where no query has weight.
    """
    sample, weight = _measured(values, weights)
    means = _resampled_means(sample, weight, seed, resamples)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(np.average(sample, weights=weight)), float(low), float(high))


def compare(
    ours: Sequence[float], theirs: Sequence[float], *, weights: Sequence[float] | None = None, seed: int = 0
) -> Comparison:
    """Paired bootstrap of ours less theirs, query by query."""
    difference = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    sample, weight = _measured(difference.tolist(), weights)
    means = _resampled_means(sample, weight, seed, 2_000)
    tail = min(float((means <= 0).mean()), float((means >= 0).mean()))
    low, high = np.quantile(means, [0.025, 0.975])
    interval = Interval(float(np.average(sample, weights=weight)), float(low), float(high))
    return Comparison(interval, min(1.0, max(2 * tail, 1 / len(means))))


def _measured(
    values: Sequence[float], weights: Sequence[float] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Values and weights of the queries that have any weight."""
    sample = np.asarray(values, dtype=np.float64)
    weight = np.ones(len(sample)) if weights is None else np.asarray(weights, dtype=np.float64)
    kept = weight > 0
    if not kept.any():
        raise ValueError("no query was measured")
    return sample[kept], weight[kept]


def _resampled_means(
    sample: npt.NDArray[np.float64], weight: npt.NDArray[np.float64], seed: int, resamples: int
) -> npt.NDArray[np.float64]:
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    for at in range(resamples):
        drawn = random.integers(0, len(sample), len(sample))
        means[at] = np.average(sample[drawn], weights=weight[drawn])
    return means
