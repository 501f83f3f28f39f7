"""What one query may see of the library: which papers are evidence, which citations count, what is near."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from indexer.citations import CitationGraph, Positions, Weights, counts
from indexer.library import Derived
from indexer.tables import Filters, Keys, Vectors

Mask = npt.NDArray[np.bool_]
Sparse = tuple[Positions, Weights]  # nodes ascending, with a value each
NO_NODES = np.zeros(0, dtype=np.int32)
NO_VALUES = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: held seeds (keys), the vectors that stand for them and for a text, its words.

    `vectors` float32 [m, width], one for each liked paper that has one and one for the text; `texts` (title,
    abstract) in the same sense, a text being all abstract. `month` is the newest seed's (None for a text alone).
    `known` are nodes of works that the text cites, beside those that the graph knows of the seeds.

    With `as_of_seed` no paper of a later month is evidence (that none is a result, `filters` must say); only how
    rare a word or an author is, the library of today tells all the same, for its indexes know no other. With
    `text_only` no citation from or to a seed is. With `among` (keys) these are the candidates, and no others.
    """

    liked: Keys
    disliked: Keys
    vectors: Vectors
    disliked_vectors: Vectors
    texts: tuple[tuple[str, str], ...]
    filters: Filters
    month: int | None = None
    as_of_seed: bool = False
    text_only: bool = False
    known: Positions = field(default_factory=lambda: NO_NODES)
    topic: str = ""
    among: Keys | None = None


@dataclass(frozen=True, slots=True)
class View:
    """The library as far as a query may see it.

    `visible` bool for each row of the catalogue; `citing` and `cited` bool for each node of the graph: of a citation
    both ends must be so, None where all are.
    """

    derived: Derived
    visible: Mask
    citing: Mask | None = None
    cited: Mask | None = None

    @classmethod
    def of(cls, derived: Derived, query: Query) -> View:
        """What the query may see."""
        month = query.month if query.as_of_seed else None
        visible = derived.catalogue.passing(Filters(withdrawn=True, not_after_month=month))
        view = cls(derived, visible)
        if month is not None:
            rows = derived.node_rows
            citing = rows >= 0
            citing[citing] = visible[rows[citing]]
            view = replace(view, citing=citing)
        if query.text_only and len(seeds := view.nodes(query.liked)):
            cited = np.ones(len(derived.graph), dtype=np.bool_)
            cited[seeds] = False
            view = replace(view, cited=cited, citing=cited if view.citing is None else view.citing & cited)
        return view

    @property
    def graph(self) -> CitationGraph:
        """The citations, those that do not count included."""
        return self.derived.graph

    def nodes(self, keys: Keys) -> Positions:
        """Graph nodes of keys; those without one are left out."""
        found = self.graph.positions(keys)
        return found[found >= 0]

    def rows(self, nodes: Positions) -> npt.NDArray[np.int64]:
        """Catalogue rows of nodes, -1 for works not held."""
        return self.derived.node_rows[nodes]

    def only_visible(self, nodes: Positions, values: Weights) -> Sparse:
        """Leave out works that are not held or not visible."""
        kept = self.inside(nodes, self.visible)
        return nodes[kept], values[kept]

    def inside(self, nodes: Positions, rows: Mask) -> Mask:
        """Which nodes are papers held of which `rows` (bool, one a row of the catalogue) is true."""
        at = self.rows(nodes)
        found = at >= 0
        found[found] = rows[at[found]]
        return found

    def only_citing(self, nodes: Positions, values: Weights) -> Sparse:
        """Leave out works that are not visible or whose references do not count."""
        nodes, values = self.only_visible(nodes, values)
        kept = slice(None) if self.citing is None else self.citing[nodes]
        return nodes[kept], values[kept]

    def reference_counts(self, nodes: Positions) -> npt.NDArray[np.int64]:
        """How many works each node cites, as far as the query may see."""
        return counts(self.graph.reference_ends, self.graph.references, nodes, self.cited)

    def citer_counts(self, nodes: Positions) -> npt.NDArray[np.int64]:
        """How often each node is cited, as far as the query may see."""
        return counts(self.graph.citer_ends, self.graph.citers, nodes, self.citing)


def strongest(values: npt.NDArray[np.floating], most: int) -> npt.NDArray[np.int64]:
    """Positions of the `most` greatest values, ascending; of equals at the limit the first ones."""
    if len(values) <= most:
        return np.arange(len(values))
    limit = np.partition(values, len(values) - most)[len(values) - most]
    kept = values > limit
    kept[np.flatnonzero(values == limit)[: most - np.count_nonzero(kept)]] = True
    return np.flatnonzero(kept)
