"""Queries as `related` makes them, on small libraries of which citations are told by number of paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from indexer.citations import build_graph
from indexer.library import Derived, Library, open_library
from indexer.papers import Citation, Paper, PaperId
from indexer.tables import Edges, Filters, Keys, Vectors
from service.candidates import find_candidates
from service.ranking import AT, FEATURES
from service.view import Query
from tests.builders import a_paper, an_id
from tests.libraries import build, ids_of, settings_in
from tests.toy_embedder import ToyEmbedder

Pair = tuple[int, int]


@contextmanager
def numbered_library(
    folder: Path, papers: Sequence[Paper], citations: Sequence[Pair] = ()
) -> Iterator[Library]:
    """A library of papers and of citations given by number of paper; numbers beyond 500 are not held."""
    ids = {int(paper.id.value[-5:]): paper.id for paper in papers}
    settings = settings_in(folder)
    edges = [Citation(*(ids.get(number, an_id(number)) for number in edge)) for edge in citations]
    embedder = build(settings, papers, edges)
    with open_library(settings, embedder=embedder) as library:
        yield library


def query_for(library: Library, *liked: Paper, disliked: Sequence[Paper] = (), **fields: object) -> Query:
    """A query as `related` makes it; `fields` replaces some."""
    values: dict[str, object] = {
        "liked": keys_of(library, liked),
        "disliked": keys_of(library, disliked),
        "vectors": vectors_of(liked),
        "disliked_vectors": vectors_of(disliked),
        "texts": tuple((paper.title, paper.abstract) for paper in liked),
        "filters": Filters(),
        "month": max((paper.id.month for paper in liked), default=None),
    }
    return Query(**(values | fields))  # type: ignore[arg-type]  # the test names real fields


def keys_of(library: Library, papers: Sequence[Paper]) -> Keys:
    """The keys of papers, in their order."""
    keys = library.store.keys(ids_of(papers))
    return np.array([keys[paper.id] for paper in papers], dtype=np.int64)


def vectors_of(papers: Sequence[Paper]) -> Vectors:
    """Their vectors."""
    return ToyEmbedder().embed([paper.text for paper in papers])


def features_by_id(
    library: Library, query: Query, derived: Derived | None = None
) -> dict[PaperId, dict[str, float]]:
    """The features of each candidate that are not zero, by name."""
    found = find_candidates(library.store, derived or library.derived(), query)
    ids = library.store.ids(found.keys.tolist())
    return {
        ids[key]: {name: row[AT[name]] for name in FEATURES if row[AT[name]]}
        for key, row in zip(found.keys.tolist(), found.features.tolist(), strict=True)
    }


def with_citations(derived: Derived, edges: Sequence[Pair]) -> Derived:
    """The same papers with other citations, given by key; all else stays as it is."""
    pairs = np.array(sorted(set(edges)), dtype=np.int64).reshape(-1, 2)
    graph = build_graph(Edges(pairs[:, 0], pairs[:, 1]), np.asarray(derived.catalogue.keys))
    return replace(
        derived,
        graph=graph,
        node_rows=derived.catalogue.rows(graph.keys),
        row_nodes=graph.positions(np.asarray(derived.catalogue.keys)),
        memo={},
    )


def plain(number: int, words: str, *, month: int = 2401, **fields: object) -> Paper:
    """A paper of which the title says all."""
    return a_paper(number, month=month, title=words, abstract="", **fields)
