"""The schema of the SQLite library and its history, one migration after the other.

`PRAGMA user_version` holds the number of the last migration, `PRAGMA application_id` tells our files from
other databases. A migration that has been released is never edited; a change is a new one at the end.

The row of a paper is split in two: `papers` has what filters and whole-library work read and stays narrow
(about 100 bytes), `texts` has the prose (about 1.5 kB). Scanning or probing `papers` so touches a fifteenth
of the pages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from indexer.errors import SchemaError, StoreError

APPLICATION_ID = 0x504B494E  # "PKIN"

_FIRST = (
    "CREATE TABLE ids (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT",
    """CREATE TABLE sources (
        source_key INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL CHECK (kind IN ('papers', 'citations')),
        last_read TEXT NOT NULL,  -- ISO 8601, UTC
        cursor TEXT
    ) STRICT""",
    "CREATE TABLE licenses (license_key INTEGER PRIMARY KEY, uri TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE categories (category_key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
    """CREATE TABLE papers (
        key INTEGER PRIMARY KEY REFERENCES ids,
        month INTEGER NOT NULL,        -- of the id, YYYYMM
        day INTEGER NOT NULL,          -- of version 1, proleptic ordinal
        withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
        license_key INTEGER REFERENCES licenses,
        revision INTEGER NOT NULL,     -- at which the text last changed
        text_length INTEGER NOT NULL,  -- characters
        text_hash BLOB NOT NULL,       -- sha256 of the embedded text
        record_hash BLOB NOT NULL,     -- of everything known, to see at once that a record is not new
        source_key INTEGER NOT NULL REFERENCES sources,  -- which last changed it
        changed TEXT NOT NULL          -- when, ISO 8601, UTC
    ) STRICT""",
    """CREATE TABLE texts (
        key INTEGER PRIMARY KEY REFERENCES papers,
        title TEXT NOT NULL,
        abstract TEXT NOT NULL,
        comments TEXT, journal_ref TEXT, doi TEXT, report_no TEXT, submitter TEXT
    ) STRICT""",
    """CREATE TABLE versions (
        key INTEGER NOT NULL REFERENCES papers,
        number INTEGER NOT NULL,
        created INTEGER,  -- microseconds since 1970, UTC
        PRIMARY KEY (key, number)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE authors (
        key INTEGER NOT NULL REFERENCES papers,
        position INTEGER NOT NULL,
        keyname TEXT NOT NULL, forenames TEXT NOT NULL, suffix TEXT NOT NULL,
        PRIMARY KEY (key, position)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE paper_categories (
        key INTEGER NOT NULL REFERENCES papers,
        position INTEGER NOT NULL,  -- 0 is the primary category
        category_key INTEGER NOT NULL REFERENCES categories,
        PRIMARY KEY (key, position)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE citations (
        citing INTEGER NOT NULL REFERENCES ids,
        cited INTEGER NOT NULL REFERENCES ids,
        source_key INTEGER NOT NULL REFERENCES sources,
        first_seen INTEGER NOT NULL,  -- days, proleptic ordinals
        last_seen INTEGER NOT NULL,
        PRIMARY KEY (citing, cited, source_key)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX citations_by_cited ON citations (cited)",
    """CREATE TABLE fingerprints (
        fingerprint_key INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL UNIQUE,
        width INTEGER NOT NULL
    ) STRICT""",
    # A rowid table and an index beside it: which vectors there are is answered from the index alone, without
    # the 1.5 kB of each vector.
    """CREATE TABLE vectors (
        vector_key INTEGER PRIMARY KEY,
        fingerprint_key INTEGER NOT NULL REFERENCES fingerprints,
        key INTEGER NOT NULL REFERENCES papers,
        text_hash BLOB NOT NULL,
        vector BLOB NOT NULL,  -- float32, little endian
        UNIQUE (fingerprint_key, key, text_hash)
    ) STRICT""",
    """CREATE TABLE counters (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        revision INTEGER NOT NULL DEFAULT 0,
        citation_revision INTEGER NOT NULL DEFAULT 0,
        papers INTEGER NOT NULL DEFAULT 0,
        citations INTEGER NOT NULL DEFAULT 0      -- pairs, each once
    ) STRICT""",
    "INSERT INTO counters (one) VALUES (1)",
    # What the full text is made of: needed to build it anew and to check it.
    """CREATE VIEW fulltext_content AS
    SELECT t.key, t.title, t.abstract, coalesce(
        (SELECT group_concat(name, '; ') FROM (
            SELECT trim(trim(a.forenames || ' ' || a.keyname) || ' ' || a.suffix) AS name
            FROM authors AS a WHERE a.key = t.key ORDER BY a.position
        )), '') AS authors
    FROM texts AS t""",
    """CREATE VIRTUAL TABLE fulltext USING fts5 (
        title, abstract, authors,
        content = 'fulltext_content', content_rowid = 'key',
        tokenize = 'porter unicode61 remove_diacritics 2'
    )""",
    # FTS5 writes a segment for each megabyte by default; one for each batch of 1,000 papers saves a fifth.
    "INSERT INTO fulltext (fulltext, rank) VALUES ('hashsize', 33554432)",
)

# What keeping a mirror complete needs. Everything is told by a source, most of it for papers not held yet: it
# lies beside `papers`, which stays as narrow as it was.
_SECOND = (
    # Merging eight segments of the full text at a time instead of four: a seventh less of it at 500,000 papers.
    "INSERT INTO fulltext (fulltext, rank) VALUES ('automerge', 8)",
    # Papers written by the open transaction that the full text has yet to take in, at its end.
    "CREATE TABLE unindexed (key INTEGER PRIMARY KEY REFERENCES ids) STRICT",
    "ALTER TABLE versions ADD COLUMN license_key INTEGER REFERENCES licenses",
    "ALTER TABLE versions ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1))",
    "ALTER TABLE citations ADD COLUMN gone INTEGER",  # day on which the source first no longer gave it, or NULL
    "ALTER TABLE sources ADD COLUMN since INTEGER",  # the earliest datestamp that it ever delivered, a day
    """CREATE TABLE vanished (
        key INTEGER PRIMARY KEY REFERENCES papers,
        source_key INTEGER NOT NULL REFERENCES sources,  -- which said so, and may take it back
        day INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE listings (
        source_key INTEGER NOT NULL REFERENCES sources,
        key INTEGER NOT NULL REFERENCES ids,
        delivered INTEGER,  -- the source's datestamp of the record that it delivered, a day
        listed INTEGER,     -- the datestamp in its list
        round INTEGER,      -- the last one in or after which it was said to be there
        PRIMARY KEY (source_key, key)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE reconciliations (
        source_key INTEGER NOT NULL REFERENCES sources,
        round INTEGER NOT NULL,
        cursor TEXT,
        started TEXT NOT NULL,  -- ISO 8601, UTC
        listed TEXT,            -- when its list was whole
        finished TEXT,          -- NULL while under way
        PRIMARY KEY (source_key, round)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE quarantine (
        quarantine_key INTEGER PRIMARY KEY,
        source_key INTEGER NOT NULL REFERENCES sources,
        place TEXT NOT NULL,
        id TEXT,  -- of the paper, where the record told that much; one never met gets no key for it
        reason TEXT NOT NULL,
        first_seen TEXT NOT NULL,  -- ISO 8601, UTC
        last_seen TEXT NOT NULL,
        raw BLOB NOT NULL,         -- UTF-8, half surrogate pairs let through
        UNIQUE (source_key, place)
    ) STRICT""",
    "CREATE INDEX quarantine_by_id ON quarantine (id)",
    """CREATE TABLE announcements (
        day INTEGER NOT NULL,
        key INTEGER NOT NULL REFERENCES ids,
        category_key INTEGER NOT NULL REFERENCES categories,
        version INTEGER NOT NULL,
        kind TEXT NOT NULL,
        seen INTEGER NOT NULL,  -- day on which we heard of it
        PRIMARY KEY (day, key, category_key, version)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE asked (
        source_key INTEGER NOT NULL REFERENCES sources,
        key INTEGER NOT NULL REFERENCES ids,
        day INTEGER NOT NULL,
        found INTEGER NOT NULL,  -- references given, -1 for a paper that the source does not know
        PRIMARY KEY (source_key, key)
    ) STRICT, WITHOUT ROWID""",
)


def _first(connection: sqlite3.Connection) -> None:
    for statement in _FIRST:
        connection.execute(statement)


def _second(connection: sqlite3.Connection) -> None:
    for statement in _SECOND:
        connection.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _second)


def found_version(connection: sqlite3.Connection, path: Path) -> int:
    """Read the schema's number, 0 for an empty database; `SchemaError` for a file that is not ours."""
    try:
        application = _pragma(connection, "application_id")
        objects: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        raise SchemaError(f"{path} is no paperkin library (not an SQLite file); name another path") from error
    if application == APPLICATION_ID:
        return _pragma(connection, "user_version")
    if application or objects:
        raise SchemaError(f"{path} is no paperkin library but another program's database; name another path")
    return 0


def require_current(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse another schema (`SchemaError`) or none (`StoreError`): a reader changes nothing."""
    version = found_version(connection, path)
    if version == 0:
        raise StoreError(f"no library at {path}; 'paperkin crawl SOURCE' makes one")
    _refuse_newer(version, path)
    if version < len(MIGRATIONS):
        raise SchemaError(
            f"{path} has schema {version}, older than {len(MIGRATIONS)};"
            " 'paperkin update' brings it up to date"
        )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date, each migration whole or not at all; `SchemaError` if it is newer."""
    version = found_version(connection, path)
    _refuse_newer(version, path)
    connection.execute("PRAGMA foreign_keys = OFF")  # a migration may rebuild a table that others refer to
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        _apply(connection, step, number)
    connection.execute("PRAGMA foreign_keys = ON")


def _apply(connection: sqlite3.Connection, step: Callable[[sqlite3.Connection], None], number: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        step(connection)
        _check_foreign_keys(connection, number)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_foreign_keys(connection: sqlite3.Connection, number: int) -> None:
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken:
        raise SchemaError(f"migration {number} left rows of {broken[0]} without their {broken[2]}; undone")


def _refuse_newer(version: int, path: Path) -> None:
    if version > len(MIGRATIONS):
        raise SchemaError(
            f"{path} has schema {version}, newer than {len(MIGRATIONS)}, the newest that this paperkin knows;"
            " install a newer paperkin"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
