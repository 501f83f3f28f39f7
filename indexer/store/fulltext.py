"""Full text search with SQLite's FTS5: what is asked and what passes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from indexer.papers import OPEN_LICENSES, Paper
from indexer.store.reading import in_chunks
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


def index(connection: sqlite3.Connection, papers: dict[int, Paper]) -> None:
    """Add papers under their keys."""
    connection.executemany(
        "INSERT INTO fulltext (rowid, title, abstract, authors) VALUES (?, ?, ?, ?)", _rows(papers)
    )


def unindex(connection: sqlite3.Connection, papers: dict[int, Paper]) -> None:
    """Take papers out; each must be just as it was indexed, for FTS5 keeps no text of its own."""
    connection.executemany(
        "INSERT INTO fulltext (fulltext, rowid, title, abstract, authors) VALUES ('delete', ?, ?, ?, ?)",
        _rows(papers),
    )


def _rows(papers: dict[int, Paper]) -> list[tuple[int, str, str, str]]:
    return [(key, *fields(paper)) for key, paper in papers.items()]


def fields(paper: Paper) -> tuple[str, str, str]:
    """Give what is indexed of a paper: title, abstract, names of the authors."""
    return paper.title, paper.abstract, "; ".join(author.name for author in paper.authors)
