"""What the services that are asked for citations share: JSON over HTTP, and arXiv ids among other ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from indexer.errors import InvalidPaperId, SourceError
from indexer.papers import PaperId

TRIES = 3  # how often a body is asked for that came cut off or from a proxy; the session waits before each
_LONGEST = 200  # characters of a URL that people see: one with 100 DOIs has 3,500
_HIDDEN = "***"
_URL = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask: `path` below the base URL and its parameters, with a `body` by POST, else by GET.

    `complaint` says what is wrong with the JSON value of an answer, None if it is good; `heed` sees each response
    before the session does and may raise to end the matter.
    """

    path: str
    parameters: Mapping[str, str | int] = field(default_factory=dict)
    body: Any = None
    complaint: Callable[[Any], str | None] = lambda _: None
    heed: Callable[[requests.Response], None] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`value` is the JSON of an answer of status 200; of a refusal (4xx), `words` are what the service said."""

    url: str
    status: int
    value: Any = None
    words: str = ""


class JsonService:
    """A service that answers in JSON; `secrets` never show in what it raises.

    `label` is its name for people. The session paces, waits and gives up as `PoliteSession` does.
    """

    def __init__(
        self, label: str, base_url: str, session: requests.Session, *, secrets: Collection[str] = ()
    ) -> None:
        self.label = label
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._secrets = [
            re.escape(form) for secret in secrets if secret for form in (quote(secret, safe=""), secret)
        ]

    def ask(self, question: Question) -> Answer:
        """Ask, and again where the body is no whole or no fitting answer; raise `SourceError` after 3 such ones."""
        url, wrong = self._base_url + question.path, ""
        for _ in range(TRIES):
            response = self._send(question)
            url = self.shown(response.url)
            if response.status_code != 200:
                return Answer(url, response.status_code, words=self.shown(words_of(response.content)))
            try:
                value = json.loads(response.content)
            except (ValueError, RecursionError) as error:
                wrong = _what_it_is(response.content, error)
                continue
            wrong = question.complaint(value) or ""
            if not wrong:
                return Answer(url, 200, value)
        raise SourceError(
            f"{self.label} answered {url} {TRIES} times with {wrong}; run the same command later, it goes on from there"
        )

    def refused(self, answer: Answer) -> SourceError:
        """Make the error of a refusal that nothing can be made of."""
        said = f": {answer.words}" if answer.words else ""
        return SourceError(
            f"{self.label} refused {answer.url} (HTTP {answer.status}){said}; check its base URL, and whether a newer"
            " paperkin knows more of it"
        )

    def shown(self, url: str) -> str:
        """Shorten a URL, or another text of the service, and hide the secrets in it."""
        shown = re.sub("|".join(self._secrets), _HIDDEN, url) if self._secrets else url
        return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"

    def _send(self, question: Question) -> requests.Response:
        url, parameters = self._base_url + question.path, dict(question.parameters)
        hooks = {"response": lambda response, **_: question.heed and question.heed(response)}
        try:
            if question.body is None:
                return self._session.get(url, params=parameters, hooks=hooks)
            return self._session.post(url, params=parameters, json=question.body, hooks=hooks)
        except SourceError as error:
            raise SourceError(_URL.sub(lambda found: self.shown(found[0]), str(error))) from error


def words_of(body: bytes) -> str:
    """Read what an error says: `{"error": …}`, `{"message": …, "code": …}` or both; empty for a page of HTML."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(value, dict):
        return ""
    texts = [
        " ".join(value[name].split()) for name in ("error", "message") if isinstance(value.get(name), str)
    ]
    return ": ".join(dict.fromkeys(texts)).rstrip(" .;")


def arxiv_id(text: object) -> PaperId | None:
    """Read an arXiv id, its URL, OAI identifier (`oai:arXiv.org:ID`) or DOI (`10.48550/arXiv.ID`); None for others."""
    if not isinstance(text, str):
        return None
    try:
        return PaperId.parse(text)
    except InvalidPaperId:
        return None


def arxiv_ids(texts: Iterator[object]) -> tuple[PaperId, ...]:
    """Read the arXiv ids among `texts`, each once, in their order."""
    return tuple(dict.fromkeys(found for text in texts if (found := arxiv_id(text))))


def _what_it_is(body: bytes, error: Exception) -> str:
    start = body[:200].lstrip().lower()
    if not start:
        return "nothing"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        return "a page of HTML instead of JSON"
    return f"broken JSON of {len(body):,} bytes ({error})"
