"""The citation graph as arrays: whole-graph measures by numpy, small pictures of it by networkx.

Nodes are positions 0..n-1; `keys[position]` is the store's key. Works that are cited but not held are nodes
too: two papers that share a reference are related whether or not the library has it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexer.arrays import map_array, save_array
from indexer.tables import Edges, Keys

if TYPE_CHECKING:
    import networkx as nx

Positions = npt.NDArray[np.int32]
Weights = npt.NDArray[np.float32]

# A work with more citers than this says little about two of them being kin, and would cost the most to follow.
_MOST_CITERS = 3_000
_DENSE = 30  # places that may be empty for each that is filled
_END = 0.5  # as `page_rank` has it
_STEPS, _WALKERS, _CROWD = 3, 200, 500  # of the local walk


@dataclass(frozen=True, slots=True)
class CitationGraph:
    """References and citers of every node in compressed sparse rows.

    `keys` int64 [n] ascending; the references of node i are `references[reference_ends[i]:reference_ends[i+1]]`
    (int32 positions, ascending), its citers the same in `citers`/`citer_ends` (int64 [n+1]); `held` bool [n]
    tells papers of the library; `rank` float32 [n] is PageRank times n (1 is average).
    """

    keys: Keys
    reference_ends: npt.NDArray[np.int64]
    references: Positions
    citer_ends: npt.NDArray[np.int64]
    citers: Positions
    held: npt.NDArray[np.bool_]
    rank: Weights

    def __len__(self) -> int:
        return len(self.keys)

    def position(self, key: int) -> int | None:
        """The node of a key, or None if the graph does not have it."""
        at = int(np.searchsorted(self.keys, key))
        return at if at < len(self.keys) and self.keys[at] == key else None

    def positions(self, keys: Keys) -> Positions:
        """The nodes of many keys, -1 where the graph does not have one."""
        if not len(self.keys):
            return np.full(len(keys), -1, dtype=np.int32)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, at, -1).astype(np.int32)

    def references_of(self, node: int) -> Positions:
        """What the node cites."""
        return self.references[self.reference_ends[node] : self.reference_ends[node + 1]]

    def citers_of(self, node: int) -> Positions:
        """What cites the node."""
        return self.citers[self.citer_ends[node] : self.citer_ends[node + 1]]

    def citer_counts(self, nodes: Positions) -> npt.NDArray[np.int64]:
        """How often each node is cited."""
        return self.citer_ends[nodes + 1] - self.citer_ends[nodes]

    def reference_counts(self, nodes: Positions) -> npt.NDArray[np.int64]:
        """How many works each node cites."""
        return self.reference_ends[nodes + 1] - self.reference_ends[nodes]

    def without_references_of(self, nodes: Positions) -> CitationGraph:
        """The same graph without what these nodes cite; `rank` stays that of the whole graph."""
        citing = np.ones(len(self), dtype=np.bool_)
        citing[nodes] = False
        kept = np.repeat(citing, np.diff(self.reference_ends))
        back = citing[self.citers]
        owners = np.repeat(np.arange(len(self)), np.diff(self.citer_ends))[back]
        return replace(
            self,
            reference_ends=_ends(np.where(citing, np.diff(self.reference_ends), 0)),
            references=self.references[kept],
            citer_ends=_ends(np.bincount(owners, minlength=len(self))),
            citers=self.citers[back],
        )

    def save(self, folder: Path) -> list[str]:
        """Write one `graph-*.npy` for each array; return their names."""
        names = []
        for field in fields(self):
            name = f"graph-{field.name}.npy"
            save_array(folder / name, getattr(self, field.name))
            names.append(name)
        return names

    @classmethod
    def load(cls, folder: Path) -> CitationGraph:
        """Map the files that `save` wrote."""
        return cls(**{field.name: map_array(folder / f"graph-{field.name}.npy") for field in fields(cls)})


def build_graph(edges: Edges, held: Keys) -> CitationGraph:
    """The graph of all edges and all papers held; PageRank included."""
    keys = np.unique(np.concatenate([edges.citing, edges.cited, held]))
    citing = np.searchsorted(keys, edges.citing).astype(np.int32)
    cited = np.searchsorted(keys, edges.cited).astype(np.int32)
    reference_ends, references = _rows(citing, cited, len(keys))
    citer_ends, citers = _rows(cited, citing, len(keys))
    return CitationGraph(
        keys=keys,
        reference_ends=reference_ends,
        references=references,
        citer_ends=citer_ends,
        citers=citers,
        held=np.isin(keys, held, assume_unique=True),
        rank=page_rank(citing, cited, len(keys)),
    )


def _ends(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    ends = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=ends[1:])
    return ends


def _rows(rows: Positions, columns: Positions, size: int) -> tuple[npt.NDArray[np.int64], Positions]:
    order = np.lexsort((columns, rows))
    return _ends(np.bincount(rows, minlength=size)), columns[order]


def page_rank(
    citing: Positions, cited: Positions, size: int, *, damping: float = 0.5, tolerance: float = 1e-6
) -> Weights:
    """PageRank times n, so that 1 is the average: Brin and Page 1998, with uniform teleport.

    The damping of 0.5 is what Chen, Xie, Maslov and Redner (2007) found to fit how readers follow
    references: about two steps, not the six of web surfing.
    """
    if not size:
        return np.zeros(0, dtype=np.float32)
    out_degree = np.bincount(citing, minlength=size)
    dangling = out_degree == 0
    share = 1.0 / np.maximum(out_degree, 1)
    rank = np.full(size, 1.0 / size)
    for _ in range(200):
        flow = np.bincount(cited, weights=(rank * share)[citing], minlength=size)
        new = (1 - damping) / size + damping * (flow + rank[dangling].sum() / size)
        moved = float(np.abs(new - rank).sum())
        rank = new
        if moved < tolerance:
            break
    return (rank * size).astype(np.float32)


def gather(
    ends: npt.NDArray[np.int64], columns: Positions, nodes: Positions, weights: Weights
) -> tuple[Positions, Weights]:
    """Every entry of the rows `nodes`, each carrying its row's weight: the raw material of all measures."""
    starts, lengths = ends[nodes], ends[nodes + 1] - ends[nodes]
    if not lengths.sum():
        return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
    shifts = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    entries = np.asarray(columns[np.arange(lengths.sum()) + shifts])
    return entries, np.repeat(weights, lengths).astype(np.float32)


def accumulate(nodes: Positions, weights: Weights) -> tuple[Positions, Weights]:
    """Sum the weights of equal nodes: distinct nodes ascending, with their sums."""
    size = int(nodes.max(initial=-1)) + 1
    if (
        size <= _DENSE * len(nodes) + 50_000
    ):  # a place for each node of the graph is filled faster than nodes sorted
        seen = np.zeros(size, dtype=np.bool_)
        seen[nodes] = True
        found = np.flatnonzero(seen)
        return found.astype(np.int32), np.bincount(nodes, weights=weights, minlength=size)[found].astype(
            np.float32
        )
    distinct, inverse = np.unique(nodes, return_inverse=True)
    return distinct.astype(np.int32), np.bincount(inverse, weights=weights, minlength=len(distinct)).astype(
        np.float32
    )


def counts(
    ends: npt.NDArray[np.int64], columns: Positions, nodes: Positions, counted: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.int64]:
    """How many entries each of the rows `nodes` has; of those only that `counted` (bool, one a node) names."""
    lengths = ends[nodes + 1] - ends[nodes]
    if counted is None:
        return lengths
    entries, _ = gather(ends, columns, nodes, np.ones(len(nodes), np.float32))
    before = np.concatenate([[0], np.cumsum(counted[entries])])
    stops = np.cumsum(lengths)
    return np.asarray(before[stops] - before[stops - lengths], dtype=np.int64)


def coupling(
    graph: CitationGraph, nodes: Positions, *, citing: npt.NDArray[np.bool_] | None = None
) -> tuple[Positions, Weights]:
    """Bibliographic coupling: what shares references with `nodes`, and how much.

    Each shared reference counts 1 / ln(2 + its citers) (after Adamic and Adar 2003: a rare reference in
    common says more), divided by the square root of the other paper's number of references. Of the citers only
    those are counted that `citing` (bool, one a node) names; all if it is None.
    """
    references, _ = gather(graph.reference_ends, graph.references, nodes, np.ones(len(nodes), np.float32))
    return coupling_by(graph, references, citing=citing)


def coupling_by(
    graph: CitationGraph,
    references: Positions,
    *,
    citing: npt.NDArray[np.bool_] | None = None,
    cited: npt.NDArray[np.bool_] | None = None,
) -> tuple[Positions, Weights]:
    """The same for works that somebody cites, in any order, those cited several times as often.

    Of the other papers' references only those are counted that `cited` (bool, one a node) names; all if it is None.
    """
    references, times = accumulate(references, np.ones(len(references), np.float32))
    weights = _by_rarity(times, counts(graph.citer_ends, graph.citers, references, citing))
    found, sums = _walk(graph, (graph.citer_ends, graph.citers), references, weights)
    return found, _per_root(sums, counts(graph.reference_ends, graph.references, found, cited))


def cocitation(graph: CitationGraph, nodes: Positions) -> tuple[Positions, Weights]:
    """Co-citation (Small 1973): what is cited together with `nodes`, and how much.

    Each common citer counts 1 / ln(2 + its references): a survey of 500 works says little about two of them;
    divided by the square root of the other paper's number of citers.
    """
    citers, _ = gather(graph.citer_ends, graph.citers, nodes, np.ones(len(nodes), np.float32))
    citers, times = accumulate(citers, np.ones(len(citers), np.float32))
    weights = _by_rarity(times, graph.reference_counts(citers))
    found, sums = _walk(graph, (graph.reference_ends, graph.references), citers, weights)
    return found, _per_root(sums, graph.citer_counts(found))


def _by_rarity(times: Weights, degrees: npt.NDArray[np.int64]) -> Weights:
    """Weights of works in common; 0 for those with more than `_MOST_CITERS`."""
    return np.where(degrees <= _MOST_CITERS, times / np.log(2 + degrees), 0.0).astype(np.float32)


def _walk(
    graph: CitationGraph,
    rows: tuple[npt.NDArray[np.int64], Positions],
    between: Positions,
    weights: Weights,
) -> tuple[Positions, Weights]:
    """Walk from the nodes `between` to all papers held that they connect; those without weight are left out."""
    found, sums = accumulate(*gather(*rows, between[weights > 0], weights[weights > 0]))
    held = graph.held[found]
    return found[held], sums[held]


def _per_root(sums: Weights, sizes: npt.NDArray[np.int64]) -> Weights:
    return (sums / np.sqrt(np.maximum(sizes, 1))).astype(np.float32)


def local_rank(
    graph: CitationGraph,
    nodes: Positions,
    weights: Weights,
    *,
    citing: npt.NDArray[np.bool_] | None = None,
    cited: npt.NDArray[np.bool_] | None = None,
) -> tuple[Positions, Weights]:
    """Personalised PageRank near `nodes` (ascending, weights that sum to 1), by the first steps of the walk.

    The walk follows citations in both directions and ends at each step with probability `_END`. Bounded work
    instead of a tolerance (Andersen, Chung and Lang 2006 push while a node has much): in each of `_STEPS` steps
    only the `_WALKERS` nodes with most of the mass walk on, and none back from a work to more than `_CROWD` citers.
    Only citations count whose ends `citing` and `cited` (bool, one a node) name; all if they are None.
    """
    visited: list[tuple[Positions, Weights]] = []
    for _ in range(_STEPS):
        walking = np.sort(np.argsort(-weights, kind="stable")[:_WALKERS])
        nodes, mass = nodes[walking], (weights[walking] * np.float32((1 - _END) / 2))
        citers = counts(graph.citer_ends, graph.citers, nodes, citing)
        back = np.where((citers > 0) & (citers <= _CROWD), mass / np.maximum(citers, 1), 0).astype(np.float32)
        references = counts(graph.reference_ends, graph.references, nodes, cited)
        forth = (mass / np.maximum(references, 1)).astype(np.float32)
        goes, comes = _of(nodes, citing), _of(nodes, cited) & (back > 0)
        ahead = gather(graph.reference_ends, graph.references, nodes[goes], forth[goes])
        behind = gather(graph.citer_ends, graph.citers, nodes[comes], back[comes])
        steps = [(n[_of(n, mask)], w[_of(n, mask)]) for (n, w), mask in ((ahead, cited), (behind, citing))]
        nodes, weights = accumulate(
            np.concatenate([n for n, _ in steps]), np.concatenate([w for _, w in steps])
        )
        visited.append((nodes, weights))
        if not len(nodes):
            break
    return accumulate(np.concatenate([n for n, _ in visited]), np.concatenate([w for _, w in visited]))


def _of(nodes: Positions, named: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
    return np.ones(len(nodes), dtype=np.bool_) if named is None else np.asarray(named[nodes])


def shared(first: Positions, second: Positions) -> Positions:
    """The nodes in both (each ascending)."""
    return np.intersect1d(first, second, assume_unique=True)


def shortest_path(
    graph: CitationGraph,
    start: int,
    goal: int,
    *,
    through: npt.NDArray[np.bool_] | None = None,
    most_nodes: int = 200_000,
) -> list[int] | None:
    """A shortest chain of citations, followed in either direction, from node to node; None if there is none.

    Between the ends it leads only `through` nodes that this names (bool, one a node); all if it is None. Breadth
    first from both ends. Gives up, as if there were none, when it has seen `most_nodes` nodes.
    """
    if start == goal:
        return [start]
    allowed = None if through is None else through.copy()
    if allowed is not None:
        allowed[[start, goal]] = True
    seen: tuple[dict[int, int], dict[int, int]] = ({start: -1}, {goal: -1})
    edge: list[list[int]] = [[start], [goal]]
    while edge[0] and edge[1] and len(seen[0]) + len(seen[1]) < most_nodes:
        side = 0 if len(edge[0]) <= len(edge[1]) else 1
        following: list[int] = []
        for node in edge[side]:
            for neighbour in _neighbours(graph, node, allowed):
                if neighbour in seen[side]:
                    continue
                seen[side][neighbour] = node
                if neighbour in seen[1 - side]:
                    return _chain(seen, neighbour)
                following.append(neighbour)
        edge[side] = following
    return None


def _neighbours(graph: CitationGraph, node: int, allowed: npt.NDArray[np.bool_] | None) -> list[int]:
    around = np.concatenate([graph.references_of(node), graph.citers_of(node)])
    found: list[int] = (around if allowed is None else around[allowed[around]]).tolist()
    return found


def _chain(seen: tuple[dict[int, int], dict[int, int]], middle: int) -> list[int]:
    chain = [middle]
    while (previous := seen[0][chain[0]]) != -1:
        chain.insert(0, previous)
    while (following := seen[1][chain[-1]]) != -1:
        chain.append(following)
    return chain


def neighbourhood(
    graph: CitationGraph, centre: int, *, most: int = 40, among: npt.NDArray[np.bool_] | None = None
) -> nx.DiGraph[int]:
    """The centre, the works next to it and the citations among all of them, as a networkx graph of keys.

    Of the references and citers that are held, and that `among` names (bool, one a node; all if it is None), the
    `most` of highest PageRank are taken. Nodes carry `rank`.
    """
    import networkx as nx  # a tenth of a second, which not every command needs

    around = np.unique(np.concatenate([graph.references_of(centre), graph.citers_of(centre)]))
    around = around[graph.held[around] if among is None else graph.held[around] & among[around]]
    strongest = around[np.argsort(-graph.rank[around], kind="stable")[:most]]
    chosen = np.sort(np.append(strongest, centre)).astype(np.int32)
    picture: nx.DiGraph[int] = nx.DiGraph()
    for node in chosen.tolist():
        picture.add_node(int(graph.keys[node]), rank=float(graph.rank[node]))
    for node in chosen.tolist():
        for cited in shared(graph.references_of(node), chosen).tolist():
            picture.add_edge(int(graph.keys[node]), int(graph.keys[cited]))
    return picture
