"""The schema's history: each step taken once, whole or not at all, and nothing lost on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from indexer.errors import SchemaError, StoreError
from indexer.papers import Author, ChangeKind, Citation, CitationChanges, Paper, Version
from indexer.store import schema
from indexer.store.sqlite import SqliteStore, open_reader, open_store
from indexer.tables import Filters, Seen
from tests.builders import NOW, a_paper, an_id, later
from tests.contracts.store_contract import PAIRS, SNAPSHOT, put
from tests.test_sqlite import sql

BY = "http://creativecommons.org/licenses/by/4.0/"

# The rows that the code of the first schema wrote for `a_paper(1)`, which cites the second, not held.
FIRST_ROWS = (
    "INSERT INTO ids VALUES (1, '2401.00001'), (2, '2401.00002')",
    "INSERT INTO licenses VALUES (1, 'http://creativecommons.org/licenses/by/4.0/')",
    "INSERT INTO categories VALUES (1, 'cs.DL'), (2, 'cs.IR')",
    """INSERT INTO sources VALUES (1, 'snapshot:test', 'papers', '2026-08-20T12:00:00+00:00', '17'),
        (2, 'citations:test', 'citations', '2026-08-20T12:00:00+00:00', NULL)""",
    """INSERT INTO papers VALUES (1, 202401, 738900, 0, 1, 1, 109,
        x'8b646344b83013252c945ff4421eccfa7393bb49ff6a01bcd272f11e9cf6cfcb', x'0b2c0c8994e615ed75ff4d14dfb72be8', 1,
        '2026-08-20T12:00:00+00:00')""",
    """INSERT INTO texts (key, title, abstract) VALUES (1, 'On the kinship of papers, part 1',
        'We study kinship number 1. We propose a method. Results show that it works.')""",
    "INSERT INTO versions VALUES (1, 1, 1705276800000000)",
    "INSERT INTO authors VALUES (1, 0, 'Curie', 'Marie', ''), (1, 1, 'Noether', 'Emmy', '')",
    "INSERT INTO paper_categories VALUES (1, 0, 1), (1, 1, 2)",
    "INSERT INTO citations VALUES (1, 2, 2, 739848, 739848)",
    "UPDATE counters SET revision = 1, citation_revision = 1, papers = 1, citations = 1",
    "INSERT INTO fulltext (fulltext) VALUES ('rebuild')",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = open_store(path)
    yield store
    store.close()


class TestTheFirstSchema:
    @pytest.fixture
    def first(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A library as the first schema left it."""
        with monkeypatch.context() as patch:
            patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                schema.migrate(connection, path)
                for statement in FIRST_ROWS:
                    connection.execute(statement)
        assert sql(path, "PRAGMA user_version") == [(1,)]
        return path

    def test_its_statements_are_never_edited(self) -> None:
        digest = sha256("\n".join(schema._FIRST).encode()).hexdigest()
        assert digest == "74e304e28427ba02fad76d37534839cc3045d13724debd838873bb0dab681506"

    def test_a_reader_is_told_and_changes_nothing(self, first: Path) -> None:
        with pytest.raises(
            SchemaError, match="schema 1, older than 2; 'paperkin update' brings it up to date"
        ):
            open_reader(first)
        assert sql(first, "PRAGMA user_version") == [(1,)]

    def test_all_that_it_held_is_there(self, first: Path) -> None:
        with closing(open_store(first)) as store:
            assert store.paper(an_id(1)) == a_paper(1)
            status = store.status()
            assert (status.papers, status.citations, status.papers_with_references) == (1, 1, 1)
            assert (status.withdrawn, status.vanished) == (0, 0)
            assert [(one.name, one.quarantined, one.reconciled) for one in status.sources] == [
                (SNAPSHOT, 0, None), (PAIRS, 0, None),
            ]  # fmt: skip
            assert store.cursor(SNAPSHOT) == "17"
            assert store.provenance(an_id(1), an_id(2)) == [Seen(PAIRS, NOW.date(), NOW.date(), None)]
            assert (store.edges().citing.tolist(), store.edges().cited.tolist()) == ([1], [2])
            assert store.coverage().covered.tolist() == [1]
            assert store.search(["kinship", "curie"], Filters(open_license=True)).keys.tolist() == [1]
        with closing(open_reader(first)) as reader:
            assert reader.paper(an_id(1)) == a_paper(1)

    def test_it_goes_on_where_it_was(self, first: Path) -> None:
        with closing(open_store(first)) as store:
            before = sql(first, "SELECT * FROM papers")
            assert put(store, a_paper(1)) == [ChangeKind.UNCHANGED]
            assert sql(first, "SELECT * FROM papers") == before
            told = a_paper(1, versions=(Version(1, datetime(2024, 1, 15, tzinfo=UTC), BY),))
            assert put(store, told, told) == [ChangeKind.METADATA, ChangeKind.UNCHANGED]
            assert store.paper(an_id(1)) == told
            with store.transaction():
                changes = store.put_citations(
                    [Citation(an_id(1), an_id(3))], PAIRS, later(1), answered=[an_id(1)]
                )
            assert changes == CitationChanges(new=1, gone=1)
            assert store.status().citations == 1
        assert sql(first, "PRAGMA integrity_check") == [("ok",)]
        assert sql(first, "PRAGMA foreign_key_check") == []

    def test_it_ends_as_a_library_made_now(self, first: Path, tmp_path: Path) -> None:
        made_now = tmp_path / "now.db"
        for one in (first, made_now):
            open_store(one).close()
        statement = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
        assert sql(first, statement) == sql(made_now, statement)


class TestMigrations:
    @pytest.fixture
    def old(self, path: Path) -> Path:
        store = open_store(path)
        put(store, a_paper(1))
        store.close()
        return path

    def test_each_step_is_taken_once_and_keeps_the_papers(
        self, old: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps = (
            *schema.MIGRATIONS,
            lambda connection: connection.execute("ALTER TABLE papers ADD COLUMN mark TEXT"),
        )
        monkeypatch.setattr(schema, "MIGRATIONS", steps)
        with pytest.raises(
            SchemaError, match=f"schema {len(steps) - 1}, older than {len(steps)}; 'paperkin update'"
        ):
            open_reader(old)
        for _ in range(2):
            store = open_store(old)
            assert store.paper(an_id(1)) == a_paper(1)
            assert put(store, a_paper(2), a_paper(1)) != []
            store.close()
        assert sql(old, "PRAGMA user_version") == [(len(steps),)]
        open_reader(old).close()

    @pytest.mark.parametrize(
        ("statement", "message"),
        [
            (
                "DELETE FROM ids",
                f"migration {len(schema.MIGRATIONS) + 1} left rows of papers without their ids",
            ),
            ("DROP TABLE nowhere", "nowhere"),
        ],
    )
    def test_a_step_that_fails_changes_nothing(
        self, old: Path, monkeypatch: pytest.MonkeyPatch, statement: str, message: str
    ) -> None:
        def step(connection: sqlite3.Connection) -> None:
            connection.execute("DROP TABLE vectors")
            connection.execute(statement)

        with monkeypatch.context() as patch:
            patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
            with pytest.raises(StoreError, match=message):
                open_store(old)
        store = open_store(old)
        assert store.paper(an_id(1)) == a_paper(1)
        assert len(store.pending("model")) == 1
        store.close()

    def test_the_full_text_can_be_checked_and_built_anew(self, path: Path, store: SqliteStore) -> None:
        crowd = (
            Author("Curie", "Marie"),
            Author("LIGO"),
            Author("King", "Martin Luther", "Jr."),
            Author("", "X"),
        )
        put(store, a_paper(1, authors=crowd), a_paper(2, authors=()), Paper(an_id(3)))
        put(store, a_paper(1, title="Other", authors=crowd[::-1]))
        before = store.search(["king", "marie", "papers"])
        store.close()
        sql(path, "INSERT INTO fulltext (fulltext, rank) VALUES ('integrity-check', 1)")
        sql(path, "INSERT INTO fulltext (fulltext) VALUES ('rebuild')")
        reader = open_reader(path)
        after = reader.search(["king", "marie", "papers"])
        assert (after.keys.tolist(), after.scores.tolist()) == (before.keys.tolist(), before.scores.tolist())
        reader.close()
