"""The Academic Graph of Semantic Scholar on loopback: its true form, its limits, its quirks and its faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fake_upstream import Answer, Asked, Upstream

BASE = "/graph/v1"
Fault = Callable[[Answer], Answer]


def an_entry(*, arxiv: str | None = None, doi: str | None = None) -> dict[str, Any]:
    """A reference, as it is nested in an answer; one without ids is no paper of the graph."""
    if arxiv is None and doi is None:
        return {"paperId": None, "externalIds": None}
    ids = {"ArXiv": arxiv, "DOI": doi, "CorpusId": 253_018_554}
    return {
        "paperId": paper_id(arxiv or doi or ""),
        "externalIds": {name: value for name, value in ids.items() if value is not None},
    }


def paper_id(text: str) -> str:
    """The id that the graph gives to a paper: 40 hexadecimal digits."""
    return text.encode().hex().ljust(40, "0")[-40:]


@dataclass(slots=True)
class Paper:
    """A paper of the graph; `references` None is withheld by the publisher, `claimed` what `referenceCount` says."""

    references: Sequence[dict[str, Any]] | None = ()
    claimed: int | None = None
    also: str | None = None  # the arXiv id under which the graph has it, where that is another

    def item(self, arxiv: str, nested: int) -> dict[str, Any]:
        count = len(self.references or ()) if self.claimed is None else self.claimed
        entries = None if self.references is None else list(self.references[:nested])
        known = self.also or arxiv
        return {
            "paperId": paper_id(known),
            "externalIds": {"ArXiv": known, "CorpusId": 14_636_783},
            "referenceCount": count,
            "references": entries,
        }


@dataclass(slots=True)
class FakeSemanticScholar:
    """Answers as the service does; `faults` spoil the next answers, one each (None: not this one).

    `cap` is how many references one answer holds, the rest being left out without a word, or, if `refuses`, with 400.
    `slow` is the size of a group from which on it times out with 504. Pages at `empty_pages` have nothing, those at
    `failing_pages` fail.
    """

    papers: Mapping[str, Paper]
    key: str | None = None
    cap: int = 9_999
    nested: int = 1_000
    refuses: bool = False
    slow: int = 501
    empty_pages: Sequence[int] = ()
    failing_pages: Sequence[int] = ()
    faults: list[Fault | None] = field(default_factory=list)
    groups: list[list[str]] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)

    def serving(self) -> Upstream:
        """Start with a `with` block; the base URL is its `url` and `BASE`."""
        return Upstream(self.answer)

    def answer(self, asked: Asked) -> Answer:
        fault = self.faults.pop(0) if self.faults else None
        answer = self._answer(asked)
        return fault(answer) if fault else answer

    def _answer(self, asked: Asked) -> Answer:
        parts = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.key is not None and asked.headers.get("x-api-key", self.key) != self.key:
            return as_json({"message": "Forbidden"}, 403)
        if asked.method == "POST" and parts.path == f"{BASE}/paper/batch":
            self.fields.append(query["fields"])
            return self._batch(json.loads(asked.body)["ids"])
        if asked.method == "GET" and parts.path.endswith("/references"):
            name = unquote(parts.path.removeprefix(f"{BASE}/paper/").removesuffix("/references"))
            return self._page(name, int(query.get("offset", 0)), int(query.get("limit", 100)))
        return as_json({"message": "Missing Authentication Token"}, 404)

    def _batch(self, names: list[str]) -> Answer:
        self.groups.append(names)
        if len(names) > 500:
            return as_json({"error": "Too many paper ids. Please provide at most 500"}, 400)
        if len(names) >= self.slow:
            return as_json({"message": "Endpoint request timed out"}, 504)
        held = [(name.removeprefix("ARXIV:"), self.papers.get(name.removeprefix("ARXIV:"))) for name in names]
        items = [paper.item(arxiv, self.nested) if paper else None for arxiv, paper in held]
        if not any(items):
            return as_json({"error": "No valid paper ids given"}, 400)
        left = self.cap
        for item in filter(None, items):
            entries = item["references"] or []
            if len(entries) > left and self.refuses:
                return as_json({"error": "Response would exceed maximum size; request fewer papers"}, 400)
            if item["references"] is not None:
                item["references"] = entries[:left]
            left -= len(entries[:left])
        return as_json(items)

    def _page(self, name: str, offset: int, limit: int) -> Answer:
        paper = self.papers.get(name.removeprefix("ARXIV:"))
        if limit > 1_000 or offset + limit >= 10_000:
            return as_json({"error": "offset + limit must be < 10000, limit <= 1000"}, 400)
        if paper is None:
            return as_json({"error": f"Paper with id {name} not found"}, 404)
        if offset in self.failing_pages:
            return as_json({"error": "Internal service failure"}, 400)
        if paper.references is None:
            why = "Notice: The following paper fields have been elided by the publisher: {'references'}."
            return as_json({"data": None, "citingPaperInfo": {"openAccessPdf": {"disclaimer": why}}})
        rows = [{"citedPaper": entry} for entry in paper.references[offset : offset + limit]]
        page: dict[str, Any] = {"offset": offset, "data": [] if offset in self.empty_pages else rows}
        if offset + limit < len(paper.references) and offset not in self.empty_pages:
            page["next"] = offset + limit
        return as_json(page)


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


def too_many_requests(retry_after: str | None = None) -> Fault:
    """429, with Retry-After or, as mostly, without."""
    body = {"message": "Too Many Requests. Please wait and try again or apply for a key.", "code": "429"}
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return lambda _: as_json(body, 429, headers)


def truncated(answer: Answer) -> Answer:
    """JSON that ends in the middle, its length as announced."""
    return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers)


def a_page_of_html(_: Answer) -> Answer:
    """What a proxy says, with status 200."""
    return Answer(
        200, b"<!DOCTYPE html><html><body>One moment, please...</body></html>", {"Content-Type": "text/html"}
    )


def one_short(answer: Answer) -> Answer:
    """A list that lacks its last item."""
    return as_json(json.loads(answer.body)[:-1])


def shifted(answer: Answer) -> Answer:
    """A list whose items stand one place further."""
    items = json.loads(answer.body)
    return as_json(items[-1:] + items[:-1])
