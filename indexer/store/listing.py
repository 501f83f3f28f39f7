"""What a source says that it has: datestamps of what it delivered and lists, rounds of comparing, what is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from indexer.papers import Listing, PaperId
from indexer.store.keys import find_keys, find_source, iso, keys_for, source_key
from indexer.store.reading import as_json
from indexer.tables import Gaps, Reconciliation

# A paper that is delivered while or after a list was read is as good as listed: it does not look gone.
_PUT_DELIVERED = """
    INSERT INTO listings (source_key, key, delivered, round) VALUES (:source, :key, :day, :round)
    ON CONFLICT (source_key, key) DO UPDATE SET
        delivered = excluded.delivered, round = coalesce(excluded.round, round)
    WHERE delivered IS NOT excluded.delivered OR round IS NOT coalesce(excluded.round, round)
"""
_PUT_LISTED = """
    INSERT INTO listings (source_key, key, listed, round) VALUES (:source, :key, :day, :round)
    ON CONFLICT (source_key, key) DO UPDATE SET listed = excluded.listed, round = excluded.round
    WHERE listed IS NOT excluded.listed OR round IS NOT excluded.round
"""
_PUT_ROUND = """
    INSERT INTO reconciliations (source_key, round, cursor, started, listed, finished) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (source_key, round) DO UPDATE SET cursor = excluded.cursor, started = excluded.started,
        listed = excluded.listed, finished = excluded.finished
"""
# A paper that is listed again after it had vanished from this source must be delivered to be there again. A mirror
# that was begun at some day lacks nothing of the days before.
_OUTDATED = """
    SELECT i.id
    FROM listings AS l
    CROSS JOIN ids AS i ON i.key = l.key
    LEFT JOIN papers AS p ON p.key = l.key
    LEFT JOIN vanished AS v ON v.key = l.key AND v.source_key = l.source_key
    WHERE l.source_key = :source AND l.round = :round
        AND (l.delivered IS NULL OR l.delivered < l.listed OR p.key IS NULL OR v.key IS NOT NULL)
        AND l.listed >= coalesce((SELECT since FROM sources WHERE source_key = :source), l.listed)
    ORDER BY l.key
"""
_UNLISTED = """
    SELECT i.id
    FROM listings AS l
    CROSS JOIN papers AS p ON p.key = l.key
    CROSS JOIN ids AS i ON i.key = l.key
    WHERE l.source_key = :source AND l.round IS NOT :round AND l.delivered IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM vanished AS v WHERE v.key = l.key)
    ORDER BY l.key
"""
_VANISH = """
    INSERT OR IGNORE INTO vanished (key, source_key, day)
    SELECT p.key, ?, ? FROM json_each(?) AS wanted CROSS JOIN papers AS p ON p.key = wanted.value
    RETURNING key
"""


def put_vanished(
    connection: sqlite3.Connection, paper_ids: Sequence[PaperId], source: str, now: datetime
) -> list[PaperId]:
    """Mark papers held as gone from `source`; those that were not marked before, in the order given."""
    keys = find_keys(connection, paper_ids)
    if not keys:
        return []
    number = source_key(connection, source, "papers", now)
    rows = connection.execute(_VANISH, (number, now.astimezone(UTC).toordinal(), as_json(keys.values())))
    marked = {key for (key,) in rows.fetchall()}
    return [paper_id for paper_id, key in keys.items() if key in marked]


def clear_vanished(connection: sqlite3.Connection, number: int, keys: Iterable[int]) -> set[int]:
    """Take papers back that source `number` had said were gone; the keys of those that were."""
    rows = connection.execute(
        """DELETE FROM vanished WHERE source_key = ? AND key IN (SELECT value FROM json_each(?))
        RETURNING key""",
        (number, as_json(keys)),
    )
    return {key for (key,) in rows.fetchall()}


def put_delivered(connection: sqlite3.Connection, listed: Sequence[Listing], source: str) -> None:
    """Keep the datestamps of records that were delivered."""
    _put(connection, _PUT_DELIVERED, listed, source, in_round=None)
    if listed:
        earliest = min(one.datestamp for one in listed).toordinal()
        connection.execute(
            "UPDATE sources SET since = min(coalesce(since, :day), :day) WHERE name = :name",
            {"day": earliest, "name": source},
        )


def put_listed(connection: sqlite3.Connection, listed: Sequence[Listing], source: str, in_round: int) -> None:
    """Keep the datestamps that the whole list of a source told in a round."""
    _put(connection, _PUT_LISTED, listed, source, in_round=in_round)


def _put(
    connection: sqlite3.Connection,
    statement: str,
    listed: Sequence[Listing],
    source: str,
    *,
    in_round: int | None,
) -> None:
    if not listed:
        return
    number = source_key(connection, source, "papers")
    round_ = _latest_round(connection, number) if in_round is None else in_round
    keys = keys_for(connection, (one.id for one in listed))
    connection.executemany(
        statement,
        (
            {"source": number, "key": keys[one.id], "day": one.datestamp.toordinal(), "round": round_}
            for one in listed
        ),
    )


def put_reconciliation(connection: sqlite3.Connection, source: str, reconciliation: Reconciliation) -> None:
    """Record how far a round is, which is to have read the source as well."""
    number = source_key(connection, source, "papers", reconciliation.started)
    one = reconciliation
    started, listed, finished = (
        iso(one.started),
        one.listed and iso(one.listed),
        one.finished and iso(one.finished),
    )
    connection.execute(_PUT_ROUND, (number, one.round, one.cursor, started, listed, finished))
    connection.execute(
        "UPDATE sources SET last_read = max(last_read, ?) WHERE source_key = ?", (finished or started, number)
    )


def load_reconciliation(connection: sqlite3.Connection, source: str) -> Reconciliation | None:
    """Read the latest round of a source."""
    row = connection.execute(
        """SELECT round, started, cursor, listed, finished FROM reconciliations WHERE source_key = ?
        ORDER BY round DESC LIMIT 1""",
        (find_source(connection, source),),
    ).fetchone()
    if row is None:
        return None
    number, started, cursor, listed, finished = row
    return Reconciliation(
        number,
        datetime.fromisoformat(started),
        cursor,
        datetime.fromisoformat(listed) if listed else None,
        datetime.fromisoformat(finished) if finished else None,
    )


def load_gaps(connection: sqlite3.Connection, source: str) -> Gaps:
    """Compare what is held with what the latest round listed; nothing before the first."""
    number = find_source(connection, source)
    latest = _latest_round(connection, number)
    if latest is None:
        return Gaps((), (), 0)
    values = {"source": number, "round": latest}
    outdated, unlisted = (
        tuple(PaperId(found) for (found,) in connection.execute(statement, values))
        for statement in (_OUTDATED, _UNLISTED)
    )
    (count,) = connection.execute(
        "SELECT count(*) FROM listings WHERE source_key = :source AND round = :round", values
    ).fetchone()
    return Gaps(outdated, unlisted, count)


def _latest_round(connection: sqlite3.Connection, number: int) -> int | None:
    latest: int | None = connection.execute(
        "SELECT max(round) FROM reconciliations WHERE source_key = ?", (number,)
    ).fetchone()[0]
    return latest
