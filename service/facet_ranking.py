"""Ranking by one facet: the best candidates' sentences of that role compared with the seeds'."""

from __future__ import annotations

import numpy as np

from indexer.library import Library
from service import fusion
from service.answers import Facet, Signal
from service.candidates import Candidates
from service.facets import MOST_COMPARED, FacetVectors
from service.fusion import facet_of_all, seed_similarity
from service.ranking import AT, COLUMN, Additive, Features


def compare_facets(
    library: Library,
    model: Additive,
    candidates: Candidates,
    parts: Features,
    seeds: list[tuple[str, str]],
    facet: Facet,
) -> Features:
    """The contributions with the facet's: half of what texts say is said by the facet, half of the words by nothing.

    `seeds` are titles and abstracts. Only the first `MOST_COMPARED` are compared, the facet of the others is guessed.
    """
    first = np.sort(np.argsort(-model.relevance(parts), kind="stable")[:MOST_COMPARED])
    keys = candidates.keys[first].tolist()
    papers = library.store.papers(keys)
    vectors = library.derived().once("facets", lambda: FacetVectors(library.embedder()))
    texts = [(papers[key].title, papers[key].abstract) for key in keys]
    near = seed_similarity(vectors.cosines(texts, seeds, facet))
    changed = parts.copy()
    changed[:, COLUMN[Signal.WORDS]] /= 2
    all_near = facet_of_all(candidates.features[:, AT["cosine"]], first, near)
    changed[:, COLUMN[Signal.FACET]] = fusion.TEXT * (all_near - candidates.features[:, AT["cosine"]]) / 2
    candidates.features[:, AT["facet"]] = all_near
    return changed
