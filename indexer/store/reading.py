"""Rows to papers, ids and status, on a connection that sees one moment of the store.

Lists go in as one JSON parameter and are unpacked by `json_each`: no statement depends on the length of a
list, none is built from text. `CROSS JOIN` keeps SQLite to the order written: the list first, then probes.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice, takewhile
from typing import TypeVar

from indexer.papers import Author, Paper, PaperId, Version
from indexer.store.changes import from_microseconds
from indexer.tables import SourceStatus, StoreStatus

T = TypeVar("T")

_PAPERS = """
    SELECT p.key, i.id, t.title, t.abstract, l.uri, t.comments, t.journal_ref, t.doi, t.report_no,
        t.submitter, p.withdrawn, v.key IS NOT NULL
    FROM json_each(?) AS wanted
    CROSS JOIN papers AS p ON p.key = wanted.value
    CROSS JOIN ids AS i ON i.key = p.key
    CROSS JOIN texts AS t ON t.key = p.key
    LEFT JOIN licenses AS l ON l.license_key = p.license_key
    LEFT JOIN vanished AS v ON v.key = p.key
"""
_TITLES = """
    SELECT t.key, i.id, t.title
    FROM json_each(?) AS wanted
    CROSS JOIN texts AS t ON t.key = wanted.value
    CROSS JOIN ids AS i ON i.key = t.key
"""
_AUTHORS = """
    SELECT a.key, a.keyname, a.forenames, a.suffix
    FROM json_each(?) AS wanted CROSS JOIN authors AS a ON a.key = wanted.value
    ORDER BY a.key, a.position
"""
_CATEGORIES = """
    SELECT pc.key, c.name
    FROM json_each(?) AS wanted
    CROSS JOIN paper_categories AS pc ON pc.key = wanted.value
    CROSS JOIN categories AS c ON c.category_key = pc.category_key
    ORDER BY pc.key, pc.position
"""
_VERSIONS = """
    SELECT v.key, v.number, v.created, l.uri, v.withdrawn
    FROM json_each(?) AS wanted
    CROSS JOIN versions AS v ON v.key = wanted.value
    LEFT JOIN licenses AS l ON l.license_key = v.license_key
    ORDER BY v.key, v.number
"""
_SHARES = """
    SELECT coalesce(sum(p.withdrawn), 0),
        coalesce(sum(EXISTS (
            SELECT 1 FROM citations AS c WHERE c.citing = p.key AND c.gone IS NULL)), 0),
        (SELECT count(*) FROM vanished)
    FROM papers AS p
"""
_SOURCES = """
    SELECT s.name, s.kind, s.last_read, s.cursor,
        (SELECT count(*) FROM quarantine AS q WHERE q.source_key = s.source_key),
        (SELECT max(r.finished) FROM reconciliations AS r WHERE r.source_key = s.source_key)
    FROM sources AS s ORDER BY s.source_key
"""
_IDS_FROM = """
    SELECT i.id FROM ids AS i CROSS JOIN papers AS p ON p.key = i.key
    WHERE i.id >= ? ORDER BY i.id LIMIT ?
"""
_IDS_BEFORE = """
    SELECT i.id FROM ids AS i CROSS JOIN papers AS p ON p.key = i.key
    WHERE i.id < ? ORDER BY i.id DESC LIMIT ?
"""


def in_chunks(items: Iterable[T], size: int = 1000) -> Iterator[list[T]]:
    """Cut into lists of at most `size`: a thousand papers are a few megabytes."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def as_json(numbers: Iterable[int]) -> str:
    """Write a list for `json_each`; numpy's integers are allowed."""
    return json.dumps([int(number) for number in numbers])


def load_papers(connection: sqlite3.Connection, keys: Iterable[int]) -> dict[int, Paper]:
    """Read the papers held among `keys`."""
    papers: dict[int, Paper] = {}
    for chunk in in_chunks(dict.fromkeys(int(key) for key in keys)):
        papers |= _load_chunk(connection, json.dumps(chunk))
    return papers


def _load_chunk(connection: sqlite3.Connection, wanted: str) -> dict[int, Paper]:
    authors: dict[int, list[Author]] = defaultdict(list)
    for key, *name in connection.execute(_AUTHORS, (wanted,)):
        authors[key].append(Author(*name))
    categories: dict[int, list[str]] = defaultdict(list)
    for key, category in connection.execute(_CATEGORIES, (wanted,)):
        categories[key].append(category)
    versions: dict[int, list[Version]] = defaultdict(list)
    for key, number, created, uri, withdrawn in connection.execute(_VERSIONS, (wanted,)):
        moment = None if created is None else from_microseconds(created)
        versions[key].append(Version(number, moment, uri, bool(withdrawn)))
    return {
        row[0]: Paper(
            id=PaperId(row[1]),
            title=row[2],
            abstract=row[3],
            authors=tuple(authors.get(row[0], ())),
            categories=tuple(categories.get(row[0], ())),
            license=row[4],
            versions=tuple(versions.get(row[0], ())),
            comments=row[5],
            journal_ref=row[6],
            doi=row[7],
            report_no=row[8],
            submitter=row[9],
            withdrawn=bool(row[10]),
            vanished=bool(row[11]),
        )
        for row in connection.execute(_PAPERS, (wanted,))
    }


def load_titles(connection: sqlite3.Connection, keys: Iterable[int]) -> dict[int, tuple[PaperId, str]]:
    """Read id and title of the papers held among `keys`."""
    titles: dict[int, tuple[PaperId, str]] = {}
    for chunk in in_chunks(keys, 10_000):
        rows = connection.execute(_TITLES, (as_json(chunk),))
        titles |= {key: (PaperId(identifier), title) for key, identifier, title in rows}
    return titles


def load_page(connection: sqlite3.Connection, after: int, size: int = 1000) -> dict[int, Paper]:
    """Read the `size` papers that follow the key `after`, ascending."""
    rows = connection.execute("SELECT key FROM papers WHERE key > ? ORDER BY key LIMIT ?", (after, size))
    return load_papers(connection, [row[0] for row in rows])


def load_keys(connection: sqlite3.Connection, paper_ids: Iterable[PaperId]) -> dict[PaperId, int]:
    """Find the keys of the papers held among `paper_ids`."""
    keys: dict[PaperId, int] = {}
    for chunk in in_chunks(paper_ids, 10_000):
        rows = connection.execute(
            """SELECT i.id, i.key
            FROM json_each(?) AS wanted
            CROSS JOIN ids AS i ON i.id = wanted.value
            CROSS JOIN papers AS p ON p.key = i.key""",
            (json.dumps([paper_id.value for paper_id in chunk]),),
        )
        keys |= {PaperId(identifier): key for identifier, key in rows}
    return keys


def load_ids(connection: sqlite3.Connection, keys: Iterable[int]) -> dict[int, PaperId]:
    """Find the ids of `keys`, held or only cited."""
    ids: dict[int, PaperId] = {}
    for chunk in in_chunks(keys, 10_000):
        rows = connection.execute(
            "SELECT i.key, i.id FROM json_each(?) AS wanted CROSS JOIN ids AS i ON i.key = wanted.value",
            (as_json(chunk),),
        )
        ids |= {key: PaperId(identifier) for key, identifier in rows}
    return ids


def nearest_ids(connection: sqlite3.Connection, text: str, limit: int) -> list[PaperId]:
    """Rank ids held by longest common beginning with `text`, at least one character; ties in order of id.

    In the order of ids those with the longest common beginning stand around the place of `text`.
    """
    bare = re.sub(r"^.*/(?:abs|pdf|html|format)/|^arxiv[:.]\s*", "", text.strip().lower())
    place = bare.encode("utf-8", "replace").decode()
    wanted = max(limit, 0)
    around = [
        found
        for statement in (_IDS_FROM, _IDS_BEFORE)
        for (found,) in connection.execute(statement, (place, wanted))
    ]
    ranked = sorted((-_common(place, found), found) for found in around)
    return [PaperId(found) for common, found in ranked[:wanted] if common]


def _common(one: str, other: str) -> int:
    """Count the characters with which both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def load_status(connection: sqlite3.Connection) -> StoreStatus:
    """Read counts and revisions."""
    papers, citations, revision, citation_revision = connection.execute(
        "SELECT papers, citations, revision, citation_revision FROM counters"
    ).fetchone()
    withdrawn, with_references, vanished = connection.execute(_SHARES).fetchone()
    vectors = connection.execute(
        """SELECT f.fingerprint, count(p.key)
        FROM fingerprints AS f
        LEFT JOIN vectors AS v ON v.fingerprint_key = f.fingerprint_key
        LEFT JOIN papers AS p ON p.key = v.key AND p.text_hash = v.text_hash
        GROUP BY f.fingerprint_key"""
    )
    return StoreStatus(
        papers=papers,
        withdrawn=withdrawn,
        citations=citations,
        papers_with_references=with_references,
        revision=revision,
        citation_revision=citation_revision,
        vectors=dict(vectors),
        sources=tuple(_source_status(row) for row in connection.execute(_SOURCES)),
        vanished=vanished,
    )


def _source_status(row: tuple[str, str, str, str | None, int, str | None]) -> SourceStatus:
    name, kind, last_read, cursor, quarantined, reconciled = row
    return SourceStatus(
        name,
        kind,
        datetime.fromisoformat(last_read),
        cursor,
        quarantined,
        None if reconciled is None else datetime.fromisoformat(reconciled),
    )


def load_cursor(connection: sqlite3.Connection, source: str) -> str | None:
    """Read where `source` goes on."""
    row = connection.execute("SELECT cursor FROM sources WHERE name = ?", (source,)).fetchone()
    return None if row is None else row[0]
