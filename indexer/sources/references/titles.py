"""The titles of a library in arrays, to be looked up exactly, by a likeness of words, or inside a text.

Titles are kept as they are compared (`normal.normal_title`), so every find is checked against the text itself; the
hashes only lead to it. 187,437 titles take 34 MB, 3 million 500 MB.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar
from zlib import crc32

import numpy as np
import numpy.typing as npt

from indexer.papers import Paper, PaperId
from indexer.sources.references.identifiers import clean_doi
from indexer.sources.references.normal import (
    Running,
    normal_title,
    squeezed,
    surname,
    words_of,
)

HEAD = 24  # letters of a title by which it is found inside a text
SHORTEST = 12  # letters; a shorter title is not looked for inside a text: "Mind" is found everywhere
_COMMON = 5_000  # papers; a word that more have leads nowhere
_POSTINGS = 4_000  # rows that are looked at for one title
_AUTHORS = 12  # of a paper, from the first

_ID_BYTES = 20  # the longest ids have 16: cond-mat/9901001
Number = TypeVar("Number", np.int16, np.int64, np.uint32, np.uint64)

_Codes = npt.NDArray[np.uint64]
_Rows = npt.NDArray[np.uint32]


class Work(NamedTuple):
    """What a reference can be matched with."""

    id: PaperId
    title: str
    surnames: tuple[str, ...] = ()
    year: int = 0  # 0: not known
    doi: str | None = None


@dataclass(frozen=True, slots=True)
class Titles:
    """The titles of a library. Row i is a paper; build it with `of`.

    `texts[ends[i]:ends[i+1]]` is its normal title; `names[name_ends[i]:name_ends[i+1]]` (uint32, CRC-32) its first
    authors' surnames. `whole` and `heads` are uint64, ascending, CRC-32 of the squeezed title (or of its first
    `HEAD` letters) above the row. `terms` (uint32, ascending, CRC-32) are the words, had by `counts` papers; the
    papers of term j are `rows[term_ends[j]:term_ends[j+1]]`, none for a common word.
    """

    ids: npt.NDArray[np.bytes_]
    texts: bytes | bytearray
    ends: npt.NDArray[np.int64]
    years: npt.NDArray[np.int16]
    names: _Rows
    name_ends: npt.NDArray[np.int64]
    whole: _Codes
    heads: _Codes
    dois: _Codes
    doi_rows: _Rows
    terms: _Rows
    counts: _Rows
    term_ends: npt.NDArray[np.int64]
    rows: _Rows

    def __len__(self) -> int:
        return len(self.years)

    @classmethod
    def of(cls, papers: Iterable[Paper]) -> Titles:
        """Take the titles of papers."""
        return cls.build(
            Work(
                paper.id,
                paper.title,
                tuple(author.keyname for author in paper.authors[:_AUTHORS]),
                paper.submitted.year,
                paper.doi,
            )
            for paper in papers
        )

    @classmethod
    def build(cls, works: Iterable[Work]) -> Titles:
        """Take works in any order; one without a title is found by its DOI alone."""
        kept = _Columns()
        for work in works:
            kept.add(work)
        return kept.titles()

    @property
    def fingerprint(self) -> int:
        """A number that changes with the titles: what is read with others may find other citations."""
        codes = (self.whole, self.dois, self.names)
        return crc32(repr([(len(code), int(np.sum(code, dtype=np.uint64))) for code in codes]).encode())

    def id(self, row: int) -> PaperId:
        """The paper of a row."""
        return PaperId(self.ids[row].decode())

    def normal(self, row: int) -> str:
        """The normal title of a row."""
        return self.texts[self.ends[row] : self.ends[row + 1]].decode()

    def surnames(self, row: int) -> list[int]:
        """CRC-32 of the surnames of a row, first author first; empty where none is known."""
        found: list[int] = self.names[self.name_ends[row] : self.name_ends[row + 1]].tolist()
        return found

    def exact(self, normal: str) -> list[int]:
        """The rows with this title."""
        bare = squeezed(normal)
        rows = _under(self.whole, [_code(bare)])
        return [row for row in rows if squeezed(self.normal(row)) == bare]

    def with_doi(self, doi: str) -> list[int]:
        """The rows with this DOI, in lower case."""
        code = _doi_code(doi)
        first, last = np.searchsorted(self.dois, code, "left"), np.searchsorted(self.dois, code, "right")
        found: list[int] = self.doi_rows[first:last].tolist()
        return found

    def within(self, text: Running) -> list[tuple[int, int, int]]:
        """Rows whose titles stand in a text, with the words from and to which, longest first.

        A title is found where punctuation (or a year) is in front of it and punctuation after it.
        """
        last = {end: place for place, end in enumerate(text.starts)}
        long, short = _candidates(text, last)
        found = []
        for places, index in ((long, self.heads), (short, self.whole)):
            for row in _under(index, list(places)):
                bare = squeezed(self.normal(row))
                for place in places.get(_code(bare[:HEAD] if index is self.heads else bare), ()):
                    start = text.starts[place]
                    end = last.get(start + len(bare), 0)
                    if end and text.letters.startswith(bare, start) and text.closes[end - 1]:
                        found.append((row, place, end))
        return sorted(found, key=lambda hit: (text.starts[hit[1]] - text.starts[hit[2]], hit))

    def alike(self, normal: str, most: int = 8) -> list[int]:
        """Rows that share the rarest words of a title, most likely first."""
        terms, weights = self._rarest(normal)
        if not terms:
            return []
        spans = [self.rows[self.term_ends[term] : self.term_ends[term + 1]] for term in terms]
        rows, inverse = np.unique(np.concatenate(spans), return_inverse=True)
        scores = np.bincount(inverse, np.repeat(weights, [len(span) for span in spans]))
        enough = np.flatnonzero(scores >= max(scores.max() / 2, 0.3 * math.fsum(weights)))
        best = enough[np.lexsort((rows[enough], -scores[enough]))][:most]
        found: list[int] = rows[best].tolist()
        return found

    def _rarest(self, normal: str) -> tuple[list[int], list[float]]:
        """The rarest words of a title that the library knows, and how telling they are."""
        codes = np.unique(_word_codes(normal))
        if not len(codes) or not len(self.terms):
            return [], []
        at = np.minimum(np.searchsorted(self.terms, codes), len(self.terms) - 1)
        at = at[self.terms[at] == codes]
        sizes = self.term_ends[at + 1] - self.term_ends[at]
        at = at[sizes > 0][np.argsort(sizes[sizes > 0], kind="stable")]
        sizes = np.cumsum(self.counts[at])
        kept = at[: max(1, int(np.searchsorted(sizes, _POSTINGS, "right")))] if len(at) else at
        return kept.tolist(), np.log(1 + len(self) / self.counts[kept]).tolist()

    def has(self, word: str) -> bool:
        """Whether a title has this word."""
        at = int(np.searchsorted(self.terms, _code(word)))
        return at < len(self.terms) and int(self.terms[at]) == _code(word)

    def weights(self, words: Iterable[str]) -> dict[str, float]:
        """How telling each word is: log(1 + papers / papers that have it); of an unknown word as if one had it."""
        names = list(dict.fromkeys(words))
        codes = np.array([_code(name) for name in names], dtype=np.uint32)
        counts = np.ones(len(names))
        if len(self.terms) and names:
            at = np.minimum(np.searchsorted(self.terms, codes), len(self.terms) - 1)
            known = self.terms[at] == codes
            counts[known] = self.counts[at[known]]
        return dict(zip(names, np.log(1 + max(len(self), 1) / counts).tolist(), strict=True))


def _candidates(text: Running, last: dict[int, int]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Codes of what may be the head of a title, or a whole short one, with the words that they begin at."""
    long: dict[int, list[int]] = {}
    short: dict[int, list[int]] = {}
    for place, start in enumerate(text.starts[:-1]):
        if not text.opens[place]:
            continue
        if start + HEAD <= len(text.letters):
            long.setdefault(_code(text.letters[start : start + HEAD]), []).append(place)
        for end in text.starts[place + 1 :]:
            if end - start >= HEAD:
                break
            if end - start >= SHORTEST and text.closes[last[end] - 1]:
                short.setdefault(_code(text.letters[start:end]), []).append(place)
    return long, short


def _code(text: str) -> int:
    return crc32(text.encode("utf-8", "replace"))


def codes_of(words: Iterable[str]) -> frozenset[int]:
    """CRC-32 of words, as `Titles` has surnames."""
    return frozenset(_code(word) for word in words)


def _under(index: _Codes, codes: list[int]) -> list[int]:
    """The rows that an index of (code, row) has under the codes."""
    wanted = np.array(codes, dtype=np.uint64) << np.uint64(32)
    first = np.searchsorted(index, wanted)
    last = np.searchsorted(index, wanted + np.uint64(1 << 32))
    spans = [
        index[start:end] for start, end in zip(first.tolist(), last.tolist(), strict=True) if start < end
    ]
    if not spans:
        return []
    rows: list[int] = (np.concatenate(spans) & np.uint64(0xFFFFFFFF)).tolist()
    return rows


def _doi_code(doi: str) -> np.uint64:
    data = doi.encode("utf-8", "replace")
    return np.uint64(crc32(data) << 32 | crc32(data[::-1]))


def _word_codes(normal: str) -> list[int]:
    """Codes of the words, numbers too; one letter tells nothing."""
    return [_code(word) for word in words_of(normal) if len(word) > 1]


class _Columns:
    """Collects works, a column each."""

    def __init__(self) -> None:
        self._ids = bytearray()
        self._texts = bytearray()
        self._ends, self._name_ends = array("q", [0]), array("q", [0])
        self._years, self._names = array("h"), array("I")
        self._whole, self._heads = array("Q"), array("Q")
        self._dois, self._doi_rows = array("Q"), array("I")
        self._postings = array("Q")

    def add(self, work: Work) -> None:
        """Add a work as the next row."""
        row = len(self._years)
        self._ids += work.id.value.encode().ljust(_ID_BYTES, b"\0")
        normal = normal_title(work.title)
        self._texts += normal.encode("utf-8", "replace")
        self._ends.append(len(self._texts))
        self._years.append(work.year if 0 <= work.year < 10_000 else 0)
        names = [surname(name) for name in work.surnames[:_AUTHORS]]
        self._names.extend(_code(name) for name in names if name)
        self._name_ends.append(len(self._names))
        if bare := squeezed(normal):
            self._whole.append(_code(bare) << 32 | row)
            if len(bare) >= HEAD:
                self._heads.append(_code(bare[:HEAD]) << 32 | row)
        self._postings.extend(code << 32 | row for code in set(_word_codes(normal)))
        for doi in (work.doi or "").split():  # arXiv's field may hold several
            self._dois.append(int(_doi_code(clean_doi(doi))))
            self._doi_rows.append(row)

    def titles(self) -> Titles:
        """All that was added."""
        dois, whole, heads = (_view(column, np.uint64) for column in (self._dois, self._whole, self._heads))
        whole.sort()
        heads.sort()
        order = np.argsort(dois, kind="stable")
        terms, counts, term_ends, rows = _inverted(_view(self._postings, np.uint64))
        return Titles(
            ids=np.frombuffer(self._ids, dtype=f"S{_ID_BYTES}"),
            texts=self._texts,
            ends=_view(self._ends, np.int64),
            years=_view(self._years, np.int16),
            names=_view(self._names, np.uint32),
            name_ends=_view(self._name_ends, np.int64),
            whole=whole,
            heads=heads,
            dois=dois[order],
            doi_rows=_view(self._doi_rows, np.uint32)[order],
            terms=terms,
            counts=counts,
            term_ends=term_ends,
            rows=rows,
        )


def _view(column: array[int], kind: type[Number]) -> npt.NDArray[Number]:
    """The same memory as an array; a copy of all columns would need a gigabyte more for 3 million papers."""
    return np.frombuffer(column, dtype=kind) if column else np.zeros(0, dtype=kind)


def _inverted(postings: _Codes) -> tuple[_Rows, _Rows, npt.NDArray[np.int64], _Rows]:
    """Terms, how many papers have each, ends and rows, out of (term, row) pairs; sorts them in place."""
    postings.sort()
    codes = (postings >> np.uint64(32)).astype(np.uint32)
    begins = np.flatnonzero(np.diff(codes, prepend=codes[:1] ^ np.uint32(1)))
    terms, counts = codes[begins], np.diff(begins, append=len(codes))
    del codes
    rows = (postings & np.uint64(0xFFFFFFFF)).astype(np.uint32)[np.repeat(counts <= _COMMON, counts)]
    ends = np.concatenate([[0], np.cumsum(np.where(counts <= _COMMON, counts, 0))])
    return terms, counts.astype(np.uint32), ends.astype(np.int64), rows


def telling(weights: Iterable[float]) -> float:
    """How much a title says, in nats: the sum of what its words say."""
    return math.fsum(weights)
