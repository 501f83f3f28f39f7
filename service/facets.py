"""Facets: papers compared by what their abstracts say of one thing, the background, the method or the result.

What is compared is a text of the title and the sentences of that role, encoded anew for the seeds and for the best
candidates alone: vectors of parts of papers are not kept in the library.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np

from indexer.plain_text import readable
from indexer.ports import Embedder
from indexer.tables import Vectors
from service.answers import Facet
from service.roles import Role, roles

MOST_COMPARED = 50  # candidates encoded for a query, the first by relevance: a hundred ranked no better
_KEPT = 8_192  # vectors of facets kept in memory, about 12 MB

Text = tuple[str, str]  # title and abstract

# What a paper sets out to do belongs to what it starts from: counted as method it ranked no better.
ROLES: dict[Facet, frozenset[Role]] = {
    Facet.BACKGROUND: frozenset({Role.BACKGROUND, Role.OBJECTIVE}),
    Facet.METHOD: frozenset({Role.METHOD}),
    Facet.RESULT: frozenset({Role.RESULT}),
}


def facet_text(title: str, abstract: str, facet: Facet) -> str:
    """The title and the sentences of that role; the whole text where the abstract has none of it."""
    told = " ".join(sentence for sentence, role in roles(abstract) if role in ROLES[facet])
    return f"{readable(title)}\n\n{told or readable(abstract)}".strip() or "?"  # a vector of nothing is none


class FacetVectors:
    """The vectors of facets, by one embedder; those used last are kept. Safe to use from several threads."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._kept: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = Lock()

    def cosines(self, candidates: Sequence[Text], seeds: Sequence[Text], facet: Facet) -> Vectors:
        """How close each candidate is to each seed in that facet: float32 [candidates, seeds], -1 to 1.

        Encodes what is not kept, up to some hundredths of a second for each paper on a processor: the caller gives
        no more than `MOST_COMPARED` candidates.
        """
        texts = [facet_text(*text, facet) for text in (*candidates, *seeds)]
        if not candidates or not seeds:
            return np.zeros((len(candidates), len(seeds)), dtype=np.float32)
        vectors = self._vectors(texts)
        near: Vectors = vectors[: len(candidates)] @ vectors[len(candidates) :].T
        return near

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            known = {text: self._kept[text] for text in texts if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, self._embedder.embed(missing), strict=True))
        with self._lock:
            for text in texts:
                self._kept[text] = known[text]
                self._kept.move_to_end(text)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return np.stack([known[text] for text in texts])
