"""The contract of `VectorIndex`, run on every backend: subclass and give the `kind` fixture."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pytest

from indexer.errors import GenerationError
from indexer.ports import VectorIndex
from indexer.tables import Keys, Vectors
from tests.builders import unit_vectors

WIDTH = 16


class New(Protocol):
    def __call__(self, width: int) -> VectorIndex: ...


class Load(Protocol):
    def __call__(self, path: Path) -> VectorIndex: ...


@dataclass(frozen=True)
class Kind:
    """How a backend makes and loads an index, and how far its similarities may be off."""

    new: New
    load: Load
    tolerance: float = 0.0


def some_keys(count: int, first: int = 1) -> Keys:
    """Every third number from `first`: keys have gaps, as in a store."""
    return np.arange(count, dtype=np.int64) * 3 + first


def filled(kind: Kind, count: int = 300, seed: int = 0) -> tuple[VectorIndex, Keys, Vectors]:
    index, keys, vectors = kind.new(WIDTH), some_keys(count), unit_vectors(count, WIDTH, seed)
    index.upsert(keys, vectors)
    return index, keys, vectors


def same_answers(one: VectorIndex, other: VectorIndex, queries: Vectors, k: int = 9) -> bool:
    """Whether two indexes give the same keys and similarities to the last bit."""
    ours, theirs = one.search(queries, k), other.search(queries, k)
    return np.array_equal(ours[0], theirs[0]) and np.array_equal(ours[1], theirs[1])


class VectorIndexContract:
    @pytest.fixture
    def kind(self) -> Kind:
        raise pytest.UsageError("a subclass gives the kind of index")

    def test_an_empty_index_answers_with_padding(self, kind: Kind) -> None:
        index = kind.new(WIDTH)
        keys, similarities = index.search(unit_vectors(2, WIDTH), 3)
        assert (index.width, len(index), index.keys().tolist()) == (WIDTH, 0, [])
        assert keys.tolist() == [[-1] * 3] * 2
        assert similarities.tolist() == [[-np.inf] * 3] * 2
        index.remove(some_keys(3))
        assert index.vectors(some_keys(0)).shape == (0, WIDTH)

    def test_finds_each_vector_first_by_itself(self, kind: Kind) -> None:
        index, keys, vectors = filled(kind)
        found, similarities = index.search(vectors, 5)
        assert [str(found.dtype), str(similarities.dtype)] == ["int64", "float32"]
        assert found.shape == similarities.shape == (300, 5)
        assert found[:, 0].tolist() == keys.tolist()
        assert similarities[:, 0] == pytest.approx(np.ones(300), abs=4 * kind.tolerance + 1e-6)
        assert (np.diff(similarities, axis=1) <= 0).all()

    def test_a_batch_answers_as_its_queries_one_by_one(self, kind: Kind) -> None:
        index, _, vectors = filled(kind)
        together = index.search(vectors[:100], 12)
        for at in range(0, 100, 9):
            alone = index.search(vectors[at : at + 1], 12)
            assert alone[0][0].tolist() == together[0][at].tolist()
            assert alone[1][0].tolist() == together[1][at].tolist()

    def test_keeps_vectors_and_keys(self, kind: Kind) -> None:
        index, keys, vectors = filled(kind)
        assert len(index) == 300
        assert index.keys().tolist() == keys.tolist()
        kept = index.vectors(keys[[7, 2, 7]])
        assert kept.dtype == np.float32
        assert kept == pytest.approx(vectors[[7, 2, 7]], abs=kind.tolerance)
        with pytest.raises(KeyError, match="2"):
            index.vectors(np.array([1, 2]))

    def test_what_it_gives_is_a_copy(self, kind: Kind) -> None:
        index, keys, vectors = filled(kind)
        index.keys()[:] = 0
        index.vectors(keys)[:] = 0
        vectors_before = index.vectors(keys).copy()
        vectors[:] = 0
        assert index.keys().tolist() == keys.tolist()
        assert (index.vectors(keys) == vectors_before).all()
        assert (vectors_before != 0).any()

    def test_upsert_replaces(self, kind: Kind) -> None:
        index, keys, vectors = filled(kind)
        index.upsert(keys[:3], vectors[[10, 10, 11]])
        assert len(index) == 300
        found, _ = index.search(vectors[[10]], 4)
        assert found[0, :3].tolist() == [keys[0], keys[1], keys[10]]
        assert index.vectors(keys[:1]) == pytest.approx(vectors[[10]], abs=kind.tolerance)

    def test_upsert_takes_any_order_and_gaps_between_held_keys(self, kind: Kind) -> None:
        index, keys, _ = filled(kind)
        extra = unit_vectors(2, WIDTH, seed=9)
        index.upsert(np.array([keys[-1] + 1, keys[5] + 1]), extra)
        assert index.keys().tolist() == sorted([*keys.tolist(), int(keys[-1]) + 1, int(keys[5]) + 1])
        assert index.search(extra, 1)[0].ravel().tolist() == [keys[-1] + 1, keys[5] + 1]

    def test_remove_forgets_and_ignores_unknown_keys(self, kind: Kind) -> None:
        index, keys, vectors = filled(kind)
        index.remove(np.array([keys[4], keys[4], 10**9, keys[5]]))
        assert len(index) == 298
        assert not np.isin(keys[4], index.keys())
        assert keys[4] not in index.search(vectors[[4]], 298)[0]
        index.upsert(keys[4:5], vectors[4:5])
        assert index.search(vectors[[4]], 1)[0].tolist() == [[keys[4]]]

    def test_removing_all_leaves_an_index_that_works(self, kind: Kind) -> None:
        index, keys, vectors = filled(kind)
        index.remove(keys)
        assert len(index) == 0
        index.upsert(keys[:2], vectors[:2])
        assert index.search(vectors[:1], 2)[0].tolist()[0][0] == keys[0]

    @pytest.mark.parametrize("chosen", [slice(0, 1), slice(0, 20), slice(10, 290, 2), slice(None)])
    def test_among_restricts(self, kind: Kind, chosen: slice) -> None:
        index, keys, vectors = filled(kind)
        among = keys[chosen]
        k = min(len(among), 15)
        found, similarities = index.search(vectors[:40], k + 2, among=np.append(among, [2, 10**9]))
        assert np.isin(found[:, :k], among).all()
        if len(among) < k + 2:
            assert (found[:, k:] == -1).all()
            assert (similarities[:, k:] == -np.inf).all()
        own = np.isin(keys[:40], among)
        assert found[own, 0].tolist() == keys[:40][own].tolist()

    def test_among_nothing_finds_nothing(self, kind: Kind) -> None:
        index, _, vectors = filled(kind)
        for among in (np.empty(0, np.int64), np.array([2, 5])):
            assert index.search(vectors[:1], 2, among=among)[0].tolist() == [[-1, -1]]

    def test_every_vector_is_found_when_as_many_are_wanted(self, kind: Kind) -> None:
        index, keys, vectors = filled(kind)
        found, similarities = index.search(vectors[:2], 310)
        assert np.sort(found[:, :300], axis=1).tolist() == [keys.tolist()] * 2
        assert (found[:, 300:] == -1).all()
        assert np.isfinite(similarities[:, :300]).all()

    def test_ties_go_to_the_smaller_key(self, kind: Kind) -> None:
        index, keys, vectors = filled(kind)
        twins = np.array([keys[200], keys[3], keys[90], keys[299]])
        index.upsert(twins, np.repeat(vectors[:1], 4, axis=0))
        found, similarities = index.search(vectors[:1], 5)
        assert found[0].tolist() == sorted([int(keys[0]), *twins.tolist()])
        assert len(set(similarities[0].tolist())) == 1
        assert index.search(vectors[:1], 2)[0][0].tolist() == sorted([int(keys[0]), *twins.tolist()])[:2]

    def test_among_many(self, kind: Kind) -> None:
        index, keys, vectors = filled(kind, 1300)
        among = keys[5:1200]
        found, _ = index.search(vectors[[5, 1199, 77]], 1195, among=among)
        assert found[:, 0].tolist() == keys[[5, 1199, 77]].tolist()
        assert np.sort(found, axis=1).tolist() == [among.tolist()] * 3

    def test_keys_far_apart(self, kind: Kind) -> None:
        index, keys, vectors = kind.new(WIDTH), some_keys(1300) * 10**14, unit_vectors(1300, WIDTH)
        index.upsert(keys, vectors)
        assert index.search(vectors[7:8], 1, among=keys[:1200])[0].tolist() == [[keys[7]]]
        assert index.search(vectors[7:8], 1, among=keys[8:1200])[0][0, 0] > keys[7]

    def test_no_neighbours_wanted(self, kind: Kind) -> None:
        index, _, vectors = filled(kind)
        assert index.search(vectors[:3], 0)[0].shape == (3, 0)
        assert index.search(vectors[:0], 4)[0].shape == (0, 4)
        with pytest.raises(ValueError, match="negative"):
            index.search(vectors[:1], -1)

    @pytest.mark.parametrize(
        ("keys", "vectors", "complaint"),
        [
            ([1, 1], np.eye(2, WIDTH), "twice"),
            ([0, 1], np.eye(2, WIDTH), "positive"),
            ([-5, 1], np.eye(2, WIDTH), "positive"),
            ([1.5, 2], np.eye(2, WIDTH), "integers"),
            ([[1, 2]], np.eye(2, WIDTH), "one dimension"),
            ([1], np.eye(2, WIDTH), "1 keys for 2 vectors"),
            ([1, 2], np.eye(2, WIDTH + 1), "shape"),
            ([1], np.ones(WIDTH), "shape"),
            ([1], np.full((1, WIDTH), np.nan), "finite"),
            ([1], np.full((1, WIDTH), -np.inf), "finite"),
            ([1], np.full((1, WIDTH), 1e300), "finite"),
        ],
    )
    def test_unusable_input_is_refused_and_changes_nothing(
        self, kind: Kind, keys: list[int], vectors: npt.NDArray[np.float64], complaint: str
    ) -> None:
        index, held, _ = filled(kind)
        before = index.vectors(held)
        with pytest.raises(ValueError, match=complaint):
            index.upsert(np.array(keys), vectors)  # type: ignore[arg-type]  # float64 is what callers may bring
        assert index.keys().tolist() == held.tolist()
        assert (index.vectors(held) == before).all()

    def test_unusable_queries_are_refused(self, kind: Kind) -> None:
        index, _, vectors = filled(kind)
        for queries in (vectors[0], vectors[:, :5], np.full_like(vectors, np.nan)):
            with pytest.raises(ValueError, match=r"shape|finite"):
                index.search(queries, 3)

    def test_a_saved_index_answers_alike_and_can_be_changed(self, kind: Kind, tmp_path: Path) -> None:
        index, keys, vectors = filled(kind)
        index.save(tmp_path / "index")
        loaded = kind.load(tmp_path / "index")
        assert (loaded.width, len(loaded)) == (WIDTH, 300)
        assert loaded.keys().tolist() == keys.tolist()
        assert same_answers(index, loaded, vectors)
        loaded.upsert(keys[:1], vectors[1:2])
        loaded.remove(keys[2:3])
        assert len(loaded) == 299
        assert loaded.search(vectors[1:2], 2)[0].tolist() == [keys[:2].tolist()]

    def test_an_empty_index_can_be_saved(self, kind: Kind, tmp_path: Path) -> None:
        kind.new(WIDTH).save(tmp_path / "index")
        loaded = kind.load(tmp_path / "index")
        assert (loaded.width, len(loaded)) == (WIDTH, 0)
        loaded.upsert(some_keys(3), unit_vectors(3, WIDTH))
        assert len(loaded) == 3

    def test_a_damaged_file_is_never_loaded(self, kind: Kind, tmp_path: Path) -> None:
        index, _, _ = filled(kind)
        path, bad = tmp_path / "index", tmp_path / "bad"
        index.save(path)
        good = path.read_bytes()
        random = np.random.default_rng(0)
        damaged = [good[:size] for size in [0, 1, *random.integers(2, len(good), 40).tolist(), len(good) - 1]]
        damaged += [good + extra for extra in (b"\0", b"garbage" * 9, good)]
        for bit in random.integers(0, 8 * len(good), 200).tolist():
            flipped = bytearray(good)
            flipped[bit // 8] ^= 1 << bit % 8
            damaged.append(bytes(flipped))
        for content in damaged:
            bad.write_bytes(content)
            with pytest.raises(GenerationError, match="paperkin update"):
                kind.load(bad)

    def test_a_missing_file_is_named(self, kind: Kind, tmp_path: Path) -> None:
        with pytest.raises(GenerationError, match=r"nowhere.*paperkin update"):
            kind.load(tmp_path / "nowhere")

    def test_a_full_disk_is_an_error(self, kind: Kind) -> None:
        full = Path("/dev/full")
        if not full.exists():
            pytest.skip("no /dev/full on this system")
        index, _, _ = filled(kind)
        with pytest.raises(GenerationError, match="No space left"):
            index.save(full)

    def test_searches_from_many_threads_agree(self, kind: Kind) -> None:
        index, keys, vectors = filled(kind)
        expected = index.search(vectors, 8)[0]
        wrong: list[int] = []

        def search(seed: int) -> None:
            for at in np.random.default_rng(seed).integers(0, 300, 40):
                among = keys if at % 2 else None
                if (index.search(vectors[at : at + 1], 8, among=among)[0][0] != expected[at]).any():
                    wrong.append(int(at))

        threads = [threading.Thread(target=search, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
