"""The web application: REST, pages for browsers, and what surrounds every answer."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.errors import GenerationError
from indexer.library import open_library
from indexer.settings import Settings
from service import api, api_seeds, site
from service.problems import LARGEST_BODY, as_json, handle_errors, http_problem

_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


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
    app.include_router(api_seeds.router)
    app.include_router(site.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static")
    handle_errors(app)
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
            if taken > LARGEST_BODY:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > LARGEST_BODY:
            problem = http_problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, scope["path"])
            await as_json(problem)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive_some, send_with_headers)
