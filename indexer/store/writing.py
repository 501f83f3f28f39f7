"""Writing papers, citations, vectors and cursors, on a connection whose transaction is open."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from indexer.errors import StoreError
from indexer.papers import Change, Citation, Paper, PaperId
from indexer.ports import PendingText, Vectors
from indexer.store import changes, fulltext
from indexer.store.arrays import STORED, find_fingerprint
from indexer.store.reading import as_json, in_chunks, load_papers

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
_PUT_CITATION = """
    INSERT INTO citations (citing, cited, source_key, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (citing, cited, source_key) DO UPDATE SET last_seen = excluded.last_seen
    WHERE last_seen < excluded.last_seen
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
    connection: sqlite3.Connection, papers: Sequence[Paper], source: str, now: datetime
) -> list[Change]:
    """Insert or update; a paper whose record hash is the one stored is not even read."""
    keys = _keys_for(connection, (paper.id for paper in papers))
    hashes = {
        row[0]: row[1]
        for row in connection.execute(
            """SELECT p.key, p.record_hash FROM json_each(?) AS wanted
            CROSS JOIN papers AS p ON p.key = wanted.value""",
            (as_json(keys.values()),),
        )
    }
    differing = {paper.id for paper in papers if hashes.get(keys[paper.id]) != changes.record_hash(paper)}
    originals = load_papers(
        connection, (keys[paper_id] for paper_id in differing if keys[paper_id] in hashes)
    )
    plan = changes.plan(
        papers,
        unchanged=keys.keys() - differing,
        known={paper.id: paper for paper in originals.values()},
    )
    if plan.writes:
        writes = {keys[paper_id]: write for paper_id, write in plan.writes.items()}
        source_key = _source_key(connection, source, "papers", now)
        _write_papers(connection, writes, stamp=(source_key, _iso(now)))
        _write_lists(connection, writes, originals)
        _write_fulltext(connection, writes, originals)
        new = len(writes.keys() - originals.keys())
        connection.execute(
            "UPDATE counters SET revision = revision + ?, papers = papers + ?",
            (plan.revisions, new),
        )
    return plan.changes


def _write_papers(
    connection: sqlite3.Connection, writes: Mapping[int, changes.Write], *, stamp: tuple[int, str]
) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO licenses (uri) VALUES (?)",
        {(write.paper.license,) for write in writes.values() if write.paper.license},
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
        "INSERT INTO versions (key, number, created) VALUES (?, ?, ?)",
        (
            (key, version.number, version.created and changes.to_microseconds(version.created))
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


def put_citations(
    connection: sqlite3.Connection, citations: Sequence[Citation], source: str, now: datetime
) -> int:
    """Insert or see again; how many pairs are new to the store."""
    keys = _keys_for(connection, (end for citation in citations for end in (citation.citing, citation.cited)))
    pairs = {(keys[citation.citing], keys[citation.cited]) for citation in citations}
    rows = connection.execute(
        """SELECT c.citing, c.cited FROM json_each(?) AS wanted
        CROSS JOIN citations AS c ON c.citing = wanted.value""",
        (as_json({citing for citing, _ in pairs}),),
    )
    new = len(pairs.difference(rows))
    if pairs:
        source_key = _source_key(connection, source, "citations", now)
        day = now.astimezone(UTC).toordinal()
        connection.executemany(
            _PUT_CITATION, ((citing, cited, source_key, day, day) for citing, cited in sorted(pairs))
        )
    if new:
        connection.execute(
            "UPDATE counters SET citation_revision = citation_revision + 1, citations = citations + ?", (new,)
        )
    return new


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
        (source, kind, _iso(now), cursor),
    )


def _keys_for(connection: sqlite3.Connection, paper_ids: Iterable[PaperId]) -> dict[PaperId, int]:
    """Find the key of each id, given now to those never met before, in the order in which they come."""
    distinct = list(dict.fromkeys(paper_ids))
    keys = _find_keys(connection, distinct)
    missing = [paper_id for paper_id in distinct if paper_id not in keys]
    if missing:
        connection.executemany("INSERT INTO ids (id) VALUES (?)", ((paper_id.value,) for paper_id in missing))
        keys |= _find_keys(connection, missing)
    return keys


def _find_keys(connection: sqlite3.Connection, paper_ids: Sequence[PaperId]) -> dict[PaperId, int]:
    keys: dict[PaperId, int] = {}
    for chunk in in_chunks(paper_ids, 10_000):
        rows = connection.execute(
            "SELECT i.id, i.key FROM json_each(?) AS wanted CROSS JOIN ids AS i ON i.id = wanted.value",
            (json.dumps([paper_id.value for paper_id in chunk]),),
        )
        keys |= {PaperId(identifier): key for identifier, key in rows}
    return keys


def _source_key(connection: sqlite3.Connection, source: str, kind: str, now: datetime) -> int:
    connection.execute(
        "INSERT OR IGNORE INTO sources (name, kind, last_read) VALUES (?, ?, ?)", (source, kind, _iso(now))
    )
    key: int = connection.execute("SELECT source_key FROM sources WHERE name = ?", (source,)).fetchone()[0]
    return key


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


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
