"""Batches: what counts as positive, what as neither, and what never appears at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.citations import build_graph
from indexer.tables import Edges
from service.training.pairs import (
    Batch,
    Links,
    Neighbourhoods,
    Nodes,
    batch_of,
    default_cut,
    links_of,
    seeds_of,
)

SIZE = 30


def linked(pairs: set[tuple[int, int]], banned: set[int], works: list[int] | None = None) -> Links:
    """Links of papers 0..29, of which the last five are not held."""
    citing, cited = np.array(sorted(pairs) or [(0, 1)], np.int64).reshape(-1, 2).T
    graph = build_graph(Edges(citing, cited), np.arange(SIZE))
    flags = np.isin(np.arange(SIZE), list(banned))
    return links_of(
        graph.reference_ends,
        graph.references,
        usable=(np.arange(SIZE) < SIZE - 5) & ~flags,
        banned=flags,
        works=np.array(works or range(SIZE)),
    )


def all_near(nodes: Nodes) -> Nodes:
    """Everything is near, excluded papers too, and places are left empty."""
    return np.tile(np.arange(-1, SIZE), (len(nodes), 1))


def drawn(links: Links, seed: int = 0, groups: int = 4) -> Batch:
    seeds = np.flatnonzero(links.usable & (links.cites @ links.usable.astype(np.int32) > 0))
    return Neighbourhoods(links, seeds, all_near, seed=seed).draw(groups)


numbers = st.integers(0, SIZE - 1)
graphs = st.sets(st.tuples(numbers, numbers), min_size=20, max_size=150)


@given(pairs=graphs, banned=st.sets(numbers, max_size=8), seed=st.integers(0, 5))
def test_properties_of_every_batch(pairs: set[tuple[int, int]], banned: set[int], seed: int) -> None:
    works = [at // 2 if at < 4 else at for at in range(SIZE)]  # 0 and 1 are one work, so are 2 and 3
    links = linked(pairs, banned, works)
    if not (links.usable & (links.cites @ links.usable.astype(np.int32) > 0)).any():
        return
    batch = drawn(links, seed)
    assert not set(batch.nodes.tolist()) & banned
    assert links.usable[batch.nodes].all()
    assert (batch.positive == batch.positive.T).all()
    assert (batch.ignored == batch.ignored.T).all()
    assert not (batch.positive & batch.ignored).any()
    assert batch.ignored.diagonal().all()
    learned = {(a, b) for a, b in pairs if links.usable[a] and b not in banned}
    references = {node: {b for a, b in learned if a == node and b != node} for node in range(SIZE)}
    citers = {node: {a for a, b in learned if b == node and a != node} for node in range(SIZE)}
    for i, one in enumerate(batch.nodes.tolist()):
        for j, other in enumerate(batch.nodes.tolist()):
            same = works[one] == works[other]
            cites = other in references[one] | citers[one]
            assert batch.positive[i, j] == (cites and not same)
            kin = same or bool(references[one] & references[other] or citers[one] & citers[other])
            assert batch.ignored[i, j] == (kin and not batch.positive[i, j])


@given(pairs=graphs, seed=st.integers(0, 5))
def test_equal_seeds_draw_equal_batches(pairs: set[tuple[int, int]], seed: int) -> None:
    links = linked(pairs | {(0, 1)}, set())
    one, other = drawn(links, seed), drawn(links, seed)
    assert (one.nodes == other.nodes).all()
    assert (one.positive == other.positive).all()


def test_a_shared_work_that_is_not_held_makes_kin() -> None:
    links = linked({(0, 29), (1, 29), (2, 28)}, set())
    batch = batch_of(links, np.array([0, 1, 2]))
    assert batch.ignored.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    assert not batch.positive.any()


def test_a_banned_paper_makes_no_kin() -> None:
    links = linked({(0, 7), (1, 7), (7, 2), (7, 3)}, {7})
    batch = batch_of(links, np.array([0, 1, 2, 3]))
    assert (batch.ignored == np.eye(4, dtype=bool)).all()


def test_around_a_seed_are_its_references_and_negatives_that_no_citation_joins_to_it() -> None:
    links = linked({(0, at) for at in range(1, 9)} | {(1, 20)}, set())
    batch = Neighbourhoods(links, np.array([0]), all_near, seed=0).draw(20)
    at = batch.nodes.tolist().index(0)
    assert batch.positive[at].sum() == 5, "as many references as are wanted of one"
    assert 3 <= (~batch.positive[at]).sum() - 1 <= 4, "three near texts, perhaps a reference of a reference"


def test_seeds_need_three_usable_references() -> None:
    pairs = {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (1, 28), (2, 3), (2, 4), (2, 5)}
    assert seeds_of(linked(pairs, set())).tolist() == [0, 2]
    assert seeds_of(linked(pairs, {5})).tolist() == [0]


def test_no_seeds_no_batches() -> None:
    with pytest.raises(ValueError, match="no paper to begin with"):
        Neighbourhoods(linked({(0, 1)}, set()), np.array([], np.int64), all_near, seed=0)


@given(months=st.lists(st.sampled_from([202301, 202302, 202305, 202312, 202401]), min_size=1, max_size=60))
def test_the_cut_leaves_the_newest_aside_and_most_to_learn_from(months: list[int]) -> None:
    cut = default_cut(np.array(months, np.int32))
    newer = [month for month in months if month > cut]
    assert newer, "something must be left aside"
    newest = max(months)
    assert len(newer) <= 0.2 * len(months) or set(newer) == {newest}
