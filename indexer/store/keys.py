"""Keys of ids and numbers of sources, given out when they are first met."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from indexer.papers import PaperId
from indexer.store import rows
from indexer.store.reading import in_chunks

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def keys_for(connection: sqlite3.Connection, paper_ids: Iterable[PaperId]) -> dict[PaperId, int]:
    """Find the key of each id, given now to those never met before, in the order in which they come."""
    distinct = list(dict.fromkeys(paper_ids))
    keys = find_keys(connection, distinct)
    missing = [paper_id for paper_id in distinct if paper_id not in keys]
    if missing:
        rows.insert(connection, "ids (id)", ((paper_id.value,) for paper_id in missing))
        keys |= find_keys(connection, missing)
    return keys


def find_keys(connection: sqlite3.Connection, paper_ids: Sequence[PaperId]) -> dict[PaperId, int]:
    """Find the keys of ids met before, held or only cited."""
    keys: dict[PaperId, int] = {}
    for chunk in in_chunks(paper_ids, 10_000):
        found = connection.execute(
            "SELECT i.id, i.key FROM json_each(?) AS wanted CROSS JOIN ids AS i ON i.id = wanted.value",
            (json.dumps([paper_id.value for paper_id in chunk]),),
        )
        keys |= {PaperId(identifier): key for identifier, key in found}
    return keys


def source_key(connection: sqlite3.Connection, source: str, kind: str, now: datetime | None = None) -> int:
    """Find the number of a source, given now if it is new; `now` None where it only told what it has."""
    connection.execute(
        "INSERT OR IGNORE INTO sources (name, kind, last_read) VALUES (?, ?, ?)",
        (source, kind, iso(now or _NEVER)),
    )
    return find_source(connection, source)


def find_source(connection: sqlite3.Connection, source: str) -> int:
    """Find the number of a source, 0 for one never met."""
    row = connection.execute("SELECT source_key FROM sources WHERE name = ?", (source,)).fetchone()
    return 0 if row is None else row[0]


def iso(moment: datetime) -> str:
    """Write a moment in ISO 8601, UTC: the order of these texts is that of the moments."""
    return moment.astimezone(UTC).isoformat()
