"""Records that a source could not read, kept until it delivers their papers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from indexer.papers import PaperId, Rejected
from indexer.store.keys import find_source, iso, source_key

MOST_KEPT = 1_000_000  # characters of a record

_PUT = """
    INSERT INTO quarantine (source_key, place, reason, raw, id, first_seen, last_seen)
    VALUES (:source, :place, :reason, :raw, :id, :now, :now)
    ON CONFLICT (source_key, place) DO UPDATE SET
        reason = excluded.reason, raw = excluded.raw, id = excluded.id, last_seen = excluded.last_seen
"""


def put_quarantined(
    connection: sqlite3.Connection, rejected: Sequence[Rejected], source: str, now: datetime
) -> None:
    """Keep each record under its place; one of the same paper that stood elsewhere is replaced.

    A record that is overlapped by two harvests stands on another page each time.
    """
    if not rejected:
        return
    number = source_key(connection, source, "papers", now)
    connection.executemany(
        "DELETE FROM quarantine WHERE source_key = ? AND id = ? AND place <> ?",
        ((number, one.id.value, _plain(one.where)) for one in rejected if one.id is not None),
    )
    connection.executemany(
        _PUT,
        (
            {
                "source": number,
                "place": _plain(one.where),
                "reason": _plain(one.reason),
                # Not text to SQLite: a record is here for being broken, half surrogate pairs included.
                "raw": one.raw[:MOST_KEPT].encode("utf-8", "surrogatepass"),
                "id": one.id and one.id.value,
                "now": iso(now),
            }
            for one in rejected
        ),
    )


def cure(connection: sqlite3.Connection, number: int, paper_ids: Iterable[PaperId]) -> None:
    """Forget the records of these papers from source `number`: it delivered them."""
    connection.execute(
        """DELETE FROM quarantine
        WHERE source_key = ? AND id IN (SELECT value FROM json_each(?))""",
        (number, json.dumps([paper_id.value for paper_id in paper_ids])),
    )


def load_quarantined(connection: sqlite3.Connection, source: str, limit: int) -> list[Rejected]:
    """Read the records of a source, the latest first."""
    rows = connection.execute(
        """SELECT place, reason, raw, id FROM quarantine WHERE source_key = ?
        ORDER BY last_seen DESC, quarantine_key DESC LIMIT ?""",
        (find_source(connection, source), max(limit, 0)),
    )
    return [
        Rejected(place, reason, raw.decode("utf-8", "surrogatepass"), PaperId(paper_id) if paper_id else None)
        for place, reason, raw, paper_id in rows
    ]


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
