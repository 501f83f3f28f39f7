from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.ports import VectorIndex
from indexer.tables import Keys, Vectors
from indexer.vectors import faiss_index, inverted
from indexer.vectors.exact import ExactIndex
from indexer.vectors.faiss_index import FLAT_LIMIT, FaissIndex
from indexer.vectors.inverted import lists_for, probes_for, training_size
from tests.builders import unit_vectors
from tests.contracts.vector_index_contract import WIDTH, Kind, VectorIndexContract, same_answers, some_keys

LIMIT = 64  # above it the large form, so that a test needs no 50,000 vectors


class TestFlat(VectorIndexContract):
    @pytest.fixture
    def kind(self) -> Kind:
        return Kind(new=FaissIndex, load=FaissIndex.load)


class TestInverted(VectorIndexContract):
    @pytest.fixture
    def kind(self) -> Kind:
        return Kind(new=partial(FaissIndex, flat_limit=LIMIT), load=FaissIndex.load, tolerance=0.08)


def clustered(count: int, width: int = 32, seed: int = 0) -> Vectors:
    """Unit vectors around 40 directions, as topics are."""
    random = np.random.default_rng(seed)
    directions = np.random.default_rng(7).standard_normal((40, width))
    rows = directions[random.integers(0, 40, count)] + 0.7 * random.standard_normal((count, width))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def small_vectors(keys: list[int], seed: int) -> Vectors:
    """Vectors of few different values, so that ties are common."""
    return np.random.default_rng(seed).integers(-2, 3, (len(keys), 4)).astype(np.float32)


def some_distinct_keys(least: int = 0) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, 120), unique=True, min_size=least, max_size=40)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["upsert", "upsert", "remove", "reload"]), some_distinct_keys(), st.integers(0, 9)
    ),
    max_size=12,
)


def apply(index: VectorIndex, steps: list[tuple[str, list[int], int]], folder: Path) -> VectorIndex:
    for step, keys, seed in steps:
        if step == "upsert":
            index.upsert(np.array(keys, np.int64), small_vectors(keys, seed))
        elif step == "remove":
            index.remove(np.array(keys, np.int64))
        elif isinstance(index, FaissIndex):
            index.save(folder / "index")
            index = FaissIndex.load(folder / "index")
    return index


@given(STEPS, st.integers(1, 30), some_distinct_keys())
def test_any_history_answers_as_the_reference(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, list[int], int]],
    k: int,
    among: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("index")
    exact = apply(ExactIndex(4), steps, folder)
    index = apply(FaissIndex(4), steps, folder)
    assert index.keys().tolist() == exact.keys().tolist()
    queries = small_vectors(list(range(5)), 99)
    for restriction in (None, np.array(among, np.int64)):
        ours, theirs = (either.search(queries, k, among=restriction) for either in (index, exact))
        assert ours[0].tolist() == theirs[0].tolist()
        assert ours[1].tolist() == theirs[1].tolist()


@contextmanager
def few_lists() -> Iterator[None]:
    """One list is scanned at first: the worst case of an index that is truly large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inverted, "probes_for", lambda *_, **__: 1)
        patch.setattr(faiss_index, "_COMPARED_DIRECTLY", 5)
        yield


@settings(max_examples=40, deadline=None)  # learning the lists takes its time
@given(some_distinct_keys(least=20), STEPS, st.integers(1, 30), some_distinct_keys())
def test_any_history_of_the_large_form_finds_whatever_is_held(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[int],
    steps: list[tuple[str, list[int], int]],
    k: int,
    among: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("index")
    steps = [("upsert", first, 10), *steps]
    exact = apply(ExactIndex(4), steps, folder)
    index = apply(FaissIndex(4, flat_limit=16), steps, folder)
    held = exact.keys()
    assert index.keys().tolist() == held.tolist()
    assert index.vectors(held).shape == (len(held), 4)
    queries = small_vectors(list(range(5)), 99)
    for restriction in (None, np.array(among, np.int64)):
        with few_lists():
            found, similarities = index.search(queries, k, among=restriction)
        eligible = held if restriction is None else np.intersect1d(held, restriction)
        filled = min(k, len(eligible))
        assert (found[:, filled:] == -1).all()
        assert np.isin(found[:, :filled], eligible).all()
        for query, row, scores in zip(queries, found[:, :filled], similarities[:, :filled], strict=True):
            assert len(set(row.tolist())) == filled
            assert scores == pytest.approx(index.vectors(row) @ query, abs=1e-4)


def test_a_flat_index_is_the_same_file_whatever_its_history(tmp_path: Path) -> None:
    keys, vectors = some_keys(200), unit_vectors(200, WIDTH)
    once, grown = FaissIndex(WIDTH), FaissIndex(WIDTH)
    once.upsert(keys, vectors)
    for part in np.array_split(np.random.default_rng(0).permutation(200), 9):
        grown.upsert(keys[part], unit_vectors(len(part), WIDTH, seed=5))
        grown.upsert(keys[part], vectors[part])
    grown.upsert(np.array([2, 5]), vectors[:2])
    grown.remove(np.array([2, 5]))
    once.save(tmp_path / "once")
    grown.save(tmp_path / "grown")
    assert (tmp_path / "once").read_bytes() == (tmp_path / "grown").read_bytes()


@pytest.mark.parametrize("step", [1, 7, 50, 333])
def test_a_large_index_grown_in_steps_equals_one_built_at_once(step: int) -> None:
    keys, vectors = some_keys(400), clustered(400)
    once, grown = FaissIndex(32, flat_limit=LIMIT), FaissIndex(32, flat_limit=LIMIT)
    once.upsert(keys, vectors)
    for at in range(0, 400, step):
        grown.upsert(keys[at : at + step], vectors[at : at + step])
    assert once.lossy
    assert grown.lossy
    assert (once.vectors(keys) == grown.vectors(keys)).all()
    with few_lists():
        assert same_answers(once, grown, vectors)


def test_the_form_follows_the_size() -> None:
    index = FaissIndex(WIDTH, flat_limit=LIMIT)
    keys, vectors = some_keys(LIMIT + 1), unit_vectors(LIMIT + 1, WIDTH)
    index.upsert(keys[:LIMIT], vectors[:LIMIT])
    lossy = [index.lossy]
    index.upsert(keys[LIMIT:], vectors[LIMIT:])
    lossy.append(index.lossy)
    index.remove(keys[5:])
    lossy.append(index.lossy)
    index.remove(keys[:5])
    lossy.append(index.lossy)
    index.upsert(keys[:5], vectors[:5])
    assert lossy == [False, True, True, False]
    assert (index.vectors(keys[:5]) == vectors[:5]).all()


def test_learning_anew_rounds_no_vector_again(tmp_path: Path) -> None:
    index = FaissIndex(32, flat_limit=LIMIT)
    keys, vectors = some_keys(600), clustered(600)
    index.upsert(keys[:100], vectors[:100])
    first = index.vectors(keys[:100])
    index.save(tmp_path / "index")
    later = FaissIndex.load(tmp_path / "index")
    later.upsert(keys[100:], vectors[100:])
    assert (later.vectors(keys[:100]) == first).all()


def lists_of(form: inverted.Inverted) -> list[list[int]]:
    lists = form.index.invlists
    return [
        sorted(faiss.rev_swig_ptr(lists.get_ids(at), lists.list_size(at)).tolist())
        for at in range(form.index.nlist)
    ]


def test_a_vector_lies_in_the_list_that_learning_anew_would_give_it() -> None:
    index = FaissIndex(4, flat_limit=LIMIT)
    coarse, fine = 50 * unit_vectors(LIMIT + 1, 4), unit_vectors(LIMIT // 2, 4, seed=1)
    index.upsert(some_keys(len(coarse)), coarse)  # so long that rounding turns short vectors another way
    index.upsert(some_keys(len(fine), first=10**6), fine)
    form = index._form
    assert isinstance(form, inverted.Inverted)
    anew = inverted.Inverted.built(form.keys, form.vectors, form.ranges, form.trained_on)
    assert lists_of(anew) == lists_of(form)
    assert max(map(len, lists_of(form))) < len(form.keys) / 2


def test_far_neighbours_are_found_when_the_lists_near_by_hold_none() -> None:
    index = FaissIndex(32, flat_limit=256)
    near, far = clustered(300), clustered(100, seed=1)
    near[:, 0], far[:, 0] = 3, -3
    index.upsert(some_keys(400), np.concatenate([far, near]))
    among = some_keys(400)[:100]
    between = np.linspace(near[0], far[0], 50)  # the lists near by hold none, a few, all
    with few_lists():
        found, _ = index.search(between, 1, among=among)
    assert np.isin(found, among).all()


def recall(index: VectorIndex, exact: VectorIndex, queries: Vectors, among: Keys | None = None) -> float:
    found = index.search(queries, 10, among=among)[0]
    truth = exact.search(queries, 10, among=among)[0]
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth, strict=True)]))


def test_the_large_form_finds_nearly_all_neighbours() -> None:
    keys, vectors = some_keys(6000), clustered(6000)
    exact, index = ExactIndex(32), FaissIndex(32, flat_limit=2500)
    for either in (exact, index):
        either.upsert(keys, vectors)
    index.upsert(keys[:50], vectors[:50][::-1])
    exact.upsert(keys[:50], vectors[:50][::-1])
    queries = clustered(200, seed=3)
    assert index.lossy
    assert recall(index, exact, queries) > 0.93
    assert recall(index, exact, queries, among=keys[::3]) > 0.93
    assert recall(index, exact, queries, among=keys[::20]) > 0.93


def test_the_sizes_chosen_are_bounded_and_grow() -> None:
    assert [training_size(n, 50_000) for n in (50_001, 99_999, 100_000, 3_200_000)] == [
        50_000,
        50_000,
        100_000,
        3_200_000,
    ]
    assert [lists_for(n) for n in (16, 50_000, 3_200_000)] == [8, 512, 4096]
    assert probes_for(512, held=50_000, eligible=50_000, depth=28) == 64
    assert probes_for(512, held=50_000, eligible=25_000, depth=28) == 128
    assert probes_for(512, held=50_000, eligible=2_000, depth=28) == 512
    assert probes_for(4096, held=3_200_000, eligible=3_200_000, depth=100_000) == 512
    with pytest.raises(ValueError, match="at least 16"):
        FaissIndex(WIDTH, flat_limit=15)
    assert FLAT_LIMIT == 50_000


def test_one_query_runs_on_one_thread_and_leaves_the_setting_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    search = faiss.IndexIDMap2.search

    def spy(self: Any, *args: Any, **named: Any) -> Any:
        seen.append(faiss.omp_get_max_threads())
        return search(self, *args, **named)

    monkeypatch.setattr(faiss.IndexIDMap2, "search", spy)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        index = FaissIndex(WIDTH)
        index.upsert(some_keys(11_000), unit_vectors(11_000, WIDTH))
        index.search(unit_vectors(1, WIDTH), 2)
        index.search(unit_vectors(100, WIDTH), 2)
        assert seen[0] == 1
        assert set(seen[1:]) == {3}
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(before)
