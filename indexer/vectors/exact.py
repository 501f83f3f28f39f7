"""The reference index: every vector is compared, in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from indexer.errors import GenerationError
from indexer.tables import Keys, Similarities, Vectors
from indexer.vectors.ranking import (
    checked_keys,
    checked_pairs,
    checked_vectors,
    common,
    nearest,
    rows_of,
)
from indexer.vectors.sealed import Payload, open_sealed, save_sealed

_KIND = "exact"


class ExactIndex:
    """A `VectorIndex` that keeps float32 vectors in one array, ascending by key, and searches all of it.

    Saved as two arrays in numpy's .npy format, keys and vectors, one after the other in a sealed file.
    """

    def __init__(self, width: int) -> None:
        self._keys: Keys = np.empty(0, np.int64)
        self._vectors: Vectors = np.empty((0, width), np.float32)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; raise `GenerationError` for a missing or damaged file."""
        facts = open_sealed(path, (_KIND,))
        index = cls(int(facts["width"]))
        with path.open("rb") as file:
            keys = np.lib.format.read_array(file, allow_pickle=False)
            vectors = np.lib.format.read_array(file, allow_pickle=False)
        try:
            index.upsert(keys, vectors)
        except ValueError as error:
            raise GenerationError(
                f"the vector index {path} holds no usable vectors ({error}); run `paperkin update`"
            ) from error
        return index

    @property
    def width(self) -> int:
        """Number of components of a vector."""
        return int(self._vectors.shape[1])

    def __len__(self) -> int:
        return len(self._keys)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add or replace."""
        ids, rows = checked_pairs(keys, vectors, self.width)
        kept = ~np.isin(self._keys, ids)
        merged = np.concatenate([self._keys[kept], ids])
        order = np.argsort(merged)
        self._vectors = np.concatenate([self._vectors[kept], rows])[order]
        self._keys = merged[order]

    def remove(self, keys: Keys) -> None:
        """Forget the vectors of these keys."""
        kept = ~np.isin(self._keys, checked_keys(keys))
        self._keys, self._vectors = self._keys[kept], self._vectors[kept]

    def search(self, queries: Vectors, k: int, *, among: Keys | None = None) -> tuple[Keys, Similarities]:
        """Find the k nearest of each query, best first."""
        rows = checked_vectors(queries, self.width)
        if among is None:
            return nearest(rows, k, self._keys, self._vectors)
        chosen = common(self._keys, checked_keys(among))
        return nearest(rows, k, self._keys[chosen], self._vectors[chosen])

    def keys(self) -> Keys:
        """List all ids held, ascending."""
        return self._keys.copy()

    def vectors(self, keys: Keys) -> Vectors:
        """Look up the stored vectors of these keys."""
        return self._vectors[rows_of(self._keys, checked_keys(keys))]

    def save(self, path: Path) -> None:
        """Write to one file."""

        def write(payload: Payload) -> None:
            for array in (self._keys, self._vectors):
                np.lib.format.write_array(payload, array, allow_pickle=False)

        save_sealed(path, {"kind": _KIND, "width": self.width, "count": len(self)}, write)
