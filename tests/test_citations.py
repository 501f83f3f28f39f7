"""The citation graph against plain definitions on small and random graphs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.citations import (
    CitationGraph,
    accumulate,
    build_graph,
    cocitation,
    coupling,
    coupling_by,
    local_rank,
    neighbourhood,
    page_rank,
    shared,
    shortest_path,
)
from indexer.tables import Edges


def a_graph(edges: list[tuple[int, int]], held: list[int] | None = None) -> CitationGraph:
    citing, cited = (np.array([edge[side] for edge in edges], dtype=np.int64) for side in (0, 1))
    everyone = sorted({key for edge in edges for key in edge}) if held is None else held
    return build_graph(Edges(citing, cited), np.array(everyone, dtype=np.int64))


def keys(graph: CitationGraph, nodes: np.ndarray) -> list[int]:
    return [int(key) for key in graph.keys[nodes]]


edge_lists = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 12)).filter(lambda edge: edge[0] != edge[1]),
    max_size=40,
    unique=True,
)


@given(edge_lists)
def test_rows_are_the_edges(edges: list[tuple[int, int]]) -> None:
    graph = a_graph(edges)
    found = [
        (int(graph.keys[node]), key)
        for node in range(len(graph))
        for key in keys(graph, graph.references_of(node))
    ]
    back = [
        (key, int(graph.keys[node]))
        for node in range(len(graph))
        for key in keys(graph, graph.citers_of(node))
    ]
    assert found == sorted(edges)
    assert sorted(back) == sorted(edges)


@given(edge_lists)
def test_page_rank_agrees_with_networkx(edges: list[tuple[int, int]]) -> None:
    graph = a_graph(edges, held=list(range(1, 13)))
    picture = nx.DiGraph(edges)
    picture.add_nodes_from(range(1, 13))
    expected = nx.pagerank(picture, alpha=0.5, tol=1e-9)
    for key, rank in zip(graph.keys.tolist(), graph.rank.tolist(), strict=True):
        assert rank == pytest.approx(12 * expected[key], abs=1e-4)


def test_page_rank_of_nothing_is_nothing() -> None:
    nothing = np.zeros(0, dtype=np.int32)
    assert len(page_rank(nothing, nothing, 0)) == 0


@given(edge_lists)
def test_shortest_path_is_as_short_as_networkx_says(edges: list[tuple[int, int]]) -> None:
    graph = a_graph(edges, held=[1, 2, *sorted({key for edge in edges for key in edge} - {1, 2})])
    start, goal = graph.position(1), graph.position(2)
    assert start is not None
    assert goal is not None
    found = shortest_path(graph, start, goal)
    plain = nx.Graph(edges)
    plain.add_nodes_from([1, 2])
    if not nx.has_path(plain, 1, 2):
        assert found is None
        return
    assert found is not None
    chain = [int(graph.keys[node]) for node in found]
    assert (chain[0], chain[-1]) == (1, 2)
    assert len(chain) == nx.shortest_path_length(plain, 1, 2) + 1
    assert all(plain.has_edge(one, next_one) for one, next_one in pairwise(chain))


def test_path_to_itself_and_giving_up() -> None:
    graph = a_graph([(1, 2), (2, 3), (3, 4), (4, 5)])
    assert shortest_path(graph, 0, 0) == [0]
    assert shortest_path(graph, 0, 4) == [0, 1, 2, 3, 4]
    assert shortest_path(graph, 0, 4, most_nodes=2) is None


def test_coupling_counts_shared_references_the_rare_ones_more() -> None:
    edges = [(1, 10), (2, 10), (1, 11), (3, 11), (4, 11), (5, 11)]
    graph = a_graph(edges)
    one = np.array([graph.position(1)], dtype=np.int32)
    nodes, values = coupling(graph, one)
    found = dict(zip(keys(graph, nodes), values.tolist(), strict=True))
    assert found[2] == pytest.approx(1 / np.log(2 + 2))
    assert found[3] == pytest.approx(1 / np.log(2 + 4))
    assert found[2] > found[3]


def test_cocitation_counts_common_citers_the_short_lists_more() -> None:
    edges = [(20, 1), (20, 2), (21, 1), (21, 3), (21, 4), (21, 5)]
    graph = a_graph(edges)
    one = np.array([graph.position(1)], dtype=np.int32)
    nodes, values = cocitation(graph, one)
    found = dict(zip(keys(graph, nodes), values.tolist(), strict=True))
    assert found[2] == pytest.approx(1 / np.log(2 + 2))
    assert found[3] == pytest.approx(1 / np.log(2 + 4))


def test_works_that_are_not_held_connect_but_are_not_found() -> None:
    graph = a_graph([(1, 99), (2, 99), (50, 99)], held=[1, 2])
    nodes, _ = coupling(graph, np.array([graph.position(1)], dtype=np.int32))
    assert keys(graph, nodes) == [1, 2]


def test_accumulate_sums_equal_nodes() -> None:
    nodes, sums = accumulate(np.array([3, 1, 3], dtype=np.int32), np.array([1, 2, 4], dtype=np.float32))
    assert nodes.tolist() == [1, 3]
    assert sums.tolist() == [2.0, 5.0]


def test_shared_and_positions() -> None:
    graph = a_graph([(1, 10), (2, 10), (2, 11)])
    one, two = graph.position(1), graph.position(2)
    assert one is not None
    assert two is not None
    assert keys(graph, shared(graph.references_of(one), graph.references_of(two))) == [10]
    assert graph.position(77) is None
    assert graph.positions(np.array([2, 77, 1])).tolist() == [two, -1, one]


def test_neighbourhood_keeps_the_strongest_and_the_edges_among_them() -> None:
    edges = [(1, key) for key in range(2, 30)] + [(3, 2), (4, 2)]
    graph = a_graph(edges)
    centre = graph.position(1)
    assert centre is not None
    picture = neighbourhood(graph, centre, most=5)
    assert picture.number_of_nodes() == 6
    assert {1, 2} <= set(picture.nodes)
    assert picture.has_edge(1, 2)
    assert all(edge in set(edges) for edge in picture.edges)


def test_neighbourhood_among_some_nodes_has_the_strongest_of_them() -> None:
    graph = a_graph([(1, key) for key in range(2, 12)] + [(3, 2), (4, 2)])
    centre = graph.position(1)
    assert centre is not None
    among = np.isin(graph.keys, [5, 7, 9, 11])
    assert set(neighbourhood(graph, centre, among=among).nodes) == {1, 5, 7, 9, 11}
    assert len(neighbourhood(graph, centre, most=2, among=among).nodes) == 3


def test_a_path_goes_only_through_what_it_may() -> None:
    graph = a_graph([(1, 2), (2, 9), (1, 3), (3, 4), (4, 9)])
    start, goal = graph.position(1), graph.position(9)
    assert start is not None
    assert goal is not None
    for through, chain in (([2, 3, 4], [1, 2, 9]), ([3, 4], [1, 3, 4, 9]), ([3], None), ([], None)):
        found = shortest_path(graph, start, goal, through=np.isin(graph.keys, through))
        assert (None if found is None else graph.keys[found].tolist()) == chain


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    graph = a_graph([(1, 2), (2, 3), (7, 2)], held=[1, 2, 9])
    graph.save(tmp_path)
    loaded = CitationGraph.load(tmp_path)
    for name in CitationGraph.__dataclass_fields__:
        assert np.array_equal(getattr(graph, name), getattr(loaded, name)), name


def test_empty_graph() -> None:
    graph = a_graph([], held=[])
    assert len(graph) == 0
    assert graph.positions(np.array([1, 2])).tolist() == [-1, -1]


def nodes_of(graph: CitationGraph, *wanted: int) -> np.ndarray:
    found = graph.positions(np.array(wanted, dtype=np.int64))
    return np.sort(found[found >= 0])


def a_mask(graph: CitationGraph, without: list[int]) -> np.ndarray:
    return ~np.isin(graph.keys, without)


@given(edge_lists, st.lists(st.integers(1, 12), unique=True))
def test_without_the_references_of_some_is_the_graph_of_the_others_edges(
    edges: list[tuple[int, int]], hidden: list[int]
) -> None:
    held = list(range(1, 13))
    found = a_graph(edges, held).without_references_of(nodes_of(a_graph(edges, held), *hidden))
    expected = a_graph([edge for edge in edges if edge[0] not in hidden], held)
    for name in ("keys", "reference_ends", "references", "citer_ends", "citers", "held"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert np.array_equal(found.rank, a_graph(edges, held).rank)


@given(edge_lists, st.lists(st.integers(1, 12), unique=True, min_size=1, max_size=4))
def test_coupling_is_coupling_by_all_references(edges: list[tuple[int, int]], keys_: list[int]) -> None:
    graph = a_graph(edges, list(range(1, 13)))
    nodes = nodes_of(graph, *keys_)
    references = np.concatenate([graph.references_of(node) for node in nodes.tolist()])
    found, expected = coupling_by(graph, references[::-1]), coupling(graph, nodes)
    assert found[0].tolist() == expected[0].tolist()
    assert found[1] == pytest.approx(expected[1])


@given(edge_lists, st.integers(1, 12))
def test_coupling_counts_only_what_it_may(edges: list[tuple[int, int]], hidden: int) -> None:
    held = list(range(1, 13))
    graph, left = a_graph(edges, held), a_graph([edge for edge in edges if hidden not in edge], held)
    may = a_mask(graph, [hidden])
    found = coupling_by(graph, nodes_of(graph, 1, 2, 3), citing=may, cited=may)
    expected = coupling_by(left, nodes_of(left, 1, 2, 3))
    shown = may[found[0]] & ~np.isin(graph.keys[found[0]], graph.keys[graph.citers_of(hidden - 1)])
    known = np.isin(expected[0], found[0][shown])
    assert found[0][shown].tolist() == expected[0][known].tolist()
    if hidden > 3:  # else it is one of those that are shared
        assert found[1][shown] == pytest.approx(expected[1][known])


@given(edge_lists, st.lists(st.integers(1, 12), unique=True, min_size=1, max_size=6))
def test_a_local_walk_gives_no_more_than_it_has(edges: list[tuple[int, int]], start: list[int]) -> None:
    graph = a_graph(edges, list(range(1, 13)))
    nodes = nodes_of(graph, *start)
    found, mass = local_rank(graph, nodes, np.full(len(nodes), 1 / len(nodes), dtype=np.float32))
    assert (np.diff(found) > 0).all()
    assert (mass > 0).all()
    assert mass.sum() <= 1.0
    linked = nx.Graph(edges)
    linked.add_nodes_from(range(1, 13))
    near = {other for one in start for other in nx.single_source_shortest_path_length(linked, one, 3)}
    assert set(keys(graph, found)) <= near


@given(edge_lists, st.lists(st.integers(1, 12), unique=True, max_size=3), st.integers(1, 12))
def test_a_local_walk_follows_only_citations_that_count(
    edges: list[tuple[int, int]], hidden: list[int], start: int
) -> None:
    held = list(range(1, 13))
    graph, left = a_graph(edges, held), a_graph([edge for edge in edges if not {*edge} & {*hidden}], held)
    may, one = a_mask(graph, hidden), np.ones(1, dtype=np.float32)
    found, mass = local_rank(graph, nodes_of(graph, start), one, citing=may, cited=may)
    expected, masses = local_rank(left, nodes_of(left, start), one)
    assert found.tolist() == expected.tolist()
    assert mass == pytest.approx(masses)


def test_the_shares_of_a_local_walk() -> None:
    graph = a_graph([(1, 2), (1, 3), (4, 2)])
    found, mass = local_rank(graph, nodes_of(graph, 4), np.ones(1, dtype=np.float32))
    walked = dict(zip(keys(graph, found), mass.tolist(), strict=True))
    # 4 gives a quarter to 2, which gives an eighth of it to each of its citers, 1 and 4; these go on.
    assert walked[1] == walked[4] == pytest.approx(1 / 32)
    assert walked[3] == pytest.approx(1 / 32 / 4 / 2)
    assert walked[2] == pytest.approx(1 / 4 + 1 / 32 / 4 / 2 + 1 / 32 / 4)


def test_a_walk_does_not_go_back_to_a_crowd() -> None:
    graph = a_graph([(key, 1) for key in range(2, 602)] + [(700, 1), (2, 800)])
    found, _ = local_rank(graph, nodes_of(graph, 700), np.ones(1, dtype=np.float32))
    assert keys(graph, found) == [1]


def test_no_walk_without_a_start_and_none_in_an_empty_graph() -> None:
    nothing, none = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
    for graph in (a_graph([], held=[]), a_graph([(1, 2)])):
        found, mass = local_rank(graph, nothing, none)
        assert (len(found), len(mass)) == (0, 0)
        for some in coupling_by(graph, nothing):
            assert len(some) == 0
    alone = a_graph([], held=[1])
    assert len(local_rank(alone, nodes_of(alone, 1), np.ones(1, dtype=np.float32))[0]) == 0
