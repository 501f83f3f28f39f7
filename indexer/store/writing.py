"""Writing papers, vectors and cursors, on a connection whose transaction is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from indexer.errors import StoreError
from indexer.papers import Change, Completeness, Paper, PaperId
from indexer.store import changes, fulltext, listing, quarantine
from indexer.store.arrays import STORED, find_fingerprint
from indexer.store.keys import find_source, iso, keys_for, source_key
from indexer.store.reading import as_json, load_papers
from indexer.tables import PendingText, Vectors

_PUT_PAPER = """
    INSERT INTO papers (key, month, day, withdrawn, license_key, revision, text_length, text_hash,
        record_hash, source_key, changed)
    VALUES (:key, :month, :day, :withdrawn, (SELECT license_key FROM licenses WHERE uri = :license),
        coalesce(:revision, 0), :text_length, :text_hash, :record_hash, :source_key, :changed)
    ON CONFLICT (key) DO UPDATE SET
        day = excluded.day, withdrawn = excluded.withdrawn, license_key = excluded.license_key,
        revision = coalesce(:revision, revision), text_length = excluded.text_length,
        text_hash = excluded.text_hash, record_hash = excluded.record_hash,
        source_key = excluded.source_key, changed = excluded.changed
"""
_PUT_TEXT = """
    INSERT INTO texts (key, title, abstract, comments, journal_ref, doi, report_no, submitter)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET title = excluded.title, abstract = excluded.abstract,
        comments = excluded.comments, journal_ref = excluded.journal_ref, doi = excluded.doi,
        report_no = excluded.report_no, submitter = excluded.submitter
"""
_PUT_VERSION = """
    INSERT INTO versions (key, number, created, license_key, withdrawn)
    VALUES (?, ?, ?, (SELECT license_key FROM licenses WHERE uri = ?), ?)
"""
_PUT_VECTOR = """
    INSERT INTO vectors (fingerprint_key, key, text_hash, vector) VALUES (?, ?, ?, ?)
    ON CONFLICT (fingerprint_key, key, text_hash) DO UPDATE SET vector = excluded.vector
"""

_CLEAR_LISTS = (
    "DELETE FROM versions WHERE key = ?",
    "DELETE FROM authors WHERE key = ?",
    "DELETE FROM paper_categories WHERE key = ?",
)


def put_papers(
    connection: sqlite3.Connection,
    papers: Sequence[Paper],
    source: str,
    now: datetime,
    *,
    completeness: Completeness = Completeness.PARTIAL,
) -> list[Change]:
    """Insert or update; a paper whose record hash is the one stored is not even read."""
    keys = keys_for(connection, (paper.id for paper in papers))
    returned = _take_back(connection, keys, source)
    hashes = _record_hashes(connection, keys)
    differing = returned | {
        paper.id for paper in papers if hashes.get(keys[paper.id]) != changes.record_hash(paper)
    }
    originals = load_papers(
        connection, (keys[paper_id] for paper_id in differing if keys[paper_id] in hashes)
    )
    plan = changes.plan(
        papers,
        unchanged=keys.keys() - differing,
        known={paper.id: paper for paper in originals.values()},
        returned=returned,
        completeness=completeness,
    )
    if plan.writes:
        _write(
            connection, plan, keys, originals, stamp=(source_key(connection, source, "papers", now), iso(now))
        )
    return plan.changes


def _take_back(connection: sqlite3.Connection, keys: Mapping[PaperId, int], source: str) -> set[PaperId]:
    """What this source had said of papers that it now delivers: that they cannot be read, or are gone (these)."""
    number = find_source(connection, source)
    quarantine.cure(connection, number, keys)
    cleared = listing.clear_vanished(connection, number, keys.values())
    return {paper_id for paper_id, key in keys.items() if key in cleared} if cleared else set()


def _record_hashes(connection: sqlite3.Connection, keys: Mapping[PaperId, int]) -> dict[int, bytes]:
    rows = connection.execute(
        """SELECT p.key, p.record_hash FROM json_each(?) AS wanted
        CROSS JOIN papers AS p ON p.key = wanted.value""",
        (as_json(keys.values()),),
    )
    return dict(rows.fetchall())


def _write(
    connection: sqlite3.Connection,
    plan: changes.Plan,
    keys: Mapping[PaperId, int],
    originals: Mapping[int, Paper],
    *,
    stamp: tuple[int, str],
) -> None:
    writes = {keys[paper_id]: write for paper_id, write in plan.writes.items()}
    _write_papers(connection, writes, stamp=stamp)
    _write_lists(connection, writes, originals)
    _write_fulltext(connection, writes, originals)
    connection.execute(
        "UPDATE counters SET revision = revision + ?, papers = papers + ?",
        (plan.revisions, len(writes.keys() - originals.keys())),
    )


def _write_papers(
    connection: sqlite3.Connection, writes: Mapping[int, changes.Write], *, stamp: tuple[int, str]
) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO licenses (uri) VALUES (?)",
        {(uri,) for write in writes.values() for uri in _licenses(write.paper) if uri},
    )
    (revision,) = connection.execute("SELECT revision FROM counters").fetchone()
    connection.executemany(
        _PUT_PAPER, (_paper_row(key, write, revision, stamp) for key, write in writes.items())
    )
    connection.executemany(
        _PUT_TEXT,
        (
            (key, p.title, p.abstract, p.comments, p.journal_ref, p.doi, p.report_no, p.submitter)
            for key, p in ((key, write.paper) for key, write in writes.items())
        ),
    )


def _licenses(paper: Paper) -> Iterator[str | None]:
    yield paper.license
    for version in paper.versions:
        yield version.license


def _paper_row(key: int, write: changes.Write, revision: int, stamp: tuple[int, str]) -> dict[str, object]:
    paper = write.paper
    return {
        "key": key,
        "month": paper.id.month,
        "day": paper.submitted.astimezone(UTC).toordinal(),
        "withdrawn": paper.withdrawn,
        "license": paper.license,
        "revision": None if write.revised is None else revision + write.revised,
        "text_length": len(paper.text),
        "text_hash": changes.text_hash(paper),
        "record_hash": changes.record_hash(paper),
        "source_key": stamp[0],
        "changed": stamp[1],
    }


def _write_lists(
    connection: sqlite3.Connection, writes: Mapping[int, changes.Write], originals: Mapping[int, Paper]
) -> None:
    """Versions, authors, categories: those of a paper that was held are replaced."""
    held = [(key,) for key in writes if key in originals]
    for clear in _CLEAR_LISTS:
        connection.executemany(clear, held)
    papers = [(key, write.paper) for key, write in writes.items()]
    connection.executemany(
        _PUT_VERSION,
        (
            (
                key,
                version.number,
                version.created and changes.to_microseconds(version.created),
                version.license,
                version.withdrawn,
            )
            for key, paper in papers
            for version in paper.versions
        ),
    )
    connection.executemany(
        "INSERT INTO authors (key, position, keyname, forenames, suffix) VALUES (?, ?, ?, ?, ?)",
        (
            (key, position, author.keyname, author.forenames, author.suffix)
            for key, paper in papers
            for position, author in enumerate(paper.authors)
        ),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO categories (name) VALUES (?)",
        sorted({(category,) for _, paper in papers for category in paper.categories}),
    )
    connection.executemany(
        """INSERT INTO paper_categories (key, position, category_key)
        VALUES (?, ?, (SELECT category_key FROM categories WHERE name = ?))""",
        (
            (key, position, category)
            for key, paper in papers
            for position, category in enumerate(paper.categories)
        ),
    )


def _write_fulltext(
    connection: sqlite3.Connection, writes: Mapping[int, changes.Write], originals: Mapping[int, Paper]
) -> None:
    after = {
        key: write.paper
        for key, write in writes.items()
        if key not in originals or fulltext.fields(originals[key]) != fulltext.fields(write.paper)
    }
    fulltext.unindex(connection, {key: originals[key] for key in after if key in originals})
    fulltext.index(connection, after)


def put_vectors(
    connection: sqlite3.Connection, fingerprint: str, texts: Sequence[PendingText], vectors: Vectors
) -> None:
    """Keep `vectors[i]` for `texts[i]`; `ValueError` for another shape or values that are not finite."""
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise ValueError(
            f"{len(texts)} texts need as many rows of vectors, not an array of shape {vectors.shape}"
        )
    if not np.isfinite(vectors).all():
        raise ValueError("a vector with a value that is not finite cannot be stored")
    if not texts:
        return
    fingerprint_key = _fingerprint_key(connection, fingerprint, vectors.shape[1])
    rows = np.ascontiguousarray(vectors, STORED)
    connection.executemany(
        _PUT_VECTOR,
        (
            (fingerprint_key, text.key, bytes.fromhex(text.text_hash), row.tobytes())
            for text, row in zip(texts, rows, strict=True)
        ),
    )


def put_cursor(
    connection: sqlite3.Connection, source: str, *, kind: str, cursor: str | None, now: datetime
) -> None:
    """Record where `source` goes on."""
    connection.execute(
        """INSERT INTO sources (name, kind, last_read, cursor) VALUES (?, ?, ?, ?)
        ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, last_read = excluded.last_read,
            cursor = excluded.cursor""",
        (source, kind, iso(now), cursor),
    )


def _fingerprint_key(connection: sqlite3.Connection, fingerprint: str, width: int) -> int:
    connection.execute(
        "INSERT OR IGNORE INTO fingerprints (fingerprint, width) VALUES (?, ?)", (fingerprint, width)
    )
    key, stored = find_fingerprint(connection, fingerprint)
    if stored != width:
        raise StoreError(
            f"the library holds vectors of {fingerprint} with {stored} components, not {width};"
            " embed with the model that made it or under another name"
        )
    return key
