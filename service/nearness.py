"""The texts nearest to a query, by meaning and by words, and the neighbours whose citations are followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.library import Derived
from indexer.tables import Keys, Vectors
from indexer.words import Telling, Weighed
from service.fusion import seed_similarity
from service.view import NO_NODES, NO_VALUES, Query, Sparse, View, strongest

NEAREST = 300  # from the index
_BY_WORDS = 200  # and from the telling words
# Cosine under which a text is no neighbour: in a small library the nearest may be of another field.
STRANGER = 0.3
_TIME = 36  # months
_SEEDS_READ = 30  # of more seeds so many, evenly chosen, have their words compared

Values = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Nearness:
    """What is near, before citations are looked at.

    `nodes` ascending, with the cosines of the embeddings and of the words and how near in time they are (1 for the
    same month, less by the factor e for each `_TIME` months); `dense` the keys of the nearest texts, nearest first;
    `by_words` BM25 over the telling words as a share of the most possible; `weighed` the word
    vectors of the query's texts.
    """

    nodes: npt.NDArray[np.int32]
    cosines: Values
    word_cosines: Values
    freshness: Values
    dense: Keys
    by_words: Sparse
    telling: Telling
    weighed: tuple[Weighed, ...]

    @classmethod
    def of(cls, view: View, query: Query) -> Nearness:
        """Search the index and the words, then compare all that either found in both ways."""
        derived = view.derived
        dense, _ = nearest_texts(derived, query, view.visible, NEAREST)
        texts = ["\n\n".join(text) for text in query.texts]
        telling = derived.words.telling(texts, least=2 if len(query.liked) else 1)
        nodes, shares = _by_words(view, telling)
        best = strongest(shares, _BY_WORDS)
        found = np.unique(np.concatenate([view.nodes(dense), nodes[best]])).astype(np.int32)
        found = found[~np.isin(derived.graph.keys[found], np.concatenate([query.liked, query.disliked]))]
        weighed = tuple(derived.words.weigh(*text) for text in evenly(query.texts))
        return cls(
            nodes=found,
            cosines=cosines(view, query, found),
            word_cosines=word_cosines(view, weighed, found),
            freshness=freshness(view, query, found),
            dense=dense,
            by_words=(nodes, shares),
            telling=telling,
            weighed=weighed,
        )

    def words_near(self, view: View, nodes: npt.NDArray[np.int32]) -> Values:
        """The cosine of words of any nodes (ascending): what is known already is not worked out again."""
        values = np.zeros(len(nodes), dtype=np.float32)
        if len(self.nodes):
            at = np.minimum(np.searchsorted(self.nodes, nodes), len(self.nodes) - 1)
            known = self.nodes[at] == nodes
            values[known] = self.word_cosines[at[known]]
        else:
            known = np.zeros(len(nodes), dtype=np.bool_)
        values[~known] = word_cosines(view, self.weighed, nodes[~known])
        return values

    def neighbours(self, kernel: Kernel, most: int) -> Sparse:
        """The `most` nodes of greatest weight, weights summing to 1; strangers are left out.

        A weight is exp(`kernel` of the two cosines and of how near in time the texts are).
        """
        kept = np.flatnonzero(self.cosines > STRANGER)
        values = kernel.of(self.cosines[kept], self.word_cosines[kept], self.freshness[kept])
        best = strongest(values, most)
        kept, values = kept[best], values[best]
        if not len(kept):
            return NO_NODES, NO_VALUES
        weights = np.exp(values - values.max())
        return self.nodes[kept], (weights / weights.sum()).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Kernel:
    """How much each kind of nearness says: exp(text * cosine + words * cosine of words + time * freshness)."""

    text: float
    words: float
    time: float

    def of(self, cosines: Values, word_cosines: Values, freshness: Values) -> Values:
        """The exponent of each."""
        total: Values = self.text * cosines + self.words * word_cosines + self.time * freshness
        return total


def nearest_texts(
    derived: Derived, query: Query, visible: npt.NDArray[np.bool_], wanted: int
) -> tuple[Keys, Values]:
    """The nearest texts of all query vectors together, nearest first: keys and similarities."""
    if not len(query.vectors) or not len(derived.index):
        return np.zeros(0, dtype=np.int64), NO_VALUES
    among = None if visible.all() else np.asarray(derived.catalogue.keys[visible])
    depth = min(wanted + len(query.liked) + len(query.disliked), len(derived.index))
    keys, similarities = derived.index.search(query.vectors, depth, among=among)
    flat, values = keys.ravel(), similarities.ravel()
    held = flat >= 0
    order = np.lexsort((flat[held], -values[held]))
    flat, values = flat[held][order], values[held][order]
    _, first = np.unique(flat, return_index=True)
    first = np.sort(first)[:depth]
    return flat[first], values[first]


def cosines(view: View, query: Query, nodes: npt.NDArray[np.int32]) -> Values:
    """How close the texts of nodes are to the query's, by their embeddings: float32 [n], 0 to 1."""
    if not len(query.vectors):
        return np.zeros(len(nodes), dtype=np.float32)
    keys = np.asarray(view.graph.keys[nodes])
    return np.maximum(seed_similarity(view.derived.vectors.similarities(keys, query.vectors)), 0.0)


def word_cosines(view: View, weighed: tuple[Weighed, ...], nodes: npt.NDArray[np.int32]) -> Values:
    """The same by their words; 0 for works that are not held."""
    rows = view.rows(nodes)
    held = np.flatnonzero(rows >= 0)
    values = np.zeros((len(nodes), len(weighed)), dtype=np.float32)
    order = held[np.argsort(rows[held], kind="stable")]
    for column, one in enumerate(weighed):
        values[order, column] = view.derived.words.cosines(one, rows[order].astype(np.int32))
    return seed_similarity(values)


def mean_vector(vectors: Vectors) -> Vectors:
    """The mean direction, float32 [width], of length 1; zeros for none."""
    if not len(vectors):
        return np.zeros(vectors.shape[1] if vectors.ndim > 1 else 0, dtype=np.float32)
    mean = vectors.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


def months_of(months: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Months since the year 0 of YYYYMM."""
    return np.asarray(
        np.asarray(months, dtype=np.int64) // 100 * 12 + np.asarray(months) % 100, dtype=np.int64
    )


def all_months(derived: Derived) -> npt.NDArray[np.int64]:
    """The month of each row of the catalogue, counted once for a generation."""
    return derived.once("months", lambda: months_of(derived.catalogue.months))


def month_of(view: View, query: Query) -> int:
    """The month, since the year 0, that the query is of: its newest seed's, for a text the library's last."""
    if query.month is not None:
        return int(months_of(np.array([query.month]))[0])
    return view.derived.once("last month", lambda: int(all_months(view.derived).max(initial=0)))


def freshness(view: View, query: Query, nodes: npt.NDArray[np.int32]) -> Values:
    """How near in time nodes are: 1 in the query's month, float32 [n]."""
    apart = np.abs(all_months(view.derived)[view.rows(nodes)] - month_of(view, query))
    return np.exp(-apart / _TIME).astype(np.float32)


def _by_words(view: View, telling: Telling) -> Sparse:
    """BM25 over the telling words, of the papers that the query may see."""
    rows, values = view.derived.words.search(telling)
    nodes = view.derived.row_nodes[rows]  # both ascend with the key
    return view.only_visible(nodes[nodes >= 0], values[nodes >= 0])


def evenly(texts: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Those of many seeds that are read: all of few, else so many of the first to the last."""
    if len(texts) <= _SEEDS_READ:
        return list(texts)
    return [texts[at] for at in np.linspace(0, len(texts) - 1, _SEEDS_READ).astype(int).tolist()]
