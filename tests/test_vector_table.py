from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.vectors.table import VectorTable
from tests.builders import unit_vectors


def a_table() -> VectorTable:
    return VectorTable.of(np.array([2, 4, 8], dtype=np.int64), unit_vectors(3))


def test_vectors_by_key() -> None:
    found = a_table().vector(4)
    assert found is not None
    assert found == pytest.approx(unit_vectors(3)[1], abs=1e-3)
    assert a_table().vector(5) is None


def test_similarities_are_cosines_and_0_for_what_is_not_there() -> None:
    rows = unit_vectors(3)
    found = a_table().similarities(np.array([8, 3, 2]), rows[:2])
    assert found.shape == (3, 2)
    assert found[0, 0] == pytest.approx(float(rows[2] @ rows[0]), abs=2e-3)
    assert found[1].tolist() == [0.0, 0.0]
    assert found[2, 0] == pytest.approx(1.0, abs=2e-3)


def test_holds_tells_changed_and_new_vectors() -> None:
    rows = unit_vectors(4)
    changed = rows.copy()
    changed[1] = rows[3]
    assert a_table().holds(np.array([2, 4, 8, 9]), rows).tolist() == [True, True, True, False]
    assert a_table().holds(np.array([2, 4, 8]), changed[:3]).tolist() == [True, False, True]


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    a_table().save(tmp_path)
    loaded = VectorTable.load(tmp_path)
    assert np.array_equal(loaded.rows, a_table().rows)
    assert np.array_equal(loaded.keys, a_table().keys)


def test_an_empty_table() -> None:
    empty = VectorTable.of(np.zeros(0, dtype=np.int64), np.zeros((0, 16), dtype=np.float32))
    assert empty.vector(1) is None
    assert empty.similarities(np.array([1]), unit_vectors(2)).tolist() == [[0.0, 0.0]]
    assert empty.holds(np.array([1]), unit_vectors(1)).tolist() == [False]


def test_rows_are_of_those_that_have_one_in_the_order_asked_for() -> None:
    rows = unit_vectors(3).astype(np.float16).astype(np.float32)
    found = a_table().rows_of(np.array([8, 3, 2, 99, 8]))
    assert found.dtype == np.float32
    assert np.array_equal(found, rows[[2, 0, 2]])
    assert a_table().rows_of(np.array([], dtype=np.int64)).shape == (0, 16)
    empty = VectorTable.of(np.zeros(0, dtype=np.int64), np.zeros((0, 16), dtype=np.float32))
    assert empty.rows_of(np.array([1, 2])).shape == (0, 16)
