"""Citations: which source gives which pair, since when, what it was asked, and how many papers have references."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence, Set
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt

from indexer.papers import Citation, CitationChanges, PaperId
from indexer.store.keys import find_keys, find_source, keys_for, source_key
from indexer.store.reading import as_json
from indexer.tables import Asked, Coverage, Edges, Keys, Seen

Pair = tuple[int, int]

_PUT_CITATION = """
    INSERT INTO citations (citing, cited, source_key, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (citing, cited, source_key) DO UPDATE SET
        last_seen = max(last_seen, excluded.last_seen), gone = NULL
    WHERE last_seen < excluded.last_seen OR gone IS NOT NULL
"""
_PUT_ASKED = """
    INSERT INTO asked (source_key, key, day, found) VALUES (?, ?, ?, ?)
    ON CONFLICT (source_key, key) DO UPDATE SET day = excluded.day, found = excluded.found
    WHERE day <> excluded.day OR found <> excluded.found
"""
_GIVEN = """
    SELECT c.citing, c.cited, c.source_key = ?
    FROM json_each(?) AS wanted CROSS JOIN citations AS c ON c.citing = wanted.value
    WHERE c.gone IS NULL
"""
_SEEN = """
    SELECT s.name, c.first_seen, c.last_seen, c.gone
    FROM citations AS c CROSS JOIN sources AS s ON s.source_key = c.source_key
    WHERE c.citing = ? AND c.cited = ? ORDER BY c.first_seen, c.source_key
"""


def put_citations(
    connection: sqlite3.Connection,
    citations: Sequence[Citation],
    source: str,
    now: datetime,
    *,
    answered: Sequence[PaperId] = (),
    unknown: Sequence[PaperId] = (),
) -> CitationChanges:
    """Insert or see again, and mark as gone what an answered paper no longer has at this source."""
    if not (citations or answered or unknown):
        return CitationChanges()
    ends = (end for citation in citations for end in (citation.citing, citation.cited))
    keys = keys_for(connection, (*ends, *answered, *unknown))
    pairs = {(keys[citation.citing], keys[citation.cited]) for citation in citations}
    whole = {keys[paper_id] for paper_id in answered}
    number = source_key(connection, source, "citations", now)
    day = now.astimezone(UTC).toordinal()
    here, elsewhere = _given(connection, {citing for citing, _ in pairs} | whole, number)
    lost = {pair for pair in here - pairs if pair[0] in whole}
    connection.executemany(
        "UPDATE citations SET gone = ? WHERE citing = ? AND cited = ? AND source_key = ?",
        ((day, *pair, number) for pair in sorted(lost)),
    )
    connection.executemany(_PUT_CITATION, ((*pair, number, day, day) for pair in sorted(pairs)))
    found = Counter(citing for citing, _ in pairs)
    asked = {keys[paper_id]: -1 for paper_id in unknown} | {citing: found[citing] for citing in whole}
    connection.executemany(_PUT_ASKED, ((number, key, day, count) for key, count in sorted(asked.items())))
    changes = CitationChanges(new=len(pairs - here - elsewhere), gone=len(lost - elsewhere))
    _count(connection, changes)
    return changes


def _given(connection: sqlite3.Connection, citing: Set[int], number: int) -> tuple[set[Pair], set[Pair]]:
    """The pairs that source `number` gives for papers, and those that any other one gives."""
    here: set[Pair] = set()
    elsewhere: set[Pair] = set()
    for one, other, is_here in connection.execute(_GIVEN, (number, as_json(citing))):
        (here if is_here else elsewhere).add((one, other))
    return here, elsewhere


def _count(connection: sqlite3.Connection, changes: CitationChanges) -> None:
    if changes.new or changes.gone:
        connection.execute(
            "UPDATE counters SET citation_revision = citation_revision + 1, citations = citations + ?",
            (changes.new - changes.gone,),
        )


def load_edges(connection: sqlite3.Connection) -> Edges:
    """Read each pair that a source gives once, in the order of the primary key."""
    rows = connection.execute(
        "SELECT DISTINCT citing, cited FROM citations WHERE gone IS NULL ORDER BY citing, cited"
    )
    pairs = np.fromiter(rows, np.dtype([("citing", "i8"), ("cited", "i8")]))
    return Edges(citing=pairs["citing"].astype(np.int64), cited=pairs["cited"].astype(np.int64))


def load_asked(connection: sqlite3.Connection, source: str) -> Asked:
    """Read what a source was asked, ascending by key."""
    rows = connection.execute(
        "SELECT key, day, found FROM asked WHERE source_key = ? ORDER BY key",
        (find_source(connection, source),),
    )
    table = np.fromiter(rows, np.dtype([("key", "i8"), ("day", "i4"), ("found", "i4")]))
    return Asked(
        keys=table["key"].astype(np.int64),
        days=table["day"].astype(np.int32),
        found=table["found"].astype(np.int32),
    )


def load_provenance(connection: sqlite3.Connection, citing: PaperId, cited: PaperId) -> list[Seen]:
    """Read which sources gave a pair, the first of them first."""
    keys = find_keys(connection, [citing, cited])
    rows = connection.execute(_SEEN, (keys.get(citing), keys.get(cited)))
    return [
        Seen(name, date.fromordinal(first), date.fromordinal(last), gone and date.fromordinal(gone))
        for name, first, last, gone in rows
    ]


def load_coverage(connection: sqlite3.Connection) -> Coverage:
    """Count papers with references by month of the id: two scans, joined here."""
    held = np.fromiter(
        connection.execute("SELECT key, month FROM papers ORDER BY key"),
        np.dtype([("key", "i8"), ("month", "i4")]),
    )
    given = np.fromiter(
        connection.execute("SELECT DISTINCT citing, source_key FROM citations WHERE gone IS NULL"),
        np.dtype([("citing", "i8"), ("source", "i8")]),
    )
    months, month_of = np.unique(held["month"], return_inverse=True)

    def by_month(citing: Keys) -> npt.NDArray[np.int64]:
        covered = np.isin(held["key"], citing)
        return np.bincount(month_of[covered], minlength=len(months)).astype(np.int64)

    sources = connection.execute(
        "SELECT source_key, name FROM sources WHERE kind = 'citations' ORDER BY source_key"
    )
    return Coverage(
        months=months.astype(np.int32),
        papers=np.bincount(month_of, minlength=len(months)).astype(np.int64),
        covered=by_month(given["citing"]),
        by_source={name: by_month(given["citing"][given["source"] == number]) for number, name in sources},
    )
