"""The words of titles and abstracts as an inverted index in arrays: what two papers have to say in common.

Full text search by people goes through the store. This index answers two questions, for each query of the service
and in about a millisecond: which papers share the telling words of a text, and how much (BM25, Robertson and
Zaragoza 2009), and how close given papers are to a text by all of its words (the cosine of BM25 vectors).
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

COMMON = 0.3  # share of the papers; commoner words made the cosine no better
TELLING = 0.03  # share of the papers; commoner words find too many papers to tell any
FEW = 50  # papers: in a small library any word may be telling
TITLE = 2.5  # a word of the title counts as so many of the abstract
K1, B = 1.2, 0.75
_READ, _CALL = (
    8,
    200,
)  # reading 8 postings takes as long as looking up one row, calling a lookup as long as 200
_TINY = 1e-6

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


def terms_of(text: str) -> Counter[str]:
    """The stems of a text with their counts; "tnf-alpha" is also "tnf" and "alpha", for some write it so."""
    found: Counter[str] = Counter()
    for word, count in words_of(text).items():
        found[stem(word)] += count
        if "-" in word:
            for part in word.split("-"):
                if len(part) > 1 and part not in _STOP:
                    found[stem(part)] += count
    return found


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
class Weighed:
    """All the known terms of a text, ascending, and its BM25 vector over them: float32 [terms], of length 1."""

    terms: npt.NDArray[np.int64]
    weights: Scores


@dataclass(frozen=True, slots=True)
class WordIndex:
    """For each term the papers that have it, as rows of the catalogue.

    `hashes` uint64 [t] ascending name the terms (64 bits of their BLAKE2); the papers of term i are
    `rows[ends[i]:ends[i+1]]` (int32, ascending) with `scores` (float32, what the term adds to BM25); `idf`
    float32 [t]. `norms` float32 [papers] are the lengths of the papers' vectors of scores, at least a tiny number.
    """

    hashes: npt.NDArray[np.uint64]
    ends: npt.NDArray[np.int64]
    rows: Rows
    scores: Scores
    idf: Scores
    norms: Scores

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
        at, known = self._find([stem(word) for word in words])
        having = self.ends[at + 1] - self.ends[at]
        weights = np.minimum([counts[word] for word in words], 3) * self.idf[at]
        weights[~known | (having < least) | (having > max(TELLING * len(self.norms), FEW))] = 0.0
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

    def weigh(self, title: str, abstract: str) -> Weighed:
        """The BM25 vector of a text, its title weighing more, as if it were of average length."""
        counts: defaultdict[str, float] = defaultdict(float)
        for text, weight in ((title, TITLE), (abstract, 1.0)):
            for term, count in terms_of(text).items():
                counts[term] += weight * count
        if not counts or not len(self.hashes):
            return Weighed(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))
        at, known = self._find(list(counts))
        tf = np.fromiter(counts.values(), dtype=np.float64, count=len(counts))[known]
        order = np.argsort(at[known])
        terms = at[known][order]
        weights = (self.idf[terms] * tf[order] * (K1 + 1) / (tf[order] + K1)).astype(np.float32)
        return Weighed(terms, weights / max(float(np.linalg.norm(weights)), _TINY))

    def cosines(self, weighed: Weighed, rows: Rows) -> Scores:
        """The cosine of the text's vector with those of papers: float32 [rows], 0 to 1; rows ascending.

        Where the terms have few papers in all, these are added up; in a great library the rows are looked up in
        each term's list instead, so that the work is bounded by the number of rows and of terms.
        """
        spans = [slice(self.ends[term], self.ends[term + 1]) for term in weighed.terms.tolist()]
        if not len(rows) or not spans:
            return np.zeros(len(rows), dtype=np.float32)
        held = sum(span.stop - span.start for span in spans)
        if held <= _READ * len(spans) * (_CALL + len(rows)):
            sums = self._add_up(spans, weighed.weights, int(rows[-1]) + 1)[rows]
        else:
            sums = self._look_up(spans, weighed.weights, rows)
        norms = np.take(self.norms, rows, mode="clip")  # after the last paper that has words there is no norm
        return np.minimum(sums / norms, 1.0).astype(np.float32)

    def _add_up(self, spans: Sequence[slice], weights: Scores, papers: int) -> npt.NDArray[np.float64]:
        """The inner product with the vector of each paper before `papers`."""
        found = np.concatenate([self.rows[span] for span in spans])
        gains = np.concatenate([self.scores[span] for span in spans])
        gains *= np.repeat(weights, [span.stop - span.start for span in spans])
        return np.bincount(found, weights=gains, minlength=papers).astype(np.float64, copy=False)

    def _look_up(self, spans: Sequence[slice], weights: Scores, rows: Rows) -> npt.NDArray[np.float64]:
        """The inner product with the vectors of these papers alone."""
        sums = np.zeros(len(rows))
        for span, weight in zip(spans, weights.tolist(), strict=True):
            held = self.rows[span]
            at = np.minimum(np.searchsorted(held, rows), len(held) - 1)
            sums += np.where(held[at] == rows, self.scores[span][at], 0.0) * weight
        return sums

    def _find(self, terms: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Where the terms are, or would be, and whether they are there; the index must not be empty."""
        hashes = np.array([term_hash(term) for term in terms], dtype=np.uint64)
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return at, self.hashes[at] == hashes

    def save(self, folder: Path) -> None:
        """Write one `words-*.npy` for each array."""
        for field in fields(self):
            save_array(folder / f"words-{field.name}.npy", getattr(self, field.name))

    @classmethod
    def load(cls, folder: Path) -> WordIndex:
        """Map the files that `save` wrote; what earlier versions did not write is worked out."""
        arrays = {
            field.name: map_array(folder / f"words-{field.name}.npy")
            for field in fields(cls)
            if field.name != "norms"
        }
        try:
            norms = map_array(folder / "words-norms.npy")
        except FileNotFoundError:
            norms = _norms(arrays["rows"], arrays["scores"], int(arrays["rows"].max(initial=-1)) + 1)
        return cls(**arrays, norms=norms)


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
        norms=_norms(rows[order], scores, papers),
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
            for term, count in terms_of(text).items():
                weights[term] += weight * count
                lengths[row] += count
        for term, weighted in weights.items():
            if term not in hashed:
                hashed[term] = term_hash(term)
            terms.append(hashed[term])
            rows.append(row)
            counts.append(weighted)
    return (
        np.frombuffer(terms, dtype=np.uint64) if terms else np.zeros(0, dtype=np.uint64),
        np.frombuffer(rows, dtype=np.int32) if rows else np.zeros(0, dtype=np.int32),
        np.frombuffer(counts, dtype=np.float64) if counts else np.zeros(0),
        lengths,
    )


def _norms(rows: Rows, scores: npt.NDArray[np.floating], papers: int) -> Scores:
    squares = np.bincount(rows, weights=np.square(scores), minlength=papers)
    return np.maximum(np.sqrt(squares), _TINY).astype(np.float32)


def term_hash(term: str) -> int:
    """The number that names a term in derived files: 64 bits of its BLAKE2."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=8).digest(), "little")
