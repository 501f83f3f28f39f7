"""OpenAlex on loopback: its true form, its budget, its quirks and its faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fake_upstream import Answer, Asked, Upstream

LIST_COST = 0.0001  # dollars; a single work is free
Fault = Callable[[Answer], Answer]


def a_work(
    number: int,
    arxiv: str | None = None,
    *,
    doi: str | None = None,
    references: Sequence[int] = (),
    landing: str | None = None,
) -> dict[str, Any]:
    """A work W`number`: of an arXiv paper with the DOI that arXiv gave it, unless `doi` is that of a journal.

    `landing` is the page of its location at arXiv, where that is not the one of the DOI.
    """
    own = doi or (f"10.48550/arxiv.{arxiv}" if arxiv else None)
    locations = (
        [{"id": f"doi:{own}", "landing_page_url": f"https://doi.org/{own}", "pdf_url": None}] if own else []
    )
    if arxiv or landing:
        page = landing or f"http://arxiv.org/abs/{arxiv}"
        locations.append({"id": f"pmh:oai:arXiv.org:{arxiv}", "landing_page_url": page, "pdf_url": None})
    url = f"https://openalex.org/W{number}"
    return {
        "id": url,
        "doi": f"https://doi.org/{own}" if own else None,
        "ids": {"openalex": url, **({"doi": f"https://doi.org/{own}"} if own else {})},
        "locations": locations,
        "referenced_works": [f"https://openalex.org/W{one}" for one in references],
        "title": f"Work {number}",
    }


@dataclass(slots=True)
class FakeOpenAlex:
    """Answers as the service does; `faults` spoil the next answers, one each (None: not this one).

    `merged` has the DOIs under which a work is found alone though it has another by now. A page holds at most
    `page_size` works; `losing` is how many works of each list are counted but never given. `budget` is in dollars.
    """

    works: Sequence[dict[str, Any]]
    merged: Mapping[str, int] = field(default_factory=dict)
    key: str | None = None
    budget: float = 1.0
    page_size: int = 100
    losing: int = 0
    counts: bool = True
    faults: list[Fault | None] = field(default_factory=list)
    filters: list[list[str]] = field(default_factory=list)
    singles: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)

    def serving(self) -> Upstream:
        """Start with a `with` block; the base URL is its `url`."""
        return Upstream(self.answer)

    def answer(self, asked: Asked) -> Answer:
        fault = self.faults.pop(0) if self.faults else None
        answer = self._answer(asked)
        return fault(answer) if fault else answer

    def _answer(self, asked: Asked) -> Answer:
        parts = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.queries.append(query)
        if self.key is not None and query.get("api_key", self.key) != self.key:
            return self._reply({"error": "Invalid API key", "message": "API key not found"}, 401)
        if parts.path.startswith("/works/doi:"):
            return self._single(unquote(parts.path.removeprefix("/works/doi:")).lower(), query)
        if parts.path != "/works":
            return self._not_found()
        if self.budget < LIST_COST:
            return self._spent()
        self.budget -= LIST_COST
        return self._list(query)

    def _single(self, doi: str, query: dict[str, str]) -> Answer:
        self.singles.append(doi)
        number = self.merged.get(doi)
        for work in self.works:
            if work["doi"] == f"https://doi.org/{doi}" or work["id"] == f"https://openalex.org/W{number}":
                return self._reply(_selected(work, query))
        return self._not_found()

    def _list(self, query: dict[str, str]) -> Answer:
        name, _, joined = query["filter"].partition(":")
        values = joined.split("|")
        if len(values) > 100:
            return self._reply(
                {
                    "error": "Invalid query parameters error.",
                    "message": f"Maximum number of values exceeded for {name}. Decrease values to 100 or below.",
                },
                400,
            )
        if query["cursor"] == "*":
            self.filters.append(values)
        wanted = {value.lower() for value in values}
        found = [work for work in self.works if _value(work, name) in wanted][::-1]  # in an order of its own
        given = found[: max(0, len(found) - self.losing)]
        start = 0 if query["cursor"] == "*" else int(query["cursor"].removeprefix("Ils"))
        size = min(self.page_size, int(query["per_page"]))
        rows = given[start : start + size]
        meta: dict[str, Any] = {
            "db_response_time_ms": 31,
            "page": None,
            "per_page": size,
            "groups_count": None,
        }
        if self.counts:
            meta["count"] = len(found)
        meta["next_cursor"] = f"Ils{start + size}" if rows else None  # the last page is an empty one
        return self._reply({"meta": meta, "results": [_selected(row, query) for row in rows], "group_by": []})

    def _spent(self) -> Answer:
        message = f"Insufficient budget. This request costs ${LIST_COST} but you only have $0 remaining."
        body = {"error": "Rate limit exceeded", "message": f"{message} Resets at midnight UTC."}
        headers = {"Retry-After": "81471", "X-RateLimit-Cost-Required-USD": str(LIST_COST)}
        return self._reply(body, 429, headers)

    def _reply(self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        left = {"X-RateLimit-Limit-USD": "1", "X-RateLimit-Remaining-USD": f"{max(0.0, self.budget):.4f}"}
        return Answer(
            status,
            json.dumps(value).encode(),
            {"Content-Type": "application/json", **left, **(headers or {})},
        )

    def _not_found(self) -> Answer:
        page = b"<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
        return Answer(404, page, {"Content-Type": "text/html"})


def _value(work: dict[str, Any], name: str) -> str | None:
    """What a filter compares, in lower case."""
    text = {"doi": work["doi"], "openalex": work["id"]}[name]
    return (
        text.lower().removeprefix("https://doi.org/").removeprefix("https://openalex.org/") if text else None
    )


def _selected(work: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    return {name: work[name] for name in query["select"].split(",")}


def too_fast(_: Answer) -> Answer:
    """429 for more than 100 requests a second, with budget left."""
    body = b'{"error": "Rate limit exceeded", "message": "You have exceeded 100 requests per second"}'
    headers = {
        "X-RateLimit-Remaining-USD": "0.9",
        "X-RateLimit-Cost-Required-USD": "0.0001",
        "Retry-After": "1",
    }
    return Answer(429, body, headers)


def truncated(answer: Answer) -> Answer:
    """JSON that ends in the middle, its length as announced."""
    return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers)


def a_page_of_html(_: Answer) -> Answer:
    """What a proxy says, with status 200."""
    return Answer(200, b"<html><body>One moment, please...</body></html>", {"Content-Type": "text/html"})
