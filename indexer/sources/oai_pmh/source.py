"""`oai-pmh:SET`: arXiv's own records in full, with history and licence, through the protocol made for mirrors.

https://info.arxiv.org/help/oa/index.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import requests

from indexer.papers import Completeness, ListingBatch, PaperBatch, PaperId, Window
from indexer.sources.oai_pmh.client import OaiClient
from indexer.sources.oai_pmh.cursor import Cursor, Progress
from indexer.sources.oai_pmh.harvest import IDENTIFIERS, RECORDS, Harvest
from indexer.sources.oai_pmh.records import IDENTIFIER, Page


class OaiPmh:
    """A `ListedSource` over the server at `base_url`: all that is in `set_spec` (`cs`, `cs:cs:AI`; None: everything).

    Increments begin a day before the last datestamp delivered. A `window` is of datestamps: with an end, it is a
    source of its own, with a cursor of its own; without, it is where the first harvest begins, or how far back
    this one reaches.
    """

    def __init__(
        self, name: str, base_url: str, session: requests.Session, *, set_spec: str | None, window: Window
    ) -> None:
        self._name = name
        self._set_spec = set_spec
        self._window = window
        self.remarks: list[str] = []
        self._client = OaiClient(base_url, session, self.remarks)

    @property
    def name(self) -> str:
        """The URL that opened the source, and its window where that has an end."""
        return f"{self._name}?{self._window}" if self._window.until else self._name

    def batches(self, cursor: str | None = None) -> Iterator[PaperBatch]:
        """Deliver what was changed since `cursor`, a page of the server's at a time, or all there is."""
        harvest = self._harvest(RECORDS, cursor, self._window)
        for page in harvest.pages():
            yield _batch(page, harvest.cursor.dump(), harvest.position)
        if harvest.closing:
            yield PaperBatch((), cursor=harvest.cursor.dump(), position=1.0)

    def identifiers(self, cursor: str | None = None) -> Iterator[ListingBatch]:
        """Deliver the list of the whole set, whatever the window, after `cursor` of an earlier batch of it."""
        harvest = self._harvest(IDENTIFIERS, cursor, Window())
        for page in harvest.pages():
            yield ListingBatch(page.listed, page.deleted, harvest.cursor.dump(), harvest.position)
        if harvest.closing:
            yield ListingBatch((), cursor=harvest.cursor.dump(), position=1.0)

    def records(self, paper_ids: Iterable[PaperId]) -> Iterator[PaperBatch]:
        """Deliver these papers, each in a batch of its own; those that the server does not have are `deleted`."""
        for paper_id in paper_ids:
            yield _batch(self._client.record(f"{IDENTIFIER}{paper_id}", paper_id), None, None)

    def _harvest(self, verb: str, cursor: str | None, window: Window) -> Harvest:
        before = Cursor.load(cursor)
        # In a window with an end, its beginning is where the first harvest begins and nothing more.
        since = None if window.until and before.served else window.since
        progress = Progress.start(before, since)
        return Harvest(self._client, verb, progress=progress, set_spec=self._set_spec, until=window.until)


def _batch(page: Page, cursor: str | None, position: float | None) -> PaperBatch:
    return PaperBatch(
        page.papers,
        page.rejected,
        cursor,
        position,
        listed=page.listed,
        deleted=page.deleted,
        completeness=Completeness.WHOLE,
    )
