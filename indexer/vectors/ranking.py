"""What all vector indexes share: checks of keys and vectors, and one way to score and order.

A fast search (BLAS, FAISS) scores in float32, and the last bits depend on where a vector lies in a block. So
it only proposes: candidates are scored again in float64, each pair by itself, rounded to float32 and ordered
by score, then key. Equal vectors get equal scores, and an answer depends on what an index holds, not on how
it came to hold it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from indexer.tables import Keys, Similarities, Vectors

Rows = npt.NDArray[np.intp]
Propose = Callable[[Vectors, int], tuple[Keys, Similarities]]

_SPARE = 8  # candidates beyond k: enough for all but true ties
_SCORED_AT_ONCE = 1 << 13  # candidate vectors in memory as float64: 25 MB at width 384
_PROPOSED_AT_ONCE = 1 << 17  # candidate ids in memory; FAISS is slow in small batches, as its threads wait
_PRODUCTS_AT_ONCE = 1 << 24  # float32 products in memory: 64 MB


def checked_keys(keys: Keys) -> Keys:
    """`keys` as int64 [n]; raise `ValueError` unless all are integers in one dimension."""
    given = np.asarray(keys)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise ValueError(f"keys must be integers in one dimension, not {given.dtype} of shape {given.shape}")
    return given.astype(np.int64)


def checked_vectors(vectors: Vectors, width: int) -> Vectors:
    """`vectors` as contiguous float32 [n, width]; raise `ValueError` for other shapes, NaN and infinity."""
    given = np.asarray(vectors)
    if given.ndim != 2 or given.shape[1] != width:
        raise ValueError(f"vectors must have the shape [n, {width}], not {list(given.shape)}")
    with np.errstate(over="ignore"):  # a float64 too large becomes infinity, which the next line refuses
        rows: Vectors = np.ascontiguousarray(given, dtype=np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("vectors must be finite: there is a NaN or an infinity among them")
    return rows


def checked_pairs(keys: Keys, vectors: Vectors, width: int) -> tuple[Keys, Vectors]:
    """Keys and vectors fit to be stored, ascending by key; raise `ValueError` for anything else."""
    ids, rows = checked_keys(keys), checked_vectors(vectors, width)
    if len(ids) != len(rows):
        raise ValueError(f"{len(ids)} keys for {len(rows)} vectors")
    order = np.argsort(ids)
    ids = ids[order]
    if ids.size and ids[0] <= 0:
        raise ValueError(f"keys must be positive, not {ids[0]}")
    if (ids[1:] == ids[:-1]).any():
        raise ValueError(f"key {ids[1:][ids[1:] == ids[:-1]][0]} is given twice")
    return ids, rows[order]


def locate(held: Keys, keys: Keys) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Where each of `keys` lies in the ascending `held`, and whether it does (else the row means nothing)."""
    if not held.size:
        return np.zeros(len(keys), np.intp), np.zeros(len(keys), np.bool_)
    rows = np.minimum(np.searchsorted(held, keys), len(held) - 1)
    return rows, held[rows] == keys


def common(held: Keys, among: Keys) -> Rows:
    """Find the rows, ascending, of those of the ascending `held` that are in `among`."""
    rows, found = locate(held, among)
    chosen = np.zeros(len(held), np.bool_)  # a mask drops what is given twice ten times faster than unique
    chosen[rows[found]] = True
    return np.flatnonzero(chosen)


def rows_of(held: Keys, keys: Keys) -> Rows:
    """Where each of `keys` lies in the ascending `held`; raise `KeyError` for one that does not."""
    rows, found = locate(held, keys)
    if not found.all():
        raise KeyError(f"no vector is held under key {keys[~found][0]}")
    return rows


def longest(vectors: Vectors) -> float:
    """Give the greatest length of a row, 0 where there is none."""
    return float(np.sqrt(np.vecdot(vectors, vectors).max())) if len(vectors) else 0.0


def nearest(queries: Vectors, k: int, keys: Keys, vectors: Vectors) -> tuple[Keys, Similarities]:
    """Find the k nearest of all `vectors`, whose `keys` ascend, as `VectorIndex.search` has it."""

    def propose(some: Vectors, depth: int) -> tuple[Keys, Similarities]:
        step = max(1, _PRODUCTS_AT_ONCE // len(vectors))
        parts = [_top(some[at : at + step] @ vectors.T, depth) for at in range(0, len(some), step)]
        rows = np.concatenate([part[0] for part in parts])
        return rows.astype(np.int64), np.concatenate([part[1] for part in parts])

    rows, scores = rank(
        queries,
        k,
        eligible=len(vectors),
        reach=longest(vectors),
        propose=propose,
        vectors_of=lambda rows: vectors[rows],
    )
    if not len(keys):
        return rows, scores
    return np.where(rows >= 0, keys[rows], -1), scores


def rank(
    queries: Vectors,
    k: int,
    *,
    eligible: int,
    reach: float,
    propose: Propose,
    vectors_of: Callable[[Keys], Vectors],
) -> tuple[Keys, Similarities]:
    """Order what `propose` finds, as `VectorIndex.search` has it.

    `propose(queries, depth)` gives the ids and float32 scores, best first, of `depth` <= `eligible`
    candidates of each query; `reach` is the length of the longest vector. Where the last candidate scores so
    near the k-th that rounding could have kept a better one out, more are asked for.
    """
    if k < 0:
        raise ValueError(f"k must not be negative: {k}")
    keys = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    wanted = min(k, eligible)
    if not wanted:
        return keys, scores
    # A float32 sum of n products is off by at most n 2^-24 |q| |x| (Higham, Accuracy and Stability, 3.1); two
    # scores are compared, and a decoder may round once more.
    doubt = queries.shape[1] * 2.0**-22 * reach * np.linalg.norm(queries, axis=1)
    pending = [(np.arange(len(queries)), min(eligible, wanted + _SPARE))]
    while pending:
        rows, depth = pending.pop()
        step = max(1, _PROPOSED_AT_ONCE // depth)
        for at in range(0, len(rows), step):
            part = rows[at : at + step]
            ids, rough = propose(queries[part], depth)
            unsure = (rough[:, -1] >= rough[:, wanted - 1] - doubt[part]) & (depth < eligible)
            sure = part[~unsure]
            keys[sure, :wanted], scores[sure, :wanted] = _ordered(
                queries[sure], ids[~unsure], vectors_of, wanted
            )
            if unsure.any():
                pending.append((part[unsure], min(eligible, 4 * depth)))
    return keys, scores


def _ordered(
    queries: Vectors, ids: Keys, vectors_of: Callable[[Keys], Vectors], wanted: int
) -> tuple[Keys, Similarities]:
    """Give the best `wanted` of each row of candidates, scored pair by pair."""
    scores = np.empty(ids.shape, np.float32)
    step = max(1, _SCORED_AT_ONCE // ids.shape[1])
    for at in range(0, len(ids), step):
        part = slice(at, at + step)
        candidates = vectors_of(ids[part].ravel()).reshape(*ids[part].shape, queries.shape[1])
        exact = queries[part].astype(np.float64)[:, None, :]
        scores[part] = np.vecdot(candidates.astype(np.float64), exact)
    order = np.lexsort((ids, -scores), axis=1)[:, :wanted]
    return np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1)


def _top(scores: Similarities, depth: int) -> tuple[Rows, Similarities]:
    """Columns and values of the `depth` greatest of each row, greatest first."""
    columns = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    values = np.take_along_axis(scores, columns, 1)
    order = np.argsort(-values, axis=1)
    return np.take_along_axis(columns, order, 1), np.take_along_axis(values, order, 1)
