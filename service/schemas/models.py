"""What REST and `--json` say, field by field: the documentation (OpenAPI) is made of these."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


class Mention(BaseModel):
    """A paper named in passing; `title` is empty for a work that the library does not hold."""

    model_config = _example(id="1706.03762", title="Attention Is All You Need")

    id: str
    title: str


class Reason(BaseModel):
    """One piece of evidence. Contributions are in log-odds, `value` in the signal's own unit (a cosine, a count)."""

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
    open_license: bool = Field(
        description="Whether the licence lets anyone share and adapt: CC BY, BY-SA, CC0"
    )
    withdrawn: bool


class RelatedPaper(Card):
    """A related paper: how sure that is, why, and how it stands by itself."""

    similarity: float = Field(
        ge=0,
        le=1,
        description="The chance that a seed cites it or somebody cites both: of results shown with 0.8, about 8 of 10 "
        "are cited by the seed or together with it",
    )
    relevance: float = Field(
        description="What results are ranked by, in log-odds: baseline plus contributions"
    )
    score: float = Field(
        description="Its own standing among papers of about its age, 0 to 100, whatever the seeds"
    )
    summary: list[str]
    because: str
    reasons: list[Reason]


class RelatedAnswer(BaseModel):
    """Related papers, most similar first unless `sort` says otherwise.

    `unknown` lists what was asked for and the library does not hold.
    """

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
    same_work: list[str] = Field(description="Ids of other records of the same work")
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
    """Papers found, best first; `total` counts all records that have every word.

    Of several records of one work the best alone is among the results, so a page may have fewer than its limit.
    """

    model_config = ConfigDict(extra="forbid")

    query: str
    total: int
    results: list[FoundPaper]
    generation: int


class TopicList(BaseModel):
    """The whole tree, each topic before its children; sizes count the papers that pass what was asked for."""

    model_config = ConfigDict(extra="forbid")

    topics: list[Topic]
    generation: int


class TopicAnswer(BaseModel):
    """A topic: the path down to it, its children, the papers that stand for it."""

    model_config = ConfigDict(extra="forbid")

    topic: Topic
    path: list[Topic]
    children: list[Topic]
    papers: list[Card]
    generation: int


class GraphNode(BaseModel):
    """A paper in the citation graph; `rank` is PageRank with 1 as the average.

    Title and licence are empty for a work that the library does not hold.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    title: str
    month: int = Field(description="Month of the id, YYYYMM")
    rank: float
    license: str | None
    open_license: bool


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
