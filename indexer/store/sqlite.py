"""The library in one SQLite file: what `ports.PaperReader` and `ports.PaperStore` promise, on `PATH`.

Beside the file lie `PATH-wal` and `PATH-shm` (SQLite's log) while it is open, and `PATH.lock` (who writes).
"""

# ruff: noqa: D102  # the Protocols in indexer.ports document these methods; a second text would only drift

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.papers import (
    Announcement,
    Change,
    Citation,
    CitationChanges,
    Completeness,
    Listing,
    Paper,
    PaperId,
    Rejected,
)
from indexer.store import (
    announcements,
    arrays,
    fulltext,
    listing,
    quarantine,
    reading,
    referencing,
    writing,
)
from indexer.store.connections import Connections, ReadConnections, WriteConnection
from indexer.tables import (
    Asked,
    Coverage,
    Edges,
    Filters,
    Gaps,
    Hits,
    Keys,
    PaperTable,
    PendingText,
    Reconciliation,
    Seen,
    StoreStatus,
    Vectors,
)

_NO_HITS = Hits(np.empty(0, np.int64), np.empty(0, np.float32))


def open_reader(path: Path) -> SqliteReader:
    """Open a library for reading; `StoreError` if there is none, `SchemaError` for another schema."""
    connections = ReadConnections(path)
    with connections.reading():  # what is wrong with the file is said now
        return SqliteReader(connections)


def open_store(path: Path) -> SqliteStore:
    """Open a library for writing, made if there is none; `StoreError` while another process writes."""
    return SqliteStore(WriteConnection(path, finish=fulltext.catch_up))


class SqliteReader:
    """A `PaperReader` on one SQLite file; see there for what each method promises."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def status(self) -> StoreStatus:
        with self._connections.reading() as connection:
            return reading.load_status(connection)

    def paper(self, paper_id: PaperId) -> Paper | None:
        with self._connections.reading() as connection:
            keys = reading.load_keys(connection, [paper_id])
            return next(iter(reading.load_papers(connection, keys.values()).values()), None)

    def papers(self, keys: Iterable[int]) -> dict[int, Paper]:
        with self._connections.reading() as connection:
            return reading.load_papers(connection, keys)

    def titles(self, keys: Iterable[int]) -> dict[int, tuple[PaperId, str]]:
        with self._connections.reading() as connection:
            return reading.load_titles(connection, keys)

    def all_papers(self) -> Iterator[tuple[int, Paper]]:
        """Page by page: a reader that stays on one moment for hours would keep the log from being emptied."""
        page: dict[int, Paper] = {}
        while True:
            with self._connections.reading() as connection:
                page = reading.load_page(connection, after=max(page, default=0))
            if not page:
                return
            yield from page.items()

    def keys(self, paper_ids: Iterable[PaperId]) -> dict[PaperId, int]:
        with self._connections.reading() as connection:
            return reading.load_keys(connection, paper_ids)

    def ids(self, keys: Iterable[int]) -> dict[int, PaperId]:
        with self._connections.reading() as connection:
            return reading.load_ids(connection, keys)

    def nearest_ids(self, text: str, limit: int = 3) -> list[PaperId]:
        with self._connections.reading() as connection:
            return reading.nearest_ids(connection, text, limit)

    def search(
        self,
        words: Sequence[str],
        filters: Filters | None = None,
        *,
        limit: int = 20,
        offset: int = 0,
        every_word: bool = False,
    ) -> Hits:
        query = fulltext.match_query(words, every_word=every_word)
        if query is None:
            return _NO_HITS
        with self._connections.reading() as connection:
            return fulltext.search(connection, query, filters or Filters(), limit=limit, offset=offset)

    def count_matches(
        self, words: Sequence[str], filters: Filters | None = None, *, every_word: bool = False
    ) -> int:
        query = fulltext.match_query(words, every_word=every_word)
        if query is None:
            return 0
        with self._connections.reading() as connection:
            return fulltext.count_matches(connection, query, filters or Filters())

    def passing(self, keys: Keys, filters: Filters) -> npt.NDArray[np.bool_]:
        with self._connections.reading() as connection:
            return fulltext.passing(connection, keys, filters)

    def table(self) -> PaperTable:
        with self._connections.reading() as connection:
            return arrays.load_table(connection)

    def edges(self) -> Edges:
        with self._connections.reading() as connection:
            return referencing.load_edges(connection)

    def pending(self, fingerprint: str, *, limit: int | None = None) -> list[PendingText]:
        with self._connections.reading() as connection:
            return arrays.load_pending(connection, fingerprint, limit)

    def vectors(self, fingerprint: str) -> tuple[Keys, Vectors]:
        with self._connections.reading() as connection:
            return arrays.load_vectors(connection, fingerprint)

    def vector(self, fingerprint: str, key: int) -> Vectors | None:
        with self._connections.reading() as connection:
            return arrays.load_vector(connection, fingerprint, key)

    def cursor(self, source: str) -> str | None:
        with self._connections.reading() as connection:
            return reading.load_cursor(connection, source)

    def quarantined(self, source: str, *, limit: int = 100) -> list[Rejected]:
        with self._connections.reading() as connection:
            return quarantine.load_quarantined(connection, source, limit)

    def announced(self, since: date, until: date) -> list[Announcement]:
        with self._connections.reading() as connection:
            return announcements.load_announced(connection, since, until)

    def unharvested(self, since: date) -> list[PaperId]:
        with self._connections.reading() as connection:
            return announcements.load_unharvested(connection, since)

    def asked(self, source: str) -> Asked:
        with self._connections.reading() as connection:
            return referencing.load_asked(connection, source)

    def provenance(self, citing: PaperId, cited: PaperId) -> list[Seen]:
        with self._connections.reading() as connection:
            return referencing.load_provenance(connection, citing, cited)

    def coverage(self) -> Coverage:
        with self._connections.reading() as connection:
            return referencing.load_coverage(connection)

    def reconciliation(self, source: str) -> Reconciliation | None:
        with self._connections.reading() as connection:
            return listing.load_reconciliation(connection, source)

    def gaps(self, source: str) -> Gaps:
        with self._connections.reading() as connection:
            return listing.load_gaps(connection, source)

    def close(self) -> None:
        self._connections.close()


class SqliteStore(SqliteReader):
    """A `PaperStore` on one SQLite file; transactions of several threads take turns."""

    def __init__(self, connection: WriteConnection) -> None:
        super().__init__(connection)
        self._writer = connection

    def transaction(self) -> AbstractContextManager[None]:
        return self._writer.transaction()

    def put_papers(
        self,
        papers: Sequence[Paper],
        source: str,
        now: datetime,
        *,
        completeness: Completeness = Completeness.PARTIAL,
    ) -> list[Change]:
        with self._writer.writing() as connection:
            return writing.put_papers(connection, papers, source, now, completeness=completeness)

    def put_vanished(self, paper_ids: Sequence[PaperId], source: str, now: datetime) -> list[PaperId]:
        with self._writer.writing() as connection:
            return listing.put_vanished(connection, paper_ids, source, now)

    def put_delivered(self, listed: Sequence[Listing], source: str) -> None:
        with self._writer.writing() as connection:
            listing.put_delivered(connection, listed, source)

    def put_listed(self, listed: Sequence[Listing], source: str, in_round: int) -> None:
        with self._writer.writing() as connection:
            listing.put_listed(connection, listed, source, in_round)

    def put_reconciliation(self, source: str, reconciliation: Reconciliation) -> None:
        with self._writer.writing() as connection:
            listing.put_reconciliation(connection, source, reconciliation)

    def put_quarantined(self, rejected: Sequence[Rejected], source: str, now: datetime) -> None:
        with self._writer.writing() as connection:
            quarantine.put_quarantined(connection, rejected, source, now)

    def put_announced(self, announced: Sequence[Announcement], now: datetime) -> int:
        with self._writer.writing() as connection:
            return announcements.put_announced(connection, announced, now)

    def put_citations(
        self,
        citations: Sequence[Citation],
        source: str,
        now: datetime,
        *,
        answered: Sequence[PaperId] = (),
        unknown: Sequence[PaperId] = (),
    ) -> CitationChanges:
        with self._writer.writing() as connection:
            return referencing.put_citations(
                connection, citations, source, now, answered=answered, unknown=unknown
            )

    def put_vectors(self, fingerprint: str, texts: Sequence[PendingText], vectors: Vectors) -> None:
        with self._writer.writing() as connection:
            writing.put_vectors(connection, fingerprint, texts, vectors)

    def put_cursor(self, source: str, kind: str, cursor: str | None, now: datetime) -> None:
        with self._writer.writing() as connection:
            writing.put_cursor(connection, source, kind=kind, cursor=cursor, now=now)
