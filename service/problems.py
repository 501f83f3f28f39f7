"""Every error as an answer: a page for people who read pages, `application/problem+json` for everybody else."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Literal

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from indexer.errors import PaperkinError
from service import api, pages, schemas

log = logging.getLogger(__name__)

LARGEST_BODY = 4 << 20  # bytes; 2 MB of BibTeX, the most that is read, grow when they are written as JSON

Form = Literal["html", "text", "json"]
_FORMS: dict[str, Form] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/*": "html",
    "*/*": "html",
}
_FORMS |= {"text/plain": "text", "application/json": "json", "application/*": "json"}


def handle_errors(app: FastAPI) -> None:
    """Answer errors of ours, of the request, of the framework, and what is none of these."""
    app.add_exception_handler(PaperkinError, _failed)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(Exception, _broken)


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
    problem = http_problem(error.status_code, request.url.path, detail=error.detail)
    answer = _problem_answer(request, problem)
    answer.headers.update(error.headers or {})
    return answer


async def _broken(request: Request, error: Exception) -> Response:
    """A fault in the program: told in the log, not to the world."""
    log.error("%s failed", request.url.path, exc_info=error)
    return _problem_answer(request, http_problem(HTTPStatus.INTERNAL_SERVER_ERROR, request.url.path))


_DETAILS = {
    HTTPStatus.NOT_FOUND: "there is nothing at PATH",
    HTTPStatus.METHOD_NOT_ALLOWED: "PATH does not take this method",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"the body may have {LARGEST_BODY:,} bytes at most",
    HTTPStatus.INTERNAL_SERVER_ERROR: "something went wrong on our side; the log of the service has the details",
}


def http_problem(status: int, path: str, *, detail: str = "") -> schemas.Problem:
    """What the framework has only a number for."""
    known = HTTPStatus(status)
    said = _DETAILS[known].replace("PATH", path) if known in _DETAILS else detail or known.phrase
    return schemas.Problem(title=known.phrase, status=status, detail=said, instance=path)


def _problem_answer(request: Request, problem: schemas.Problem) -> Response:
    """The problem as a page for people who read pages, as problem+json for everybody else."""
    if request.url.path.startswith("/v1") or preferred(request.headers.get("accept", "")) != "html":
        return as_json(problem)
    shown = pages.error_html(
        status=problem.status, title=problem.title, detail=problem.detail, nearest=problem.nearest or ()
    )
    return HTMLResponse(shown, problem.status)


def as_json(problem: schemas.Problem) -> Response:
    """The problem for a program."""
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
