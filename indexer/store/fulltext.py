"""Full text search with SQLite's FTS5: what is asked and what passes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from indexer.papers import OPEN_LICENSES, Paper
from indexer.store.reading import as_json, in_chunks
from indexer.tables import Filters, Hits, Keys

# One condition for every question; a filter that is not set is NULL and costs a comparison. The list of the
# categories meant (an archive means its classes: between "cs." and "cs/") is made once for a statement.
_PASSES = """
    (:withdrawn OR p.withdrawn = 0 AND NOT EXISTS (SELECT 1 FROM vanished AS v WHERE v.key = p.key))
    AND (:since IS NULL OR p.day >= :since)
    AND (:until IS NULL OR p.day <= :until)
    AND (:not_after_month IS NULL OR p.month <= :not_after_month)
    AND (:licenses IS NULL OR p.license_key IN (
        SELECT l.license_key FROM licenses AS l JOIN json_each(:licenses) AS wanted ON l.uri = wanted.value))
    AND (:open_licenses IS NULL OR p.license_key IN (
        SELECT l.license_key FROM licenses AS l JOIN json_each(:open_licenses) AS open ON l.uri = open.value))
    AND (:categories IS NULL OR EXISTS (
        SELECT 1 FROM paper_categories AS pc WHERE pc.key = p.key AND pc.category_key IN (
            SELECT c.category_key FROM categories AS c JOIN json_each(:categories) AS wanted
            ON c.name = wanted.value OR (c.name > wanted.value || '.' AND c.name < wanted.value || '/'))))
"""
# Ordering by bm25() itself takes two thirds of the time of FTS5's own `ORDER BY rank` (5.8 against 7.9 ms for
# twelve words over 21,646 papers). A title's word weighs two and a half times one of the abstract.
_SEARCH = f"""
    SELECT p.key, -bm25(fulltext, 2.5, 1.0, 1.0) AS score
    FROM fulltext CROSS JOIN papers AS p ON p.key = fulltext.rowid
    WHERE fulltext MATCH :query AND {_PASSES}
    ORDER BY score DESC, p.key LIMIT :limit OFFSET :offset
"""  # noqa: S608  # put together from constants
_COUNT = f"""
    SELECT count(*) FROM fulltext CROSS JOIN papers AS p ON p.key = fulltext.rowid
    WHERE fulltext MATCH :query AND {_PASSES}
"""  # noqa: S608  # put together from constants
_PASSING = f"""
    SELECT p.key FROM json_each(:keys) AS wanted CROSS JOIN papers AS p ON p.key = wanted.value
    WHERE {_PASSES}
"""  # noqa: S608  # put together from constants

# FTS5 keeps no text of its own: to take a paper out it must be told the text that it was given.
_UNINDEX = """
    INSERT INTO fulltext (fulltext, rowid, title, abstract, authors)
    SELECT 'delete', c.key, c.title, c.abstract, c.authors
    FROM json_each(?) AS wanted CROSS JOIN fulltext_content AS c ON c.key = wanted.value
    WHERE c.key NOT IN (SELECT key FROM unindexed)
"""
_INDEX = """
    INSERT INTO fulltext (rowid, title, abstract, authors)
    SELECT c.key, c.title, c.abstract, c.authors
    FROM unindexed AS u CROSS JOIN fulltext_content AS c ON c.key = u.key
"""


def match_query(words: Sequence[str], *, every_word: bool) -> str | None:
    """Make an FTS5 query of plain words, each a quoted string and no syntax; None if there is none.

    Words without a letter or digit are left out: FTS5 would make "all of them" match nothing. Half surrogate
    pairs become question marks, NUL a space.
    """
    plain = (word.replace("\0", " ").encode("utf-8", "replace").decode() for word in words)
    distinct = {word.casefold(): word for word in plain if any(map(str.isalnum, word))}
    quoted = ['"' + word.replace('"', '""') + '"' for word in distinct.values()]
    return (" AND " if every_word else " OR ").join(quoted) or None


def search(connection: sqlite3.Connection, query: str, filters: Filters, *, limit: int, offset: int) -> Hits:
    """Find the papers that match `query`, best first, ties by key."""
    page = {"query": query, "limit": max(limit, 0), "offset": max(offset, 0)}
    rows = connection.execute(_SEARCH, _parameters(filters) | page).fetchall()
    found = np.array(rows, dtype=np.float64).reshape(len(rows), 2)  # keys are exact in it up to 2**53
    return Hits(found[:, 0].astype(np.int64), found[:, 1].astype(np.float32))


def count_matches(connection: sqlite3.Connection, query: str, filters: Filters) -> int:
    """Count the papers that match `query`."""
    count: int = connection.execute(_COUNT, _parameters(filters) | {"query": query}).fetchone()[0]
    return count


def passing(connection: sqlite3.Connection, keys: Keys, filters: Filters) -> npt.NDArray[np.bool_]:
    """Tell for each key whether a paper held under it passes `filters`."""
    parameters = _parameters(filters)
    passed: list[tuple[int]] = []
    for chunk in in_chunks(keys.tolist(), 10_000):
        passed += connection.execute(_PASSING, parameters | {"keys": json.dumps(chunk)}).fetchall()
    return np.isin(keys, np.array(passed, dtype=np.int64))


def _parameters(filters: Filters) -> dict[str, int | str | None]:
    return {
        "withdrawn": filters.withdrawn,
        "since": filters.since.toordinal() if filters.since else None,
        "until": filters.until.toordinal() if filters.until else None,
        "not_after_month": filters.not_after_month,
        "licenses": json.dumps(filters.licenses) if filters.licenses else None,
        "open_licenses": json.dumps(sorted(OPEN_LICENSES)) if filters.open_license else None,
        "categories": json.dumps(filters.categories) if filters.categories else None,
    }


def note(connection: sqlite3.Connection, keys: Iterable[int]) -> None:
    """Note papers about to be written for `catch_up`, and take those out that were there, as they are now."""
    noted = as_json(keys)
    connection.execute(_UNINDEX, (noted,))
    connection.execute("INSERT OR IGNORE INTO unindexed SELECT value FROM json_each(?)", (noted,))


def catch_up(connection: sqlite3.Connection) -> None:
    """Take in the papers noted, as they are now; this comes before the end of a transaction and before reading in it.

    All together in one statement: FTS5 writes what it holds at each new one. It is the longest step of storing a
    batch (0.04 ms a paper of 0.1), and nothing of Python's, so that a source can read ahead meanwhile.
    """
    if connection.execute("SELECT 1 FROM unindexed LIMIT 1").fetchone():
        connection.execute(_INDEX)
        connection.execute("DELETE FROM unindexed")


def fields(paper: Paper) -> tuple[str, str, str]:
    """Give what is indexed of a paper: title, abstract, names of the authors."""
    return paper.title, paper.abstract, "; ".join(author.name for author in paper.authors)
