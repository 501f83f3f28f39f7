"""Walking through the library: papers by id, topics, neighbourhoods and paths in the citation graph."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from indexer.citations import Positions, shortest_path
from indexer.citations import neighbourhood as picture_of
from indexer.errors import InvalidPaperId, PaperkinError, UnknownPaper
from indexer.library import Derived, Library
from indexer.papers import Paper, PaperId, Topic
from indexer.plain_text import readable
from indexer.tables import Keys
from service.answers import GraphAnswer, GraphNode, Named, TopicAnswer
from service.works import first_of_each, works_of


def held(library: Library, text: str) -> tuple[int, Paper, int | None]:
    """Key, paper and version asked for; `InvalidPaperId` or `UnknownPaper` names the nearest ids known."""
    try:
        paper_id, version = PaperId.parse_versioned(text)
    except InvalidPaperId:
        raise not_held(library, text) from None
    key = library.store.keys([paper_id]).get(paper_id)
    if key is None:
        raise not_held(library, text)
    return key, library.store.papers([key])[key], version


def not_held(library: Library, text: str) -> PaperkinError:
    """The error that says that `text` is no id, or the id of no paper held, with the nearest ids known."""
    try:
        wanted = str(PaperId.parse(text))
    except InvalidPaperId:
        return InvalidPaperId(text, nearest=_nearest(library, text))
    return UnknownPaper(wanted, nearest=_nearest(library, wanted))


def _nearest(library: Library, text: str) -> tuple[str, ...]:
    return tuple(str(paper_id) for paper_id in library.store.nearest_ids(text))


def topics(library: Library, *, open_license: bool = False) -> tuple[Topic, ...]:
    """The whole tree, each topic before its children.

    With `open_license` a topic's size counts papers of open licence, and topics without any are left out.
    """
    derived = library.derived()
    if not open_license:
        return derived.topics.topics
    sizes = derived.once("open sizes", lambda: _open_sizes(derived))
    return tuple(replace(one, size=sizes[one.id]) for one in derived.topics.topics if sizes[one.id])


def topic(library: Library, topic_id: str, *, limit: int = 20, open_license: bool = False) -> TopicAnswer:
    """One topic with its path, its children and its best fitting papers; `UnknownTopic` if there is none.

    Of several records of one work only the best fitting one is listed. With `open_license` papers, sizes and
    children are as `topics` has them.
    """
    derived = library.derived()
    found = derived.topics.topic(topic_id)
    shown = {one.id: one for one in topics(library, open_license=open_license)}
    keys = _members(derived, topic_id, limit, open_license=open_license)
    papers = library.store.papers(keys)
    return TopicAnswer(
        topic=shown.get(topic_id, replace(found, size=0)),
        path=tuple(shown.get(one.id, one) for one in path_to(derived, found)),
        children=tuple(shown[one.id] for one in derived.topics.children(topic_id) if one.id in shown),
        papers=tuple(papers[key] for key in keys if key in papers),
        generation=derived.generation.number,
        open_license=open_license,
    )


def _members(derived: Derived, topic_id: str, limit: int, *, open_license: bool) -> list[int]:
    """The keys of the papers that stand for a topic, each work once."""
    keys = derived.topics.members(topic_id)
    if open_license:
        keys = keys[open_licenses(derived, keys)]
    found: list[int] = keys[first_of_each(works_of(derived, keys))][:limit].tolist()
    return found


def _open_sizes(derived: Derived) -> Counter[str]:
    """How many papers of open licence each topic has, those below it included."""
    sizes: Counter[str] = Counter()
    rows = derived.row_topics[derived.catalogue.open_license & (derived.row_topics >= 0)]
    for at, count in enumerate(np.bincount(rows, minlength=len(derived.topics.topics)).tolist()):
        for above in path_to(derived, derived.topics.topics[at]):
            sizes[above.id] += count
    return sizes


def open_licenses(derived: Derived, keys: Keys) -> npt.NDArray[np.bool_]:
    """Which of these papers have an open licence; those that the generation does not have do not."""
    rows = derived.catalogue.rows(keys)
    found = rows >= 0
    found[found] = derived.catalogue.open_license[rows[found]]
    return found


def path_to(derived: Derived, last: Topic) -> tuple[Topic, ...]:
    """The topics from the top of the tree down to `last`."""
    path = [last]
    while path[0].parent:
        path.insert(0, derived.topics.topic(path[0].parent))
    return tuple(path)


def neighbourhood(
    library: Library, paper_id: PaperId, *, most: int = 40, open_license: bool = False
) -> GraphAnswer:
    """The papers next to one in the citation graph, the `most` of highest PageRank, and all edges among them.

    With `open_license` only papers of open licence are shown around it.
    """
    derived = library.derived()
    key, paper, _ = held(library, str(paper_id))
    node = derived.graph.position(key)
    if node is None:  # newer than the generation
        return _graph_answer(library, derived, paper.id, np.array([key]), [], ())
    among = _open_nodes(derived) if open_license else None
    picture = picture_of(derived.graph, node, most=most, among=among)
    keys = np.array(sorted(picture.nodes), dtype=np.int64)
    return _graph_answer(library, derived, paper.id, keys, list(picture.edges), ())


def _open_nodes(derived: Derived) -> npt.NDArray[np.bool_]:
    """Which nodes of the graph are papers of open licence."""
    found = derived.node_rows >= 0
    found[found] = derived.catalogue.open_license[derived.node_rows[found]]
    return found


def path(library: Library, start: PaperId, goal: PaperId, *, open_license: bool = False) -> GraphAnswer:
    """A shortest chain of citations between two papers; `path` is empty where there is none.

    With `open_license` it leads through papers of open licence only, whatever those at its ends have.
    """
    derived = library.derived()
    ends = [held(library, str(paper_id)) for paper_id in (start, goal)]
    nodes = [derived.graph.position(key) for key, _, _ in ends]
    chain = None
    if nodes[0] is not None and nodes[1] is not None:
        through = _open_nodes(derived) if open_license else None
        chain = shortest_path(derived.graph, nodes[0], nodes[1], through=through)
    if chain is None:
        return _graph_answer(library, derived, ends[0][1].id, np.array([ends[0][0]]), [], ())
    keys = np.asarray(derived.graph.keys[chain])
    edges = [
        (int(keys[a]), int(keys[b]))
        for one in range(len(chain) - 1)
        for a, b in ((one, one + 1), (one + 1, one))
        if chain[b] in derived.graph.references_of(chain[a])
    ]
    return _graph_answer(library, derived, ends[0][1].id, keys, edges, tuple(keys.tolist()))


def _graph_answer(
    library: Library,
    derived: Derived,
    centre: PaperId,
    keys: Keys,
    edges: list[tuple[int, int]],
    chain: tuple[int, ...],
) -> GraphAnswer:
    ids = library.store.ids(keys.tolist())
    papers = library.store.papers(keys.tolist())
    nodes = derived.graph.positions(keys)
    ranks = np.ones(len(keys))
    ranks[nodes >= 0] = derived.graph.rank[nodes[nodes >= 0]]
    return GraphAnswer(
        centre=centre,
        nodes=tuple(
            GraphNode(
                id=ids[key],
                title=readable(papers[key].title) if key in papers else "",
                month=ids[key].month,
                rank=rank,
                license=papers[key].license if key in papers else None,
            )
            for key, rank in zip(keys.tolist(), ranks.tolist(), strict=True)
        ),
        edges=tuple((ids[citing], ids[cited]) for citing, cited in edges),
        path=tuple(ids[key] for key in chain),
        generation=derived.generation.number,
    )


def named(library: Library, derived: Derived, nodes: Positions, *, most: int) -> tuple[Named, ...]:
    """The papers held among graph nodes, the `most` most cited, ties by key."""
    kept = nodes[derived.graph.held[nodes]]
    kept = kept[np.argsort(-derived.graph.citer_counts(kept), kind="stable")[:most]]
    keys = derived.graph.keys[kept].tolist()
    titles = library.store.titles(keys)
    return tuple(Named(titles[key][0], readable(titles[key][1])) for key in keys if key in titles)
