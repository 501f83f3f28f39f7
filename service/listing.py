"""Answers as lists on the terminal, or as JSON with the same fields as the REST service."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from indexer.errors import InvalidPaperId, SettingsError, SourceError, UnknownPaper
from indexer.library import Library
from indexer.papers import PaperId, Topic
from indexer.plain_text import readable
from service import schemas
from service.answers import (
    Gap,
    GapsAnswer,
    GraphAnswer,
    RelatedAnswer,
    RelatedRequest,
    ReviewAnswer,
    SearchAnswer,
    TopicAnswer,
)
from service.console import print_json, print_table, print_text, warn
from service.related import MOST_RESULTS, related

_NAMED = 3  # papers in a line
_WARNED = 10  # unknown works that are named; of a long bibliography there may be hundreds


def related_lines(answer: RelatedAnswer, *, as_json: bool, indent: str = "") -> None:
    """Related papers, each with similarity, id, title and why."""
    if as_json:
        return print_json(schemas.related_data(answer))
    for one in answer.results:
        print_text(f"{indent}{one.similarity:.2f}  {one.paper.id}  {readable(one.paper.title)}")
        print_text(f"{indent}      {one.because}")
    if not answer.results:
        warn("nothing related was found; ask for less: another --mode, a smaller --least, fewer filters")
    return None


def related_to_each(library: Library, ids_from: Path, wishes: RelatedRequest, *, as_json: bool) -> None:
    """Answer each id of a file by itself, one JSON line for each.

    An id that the library does not hold is reported and gets an empty list; `SourceError` if that are all.
    """
    ids = ids_in(ids_from)
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


def among_in(path: Path) -> tuple[str, ...]:
    """The ids in a file of those to be ranked; `SettingsError` for none and for more than are ranked one by one."""
    ids = tuple(dict.fromkeys(ids_in(path)))
    if not ids:
        raise SettingsError(f"there is no id in {path}; write one a line")
    if len(ids) > MOST_RESULTS:
        raise SettingsError(f"{path} has {len(ids):,} ids, more than {MOST_RESULTS:,}; ask for them in parts")
    return ids


def ids_in(path: Path) -> list[str]:
    """The ids in a file, one a line; `SourceError` where it cannot be read."""
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


def warn_unknown(unknown: tuple[str, ...]) -> None:
    """Say what the library does not hold, the first few by name."""
    for text in unknown[:_WARNED]:
        warn(f"{text} is not in this library")
    if len(unknown) > _WARNED:
        warn(f"nor are {len(unknown) - _WARNED:,} more; --json lists them all")


def gaps_lines(answer: GapsAnswer, *, as_json: bool) -> None:
    """What seeds cite that is not among them, each with how many of them and which."""
    warn_unknown(answer.unknown)
    if as_json:
        return print_json(schemas.gaps_data(answer))
    for one in answer.results:
        title = readable(one.title) if one.held else "(not in this library)"
        print_text(f"{one.count:>4}  {one.id}  {title}")
        print_text(f"      {_cited_by(one)}")
    if answer.with_references < answer.seeds:
        known = f"{answer.with_references:,} of {answer.seeds:,} seeds"
        warn(f"only of {known} it is known what they cite; `paperkin link` looks for more")
    if not answer.results:
        warn(f"there is no other work that at least {answer.at_least} seeds cite")
    return None


def _cited_by(gap: Gap) -> str:
    """Who cites a work, in words."""
    named = "; ".join(one.title for one in gap.cited_by[:_NAMED])
    more = gap.count - len(gap.cited_by[:_NAMED])
    others = f" and {more:,} more" if more else ""
    papers = "paper" if gap.citers == 1 else "papers"
    return f"cited by {named}{others} ({gap.citers:,} {papers} of the library)"


def review_lines(answer: ReviewAnswer, *, as_json: bool) -> None:
    """What a draft should perhaps cite, each with why it is missed and how it is related."""
    warn_unknown(answer.unknown)
    if as_json:
        return print_json(schemas.review_data(answer))
    for one in answer.results:
        paper = one.related.paper
        print_text(f"{one.related.similarity:.2f}  {paper.id}  {readable(paper.title)}")
        for finding in one.findings:
            named = "; ".join(mention.title for mention in finding.papers[:_NAMED])
            print_text(f"      {finding.text}{f': {named}' if named else ''}")
        if not one.findings:
            print_text(f"      {one.related.because}")
    if not answer.results:
        warn("nothing was found that the draft should cite")
    return None
