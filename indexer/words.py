"""The words of titles and abstracts as an inverted index in arrays: what two papers have to say in common.

Full text search by people goes through the store. This index answers one question, for each query of the service
and in a fraction of a millisecond: which papers share the telling words of a text, and how much (BM25, Robertson
and Zaragoza 2009). It knows only words that not more than 3 % of the papers have.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.arrays import map_array, save_array

Rows = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]

COMMON = 0.03  # share of the papers; with commoner words ranking was no better
FEW = 50  # papers: in a small library any word may be telling
TITLE = 2.5  # a word of the title counts as so many of the abstract
K1, B = 1.2, 0.75

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


def words_of(text: str) -> Counter[str]:
    """The words of a text, in lower case, without the commonest, with their counts."""
    found = (match[0].lower() for match in _WORD.finditer(text))
    return Counter(word for word in found if word not in _STOP and len(word) > 1)


def stem(word: str) -> str:
    """The word without accents and without the s of a plural; "loss" and "gas" have none."""
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@dataclass(frozen=True, slots=True)
class Telling:
    """Words that tell a text from others, the most telling first: as written, and their terms in the index."""

    words: tuple[str, ...]
    terms: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WordIndex:
    """For each term the papers that have it, as rows of the catalogue.

    `hashes` uint64 [t] ascending name the terms (64 bits of their BLAKE2); the papers of term i are
    `rows[ends[i]:ends[i+1]]` (int32, ascending) with `scores` (float32, what the term adds to BM25); `idf`
    float32 [t].
    """

    hashes: npt.NDArray[np.uint64]
    ends: npt.NDArray[np.int64]
    rows: Rows
    scores: Scores
    idf: Scores

    def telling(self, texts: Iterable[str], *, most: int = 8, least: int = 1) -> Telling:
        """The `most` words with the greatest tf-idf over all texts; counts beyond 3 say no more.

        Words that fewer than `least` papers have are left out: of a text that is itself in the library, a word
        that nobody else uses finds nothing.
        """
        counts: Counter[str] = Counter()
        written: dict[str, str] = {}
        for text in texts:
            for word, count in words_of(text).items():
                counts[written.setdefault(stem(word), word)] += count
        if not counts or not len(self.hashes):
            return Telling((), np.zeros(0, dtype=np.int64))
        words = list(counts)
        hashes = np.array([_hash(stem(word)) for word in words], dtype=np.uint64)
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        weights = np.minimum([counts[word] for word in words], 3) * self.idf[at]
        weights[(self.hashes[at] != hashes) | (self.ends[at + 1] - self.ends[at] < least)] = 0.0
        best = np.lexsort((np.array(words), -weights))[:most]
        best = best[weights[best] > 0]
        return Telling(tuple(words[place] for place in best.tolist()), at[best])

    def search(self, telling: Telling) -> tuple[Rows, Scores]:
        """Papers that have any of the words: rows ascending, and BM25 as a share of the most that it could be."""
        spans = [slice(self.ends[term], self.ends[term + 1]) for term in telling.terms.tolist()]
        if not spans:
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
        found, inverse = np.unique(np.concatenate([self.rows[span] for span in spans]), return_inverse=True)
        sums = np.bincount(inverse, weights=np.concatenate([self.scores[span] for span in spans]))
        bound = (K1 + 1) * float(self.idf[telling.terms].sum())
        return found, (sums / bound).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write one `words-*.npy` for each array."""
        for field in fields(self):
            save_array(folder / f"words-{field.name}.npy", getattr(self, field.name))

    @classmethod
    def load(cls, folder: Path) -> WordIndex:
        """Map the files that `save` wrote."""
        return cls(*(map_array(folder / f"words-{field.name}.npy") for field in fields(cls)))


def index_words(titles: Sequence[str], abstracts: Sequence[str]) -> WordIndex:
    """The index of papers in the order of their rows; the same whatever order their words were met in."""
    terms, rows, counts, lengths = _postings(titles, abstracts)
    hashes, names = np.unique(terms, return_inverse=True)
    papers = len(lengths)
    known = np.bincount(names, minlength=len(hashes))
    kept = known <= max(COMMON * papers, FEW)
    order = np.lexsort((rows, names))
    order = order[kept[names[order]]]
    idf = np.log1p((papers - known + 0.5) / (known + 0.5))
    relative = 1 - B + B * lengths / max(float(lengths.mean()) if papers else 0.0, 1.0)
    tf = counts[order]
    scores = idf[names[order]] * tf * (K1 + 1) / (tf + K1 * relative[rows[order]])
    return WordIndex(
        hashes=hashes[kept],
        ends=np.concatenate([[0], np.cumsum(known[kept])]).astype(np.int64),
        rows=rows[order],
        scores=scores.astype(np.float32),
        idf=idf[kept].astype(np.float32),
    )


def _postings(
    titles: Sequence[str], abstracts: Sequence[str]
) -> tuple[npt.NDArray[np.uint64], Rows, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Term, row and weighted count of each word of each paper, and how many words each paper has."""
    terms, rows, counts = array("Q"), array("i"), array("d")
    lengths = np.zeros(len(titles))
    hashed: dict[str, int] = {}
    for row, (title, abstract) in enumerate(zip(titles, abstracts, strict=True)):
        weights: defaultdict[str, float] = defaultdict(float)
        for text, weight in ((title, TITLE), (abstract, 1.0)):
            for word, count in words_of(text).items():
                weights[stem(word)] += weight * count
                lengths[row] += count
        for term, weighted in weights.items():
            if term not in hashed:
                hashed[term] = _hash(term)
            terms.append(hashed[term])
            rows.append(row)
            counts.append(weighted)
    return (
        np.frombuffer(terms, dtype=np.uint64) if terms else np.zeros(0, dtype=np.uint64),
        np.frombuffer(rows, dtype=np.int32) if rows else np.zeros(0, dtype=np.int32),
        np.frombuffer(counts, dtype=np.float64) if counts else np.zeros(0),
        lengths,
    )


def _hash(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=8).digest(), "little")
