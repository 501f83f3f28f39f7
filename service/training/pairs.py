"""From citations to batches: linked neighbourhoods, hard negatives, and which pairs count as neither.

Papers are nodes of the citation graph, works that are cited but not held included: two papers that share one are
kin, though it has no text to learn from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Nodes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Nearest = Callable[[Nodes], Nodes]  # of m papers: the nearest texts of each, int64 [m, any], -1 for none

_REFERENCES = 5  # of each seed
_NEAR = 3  # hard negatives by text
_LEAST_REFERENCES = 3  # of a seed: one alone says little of what it is about


@dataclass(frozen=True, slots=True)
class Links:
    """Citations that may be learned from.

    `cites` and `cited_by` are sparse int32 [n, n] (scipy, compressed rows); `usable` bool [n] tells papers that may
    be in a batch; `works` int64 [n] is equal for records of the same work.
    """

    cites: Any
    cited_by: Any
    usable: Flags
    works: npt.NDArray[np.int64]

    def references_of(self, node: int) -> Nodes:
        """What the paper cites that may be in a batch."""
        return self._usable_in(self.cites, node)

    def citers_of(self, node: int) -> Nodes:
        """What cites the paper and may be in a batch."""
        return self._usable_in(self.cited_by, node)

    def _usable_in(self, rows: Any, node: int) -> Nodes:
        found: Nodes = rows.indices[rows.indptr[node] : rows.indptr[node + 1]].astype(np.int64)
        return found[self.usable[found]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Papers and what each two of them are to each other.

    `nodes` int64 [n] ascending; `positive` bool [n, n]: one cites the other; `ignored` bool [n, n]: neither positive
    nor negative, since both cite a work or are cited by one, or are the same work. Both are symmetric, no pair is in
    both, and the diagonal is ignored.
    """

    nodes: Nodes
    positive: Flags
    ignored: Flags


def links_of(
    ends: npt.NDArray[np.int64],
    references: npt.NDArray[np.int32],
    *,
    usable: Flags,
    banned: Flags,
    works: npt.NDArray[np.int64],
) -> Links:
    """The citations by `usable` papers of anything but `banned` ones, out of a graph's compressed rows.

    `usable` must have no `banned` paper.
    """
    from scipy.sparse import csr_array

    size = len(usable)
    citing = np.repeat(np.arange(size), np.diff(ends))
    kept = usable[citing] & ~banned[references] & (citing != references)
    pairs = (citing[kept], np.asarray(references)[kept])
    cites = csr_array((np.ones(int(kept.sum()), np.int32), pairs), shape=(size, size))
    cites.sum_duplicates()
    return Links(cites, cites.T.tocsr(), usable, works)


def seeds_of(links: Links) -> Nodes:
    """Papers with enough usable references to begin a neighbourhood with."""
    counts = links.cites @ links.usable.astype(np.int32)
    return np.flatnonzero(links.usable & (counts >= _LEAST_REFERENCES)).astype(np.int64)


def default_cut(months: npt.NDArray[np.int32], *, share: float = 0.2) -> int:
    """The last month to learn from, so that at most `share` of the papers with these months (YYYYMM) is newer."""
    ordered = np.sort(months)
    newer = ordered[len(ordered) - 1 - int(share * len(ordered))]
    distinct = np.unique(ordered)
    if newer < distinct[-1]:
        return int(newer)
    return int(distinct[-2]) if len(distinct) > 1 else int(newer) - 1


def batch_of(links: Links, nodes: Nodes) -> Batch:
    """Tell for each two of the papers what they are to each other."""
    nodes = np.unique(nodes)
    cites, cited_by = links.cites[nodes], links.cited_by[nodes]
    forward = cites[:, nodes].toarray() > 0
    kin = ((cites @ cites.T).toarray() > 0) | ((cited_by @ cited_by.T).toarray() > 0)
    same = links.works[nodes][:, None] == links.works[nodes][None, :]
    positive = (forward | forward.T) & ~same
    return Batch(nodes, positive, (kin | same) & ~positive)


class Neighbourhoods:
    """Draws batches: around each of some seeds what it cites and is cited by, and what only looks so.

    The hard negatives are texts near the seed's, and references of its references (as SPECTER has them: Cohan et
    al. 2020); both only where no citation joins them to the seed. Equal seeds of randomness draw equal batches.
    """

    def __init__(self, links: Links, seeds: Nodes, nearest: Nearest, *, seed: int) -> None:
        if not len(seeds):
            raise ValueError("no paper to begin with")
        self._links = links
        self._seeds = seeds
        self._nearest = nearest
        self._random = np.random.default_rng(seed)

    def draw(self, groups: int) -> Batch:
        """A batch around `groups` different seeds, or all there are if they are fewer."""
        chosen = self._random.choice(self._seeds, min(groups, len(self._seeds)), replace=False)
        near = self._nearest(chosen)
        parts = [self._around(int(node), near[at]) for at, node in enumerate(chosen)]
        return batch_of(self._links, np.concatenate(parts))

    def _around(self, node: int, near: Nodes) -> Nodes:
        links = self._links
        references, citers = links.references_of(node), links.citers_of(node)
        linked = np.concatenate([references, citers, [node]])
        through = self._some(references, 1)
        parts = [np.array([node]), self._some(references, _REFERENCES), self._some(citers, 1)]
        if len(through):
            parts.append(self._some(np.setdiff1d(links.citers_of(int(through[0])), linked), 1))
            parts.append(self._some(np.setdiff1d(links.references_of(int(through[0])), linked), 1))
        near = near[near >= 0]
        near = near[links.usable[near] & (links.works[near] != links.works[node])]
        parts.append(self._some(np.setdiff1d(near, linked), _NEAR))
        return np.concatenate(parts)

    def _some(self, nodes: Nodes, most: int) -> Nodes:
        return self._random.choice(nodes, min(most, len(nodes)), replace=False)
