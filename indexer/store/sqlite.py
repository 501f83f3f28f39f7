"""The library in one SQLite file: what `ports.PaperReader` and `ports.PaperStore` promise, on `PATH`.

Beside the file lie `PATH-wal` and `PATH-shm` (SQLite's log) while it is open, and `PATH.lock` (who writes).
"""

# ruff: noqa: D102  # the Protocols in indexer.ports document these methods; a second text would only drift

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.papers import Change, Citation, Paper, PaperId
from indexer.ports import (
    Edges,
    Filters,
    Hits,
    Keys,
    PaperTable,
    PendingText,
    StoreStatus,
    Vectors,
)
from indexer.store import arrays, fulltext, reading, writing
from indexer.store.connections import Connections, ReadConnections, WriteConnection

_NO_HITS = Hits(np.empty(0, np.int64), np.empty(0, np.float32))


def open_reader(path: Path) -> SqliteReader:
    """Open a library for reading; `StoreError` if there is none, `SchemaError` for another schema."""
    connections = ReadConnections(path)
    with connections.reading():  # what is wrong with the file is said now
        return SqliteReader(connections)


def open_store(path: Path) -> SqliteStore:
    """Open a library for writing, made if there is none; `StoreError` while another process writes."""
    return SqliteStore(WriteConnection(path))


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
            return arrays.load_edges(connection)

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

    def close(self) -> None:
        self._connections.close()


class SqliteStore(SqliteReader):
    """A `PaperStore` on one SQLite file; transactions of several threads take turns."""

    def __init__(self, connection: WriteConnection) -> None:
        super().__init__(connection)
        self._writer = connection

    def transaction(self) -> AbstractContextManager[None]:
        return self._writer.transaction()

    def put_papers(self, papers: Sequence[Paper], source: str, now: datetime) -> list[Change]:
        with self._writer.writing() as connection:
            return writing.put_papers(connection, papers, source, now)

    def put_citations(self, citations: Sequence[Citation], source: str, now: datetime) -> int:
        with self._writer.writing() as connection:
            return writing.put_citations(connection, citations, source, now)

    def put_vectors(self, fingerprint: str, texts: Sequence[PendingText], vectors: Vectors) -> None:
        with self._writer.writing() as connection:
            writing.put_vectors(connection, fingerprint, texts, vectors)

    def put_cursor(self, source: str, kind: str, cursor: str | None, now: datetime) -> None:
        with self._writer.writing() as connection:
            writing.put_cursor(connection, source, kind=kind, cursor=cursor, now=now)
