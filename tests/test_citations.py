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
