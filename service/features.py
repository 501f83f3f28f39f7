"""The raw value of every feature for each candidate."""

from __future__ import annotations

import numpy as np

from indexer.citations import Positions
from service.evidence import Evidence
from service.fusion import seed_similarity
from service.nearness import Nearness, Values, all_months, mean_vector, month_of
from service.ranking import AT, NAMES, PLACED, Features
from service.view import Query, View

_RECENT = 24  # months
_MOST_CITERS = 2_000  # looked at for one candidate
_BEST = 25  # first results whose mean stands for what is looked for
_TWENTIETH = 20
_REFERENCES_READ = 200


def compute_features(
    view: View, query: Query, near: Nearness, evidence: Evidence, nodes: Positions
) -> Features:
    """float32 [n, len(FEATURES)] of the candidates `nodes` (ascending), in the order of `FEATURES`."""
    columns: dict[str, Values] = {name: _at(nodes, *kind) for name, kind in evidence.sparse.items()}
    vectors = view.derived.vectors
    keys = np.asarray(view.graph.keys[nodes])
    rows = vectors.matrix(keys)
    close = np.zeros(len(nodes), dtype=np.float32)
    if len(query.vectors):
        close = np.maximum(seed_similarity(rows @ query.vectors.T), 0.0)
    columns["cosine"] = close
    columns["closeness"] = close - _nth(close, _TWENTIETH)
    columns["word cosine"] = near.words_near(view, nodes)
    columns["telling words"] = _at(nodes, *near.by_words)
    columns["citing texts"] = _citing_texts(view, query, nodes)
    columns |= _standing(view, query, nodes)
    columns |= _kinship(view, query, nodes)
    if len(evidence.references):
        cited = view.graph.keys[evidence.references[-_REFERENCES_READ:]]
        centre = mean_vector(vectors.rows_of(cited))
        columns["near references"] = np.maximum(rows @ centre, 0.0)
    if len(query.disliked_vectors):
        away = (rows @ query.disliked_vectors.T).max(axis=1)
        columns["disliked"] = np.maximum(away - 0.4, 0.0)  # below .4 texts are strangers
    if len(nodes):
        best = np.argsort(-_first_pass(columns, len(nodes)), kind="stable")[:_BEST]
        centre = mean_vector(rows[best][rows[best].any(axis=1)])
        columns["near best"] = np.maximum(rows @ centre, 0.0)
    for name in PLACED:
        columns[f"place: {name}"] = _places(columns.get(name, np.zeros(len(nodes), dtype=np.float32)))
    features = np.zeros((len(nodes), len(NAMES)), dtype=np.float32)
    for name, values in columns.items():
        features[:, AT[name]] = values
    return features


def _first_pass(columns: dict[str, Values], count: int) -> Values:
    """A rough order, good enough to tell what the first results have in common: the linear model of old."""
    zero = np.zeros(count, dtype=np.float32)
    return np.asarray(
        6 * np.sqrt(columns.get("cited by nearest", zero))
        + 3 * np.sqrt(columns.get("cited by coupled", zero))
        + 4.4 * columns["cosine"]
        + 4 * columns["word cosine"]
        + 0.28 * columns["citers"],
        dtype=np.float32,
    )


def _at(nodes: Positions, found: Positions, values: Values) -> Values:
    """The values of nodes, 0 for those without one; both ascending."""
    if not len(found):
        return np.zeros(len(nodes), dtype=np.float32)
    at = np.minimum(np.searchsorted(found, nodes), len(found) - 1)
    return np.where(found[at] == nodes, values[at], 0.0).astype(np.float32)


def _places(values: Values) -> Values:
    """1 / sqrt(3 + place) for each value above 0, 0 for the others: what a rank says, whatever the scale.

    Equals have one place, as many as are better: else of two equal papers one would be more relevant.
    """
    places = len(values) - np.searchsorted(np.sort(values), values, side="right")
    return np.where(values > 0, 1 / np.sqrt(3 + places), 0.0).astype(np.float32)


def _nth(values: Values, n: int) -> float:
    """The n-th greatest value, or the least of fewer."""
    if not len(values):
        return 0.0
    place = max(len(values) - n, 0)
    return float(np.partition(values, place)[place])


def _citing_texts(view: View, query: Query, nodes: Positions) -> Values:
    """How much texts like the query's cite each candidate, as the profiles of its citers foresee (see there)."""
    derived, rows = view.derived, view.rows(nodes)
    taught = _taught(view, query)
    alone = len(query.texts) == 1 and len(taught) == 1
    later = query.as_of_seed  # the profiles know papers to come
    told = query.text_only and len(taught) and not alone  # of one text alone its own can be taken away
    if later or told or not len(query.vectors) or not query.texts:
        return np.zeros(len(nodes), dtype=np.float32)
    words = [derived.word_space.vector(*text) for text in query.texts]
    asked = derived.profiles.query(query.vectors.mean(axis=0), np.mean(words, axis=0))
    if not alone:
        return derived.profiles.scores(rows, asked)
    references = view.graph.references_of(int(taught[0]))
    return derived.profiles.scores_without(rows, asked, np.isin(nodes, references), len(references))


def _taught(view: View, query: Query) -> Positions:
    """The seeds whose references the profiles were learned from."""
    seeds = view.nodes(query.liked)
    return seeds[(view.rows(seeds) >= 0) & (view.graph.reference_counts(seeds) > 0)]


def _standing(view: View, query: Query, nodes: Positions) -> dict[str, Values]:
    """How often a candidate is cited, and how much of that is recent, as seen in the query's month."""
    citers = view.citer_counts(nodes)
    now = month_of(view, query)
    graph = view.graph
    starts = graph.citer_ends[nodes]
    lengths = np.minimum(graph.citer_ends[nodes + 1] - starts, _MOST_CITERS)
    owners = np.repeat(np.arange(len(nodes)), lengths)
    shifts = np.repeat(graph.citer_ends[nodes + 1] - np.cumsum(lengths), lengths)
    entries = graph.citers[np.arange(int(lengths.sum())) + shifts]
    rows = view.rows(entries)
    when = all_months(view.derived)[np.maximum(rows, 0)]
    recent = (rows >= 0) & (when > now - _RECENT) & (when <= now)
    if view.citing is not None:
        recent &= view.citing[entries]
    lately = np.bincount(owners[recent], minlength=len(nodes))
    return {
        "citers": np.log1p(citers).astype(np.float32),
        "recent citers": np.log1p(lately).astype(np.float32),
        "recent share": (lately / np.maximum(np.minimum(citers, _MOST_CITERS), 1)).astype(np.float32),
    }


def _kinship(view: View, query: Query, nodes: Positions) -> dict[str, Values]:
    """Topic, category and age, which need the catalogue only."""
    derived, rows = view.derived, view.rows(nodes)
    catalogue = derived.catalogue
    seeds = catalogue.rows(query.liked)
    seeds = seeds[seeds >= 0]
    if not len(seeds):
        return {}
    years = all_months(derived)[rows] / 12
    found = {"age": (float(all_months(derived)[seeds].mean()) / 12 - years).astype(np.float32)}
    known = catalogue.category[seeds]
    known = known[known != catalogue.categories.index("")]
    found["category"] = np.isin(catalogue.category[rows], known).astype(np.float32)
    if not query.as_of_seed:  # topics are of the whole library, papers to come included
        topics = derived.row_topics[seeds]
        found["topic"] = np.isin(derived.row_topics[rows], topics[topics >= 0]).astype(np.float32)
    return found
