"""`openalex:`: citations from OpenAlex, asked for by the DOI that arXiv gives to each paper.

What is relied on (https://developers.openalex.org, and the headers and bodies that its users report):

- `GET works?filter=doi:A|B…&select=…&per_page=100&cursor=*` takes 100 values in a filter and answers
  `{"meta": {"count", "next_cursor"}, "results": [work…]}` in any order; the last page has no cursor, or an empty page
  follows it, which is not asked for once `count` works came. `GET works/doi:DOI` gives one work, also one whose DOI is
  now that of a journal, which the filter misses; an unknown one is 404 with a page of HTML.
- A work has `id` (`https://openalex.org/W…`), `doi`, `ids`, `locations` (each with `id` such as
  `pmh:oai:arXiv.org:ID`, `landing_page_url`, `pdf_url`) and `referenced_works`, ids again. Some of these dangle: they
  name works that are gone or merged (LocalCitationNetwork#4). Works with one DOI may come twice.
- Lists cost $0.0001 of a daily budget ($1 with a free key, $0.10 without), single works nothing. It renews at 00:00
  UTC. A spent one is 429 `{"error": "Rate limit exceeded", "message": "Insufficient budget. …"}` with
  `X-RateLimit-Remaining-USD` below `X-RateLimit-Cost-Required-USD` and `Retry-After` until midnight.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any
from urllib.parse import quote

import requests

from indexer.errors import SourceError
from indexer.papers import Citation, CitationBatch, PaperId, Rejected
from indexer.sources.answers import JsonService, Question, arxiv_ids

MOST_VALUES = 100  # in one filter, and of one page
# Papers of a group that are asked for one by one because the list did not have them. OpenAlex lacks up to 24 of 100
# papers in computer science and most in astronomy: where it lacks so many, each is a hole rather than a merged work.
SINGLES = 25
# Works whose arXiv id is remembered within a run, some 30 MB. One list costs as much whether it tells 1 or 100, and
# the same works are cited again and again.
REMEMBERED = 200_000

_FIELDS = "id,doi,ids,locations"
_WORK = re.compile(r"(?:https?://openalex\.org/(?:works/)?)?W(\d{1,18})", re.ASCII | re.IGNORECASE)
_SPENT = re.compile(rb"insufficient budget|resets at midnight", re.IGNORECASE)
_LONG_PAUSE = 600  # seconds; for asking too fast it is one or a few
_MOST_ERROR = 65_536  # bytes


@dataclass(slots=True)
class _Counts:
    """What the remarks tell."""

    references: int = 0
    elsewhere: int = 0  # references to works that have no arXiv id
    dangling: int = 0  # references to works that OpenAlex no longer has
    empty: int = 0  # papers that are known, their references not


@dataclass(slots=True)
class _Group:
    """Papers asked for together, and what is known of them by now.

    `references` has the numbers of the works that a paper refers to, `cited` the arXiv id of each such work, None if
    it has none; a number that is in none of them has not been asked for successfully.
    """

    papers: tuple[PaperId, ...]
    references: dict[PaperId, dict[int, None]] = field(default_factory=dict)
    cited: dict[int, PaperId | None] = field(default_factory=dict)
    unknown: list[PaperId] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class OpenAlex:
    """A `CitationSource` over OpenAlex; `base_url` is `https://api.openalex.org` or a mirror of it.

    There is no cursor: which papers were asked is in the library. A work without references is `unknown`, not
    answered: OpenAlex loses whole lists ("Attention Is All You Need" has none, OpenAlex#7) and an arXiv paper that
    cites nothing is rare, so taking an empty list at its word would take back true citations.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        session: requests.Session,
        *,
        key: str | None = None,
        contact: str | None = None,
        singles: int = SINGLES,
    ) -> None:
        self._name = name
        self._service = JsonService("OpenAlex", base_url, session, secrets=[key] if key else [])
        self._identity: dict[str, str | int] = (
            {"api_key": key} if key else {"mailto": contact} if contact else {}
        )
        self._keyed = key is not None
        self._singles = singles
        self._counts = _Counts()
        self._remembered: OrderedDict[int, PaperId | None] = OrderedDict()

    @property
    def name(self) -> str:
        """The URL that opened the source."""
        return self._name

    @property
    def remarks(self) -> Sequence[str]:
        """How many references lead out of arXiv or nowhere, and how many papers have none there."""
        counts, said = self._counts, []
        if not self._keyed:
            said.append(
                "OpenAlex: asked without a key, with a tenth of the budget; PAPERKIN_OPENALEX_KEY sets one"
            )
        if counts.elsewhere:
            said.append(
                f"OpenAlex: {counts.elsewhere:,} of {counts.references:,} references left out, without an arXiv id"
            )
        if counts.dangling:
            said.append(f"OpenAlex: works that are referred to but not there any more: {counts.dangling:,}")
        if counts.empty:
            said.append(
                f"OpenAlex: papers that it knows without any reference, taken for holes: {counts.empty:,}"
            )
        return said

    def batches(self, wanted: Iterable[PaperId], cursor: str | None = None) -> Iterator[CitationBatch]:  # noqa: ARG002 - progress is kept by the library
        """Ask for `wanted`, 100 papers at a time, and for the works that they refer to, as far as not known yet."""
        self._counts = _Counts()
        total = len(wanted) if isinstance(wanted, Sized) else None
        papers, done = iter(wanted), 0
        while asked := tuple(islice(papers, MOST_VALUES)):
            group, failure = _Group(asked), None
            try:
                self._find(group)
                self._resolve(group)
            except SourceError as error:
                failure = error
            done += len(asked)
            batch = self._batch(group, min(1.0, done / total) if total and not failure else None)
            if batch.citations or batch.answered or batch.unknown or batch.rejected:
                yield batch
            if failure:
                raise failure

    def _find(self, group: _Group) -> None:
        """Ask for the works of the papers: all by a list, those that it misses one by one if they are few."""
        wanted = dict.fromkeys(group.papers)
        works, fault = self._list("doi", [_doi(paper) for paper in wanted])
        for work in works:
            for paper in arxiv_ids(names_in(work)):
                if paper in wanted:
                    self._take(paper, work, group)
        missed = [paper for paper in wanted if paper not in group.references]
        if fault and missed:
            where = f"the works of {len(missed)} papers, {missed[0]} among them"
            group.rejected.append(Rejected(where, fault))
        elif len(missed) > self._singles:
            group.unknown += missed
        else:
            self._find_each(missed, group)

    def _find_each(self, papers: list[PaperId], group: _Group) -> None:
        """Ask for the works of papers one by one, which is free."""
        for paper in papers:
            work = self._single(paper)
            if work is None:
                group.unknown.append(paper)
            else:
                self._take(paper, work, group)

    def _take(self, paper: PaperId, work: dict[str, Any], group: _Group) -> None:
        """Take what a work refers to, beside what another work of the paper did."""
        number = number_of(work.get("id"))
        if number is not None:
            self._remember(number, paper, group)
        group.references.setdefault(paper, {}).update(dict.fromkeys(references_of(work)))

    def _resolve(self, group: _Group) -> None:
        """Learn the arXiv ids of the works that the papers refer to."""
        missing: list[int] = []
        for number in dict.fromkeys(chain.from_iterable(group.references.values())):
            if number in group.cited:
                continue
            if number in self._remembered:
                self._remembered.move_to_end(number)
                group.cited[number] = self._remembered[number]
            else:
                missing.append(number)
        for start in range(0, len(missing), MOST_VALUES):
            self._learn(missing[start : start + MOST_VALUES], group)

    def _learn(self, numbers: list[int], group: _Group) -> None:
        works, fault = self._list("openalex", [f"W{number}" for number in numbers])
        found = {number: work for work in works if (number := number_of(work.get("id"))) is not None}
        missed = [number for number in numbers if number not in found]
        if fault and missed:
            group.rejected.append(Rejected(f"{len(missed)} works, W{missed[0]} among them", fault))
        for number in numbers:
            if number in found:
                self._remember(number, next(iter(arxiv_ids(names_in(found[number]))), None), group)
            elif not fault:
                self._remember(number, None, group)
                self._counts.dangling += 1

    def _remember(self, number: int, paper: PaperId | None, group: _Group) -> None:
        group.cited[number] = self._remembered[number] = paper
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    def _batch(self, group: _Group, position: float | None) -> CitationBatch:
        citations: list[Citation] = []
        answered: list[PaperId] = []
        unknown = list(group.unknown)
        for paper, numbers in group.references.items():
            cited = [found for number in numbers if (found := group.cited.get(number))]
            citations += [Citation(paper, one) for one in dict.fromkeys(cited) if one != paper]
            known = sum(number in group.cited for number in numbers)
            self._counts.references += known
            self._counts.elsewhere += known - len(cited)
            if not numbers:
                self._counts.empty += 1
                unknown.append(paper)
            elif known == len(numbers):
                answered.append(paper)
        return CitationBatch(
            tuple(citations),
            tuple(group.rejected),
            position=position,
            answered=tuple(answered),
            unknown=tuple(unknown),
        )

    def _list(self, name: str, values: list[str]) -> tuple[list[dict[str, Any]], str | None]:
        """Ask for the works that have one of `values` in a filter; what is missing in the answer, None if nothing."""
        works: list[dict[str, Any]] = []
        fields = f"{_FIELDS},referenced_works" if name == "doi" else _FIELDS
        cursor, seen = "*", 0
        while True:
            parameters: dict[str, str | int] = {
                "filter": f"{name}:{'|'.join(values)}",
                "select": fields,
                "per_page": MOST_VALUES,
                "cursor": cursor,
            }
            page = self._ask("/works", parameters)
            works += [work for work in page["results"] if isinstance(work, dict)]
            seen += len(page["results"])
            count, following = page["meta"].get("count"), page["meta"].get("next_cursor")
            if not isinstance(count, int):
                count = seen if following is None or not page["results"] else seen + 1
            if seen >= count:
                return works, None
            if not page["results"] or not isinstance(following, str) or following == cursor:
                return works, f"OpenAlex told of {count:,} works and gave {seen:,}; the next run asks again"
            cursor = following

    def _ask(self, path: str, parameters: dict[str, str | int]) -> dict[str, Any]:
        question = Question(path, parameters | self._identity, complaint=_page_complaint, heed=self._heed)
        answer = self._service.ask(question)
        if answer.status != 200:
            raise self._service.refused(answer)
        page: dict[str, Any] = answer.value
        return page

    def _single(self, paper: PaperId) -> dict[str, Any] | None:
        """Ask for one work by its DOI; None if there is none."""
        path = f"/works/doi:{quote(_doi(paper), safe='/')}"
        parameters: dict[str, str | int] = {"select": f"{_FIELDS},referenced_works"}
        answer = self._service.ask(
            Question(path, parameters | self._identity, complaint=_work_complaint, heed=self._heed)
        )
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._service.refused(answer)
        work: dict[str, Any] = answer.value
        return work

    def _heed(self, response: requests.Response) -> None:
        """End the asking when the budget of the day is spent: no wait within reason helps."""
        if response.status_code == 429 and is_spent(response):
            response.close()
            more = "" if self._keyed else ", or set PAPERKIN_OPENALEX_KEY to a free key for ten times as much"
            raise SourceError(
                f"OpenAlex answered {self._service.shown(response.url)} with 429: the budget of the day is spent; run"
                f" the same command after 00:00 UTC, when it renews, and it goes on from there{more}"
            )


def names_in(work: dict[str, Any]) -> Iterator[object]:
    """Go through the texts of a work in which its arXiv id may stand."""
    yield work.get("doi")
    ids = work.get("ids")
    if isinstance(ids, dict):
        yield from (ids.get("doi"), ids.get("arxiv"))
    locations = work.get("locations")
    for location in locations if isinstance(locations, list) else ():
        if isinstance(location, dict):
            identifier = location.get("id")
            yield identifier.removeprefix("pmh:") if isinstance(identifier, str) else None
            yield from (location.get("landing_page_url"), location.get("pdf_url"))


def references_of(work: dict[str, Any]) -> list[int]:
    """Read the numbers of the works that a work refers to."""
    listed = work.get("referenced_works")
    found = (number_of(one) for one in (listed if isinstance(listed, list) else ()))
    return [number for number in found if number is not None]


def number_of(identifier: object) -> int | None:
    """Read the number of a work, `https://openalex.org/W2741809807` or `W2741809807`; None for anything else."""
    found = _WORK.fullmatch(identifier) if isinstance(identifier, str) else None
    return int(found[1]) if found else None


def is_spent(response: requests.Response) -> bool:
    """Whether a 429 says that the budget of the day is spent, rather than that requests came too fast."""
    headers = response.headers
    pairs = (
        ("X-RateLimit-Remaining-USD", "X-RateLimit-Cost-Required-USD"),
        ("X-RateLimit-Remaining", "X-RateLimit-Credits-Required"),
    )
    for left, needed in pairs:
        remaining, required = _number(headers.get(left)), _number(headers.get(needed))
        if remaining is not None and required is not None and remaining < required:
            return True
    if (_number(headers.get("Retry-After")) or 0) > _LONG_PAUSE:
        return True
    length = _number(headers.get("Content-Length"))
    return length is not None and length <= _MOST_ERROR and _SPENT.search(response.content) is not None


def _number(text: str | None) -> float | None:
    try:
        return float((text or "").strip().lstrip("$"))
    except ValueError:
        return None


def _doi(paper: PaperId) -> str:
    return f"10.48550/arxiv.{paper}"


def _page_complaint(value: Any) -> str | None:
    if (
        isinstance(value, dict)
        and isinstance(value.get("results"), list)
        and isinstance(value.get("meta"), dict)
    ):
        return None
    return "no page of works"


def _work_complaint(value: Any) -> str | None:
    return None if isinstance(value, dict) and number_of(value.get("id")) is not None else "no work"
