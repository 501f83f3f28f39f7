"""What arXiv announced, by day and category."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime

from indexer.papers import Announcement, AnnouncementKind, PaperId
from indexer.store.keys import keys_for

_ANNOUNCED = """
    SELECT i.id, a.version, c.name, a.kind, a.day
    FROM announcements AS a
    CROSS JOIN ids AS i ON i.key = a.key
    CROSS JOIN categories AS c ON c.category_key = a.category_key
    WHERE a.day BETWEEN ? AND ?
    ORDER BY a.day, i.id, c.name, a.version
"""

# A harvest of the day of announcement or later has the announced version; datestamps may be a day behind, for the
# service counts in UTC and announcements are made in the evening of arXiv's Eastern time. Where nothing was
# ever harvested, nothing is behind.
_UNHARVESTED = """
    SELECT DISTINCT i.id FROM announcements AS a CROSS JOIN ids AS i ON i.key = a.key
    WHERE a.day >= ? AND EXISTS (SELECT 1 FROM listings) AND NOT EXISTS (
        SELECT 1 FROM sources AS s CROSS JOIN listings AS l ON l.source_key = s.source_key AND l.key = a.key
        WHERE l.delivered >= a.day - 1)
    ORDER BY i.id
"""


def put_announced(connection: sqlite3.Connection, announced: Sequence[Announcement], now: datetime) -> int:
    """Keep announcements; how many were not known."""
    keys = keys_for(connection, (one.id for one in announced))
    connection.executemany(
        "INSERT OR IGNORE INTO categories (name) VALUES (?)", sorted({(one.category,) for one in announced})
    )
    before = connection.total_changes
    connection.executemany(
        """INSERT OR IGNORE INTO announcements (day, key, category_key, version, kind, seen)
        VALUES (?, ?, (SELECT category_key FROM categories WHERE name = ?), ?, ?, ?)""",
        (
            (
                one.day.toordinal(),
                keys[one.id],
                one.category,
                one.version,
                one.kind,
                now.astimezone(UTC).toordinal(),
            )
            for one in announced
        ),
    )
    return connection.total_changes - before


def load_announced(connection: sqlite3.Connection, since: date, until: date) -> list[Announcement]:
    """Read what was announced from `since` to `until`, by day, id and category."""
    rows = connection.execute(_ANNOUNCED, (since.toordinal(), until.toordinal()))
    return [
        Announcement(PaperId(paper_id), version, category, AnnouncementKind(kind), date.fromordinal(day))
        for paper_id, version, category, kind, day in rows
    ]


def load_unharvested(connection: sqlite3.Connection, since: date) -> list[PaperId]:
    """Read which papers were announced on `since` or later and have not been harvested since."""
    return [PaperId(found) for (found,) in connection.execute(_UNHARVESTED, (since.toordinal(),))]
