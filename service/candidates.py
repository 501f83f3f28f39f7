"""Candidates for "related": the best of every kind of evidence, from vectors, words, authors and citations.

All work is on a bounded number of neighbours, so one query costs the same on twenty thousand papers and on three
million, but for the search of the index itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.citations import Positions, Weights
from indexer.library import Derived
from indexer.ports import PaperReader
from indexer.tables import Keys
from service.evidence import Evidence, gather_evidence
from service.features import compute_features
from service.nearness import Nearness, nearest_texts
from service.ranking import Features
from service.view import NO_NODES, Mask, Query, View, strongest
from service.works import works_of

_DENSE = 150  # candidates from the index
_LINKED = 300  # candidates from each kind of citation evidence
_WALKED = 150
_WORDS = 100  # candidates from the words in common
_AUTHORS = 50
_WIDENED = 8  # times as many texts are looked at while a filter leaves too few of them
_MOST_LOOKED_AT = 20_000
_MOST_OF = {"walk": _WALKED, "telling words": _WORDS, "authors": _AUTHORS}


@dataclass(frozen=True, slots=True)
class Candidates:
    """Papers that may be related: `features` float32 [n, len(FEATURES)] of raw values, and where they come from."""

    keys: Keys
    nodes: Positions
    features: Features
    neighbours: Positions
    neighbour_weights: Weights
    coupled: Positions
    words: tuple[str, ...]
    liked: Keys
    seeds: Positions  # those whose citations are evidence
    references: Positions  # what these cite
    has_citations: bool  # whether the seeds cite or are cited, as far as that is evidence


def find_candidates(store: PaperReader, derived: Derived, query: Query) -> Candidates:
    """Gather candidates that pass the filters; seeds, disliked papers and other records of their works left out.

    The filters are for candidates alone: evidence may come from any paper.
    """
    view = View.of(derived, query)
    near = Nearness.of(view, query)
    evidence = gather_evidence(view, query, near)
    nodes = _choose(store, view, query, near, evidence)
    seeds = NO_NODES if query.text_only else view.nodes(query.liked)
    return Candidates(
        keys=np.asarray(derived.graph.keys[nodes]),
        nodes=nodes,
        features=compute_features(view, query, near, evidence, nodes),
        neighbours=evidence.neighbours,
        neighbour_weights=evidence.neighbour_weights,
        coupled=evidence.coupled,
        words=near.telling.words,
        liked=query.liked,
        seeds=seeds,
        references=evidence.references,
        has_citations=bool(len(evidence.references) or view.citer_counts(seeds).any()),
    )


def _choose(store: PaperReader, view: View, query: Query, near: Nearness, evidence: Evidence) -> Positions:
    """The union of the best of each kind of evidence, filtered; or those that were asked for."""
    if query.among is not None:
        nodes = np.unique(view.nodes(query.among)).astype(np.int32)
        return nodes[
            view.rows(nodes) >= 0
        ]  # one that is newer than the generation may be a node, but no more
    passing = _passing(view, query)
    parts = [
        *_best_of_each(view, near, evidence, passing),
        view.nodes(near.dense[:_DENSE]),
        view.nodes(_nearest_passing(store, view, query, passing)),
    ]
    nodes = np.unique(np.concatenate(parts)).astype(np.int32)
    nodes = nodes[view.inside(nodes, passing)]
    keys = np.asarray(view.graph.keys[nodes])
    away = works_of(view.derived, np.concatenate([query.liked, query.disliked, view.graph.keys[query.known]]))
    kept = ~np.isin(works_of(view.derived, keys), away)
    if query.filters.categories or query.filters.licenses:
        kept &= store.passing(keys, query.filters)
    return nodes[kept]


def _best_of_each(view: View, near: Nearness, evidence: Evidence, passing: Mask) -> Iterator[Positions]:
    """The strongest of each kind of evidence among those that pass the filters."""
    kinds = {**evidence.sparse, "telling words": near.by_words}
    for name, (nodes, values) in kinds.items():
        kept = view.inside(nodes, passing)
        yield nodes[kept][strongest(values[kept], _MOST_OF.get(name, _LINKED))]


def _passing(view: View, query: Query) -> Mask:
    """Which rows of the catalogue pass the filters that need no store."""
    passing = view.derived.catalogue.passing(query.filters)
    if query.topic:
        passing &= view.derived.topics.inside(query.topic)[view.derived.row_topics]
    return passing


def _nearest_passing(store: PaperReader, view: View, query: Query, passing: npt.NDArray[np.bool_]) -> Keys:
    """The nearest texts among those that pass the filters; none where all do, for they are known already."""
    derived, filters = view.derived, query.filters
    by_store = bool(filters.categories or filters.licenses)
    narrowed = bool(query.topic) or not filters.empty
    if not narrowed or not (by_store or (view.visible & ~passing & ~derived.catalogue.withdrawn).any()):
        return np.zeros(0, dtype=np.int64)
    wanted = _DENSE
    while True:
        keys, _ = nearest_texts(derived, query, passing, wanted)
        kept = keys[store.passing(keys, filters)] if by_store else keys
        if len(kept) >= _DENSE or len(keys) < wanted or wanted >= _MOST_LOOKED_AT:
            return kept[:_DENSE]
        wanted *= _WIDENED
