"""Each model built from the values of `answers` by one function, and answers as plain data for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from indexer import papers
from indexer.plain_text import readable, unaccent_tex
from service import answers
from service.schemas.models import (
    Card,
    FoundPaper,
    GraphAnswer,
    GraphNode,
    Mention,
    Paper,
    Reason,
    RelatedAnswer,
    RelatedPaper,
    SearchAnswer,
    Topic,
    TopicAnswer,
)


def related_answer(answer: answers.RelatedAnswer) -> RelatedAnswer:
    """The JSON of related papers."""
    return RelatedAnswer(
        seeds=_mentions(answer.seeds),
        unknown=list(answer.unknown),
        results=[related_paper(one) for one in answer.results],
        baseline=round(answer.baseline, 4),
        generation=answer.generation,
    )


def related_paper(one: answers.Related) -> RelatedPaper:
    """The JSON of one related paper."""
    return RelatedPaper(
        **_card(one.paper),
        similarity=round(one.similarity, 4),
        relevance=round(one.relevance, 4),
        score=round(one.score, 2),
        summary=list(one.summary),
        because=one.because,
        reasons=[_reason(reason) for reason in one.reasons],
    )


def _card(paper: papers.Paper) -> dict[str, Any]:
    """What every mention of a paper in a list carries."""
    return {
        "id": str(paper.id),
        "url": paper.id.url(),
        "title": readable(paper.title),
        "authors": [unaccent_tex(author.name) for author in paper.authors],
        "categories": list(paper.categories),
        "submitted": paper.submitted.astimezone(UTC),
        "day_known": paper.day_known,
        "license": paper.license,
        "open_license": paper.open_license,
        "withdrawn": paper.withdrawn,
    }


def _reason(reason: answers.Reason) -> Reason:
    return Reason(
        signal=reason.signal.value,
        contribution=round(reason.contribution, 4),
        value=round(reason.value, 4),
        text=reason.text,
        terms=list(reason.terms),
        papers=_mentions(reason.papers),
    )


def _mentions(named: Iterable[answers.Named]) -> list[Mention]:
    return [Mention(id=str(one.id), title=one.title) for one in named]


def paper(page: answers.PaperPage) -> Paper:
    """The JSON of a paper's page."""
    shown = page.paper
    card = _card(shown) | {"url": shown.id.url(page.version)}
    return Paper(
        **card,
        version=page.version,
        abstract=readable(shown.abstract),
        summary=list(page.summary),
        score=round(page.score, 2),
        updated=shown.updated.astimezone(UTC),
        comments=shown.comments,
        journal_ref=shown.journal_ref,
        doi=shown.doi,
        note=page.note,
        same_work=[str(one.id) for one in page.same_work],
        topics=[topic(one) for one in page.topics],
        references=_mentions(page.references),
        cited_by=_mentions(page.cited_by),
        reference_count=page.reference_count,
        citation_count=page.citation_count,
        related=[related_paper(one) for one in page.related],
        generation=page.generation,
    )


def search_answer(answer: answers.SearchAnswer) -> SearchAnswer:
    """The JSON of a search."""
    return SearchAnswer(
        query=answer.query,
        total=answer.total,
        results=[
            FoundPaper(
                **_card(found.paper),
                score=round(found.score, 2),
                relevance=round(found.relevance, 4),
                snippet=found.snippet,
            )
            for found in answer.results
        ],
        generation=answer.generation,
    )


def topic(node: papers.Topic) -> Topic:
    """The JSON of a topic."""
    return Topic(
        id=node.id,
        parent=node.parent,
        label=node.label,
        terms=list(node.terms),
        size=node.size,
        level=node.level,
    )


def topic_answer(answer: answers.TopicAnswer) -> TopicAnswer:
    """The JSON of a topic with what is around it."""
    return TopicAnswer(
        topic=topic(answer.topic),
        path=[topic(one) for one in answer.path],
        children=[topic(one) for one in answer.children],
        papers=[Card(**_card(one)) for one in answer.papers],
        generation=answer.generation,
    )


def graph_answer(answer: answers.GraphAnswer) -> GraphAnswer:
    """The JSON of a picture of the graph."""
    return GraphAnswer(
        centre=str(answer.centre),
        nodes=[
            GraphNode(
                id=str(node.id),
                title=node.title,
                month=node.month,
                rank=round(node.rank, 4),
                license=node.license,
                open_license=node.license in papers.OPEN_LICENSES,
            )
            for node in answer.nodes
        ],
        edges=[(str(citing), str(cited)) for citing, cited in answer.edges],
        path=[str(one) for one in answer.path],
        generation=answer.generation,
    )


def page_json(page: answers.PaperPage) -> str:
    """The JSON of a paper's page, as text."""
    return paper(page).model_dump_json()


def related_data(answer: answers.RelatedAnswer) -> dict[str, Any]:
    """Related papers as plain data."""
    return related_answer(answer).model_dump(mode="json")


def brief_related(answer: answers.RelatedAnswer) -> list[dict[str, Any]]:
    """Related papers as plain data, with no more than it takes to judge the ranking: id, similarity, reasons."""
    return [
        {
            "id": str(one.paper.id),
            "similarity": round(one.similarity, 4),
            "reasons": [_reason(reason).model_dump(mode="json") for reason in one.reasons],
        }
        for one in answer.results
    ]


def search_data(answer: answers.SearchAnswer) -> dict[str, Any]:
    """What a search found as plain data."""
    return search_answer(answer).model_dump(mode="json")


def topic_data(node: papers.Topic) -> dict[str, Any]:
    """A topic as plain data."""
    return topic(node).model_dump(mode="json")


def topic_answer_data(answer: answers.TopicAnswer) -> dict[str, Any]:
    """A topic with what is around it as plain data."""
    return topic_answer(answer).model_dump(mode="json")


def graph_data(answer: answers.GraphAnswer) -> dict[str, Any]:
    """A picture of the graph as plain data."""
    return graph_answer(answer).model_dump(mode="json")
