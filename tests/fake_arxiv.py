"""arXiv's Atom API and RSS feeds on loopback: their true form, their limits, their quirks and their faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from indexer.papers import Paper, Version
from indexer.sources.polite.pace import Pace
from indexer.sources.polite.session import PoliteSession
from indexer.sources.polite.state import State
from tests.builders import NOW, a_paper
from tests.fake_upstream import Answer, Asked

API = "/api/query"
RSS = "/rss"
REACHABLE = 30_000  # beyond it the API answers 400
_DATES = re.compile(r"\((?P<query>.*)\) AND submittedDate:\[(?P<since>\d{12}) TO (?P<until>\d{12})\]")
_EASTERN = ZoneInfo("America/New_York")


class Unhurried(Pace):
    """A pace that neither waits nor keeps its state: a third of the time of these tests would go to the disk."""

    def save(self, state: State) -> None:
        """Keep nothing."""


def a_session(folder: Path) -> PoliteSession:
    """A session as in production, whose waits take no time."""
    return PoliteSession(
        Unhurried("arxiv", 0.0, folder, sleep=lambda _: None), contact="a@b.org", block_on_403=True
    )


def submitted(number: int, *, first: datetime = datetime(2026, 1, 1, tzinfo=UTC), **fields: object) -> Paper:
    """Paper `number`, submitted so many hours after `first`, with what the API knows of a paper."""
    paper = a_paper(number, license=None, versions=(Version(1, first + timedelta(hours=number)),))
    return replace(paper, **fields)  # type: ignore[arg-type]  # the test names real fields


@dataclass(frozen=True, slots=True)
class Query:
    """What the API was asked for."""

    query: str
    ids: tuple[str, ...]
    start: int
    size: int
    dates: tuple[datetime, datetime] | None = None

    @classmethod
    def of(cls, path: str) -> Query:
        given = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        ids = tuple(one for one in given.get("id_list", "").split(",") if one)
        query, dates = given.get("search_query", ""), None
        if found := _DATES.fullmatch(query):
            since, until = (
                datetime.strptime(found[name], "%Y%m%d%H%M").replace(tzinfo=UTC)
                for name in ("since", "until")
            )
            query, dates = found["query"], (since, until)
        return cls(query, ids, int(given.get("start", 0)), int(given.get("max_results", 10)), dates)


Spoil = Callable[[Query, Answer], Answer]


@dataclass(slots=True)
class FakeArxiv:
    """Answers as the two services do; every answer of the API goes through all `spoils`.

    A search knows `cat:NAME` and finds every paper for anything else; `refused_ids` are those whose form the API
    does not like. `feeds` are the bodies of RSS feeds by category; a category without one is unknown.
    """

    papers: list[Paper] = field(default_factory=list)
    spoils: list[Spoil] = field(default_factory=list)
    feeds: dict[str, bytes] = field(default_factory=dict)
    refused_ids: frozenset[str] = frozenset()
    now: datetime = NOW
    queries: list[Query] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        path = unquote(urlsplit(asked.path).path)
        if path.startswith(f"{RSS}/"):
            return self._feed(path.removeprefix(f"{RSS}/"))
        assert path == API
        query = Query.of(asked.path)
        self.queries.append(query)
        answer = self._results(query)
        for spoil in self.spoils:
            answer = spoil(query, answer)
        return answer

    def found(self, query: Query) -> list[Paper]:
        """What a query finds, by submission."""
        papers = [paper for paper in self.papers if _matches(paper, query)]
        return sorted(papers, key=lambda paper: (paper.submitted, paper.id))

    def _results(self, query: Query) -> Answer:
        refused = [one for one in query.ids if one in self.refused_ids]
        if refused:
            return an_error("incorrect_id_format_for_" + refused[0], f"incorrect id format for {refused[0]}")
        if query.start + query.size > REACHABLE:
            return an_error("start_too_large", "start + max_results must be no more than 30000", status=400)
        papers = self.found(query)
        page = papers[query.start : query.start + query.size]
        return atom([an_entry(paper) for paper in page], query, total=len(papers), now=self.now)

    def _feed(self, category: str) -> Answer:
        if category in self.feeds:
            return Answer(body=self.feeds[category], headers={"Content-Type": "application/rss+xml"})
        words = f"Bad archive '{category}'. Valid archive names are: astro-ph, cond-mat, cs."
        escaped = words.replace("'", "&#39;")
        title = "<title>400 Bad Request</title>\n<h1>Bad Request</h1>"
        return Answer(400, f"<!doctype html>\n<html lang=en>\n{title}\n<p>{escaped}</p>\n".encode())


def _matches(paper: Paper, query: Query) -> bool:
    if query.ids:
        return str(paper.id) in query.ids
    category = query.query.removeprefix("cat:")
    if category != query.query and category not in paper.categories:
        return False
    return query.dates is None or query.dates[0] <= paper.submitted <= query.dates[1]


def atom(entries: Sequence[str], query: Query, *, total: int, now: datetime = NOW) -> Answer:
    """A page of the API."""
    body = f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"\
 xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/{"x" * 27}</id>
  <title>arXiv Query: search_query={escape(query.query)}&amp;id_list={",".join(query.ids)}</title>
  <updated>{now:%Y-%m-%dT%H:%M:%SZ}</updated>
  <link href="https://arxiv.org/api/query" type="application/atom+xml"/>
  <opensearch:itemsPerPage>{query.size}</opensearch:itemsPerPage>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>{query.start}</opensearch:startIndex>
{"".join(entries)}</feed>
"""
    return Answer(body=body.encode(), headers={"Content-Type": "application/atom+xml; charset=utf-8"})


def an_entry(paper: Paper, *, extra_categories: Sequence[str] = ()) -> str:
    """A paper as the API gives it, in its newest version."""
    optional = {
        "arxiv:comment": paper.comments,
        "arxiv:journal_ref": paper.journal_ref,
        "arxiv:doi": paper.doi,
    }
    authors = "".join(
        f"    <author><name>{escape(author.name)}</name></author>\n" for author in paper.authors
    )
    return f"""  <entry>
    <id>http://arxiv.org/abs/{paper.id}v{paper.latest_version}</id>
    <title>{escape(paper.title)}</title>
    <updated>{paper.updated:%Y-%m-%dT%H:%M:%SZ}</updated>
    <link href="https://arxiv.org/abs/{paper.id}" rel="alternate" type="text/html"/>
    <summary>{escape(paper.abstract)}</summary>
{"".join(_category(name) for name in (*paper.categories, *extra_categories))}\
    <published>{paper.submitted:%Y-%m-%dT%H:%M:%SZ}</published>
{_elements(optional, 4)}\
    <arxiv:primary_category term="{paper.categories[0]}"/>
{authors}\
  </entry>
"""


def _elements(texts: Mapping[str, str | None], indent: int) -> str:
    """Elements by name, those without a text left out."""
    return "".join(f"{' ' * indent}<{name}>{escape(text)}</{name}>\n" for name, text in texts.items() if text)


def _category(name: str) -> str:
    return f'    <category term={quoteattr(name)} scheme="http://arxiv.org/schemas/atom"/>\n'


def an_error(code: str, sentence: str, status: int = 200) -> Answer:
    """An error of the API: a feed that looks like one result."""
    query = Query("", (), 0, 1)
    entry = f"""  <entry>
    <id>https://arxiv.org/api/errors#{code}</id>
    <title>Error</title>
    <updated>{NOW:%Y-%m-%dT%H:%M:%SZ}</updated>
    <summary>{escape(sentence)}</summary>
    <author><name>arXiv api core</name></author>
  </entry>
"""
    return replace(atom([entry], query, total=1), status=status)


def times(count: int, spoil: Spoil) -> Spoil:
    """Spoil only so many answers, those that the spoil changes."""
    left = count

    def some(query: Query, answer: Answer) -> Answer:
        nonlocal left
        spoiled = spoil(query, answer) if left else answer
        left -= spoiled is not answer
        return spoiled

    return some


def empty(query: Query, _: Answer) -> Answer:
    """No results, and a total of 0."""
    return atom([], query, total=0)


def empty_first_page(query: Query, answer: Answer) -> Answer:
    """No results, and a total of 0, for the beginning of a search."""
    return atom([], query, total=0) if query.start == 0 and not query.ids else answer


def short_by(count: int) -> Spoil:
    """Pages of more than one result without their last ones, the total as it is."""

    def spoil(_: Query, answer: Answer) -> Answer:
        entries = re.findall(rb"  <entry>.*?</entry>\n", answer.body, re.DOTALL)
        if len(entries) < 2:
            return answer
        return replace(answer, body=answer.body.replace(b"".join(entries[-count:]), b""))

    return spoil


def only(start: int, size: int, spoil: Spoil) -> Spoil:
    """Spoil the pages of one place and size."""
    return lambda query, answer: (
        spoil(query, answer) if (query.start, query.size) == (start, size) else answer
    )


def status(code: int) -> Spoil:
    """No answer but a status, as of an overload: no Retry-After."""
    return lambda _, __: Answer(code, b"Rate exceeded.")


def truncated(_: Query, answer: Answer) -> Answer:
    """Half of the body, in a response that is whole."""
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def a_web_page(_: Query, __: Answer) -> Answer:
    """HTML, as of a proxy."""
    return Answer(body=b"<!DOCTYPE html><html><head><title>Busy</title></head><body></body></html>")


Announced = tuple[Paper, str]


def a_feed(
    category: str,
    day: date,
    announced: Sequence[Announced],
    *,
    item_day: date | None = None,
    extra_items: Sequence[str] = (),
) -> bytes:
    """The feed of a category; without papers as on Saturdays."""
    items = "".join((*(an_item(paper, kind, item_day or day) for paper, kind in announced), *extra_items))
    midnight = datetime(day.year, day.month, day.day, tzinfo=_EASTERN)
    built = midnight.astimezone(UTC) + timedelta(seconds=2)
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"\
 xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/" version="2.0">
  <channel>
    <title>{category} updates on arXiv.org</title>
    <link>http://rss.arxiv.org/rss/{category}</link>
    <description>{category} updates on the arXiv.org e-print archive.</description>
    <atom:link href="http://rss.arxiv.org/rss/{category}" rel="self" type="application/rss+xml"/>
    <docs>http://www.rssboard.org/rss-specification</docs>
    <language>en-us</language>
    <lastBuildDate>{format_datetime(built)}</lastBuildDate>
    <managingEditor>rss-help@arxiv.org</managingEditor>
    <pubDate>{format_datetime(midnight)}</pubDate>
    <skipDays>
      <day>Sunday</day>
      <day>Saturday</day>
    </skipDays>
{items}  </channel>
</rss>
""".encode()


def an_item(paper: Paper, kind: str, day: date, *, version: int | None = None) -> str:
    """A paper as a feed announces it."""
    guid = f"{paper.id}v{version or paper.latest_version}"
    midnight = datetime(day.year, day.month, day.day, tzinfo=_EASTERN)
    optional = {
        "dc:rights": paper.license,
        "arxiv:DOI": paper.doi,
        "arxiv:journal_reference": paper.journal_ref,
    }
    categories = "".join(f"      <category>{name}</category>\n" for name in paper.categories)
    return f"""    <item>
      <title>{escape(paper.title)}</title>
      <link>https://arxiv.org/abs/{paper.id}</link>
      <description>arXiv:{guid} Announce Type: {kind} \nAbstract: {escape(paper.abstract)}</description>
      <guid isPermaLink="false">oai:arXiv.org:{guid}</guid>
{categories}\
      <pubDate>{format_datetime(midnight)}</pubDate>
      <arxiv:announce_type>{kind}</arxiv:announce_type>
{_elements(optional, 6)}\
      <dc:creator>{escape(", ".join(author.name for author in paper.authors))}</dc:creator>
    </item>
"""


def a_feed_error(category: str, sentence: str) -> bytes:
    """The form in which the feeds tell an error with HTTP 200."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        f"<title>Feed error for query: http://rss.arxiv.org/rss/{category}</title>"
        f"<description>{escape(sentence)}</description></channel></rss>"
    ).encode()
