"""`arxiv:QUERY` and `arxiv:ID,ID`: papers out of arXiv's Atom API, by search or by id.

The API reaches some 10,000 results of a search, gives pages that are short or empty though there is more, and says
now and then that there is nothing at all. So a large search is cut into windows by the day of submission; what
the server says of a window and its halves must agree; a page counts only when it is whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import arxiv

from indexer.errors import InvalidPaperId, SettingsError, SourceError
from indexer.papers import Paper, PaperBatch, PaperId, Rejected, Window
from indexer.sources.arxiv_api.pages import AtomApi, BadFeed, Page, Refused
from indexer.sources.arxiv_api.windows import UNKNOWN, Run, Runs, Span, load
from indexer.sources.polite.session import PoliteSession

# A paper that moderators held is announced days or weeks after its submission, with the date of the submission.
OVERLAP = timedelta(days=14)
# A few papers were given to arXiv with dates before its birth in 1991.
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_TIMES = 3  # that the same page is asked for
_MOST_FAILURES = 3  # pages; after that the service itself is broken
_SLACK = 10  # results; papers may move between two pages, so pages overlap by so many and totals may shrink by as many


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is asked for at once: results of a page, of a window, and ids.

    arXiv allows 2,000 results a page, and gives some 10,000 of a search.
    """

    page: int = 500
    window: int = 8_000
    ids: int = 100


class ArxivApi:
    """A `PaperSource` over arXiv's Atom API, which knows neither licences nor earlier versions.

    A search is narrowed to `window` by the day of version 1; read again, it goes on two weeks before the newest
    submission seen, so revisions of older papers are left to other sources. Of a list of ids all are asked for
    each time, in their newest version, whatever the window.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        session: PoliteSession,
        *,
        query: str,
        window: Window,
        limits: Limits = Limits(),
    ) -> None:
        self._name = name
        self._api = AtomApi(base_url, session)
        self._query = query.strip()
        self._ids = _ids(self._query)
        self._window = window
        self._limits = limits
        self.remarks: list[str] = []

    @property
    def name(self) -> str:
        """The URL that opened the source."""
        return self._name

    def batches(self, cursor: str | None = None) -> Iterator[PaperBatch]:
        """Deliver the papers after `cursor`, a page at a time."""
        return self._look_up(cursor) if self._ids else self._search(cursor)

    def _look_up(self, cursor: str | None) -> Iterator[PaperBatch]:
        done = int(load(cursor).get("asked", 0))
        while done < len(self._ids):
            chunk = self._ids[done : done + self._limits.ids]
            papers, rejected = self._found(chunk)
            done += len(chunk)
            more = json.dumps({"asked": done}) if done < len(self._ids) else None
            yield PaperBatch(papers, rejected, more, done / len(self._ids))

    def _found(self, ids: Sequence[PaperId]) -> tuple[tuple[Paper, ...], tuple[Rejected, ...]]:
        """Look ids up; those that are missing a second time, since answers come incomplete."""
        papers, rejected = self._named(ids)
        missing = set(ids) - _told(papers, rejected)
        if missing:
            later, unread = self._named(sorted(missing))
            papers, rejected = (*papers, *later), (*rejected, *unread)
            unknown = sorted(missing - _told(later, unread))
            if unknown:
                self.remarks.append(f"arXiv knows no {', '.join(map(str, unknown))}")
        return papers, rejected

    def _named(self, ids: Sequence[PaperId]) -> tuple[tuple[Paper, ...], tuple[Rejected, ...]]:
        """Ask for ids; one that arXiv calls wrong is set apart, since it spoils the answer for all."""
        search = arxiv.Search(id_list=[str(one) for one in ids], max_results=None)
        try:
            page = self._asked(search, 0, len(ids))
        except Refused as refusal:
            if "id_format" not in refusal.code:
                raise
            if len(ids) == 1:
                return (), (Rejected(str(ids[0]), refusal.sentence, id=ids[0]),)
            half = len(ids) // 2
            left, right = self._named(ids[:half]), self._named(ids[half:])
            return (*left[0], *right[0]), (*left[1], *right[1])
        return page.papers, page.rejected

    def _search(self, cursor: str | None) -> Iterator[PaperBatch]:
        runs = Runs.load(cursor)
        run = runs.of(self._window)
        again, run.failed = run.failed, []
        if not run.todo:
            run.begin(self._new(run))
        run.todo += again  # last, so that a window that fails for good keeps nothing else from being read
        failures: list[str] = []
        while run.todo and len(failures) < _MOST_FAILURES:
            try:
                page = self._next_page(run)
            except _Unreliable as failure:
                failures.append(f"{run.todo[0]}: {failure}")
                run.skip(failure.results)
                page = failure.best
            papers = tuple(paper for paper in page.papers if self._inside(paper)) if page else ()
            yield PaperBatch(papers, page.rejected if page else (), runs.dump(), run.position)
        if failures:
            raise self._failed(failures)

    def _next_page(self, run: Run) -> Page | None:
        """Read on, cutting windows that are too large; None where it turned out that nothing is left."""
        while run.todo:
            span = run.todo[0]
            if span.total == UNKNOWN:
                span.total, _ = self._total(span.since, span.until, known=True)
            if span.total > self._limits.window:
                run.todo[:1] = self._halves(span)
                continue
            page = self._whole_page(span)
            run.advance(page, _overlap(self._limits.page))
            return page
        return None

    def _new(self, run: Run) -> list[Span]:
        """Ask what there is to read; raise `SourceError` where the answer makes no sense."""
        known = run.newest is not None  # which is among the results whatever the days asked for
        try:
            total, moment = self._total(None, None, known=known)
            since, until = self._bounds(run, moment)
            if not total or since > until:
                self.remarks.append(f"arXiv finds nothing for {self._query}")
                return []
            if not (known or self._window) and total <= self._limits.window:
                return [Span(None, None, total)]
            dated, _ = self._total(since, until, known=known)
        except _Unreliable as failure:
            raise self._failed([str(failure)]) from failure
        if not (known or self._window) and dated < total - total // 100:
            self.remarks.append(
                f"arXiv finds {total} papers for {self._query}, by their dates only {dated} of them"
            )
        return [Span(since, until, dated)] if dated else []

    def _bounds(self, run: Run, moment: datetime) -> tuple[datetime, datetime]:
        """Give the times between which to read: of the window, and from a while before the newest paper seen."""
        since, until = _EARLIEST, moment + _DAY
        if self._window.since:
            since = datetime.combine(self._window.since, time.min, UTC)
        if (
            self._window.until
        ):  # to the midnight after it: whether the API sees a minute whole is not documented
            until = min(until, datetime.combine(self._window.until, time.min, UTC) + _DAY)
        if run.newest:
            since = max(since, run.newest - OVERLAP)
        return since, until.replace(second=0, microsecond=0)

    def _inside(self, paper: Paper) -> bool:
        day, window = paper.submitted.date(), self._window
        return (window.since or day) <= day <= (window.until or day)

    def _total(self, since: datetime | None, until: datetime | None, *, known: bool) -> tuple[int, datetime]:
        """Ask how many results there are, and when that was; none is believed if always said, never of `known` ones."""
        for _ in range(_TIMES):
            page = self._asked(self._dated(since, until), 0, 1)
            if page.total:
                break
        if known and not page.total:
            raise _Unreliable("no results, where there were some before")
        return page.total, page.moment

    def _halves(self, span: Span) -> list[Span]:
        """Cut a window in two that have all of its results, as far as the server tells the truth."""
        since, until = span.since or _EARLIEST, span.until or _EARLIEST
        if until - since <= _MINUTE:
            raise _Unreliable(f"more than {self._limits.window} results within a minute")
        middle = since + ((until - since) // 2 // _MINUTE) * _MINUTE
        left = right = 0
        for _ in range(_TIMES):
            left = max(left, self._asked(self._dated(since, middle), 0, 1).total)
            right = max(right, self._asked(self._dated(middle, until), 0, 1).total)
            if left + right >= span.total - span.total // 100:
                parts = (Span(since, middle, left), Span(middle, until, right))
                return [part for part in parts if part.total]
        raise _Unreliable(f"{left} and {right} results in the halves, though {span.total}")

    def _whole_page(self, span: Span) -> Page:
        """Ask for the next page of a window, then for smaller ones: some pages fail, by their place and size.

        Raise `_Unreliable`, or the `SourceError` of the session, if none comes whole.
        """
        for size in (self._limits.page, self._limits.page // 2):
            try:
                return self._page(span, size)
            except Refused:
                raise
            except (_Unreliable, SourceError):
                continue
        return self._page(span, self._limits.page // 5)

    def _page(self, span: Span, size: int) -> Page:
        """Ask for the next page of a window until it is whole."""
        start = max(0, span.offset - _overlap(self._limits.page))
        search, best, reason = self._dated(span.since, span.until), None, ""
        for _ in range(_TIMES):
            try:
                page = self._fetched(search, start, size)
            except BadFeed as error:
                reason = str(error)
                continue
            if page.total >= max(1, span.total - _SLACK) and page.entries >= min(size, page.total - start):
                return page
            reason = f"{page.entries} results after the first {start}, of {page.total} (before: {span.total})"
            best = page if best is None or page.entries > best.entries else best
        raise _Unreliable(reason, best, size)

    def _asked(self, search: arxiv.Search, start: int, size: int) -> Page:
        """Ask for a page, some times if what comes is no answer of the API."""
        reason = ""
        for _ in range(_TIMES):
            try:
                return self._fetched(search, start, size)
            except BadFeed as error:
                reason = str(error)
        raise SourceError(f"{reason}; that was so {_TIMES} times, try again later")

    def _fetched(self, search: arxiv.Search, start: int, size: int) -> Page:
        page = self._api.page(search, start, size)
        if page.stripped:
            self.remarks.append(
                f"{page.stripped} characters that XML forbids were taken out of a page of arXiv's"
            )
        return page

    def _dated(self, since: datetime | None, until: datetime | None) -> arxiv.Search:
        query = self._query
        if since and until:
            query = f"({query}) AND submittedDate:[{since:%Y%m%d%H%M} TO {until:%Y%m%d%H%M}]"
        return arxiv.Search(
            query,
            max_results=None,
            sort_by=arxiv.SortCriterion.SubmittedDate,
            sort_order=arxiv.SortOrder.Ascending,
        )

    def _failed(self, reasons: Sequence[str]) -> SourceError:
        return SourceError(
            f"arXiv's API gives no whole answer to {self._query}: {'; '.join(reasons)}; it will be asked for this again"
            " when the source is crawled again, later is better"
        )


class _Unreliable(Exception):
    """The service does not give what it says that it has.

    `results` is how many of a window are concerned, None for all; `best` the most that came of them.
    """

    def __init__(self, reason: str, best: Page | None = None, results: int | None = None) -> None:
        super().__init__(reason)
        self.best = best
        self.results = results


def _overlap(size: int) -> int:
    """Results of the page before that a page has again: what moves up meanwhile is not missed."""
    return min(_SLACK, size // 10)


def _told(papers: Sequence[Paper], rejected: Sequence[Rejected]) -> set[PaperId]:
    return {paper.id for paper in papers} | {one.id for one in rejected if one.id}


def _ids(query: str) -> tuple[PaperId, ...]:
    """Read a list of ids; empty for a search. Raise `InvalidPaperId` for a list with something else in it."""
    if not query:
        raise SettingsError("arxiv: names no papers; use arxiv:QUERY such as arxiv:cat:cs.CL, or arxiv:ID,ID")
    found: list[PaperId] = []
    invalid: list[InvalidPaperId] = []
    for part in re.split(r"[\s,]+", query.strip(", ")):
        try:
            found.append(PaperId.parse(part))
        except InvalidPaperId as error:
            invalid.append(error)
    if found and invalid and "," in query:
        raise invalid[0]
    return () if invalid else tuple(dict.fromkeys(found))
