"""A library in small that is kept from an OAI-PMH server, and what it is kept with."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

from indexer.papers import Paper, PaperBatch, PaperId, Window
from indexer.sources.oai_pmh.records import Page, read_answer, read_page
from indexer.sources.oai_pmh.source import OaiPmh
from indexer.sources.polite.pace import Pace
from indexer.sources.polite.session import PoliteSession
from indexer.sources.polite.state import State
from indexer.sources.xml import parse
from tests.fake_oai import FakeOai
from tests.oai_model import TODAY, OaiRecord

DAY = timedelta(days=1)
URL = "https://example.org/oai?verb=ListRecords"
ENVELOPE = (
    '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><responseDate>2026-08-20T23:59:59Z</responseDate>'
    '<request verb="ListRecords">https://example.org/oai</request>{}</OAI-PMH>'
)


def hasty_session(folder: Path) -> PoliteSession:
    """The true session, but that it waits for nothing and remembers nothing on the disk (10 ms a request)."""
    return PoliteSession(HastyPace("arxiv", 0, folder, sleep=lambda _: None, patience=1e9), block_on_403=True)


class HastyPace(Pace):
    """A pace without a memory."""

    def save(self, state: State) -> None:
        """Forget it."""


class Opened:
    """Opens the source on a fake server."""

    def __init__(self, fake: FakeOai, session: PoliteSession) -> None:
        self._fake = fake
        self._session = session

    def __call__(
        self, set_spec: str | None = None, since: date | None = None, until: date | None = None
    ) -> OaiPmh:
        return OaiPmh(
            "oai-pmh:", self._fake.url, self._session, set_spec=set_spec, window=Window(since, until)
        )


def fill(fake: FakeOai, *days: str) -> list[OaiRecord]:
    """Put records on these days of 2026 ("01-31"), their numbers in order."""
    records = [
        OaiRecord(f"2401.{number:05}", date.fromisoformat(f"2026-{day}"), title=f"Paper {number}")
        for number, day in enumerate(days, start=1)
    ]
    for record in records:
        fake.put(record)
    return records


def spread(fake: FakeOai, count: int, *, per_day: int = 4) -> list[OaiRecord]:
    """Put records on consecutive days up to yesterday."""
    first = TODAY - DAY * (count // per_day + 1)
    records = [
        OaiRecord(f"2401.{number:05}", first + DAY * (number // per_day), title=f"Paper {number}")
        for number in range(1, count + 1)
    ]
    for record in records:
        fake.put(record)
    return records


class Library:
    """What a library keeps of batches: papers by id, datestamps, the cursor."""

    def __init__(self) -> None:
        self.papers: dict[PaperId, Paper] = {}
        self.listed: dict[PaperId, date] = {}
        self.deleted: set[PaperId] = set()
        self.rejected: dict[str, str] = {}
        self.cursor: str | None = None

    def crawl(self, source: OaiPmh, *, most: int = 10_000) -> list[PaperBatch]:
        """Store what comes, but no more than `most` batches: then the process is killed."""
        seen: list[PaperBatch] = []
        reading = source.batches(self.cursor)
        while len(seen) < most and (batch := next(reading, None)) is not None:
            self.papers |= {paper.id: paper for paper in batch.papers}
            self.listed |= {listing.id: listing.datestamp for listing in batch.listed}
            self.deleted |= set(batch.deleted)
            self.rejected |= {bad.where: bad.reason for bad in batch.rejected}
            self.cursor = batch.cursor
            seen.append(batch)
        return seen

    @property
    def state(self) -> dict[str, object]:
        """The cursor, read."""
        state: dict[str, object] = json.loads(self.cursor or "{}")
        return state

    def kept(self, name: str) -> object:
        """One value of the cursor."""
        return self.state[name]


def a_page(*parts: str, verb: str = "ListRecords") -> Page:
    root = parse(ENVELOPE.format(f"<{verb}>{''.join(parts)}</{verb}>").encode(), URL)
    return read_page(read_answer(root, verb, URL), URL)


def the_paper(record: OaiRecord) -> Paper:
    page = a_page(record.xml)
    assert page.rejected == ()
    (paper,) = page.papers
    return paper


def papers_of(records: list[OaiRecord]) -> dict[PaperId, Paper]:
    return {PaperId(record.id): the_paper(record) for record in records if not record.deleted}


def asked(fake: FakeOai, verb: str = "ListRecords") -> list[str]:
    """Where lists began: the days asked for, "" for everything, "+" for a token."""
    return [
        "+" if "resumptionToken" in request else request.get("from", "")
        for request in fake.requests
        if request.get("verb") == verb
    ]
