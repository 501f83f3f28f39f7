"""Full-text search: the words that people type, matched by BM25 over title, abstract and authors."""

from __future__ import annotations

import re

import numpy as np

from indexer.errors import InvalidPaperId
from indexer.library import Derived, Library
from indexer.papers import PaperId
from indexer.plain_text import readable, sentences
from indexer.tables import Filters, Hits, Keys
from indexer.words import words_of
from service.answers import Found, SearchAnswer
from service.scores import scores_of
from service.works import first_of_each, is_shared, works_of

LONGEST_QUERY = 1_000  # characters; more is a text, which `related` is made for
_QUOTED = re.compile(r'"([^"]+)"')
_LAST_WORD = re.compile(r"\S+$")


def search(
    library: Library, text: str, filters: Filters | None = None, *, limit: int = 20, offset: int = 0
) -> SearchAnswer:
    """Papers that have every word (a phrase in double quotes counts as one), or, if there are none, some of them.

    Of several records of one work the best alone is found, on whatever page: a page may have fewer than `limit`. A
    text that is the id of a paper held finds that paper alone, whatever the filters.
    """
    derived = library.derived()
    terms = _terms(text)
    named = _by_id(library, text)
    if named is None:
        total = library.store.count_matches(terms, filters, every_word=True)
        hits = library.store.search(terms, filters, limit=limit, offset=offset, every_word=total > 0)
        if is_shared(derived, hits.keys):  # what comes before this page may have a better record
            hits = library.store.search(terms, filters, limit=offset + limit, every_word=total > 0)
            best = first_of_each(works_of(derived, hits.keys))[offset:]
            hits = Hits(hits.keys[offset:][best], hits.scores[offset:][best])
    else:
        total = len(named.keys)
        hits = Hits(named.keys[offset : offset + limit], named.scores[offset : offset + limit])
    keys = hits.keys.tolist()
    papers = library.store.papers(keys)
    found = tuple(
        Found(papers[key], score, relevance, _snippet(papers[key].abstract, terms))
        for key, relevance, score in zip(
            keys, hits.scores.tolist(), _standing(derived, hits.keys), strict=True
        )
    )
    return SearchAnswer(text, found, total, derived.generation.number)


def _standing(derived: Derived, keys: Keys) -> list[float]:
    """The scores of papers, 50 (the middle) for those newer than the generation."""
    rows = derived.catalogue.rows(keys)
    standing = np.full(len(keys), 50.0)
    standing[rows >= 0] = scores_of(derived)[rows[rows >= 0]]
    found: list[float] = standing.tolist()
    return found


def _terms(text: str) -> list[str]:
    """Words and quoted phrases; grammar words are left out unless there is nothing else."""
    cut = text
    if len(text) > LONGEST_QUERY:  # no word is searched for by its half
        cut = _LAST_WORD.sub("", text[: LONGEST_QUERY + 1])
    phrases = [phrase.strip() for phrase in _QUOTED.findall(cut) if phrase.strip()]
    rest = _QUOTED.sub(" ", cut)
    return phrases + (list(words_of(rest)) or ([] if phrases else rest.split()))


def _by_id(library: Library, text: str) -> Hits | None:
    """The one paper whose id the text is; None if it is not the id of a paper held."""
    try:
        paper_id = PaperId.parse(text)
    except InvalidPaperId:
        return None
    key = library.store.keys([paper_id]).get(paper_id)
    return None if key is None else Hits(np.array([key], dtype=np.int64), np.zeros(1, dtype=np.float32))


def _snippet(abstract: str, terms: list[str]) -> str:
    """The sentence of the abstract that has most of the terms; the first among equals."""
    return max(
        sentences(readable(abstract)),
        key=lambda sentence: sum(term.lower() in sentence.lower() for term in terms),
        default="",
    )
