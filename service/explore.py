"""Walking through the library: papers by id, topics, neighbourhoods and paths in the citation graph."""

from __future__ import annotations

import numpy as np

from indexer.citations import Positions, shortest_path
from indexer.citations import neighbourhood as picture_of
from indexer.errors import InvalidPaperId, PaperkinError, UnknownPaper
from indexer.library import Derived, Library
from indexer.papers import Paper, PaperId, Topic
from indexer.plain_text import readable
from indexer.ports import Keys
from service.answers import GraphAnswer, GraphNode, Named, TopicAnswer


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


def topics(library: Library) -> tuple[Topic, ...]:
    """The whole tree, each topic before its children."""
    return library.derived().topics.topics


def topic(library: Library, topic_id: str, *, limit: int = 20) -> TopicAnswer:
    """One topic with its path, its children and its best fitting papers; `UnknownTopic` if there is none."""
    derived = library.derived()
    found = derived.topics.topic(topic_id)
    keys = derived.topics.members(topic_id, limit)
    papers = library.store.papers(keys.tolist())
    return TopicAnswer(
        topic=found,
        path=path_to(derived, found),
        children=derived.topics.children(topic_id),
        papers=tuple(papers[key] for key in keys.tolist() if key in papers),
        generation=derived.generation.number,
    )


def path_to(derived: Derived, last: Topic) -> tuple[Topic, ...]:
    """The topics from the top of the tree down to `last`."""
    path = [last]
    while path[0].parent:
        path.insert(0, derived.topics.topic(path[0].parent))
    return tuple(path)


def neighbourhood(library: Library, paper_id: PaperId, *, most: int = 40) -> GraphAnswer:
    """The papers next to one in the citation graph, the `most` of highest PageRank, and all edges among them."""
    derived = library.derived()
    key, paper, _ = held(library, str(paper_id))
    node = derived.graph.position(key)
    if node is None:  # newer than the generation
        return _graph_answer(library, derived, paper.id, np.array([key]), [], ())
    picture = picture_of(derived.graph, node, most=most)
    keys = np.array(sorted(picture.nodes), dtype=np.int64)
    return _graph_answer(library, derived, paper.id, keys, list(picture.edges), ())


def path(library: Library, start: PaperId, goal: PaperId) -> GraphAnswer:
    """A shortest chain of citations between two papers; `path` is empty where there is none."""
    derived = library.derived()
    ends = [held(library, str(paper_id)) for paper_id in (start, goal)]
    nodes = [derived.graph.position(key) for key, _, _ in ends]
    chain = None
    if nodes[0] is not None and nodes[1] is not None:
        chain = shortest_path(derived.graph, nodes[0], nodes[1])
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
    titles = library.store.titles(keys.tolist())
    nodes = derived.graph.positions(keys)
    ranks = np.ones(len(keys))
    ranks[nodes >= 0] = derived.graph.rank[nodes[nodes >= 0]]
    return GraphAnswer(
        centre=centre,
        nodes=tuple(
            GraphNode(
                ids[key], readable(titles[key][1]) if key in titles else "", ids[key].month, float(rank)
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
