"""What texts are about by their words: latent semantic analysis (Deerwester et al. 1990) of titles and abstracts.

The embedder learned from other texts than these; this space has seen nothing else. A term counts once for a paper
and twice if it is in the title, times its idf, however often it is said. Importing this module loads numpy alone;
`WordSpace.of` loads scikit-learn and scipy.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexer.arrays import map_array, save_array
from indexer.tables import Similarities, Vectors
from indexer.words import term_hash, terms_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Rows = npt.NDArray[np.integer]

WIDTH = 384
SAMPLE = 200_000  # papers that the space is fitted on; all are placed in it
LEAST = 3  # papers; a rarer word connects next to nothing
COMMON = 0.1  # share of the papers; commoner words tell little
FEW = 50  # papers: in a small library any word may tell something
_FEWEST = 10  # papers; fewer are no library to learn from
_TOGETHER = 50_000  # papers placed at once: 77 MB
_NOISE = 1e-4  # of the first singular value, and of the length 1: what rounding leaves where there is nothing


@dataclass(frozen=True, slots=True)
class WordSpace:
    """The space of words, and where each paper stands in it.

    `hashes` uint64 [t] ascending name the terms (64 bits of their BLAKE2); `idf` float32 [t]; `components`
    float16 [t, d] takes the terms of a text into the space; `rows` float16 [papers, d], of length 1, 0 for a paper
    without known words. d is 0 in a library too small to learn from.
    """

    hashes: npt.NDArray[np.uint64]
    idf: npt.NDArray[np.float32]
    components: npt.NDArray[np.float16]
    rows: npt.NDArray[np.float16]

    @classmethod
    def of(
        cls,
        titles: Sequence[str],
        abstracts: Sequence[str],
        *,
        width: int = WIDTH,
        sample: int = SAMPLE,
        seed: int = 0,
    ) -> WordSpace:
        """The space of these papers, with at most `width` dimensions, in the order of their rows.

        Fitted on at most `sample` of them, evenly spaced; the same papers and seed give the same space.
        """
        postings = _postings(titles, abstracts)
        components = _fit(postings, width=width, sample=sample, seed=seed)
        if not components.shape[1]:
            return cls(
                np.zeros(0, np.uint64),
                np.zeros(0, np.float32),
                np.zeros((0, 0), np.float16),
                np.zeros((len(titles), 0), np.float16),
            )
        return cls(postings.hashes, postings.idf, components, _place(postings, components))

    @property
    def width(self) -> int:
        """The number of dimensions, d."""
        return int(self.rows.shape[1])

    def vector(self, title: str, abstract: str) -> Vectors:
        """Where a text stands: float32 [d], of length 1, or 0 where none of its words is known."""
        weights = dict.fromkeys(terms_of(abstract), 1.0) | dict.fromkeys(terms_of(title), 2.0)
        if not len(self.hashes) or not weights:
            return np.zeros(self.width, np.float32)
        hashes = np.fromiter((term_hash(term) for term in weights), np.uint64, len(weights))
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        known = self.hashes[at] == hashes
        at = at[known]
        gains = np.fromiter(weights.values(), np.float32, len(weights))[known] * self.idf[at]
        gains /= max(float(np.linalg.norm(gains)), _NOISE)
        placed: Vectors = _unit((gains @ self.components[at].astype(np.float32))[None, :])[0]
        return placed

    def similarities(self, rows: Rows, vector: Vectors) -> Similarities:
        """The cosine of a text's vector with those of papers: float32 [rows], -1 to 1, 0 where either is 0."""
        found: Similarities = self.rows[rows].astype(np.float32) @ vector
        return found

    def save(self, folder: Path) -> None:
        """Write one `word-space-*.npy` for each array."""
        for field in fields(self):
            save_array(folder / f"word-space-{field.name}.npy", getattr(self, field.name))

    @classmethod
    def load(cls, folder: Path) -> WordSpace:
        """Map the files that `save` wrote."""
        return cls(
            **{field.name: map_array(folder / f"word-space-{field.name}.npy") for field in fields(cls)}
        )


@dataclass(frozen=True, slots=True)
class _Postings:
    """The terms of each paper: of paper i `codes[ends[i]:ends[i+1]]`, twice a term's number, odd if in the title.

    `columns` int32 gives each number its place in `hashes` and `idf`, -1 for terms that are left out.
    """

    codes: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    hashes: npt.NDArray[np.uint64]
    idf: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ends) - 1

    def matrix(self, papers: Rows) -> csr_array[np.float32]:
        """The weights of the terms of these papers: float32 [papers, terms], rows of length 1 or 0."""
        from scipy.sparse import csr_array

        lengths = self.ends[papers + 1] - self.ends[papers]
        shifts = np.repeat(self.ends[papers] - np.cumsum(lengths) + lengths, lengths)
        codes = self.codes[np.arange(len(shifts)) + shifts]
        columns = self.columns[codes >> 1]
        known = columns >= 0
        row = np.repeat(np.arange(len(papers)), lengths)[known]
        columns = columns[known]
        weights = self.idf[columns] * (1 + (codes[known] & 1)).astype(np.float32)
        squares = np.bincount(row, weights=np.square(weights), minlength=len(papers))
        weights /= np.maximum(np.sqrt(squares), _NOISE).astype(np.float32)[row]
        ends = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(papers)))])
        return csr_array((weights, columns, ends), shape=(len(papers), len(self.hashes)))


def _postings(titles: Sequence[str], abstracts: Sequence[str]) -> _Postings:
    """The terms of all papers, four bytes each: those of three million papers fit into a gigabyte."""
    codes, ends = array("I"), array("q", [0])
    numbers: dict[str, int] = {}
    for title, abstract in zip(titles, abstracts, strict=True):
        titled = terms_of(title)
        codes.extend(2 * numbers.setdefault(term, len(numbers)) + 1 for term in titled)
        codes.extend(
            2 * numbers.setdefault(term, len(numbers)) for term in terms_of(abstract) if term not in titled
        )
        ends.append(len(codes))
    stored = np.frombuffer(codes, np.uint32) if codes else np.zeros(0, np.uint32)
    having = np.bincount(stored >> 1, minlength=len(numbers))
    kept = np.flatnonzero((having >= LEAST) & (having <= max(COMMON * len(titles), FEW)))
    hashes = np.fromiter((term_hash(term) for term in numbers), np.uint64, len(numbers))[kept]
    order = np.argsort(hashes)
    columns = np.full(len(numbers), -1, np.int32)
    columns[kept[order]] = np.arange(len(kept), dtype=np.int32)
    return _Postings(
        codes=stored,
        ends=np.frombuffer(ends, np.int64),
        columns=columns,
        hashes=hashes[order],
        idf=np.log(len(titles) / having[kept[order]]).astype(np.float32),
    )


def _fit(postings: _Postings, *, width: int, sample: int, seed: int) -> npt.NDArray[np.float16]:
    """The right singular vectors of the weights of a sample of papers: [terms, d]; d is 0 if there is no space.

    By the randomized method of Halko, Martinsson and Tropp (2011) with two power iterations.
    """
    papers, terms = len(postings), len(postings.hashes)
    width = min(width, papers - 1, terms - 1)
    if papers < _FEWEST or width < 1:
        return np.zeros((terms, 0), np.float16)
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    chosen = np.linspace(0, papers - 1, min(sample, papers)).astype(np.int64)
    # A second thread took four times the processor's time for the same, and the last bits differ by their number.
    with threadpool_limits(1, user_api="blas"):
        _, singular, right = randomized_svd(
            postings.matrix(chosen), n_components=width, n_iter=2, random_state=seed
        )
    # Papers with the same words span less than `width`; what is beyond is rounding, and would differ by machine.
    right = right[(singular > 0) & (singular > _NOISE * singular[0])]
    return np.ascontiguousarray(right.T, dtype=np.float16)


def _place(postings: _Postings, components: npt.NDArray[np.float16]) -> npt.NDArray[np.float16]:
    """Where all papers stand, by pieces, so that never more than float16 is held of all."""
    wide = components.astype(np.float32)
    rows = np.empty((len(postings), components.shape[1]), np.float16)
    for start in range(0, len(rows), _TOGETHER):
        papers = np.arange(start, min(start + _TOGETHER, len(rows)))
        rows[papers] = _unit(postings.matrix(papers) @ wide)
    return rows


def _unit(rows: Vectors) -> Vectors:
    """Rows of length 1; those without any direction are 0."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: Vectors = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > _NOISE)
    return units
