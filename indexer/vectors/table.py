"""Every vector by key in one mapped array: exact similarities of a few hundred candidates without the index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.arrays import map_array, save_array
from indexer.tables import Keys, Similarities, Vectors


@dataclass(frozen=True, slots=True)
class VectorTable:
    """`keys` int64 [n] ascending, `rows` float16 [n, width]: half the bytes, cosines exact to 0.0005."""

    keys: Keys
    rows: npt.NDArray[np.float16]

    @classmethod
    def of(cls, keys: Keys, vectors: Vectors) -> VectorTable:
        """The table of these vectors; keys ascending."""
        return cls(keys, vectors.astype(np.float16))

    def __len__(self) -> int:
        return len(self.keys)

    def vector(self, key: int) -> Vectors | None:
        """The vector of a key, float32 [width], or None."""
        at = int(np.searchsorted(self.keys, key))
        if at < len(self.keys) and self.keys[at] == key:
            return np.asarray(self.rows[at], dtype=np.float32)
        return None

    def rows_of(self, keys: Keys) -> Vectors:
        """The vectors of those keys that have one, float32 [at most len(keys), width], in their order."""
        if not len(self.keys):
            return np.zeros((0, self.rows.shape[1]), dtype=np.float32)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.asarray(self.rows[at[self.keys[at] == keys]], dtype=np.float32)

    def similarities(self, keys: Keys, queries: Vectors) -> Similarities:
        """Cosine of each key's vector with each query: float32 [len(keys), len(queries)], 0 where there is none."""
        if not len(self.keys):
            return np.zeros((len(keys), len(queries)), dtype=np.float32)
        found: Similarities = self.matrix(keys) @ queries.T
        return found

    def matrix(self, keys: Keys) -> Vectors:
        """The vectors of keys, float32 [len(keys), width], zeros where there is none."""
        if not len(self.keys):
            return np.zeros((len(keys), self.rows.shape[1]), dtype=np.float32)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found = self.rows[at].astype(np.float32)
        found[self.keys[at] != keys] = 0.0
        return found

    def holds(self, keys: Keys, vectors: Vectors) -> npt.NDArray[np.bool_]:
        """For each key whether this very vector (as kept here, in float16) stands under it."""
        if not len(self.keys):
            return np.zeros(len(keys), dtype=np.bool_)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        same: npt.NDArray[np.bool_] = (self.rows[at] == vectors.astype(np.float16)).all(axis=1)
        same &= self.keys[at] == keys
        return same

    def save(self, folder: Path) -> None:
        """Write `vectors.npy` and `vectors-keys.npy`."""
        save_array(folder / "vectors.npy", self.rows)
        save_array(folder / "vectors-keys.npy", self.keys)

    @classmethod
    def load(cls, folder: Path) -> VectorTable:
        """Map the files that `save` wrote."""
        return cls(map_array(folder / "vectors-keys.npy"), map_array(folder / "vectors.npy"))
