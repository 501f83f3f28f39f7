"""`rss:CATEGORIES`: what arXiv announced last, from its feeds; a hint, since they cut and leave out.

arXiv announces from Sunday to Thursday at 20:00 Eastern time and builds its feeds at the midnight after, so they are
dated Monday to Friday. A feed can be stale and look fresh: each category is asked for by itself and compared with
what was read of it before.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lxml import etree

from indexer.errors import InvalidPaperId, SettingsError, SourceError
from indexer.papers import (
    Announcement,
    AnnouncementKind,
    Completeness,
    Paper,
    PaperBatch,
    PaperId,
    Rejected,
    Version,
)
from indexer.plain_text import one_line
from indexer.sources.metadata import (
    canonical_categories,
    is_withdrawn,
    license_uri,
    rfc_822_moment,
    split_authors,
)
from indexer.sources.polite.session import PoliteSession
from indexer.sources.xml import BadXml, parse, strip_illegal

MOST_ITEMS = 2000  # that arXiv puts into a feed (its arxiv-feed, database.py)
_EASTERN = ZoneInfo("America/New_York")
_TIMES = 3  # that a feed is asked for if it comes broken
_SKETCH = 64  # hashes; two sets are compared by the least ones of both, to about 6 %
_SAME = 0.5  # share of a feed; papers are announced once in a category, so two days have next to nothing in common
_DAY = timedelta(days=1)
_ARXIV = "{http://arxiv.org/schemas/atom}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)?(?:\.[a-z]+(?:-[a-z]+)?)?", re.ASCII | re.IGNORECASE)
_LOWER_CLASSES = {"physics", "cond-mat"}
_DESCRIPTION = re.compile(
    r"arXiv:(?P<id>\S+)\s+Announce\s+Type:\s*(?P<kind>\S+)\s+Abstract:\s*(?P<abstract>.*)", re.DOTALL
)
_PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)


class Rss:
    """A `PaperSource` over the feeds of categories or archives, `cs.CL+hep-th`: a batch for each, all hints.

    `remarks` say where a feed is stale, repeated, empty, cut, or where days were missed; what a feed repeats is
    not delivered again as of the new day. `clock` tells the time where the server does not.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        session: PoliteSession,
        *,
        categories: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._categories = _categories(categories)
        self._clock = clock
        self.remarks: list[str] = []

    @property
    def name(self) -> str:
        """The URL that opened the source."""
        return self._name

    def batches(self, cursor: str | None = None) -> Iterator[PaperBatch]:
        """Deliver what is new in each feed; a feed that cannot be read is told at the end, after the others."""
        seen = _load(cursor)
        failures: list[str] = []
        for number, category in enumerate(self._categories, start=1):
            try:
                feed = self._feed(category)
            except _Unreadable as error:
                failures.append(str(error))
                continue
            verdict = judge(feed.issue, seen.get(category), feed.today)
            self.remarks += [f"{category}: {remark}" for remark in verdict.remarks]
            if verdict.fresh:
                seen[category] = feed.issue
                yield self._batch(feed, _dump(seen), number / len(self._categories))
        if failures:
            raise SourceError("; ".join(failures))

    def _batch(self, feed: _Feed, cursor: str, position: float) -> PaperBatch:
        read = _Read()
        for number, item in enumerate(feed.items, start=1):
            read.take(item, number, feed)
        if read.odd_kinds:
            kinds = ", ".join(f"{count} as {kind!r}" for kind, count in sorted(read.odd_kinds.items()))
            self.remarks.append(f"{feed.category}: papers announced in a way unknown here are kept: {kinds}")
        if len(feed.items) >= MOST_ITEMS:
            self.remarks.append(
                f"{feed.category}: the feed ends at its limit of {MOST_ITEMS} papers, and others are missing; ask for"
                " smaller categories"
            )
        return PaperBatch(
            tuple(read.papers),
            tuple(read.rejected),
            cursor,
            position,
            announced=tuple(read.announced),
            completeness=Completeness.HINT,
        )

    def _feed(self, category: str) -> _Feed:
        """Ask for the feed of one category; raise `_Unreadable` if there is none, or none with a date that can be."""
        url = f"{self._base_url}/{category}"
        channel, served = self._channel(url)
        title, description = (one_line(channel.findtext(name) or "") for name in ("title", "description"))
        if title.startswith("Feed error"):
            raise _Unreadable(f"arXiv has no feed {category!r} ({url}): {description}; correct the category")
        today = (served or self._clock()).astimezone(_EASTERN).date()
        day = _day(channel.findtext("pubDate")) or _day(channel.findtext("lastBuildDate"))
        if day is None:
            raise _Unreadable(f"{url} answers with a feed without a date that can be read; try again later")
        if day > today:
            raise _Unreadable(f"{url} has the date {day}, which is after {today}; try again later")
        items = channel.findall("item")
        return _Feed(category, today, items, Issue(day, _sketch([_guid(item) for item in items])))

    def _channel(self, url: str) -> tuple[Any, datetime | None]:
        """Ask until XML comes; give its channel, and when the server sent it."""
        reason = ""
        for _ in range(_TIMES):
            response = self._session.get(url)
            if response.status_code != 200:
                raise _refused(url, response.status_code, response.text)
            try:
                channel = _parsed(response.content, url).find("channel")
            except BadXml as error:
                reason = str(error)
                continue
            if channel is not None and len(channel):
                return channel, rfc_822_moment(response.headers.get("Date") or "")
            reason = f"{url} answers with XML that is no feed of arXiv, or an empty one"
        raise _Unreadable(f"{reason}; that was so {_TIMES} times, check PAPERKIN_RSS or try again later")


class _Unreadable(Exception):
    """The feed of a category cannot be had; the text is the sentence for people."""


@dataclass(frozen=True, slots=True)
class Issue:
    """The feed of a category on a day (Eastern), with the least hashes of its papers, ascending; () if empty."""

    day: date
    sketch: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a feed has something new, and what people should know of it."""

    fresh: bool
    remarks: tuple[str, ...] = ()


def judge(issue: Issue, before: Issue | None, today: date) -> Verdict:
    """Compare a feed with the one read `before` and with the day it should be of; holidays are not known."""
    if not issue.sketch:
        return Verdict(fresh=False, remarks=(_nothing(issue.day, today),))
    due = _last_weekday(today)
    late = f"the feed is of {issue.day}, though {due} is due: a holiday, or stale; come back later"
    stale = (late,) if issue.day < due else ()
    if before is None:
        return Verdict(fresh=True, remarks=stale)
    if issue.day < before.day:
        older = f"the feed is of {issue.day}, older than that of {before.day} read before; come back later"
        return Verdict(fresh=False, remarks=(older,))
    if issue == before:
        return Verdict(fresh=False, remarks=stale or (f"nothing since the feed of {issue.day} read before",))
    if issue.day > before.day and _share(issue.sketch, before.sketch) >= _SAME:
        repeated = f"the feed of {issue.day} repeats that of {before.day}; come back later"
        return Verdict(fresh=False, remarks=(repeated,))
    return Verdict(fresh=True, remarks=(*_missed(before.day, issue.day), *stale))


def _nothing(day: date, today: date) -> str:
    if today.weekday() >= 5:
        return f"nothing announced on {today} ({today:%A})"
    return f"nothing announced on {day}: a quiet day, a holiday, or stale; come back later"


def _missed(before: date, day: date) -> tuple[str, ...]:
    """Tell the days of announcement between two feeds."""
    between = (before + _DAY * step for step in range(1, (day - before).days))
    days = [str(one) for one in between if one.weekday() < 5]
    if not days:
        return ()
    told = ", ".join(days if len(days) < 6 else [*days[:2], "...", days[-1]])
    return (f"the feed of {told} was not read: unless holidays, what was announced then is missing here",)


def _last_weekday(day: date) -> date:
    return day - _DAY * max(0, day.weekday() - 4)


def _sketch(guids: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({hashlib.sha256(guid.encode()).hexdigest()[:8] for guid in guids})[:_SKETCH])


def _share(one: Sequence[str], other: Sequence[str]) -> float:
    """Estimate the share of the union of two sets that both have (bottom-k sketch, Broder 1997)."""
    both = set(one) & set(other)
    least = sorted({*one, *other})[:_SKETCH]
    return sum(item in both for item in least) / len(least) if least else 0.0


@dataclass(frozen=True, slots=True)
class _Feed:
    """A feed as it came: the day it is (Eastern), and its items."""

    category: str
    today: date
    items: list[Any]
    issue: Issue


@dataclass(slots=True)
class _Read:
    """What was read of the items of a feed."""

    papers: list[Paper] = field(default_factory=list)
    announced: list[Announcement] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    odd_kinds: Counter[str] = field(default_factory=Counter)

    def take(self, item: Any, number: int, feed: _Feed) -> None:
        """Read one item."""
        described = _DESCRIPTION.match(_text(item, "description"))
        name = _guid(item)
        try:
            identifier, version = PaperId.parse_versioned(name)
            if version is None:
                version = described and PaperId.parse_versioned(described["id"])[1]
        except InvalidPaperId as error:
            self._reject(item, f"{feed.category}: {name or f'item {number}'}", str(error))
            return
        if version is None:
            self._reject(item, f"{feed.category}: {name}", "no version", identifier)
            return
        abstract = described["abstract"] if described else _text(item, "description")
        self.papers.append(_paper(item, identifier, version, one_line(abstract)))
        kind = _text(item, f"{_ARXIV}announce_type") or (described["kind"] if described else "")
        if kind not in set(AnnouncementKind):
            self.odd_kinds[kind] += 1
            return
        day = min(_day(_text(item, "pubDate")) or feed.issue.day, feed.issue.day)
        self.announced.append(Announcement(identifier, version, feed.category, AnnouncementKind(kind), day))

    def _reject(self, item: Any, where: str, reason: str, identifier: PaperId | None = None) -> None:
        raw = etree.tostring(item, encoding="unicode", with_tail=False)
        self.rejected.append(Rejected(where, reason, raw, identifier))


def _paper(item: Any, identifier: PaperId, version: int, abstract: str) -> Paper:
    license_name = license_uri(_text(item, f"{_DC}rights"))
    return Paper(
        id=identifier,
        title=one_line(_text(item, "title")),
        abstract=abstract,
        authors=split_authors(_text(item, f"{_DC}creator")),
        categories=canonical_categories(" ".join(one.text or "" for one in item.findall("category"))),
        license=license_name,
        versions=(Version(version, license=license_name),),
        journal_ref=one_line(_text(item, f"{_ARXIV}journal_reference")) or None,
        doi=one_line(_text(item, f"{_ARXIV}DOI")) or None,
        withdrawn=is_withdrawn(None, abstract),
    )


def _text(item: Any, name: str) -> str:
    return (item.findtext(name) or "").strip()


def _guid(item: Any) -> str:
    return _text(item, "guid") or _text(item, "link")


def _parsed(body: bytes, url: str) -> Any:
    """Parse strictly, without the characters that XML forbids if there is no other way."""
    try:
        return parse(body, url)
    except BadXml:
        clean, stripped = strip_illegal(body)
        if not stripped:
            raise
        return parse(clean, url)


def _refused(url: str, status: int, body: str) -> _Unreadable:
    """Make the error for a category that arXiv does not know; it says so on a small web page."""
    said = _PARAGRAPH.search(body)
    words = f": {one_line(html.unescape(said[1]))[:300].rstrip('.')}" if said else ""
    return _Unreadable(f"{url} answers HTTP {status}{words}; correct the category, or check PAPERKIN_RSS")


def _day(text: str | None) -> date | None:
    """Read a date as a day of Eastern time; None for what is none."""
    moment = rfc_822_moment(text or "")
    return moment.astimezone(_EASTERN).date() if moment else None


def _categories(text: str) -> tuple[str, ...]:
    """Read the categories asked for, in arXiv's spelling, each once."""
    names = [name.strip() for name in text.split("+")]
    for name in names:
        if not _CATEGORY.fullmatch(name):
            raise SettingsError(f"rss:{text} names the category {name!r}; use rss:cs.CL or rss:cs.CL+hep-th")
    return canonical_categories(" ".join(_spelled(name) for name in names))


def _spelled(name: str) -> str:
    archive, dot, kind = name.partition(".")
    archive = archive.lower()
    return archive + dot + (kind.lower() if archive in _LOWER_CLASSES else kind.upper())


def _load(cursor: str | None) -> dict[str, Issue]:
    """Read a cursor; one that cannot be read is void."""
    try:
        state = json.loads(cursor or "{}")
        return {
            category: Issue(date.fromisoformat(day), tuple(map(str, sketch)))
            for category, (day, sketch) in state.items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}


def _dump(seen: dict[str, Issue]) -> str:
    return json.dumps({category: (issue.day.isoformat(), issue.sketch) for category, issue in seen.items()})
