"""Writing papers, vectors and cursors, on a connection whose transaction is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import starmap

import numpy as np

from indexer.errors import StoreError
from indexer.papers import Change, Completeness, Paper, PaperId
from indexer.store import changes, fulltext, listing, quarantine, rows
from indexer.store.arrays import STORED, find_fingerprint
from indexer.store.keys import find_source, iso, keys_for, source_key
from indexer.store.reading import as_json, load_papers
from indexer.tables import PendingText, Vectors

_PAPERS = """papers (key, month, day, withdrawn, license_key, revision, text_length, text_hash, record_hash,
    source_key, changed)"""
# Revisions only grow; 0 comes with a text that did not change.
_PAPER_HELD = """
    ON CONFLICT (key) DO UPDATE SET
        day = excluded.day, withdrawn = excluded.withdrawn, license_key = excluded.license_key,
        revision = max(revision, excluded.revision), text_length = excluded.text_length,
        text_hash = excluded.text_hash, record_hash = excluded.record_hash,
        source_key = excluded.source_key, changed = excluded.changed
"""
_TEXTS = "texts (key, title, abstract, comments, journal_ref, doi, report_no, submitter)"
_TEXT_HELD = """
    ON CONFLICT (key) DO UPDATE SET title = excluded.title, abstract = excluded.abstract,
        comments = excluded.comments, journal_ref = excluded.journal_ref, doi = excluded.doi,
        report_no = excluded.report_no, submitter = excluded.submitter
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

_NAMED = {
    "licenses": ("licenses (uri)", "SELECT uri, license_key FROM licenses"),
    "categories": ("categories (name)", "SELECT name, category_key FROM categories"),
}


@dataclass(frozen=True, slots=True)
class _Record:
    """A paper as it came, and its hash, which takes as long as half of all else that is done with it here."""

    paper: Paper
    record_hash: bytes


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
    held = _record_hashes(connection, keys)
    records = [_Record(paper, changes.record_hash(paper)) for paper in papers]
    differing = returned | {
        came.paper.id for came in records if held.get(keys[came.paper.id]) != came.record_hash
    }
    originals = load_papers(connection, (keys[paper_id] for paper_id in differing if keys[paper_id] in held))
    plan = changes.plan(
        papers,
        unchanged=keys.keys() - differing,
        known={paper.id: paper for paper in originals.values()},
        returned=returned,
        completeness=completeness,
    )
    if plan.writes:
        writes = {keys[paper_id]: write for paper_id, write in plan.writes.items()}
        number = source_key(connection, source, "papers", now)
        fulltext.note(connection, _reworded(writes, originals))
        _write_papers(connection, writes, records, stamp=(number, iso(now)))
        _write_lists(connection, writes, originals)
        connection.execute(
            "UPDATE counters SET revision = revision + ?, papers = papers + ?",
            (plan.revisions, len(writes.keys() - originals.keys())),
        )
    return plan.changes


def _take_back(connection: sqlite3.Connection, keys: Mapping[PaperId, int], source: str) -> set[PaperId]:
    """What this source had said of papers that it now delivers: that they cannot be read, or are gone (these)."""
    number = find_source(connection, source)
    quarantine.cure(connection, number, keys)
    cleared = listing.clear_vanished(connection, number, keys.values())
    return {paper_id for paper_id, key in keys.items() if key in cleared} if cleared else set()


def _record_hashes(connection: sqlite3.Connection, keys: Mapping[PaperId, int]) -> dict[int, bytes]:
    found = connection.execute(
        """SELECT p.key, p.record_hash FROM json_each(?) AS wanted
        CROSS JOIN papers AS p ON p.key = wanted.value""",
        (as_json(keys.values()),),
    )
    return dict(found.fetchall())


def _reworded(writes: Mapping[int, changes.Write], originals: Mapping[int, Paper]) -> list[int]:
    """The papers that the full text does not know as they will be."""
    return [
        key
        for key, write in writes.items()
        if key not in originals or fulltext.fields(originals[key]) != fulltext.fields(write.paper)
    ]


def _write_papers(
    connection: sqlite3.Connection,
    writes: Mapping[int, changes.Write],
    records: Iterable[_Record],
    *,
    stamp: tuple[int, str],
) -> None:
    licenses = _numbers(connection, "licenses", _licenses(write.paper for write in writes.values()))
    (revision,) = connection.execute("SELECT revision FROM counters").fetchone()
    came = {record.paper.id: record for record in records}

    def row(key: int, write: changes.Write) -> Sequence[rows.Value]:
        paper = write.paper
        record = came[paper.id]
        return (
            key,
            paper.id.month,
            paper.submitted.astimezone(UTC).toordinal(),
            paper.withdrawn,
            licenses.get(paper.license or ""),
            0 if write.revised is None else revision + write.revised,
            len(paper.text),
            changes.text_hash(paper),
            record.record_hash if record.paper == paper else changes.record_hash(paper),
            *stamp,
        )

    rows.insert(connection, _PAPERS, starmap(row, writes.items()), held=_PAPER_HELD)
    rows.insert(
        connection,
        _TEXTS,
        (
            (key, p.title, p.abstract, p.comments, p.journal_ref, p.doi, p.report_no, p.submitter)
            for key, p in ((key, write.paper) for key, write in writes.items())
        ),
        held=_TEXT_HELD,
    )


def _write_lists(
    connection: sqlite3.Connection, writes: Mapping[int, changes.Write], originals: Mapping[int, Paper]
) -> None:
    """Versions, authors, categories: those of a paper that was held are replaced."""
    held = [(key,) for key in writes if key in originals]
    for clear in _CLEAR_LISTS:
        connection.executemany(clear, held)
    papers = [(key, write.paper) for key, write in writes.items()]
    licenses = _numbers(connection, "licenses")
    rows.insert(
        connection,
        "versions (key, number, created, license_key, withdrawn)",
        (
            (
                key,
                version.number,
                changes.to_microseconds(version.created) if version.created else None,
                licenses.get(version.license or ""),
                version.withdrawn,
            )
            for key, paper in papers
            for version in paper.versions
        ),
    )
    rows.insert(
        connection,
        "authors (key, position, keyname, forenames, suffix)",
        (
            (key, position, author.keyname, author.forenames, author.suffix)
            for key, paper in papers
            for position, author in enumerate(paper.authors)
        ),
    )
    categories = _numbers(
        connection, "categories", {category for _, paper in papers for category in paper.categories}
    )
    rows.insert(
        connection,
        "paper_categories (key, position, category_key)",
        (
            (key, position, categories[category])
            for key, paper in papers
            for position, category in enumerate(paper.categories)
        ),
    )


def _licenses(papers: Iterable[Paper]) -> set[str]:
    """The licences that papers and their versions have."""
    return {
        uri
        for paper in papers
        for uri in (paper.license, *(version.license for version in paper.versions))
        if uri
    }


def _numbers(connection: sqlite3.Connection, table: str, names: Set[str] = frozenset()) -> dict[str, int]:
    """The numbers of all licences or categories, given now to those of `names` that are new.

    There are some hundred of each: looking them up here takes a fifth of what a sub-select for each row does.
    """
    into, select = _NAMED[table]
    known = dict(connection.execute(select).fetchall())
    if names <= known.keys():
        return known
    rows.insert(connection, into, ((name,) for name in sorted(names - known.keys())))
    return dict(connection.execute(select).fetchall())


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
    matrix = np.ascontiguousarray(vectors, STORED)
    connection.executemany(
        _PUT_VECTOR,
        (
            (fingerprint_key, text.key, bytes.fromhex(text.text_hash), row.tobytes())
            for text, row in zip(texts, matrix, strict=True)
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
