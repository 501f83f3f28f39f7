"""What REST and `--json` say: pydantic models, each built from the values of `answers` by one function.

The models are the documentation as well (OpenAPI); an answer is validated once, when its model is built, and
serialised by pydantic's own writer.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from indexer import papers
from indexer.plain_text import readable, unaccent_tex
from service import answers


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


class Mention(BaseModel):
    """A paper named in passing; `title` is empty for a work that the library does not hold."""

    model_config = _example(id="1706.03762", title="Attention Is All You Need")

    id: str
    title: str


class Reason(BaseModel):
    """One piece of evidence. Contributions are in log-odds, `value` in the signal's own unit."""

    model_config = _example(
        signal="text",
        contribution=1.52,
        value=0.71,
        text="its text is very close (cosine 0.71)",
        terms=[],
        papers=[],
    )

    signal: str
    contribution: float
    value: float
    text: str
    terms: list[str]
    papers: list[Mention]


class Card(BaseModel):
    """What every paper in a list carries."""

    model_config = ConfigDict(extra="forbid")

    id: str
    url: str
    title: str
    authors: list[str]
    categories: list[str]
    submitted: datetime = Field(description="Version 1; the first of the month where `day_known` is false")
    day_known: bool
    license: str | None = Field(description="arXiv's URI; null where it is not known")
    withdrawn: bool


class RelatedPaper(Card):
    """A related paper: `similarity` 0 to 1, `relevance` the same in log-odds, `score` 0 to 100 its own standing."""

    similarity: float
    relevance: float
    score: float
    summary: list[str]
    because: str
    reasons: list[Reason]


class RelatedAnswer(BaseModel):
    """Related papers, most similar first. `unknown` lists the ids asked for that the library does not hold."""

    model_config = ConfigDict(extra="forbid")

    seeds: list[Mention]
    unknown: list[str]
    results: list[RelatedPaper]
    baseline: float = Field(description="A result's relevance less its reasons' contributions")
    generation: int


class Topic(BaseModel):
    """A node of the taxonomy; its id is its path."""

    model_config = _example(
        id="3.2",
        parent="3",
        label="Image segmentation",
        terms=["segmentation", "mask", "image"],
        size=87,
        level=2,
    )

    id: str
    parent: str
    label: str
    terms: list[str]
    size: int
    level: int


class Paper(Card):
    """Everything known of one paper, its related papers newest first."""

    version: int | None
    abstract: str
    summary: list[str]
    score: float = Field(ge=0, le=100)
    updated: datetime
    comments: str | None
    journal_ref: str | None
    doi: str | None
    note: str | None
    topics: list[Topic]
    references: list[Mention]
    cited_by: list[Mention]
    reference_count: int
    citation_count: int
    related: list[RelatedPaper]
    generation: int


class FoundPaper(Card):
    """A paper found by its words; `snippet` is the sentence that shows them best."""

    score: float
    relevance: float
    snippet: str


class SearchAnswer(BaseModel):
    """Papers found, best first; `total` counts all that have every word."""

    model_config = ConfigDict(extra="forbid")

    query: str
    total: int
    results: list[FoundPaper]
    generation: int


class TopicList(BaseModel):
    """The whole tree, each topic before its children."""

    model_config = ConfigDict(extra="forbid")

    topics: list[Topic]
    generation: int


class TopicAnswer(BaseModel):
    """A topic: the path down to it, its children, the papers that stand for it."""

    model_config = ConfigDict(extra="forbid")

    topic: Topic
    path: list[Topic]
    children: list[Topic]
    papers: list[Mention]
    generation: int


class GraphNode(BaseModel):
    """A paper in the citation graph; `rank` is PageRank with 1 as the average."""

    model_config = ConfigDict(extra="forbid")

    id: str
    title: str
    month: int = Field(description="Month of the id, YYYYMM")
    rank: float


class GraphAnswer(BaseModel):
    """A neighbourhood or a path; each edge leads from the citing to the cited paper."""

    model_config = ConfigDict(extra="forbid")

    centre: str
    nodes: list[GraphNode]
    edges: list[tuple[str, str]]
    path: list[str]
    generation: int


class Health(BaseModel):
    """That the service answers, and from what."""

    model_config = _example(status="ok", papers=21646, generation=3)

    status: str
    papers: int
    generation: int


class Problem(BaseModel):
    """What went wrong (RFC 9457). `nearest` lists known ids like the one asked for, `errors` what to correct."""

    model_config = _example(
        type="urn:paperkin:unknown-paper",
        title="Paper not in the library",
        status=404,
        detail="arXiv:2503.14505 is not in this library; nearest known: 2503.14504",
        instance="/v1/papers/2503.14505",
        nearest=["2503.14504"],
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    nearest: list[str] | None = None
    errors: list[dict[str, str]] | None = None


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
        papers=[Mention(id=str(one.id), title=readable(one.title)) for one in answer.papers],
        generation=answer.generation,
    )


def graph_answer(answer: answers.GraphAnswer) -> GraphAnswer:
    """The JSON of a picture of the graph."""
    return GraphAnswer(
        centre=str(answer.centre),
        nodes=[
            GraphNode(id=str(node.id), title=node.title, month=node.month, rank=round(node.rank, 4))
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
