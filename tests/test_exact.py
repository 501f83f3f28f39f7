from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import GenerationError, SettingsError
from indexer.vectors import load_index, new_index
from indexer.vectors.exact import ExactIndex
from indexer.vectors.ranking import nearest
from indexer.vectors.sealed import Payload, save_sealed
from tests.builders import unit_vectors
from tests.contracts.vector_index_contract import WIDTH, Kind, VectorIndexContract, filled, some_keys


class TestExactIndex(VectorIndexContract):
    @pytest.fixture
    def kind(self) -> Kind:
        return Kind(new=ExactIndex, load=ExactIndex.load)


@given(seed=st.integers(0, 99), count=st.integers(1, 60), k=st.integers(1, 70), repeats=st.integers(1, 9))
def test_ranks_as_a_full_sort_in_double_precision(seed: int, count: int, k: int, repeats: int) -> None:
    vectors = np.repeat(unit_vectors(count, WIDTH, seed), repeats, axis=0)
    keys = np.sort(np.random.default_rng(seed).choice(10**6, len(vectors), replace=False)) + 1
    queries = unit_vectors(3, WIDTH, seed + 1)
    found, similarities = nearest(queries, k, keys, vectors)
    for query, row, scores in zip(queries, found, similarities, strict=True):
        products = np.array([np.vecdot(v.astype(float), query.astype(float)) for v in vectors]).astype("f4")
        order = np.lexsort((keys, -products))[:k]
        assert row[: len(order)].tolist() == keys[order].tolist()
        assert scores[: len(order)].tolist() == products[order].tolist()
        assert (row[len(order) :] == -1).all()


def test_many_equal_vectors_are_ordered_by_key() -> None:
    index = ExactIndex(WIDTH)
    index.upsert(some_keys(5000), np.repeat(unit_vectors(1, WIDTH), 5000, axis=0))
    found, _ = index.search(unit_vectors(20, WIDTH), 7)
    assert found.tolist() == [some_keys(7).tolist()] * 20


def test_vectors_of_any_length_are_ranked() -> None:
    vectors = unit_vectors(400, WIDTH) * np.geomspace(1e-6, 1e6, 400, dtype=np.float32)[:, None]
    found, _ = nearest(vectors[:50], 10, np.arange(1, 401), vectors)
    truth = np.argsort(-(vectors[:50].astype(float) @ vectors.T.astype(float)), axis=1, kind="stable")
    assert found.tolist() == (truth[:, :10] + 1).tolist()


@pytest.mark.parametrize("url", ["faiss:", "exact:"])
def test_an_index_is_made_and_loaded_by_url(url: str, tmp_path: Path) -> None:
    index = new_index(url, WIDTH)
    index.upsert(some_keys(4), unit_vectors(4, WIDTH))
    index.save(tmp_path / "index")
    assert type(load_index(url, tmp_path / "index")) is type(index)
    other = "exact:" if url == "faiss:" else "faiss:"
    with pytest.raises(GenerationError, match=r"of kind .* and not .*paperkin update"):
        load_index(other, tmp_path / "index")


@pytest.mark.parametrize("url", ["", "faiss", "milvus://localhost", "exact:thing", "FAISS:"])
def test_an_unknown_url_names_the_known_ones(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="faiss:, exact:"):
        new_index(url, WIDTH)
    with pytest.raises(SettingsError, match="faiss:, exact:"):
        load_index(url, tmp_path)


def test_an_error_of_the_disk_is_told_even_if_later_writes_succeed(tmp_path: Path) -> None:
    class FailsOnce(io.BytesIO):
        fail = True

        def write(self, data: Any, /) -> int:
            if self.fail:
                self.fail = False
                raise OSError(5, "Input/output error")
            return super().write(data)

    def write(payload: Payload) -> None:
        payload._file = FailsOnce()
        payload.write(b"lost")
        payload.write(b"kept")

    with pytest.raises(GenerationError, match="Input/output error"):
        save_sealed(tmp_path / "index", {"kind": "any"}, write)


def test_the_file_is_two_plain_numpy_arrays(tmp_path: Path) -> None:
    index, keys, vectors = filled(Kind(new=ExactIndex, load=ExactIndex.load), 20)
    index.save(tmp_path / "index")
    with (tmp_path / "index").open("rb") as file:
        assert np.load(file, allow_pickle=False).tolist() == keys.tolist()
        assert np.load(file, allow_pickle=False).tolist() == vectors.tolist()
