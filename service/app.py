"""The web application: REST, pages for browsers, and one table that turns errors into answers."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BeforeValidator
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.errors import GenerationError, InvalidPaperId, PaperkinError
from indexer.library import Library, open_library
from indexer.papers import Paper, PaperId
from indexer.ports import Filters
from indexer.settings import Settings
from service import api, explore, pages, schemas
from service.paper_page import paper_page
from service.search import LONGEST_QUERY, search

log = logging.getLogger(__name__)

_LARGEST_BODY = 1 << 20  # a hundred ids and a long text are 50 kB
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_SEARCH_RESULTS = 20
_NEWEST = 12

Form = Literal["html", "text", "json"]
_FORMS: dict[str, Form] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/*": "html",
    "*/*": "html",
}
_FORMS |= {"text/plain": "text", "application/json": "json", "application/*": "json"}


def create_app(settings: Settings) -> FastAPI:
    """The application for one library, which is opened when it starts and closed when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        library = await run_in_threadpool(open_library, settings)
        with suppress(
            GenerationError
        ):  # a library before its first update is served, too: it says what to do
            await run_in_threadpool(library.derived)
        # What is loaded by now stays; left to the collector, it costs an answer more than a millisecond of fourteen.
        gc.collect()
        gc.freeze()
        app.state.library = library
        try:
            yield
        finally:
            library.close()

    app = FastAPI(
        title="paperkin",
        summary="Related arXiv papers, and why.",
        version="1",
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # its page loads scripts from another host
        redoc_url=None,
    )
    app.include_router(api.router)
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static")
    app.add_exception_handler(PaperkinError, _failed)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(Exception, _broken)
    app.add_middleware(Edge)
    return app


class Edge:
    """Adds the security headers to every answer, and refuses bodies that are too large before they are read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken = 0

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        async def receive_some() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > _LARGEST_BODY:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > _LARGEST_BODY:
            problem = _http_problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, scope["path"])
            await _as_json(problem)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive_some, send_with_headers)


# --- errors -----------------------------------------------------------------------------------------------


async def _failed(request: Request, error: Exception) -> Response:
    """An error of ours: its class says status and title, its message what to do."""
    kind = type(error) if isinstance(error, PaperkinError) else PaperkinError
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s: %s", request.url.path, error)
    problem = schemas.Problem(
        type=f"urn:paperkin:{_kebab(kind.__name__)}",
        title=kind.title,
        status=kind.status,
        detail=str(error),
        instance=request.url.path,
        nearest=list(getattr(error, "nearest", ())) or None,
    )
    return _problem_answer(request, problem)


async def _refused(request: Request, error: Exception) -> Response:
    """A request that does not fit the interface: every field that must be corrected is named."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        {"where": ".".join(map(str, one["loc"])), "message": str(one["msg"]).removeprefix("Value error, ")}
        for one in found
    ]
    problem = schemas.Problem(
        type="urn:paperkin:invalid-request",
        title="The request cannot be understood",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        detail="; ".join(f"{one['where']}: {one['message']}" for one in errors),
        instance=request.url.path,
        errors=errors,
    )
    return _problem_answer(request, problem)


async def _not_served(request: Request, error: Exception) -> Response:
    """What the framework refuses: no such address, no such method."""
    if not isinstance(error, HTTPException):
        return await _broken(request, error)
    problem = _http_problem(error.status_code, request.url.path, detail=error.detail)
    answer = _problem_answer(request, problem)
    answer.headers.update(error.headers or {})
    return answer


async def _broken(request: Request, error: Exception) -> Response:
    """A fault in the program: told in the log, not to the world."""
    log.error("%s failed", request.url.path, exc_info=error)
    return _problem_answer(request, _http_problem(HTTPStatus.INTERNAL_SERVER_ERROR, request.url.path))


_DETAILS = {
    HTTPStatus.NOT_FOUND: "there is nothing at PATH",
    HTTPStatus.METHOD_NOT_ALLOWED: "PATH does not take this method",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"the body may have {_LARGEST_BODY:,} bytes at most",
    HTTPStatus.INTERNAL_SERVER_ERROR: "something went wrong on our side; the log of the service has the details",
}


def _http_problem(status: int, path: str, *, detail: str = "") -> schemas.Problem:
    known = HTTPStatus(status)
    said = _DETAILS[known].replace("PATH", path) if known in _DETAILS else detail or known.phrase
    return schemas.Problem(title=known.phrase, status=status, detail=said, instance=path)


def _problem_answer(request: Request, problem: schemas.Problem) -> Response:
    """The problem as a page for people who read pages, as problem+json for everybody else."""
    if request.url.path.startswith("/v1") or preferred(request.headers.get("accept", "")) != "html":
        return _as_json(problem)
    shown = pages.error_html(
        status=problem.status, title=problem.title, detail=problem.detail, nearest=problem.nearest or ()
    )
    return HTMLResponse(shown, problem.status)


def _as_json(problem: schemas.Problem) -> Response:
    return Response(problem.model_dump_json(exclude_none=True), problem.status, media_type=api.PROBLEM)


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


def preferred(accept: str) -> Form:
    """The form that an Accept header likes best; HTML where it does not care or asks for what there is not."""
    best, form = 0.0, None
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        quality = float(weight) if weight.replace(".", "", 1).isdigit() else 0.0
        if kind in _FORMS and quality > best:
            best, form = quality, _FORMS[kind]
    return form or "html"


# --- pages ------------------------------------------------------------------------------------------------

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_READ = ["GET", "HEAD"]

Day = Annotated[
    date | None, BeforeValidator(lambda value: value or None), Query()
]  # a form sends empty fields


@router.api_route("/", methods=_READ)
def home(library: api.Opened) -> Response:
    """The front page."""
    topics = explore.topics(library)
    papers = len(library.derived().catalogue)
    return HTMLResponse(pages.home_html(topics=topics, newest=newest_papers(library, _NEWEST), papers=papers))


def newest_papers(library: Library, limit: int) -> list[Paper]:
    """The papers submitted last, newest first; withdrawn ones are left out."""
    catalogue = library.derived().catalogue
    there = np.flatnonzero(~catalogue.withdrawn)
    newest = there[np.lexsort((-catalogue.keys[there], -catalogue.days[there]))[:limit]]
    keys = catalogue.keys[newest].tolist()
    papers = library.store.papers(keys)
    return [papers[key] for key in keys if key in papers]


@router.api_route("/papers/{paper_id:path}", methods=_READ)
def paper(
    request: Request,
    paper_id: Annotated[str, PathParameter(max_length=200)],
    library: api.Opened,
    order: pages.Order = "newest",
    form: Annotated[Form | None, Query(alias="format")] = None,
) -> Response:
    """The page of a paper, in the form that is asked for by `?format=` or else by the Accept header."""
    page = paper_page(library, paper_id)
    match form or preferred(request.headers.get("accept", "")):
        case "text":
            answer: Response = PlainTextResponse(pages.render_text(page))
        case "json":
            answer = api.answered(schemas.paper(page))
        case _:
            answer = HTMLResponse(pages.render_html(page, order=order, served=True))
    answer.headers["Vary"] = "Accept"
    return answer


@router.api_route("/abs/{paper_id:path}", methods=_READ)
def as_at_arxiv(paper_id: Annotated[str, PathParameter(max_length=200)]) -> Response:
    """Lead from an arXiv address, whose host was replaced by ours, to the paper's page."""
    parsed, version = PaperId.parse_versioned(paper_id)
    return RedirectResponse(_address(parsed, version), HTTPStatus.SEE_OTHER)


def _address(paper_id: PaperId, version: int | None) -> str:
    return f"/papers/{paper_id}" + (f"v{version}" if version else "")


@router.api_route("/search", methods=_READ)
def search_page(
    library: api.Opened,
    q: Annotated[api.Text, Query(max_length=LONGEST_QUERY)] = "",
    category: Annotated[api.Text, Query(max_length=200)] = "",
    since: Day = None,
    until: Day = None,
    offset: Annotated[int, Query(ge=0, le=api.DEEPEST)] = 0,
) -> Response:
    """The papers that have some words; an arXiv id leads straight to its paper."""
    named = _held(library, q)
    if named is not None:
        return RedirectResponse(named, HTTPStatus.SEE_OTHER)
    filters = Filters(since=since, until=until, categories=tuple(category.replace(",", " ").split()))
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
def topics(library: api.Opened) -> Response:
    """The tree of topics."""
    return HTMLResponse(pages.topics_html(explore.topics(library)))


@router.api_route("/topics/{topic_id}", methods=_READ)
def topic(library: api.Opened, topic_id: Annotated[str, PathParameter(max_length=50)]) -> Response:
    """One topic."""
    return HTMLResponse(pages.topic_html(explore.topic(library, topic_id)))


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
                for one in operation.get("parameters", [])
            ],
            "example": _example(base, path, operation),
        }
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]


def _example(base: str, path: str, operation: dict[str, Any]) -> str:
    query = []
    for one in operation.get("parameters", []):
        example = next(iter(one["schema"].get("examples", [])), None)
        if one["in"] == "path":
            path = path.replace("{" + one["name"] + "}", str(example))
        elif example is not None:
            query.append(f"{one['name']}={example}")
    address = f"{base}{path}" + (f"?{'&'.join(query)}" if query else "")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if not body:
        return f"curl '{address}'"
    data = json.dumps(body["schema"].get("examples", body.get("examples", [{}]))[0])
    return f"curl '{address}' -H 'Content-Type: application/json' -d '{data}'"
