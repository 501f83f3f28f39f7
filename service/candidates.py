"""Candidates for "related", and the raw value of every signal for each: gathered from vectors, words, citations.

All work is on a bounded number of neighbours, so one query costs the same on twenty thousand papers and on three
million, but for the search of the index itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from indexer.citations import (
    CitationGraph,
    Positions,
    Weights,
    accumulate,
    cocitation,
    counts,
    coupling,
    gather,
)
from indexer.library import Derived
from indexer.ports import PaperReader
from indexer.tables import Filters, Keys, Vectors
from indexer.words import Telling
from service.answers import Signal
from service.ranking import COLUMN, SIGNALS, Features
from service.works import works_of

NEAREST_TEXTS = 50  # whose citations are followed
_STRANGER = (
    0.3  # cosine under which a text is no neighbour: in a small library the nearest may be of another field
)
_DENSE = 150  # candidates from the index
_WORDS = 100  # candidates from the words in common
_LINKED = 300  # candidates from each kind of citation evidence
_WIDENED = 8  # times as many texts are looked at while a filter leaves too few of them
_MOST_LOOKED_AT = 20_000
_CITERS_FOLLOWED = 200  # of the works that cite the nearest texts, whose other references are looked at
_NONE = np.zeros(0, dtype=np.int32)
_EMPTY = np.zeros(0, dtype=np.float32)

Sparse = tuple[Positions, Weights]  # nodes ascending, with a value each
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: held seeds (keys), the vectors that stand for them and for a text, its words.

    `vectors` float32 [m, width], one for each liked paper that has one and one for the text; `texts` in the
    same sense. `month` is the newest seed's (None for a text alone).

    With `as_of_seed` no paper of a later month is evidence (that none is a result, `filters` must say); only how
    rare a word is, the library of today tells all the same, for full text knows no other. With `text_only` no
    citation from or to a seed is.
    """

    liked: Keys
    disliked: Keys
    vectors: Vectors
    disliked_vectors: Vectors
    texts: tuple[str, ...]
    filters: Filters
    month: int | None = None
    as_of_seed: bool = False
    text_only: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """Papers that may be related: `features` float32 [n, len(SIGNALS)] of raw values, and where they come from."""

    keys: Keys
    nodes: Positions
    features: Features
    neighbours: Positions
    neighbour_weights: Weights
    words: tuple[str, ...]
    seeds: Positions  # those whose citations are evidence


def find_candidates(store: PaperReader, derived: Derived, query: Query) -> Candidates:
    """Gather candidates that pass the filters; seeds, disliked papers and other records of their works left out.

    The filters are for candidates alone: evidence may come from any paper.
    """
    view = _view(derived, query)
    telling = derived.words.telling(query.texts, least=2 if len(query.liked) else 1)
    dense, similarities = _nearest(derived, query, view.visible)
    neighbours, weights = view.neighbours(dense, similarities, query)
    sparse = _citation_signals(view, query, neighbours, weights)
    sparse[Signal.WORDS] = view.only_visible(*_word_scores(derived, telling))
    nodes = _choose(store, view, query, dense, sparse)
    features = _features(view, query, nodes, sparse)
    return Candidates(
        keys=np.asarray(derived.graph.keys[nodes]),
        nodes=nodes,
        features=features,
        neighbours=neighbours,
        neighbour_weights=weights,
        words=telling.words,
        seeds=_NONE if query.text_only else view.nodes(query.liked),
    )


def _view(derived: Derived, query: Query) -> _View:
    """What the query may see."""
    month = query.month if query.as_of_seed else None
    visible = derived.catalogue.passing(Filters(withdrawn=True, not_after_month=month))
    view = _View(derived, visible)
    if month is not None:
        rows = derived.node_rows
        citing = rows >= 0
        citing[citing] = visible[rows[citing]]
        view = replace(view, citing=citing)
    if query.text_only and len(seeds := view.nodes(query.liked)):
        cited = np.ones(len(derived.graph), dtype=np.bool_)
        cited[seeds] = False
        view = replace(view, cited=cited, citing=cited if view.citing is None else view.citing & cited)
    return view


@dataclass(frozen=True, slots=True)
class _View:
    """The library as far as this query may see it.

    `visible` bool for each row of the catalogue; `citing` and `cited` bool for each node of the graph: of a citation
    both ends must be so, None where all are.
    """

    derived: Derived
    visible: Mask
    citing: Mask | None = None
    cited: Mask | None = None

    @property
    def graph(self) -> CitationGraph:
        return self.derived.graph

    def nodes(self, keys: Keys) -> Positions:
        """Graph nodes of keys; those without one are left out."""
        found = self.graph.positions(keys)
        return found[found >= 0]

    def rows(self, nodes: Positions) -> npt.NDArray[np.int64]:
        """Catalogue rows of nodes, -1 for works not held."""
        return self.derived.node_rows[nodes]

    def only_visible(self, nodes: Positions, values: Weights) -> Sparse:
        """Leave out works that are not held or not visible."""
        rows = self.rows(nodes)
        kept = (rows >= 0) & self.visible[rows]
        return nodes[kept], values[kept]

    def only_citing(self, nodes: Positions, values: Weights) -> Sparse:
        """Leave out works that are not visible or whose references do not count."""
        nodes, values = self.only_visible(nodes, values)
        kept = slice(None) if self.citing is None else self.citing[nodes]
        return nodes[kept], values[kept]

    def reference_counts(self, nodes: Positions) -> npt.NDArray[np.int64]:
        """How many works each node cites, as far as the query may see."""
        return counts(self.graph.reference_ends, self.graph.references, nodes, self.cited)

    def citer_counts(self, nodes: Positions) -> npt.NDArray[np.int64]:
        """How often each node is cited, as far as the query may see."""
        return counts(self.graph.citer_ends, self.graph.citers, nodes, self.citing)

    def neighbours(self, keys: Keys, similarities: Weights, query: Query) -> Sparse:
        """The nearest texts whose citations are followed, with weights that sum to 1."""
        away = np.concatenate([query.liked, query.disliked])
        kept = ~np.isin(keys, away) & (similarities > _STRANGER)
        nodes = self.graph.positions(keys[kept][:NEAREST_TEXTS])
        weights = (similarities[kept][:NEAREST_TEXTS] - _STRANGER)[nodes >= 0]
        return nodes[nodes >= 0], (weights / max(float(weights.sum()), 1e-9)).astype(np.float32)


def _nearest(derived: Derived, query: Query, visible: Mask, wanted: int = _DENSE) -> tuple[Keys, Weights]:
    """The nearest texts of all query vectors together, nearest first: keys and similarities."""
    if not len(query.vectors) or not len(derived.index):
        return np.zeros(0, dtype=np.int64), _EMPTY
    among = None if visible.all() else np.asarray(derived.catalogue.keys[visible])
    depth = min(wanted + len(query.liked) + len(query.disliked), len(derived.index))
    keys, similarities = derived.index.search(query.vectors, depth, among=among)
    flat, values = keys.ravel(), similarities.ravel()
    held = flat >= 0
    order = np.lexsort((flat[held], -values[held]))
    flat, values = flat[held][order], values[held][order]
    _, first = np.unique(flat, return_index=True)
    first.sort()
    return flat[first], values[first]


def _citation_signals(
    view: _View, query: Query, neighbours: Positions, weights: Weights
) -> dict[Signal, Sparse]:
    """What citations say, of the nearest texts and of the seeds themselves."""
    graph = view.graph
    cited = accumulate(*gather(graph.reference_ends, graph.references, neighbours, weights))
    citing, sums = accumulate(*view.only_citing(*gather(graph.citer_ends, graph.citers, neighbours, weights)))
    # Divided by the root of the list's length: a survey that cites everything says little.
    shares = (sums / np.sqrt(np.maximum(view.reference_counts(citing), 1))).astype(np.float32)
    followed = _strongest(sums, _CITERS_FOLLOWED)
    found = {
        Signal.CITED_BY_NEIGHBOURS: view.only_visible(*cited),
        Signal.CITES_NEIGHBOURS: (citing, shares),
        Signal.CITED_WITH_NEIGHBOURS: view.only_visible(
            *accumulate(*gather(graph.reference_ends, graph.references, citing[followed], shares[followed]))
        ),
    }
    seeds = view.nodes(query.liked)
    if query.text_only or not len(seeds):
        return found
    ones = np.full(len(seeds), 1.0 / len(seeds), dtype=np.float32)
    found[Signal.CITED_BY] = view.only_visible(
        *accumulate(*gather(graph.reference_ends, graph.references, seeds, ones))
    )
    found[Signal.CITES] = view.only_visible(*accumulate(*gather(graph.citer_ends, graph.citers, seeds, ones)))
    coupled = coupling(graph, seeds, citing=view.citing)
    found[Signal.SHARED_REFERENCES] = _mean(view.only_visible(*coupled), len(seeds))
    if not query.as_of_seed:  # whoever cites a seed is newer than it
        found[Signal.CITED_TOGETHER] = _mean(view.only_visible(*cocitation(graph, seeds)), len(seeds))
    return found


def _strongest(values: Weights, most: int) -> npt.NDArray[np.int64]:
    """Positions of the `most` greatest values, ascending; of equals at the limit the first ones."""
    if len(values) <= most:
        return np.arange(len(values))
    limit = np.partition(values, len(values) - most)[len(values) - most]
    kept = values > limit
    kept[np.flatnonzero(values == limit)[: most - np.count_nonzero(kept)]] = True
    return np.flatnonzero(kept)


def _mean(found: Sparse, seeds: int) -> Sparse:
    return found[0], (found[1] / seeds).astype(np.float32)


def _word_scores(derived: Derived, telling: Telling) -> Sparse:
    """BM25 over the telling words, as a share of the most that a paper could reach."""
    rows, values = derived.words.search(telling)
    nodes = derived.row_nodes[rows]  # both ascend with the key
    return nodes[nodes >= 0], values[nodes >= 0]


def _choose(
    store: PaperReader, view: _View, query: Query, dense: Keys, sparse: dict[Signal, Sparse]
) -> Positions:
    """The union of the best of each kind of evidence, filtered."""
    passing = view.derived.catalogue.passing(query.filters)
    parts = []
    for signal, (nodes, values) in sparse.items():
        rows = view.rows(nodes)
        kept = (rows >= 0) & passing[rows]
        best = _strongest(values[kept], _WORDS if signal is Signal.WORDS else _LINKED)
        parts.append(nodes[kept][best])
    parts.append(view.nodes(dense[:_DENSE]))
    parts.append(view.nodes(_nearest_passing(store, view, query, passing)))
    nodes = np.unique(np.concatenate(parts)).astype(np.int32)
    rows = view.rows(nodes)
    nodes = nodes[(rows >= 0) & passing[rows]]
    keys = np.asarray(view.graph.keys[nodes])
    away = works_of(view.derived, np.concatenate([query.liked, query.disliked]))
    kept = ~np.isin(works_of(view.derived, keys), away)
    if query.filters.categories or query.filters.licenses:
        kept &= store.passing(keys, query.filters)
    return nodes[kept]


def _nearest_passing(store: PaperReader, view: _View, query: Query, passing: Mask) -> Keys:
    """The nearest texts among those that pass the filters; none where all do, for they are known already."""
    derived, filters = view.derived, query.filters
    by_store = bool(filters.categories or filters.licenses)
    if filters.empty or not (by_store or (view.visible & ~passing & ~derived.catalogue.withdrawn).any()):
        return np.zeros(0, dtype=np.int64)
    wanted = _DENSE
    while True:
        keys, _ = _nearest(derived, query, passing, wanted)
        kept = keys[store.passing(keys, filters)] if by_store else keys
        if len(kept) >= _DENSE or len(keys) < wanted or wanted >= _MOST_LOOKED_AT:
            return kept[:_DENSE]
        wanted *= _WIDENED


def _features(view: _View, query: Query, nodes: Positions, sparse: dict[Signal, Sparse]) -> Features:
    """The raw value of each signal for each candidate."""
    derived = view.derived
    features = np.zeros((len(nodes), len(SIGNALS)), dtype=np.float32)
    for signal, (found, values) in sparse.items():
        if len(found):
            at = np.minimum(np.searchsorted(found, nodes), len(found) - 1)
            features[:, COLUMN[signal]] = np.where(found[at] == nodes, values[at], 0.0)
    keys = np.asarray(derived.graph.keys[nodes])
    if len(query.vectors):
        close = derived.vectors.similarities(keys, query.vectors)
        features[:, COLUMN[Signal.TEXT]] = np.maximum((close.max(axis=1) + close.mean(axis=1)) / 2, 0.0)
    if len(query.disliked_vectors):
        away = derived.vectors.similarities(keys, query.disliked_vectors).max(axis=1)
        features[:, COLUMN[Signal.DISLIKED]] = np.maximum(away - 0.4, 0.0)  # below .4 texts are strangers
    _add_kinship(view, query, nodes, features)
    return features


def _add_kinship(view: _View, query: Query, nodes: Positions, features: Features) -> None:
    """Topic, category, influence and age, which need the catalogue only."""
    derived, rows = view.derived, view.rows(nodes)
    features[:, COLUMN[Signal.INFLUENCE]] = np.log1p(view.citer_counts(nodes))
    seeds = derived.catalogue.rows(query.liked)
    seeds = seeds[seeds >= 0]
    if not len(seeds):
        return
    catalogue = derived.catalogue
    years = _years(catalogue.months[rows])
    features[:, COLUMN[Signal.AGE]] = np.minimum(np.abs(years - _years(catalogue.months[seeds]).mean()), 10.0)
    known = catalogue.category[seeds]
    known = known[known != catalogue.categories.index("")]
    features[:, COLUMN[Signal.SAME_CATEGORY]] = np.isin(catalogue.category[rows], known)
    if not query.as_of_seed:  # topics are of the whole library, papers to come included
        topics = derived.row_topics[seeds]
        features[:, COLUMN[Signal.SAME_TOPIC]] = np.isin(derived.row_topics[rows], topics[topics >= 0])


def _years(months: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    return months // 100 + (months % 100) / 12.0
