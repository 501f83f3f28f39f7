"""The REST interface under `/v1`: reads a request, asks the service, answers JSON."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Self

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from indexer.library import Library
from indexer.papers import PaperId
from indexer.tables import Filters
from service import answers, explore, schemas
from service.paper_page import paper_page
from service.related import related
from service.search import LONGEST_QUERY, search
from service.seeds import LARGEST_BIB, LONGEST_TITLE, MOST_SEEDS, related_to_seeds

MOST_RESULTS = 200
MOST_IDS = 100
MOST_AMONG = 1_000
LONGEST_TEXT = 20_000
DEEPEST = 10_000  # how far down a search may be leafed through
MOST_NODES = 200

PROBLEM = "application/problem+json"
OPEN_ONLY = (
    "Whether to show only papers whose licence lets anyone share and adapt them (CC BY, CC BY-SA, CC0)"
)
BY_MODE = (
    "Which evidence to go by. `fused`: all of it; `text`: what title and abstract mean; `words`: rare words in common; "
    "`coupling`: references in common; `co-citation`: papers that cite both; `references`: citations between the two"
)
BY_FACET = (
    "Compare only what abstracts say of their `background`, `method` or `result`; all of it unless told"
)
BY_SORT = (
    "How to show the papers that are most related. `score`: the most related first; `date`: the newest first; "
    "`influence`: the one that the library cites most first"
)
LEAST = "Least similarity of a result: of papers with 0.8, about 8 of 10 are cited by the seed or together with it"
DIVERSITY = "How much unlike each other the results shall be: 0 not at all, 1 as much as possible"
TOPIC = "Only papers of this topic and those below it, by its id, such as 3 or 3.2"


def _characters(text: str) -> str:
    """Refuse halves of surrogate pairs, which JSON lets through and which are no characters."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("has a lone surrogate, which is no character")
    return text.replace("\0", " ")


Text = Annotated[str, AfterValidator(_characters)]
Identifier = Annotated[Text, Field(min_length=1, max_length=200)]
OpenOnly = Annotated[bool, Query(description=OPEN_ONLY)]
TopicId = Annotated[Text, Field(max_length=50, examples=["1"])]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Wishes(BaseModel):
    """Which papers may be in an answer; every field may be left out."""

    model_config = ConfigDict(extra="forbid")

    since: date | None = Field(default=None, description="First day of submission")
    until: date | None = Field(default=None, description="Last day of submission")
    categories: list[Identifier] = Field(
        default=[], max_length=50, description="Any of these; cs takes all of cs.*"
    )
    licenses: list[Identifier] = Field(default=[], max_length=50, description="Any of these URIs, exactly")
    open_license: bool = Field(default=False, description=OPEN_ONLY)
    withdrawn: bool = Field(default=False, description="Whether withdrawn papers may appear")

    def filters(self) -> Filters:
        """The same for the library."""
        return Filters(
            since=self.since,
            until=self.until,
            categories=tuple(self.categories),
            licenses=tuple(self.licenses),
            open_license=self.open_license,
            withdrawn=self.withdrawn,
        )


class RelatedWishes(Wishes):
    """Which papers may be related ones."""

    topic: TopicId = Field(default="", description=TOPIC)


class RelatedRequest(BaseModel):
    """Seeds and wishes: at least one liked paper or a text."""

    model_config = ConfigDict(extra="forbid")

    liked: list[Identifier] = Field(
        [], max_length=MOST_IDS, description="Ids or arXiv URLs of papers you like"
    )
    disliked: list[Identifier] = Field(
        default=[], max_length=MOST_IDS, description="And of papers you do not"
    )
    text: Annotated[Text, Field(max_length=LONGEST_TEXT, description="A text to be related to")] = ""
    bib: Annotated[
        Text,
        Field(max_length=LARGEST_BIB, description="The text of a BibTeX file, whose papers you like as well"),
    ] = ""
    titles: list[Annotated[Text, Field(max_length=LONGEST_TITLE)]] = Field(
        default=[],
        max_length=MOST_SEEDS,
        description="Titles, ids or whole references of papers that you like as well",
    )
    known_references: list[Identifier] = Field(
        default=[], max_length=MOST_SEEDS, description="Ids of papers that the text cites"
    )
    k: int = Field(default=20, ge=1, le=MOST_RESULTS, description="How many papers")
    filters: RelatedWishes = RelatedWishes()
    mode: answers.Mode = Field(default=answers.Mode.FUSED, description=BY_MODE, examples=["co-citation"])
    facet: answers.Facet | None = Field(default=None, description=BY_FACET, examples=["method"])
    sort: answers.Sort = Field(default=answers.Sort.SCORE, description=BY_SORT, examples=["date"])
    least: Fraction = Field(default=0.0, description=LEAST, examples=[0.5])
    diversity: Fraction = Field(default=0.0, description=DIVERSITY, examples=[0.3])
    among: list[Identifier] = Field(
        default=[],
        max_length=MOST_AMONG,
        description="Rank these papers and no others, whatever the filters: ids or arXiv URLs",
    )
    not_newer: bool = Field(default=False, description="Leave out papers newer than the newest seed")
    as_of_seed: bool = Field(
        default=False, description="Answer as if papers newer than the seed did not exist"
    )
    text_only: bool = Field(default=False, description="Ignore the seeds' own citations")

    @model_validator(mode="after")
    def _has_a_seed(self) -> Self:
        if not (self.liked or self.titles or self.bib.strip() or self.text.strip()):
            raise ValueError("give at least one paper in liked, bib or titles, or a text")
        return self

    def request(self) -> answers.RelatedRequest:
        """The same for the service."""
        return answers.RelatedRequest(
            liked=tuple(self.liked),
            disliked=tuple(self.disliked),
            text=self.text,
            k=self.k,
            filters=self.filters.filters(),
            not_newer=self.not_newer,
            as_of_seed=self.as_of_seed,
            text_only=self.text_only,
            mode=self.mode,
            facet=self.facet,
            sort=self.sort,
            least=self.least,
            diversity=self.diversity,
            topic=self.filters.topic,
            among=tuple(self.among),
            known_references=tuple(self.known_references),
        )


async def opened_library(request: Request) -> Library:
    """The library that the application opened; async, so that it costs no thread."""
    library: Library = request.app.state.library
    return library


def asked_filters(
    since: Annotated[date | None, Query(description="First day of submission, such as 2020-01-01")] = None,
    until: Annotated[date | None, Query(description="Last day of submission")] = None,
    category: Annotated[
        list[Identifier],
        Query(max_length=50, description="Such as cs.CL, or cs for all of it; may be repeated"),
    ] = [],  # noqa: B006  # FastAPI's way to say "none"; never changed
    license: Annotated[  # noqa: A002  # the name of the parameter in the address
        list[Identifier], Query(max_length=50, description="A licence's URI; may be repeated")
    ] = [],  # noqa: B006  # as above
    *,
    open_license: OpenOnly = False,
) -> Filters:
    """The filters of a GET request."""
    return Filters(
        since=since,
        until=until,
        categories=tuple(category),
        licenses=tuple(license),
        open_license=open_license,
    )


def asked_ranking(
    mode: Annotated[answers.Mode, Query(description=BY_MODE, examples=["co-citation"])] = answers.Mode.FUSED,
    facet: Annotated[answers.Facet | None, Query(description=BY_FACET, examples=["method"])] = None,
    sort: Annotated[answers.Sort, Query(description=BY_SORT, examples=["date"])] = answers.Sort.SCORE,
    least: Annotated[Fraction, Query(description=LEAST, examples=[0.5])] = 0.0,
    diversity: Annotated[Fraction, Query(description=DIVERSITY, examples=[0.3])] = 0.0,
    topic: Annotated[TopicId, Query(description=TOPIC)] = "",
) -> answers.RelatedRequest:
    """How a GET request wants its papers ranked; seeds and filters come beside."""
    return answers.RelatedRequest(
        mode=mode, facet=facet, sort=sort, least=least, diversity=diversity, topic=topic
    )


Opened = Annotated[Library, Depends(opened_library)]
Asked = Annotated[Filters, Depends(asked_filters)]
Ranking = Annotated[answers.RelatedRequest, Depends(asked_ranking)]
Id = Annotated[
    str,
    Path(
        max_length=200,
        description="An arXiv id, with or without version; old ids have a slash",
        examples=["1706.03762"],
    ),
]
Count = Annotated[int, Query(ge=1, le=MOST_RESULTS, description="How many papers")]


def _problem(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    content = {PROBLEM: {"schema": schemas.Problem.model_json_schema()}}
    return {status: {"description": description, "content": content}}


_NOT_FOUND = _problem(404, "There is no such paper or topic; nearest lists known ids like it")

router = APIRouter(
    prefix="/v1",
    responses=_problem(422, "The request cannot be understood")
    | _problem(503, "The library cannot answer now"),
)


def answered(model: BaseModel) -> Response:
    """The model as JSON, past FastAPI's second validation of it."""
    return Response(model.model_dump_json(), media_type="application/json")


@router.get("/papers/{paper_id:path}/related", response_model=schemas.RelatedAnswer, responses=_NOT_FOUND)
def related_to_paper(
    paper_id: Id,
    library: Opened,
    filters: Asked,
    ranking: Ranking,
    k: Count = 20,
    not_newer: Annotated[bool, Query(description="Leave out papers newer than this one")] = False,  # noqa: FBT002  # a parameter of the query
) -> Response:
    """Papers related to one, most similar first unless `sort` says otherwise, each with its reasons."""
    wishes = replace(ranking, liked=(paper_id,), k=k, filters=filters, not_newer=not_newer)
    return answered(schemas.related_answer(related(library, wishes)))


@router.get("/papers/{paper_id:path}", response_model=schemas.Paper, responses=_NOT_FOUND)
def one_paper(paper_id: Id, library: Opened, k: Count = 20, *, open_license: OpenOnly = False) -> Response:
    """Everything known of a paper: summary, score, licence, topics, citations, related papers newest first."""
    return answered(schemas.paper(paper_page(library, paper_id, k=k, open_license=open_license)))


_ASKED = [
    {"liked": ["1706.03762"], "disliked": ["1512.03385"], "k": 5},
    {
        "liked": ["1706.03762"],
        "mode": "co-citation",
        "sort": "influence",
        "least": 0.5,
        "filters": {"since": "2018-01-01", "categories": ["cs"]},
    },
]


@router.post("/related", response_model=schemas.RelatedAnswer, responses=_NOT_FOUND)
def related_to_many(
    library: Opened,
    wishes: Annotated[RelatedRequest, Body(examples=_ASKED)],
) -> Response:
    """Papers related to several papers (liked and disliked) or to a text. Unknown papers are reported, not fatal."""
    answer = related_to_seeds(library, wishes.request(), bib=wishes.bib or None, titles=wishes.titles)
    return answered(schemas.related_answer(answer))


@router.get("/search", response_model=schemas.SearchAnswer)
def search_papers(
    library: Opened,
    filters: Asked,
    q: Annotated[
        Text,
        Query(
            max_length=LONGEST_QUERY, description="Words; phrases in double quotes", examples=["attention"]
        ),
    ],
    limit: Count = 20,
    offset: Annotated[int, Query(ge=0, le=DEEPEST, description="How many to pass over")] = 0,
) -> Response:
    """Papers that have the words in title, abstract or authors."""
    return answered(schemas.search_answer(search(library, q, filters, limit=limit, offset=offset)))


@router.get("/topics", response_model=schemas.TopicList)
def all_topics(library: Opened, *, open_license: OpenOnly = False) -> Response:
    """The tree of topics, each before its children."""
    topics = [schemas.topic(one) for one in explore.topics(library, open_license=open_license)]
    return answered(schemas.TopicList(topics=topics, generation=library.derived().generation.number))


@router.get("/topics/{topic_id}", response_model=schemas.TopicAnswer, responses=_NOT_FOUND)
def one_topic(
    topic_id: Annotated[str, Path(max_length=50, description="Such as 3 or 3.2", examples=["1"])],
    library: Opened,
    limit: Count = 20,
    *,
    open_license: OpenOnly = False,
) -> Response:
    """A topic: the path to it, its children, the papers that stand for it."""
    answer = explore.topic(library, topic_id, limit=limit, open_license=open_license)
    return answered(schemas.topic_answer(answer))


@router.get("/graph/{paper_id:path}", response_model=schemas.GraphAnswer, responses=_NOT_FOUND)
def graph_around(
    paper_id: Id,
    library: Opened,
    most: Annotated[int, Query(ge=1, le=MOST_NODES, description="How many neighbours")] = 40,
    to: Annotated[str | None, Query(max_length=200, description="Show a shortest path to this paper")] = None,
    *,
    open_license: OpenOnly = False,
) -> Response:
    """The citations around a paper, or with `to` a shortest chain of citations between two."""
    start = explore.held(library, paper_id)[1].id
    if to is None:
        answer = explore.neighbourhood(library, start, most=most, open_license=open_license)
    else:
        answer = explore.path(library, start, PaperId.parse(to), open_license=open_license)
    return answered(schemas.graph_answer(answer))


@router.get("/health", response_model=schemas.Health)
def health(library: Opened) -> Response:
    """Whether the library answers; 503 if not."""
    derived = library.derived()
    library.store.titles([])  # the store must answer too; counting its rows would take longer than an answer
    papers = len(derived.catalogue)
    return answered(schemas.Health(status="ok", papers=papers, generation=derived.generation.number))
