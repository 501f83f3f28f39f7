"""The contract on SQLite, and what is SQLite's own: files, locks, full disks, kills."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import SchemaError, StoreError
from indexer.papers import Paper
from indexer.store import schema
from indexer.store.sqlite import SqliteReader, SqliteStore, open_reader, open_store
from indexer.tables import Filters
from tests.builders import a_paper, an_id, unit_vectors
from tests.contracts import (
    listing_contract,
    references_contract,
    search_contract,
    store_contract,
    transactions_contract,
    vectors_contract,
    versions_contract,
)
from tests.contracts.store_contract import SNAPSHOT, put

ROOT = Path(__file__).parent.parent
Opening = Callable[[Path], SqliteReader]


@dataclass(frozen=True)
class SqliteLibrary:
    path: Path

    def open_store(self) -> SqliteStore:
        return open_store(self.path)

    def open_reader(self) -> SqliteReader:
        return open_reader(self.path)


class OnSqlite:
    @pytest.fixture
    def library(self, tmp_path: Path) -> SqliteLibrary:
        return SqliteLibrary(tmp_path / "library.db")


class TestPapers(OnSqlite, store_contract.PapersContract):
    pass


class TestCitations(OnSqlite, store_contract.CitationsContract):
    pass


class TestVersions(OnSqlite, versions_contract.VersionsContract):
    pass


class TestHints(OnSqlite, versions_contract.HintsContract):
    pass


class TestVanished(OnSqlite, listing_contract.VanishedContract):
    pass


class TestRounds(OnSqlite, listing_contract.RoundsContract):
    pass


class TestQuarantine(OnSqlite, listing_contract.QuarantineContract):
    pass


class TestAnnouncements(OnSqlite, listing_contract.AnnouncementsContract):
    pass


class TestUnharvested(OnSqlite, listing_contract.UnharvestedContract):
    pass


class TestReferences(OnSqlite, references_contract.ReferencesContract):
    pass


class TestMerging(OnSqlite, references_contract.MergingContract):
    pass


class TestVectors(OnSqlite, vectors_contract.VectorsContract):
    pass


class TestTransactions(OnSqlite, transactions_contract.TransactionsContract):
    pass


class TestSearch(OnSqlite, search_contract.SearchContract):
    pass


class TestFilters(OnSqlite, search_contract.FiltersContract):
    pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = open_store(path)
    yield store
    store.close()


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(  # noqa: S603  # our own interpreter runs our own lines
        command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


def sql(path: Path, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


class TestOpening:
    def test_a_new_library_gets_its_folders_and_marks(self, tmp_path: Path) -> None:
        path = tmp_path / "one" / "two" / "my library?#%.db"
        open_store(path).close()
        assert sql(path, "PRAGMA application_id") == [(schema.APPLICATION_ID,)]
        assert sql(path, "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
        assert sorted(found.name for found in path.parent.iterdir()) == [path.name, path.name + ".lock"]
        reader = open_reader(path)
        assert reader.status().papers == 0
        reader.close()

    def test_a_missing_library_is_not_made_by_a_reader(self, path: Path) -> None:
        with pytest.raises(StoreError, match=f"no library at {path}; 'paperkin crawl SOURCE' makes one"):
            open_reader(path)
        assert not path.exists()

    @pytest.mark.parametrize("opening", [open_reader, open_store])
    def test_a_newer_schema_is_refused_with_both_numbers(self, path: Path, opening: Opening) -> None:
        open_store(path).close()
        known = len(schema.MIGRATIONS)
        sql(path, f"PRAGMA user_version = {known + 3}")
        with pytest.raises(SchemaError, match=f"schema {known + 3}, newer than {known}"):
            opening(path)
        assert sql(path, "PRAGMA user_version") == [(known + 3,)]

    @pytest.mark.parametrize("opening", [open_reader, open_store])
    @pytest.mark.parametrize("kind", ["text", "database", "application"])
    def test_a_file_that_is_no_library_is_refused_and_left_alone(
        self, path: Path, kind: str, opening: Opening
    ) -> None:
        if kind == "text":
            path.write_text("Dear diary, " * 1000)
        elif kind == "database":
            sql(path, "CREATE TABLE diary (day)")
        else:
            sql(path, "PRAGMA application_id = 1")
        before = path.read_bytes()
        with pytest.raises(SchemaError, match=f"{path} is no paperkin library"):
            opening(path)
        assert path.read_bytes() == before

    def test_a_folder_is_no_library_and_told_so(self, tmp_path: Path) -> None:
        for opening in (open_reader, open_store):
            with pytest.raises(StoreError, match=f"{tmp_path} is a folder; name the file"):
                opening(tmp_path)

    def test_a_file_in_the_way_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="cannot be written"):
            open_store(tmp_path / "file" / "library.db")

    def test_an_empty_file_becomes_a_library(self, path: Path) -> None:
        path.touch()
        with pytest.raises(StoreError, match="no library at"):
            open_reader(path)
        open_store(path).close()
        open_reader(path).close()

    def test_damage_is_named(self, path: Path) -> None:
        store = open_store(path)
        put(store, *(a_paper(number) for number in range(1, 300)))
        store.close()
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(path.stat().st_size - 4096))
        with (
            pytest.raises(StoreError, match=f"{path} is damaged; restore it"),
            closing(open_reader(path)) as reader,
        ):
            reader.table()


WRITE_AND_WAIT = """
    import sys
    from pathlib import Path
    from indexer.store.sqlite import open_store
    from tests.builders import NOW, a_paper
    store = open_store(Path(sys.argv[1]))
    with store.transaction():
        store.put_papers([a_paper(number) for number in range(1, 11)], "snapshot:test", NOW)
        store.put_cursor("snapshot:test", "papers", "10", NOW)
    with store.transaction():
        store.put_papers([a_paper(number) for number in range(11, 3000)], "snapshot:test", NOW)
        store.put_cursor("snapshot:test", "papers", "2999", NOW)
        print("ready", flush=True)
        sys.stdin.read()
"""
FILL_THE_DISK = """
    import resource, sys
    from pathlib import Path
    from indexer.errors import StoreError
    from indexer.store.sqlite import open_store
    from tests.builders import NOW, a_paper
    path = Path(sys.argv[1])
    store = open_store(path)
    with store.transaction():
        store.put_papers([a_paper(1)], "snapshot:test", NOW)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with store.transaction():
            store.put_papers([a_paper(number) for number in range(1, 3000)], "snapshot:test", NOW)
            store.put_cursor("snapshot:test", "papers", "2999", NOW)
    except StoreError as error:
        print(error)
    print(store.status().papers, store.cursor("snapshot:test"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    with store.transaction():
        store.put_papers([a_paper(2)], "snapshot:test", NOW)
    print(store.status().papers)
    store.close()
"""


class TestFailures:
    def test_a_second_writer_hears_who_the_first_is(self, path: Path) -> None:
        with run_python(WRITE_AND_WAIT, path) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            with pytest.raises(StoreError, match=f"{path} is being written by process {writer.pid};"):
                open_store(path)
            reader = open_reader(path)
            assert reader.status().papers == 10
            writer.send_signal(signal.SIGKILL)
        reader.close()

    def test_killed_in_a_transaction(self, path: Path) -> None:
        with run_python(WRITE_AND_WAIT, path) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
        reader = open_reader(path)
        assert (reader.status().papers, reader.cursor(SNAPSHOT)) == (10, "10")
        reader.close()
        store = open_store(path)
        assert (store.status().papers, store.cursor(SNAPSHOT)) == (10, "10")
        put(store, *(a_paper(number) for number in range(1, 31)))
        assert store.status().papers == store.status().revision == 30
        store.close()
        assert sql(path, "PRAGMA integrity_check") == [("ok",)]

    def test_a_disk_that_fills_up(self, path: Path) -> None:
        with run_python(FILL_THE_DISK, path) as writer:
            output, _ = writer.communicate()
        lines = output.splitlines()
        assert lines[0].startswith(
            f"{path} cannot be read or written (full or failing disk?): this step was not"
        )
        assert lines[1:] == ["1 None", "2"]
        assert sql(path, "PRAGMA integrity_check") == [("ok",)]

    def test_a_database_that_may_not_grow(self, store: SqliteStore) -> None:
        put(store, a_paper(1))
        allow_pages(store, 60)
        with pytest.raises(
            StoreError, match=r"the disk is full: this step was not stored .* free some space"
        ):
            put(store, *(a_paper(number) for number in range(1, 3000)))
        assert store.status().papers == 1
        allow_pages(store, 100_000)
        put(store, a_paper(2))
        assert store.status().papers == 2

    def test_a_reader_changes_no_byte(self, path: Path) -> None:
        with run_python(WRITE_AND_WAIT, path) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)  # leaves a log that a writer would move into the file
        log = path.with_name(path.name + "-wal")
        before = sha256(path.read_bytes()).digest(), sha256(log.read_bytes()).digest()
        reader = open_reader(path)
        assert reader.status().papers == len(list(reader.all_papers())) == 10
        with reader._connections.reading() as connection, pytest.raises(sqlite3.OperationalError):
            connection.execute("DELETE FROM papers")
        reader.close()
        assert (sha256(path.read_bytes()).digest(), sha256(log.read_bytes()).digest()) == before

    def test_connections_follow_the_threads_that_read_at_once(self, path: Path) -> None:
        open_store(path).close()
        reader = open_reader(path)
        for _ in range(50):
            reader.status()
        with reader._connections.reading(), reader._connections.reading():
            pass
        assert len(reader._connections._idle) == 2  # type: ignore[attr-defined]  # the pool itself is looked at
        reader.close()

    def test_storing_again_writes_nothing(self, path: Path, store: SqliteStore) -> None:
        papers = [a_paper(number) for number in range(1, 50)]
        put(store, *papers)
        store_contract.cite(store, (an_id(1), an_id(2)))
        before = sql(path, "PRAGMA data_version"), dump(path)
        put(store, *papers, Paper(an_id(1)))
        store_contract.cite(store, (an_id(1), an_id(2)))
        assert (sql(path, "PRAGMA data_version"), dump(path)) == before


def allow_pages(store: SqliteStore, number: int) -> None:
    with store.transaction(), store._writer.writing() as connection:
        connection.execute(f"PRAGMA max_page_count = {number}")


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines


class TestMuchData:
    def test_vectors_of_several_blocks(self, store: SqliteStore) -> None:
        put(store, *(a_paper(number, abstract="x" * (number % 50)) for number in range(1, 9001)))
        texts = store.pending("model")
        vectors = unit_vectors(len(texts), 3)
        with store.transaction():
            store.put_vectors("model", texts, vectors)
        keys, stored = store.vectors("model")
        assert np.array_equal(stored, vectors[np.argsort([text.key for text in texts])])
        assert store.passing(np.concatenate([keys, keys + 9000, keys]), Filters()).sum() == 18_000
        assert store.pending("model", limit=5) == []
        assert store.pending("other", limit=5) == texts[:5]
