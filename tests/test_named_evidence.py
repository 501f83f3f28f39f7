"""Evidence against its plain definition on random graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.citations import CitationGraph, Positions, build_graph
from indexer.tables import Edges
from service.answers import Signal
from service.named_evidence import find_evidence

Pair = tuple[int, int]
PAPERS = 9  # keys 1 to 9 are held, 10 to 12 only cited or citing


def graph_of(edges: Sequence[Pair]) -> CitationGraph:
    array = np.array(sorted(set(edges)), dtype=np.int64).reshape(-1, 2)
    return build_graph(Edges(array[:, 0], array[:, 1]), np.arange(1, PAPERS + 1, dtype=np.int64))


def evidence_by_key(
    graph: CitationGraph,
    results: Sequence[int],
    neighbours: Sequence[int],
    seeds: Sequence[int],
    coupled: Sequence[int] = (),
) -> dict[Signal, dict[int, list[int]]]:
    """`find_evidence` told in keys, results without any left out."""

    def nodes(keys: Sequence[int]) -> Positions:
        return graph.positions(np.array(keys, dtype=np.int64))

    cited = [graph.references_of(int(node)) for node in nodes(seeds)]
    found = find_evidence(
        graph,
        nodes(results),
        neighbours=nodes(neighbours),
        seeds=nodes(seeds),
        seed_references=np.unique(np.concatenate([nodes([]), *cited])),
        coupled=nodes(coupled),
    )
    keys = graph.keys.tolist()
    return {
        signal: {keys[node]: [keys[work] for work in works] for node, works in by_node.items() if works}
        for signal, by_node in found.items()
    }


def by_definition(
    edges: set[Pair],
    results: Sequence[int],
    neighbours: Sequence[int],
    seeds: Sequence[int],
    coupled: Sequence[int],
) -> dict[Signal, dict[int, list[int]]]:
    everyone = sorted({key for edge in edges for key in edge} | set(range(1, PAPERS + 1)))

    def cited(work: int) -> int:
        return sum(edge[1] == work for edge in edges)

    def citing(work: int) -> int:
        return sum(edge[0] == work for edge in edges)

    rules: dict[Signal, tuple[Sequence[int], Callable[[int, int], bool]]] = {
        Signal.CITED_BY_NEIGHBOURS: (neighbours, lambda result, work: (work, result) in edges),
        Signal.CITES_NEIGHBOURS: (neighbours, lambda result, work: (result, work) in edges),
        Signal.CITED_BY_COUPLED: (coupled, lambda result, work: (work, result) in edges),
        Signal.CITED_BY: (seeds, lambda result, work: (work, result) in edges),
        Signal.CITES: (seeds, lambda result, work: (result, work) in edges),
        Signal.SHARED_REFERENCES: (
            sorted(everyone, key=lambda work: (cited(work), work)),
            lambda result, work: (result, work) in edges and any((seed, work) in edges for seed in seeds),
        ),
        Signal.CITED_TOGETHER: (
            sorted(everyone, key=lambda work: (citing(work), work)),
            lambda result, work: (work, result) in edges and any((work, seed) in edges for seed in seeds),
        ),
    }
    return {
        signal: {
            result: works for result in results if (works := [one for one in order if links(result, one)])
        }
        for signal, (order, links) in rules.items()
    }


_EDGES = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 12)).filter(lambda edge: edge[0] != edge[1]), max_size=50
)
_HELD = st.lists(st.integers(1, PAPERS), unique=True, max_size=6)


@given(_EDGES, _HELD, _HELD, _HELD, _HELD)
def test_evidence_is_what_its_definition_says(
    edges: list[Pair], results: list[int], neighbours: list[int], seeds: list[int], coupled: list[int]
) -> None:
    found = evidence_by_key(graph_of(edges), results, neighbours, seeds, coupled)
    assert found == by_definition(set(edges), results, neighbours, seeds, coupled)


def test_neighbours_come_nearest_first() -> None:
    found = evidence_by_key(graph_of([(2, 1), (3, 1), (4, 1)]), [1], [3, 4, 2], [])
    assert found[Signal.CITED_BY_NEIGHBOURS] == {1: [3, 4, 2]}


def test_what_shares_references_comes_strongest_first() -> None:
    found = evidence_by_key(graph_of([(2, 1), (3, 1), (4, 1)]), [1], [], [], [4, 2])
    assert found == {signal: ({1: [4, 2]} if signal is Signal.CITED_BY_COUPLED else {}) for signal in found}


def test_works_in_common_come_rarest_first() -> None:
    references = [(1, 10), (1, 11), (2, 10), (2, 11), (3, 10)]
    found = evidence_by_key(graph_of(references), [2], [], [1])
    assert found[Signal.SHARED_REFERENCES] == {2: [11, 10]}  # 10 is in three lists
    surveys = [(10, 1), (10, 2), (10, 3), (11, 1), (11, 2)]
    found = evidence_by_key(graph_of(surveys), [2], [], [1])
    assert found[Signal.CITED_TOGETHER] == {2: [11, 10]}  # 10 cites three works


def test_no_citations_no_evidence() -> None:
    assert not any(evidence_by_key(graph_of([]), [1, 2], [3], [4], [5]).values())
