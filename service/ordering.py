"""The order in which results are shown, and how they are spread (pure)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from service.answers import Sort

Positions = npt.NDArray[np.int64]
Values = npt.NDArray[np.float32]

SPREAD_AMONG = 5  # times as many of the best as are wanted may take part in a spread


def spread(chances: Values, vectors: Values, wanted: int, diversity: float) -> Positions:
    """Places of `wanted` results, each close to the query and unlike those before it (both as 0 to 1).

    Maximal marginal relevance (Carbonell and Goldstein 1998): (1 - diversity) * chance - diversity * the greatest
    cosine to one chosen before. `chances` [n] descending, `vectors` [n, width] of length 1 (zeros are unlike all).
    """
    chosen: list[int] = []
    nearest = np.zeros(len(chances), dtype=np.float32)
    left = np.ones(len(chances), dtype=np.bool_)
    for _ in range(min(wanted, len(chances))):
        gains = np.where(left, (1 - diversity) * chances - diversity * nearest, -np.inf)
        best = int(np.argmax(gains))
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return np.array(chosen, dtype=np.int64)


def sort_results(by: Sort, days: npt.NDArray[np.int32], citers: npt.NDArray[np.number]) -> Positions:
    """Places of the results, which come best first, in the order asked for; equals stay as they came."""
    if by is Sort.DATE:
        return np.argsort(-days.astype(np.int64), kind="stable")
    if by is Sort.INFLUENCE:
        return np.argsort(-citers, kind="stable")
    return np.arange(len(days))
