"""Which texts cite each paper: for every paper a linear model of its citers, all fitted at once in closed form.

The words of those who cite a paper tell what it is used for, which its own abstract often could not know. The
models are a ridge regression (Hoerl and Kennard 1970) from the text of a citing paper to all that it cites.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.arrays import map_array, save_array
from indexer.citations import CitationGraph, Positions, gather
from indexer.tables import Vectors
from indexer.vectors.table import VectorTable
from indexer.word_vectors import WordSpace

Rows = npt.NDArray[np.integer]
Scores = npt.NDArray[np.float32]
_Square = npt.NDArray[np.float64]

RIDGE = 10.0  # of texts whose squared length is 3 at most
_CITED, _CITING = 50_000, 20_000  # papers at once: 150 MB and 60 MB


@dataclass(frozen=True, slots=True)
class CiterProfiles:
    """A model of the texts that cite each paper.

    A text is x = its vector [w], its place in the space of words [d], and 1. What it is told to cite is
    y = 1 / sqrt(its number of references) for each of them, 0 for other papers. `weights` float16 [papers, w+d+1]
    times `scales` float32 [papers] are the models; the greatest weight of a paper is 1 or -1, so that float16 keeps
    three digits of each that counts, however many papers there are (3 million: about .000001). Both are 0 where
    nobody cites a paper. `inverse` float32 [w+d+1, w+d+1] is (X'X + ridge)^-1 over the citing papers.
    """

    weights: npt.NDArray[np.float16]
    scales: npt.NDArray[np.float32]
    inverse: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls,
        graph: CitationGraph,
        node_rows: npt.NDArray[np.int64],
        vectors: VectorTable,
        word_space: WordSpace,
        *,
        ridge: float = RIDGE,
        without: npt.NDArray[np.bool_] | None = None,
    ) -> CiterProfiles:
        """The models of all papers, in the order of the rows of `word_space`.

        `node_rows` int64 [nodes] are the rows of the graph's nodes, -1 for works not held; `ridge` > 0. Citing papers
        are those that are held and have a vector; of those that `without` (bool [nodes]) names, no reference is used.
        """
        texts = _Texts.of(graph, node_rows, vectors, word_space)
        citing = (texts.vector_rows >= 0) & (node_rows >= 0) & (np.diff(graph.reference_ends) > 0)
        if without is not None:
            citing &= ~without
        inverse = np.linalg.inv(_gram(texts, citing, ridge))
        nodes = np.full(len(word_space.rows), -1, np.int32)
        held = np.flatnonzero(node_rows >= 0)
        nodes[node_rows[held]] = held
        weights = np.zeros((len(nodes), len(inverse)), np.float16)
        scales = np.zeros(len(nodes), np.float32)
        for start in range(0, len(nodes), _CITED):
            rows = np.arange(start, min(start + _CITED, len(nodes)))
            rows = rows[nodes[rows] >= 0]
            models = _sums(graph, texts, nodes[rows], citing) @ inverse.astype(np.float32)
            scales[rows] = np.abs(models).max(axis=1, initial=0.0)
            weights[rows] = models / np.where(scales[rows] > 0, scales[rows], 1.0)[:, None]
        return cls(weights, scales, inverse.astype(np.float32))

    @staticmethod
    def query(vector: Vectors, word_vector: Vectors) -> Vectors:
        """A text as the models read it: float32 [w+d+1] of its vector [w] and its place among words [d]."""
        query: Vectors = np.concatenate([vector, word_vector, [1.0]]).astype(np.float32)
        return query

    def scores(self, rows: Rows, query: Vectors) -> Scores:
        """How much a text is like those that cite these papers: float32 [rows], about 0 to 1, 0 if nobody does."""
        found: Scores = (self.weights[rows].astype(np.float32) @ query) * self.scales[rows]
        return found

    def scores_without(
        self, rows: Rows, query: Vectors, cited: npt.NDArray[np.bool_], references: int
    ) -> Scores:
        """The scores of models that had not seen the references of the query, which is a citing paper itself.

        `cited` bool [rows] tells which of the papers it cites, `references` how many works in all. Exactly what
        fitting anew without it would give, by the formula of the PRESS statistic (Allen 1974):
        (score - h y) / (1 - h) with h = x' (X'X + ridge)^-1 x, which is below 1 as ridge > 0.
        """
        if not references:
            return self.scores(rows, query)
        # By einsum, which keeps to one thread: BLAS took 0.9 or, with the other core busy, 44 ms.
        leverage = float(np.einsum("ij,j->i", self.inverse, query) @ query)
        scores = self.scores(rows, query)
        scores[cited] -= leverage / references**0.5
        scores /= 1 - leverage
        return scores

    def save(self, folder: Path) -> None:
        """Write one `citer-profiles-*.npy` for each array."""
        for field in fields(self):
            save_array(folder / f"citer-profiles-{field.name}.npy", getattr(self, field.name))

    @classmethod
    def load(cls, folder: Path) -> CiterProfiles:
        """Map the files that `save` wrote."""
        return cls(
            **{field.name: map_array(folder / f"citer-profiles-{field.name}.npy") for field in fields(cls)}
        )


@dataclass(frozen=True, slots=True)
class _Texts:
    """The texts of nodes as the models read them, put together only when asked for.

    `vector_rows` int64 [nodes] and `word_rows` int64 [nodes] are the places of each in the tables, -1 for none.
    """

    vectors: VectorTable
    word_space: WordSpace
    vector_rows: npt.NDArray[np.int64]
    word_rows: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls,
        graph: CitationGraph,
        node_rows: npt.NDArray[np.int64],
        vectors: VectorTable,
        word_space: WordSpace,
    ) -> _Texts:
        at = np.full(len(graph), -1, np.int64)
        nodes = graph.positions(np.asarray(vectors.keys))
        at[nodes[nodes >= 0]] = np.flatnonzero(nodes >= 0)
        return cls(vectors, word_space, at, node_rows)

    @property
    def width(self) -> int:
        return int(self.vectors.rows.shape[1]) + self.word_space.width + 1

    def rows(self, nodes: Rows) -> Vectors:
        """float32 [nodes, width]."""
        found = np.ones((len(nodes), self.width), np.float32)
        split = self.vectors.rows.shape[1]
        found[:, :split] = self.vectors.rows[self.vector_rows[nodes]]
        found[:, split:-1] = self.word_space.rows[self.word_rows[nodes]]
        return found


def _gram(texts: _Texts, citing: npt.NDArray[np.bool_], ridge: float) -> _Square:
    """X'X + ridge of all citing papers, by pieces, added up in float64."""
    gram = ridge * np.eye(texts.width)
    nodes = np.flatnonzero(citing)
    for start in range(0, len(nodes), _CITING):
        rows = texts.rows(nodes[start : start + _CITING])
        gram += rows.T @ rows
    return gram


def _sums(graph: CitationGraph, texts: _Texts, cited: Positions, citing: npt.NDArray[np.bool_]) -> Vectors:
    """For each of the nodes `cited` the sum of x y over those that cite it: float32 [cited, width].

    By pieces of the citers, for the texts of all would not fit into memory.
    """
    from scipy.sparse import csr_array

    places = np.arange(len(cited), dtype=np.float32)  # exact: below 2^24
    citers, at = gather(graph.citer_ends, graph.citers, cited, places)
    used = citing[citers]
    nodes, column = np.unique(citers[used], return_inverse=True)
    row = at[used].astype(np.int64)
    targets = (1 / np.sqrt(np.maximum(graph.reference_counts(nodes), 1))).astype(np.float32)
    sums = np.zeros((len(cited), texts.width), np.float32)
    for start in range(0, len(nodes), _CITING):
        here = (column >= start) & (column < start + _CITING)
        piece = nodes[start : start + _CITING]
        links = csr_array(
            (targets[column[here]], (row[here], column[here] - start)), shape=(len(cited), len(piece))
        )
        sums += links @ texts.rows(piece)
    return sums
