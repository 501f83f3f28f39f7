"""The part of REST that asks about a set of papers: its gaps, and what a draft should cite."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Self

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from indexer.tables import Filters
from service import answers, api, schemas
from service.api import LONGEST_TEXT, MOST_RESULTS, PROBLEM, Identifier, Opened, Text, Wishes, answered
from service.gaps import gaps, review
from service.seeds import LARGEST_BIB, LONGEST_TITLE, MOST_SEEDS

_MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"


class SeedsRequest(BaseModel):
    """A set of papers, by ids, as BibTeX, or by titles; all of them together are the set."""

    model_config = ConfigDict(extra="forbid")

    liked: list[Identifier] = Field(
        default=[], max_length=MOST_SEEDS, description="Ids or arXiv URLs of papers"
    )
    bib: Annotated[Text, Field(max_length=LARGEST_BIB, description="The text of a BibTeX file")] = ""
    titles: list[Annotated[Text, Field(max_length=LONGEST_TITLE)]] = Field(
        default=[], max_length=MOST_SEEDS, description="Titles, ids or whole references as they are printed"
    )
    k: int = Field(default=20, ge=1, le=MOST_RESULTS, description="How many papers")
    filters: Wishes = Wishes()


class GapsRequest(SeedsRequest):
    """A set of papers, and how many of them must cite what is asked for."""

    at_least: int | None = Field(
        default=None,
        ge=1,
        description="How many of the set must cite a work: 2 unless told, in a long list one in fifty",
    )
    order: answers.GapOrder = Field(
        default=answers.GapOrder.COUNT,
        description="`count`: what most of the set cite first; `telling`: what everybody cites comes later",
    )

    @model_validator(mode="after")
    def _has_a_seed(self) -> Self:
        if not (self.liked or self.bib.strip() or self.titles):
            raise ValueError("give the papers of the set in liked, bib or titles")
        return self

    def request(self) -> answers.GapsRequest:
        """The same for the service."""
        return answers.GapsRequest(
            liked=tuple(self.liked),
            bib=self.bib or None,
            titles=tuple(self.titles),
            at_least=self.at_least,
            order=self.order,
            k=self.k,
            filters=self.filters.filters(),
        )


class ReviewRequest(SeedsRequest):
    """A draft: its abstract, and what it cites."""

    title: Annotated[Text, Field(max_length=1_000, description="The draft's title")] = ""
    abstract: Annotated[Text, Field(max_length=LONGEST_TEXT, description="The draft's abstract")]
    not_after: Annotated[
        str | None,
        Field(pattern=_MONTH, description="Leave out papers whose id's month is later", examples=["2025-03"]),
    ] = None

    @model_validator(mode="after")
    def _has_an_abstract(self) -> Self:
        if not self.abstract.strip():
            raise ValueError("give the draft's abstract")
        return self

    def request(self) -> answers.ReviewRequest:
        """The same for the service."""
        return answers.ReviewRequest(
            abstract=self.abstract,
            title=self.title,
            liked=tuple(self.liked),
            bib=self.bib or None,
            titles=tuple(self.titles),
            k=self.k,
            filters=self._filters(),
        )

    def _filters(self) -> Filters:
        filters = self.filters.filters()
        if self.not_after is None:
            return filters
        return replace(filters, not_after_month=int(self.not_after.replace("-", "")))


_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {
        "description": "None of the set is held, the BibTeX has no entry, or something is too large",
        "content": {PROBLEM: {"schema": schemas.Problem.model_json_schema()}},
    }
}

router = APIRouter(prefix="/v1", responses=api.router.responses | _REFUSED)

_BIB = "@article{vaswani2017, title={Attention Is All You Need}, eprint={1706.03762}}"


@router.post("/gaps", response_model=schemas.GapsAnswer)
def gaps_of_a_set(
    library: Opened,
    wishes: Annotated[
        GapsRequest,
        Body(examples=[{"liked": ["1706.03762", "1810.04805"], "bib": _BIB, "at_least": 2, "k": 5}]),
    ],
) -> Response:
    """Works that several papers of a set cite and that the set lacks. Unknown papers are reported, not fatal."""
    return answered(schemas.gaps_answer(gaps(library, wishes.request())))


@router.post("/review", response_model=schemas.ReviewAnswer)
def review_of_a_draft(
    library: Opened,
    wishes: Annotated[
        ReviewRequest,
        Body(
            examples=[
                {
                    "title": "Translation without recurrence",
                    "abstract": "We translate by attention alone, with neither recurrence nor convolution.",
                    "bib": _BIB,
                    "k": 5,
                }
            ]
        ),
    ],
) -> Response:
    """Papers that a draft should perhaps cite and does not, with reasons. Unknown references are reported."""
    return answered(schemas.review_answer(review(library, wishes.request())))
