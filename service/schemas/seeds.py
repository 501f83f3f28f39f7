"""What REST and `--json` say of sets of papers: their gaps, and what a draft should cite."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service import answers
from service.schemas.conversion import related_paper
from service.schemas.models import Mention, RelatedPaper


class GapWork(BaseModel):
    """A work that several of the seeds cite and that is not among them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": "1412.6980",
                    "url": "http://arxiv.org/abs/1412.6980",
                    "title": "Adam: A Method for Stochastic Optimization",
                    "held": True,
                    "count": 5,
                    "citers": 1204,
                    "lift": 1.73,
                    "cited_by": [{"id": "1706.03762", "title": "Attention Is All You Need"}],
                }
            ]
        },
    )

    id: str
    url: str
    title: str = Field(description="Empty for a work that the library does not hold")
    held: bool = Field(description="Whether the library holds the work")
    count: int = Field(description="How many of the seeds cite it")
    citers: int = Field(description="How many papers of the library cite it, the seeds included")
    lift: float = Field(
        description="Log-odds: how much likelier a seed cites it than another paper of the library does"
    )
    cited_by: list[Mention] = Field(description="Some of the seeds that cite it, the most cited first")


class GapsAnswer(BaseModel):
    """Works that at least `at_least` of the seeds cite and that are not among them; `total` counts all of them."""

    model_config = ConfigDict(extra="forbid")

    seeds: int = Field(description="How many works the seeds found are")
    with_references: int = Field(description="Of how many of these the library knows what they cite")
    unknown: list[str] = Field(description="Seeds that were not found, as they were written")
    at_least: int
    results: list[GapWork]
    total: int
    generation: int


class Finding(BaseModel):
    """Why a draft should perhaps cite a paper; `papers` are some of the `count` references that say so."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "why": "cited by references",
                    "count": 7,
                    "text": "cited by 7 of your references",
                    "papers": [{"id": "1706.03762", "title": "Attention Is All You Need"}],
                }
            ]
        },
    )

    why: answers.Why
    count: int
    text: str
    papers: list[Mention]


class MissingPaper(RelatedPaper):
    """A paper that the draft does not cite: how it is related to the draft, and why it is missed."""

    findings: list[Finding]


class ReviewAnswer(BaseModel):
    """Papers that a draft should perhaps cite and does not, most related first."""

    model_config = ConfigDict(extra="forbid")

    cited: list[Mention] = Field(description="The draft's references that the library holds")
    unknown: list[str] = Field(description="Its references that were not found, as they were written")
    results: list[MissingPaper]
    baseline: float = Field(description="A result's relevance less its reasons' contributions")
    generation: int


def gaps_answer(answer: answers.GapsAnswer) -> GapsAnswer:
    """The JSON of gaps."""
    return GapsAnswer(
        seeds=answer.seeds,
        with_references=answer.with_references,
        unknown=list(answer.unknown),
        at_least=answer.at_least,
        results=[
            GapWork(
                id=str(one.id),
                url=one.id.url(),
                title=one.title,
                held=one.held,
                count=one.count,
                citers=one.citers,
                lift=round(one.lift, 4),
                cited_by=_mentions(one.cited_by),
            )
            for one in answer.results
        ],
        total=answer.total,
        generation=answer.generation,
    )


def review_answer(answer: answers.ReviewAnswer) -> ReviewAnswer:
    """The JSON of what a draft misses."""
    return ReviewAnswer(
        cited=_mentions(answer.cited),
        unknown=list(answer.unknown),
        results=[_missing(one) for one in answer.results],
        baseline=round(answer.baseline, 4),
        generation=answer.generation,
    )


def gaps_data(answer: answers.GapsAnswer) -> dict[str, Any]:
    """Gaps as plain data."""
    return gaps_answer(answer).model_dump(mode="json")


def review_data(answer: answers.ReviewAnswer) -> dict[str, Any]:
    """What a draft misses as plain data."""
    return review_answer(answer).model_dump(mode="json")


def _missing(one: answers.Missing) -> MissingPaper:
    findings = [
        Finding(why=finding.why, count=finding.count, text=finding.text, papers=_mentions(finding.papers))
        for finding in one.findings
    ]
    return MissingPaper(**related_paper(one.related).model_dump(), findings=findings)


def _mentions(named: Iterable[answers.Named]) -> list[Mention]:
    return [Mention(id=str(one.id), title=one.title) for one in named]
