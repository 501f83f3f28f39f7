"""Answers as lists on the terminal, or as JSON with the same fields as the REST service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from indexer.errors import InvalidPaperId, SourceError, UnknownPaper
from indexer.library import Library
from indexer.papers import Topic
from indexer.plain_text import readable
from service import schemas
from service.answers import GraphAnswer, RelatedAnswer, RelatedRequest, SearchAnswer, TopicAnswer
from service.console import print_json, print_table, print_text, warn
from service.related import related


def related_lines(answer: RelatedAnswer, *, as_json: bool) -> None:
    """Related papers, each with similarity, id, title and why."""
    if as_json:
        return print_json(schemas.related_data(answer))
    for one in answer.results:
        print_text(f"{one.similarity:.2f}  {one.paper.id}  {readable(one.paper.title)}\n      {one.because}")
    return None


def related_to_each(library: Library, ids_from: Path, wishes: RelatedRequest, *, as_json: bool) -> None:
    """Answer each id of a file by itself, one JSON line for each; an unknown one is reported, the rest answered."""
    unknown = 0
    for text in _ids(ids_from):
        try:
            answer = related(library, replace(wishes, liked=(text,)))
        except (InvalidPaperId, UnknownPaper) as error:
            warn(str(error))
            unknown += 1
            if as_json:
                print_json({"id": text, "error": str(error), "related": []})
            continue
        if as_json:
            print_json({"id": str(answer.seeds[0].id)} | {"related": schemas.brief_related(answer)})
        else:
            print_text(f"{answer.seeds[0].id}  {answer.seeds[0].title}")
            related_lines(answer, as_json=False)
    if unknown:
        warn(f"{unknown:,} ids of {ids_from} could not be answered")


def _ids(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the ids in {path} cannot be read: {error}") from error
    yield from (line.strip() for line in lines if line.strip())


def search_lines(answer: SearchAnswer, *, as_json: bool) -> None:
    """Papers found."""
    if as_json:
        return print_json(schemas.search_data(answer))
    for one in answer.results:
        print_text(f"{one.paper.id}  {readable(one.paper.title)}\n      {one.snippet}")
    if not answer.results:
        warn(f"nothing found for {answer.query!r}")
    return None


def tree_lines(topics: tuple[Topic, ...], *, as_json: bool) -> None:
    """The tree of topics, indented."""
    if as_json:
        return print_json([schemas.topic_data(topic) for topic in topics])
    return print_table(
        [("topic", "papers", "label", "terms")]
        + [
            ("  " * (topic.level - 1) + topic.id, f"{topic.size:,}", topic.label, ", ".join(topic.terms))
            for topic in topics
        ]
    )


def topic_lines(answer: TopicAnswer, *, as_json: bool) -> None:
    """One topic: path, subtopics, best fitting papers."""
    if as_json:
        return print_json(schemas.topic_answer_data(answer))
    print_text(" > ".join(topic.label for topic in answer.path) + f"  ({answer.topic.size:,} papers)")
    for topic in answer.children:
        print_text(f"  {topic.id}  {topic.label} ({topic.size:,})")
    for paper in answer.papers:
        print_text(f"{paper.id}  {readable(paper.title)}")
    return None


def graph_lines(answer: GraphAnswer, *, as_json: bool) -> None:
    """A neighbourhood as a list of citations, a path as a chain."""
    if as_json:
        return print_json(schemas.graph_data(answer))
    titles = {node.id: node.title for node in answer.nodes}
    if answer.path:
        for paper_id in answer.path:
            print_text(f"{paper_id}  {titles[paper_id]}")
        return None
    for node in sorted(answer.nodes, key=lambda node: -node.rank):
        cites = sum(citing == node.id for citing, _ in answer.edges)
        cited = sum(cited == node.id for _, cited in answer.edges)
        print_text(f"{node.id}  {node.title}  (cites {cites}, cited by {cited} of these)")
    if len(answer.nodes) == 1:
        warn(f"no citation to or from {answer.centre} is known")
    return None
