"""Connections to the SQLite file: many readers, one writer, and how SQLite's errors read to people."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from indexer.errors import StoreError
from indexer.store import schema


class Connections(Protocol):
    """Where the reading side takes its connections from."""

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend the calling thread a connection that sees one moment of the store until the block ends."""
        ...

    def close(self) -> None:
        """Close all of them; twice is fine."""
        ...


@contextmanager
def speaking_of(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `StoreError`s that name `path` and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(_sentence(path, error)) from error
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{error.object[:60]!r} holds half a surrogate pair, which {path} cannot store; repair the source"
        ) from error


def _sentence(path: Path, error: sqlite3.Error) -> str:
    if path.is_dir():
        return f"{path} is a folder; name the file of a library, such as {path / 'paperkin.db'}"
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code
    known = {
        sqlite3.SQLITE_FULL: f"the disk is full: this step was not stored in {path}, everything before it"
        " was; free some space and run the command again",
        sqlite3.SQLITE_IOERR: f"{path} cannot be read or written (full or failing disk?): this step was not"
        " stored, everything before it was; see to the disk and run the command again",
        sqlite3.SQLITE_BUSY: f"{path} is locked by another program; try again when that has ended",
        sqlite3.SQLITE_READONLY: f"{path} cannot be written; check who owns the file and its folder",
        sqlite3.SQLITE_CANTOPEN: f"{path} cannot be opened; its folder must exist and be writable, for"
        " readers as well (SQLite keeps an index of its log there)",
        sqlite3.SQLITE_CORRUPT: f"{path} is damaged; restore it from a backup or crawl again",
        sqlite3.SQLITE_NOTADB: f"{path} is damaged; restore it from a backup or crawl again",
    }
    return known.get(code, f"SQLite failed on {path}: {error}")


class ReadConnections:
    """A pool of read-only connections to one library: as many as there are threads reading at once.

    They never checkpoint, which keeps the WAL-reset defect of SQLite before 3.51.3 out of reach: it needs two
    connections that do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """See `Connections`."""
        with speaking_of(self._path):
            connection = self._take()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                self._give_back(connection)

    def close(self) -> None:
        """Close the idle ones now, those in use when they are given back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._guard:
            if self._closed:
                raise StoreError(f"{self._path} was closed; open it again")
            if self._idle:
                return self._idle.pop()
        return _open_read_only(self._path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        with self._guard:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()


def _open_read_only(path: Path) -> sqlite3.Connection:
    if not path.exists():  # not left to SQLite, whose message for it is the one for every failure to open
        raise StoreError(f"no library at {path}; 'paperkin crawl SOURCE' makes one")
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        schema.require_current(connection, path)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        # 32 MB, taken as they are needed: SQLite's own 2 MB do not hold what one search reads.
        connection.execute("PRAGMA cache_size = -32768")
    except BaseException:
        connection.close()
        raise
    return connection


class WriterLock:
    """The right to write, held by one process at a time through a lock on `PATH.lock`.

    The lock belongs to the open file, so it goes when the process dies, however it dies; the file stays.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._acquire(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _acquire(self, path: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = (
                os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "of unknown number"
            )
            raise StoreError(
                f"{path} is being written by process {holder}; try again when that has ended"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let others write; twice is fine."""
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # also for copies that a forked child may hold
            os.close(self._descriptor)
            self._descriptor = -1


class WriteConnection:
    """The one connection that writes, and readers beside it.

    A thread that has the transaction open reads what it wrote; every other read sees what is committed.
    """

    def __init__(self, path: Path, *, finish: Callable[[sqlite3.Connection], None]) -> None:
        """`finish` does what a transaction left to its end."""
        self._path = path
        self._finish = finish
        self._guard = threading.Lock()
        self._owner: int | None = None
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = WriterLock(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}") from error
        try:
            with speaking_of(path):
                self._connection = _open_writing(path)
        except BaseException:
            self._lock.release()
            raise
        self._readers = ReadConnections(path)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """See `Connections`."""
        if self._owner == threading.get_ident():
            with speaking_of(self._path):
                self._finish(self._connection)
                yield self._connection
        else:
            with self._readers.reading() as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the writing connection, inside `transaction()` of the same thread only."""
        if self._owner != threading.get_ident():
            raise StoreError(f"{self._path} is written inside transaction() only")
        with speaking_of(self._path):
            yield self._connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; other threads wait for their turn, a transaction inside one is refused."""
        if self._owner == threading.get_ident():
            raise StoreError(f"a transaction on {self._path} is open already")
        with self._guard:
            self._refuse_if_closed()
            try:
                with speaking_of(self._path):
                    self._connection.execute("BEGIN IMMEDIATE")
                self._owner = threading.get_ident()
                yield
                with speaking_of(self._path):
                    self._finish(self._connection)
                    self._connection.execute("COMMIT")
            finally:
                self._owner = None
                if self._connection.in_transaction:
                    with speaking_of(self._path):
                        self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close readers first: the last connection to close moves the log into the file."""
        if self._owner == threading.get_ident():
            raise StoreError(f"{self._path} cannot be closed inside a transaction")
        self._readers.close()
        with self._guard:
            self._closed = True
            self._connection.close()
        self._lock.release()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError(f"{self._path} was closed; open it again")


def _open_writing(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        schema.found_version(connection, path)  # before anything is written to a file that is not ours
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = OFF")  # some builds have it on: full text frees many pages
        connection.execute("PRAGMA cache_size = -131072")  # 128 MB: the indexes that grow at random places
        connection.execute("PRAGMA journal_size_limit = 67108864")  # the log shrinks again after a large step
        connection.execute("PRAGMA wal_autocheckpoint = 16384")  # pages, 64 MB: fewer are written twice
        schema.migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection
