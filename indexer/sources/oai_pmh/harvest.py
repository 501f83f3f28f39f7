"""One harvest over OAI-PMH: a list from where the last one ended to the end of all, whatever happens in between.

A resumption token is followed while it lasts and never kept: it expires at midnight, and arXiv's counts positions.
A page that the server cannot make is narrowed down to a day, then to a record, and all others are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from indexer.errors import SourceError
from indexer.papers import Rejected
from indexer.sources.oai_pmh.client import Failing, Identity, OaiClient, OaiError
from indexer.sources.oai_pmh.cursor import DAY, Cursor, Progress
from indexer.sources.oai_pmh.records import FORMAT, Page

RECORDS, IDENTIFIERS = "ListRecords", "ListIdentifiers"
# arXiv's network keeps the answer "nothing there" until midnight, so it is asked for other days, up to three back.
_DAYS_BACK = 3
_RESTARTS = 3  # without getting any further
# Records of one failing day that are asked for one by one; 3,000 take two and a half hours at arXiv's pace.
_ONE_BY_ONE = 3_000
_TOGETHER = 100


@dataclass(frozen=True, slots=True)
class _Span:
    """Days to list, both included, None for an open end.

    `days` is their number while a failing one is looked for, which is known to lie up to `failing` if that is given.
    """

    first: date | None
    last: date | None
    days: int | None = None
    failing: date | None = None


class _TokenGone(Exception):
    """A resumption token is no longer accepted."""


class Harvest:
    """Lists records or identifiers of `set_spec` (None: everything) up to `until` (None: the end).

    `progress` says how far it is, at every page that `pages` delivers.
    """

    def __init__(
        self,
        client: OaiClient,
        verb: str,
        *,
        progress: Progress,
        set_spec: str | None = None,
        until: date | None = None,
    ) -> None:
        self.progress = progress
        self.closing = False
        self._client = client
        self._verb = verb
        self._set_spec = set_spec
        self._until = until
        self._done = False
        self._token: str | None = None
        self._delivered: set[str] = set()  # identifiers, while a single day is listed
        self._furthest = (date.min, 0)
        self._restarts = 0

    @property
    def cursor(self) -> Cursor:
        """What to keep with the page just delivered, or at the end."""
        return self.progress.cursor(self._token, done=self._done)

    @property
    def position(self) -> float | None:
        """The share of the harvest that is behind."""
        return 1.0 if self._done else self.progress.position(self._until)

    def pages(self) -> Iterator[Page]:
        """Deliver the pages of the list, then of days that were owed from before.

        At the end, `closing` tells whether the cursor says more than with the last page. Raise `SourceError` where
        the server cannot be read any further.
        """
        before = self.progress.owed
        delivered = False
        for page in self._parts():
            delivered = True
            yield page
        self.closing = (delivered or self.progress.owed != before) and not self._done
        self._done, self._token = True, None

    def _parts(self) -> Iterator[Page]:
        owed = self.progress.before.owed
        yield from self._cover(_Span(self.progress.begin, self._until), final=not owed)
        for day in owed:
            paid = replace(self.progress, owed=self.progress.owed - {day})
            self.progress = paid.anew(paid.begin)
            yield from self._cover(_Span(day, day), final=day == owed[-1])

    def _cover(self, whole: _Span, *, final: bool) -> Iterator[Page]:
        """List a span, in parts where the server fails at the whole."""
        span: _Span | None = whole
        while span is not None:
            try:
                yield from self._list(span, final=final and span.last == whole.last)
            except _TokenGone as gone:
                span = self._taken_up(span, gone)
            except Failing as failure:
                if self._verb == IDENTIFIERS:
                    raise
                earliest = self._alive(failure).earliest
                if span.days == 1 and span.first is not None:
                    yield from self._one_by_one(span.first)
                    span = self._rest(span.first, whole)
                else:
                    span = self._narrowed(span, earliest, failure)
            else:
                span = self._following(span, whole)

    def _list(self, span: _Span, *, final: bool) -> Iterator[Page]:
        """List a span from its first page to its last."""
        page = self._first_page(span)
        self._delivered.clear()
        tokens: set[str] = set()
        while page is not None:
            if page.token in tokens:
                raise SourceError(
                    f"the server gave the resumption token {page.token!r:.200} twice, which would never end;"
                    " run it again later"
                )
            self._account(page, len(tokens), single_day=span.days == 1)
            self._done = final and page.token is None
            yield page
            if page.token is None:
                return
            tokens.add(page.token)
            page = self._next_page(page.token)

    def _account(self, page: Page, number: int, *, single_day: bool) -> None:
        """Note a page before it is delivered."""
        days = [header.datestamp for header in page.headers if header.datestamp]
        self.progress = self.progress.after(days, page.served)
        self._token = page.token
        if single_day:
            self._delivered.update(header.identifier for header in page.headers)
        here = (self.progress.reached or date.min, number)
        if here > self._furthest:
            self._furthest, self._restarts = here, 0

    def _first_page(self, span: _Span) -> Page | None:
        """Ask for the first page of a span; None where there is nothing, as far as the server's word is good."""
        for back in range(_DAYS_BACK + 1):
            earlier = replace(span, first=span.first - back * DAY if span.first else None)
            try:
                page = self._page(earlier)
            except OaiError as error:
                if error.code != "noRecordsMatch":
                    raise
                nothing = error
            else:
                if back:
                    self._client.remark(f"a stale answer said that nothing is new since {span.first}")
                return page
            if not self._must_exist(span):
                break
        if self._verb == IDENTIFIERS:  # what is taken for the whole list must not end on such a word
            raise nothing
        if self._must_exist(span):
            self._client.remark(f"{nothing}: it had something since {span.first} before")
        return None

    def _must_exist(self, span: _Span) -> bool:
        """Whether there is something to list, for it was there before and can only have moved to later days."""
        known = [day for day in (self.progress.before.reached, self.progress.high) if day]
        return span.last is None and span.first is not None and any(day >= span.first for day in known)

    def _page(self, span: _Span) -> Page:
        """Ask for the first page of a span, within the days that the server allows."""
        try:
            return self._client.page(self._verb, **self._arguments(span))
        except OaiError as error:
            if error.code != "badArgument":
                raise
            fitted = _fitted(span, self._client.identify(because=error))
            if fitted == span:
                raise
        return self._client.page(self._verb, **self._arguments(fitted))

    def _arguments(self, span: _Span) -> dict[str, str]:
        given = {
            "metadataPrefix": FORMAT,
            "set": self._set_spec,
            "from": span.first and span.first.isoformat(),
            "until": span.last and span.last.isoformat(),
        }
        return {name: value for name, value in given.items() if value}

    def _next_page(self, token: str) -> Page:
        try:
            return self._client.page(self._verb, resumptionToken=token)
        except OaiError as error:
            if error.code in {"badResumptionToken", "noRecordsMatch"}:
                raise _TokenGone(str(error)) from error
            raise

    def _taken_up(self, span: _Span, gone: _TokenGone) -> _Span:
        """Go on from the last day reached; raise `SourceError` if that leads nowhere."""
        self._restarts += 1
        if self._restarts > _RESTARTS:
            raise SourceError(
                f"{gone}; taken up {_RESTARTS} times, the list got no further than {self.progress.reached}"
            ) from gone
        restart = self.progress.restart
        self.progress = self.progress.anew(restart)
        self._client.remark(
            f"a resumption token expired; the list was taken up from {restart or 'its start'}"
        )
        return replace(span, first=max(span.first, restart) if span.first and restart else restart)

    def _alive(self, failure: SourceError) -> Identity:
        """Make sure that it is not the whole server that fails."""
        identity = self._client.identify(because=failure)
        self.progress = self.progress.after((), identity.served)
        return identity

    def _narrowed(self, span: _Span, earliest: date | None, failure: Failing) -> _Span:
        """Give the days in which to look for the failing one: the first, or half of those that fail together."""
        reached = self.progress.reached
        within = reached is not None and (span.last is None or reached <= span.last)
        starts = [span.first, reached if within and self.progress.ordered else None]
        first = max((day for day in starts if day), default=earliest)
        if first is None:
            raise failure
        self.progress = self.progress.anew(self.progress.begin)
        if span.days is not None and span.last is not None:
            return _half(first, span.last)
        self._client.remark(f"{failure}; the list was taken up day by day from {first}")
        return _Span(first, first, 1)

    def _following(self, span: _Span, whole: _Span) -> _Span | None:
        """Give what is to be listed after a span: more of what fails, twice as many days, or the rest."""
        if span.days is None or span.last is None:
            return None
        if span.failing is not None and span.last < span.failing:
            return _half(span.last + DAY, span.failing)
        days = 2 * span.days
        rest = self._rest(span.last, whole)
        last = span.last + days * DAY
        if rest is None or last >= self._end(whole):
            return rest
        return _Span(rest.first, last, days)

    def _rest(self, day: date, whole: _Span) -> _Span | None:
        return _Span(day + DAY, whole.last) if day < self._end(whole) else None

    def _end(self, whole: _Span) -> date:
        return whole.last or self.progress.served or date.min

    def _one_by_one(self, day: date) -> Iterator[Page]:
        """Deliver what the list of a day did not, record by record; a day that cannot be read so is owed."""
        listing = Harvest(
            self._client,
            IDENTIFIERS,
            progress=Progress.start(Cursor(), day),
            set_spec=self._set_spec,
            until=day,
        )
        try:
            headers = [header for page in listing.pages() for header in page.headers]
        except SourceError as error:
            self._alive(error)
            yield self._owed(day, f"the server lists neither records nor identifiers of this day ({error})")
            return
        missing = [header for header in headers if header.identifier not in self._delivered]
        if len(missing) > _ONE_BY_ONE:
            yield self._owed(day, f"the server fails at {len(missing):,} records, too many to ask for each")
            return
        for start in range(0, len(missing), _TOGETHER):
            several = missing[start : start + _TOGETHER]
            page = _joined([self._client.record(header.identifier, header.id) for header in several])
            # Not by the datestamps of the records: one that was changed meanwhile is of today.
            self.progress = self.progress.after((day,), page.served)
            self._token = None
            yield page

    def _owed(self, day: date, reason: str) -> Page:
        """Make a page that says that a day was left out, to be tried again by the next harvest."""
        self.progress = replace(self.progress, owed=self.progress.owed | {day})
        self._token = None
        served = self.progress.served or day
        return Page(served, (), rejected=(Rejected(f"records of {day}", f"{reason}; it is tried again"),))


def _half(first: date, failing: date) -> _Span:
    """Give the first half, and at least one, of days that cannot be listed together."""
    days = max(1, ((failing - first).days + 1) // 2)
    return _Span(first, first + (days - 1) * DAY, days, failing)


def _fitted(span: _Span, identity: Identity) -> _Span:
    """Cut off the days before the server's first and after its today: some servers refuse them."""
    first, last = span.first, span.last
    if first and identity.earliest and first < identity.earliest:
        first = None
    if first and first > identity.served:
        first = identity.served
    if last and last > identity.served:
        last = None
    return replace(span, first=first, last=last)


def _joined(pages: list[Page]) -> Page:
    return Page(
        max(page.served for page in pages),
        tuple(header for page in pages for header in page.headers),
        tuple(paper for page in pages for paper in page.papers),
        tuple(bad for page in pages for bad in page.rejected),
    )
