"""Pages of arXiv's Atom API, asked for and read by the `arxiv` package behind our own session.

The package recovers silently from broken XML, takes errors for papers, leaves out entries with a line in the log,
and one date that it cannot read ends it. So every body is checked before the package reads it: broken ones never
reach it, entries that it could not read are taken out and reported.

The form of the answers: https://info.arxiv.org/help/api/user-manual.html, 3.3 and 5.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import unquote_plus

import arxiv
from lxml import etree

from indexer.errors import InvalidPaperId, SourceError
from indexer.papers import Author, Paper, PaperId, Rejected, Version
from indexer.plain_text import one_line
from indexer.sources.metadata import author, canonical_categories, is_withdrawn, split_authors
from indexer.sources.polite.session import PoliteSession
from indexer.sources.xml import BadXml, parse, strip_illegal

_MANUAL = "https://info.arxiv.org/help/api/user-manual.html"
_ATOM = "{http://www.w3.org/2005/Atom}"
_TOTAL = "{http://a9.com/-/spec/opensearch/1.1/}totalResults"
_ERROR = re.compile(r"https?://(?:export\.)?arxiv\.org/api/errors#?(?P<code>.*)", re.DOTALL)
# The API gives the classes of ACM (I.2.11) and MSC (68T50) among the categories; those of arXiv begin with an archive.
_CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)?(?:\.[A-Za-z]{2,}(?:-[A-Za-z]+)?)?", re.ASCII)


class BadFeed(ValueError):
    """A body that is no whole answer of the API; asked again, it may be one."""


class Refused(SourceError):
    """An error that the API told in the form of a feed; `code` is arXiv's name for it."""

    def __init__(self, code: str, sentence: str, url: str) -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(
            f"arXiv refuses {unquote_plus(url)}: {sentence}; write the query as {_MANUAL} says, 5.1"
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Part of the results of a search: `papers`, and of all its `entries` those that cannot be read.

    `total` is how many results the search has, as the server says; `moment` when the server made the page;
    `stripped` how many characters were taken out that XML does not allow.
    """

    papers: tuple[Paper, ...]
    rejected: tuple[Rejected, ...]
    entries: int
    total: int
    moment: datetime
    stripped: int = 0


class AtomApi:
    """Asks arXiv's API for single pages; pace, timeouts and retries of the network are the session's."""

    def __init__(self, base_url: str, session: PoliteSession) -> None:
        self._base_url = base_url
        self._checked = _CheckedSession(session)

    def page(self, search: arxiv.Search, start: int, size: int) -> Page:
        """Ask once for the results from `start` on, at most `size`.

        Raise `BadFeed` for a body that is no whole answer, `Refused` for an error that the API tells.
        """
        client = arxiv.Client(page_size=size, delay_seconds=0, num_retries=0)
        client.query_url_format = self._base_url + "?{}"
        client._session = self._checked  # noqa: SLF001  # the package offers no other way
        results: Iterator[arxiv.Result] = client.results(search, offset=start)
        first = list(islice(results, 1))
        feed = self._checked.feed
        # No more than the page has: one more, and the package would ask for the next page.
        papers = [_paper(result) for result in (*first, *islice(results, max(0, feed.readable - 1)))]
        return Page(
            tuple(papers),
            tuple(_rejected(bad, start) for bad in feed.bad),
            feed.readable + len(feed.bad),
            feed.total,
            feed.moment,
            feed.stripped,
        )


@dataclass(frozen=True, slots=True)
class _BadEntry:
    """An entry that cannot be read, by its place on the page from 0."""

    place: int
    name: str
    reason: str
    raw: str
    id: PaperId | None


@dataclass(frozen=True, slots=True)
class _Feed:
    """A body that was checked: `content` has the `readable` entries alone."""

    content: bytes
    readable: int
    bad: tuple[_BadEntry, ...]
    total: int
    moment: datetime
    stripped: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the package looks at of a response."""

    status_code: int
    content: bytes


class _CheckedSession:
    """Stands where the package has its session: asks ours, and lets through only what is sound."""

    def __init__(self, session: PoliteSession) -> None:
        self._session = session
        self.feed: _Feed

    def get(self, url: str, headers: Any = None) -> _Answer:  # noqa: ARG002  # the package names itself there; our session names the operator
        """Ask for a page; `feed` is then what was found in it."""
        response = self._session.get(url)
        self.feed = _checked(response.content, response.status_code, url)
        return _Answer(200, self.feed.content)


def _checked(body: bytes, status: int, url: str) -> _Feed:
    """Read a body strictly; raise `Refused` for an error feed, `SourceError` for any other refusal."""
    try:
        root, stripped = _parsed(body, url)
    except BadXml as error:
        if status != 200:
            raise SourceError(
                f"{url} answers HTTP {status}; check the query and PAPERKIN_ARXIV_API"
            ) from error
        raise BadFeed(str(error)) from error
    entries = root.findall(f"{_ATOM}entry") if root.tag == f"{_ATOM}feed" else []
    for entry in entries:
        if error_id := _ERROR.fullmatch(_text(entry, "id")):
            raise Refused(
                error_id["code"], _text(entry, "summary") or error_id["code"] or "no reason given", url
            )
    if status != 200:
        raise SourceError(
            f"{url} answers HTTP {status} without a reason; check the query and PAPERKIN_ARXIV_API"
        )
    total, moment = (root.findtext(_TOTAL) or "").strip(), _moment(_text(root, "updated"))
    if root.tag != f"{_ATOM}feed" or not total.isdecimal() or moment is None:
        raise BadFeed(f"{url} answers with XML that is no answer of arXiv's API")
    bad = tuple(_take_out_bad(entries))
    content: bytes = etree.tostring(root)
    return _Feed(content, len(entries) - len(bad), bad, int(total), moment, stripped)


def _parsed(body: bytes, url: str) -> tuple[Any, int]:
    """Parse strictly, without the characters that XML forbids if there is no other way."""
    try:
        return parse(body, url), 0
    except BadXml:
        clean, stripped = strip_illegal(body)
        if not stripped:
            raise
        return parse(clean, url), stripped


def _take_out_bad(entries: list[Any]) -> Iterator[_BadEntry]:
    """Remove from the feed the entries that the package would leave out or fail on, and tell them."""
    for place, entry in enumerate(entries):
        name = _text(entry, "id")
        paper_id, reason = None, ""
        try:
            paper_id = PaperId.parse(name)
        except InvalidPaperId as error:
            reason = str(error) if name else "no id"
        for field in ("published", "updated"):
            if not reason and _moment(_text(entry, field)) is None:
                reason = f"{field} is {_text(entry, field)[:40]!r}, no date"
        if reason:
            raw = etree.tostring(entry, encoding="unicode", with_tail=False)
            entry.getparent().remove(entry)
            yield _BadEntry(place, name, reason, raw, paper_id)


def _rejected(bad: _BadEntry, start: int) -> Rejected:
    return Rejected(bad.name or f"result {start + bad.place + 1}", bad.reason, bad.raw, bad.id)


def _text(element: Any, name: str) -> str:
    return (element.findtext(f"{_ATOM}{name}") or "").strip()


def _moment(text: str) -> datetime | None:
    """Read a date as the package does; None for what it could not read."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _paper(result: arxiv.Result) -> Paper:
    """Make a paper of a result whose id and dates can be read."""
    identifier, version = PaperId.parse_versioned(result.entry_id)
    abstract, comments = one_line(result.summary), _optional(result.comment)
    return Paper(
        id=identifier,
        title=one_line(result.title),
        abstract=abstract,
        authors=_authors(result),
        categories=_categories(result),
        versions=_versions(version or 1, result.published, result.updated),
        comments=comments,
        journal_ref=_optional(result.journal_ref),
        doi=_optional(result.doi),
        withdrawn=is_withdrawn(comments, abstract),
    )


def _optional(text: str | None) -> str | None:
    return one_line(text or "") or None


def _authors(result: arxiv.Result) -> tuple[Author, ...]:
    """Split each name; one that has no letters for us to split stays whole."""
    authors: list[Author | None] = []
    for one in result.authors:
        authors.extend(split_authors(one.name) or (author(one.name),))
    return tuple(known for known in authors if known is not None)


def _categories(result: arxiv.Result) -> tuple[str, ...]:
    """Give the categories, the primary one first, without classes of other schemes."""
    names = (result.primary_category, *result.categories)
    return canonical_categories(" ".join(name for name in names if _CATEGORY.fullmatch(name)))


def _versions(number: int, published: datetime, updated: datetime) -> tuple[Version, ...]:
    """Give what is known of the history: `published` is of version 1, `updated` of the version at hand."""
    first = Version(1, published)
    return (first,) if number == 1 else (first, Version(number, updated))
