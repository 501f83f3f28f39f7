"""Answers as lists on the terminal, or as JSON with the same fields as the REST service."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from indexer.errors import InvalidPaperId, SourceError, UnknownPaper
from indexer.library import Library
from indexer.papers import PaperId, Topic
from indexer.plain_text import readable
from service import schemas
from service.answers import GraphAnswer, RelatedAnswer, RelatedRequest, SearchAnswer, TopicAnswer
from service.console import print_json, print_table, print_text, warn
from service.related import related


def related_lines(answer: RelatedAnswer, *, as_json: bool, indent: str = "") -> None:
    """Related papers, each with similarity, id, title and why."""
    if as_json:
        return print_json(schemas.related_data(answer))
    for one in answer.results:
        print_text(f"{indent}{one.similarity:.2f}  {one.paper.id}  {readable(one.paper.title)}")
        print_text(f"{indent}      {one.because}")
    return None


def related_to_each(library: Library, ids_from: Path, wishes: RelatedRequest, *, as_json: bool) -> None:
    """Answer each id of a file by itself, one JSON line for each.

    An id that the library does not hold is reported and gets an empty list; `SourceError` if that are all.
    """
    ids = _ids(ids_from)
    answered = 0
    for text in ids:
        try:
            answer = related(library, replace(wishes, liked=(text,)))
        except (InvalidPaperId, UnknownPaper) as error:
            warn(str(error))
            if as_json:
                print_json({"id": text, "related": []})
            continue
        answered += 1
        if as_json:
            print_json({"id": str(answer.seeds[0].id), "related": schemas.brief_related(answer)})
        else:
            print_text(f"{answer.seeds[0].id}  {answer.seeds[0].title}")
            related_lines(answer, as_json=False, indent="  ")
    if ids and not answered:
        raise SourceError(f"the library holds none of the {len(ids):,} ids in {ids_from}")


def _ids(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SourceError(f"the ids in {path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is no file of ids, one a line: it is not text in UTF-8") from error
    return [line.strip() for line in lines if line.strip()]


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


def graph_lines(answer: GraphAnswer, goal: PaperId | None = None, *, as_json: bool) -> None:
    """A neighbourhood as a list of papers; where a way to `goal` was asked for, the chain."""
    if as_json:
        return print_json(schemas.graph_data(answer))
    if goal is not None:
        return _chain(answer, goal)
    for node in sorted(answer.nodes, key=lambda node: -node.rank):
        cites = sum(citing == node.id for citing, _ in answer.edges)
        cited = sum(cited == node.id for _, cited in answer.edges)
        print_text(f"{node.id}  {node.title}  (cites {cites}, cited by {cited} of these)")
    if len(answer.nodes) == 1:
        warn(f"no citation to or from {answer.centre} is known")
    return None


def _chain(answer: GraphAnswer, goal: PaperId) -> None:
    """A path, each step with who cites whom."""
    if not answer.path:
        return warn(f"no chain of citations leads from {answer.centre} to {goal}")
    titles = {node.id: node.title for node in answer.nodes}
    print_text(f"{answer.centre}  {titles[answer.centre]}")
    for before, after in pairwise(answer.path):
        relation = "cites" if (before, after) in answer.edges else "is cited by"
        print_text(f"  {relation} {after}  {titles[after]}")
    return None
