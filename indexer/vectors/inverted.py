"""The large form of the FAISS index: inverted lists of 8-bit codes; `faiss_index` says when and why."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from indexer.tables import Keys, Similarities, Vectors
from indexer.vectors.ranking import longest, rows_of

Native: TypeAlias = Any  # an object of FAISS, whose stubs lack much of what it has
Ranges: TypeAlias = npt.NDArray[np.float32]

faiss: Native = importlib.import_module("faiss")

# On 21,646 embeddings of arXiv papers (all-MiniLM-L6-v2, 512 lists): recall@10 .94 at 16 lists, .97 at 32,
# .98 at 64; .99 with all of them is the bound that 8-bit codes set.
_PROBES = 64
_PER_LIST = 64  # vectors to learn a centre from; k-means gains little from more
_ITERATIONS = 10
_BLOCK = 1 << 15
_MARGIN = 0.05  # how far beyond the range seen a component may lie unclipped, as a share of the range
_SEED = 1
_MANY_QUERIES = 64
_MANY_PAIRS = 1 << 20


@contextmanager
def threads_for(queries: int, vectors: int) -> Iterator[None]:
    """Let FAISS use all threads where each has enough to do, else one.

    One query of 21,646 x 384 took 1.3 ms with one thread and 14 ms with two on two busy cores: the threads of
    OpenMP spin while they wait. The setting belongs to the calling thread, so others are not affected.
    """
    threads = faiss.omp_get_max_threads()
    if queries < _MANY_QUERIES or queries * vectors < _MANY_PAIRS:
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def training_size(held: int, limit: int) -> int:
    """Decide from how many vectors lists are learnt: the greatest `limit` * 2^b <= `held`."""
    return limit << ((held // limit).bit_length() - 1)


def lists_for(vectors: int) -> int:
    """Decide how many lists to make: the power of two nearest to twice the square root of `vectors`."""
    return 1 << round(math.log2(2 * math.sqrt(vectors)))


def probes_for(lists: int, *, held: int, eligible: int, depth: int) -> int:
    """Decide how many lists to scan: enough to see as many eligible vectors as an open search would.

    Were vectors spread evenly, at least four times the `depth` wanted would be among them.
    """
    share = eligible / held
    return min(lists, math.ceil(max(_PROBES / share, 4 * depth * lists / eligible)))


class Inverted:
    """Lists of 8-bit codes under centres; `trained_on` is the number of vectors that made the centres.

    Codes are of the vector, not of its difference from the centre: that costs 0.1 points of recall, and lets
    the lists be learnt anew without rounding again.
    """

    def __init__(self, index: Native, *, trained_on: int, reach: float) -> None:
        self.index = index
        self.trained_on = trained_on
        self.reach = reach
        self.keys: Keys = _ids(index)

    @staticmethod
    def ranges_of(vectors: Vectors) -> Ranges:
        """Find lower bound and extent of each component: float32 [2 width], as FAISS keeps them."""
        low, high = vectors.min(axis=0), vectors.max(axis=0)
        extent = np.maximum(high - low, 1e-3)  # a component that never varied may still do so later
        return np.concatenate([low - _MARGIN * extent, extent * (1 + 2 * _MARGIN)]).astype(np.float32)

    @classmethod
    def built(
        cls, keys: Keys, vectors_of: Callable[[Keys], Vectors], ranges: Ranges, trained_on: int
    ) -> Self:
        """Learn the lists from the first `trained_on` keys and fill them with all."""
        lists = lists_for(trained_on)
        sample = np.linspace(0, trained_on - 1, min(trained_on, _PER_LIST * lists)).astype(np.intp)
        learnt_from = _rounded(vectors_of(keys[sample]), ranges)
        index = faiss.IndexIVFScalarQuantizer(
            _centres(learnt_from, lists),
            learnt_from.shape[1],
            lists,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
        )
        index.by_residual = False
        faiss.copy_array_to_vector(ranges, index.sq.trained)
        index.is_trained = True
        index.set_direct_map_type(faiss.DirectMap.Hashtable)  # what looking up and removing by key needs
        filled = cls(index, trained_on=trained_on, reach=0.0)
        for at in range(0, len(keys), _BLOCK):
            block = keys[at : at + _BLOCK]
            filled._add(block, vectors_of(block))
        filled.keys = keys
        return filled

    @property
    def ranges(self) -> Ranges:
        """Give the ranges of the codes, as `ranges_of` made them."""
        ranges: Ranges = faiss.vector_to_array(self.index.sq.trained)
        return ranges

    def vectors(self, keys: Keys) -> Vectors:
        """Look up the vectors of keys that are held, as their codes have them."""
        rows_of(self.keys, keys)  # FAISS would name no key
        vectors: Vectors = self.index.reconstruct_batch(keys)
        return vectors

    def upsert(self, keys: Keys, vectors: Vectors) -> Self:
        """Add or replace; give the index to go on with."""
        self._drop(keys)  # FAISS takes a key twice without complaint
        self._add(keys, vectors)
        self.keys = np.union1d(self.keys, keys)
        return self

    def remove(self, keys: Keys) -> Self:
        """Forget; give the index to go on with."""
        self._drop(keys)
        self.keys = np.setdiff1d(self.keys, keys, assume_unique=True)
        return self

    def propose(
        self, queries: Vectors, depth: int, selector: Native, eligible: int
    ) -> tuple[Keys, Similarities]:
        """Find candidates for `ranking.rank`: where the lists scanned hold too few, in all lists."""
        lists = self.index.nlist
        probes = probes_for(lists, held=len(self.keys), eligible=eligible, depth=depth)
        keys, scores = self._scan(queries, depth, probes, selector)
        short = keys[:, -1] < 0
        if short.any():
            keys[short], scores[short] = self._scan(queries[short], depth, lists, selector)
        return keys, scores

    def _scan(self, queries: Vectors, depth: int, probes: int, selector: Native) -> tuple[Keys, Similarities]:
        params = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
        scores, keys = self.index.search(queries, depth, params=params)
        return keys, scores

    def _add(self, keys: Keys, vectors: Vectors) -> None:
        """Add new keys; the code alone decides which list takes a vector, as when lists are learnt anew."""
        rounded = _rounded(vectors, self.ranges)
        with threads_for(len(keys), self.index.nlist):
            self.index.add_with_ids(rounded, keys)
        self.reach = max(self.reach, longest(rounded))

    def _drop(self, keys: Keys) -> None:
        self.index.remove_ids(faiss.IDSelectorArray(keys))  # with a hash table FAISS knows no other selector


def _rounded(vectors: Vectors, ranges: Ranges) -> Vectors:
    """`vectors` as their codes have them."""
    codec = faiss.ScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit)
    faiss.copy_array_to_vector(ranges, codec.trained)
    rounded: Vectors = codec.decode(codec.compute_codes(vectors))
    return rounded


def _centres(vectors: Vectors, lists: int) -> Native:
    """Learn the centres of lists by k-means on the sphere, as an index that finds the nearest."""
    means = faiss.Kmeans(
        vectors.shape[1],
        lists,
        niter=_ITERATIONS,
        seed=_SEED,
        spherical=True,
        min_points_per_centroid=1,  # else FAISS complains on standard error
        max_points_per_centroid=_PER_LIST,
    )
    with threads_for(len(vectors), lists):
        means.train(vectors)
    centres = faiss.IndexFlatIP(vectors.shape[1])
    centres.add(means.centroids)
    return centres


def _ids(index: Native) -> Keys:
    """All ids in the lists, ascending."""
    lists = index.invlists
    parts = [
        faiss.rev_swig_ptr(lists.get_ids(at), size).copy()
        for at in range(index.nlist)
        if (size := lists.list_size(at))
    ]
    return np.sort(np.concatenate([np.empty(0, np.int64), *parts]))
