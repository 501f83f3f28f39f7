r"""The score of a paper, 0 to 100: how it stands among papers of about its age in the same library.

    score = 100 (0.5 P(citations) + 0.3 P(rank) + 0.2 P(recent))

- citations: papers of the library that cite it;
- rank: its PageRank in the citation graph (a citation by a much cited paper weighs more);
- recent: those of the citing papers whose id is from the last 24 months that the library has.

P(x) is the percentile of the value among the paper's contemporaries, ties counting half (the mid-rank of
Leydesdorff and Bornmann 2011): (papers with less + half of those with as much) / papers. So 50 is the middle
of every year, an old paper gains nothing by its age, and a paper without citations stands in the middle of
all that have none: at 50 where nobody of its age is cited yet, near 0 only where nearly everybody is.

The contemporaries are the papers of the same month and of the months next to it, nearest first, as many as it
takes to have 40 papers: a single month in a large library, some years in a small one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexer.citations import CitationGraph
from indexer.tables import Keys

if TYPE_CHECKING:
    from indexer.library import Derived

Scores = npt.NDArray[np.float32]
_Values = npt.NDArray[np.float64]

_SHARES = {"citations": 0.5, "rank": 0.3, "recent": 0.2}
_CONTEMPORARIES = 40  # a step of 2.5 points at most between two neighbours
_RECENT_MONTHS = 24
_RANK_DIGITS = 5  # PageRank stops at a tolerance of 1e-6: what differs by less is equal


def scores_of(derived: Derived) -> Scores:
    """The scores of a generation, computed once: float32 [n], in the order of its catalogue."""
    catalogue = derived.catalogue
    return derived.once("scores", lambda: paper_scores(derived.graph, catalogue.keys, catalogue.months))


def paper_scores(graph: CitationGraph, keys: Keys, months: npt.NDArray[np.int32]) -> Scores:
    """The scores of all papers held: float32 [n], 0 to 100, in the order of `keys`.

    `keys` int64 [n] are the papers held, `months` int32 [n] the months of their ids (YYYYMM). A paper that
    the graph does not have counts as uncited. Depends on nothing else, and not on the order of the papers.
    """
    if not len(keys):
        return np.zeros(0, dtype=np.float32)
    ages = _month_numbers(months)
    nodes = graph.positions(keys)
    citations, recent = _citations(graph, nodes, ages)
    known = nodes >= 0
    rank = np.zeros(len(keys))
    rank[known] = np.round(graph.rank[nodes[known]].astype(np.float64), _RANK_DIGITS)
    rank[citations == 0] = (
        0.0  # PageRank flows to works cited by papers that are not held: not this library's
    )
    values = {"citations": citations, "rank": rank, "recent": recent}
    total = sum(share * _percentiles(values[name], ages) for name, share in _SHARES.items())
    return (100.0 * np.asarray(total)).astype(np.float32)


def _month_numbers(months: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Months counted without gaps: YYYYMM has 12 of them in a year, not 100."""
    whole = months.astype(np.int64)
    return whole // 100 * 12 + whole % 100


def _citations(
    graph: CitationGraph, nodes: npt.NDArray[np.int32], ages: npt.NDArray[np.int64]
) -> tuple[_Values, _Values]:
    """How many papers held cite each paper, and how many of those are recent."""
    month_of = np.full(len(graph) + 1, -1, dtype=np.int64)  # the last entry takes papers without a node (-1)
    month_of[nodes] = ages
    month_of[-1] = -1
    held = month_of[graph.citers] >= 0
    recent = month_of[graph.citers] > ages.max() - _RECENT_MONTHS
    found = []
    for mask in (held, recent):
        before = np.concatenate([[0], np.cumsum(mask)])
        counts = before[graph.citer_ends[1:]] - before[graph.citer_ends[:-1]]
        found.append(np.append(counts, 0).astype(np.float64)[nodes])
    return found[0], found[1]


def _percentiles(values: _Values, ages: npt.NDArray[np.int64]) -> _Values:
    """The mid-rank of each value among its contemporaries, 0 to 1."""
    order = np.argsort(ages, kind="stable")
    by_age = values[order]
    present, starts = np.unique(ages[order], return_index=True)
    ends = np.append(starts[1:], len(ages))
    result = np.empty(len(values))
    for at in range(len(present)):
        first, last = _window(present, starts, ends, at)
        peers = np.sort(by_age[first:last])
        own = by_age[starts[at] : ends[at]]
        less = np.searchsorted(peers, own, side="left")
        up_to = np.searchsorted(peers, own, side="right")
        result[order[starts[at] : ends[at]]] = (less + up_to) / (2.0 * len(peers))
    return result


def _window(
    present: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], at: int
) -> tuple[int, int]:
    """The range of papers, by age, that are contemporaries of the month `present[at]`.

    Grows by the nearer of the two months next to it (by both if they are equally near).
    """
    low = high = at
    while ends[high] - starts[low] < _CONTEMPORARIES and (low > 0 or high < len(present) - 1):
        before = present[at] - present[low - 1] if low > 0 else np.inf
        after = present[high + 1] - present[at] if high < len(present) - 1 else np.inf
        low -= int(before <= after)
        high += int(after <= before)
    return int(starts[low]), int(ends[high])
