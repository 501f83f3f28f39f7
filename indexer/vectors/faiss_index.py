"""The FAISS index: every vector compared while the library is small, inverted lists when it is large.

Up to `FLAT_LIMIT` vectors: IndexIDMap2 over IndexFlatIP, exact. Above: IndexIVFScalarQuantizer, which
scans the lists nearest to the query and keeps each component in 8 bits (a quarter of the memory).

What is derived from the vectors of a large index (ranges of the codes, centres of the lists) is learnt
from the smallest keys only, so that an index grown in any number of steps equals one built at once, as
long as keys are given in ascending order, as the store does:

- the ranges from the first `flat_limit` vectors by key, when the index first grows beyond that, and never
  again: codes survive retraining unchanged;
- the centres from the codes of the first `flat_limit` * 2^b vectors by key, b as large as the size
  allows; so they are learnt anew whenever the index has grown to twice the vectors that they were learnt
  from.

An index that shrinks keeps its form until it is empty. A vector replaced or removed among those that
something was learnt from leaves that as it was until the next doubling. None of this bears on what is
right, only on how many neighbours the large form misses.
"""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Self

import numpy as np

from indexer.errors import GenerationError
from indexer.tables import Keys, Similarities, Vectors
from indexer.vectors import sealed
from indexer.vectors.inverted import Inverted, Native, threads_for, training_size
from indexer.vectors.ranking import (
    checked_keys,
    checked_pairs,
    checked_vectors,
    common,
    longest,
    nearest,
    rank,
    rows_of,
)

faiss: Native = importlib.import_module("faiss")  # its stubs lack much of what it has

FLAT_LIMIT = 50_000

_COMPARED_DIRECTLY = 1024  # so few candidates are scored faster one by one than through a selector
_LOADING = threading.Lock()  # FAISS has its limits of reading per process
_MAX_LISTS = 1 << 20


class Flat:
    """Vectors as they are, in rows ascending by key, so that what is held determines the index."""

    def __init__(self, index: Native) -> None:
        self.index = index
        self.keys: Keys = faiss.vector_to_array(index.id_map).astype(np.int64)
        self.reach = longest(self._rows())

    @classmethod
    def of(cls, keys: Keys, vectors: Vectors) -> Self:
        """Build from ascending keys and their vectors."""
        index = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.shape[1]))
        index.add_with_ids(vectors, keys)
        return cls(index)

    def vectors(self, keys: Keys) -> Vectors:
        """Look up the vectors of keys that are held."""
        return self._rows()[rows_of(self.keys, keys)]

    def upsert(self, keys: Keys, vectors: Vectors) -> Flat:
        """Add or replace; give the index to go on with."""
        if self.keys.size and keys.size and keys[0] > self.keys[-1]:
            self.index.add_with_ids(vectors, keys)
            self.keys = np.concatenate([self.keys, keys])
            self.reach = max(self.reach, longest(vectors))
            return self
        # IndexIDMap2 takes a key twice without complaint, so replacing means building again: 20 ms at 21,646.
        kept = ~np.isin(self.keys, keys)
        merged = np.concatenate([self.keys[kept], keys])
        order = np.argsort(merged)
        return Flat.of(merged[order], np.concatenate([self._rows()[kept], vectors])[order])

    def remove(self, keys: Keys) -> Flat:
        """Forget; give the index to go on with."""
        kept = ~np.isin(self.keys, keys)
        return self if kept.all() else Flat.of(self.keys[kept], self._rows()[kept])

    def propose(
        self, queries: Vectors, depth: int, selector: Native, _eligible: int
    ) -> tuple[Keys, Similarities]:
        """Find candidates for `ranking.rank`."""
        scores, keys = self.index.search(queries, depth, params=faiss.SearchParameters(sel=selector))
        return keys, scores

    def _rows(self) -> Vectors:
        """Give a view into FAISS's memory, valid until the index changes."""
        flat = faiss.downcast_index(self.index.index)
        shape = (flat.ntotal, flat.d)
        rows: Vectors = faiss.rev_swig_ptr(flat.get_xb(), shape[0] * shape[1]).reshape(shape)
        return rows


class FaissIndex:
    """A `VectorIndex` on FAISS; see the module for its two forms. Searching is safe from several threads.

    `flat_limit` (at least 16) is the number of vectors up to which every one is compared.
    """

    def __init__(self, width: int, *, flat_limit: int = FLAT_LIMIT) -> None:
        if flat_limit < 16:
            raise ValueError(f"flat_limit must be at least 16, not {flat_limit}")
        self._width = width
        self._flat_limit = flat_limit
        self._form: Flat | Inverted = self._empty()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; raise `GenerationError` for a missing or damaged file."""
        facts = sealed.open_sealed(path, (Flat.__name__, Inverted.__name__))
        index = cls(int(facts["width"]), flat_limit=int(facts["flat_limit"]))
        loaded = _read(path, int(facts["size"]))
        if facts["kind"] == Flat.__name__:
            index._form = Flat(loaded)
        else:
            index._form = Inverted(loaded, trained_on=int(facts["trained_on"]), reach=float(facts["reach"]))
        if len(index) != facts["count"] or loaded.d != facts["width"]:
            raise GenerationError(
                f"the vector index {path} holds {len(index)} vectors of width {loaded.d} instead of "
                f"{facts['count']} of width {facts['width']}; run `paperkin update`"
            )
        return index

    @property
    def width(self) -> int:
        """Number of components of a vector."""
        return self._width

    @property
    def lossy(self) -> bool:
        """Whether the index has its large form, which may miss a neighbour and rounds similarities."""
        return isinstance(self._form, Inverted)

    def __len__(self) -> int:
        return len(self._form.keys)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add or replace."""
        ids, rows = checked_pairs(keys, vectors, self._width)
        # In steps, so that a large library never stands in the flat form: memory stays near the final size.
        for at in range(0, len(ids), self._flat_limit):
            step = slice(at, at + self._flat_limit)
            self._form = self._form.upsert(ids[step], rows[step])
            self._form = self._grown()

    def remove(self, keys: Keys) -> None:
        """Forget the vectors of these keys."""
        self._form = self._form.remove(np.unique(checked_keys(keys)))
        if not len(self):
            self._form = self._empty()

    def search(self, queries: Vectors, k: int, *, among: Keys | None = None) -> tuple[Keys, Similarities]:
        """Find the k nearest of each query, best first."""
        rows, form = checked_vectors(queries, self._width), self._form
        selector, eligible = None, len(form.keys)
        with threads_for(len(rows), len(form.keys)):
            if among is not None:
                chosen = form.keys[common(form.keys, checked_keys(among))]
                eligible = len(chosen)
                if eligible <= _COMPARED_DIRECTLY:
                    return nearest(rows, k, chosen, form.vectors(chosen))
                selector = _selector(chosen, len(form.keys))
            return rank(
                rows,
                k,
                eligible=eligible,
                reach=form.reach,
                propose=lambda some, depth: form.propose(some, depth, selector, eligible),
                vectors_of=form.vectors,
            )

    def keys(self) -> Keys:
        """List all ids held, ascending."""
        return self._form.keys.copy()

    def vectors(self, keys: Keys) -> Vectors:
        """Look up the vectors of these keys, rounded to 8 bits in the large form."""
        return self._form.vectors(checked_keys(keys))

    def save(self, path: Path) -> None:
        """Write to one file."""
        form = self._form
        facts: dict[str, sealed.Fact] = {
            "kind": type(form).__name__,
            "width": self._width,
            "count": len(self),
            "flat_limit": self._flat_limit,
        }
        if isinstance(form, Inverted):
            facts |= {"trained_on": form.trained_on, "reach": form.reach}
        sealed.save_sealed(
            path,
            facts,
            lambda payload: faiss.write_index(form.index, faiss.PyCallbackIOWriter(payload.write, 1 << 20)),
        )

    def _empty(self) -> Flat:
        return Flat.of(np.empty(0, np.int64), np.empty((0, self._width), np.float32))

    def _grown(self) -> Flat | Inverted:
        """Give the form that the present number of vectors asks for."""
        form, limit, held = self._form, self._flat_limit, len(self)
        if isinstance(form, Flat):
            if held <= limit:
                return form
            ranges = Inverted.ranges_of(form.vectors(form.keys[:limit]))
        elif held >= 2 * form.trained_on:
            ranges = form.ranges
        else:
            return form
        return Inverted.built(form.keys, form.vectors, ranges, training_size(held, limit))


def _selector(chosen: Keys, held: int) -> Native:
    """Select ascending keys: by a bit for each key up to the last, unless they lie too far apart for that.

    Bits make a search of 21,646 vectors for half of them 1.6 ms, the hash table of IDSelectorBatch 2.9 ms.
    """
    if chosen[-1] > 64 * held + (1 << 20):
        return faiss.IDSelectorBatch(chosen)
    member = np.zeros(int(chosen[-1]) + 1, np.bool_)
    member[chosen] = True
    return faiss.IDSelectorBitmap(np.packbits(member, bitorder="little"))


def _read(path: Path, size: int) -> Native:
    with _LOADING:
        # The file is our own and its CRC-32 is right: the limits are a second wall against huge allocations.
        faiss.set_deserialization_vector_byte_limit(4 * size + (1 << 20))
        faiss.set_deserialization_loop_limit(_MAX_LISTS)
        try:
            return faiss.read_index(str(path))
        except RuntimeError as error:
            raise GenerationError(
                f"FAISS cannot read the vector index {path}; run `paperkin update`"
            ) from error
