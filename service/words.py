"""The words of a text that tell it from others: what full-text search is asked for."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from indexer.ports import PaperReader

_WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
# Grammar, and what any abstract says of itself: found everywhere, such words cost time and tell nothing.
_STOP = frozenset(
    """
    a about above after again all also an and any are as at be because been being below between both but by can could
    did do does doing down during each few for from further had has have having he her here his how however i if in
    into is it its itself just may me more most my no nor not of off on once only or other our out over own per same
    she should so some such than that the their them then there these they this those though through thus to too under
    until up upon very was we were what when where which while who whom why will with within without would you your
    paper propose proposed show shows results result using based approach method methods novel new
    """.split()
)

_COMMON = 0.03  # share of the papers; up to here ranking is as good, and search takes half the time
_FEW = 50  # papers: in a small library any word may be telling


def words_of(text: str) -> Counter[str]:
    """The words of a text, folded to lower case, without the commonest, with their counts."""
    found = (match[0].lower() for match in _WORD.finditer(text))
    return Counter(word for word in found if word not in _STOP and len(word) > 1)


def telling_words(
    store: PaperReader, texts: Iterable[str], papers: int, *, most: int = 8
) -> dict[str, float]:
    """The `most` words with the greatest tf-idf and their idf (BM25's), greatest first.

    Counts beyond 3 say no more, only words that the library knows can be found, and words of more than 3 %
    of its `papers` (those of the generation, which the store may have outgrown) are left out: full text scores
    every paper that has one.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words_of(text))
    frequencies = store.document_frequencies(list(counts))
    idf = {
        word: math.log1p((max(papers - known, 0) + 0.5) / (known + 0.5))
        for word in counts
        if 0 < (known := frequencies.get(word, 0)) <= max(_COMMON * papers, _FEW)
    }
    ranked = sorted(idf, key=lambda word: (-min(counts[word], 3) * idf[word], word))
    return {word: idf[word] for word in ranked[:most]}
