"""The pages for browsers: what a person asks in an address, answered in HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from pydantic import BeforeValidator

from indexer.errors import InvalidPaperId
from indexer.library import Library
from indexer.papers import Paper, PaperId
from indexer.tables import Filters
from service import api, explore, pages, schemas
from service.answers import Mode, Sort
from service.paper_page import paper_page
from service.problems import Form, preferred
from service.search import LONGEST_QUERY, search
from service.works import first_of_each

_SEARCH_RESULTS = 20
_NEWEST = 12

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_READ = ["GET", "HEAD"]

Day = Annotated[
    date | None, BeforeValidator(lambda value: value or None), Query()
]  # a form sends empty fields


@router.api_route("/", methods=_READ)
def home(library: api.Opened, *, open_license: api.OpenOnly = False) -> Response:
    """The front page."""
    shown = pages.home_html(
        topics=explore.topics(library, open_license=open_license),
        newest=newest_papers(library, _NEWEST, Filters(open_license=open_license)),
        papers=len(library.derived().catalogue),
        open_license=open_license,
    )
    return HTMLResponse(shown)


def newest_papers(library: Library, limit: int, filters: Filters) -> list[Paper]:
    """The papers submitted last that pass, newest first, each work once."""
    derived = library.derived()
    catalogue = derived.catalogue
    there = np.flatnonzero(catalogue.passing(filters))
    newest = there[np.lexsort((-catalogue.keys[there], -catalogue.days[there]))]
    keys = catalogue.keys[newest[first_of_each(derived.same_work[newest])][:limit]].tolist()
    papers = library.store.papers(keys)
    return [papers[key] for key in keys if key in papers]


@dataclass(frozen=True, slots=True)
class Shown:
    """Which related papers a page shows: found by which evidence, in which order, of which licences."""

    mode: Mode
    sort: Sort
    open_license: bool


def shown_as(mode: Mode = Mode.FUSED, sort: Sort = Sort.DATE, *, open_license: api.OpenOnly = False) -> Shown:
    """What the address of a page asks for."""
    return Shown(mode, sort, open_license)


@router.api_route("/papers/{paper_id:path}", methods=_READ)
def paper(
    request: Request,
    paper_id: Annotated[str, PathParameter(max_length=200)],
    library: api.Opened,
    shown: Annotated[Shown, Depends(shown_as)],
    form: Annotated[Form | None, Query(alias="format")] = None,
) -> Response:
    """The page of a paper, in the form that is asked for by `?format=` or else by the Accept header."""
    page = paper_page(library, paper_id, mode=shown.mode, sort=shown.sort, open_license=shown.open_license)
    match form or preferred(request.headers.get("accept", "")):
        case "text":
            answer: Response = PlainTextResponse(pages.render_text(page))
        case "json":
            answer = api.answered(schemas.paper(page))
        case _:
            answer = HTMLResponse(pages.render_html(page, served=True))
    answer.headers["Vary"] = "Accept"
    return answer


@router.api_route("/abs/{paper_id:path}", methods=_READ)
def as_at_arxiv(paper_id: Annotated[str, PathParameter(max_length=200)]) -> Response:
    """Lead from an arXiv address, whose host was replaced by ours, to the paper's page."""
    parsed, version = PaperId.parse_versioned(paper_id)
    return RedirectResponse(_address(parsed, version), HTTPStatus.SEE_OTHER)


def _address(paper_id: PaperId, version: int | None) -> str:
    return f"/papers/{paper_id}" + (f"v{version}" if version else "")


def chosen(
    category: Annotated[api.Text, Query(max_length=200)] = "",
    since: Day = None,
    until: Day = None,
    *,
    open_license: api.OpenOnly = False,
) -> Filters:
    """The filters of the form beside the results of a search."""
    categories = tuple(category.replace(",", " ").split())
    return Filters(since=since, until=until, categories=categories, open_license=open_license)


@router.api_route("/search", methods=_READ)
def search_page(
    library: api.Opened,
    filters: Annotated[Filters, Depends(chosen)],
    q: Annotated[api.Text, Query(max_length=LONGEST_QUERY)] = "",
    offset: Annotated[int, Query(ge=0, le=api.DEEPEST)] = 0,
) -> Response:
    """The papers that have some words; an arXiv id leads straight to its paper."""
    named = _held(library, q)
    if named is not None:
        kept = pages.asked_for(open_license=filters.open_license)
        return RedirectResponse(named + kept, HTTPStatus.SEE_OTHER)
    answer = search(library, q, filters, limit=_SEARCH_RESULTS, offset=offset)
    return HTMLResponse(pages.search_html(answer, filters, limit=_SEARCH_RESULTS, offset=offset))


def _held(library: Library, text: str) -> str | None:
    """The address of the paper whose id is the text, if the library holds it."""
    try:
        paper_id, version = PaperId.parse_versioned(text)
    except InvalidPaperId:
        return None
    return _address(paper_id, version) if library.store.keys([paper_id]) else None


@router.api_route("/topics", methods=_READ)
def topics(library: api.Opened, *, open_license: api.OpenOnly = False) -> Response:
    """The tree of topics."""
    shown = explore.topics(library, open_license=open_license)
    return HTMLResponse(pages.topics_html(shown, open_license=open_license))


@router.api_route("/topics/{topic_id}", methods=_READ)
def topic(
    library: api.Opened,
    topic_id: Annotated[str, PathParameter(max_length=50)],
    *,
    open_license: api.OpenOnly = False,
) -> Response:
    """One topic."""
    return HTMLResponse(pages.topic_html(explore.topic(library, topic_id, open_license=open_license)))


@router.api_route("/api", methods=_READ)
def described(request: Request) -> Response:
    """What REST offers, for people."""
    return HTMLResponse(pages.api_html(_operations(request.app.openapi(), str(request.base_url).rstrip("/"))))


def _operations(openapi: dict[str, Any], base: str) -> Sequence[dict[str, Any]]:
    """The calls of an OpenAPI description, each with an example for the shell."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation["description"],
            "parameters": [
                {"name": one["name"], "description": one.get("description", "")}
                for one in [*operation.get("parameters", []), *_fields(openapi, operation)]
            ],
            "example": _example(base, path, operation),
        }
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]


def _fields(openapi: dict[str, Any], operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The fields of a call's body, those of the filters as `filters.since`."""
    schemas_of = openapi["components"]["schemas"]

    def below(schema: dict[str, Any], prefix: str) -> Iterator[dict[str, Any]]:
        for name, field in schema["properties"].items():
            described = schemas_of.get(field.get("$ref", "").rpartition("/")[2], {})
            if "properties" in described:
                yield from below(described, f"{prefix}{name}.")
            else:
                yield {"name": prefix + name, "description": field.get("description", "")}

    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        yield from below(schemas_of[body["schema"]["$ref"].rpartition("/")[2]], "")


def _example(base: str, path: str, operation: dict[str, Any]) -> str:
    query = []
    for one in operation.get("parameters", []):
        example = next(iter(one["schema"].get("examples", [])), None)
        if one["in"] == "path":
            path = path.replace("{" + one["name"] + "}", str(example))
        elif example is not None and one["required"]:  # with all that may be asked it is no example
            query.append(f"{one['name']}={example}")
    address = f"{base}{path}" + (f"?{'&'.join(query)}" if query else "")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if not body:
        return f"curl '{address}'"
    data = json.dumps(body["schema"].get("examples", body.get("examples", [{}]))[0])
    return f"curl '{address}' -H 'Content-Type: application/json' -d '{data}'"
