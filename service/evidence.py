"""What citations and authors say of a query: sparse values over the graph, before candidates are chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer.citations import Positions, Weights, accumulate, cocitation, coupling_by, gather, local_rank
from service.nearness import Kernel, Nearness, cosines, freshness
from service.view import NO_NODES, NO_VALUES, Query, Sparse, View, strongest

NEAREST_TEXTS = 50  # whose citations are followed
_AROUND = 150
# A Poisson regression of the references that two papers share gives 4.2, 3.4 and .8; three times as sharp ranks
# best (nDCG@20 of what the neighbours cite, alone: .550, as against .526 by the sum of both cosines).
_ALIKE = Kernel(12.6, 10.2, 2.4)
_VERY_ALIKE = Kernel(25.0, 20.0, 2.4)
_LOOSELY_ALIKE = Kernel(8.4, 6.8, 1.6)
_IN_MEANING = Kernel(20.0, 0.0, 2.4)
_IN_WORDS = Kernel(0.0, 16.0, 2.4)
_CITERS_FOLLOWED = 200  # of the works that cite the nearest texts, whose other references are looked at
_COUPLED = 300  # works that share references with the seeds, whose other references are looked at
_BY_AUTHORS = 200
_MOST_REFERENCES = 5_000  # of all seeds together


@dataclass(frozen=True, slots=True)
class Evidence:
    """`sparse` values by the name of the feature that they are; `references` of the seeds, and what is `coupled`.

    Neighbours and what is coupled come strongest first, as reasons name them.
    """

    sparse: dict[str, Sparse]
    neighbours: Positions
    neighbour_weights: Weights
    coupled: Positions
    references: Positions


def gather_evidence(view: View, query: Query, near: Nearness) -> Evidence:
    """What citations say of the nearest texts and of the seeds themselves, and what the seeds' authors wrote."""
    neighbours, weights = near.neighbours(_ALIKE, NEAREST_TEXTS)
    kinds = {
        "cited by nearest": (neighbours, weights),
        "cited by closest": near.neighbours(_VERY_ALIKE, NEAREST_TEXTS),
        "cited by nearest in meaning": near.neighbours(_IN_MEANING, NEAREST_TEXTS),
        "cited by nearest in words": near.neighbours(_IN_WORDS, NEAREST_TEXTS),
        "cited around": near.neighbours(_LOOSELY_ALIKE, _AROUND),
    }
    sparse = {name: view.only_visible(*_cited(view, *kind)) for name, kind in kinds.items()}
    sparse |= _around(view, neighbours, weights)
    references = _references(view, query)
    of_seeds, coupled = _of_seeds(view, query, references)
    start = accumulate(
        np.concatenate([neighbours, references]),
        np.concatenate([weights, np.full(len(references), 1 / max(len(references), 1), np.float32)]),
    )
    sparse["walk"] = view.only_visible(*local_rank(view.graph, *start, citing=view.citing, cited=view.cited))
    nearest = np.argsort(-weights, kind="stable")
    return Evidence(
        sparse=sparse | of_seeds | _by_authors(view, query),
        neighbours=neighbours[nearest],
        neighbour_weights=weights[nearest],
        coupled=coupled,
        references=references,
    )


def _cited(view: View, nodes: Positions, weights: Weights) -> Sparse:
    """What these works cite, with their weights summed."""
    return accumulate(*gather(view.graph.reference_ends, view.graph.references, nodes, weights))


def _around(view: View, neighbours: Positions, weights: Weights) -> dict[str, Sparse]:
    """What cites the nearest texts, and what is cited together with them."""
    graph = view.graph
    citing, sums = accumulate(*view.only_citing(*gather(graph.citer_ends, graph.citers, neighbours, weights)))
    # Divided by the root of the list's length: a survey that cites everything says little.
    shares = (sums / np.sqrt(np.maximum(view.reference_counts(citing), 1))).astype(np.float32)
    followed = strongest(sums, _CITERS_FOLLOWED)
    return {
        "cites nearest": (citing, shares),
        "cited with nearest": view.only_visible(*_cited(view, citing[followed], shares[followed])),
    }


def _references(view: View, query: Query) -> Positions:
    """What the seeds cite, as far as it is evidence: works of the graph, ascending."""
    found = [query.known]
    if not query.text_only:
        seeds = view.nodes(query.liked)
        graph = view.graph
        found.append(
            gather(graph.reference_ends, graph.references, seeds, np.ones(len(seeds), np.float32))[0]
        )
    return np.unique(np.concatenate(found)).astype(np.int32)[:_MOST_REFERENCES]


def _of_seeds(view: View, query: Query, references: Positions) -> tuple[dict[str, Sparse], Positions]:
    """What the citations of the seeds themselves say, and which works share references with them."""
    graph, found, coupled = view.graph, {}, NO_NODES
    seeds = NO_NODES if query.text_only else view.nodes(query.liked)
    if len(references):
        kin, shares = view.only_citing(*coupling_by(graph, references, citing=view.citing, cited=view.cited))
        found["shared references"] = (kin, shares)
        away = np.isin(graph.keys[kin], query.liked)
        best = strongest(np.where(away, 0, shares), _COUPLED)
        best = best[~away[best] & (shares[best] > 0)]
        coupled = kin[best]
        weights = _kinship(view, query, coupled, shares[best])
        found["cited by coupled"] = view.only_visible(*_cited(view, coupled, weights))
        coupled = coupled[np.argsort(-weights, kind="stable")]
    if len(seeds):
        ones = np.full(len(seeds), 1.0 / len(seeds), dtype=np.float32)
        found["cited by"] = view.only_visible(*_cited(view, seeds, ones))
        citing = accumulate(*gather(graph.citer_ends, graph.citers, seeds, ones))
        found["cites"] = view.only_visible(*citing)
        if not query.as_of_seed:  # whoever cites a seed is newer than it
            nodes, values = view.only_visible(*cocitation(graph, seeds))
            found["cited together"] = (nodes, (values / len(seeds)).astype(np.float32))
    return found, coupled


def _kinship(view: View, query: Query, nodes: Positions, shares: Weights) -> Weights:
    """Weights, summing to 1, of works that share references with the seeds: alike in these, in text and in time.

    Of half of their references known, what such works cite ranks .481 alone, and .447 without text and time.
    """
    if not len(nodes):
        return NO_VALUES
    alike = 8 * cosines(view, query, nodes) + 2.4 * freshness(view, query, nodes)
    values = alike + 3 * np.log(shares / shares.max() + 1e-3)
    weights: Weights = np.exp(values - values.max())
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def _by_authors(view: View, query: Query) -> dict[str, Sparse]:
    """What the seeds' authors wrote, with how telling the authors in common are."""
    rows = view.derived.catalogue.rows(query.liked)
    rows = rows[rows >= 0].astype(np.int32)
    if not len(rows):
        return {}
    theirs = np.unique(view.derived.authors.works_of_authors(rows, _BY_AUTHORS))
    if not len(theirs):
        return {"authors": (NO_NODES, NO_VALUES)}
    nodes = view.derived.row_nodes[theirs]
    return {"authors": view.only_visible(nodes, view.derived.authors.shared(rows, theirs))}
