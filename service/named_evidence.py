"""The works behind each citation signal of each result, found for all results of a query at once."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from indexer.citations import CitationGraph, Positions
from service.answers import Signal

Evidence = dict[Signal, dict[int, list[int]]]  # signal -> node of a result -> nodes of works, strongest first
_Ends = npt.NDArray[np.int64]


def find_evidence(
    graph: CitationGraph,
    results: Positions,
    *,
    neighbours: Positions,
    seeds: Positions,
    seed_references: Positions,
    coupled: Positions,
) -> Evidence:
    """Which neighbours, seeds, shared references, coupled works and common citers link each result to the query.

    Neighbours come nearest first, and stay so; works in common come with the rarest first: a reference that few
    papers have, a citer with a short list, say most.
    """
    references, citers = (graph.reference_ends, graph.references), (graph.citer_ends, graph.citers)
    theirs = _union(citers, seeds)
    return {
        Signal.CITED_BY_NEIGHBOURS: _linked(citers, results, neighbours),
        Signal.CITES_NEIGHBOURS: _linked(references, results, neighbours),
        Signal.CITES: _linked(references, results, seeds),
        Signal.CITED_BY: _linked(citers, results, seeds),
        Signal.SHARED_REFERENCES: _linked(references, results, _rarest(seed_references, graph.citer_ends)),
        Signal.CITED_BY_COUPLED: _linked(citers, results, coupled),
        Signal.CITED_TOGETHER: _linked(citers, results, _rarest(theirs, graph.reference_ends)),
    }


def _linked(rows: tuple[_Ends, Positions], results: Positions, works: Positions) -> dict[int, list[int]]:
    """For each result those of `works` that stand in its row, in the order of `works`."""
    ends, columns = rows
    lengths = ends[results + 1] - ends[results]
    if not lengths.sum() or not len(works):
        return {}
    shifts = np.repeat(ends[results] - np.cumsum(lengths) + lengths, lengths)
    entries = columns[np.arange(int(lengths.sum())) + shifts]
    owners = np.repeat(results, lengths)
    order = np.argsort(works, kind="stable")
    at = np.minimum(np.searchsorted(works[order], entries), len(works) - 1)
    places = order[at]
    found = works[places] == entries
    linked: defaultdict[int, list[int]] = defaultdict(list)
    for place, owner in sorted(zip(places[found].tolist(), owners[found].tolist(), strict=True)):
        linked[owner].append(int(works[place]))
    return linked


def _union(rows: tuple[_Ends, Positions], nodes: Positions) -> Positions:
    ends, columns = rows
    parts = [columns[ends[node] : ends[node + 1]] for node in nodes.tolist()]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int32)


def _rarest(nodes: Positions, ends: _Ends) -> Positions:
    return nodes[np.argsort(ends[nodes + 1] - ends[nodes], kind="stable")]
