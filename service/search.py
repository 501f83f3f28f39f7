"""Full-text search: the words that people type, matched by BM25 over title, abstract and authors."""

from __future__ import annotations

import re

from indexer.library import Library
from indexer.papers import InvalidPaperId, PaperId
from indexer.plain_text import readable, sentences
from indexer.ports import Filters
from service.answers import Found, SearchAnswer
from service.scores import scores_of
from service.words import words_of

LONGEST_QUERY = 1_000  # characters; more is a text, which `related` is made for
_QUOTED = re.compile(r'"([^"]+)"')


def search(
    library: Library, text: str, filters: Filters | None = None, *, limit: int = 20, offset: int = 0
) -> SearchAnswer:
    """Papers that have every word (a phrase in double quotes counts as one), or, if there are none, some of them.

    A text that is an arXiv id finds that paper.
    """
    derived = library.derived()
    wanted = filters or Filters()
    terms = _terms(text)
    total = library.store.count_matches(terms, wanted, every_word=True)
    hits = library.store.search(terms, wanted, limit=limit, offset=offset, every_word=total > 0)
    keys, scores = hits.keys.tolist(), hits.scores.tolist()
    if (named := _by_id(library, text)) is not None and not offset:
        keys, scores, total = [named], [0.0], 1
    papers = library.store.papers(keys)
    rows = derived.catalogue.rows(hits.keys if len(keys) == len(hits.keys) else hits.keys[:0])
    standing = scores_of(derived)
    found = []
    for at, key in enumerate(keys):
        row = int(rows[at]) if at < len(rows) and key == int(hits.keys[at]) else -1
        found.append(
            Found(
                paper=papers[key],
                score=float(standing[row]) if row >= 0 else 50.0,
                relevance=scores[at],
                snippet=_snippet(papers[key].abstract, terms),
            )
        )
    return SearchAnswer(text, tuple(found), total, derived.generation.number)


def _terms(text: str) -> list[str]:
    """Words and quoted phrases; grammar words are left out unless there is nothing else."""
    cut = text[:LONGEST_QUERY]
    phrases = [phrase.strip() for phrase in _QUOTED.findall(cut) if phrase.strip()]
    rest = _QUOTED.sub(" ", cut)
    return phrases + (list(words_of(rest)) or ([] if phrases else rest.split()))


def _by_id(library: Library, text: str) -> int | None:
    try:
        paper_id = PaperId.parse(text)
    except InvalidPaperId:
        return None
    return library.store.keys([paper_id]).get(paper_id)


def _snippet(abstract: str, terms: list[str]) -> str:
    """The sentence of the abstract that has most of the terms; the first among equals."""
    return max(
        sentences(readable(abstract)),
        key=lambda sentence: sum(term.lower() in sentence.lower() for term in terms),
        default="",
    )
