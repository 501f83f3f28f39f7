"""Whole-library reading into arrays: table, vectors, and the texts that still need a vector."""

from __future__ import annotations

import sqlite3

import numpy as np

from indexer.papers import OPEN_LICENSES, Paper, PaperId
from indexer.tables import Keys, PaperTable, PendingText, Vectors

STORED = np.dtype("<f4")

_TABLE = """
    SELECT p.key, p.month, p.day, p.withdrawn OR v.key IS NOT NULL, coalesce(p.license_key, 0),
        coalesce(pc.category_key, 0)
    FROM papers AS p
    LEFT JOIN vanished AS v ON v.key = p.key
    LEFT JOIN paper_categories AS pc ON pc.key = p.key AND pc.position = 0
    ORDER BY p.key
"""
# The texts themselves are fetched last, so that sorting moves keys only.
_PENDING = """
    SELECT p.key, i.id, t.title, t.abstract, lower(hex(p.text_hash))
    FROM (
        SELECT key, text_hash, text_length FROM papers
        WHERE NOT EXISTS (
            SELECT 1 FROM vectors AS v
            WHERE v.fingerprint_key = :fingerprint AND v.key = papers.key AND v.text_hash = papers.text_hash)
        ORDER BY text_length, key LIMIT :limit
    ) AS p
    CROSS JOIN ids AS i ON i.key = p.key
    CROSS JOIN texts AS t ON t.key = p.key
    ORDER BY p.text_length, p.key
"""
_CURRENT_KEYS = """
    SELECT p.key FROM papers AS p
    WHERE EXISTS (
        SELECT 1 FROM vectors AS v
        WHERE v.fingerprint_key = ? AND v.key = p.key AND v.text_hash = p.text_hash)
    ORDER BY p.key
"""
_CURRENT_VECTORS = """
    SELECT v.key, v.vector
    FROM vectors AS v NOT INDEXED CROSS JOIN papers AS p ON p.key = v.key AND p.text_hash = v.text_hash
    WHERE v.fingerprint_key = ?
"""
_CURRENT_VECTOR = """
    SELECT v.vector FROM papers AS p
    CROSS JOIN vectors AS v ON v.fingerprint_key = ? AND v.key = p.key AND v.text_hash = p.text_hash
    WHERE p.key = ?
"""


def load_table(connection: sqlite3.Connection) -> PaperTable:
    """Read the columns of `papers` that whole-library work needs."""
    rows = connection.execute(_TABLE)
    columns = "key month day withdrawn license category"
    table = np.fromiter(
        rows, np.dtype(list(zip(columns.split(), ("i8", "i4", "i4", "?", "i8", "i8"), strict=True)))
    )
    names = {0: ""} | dict(connection.execute("SELECT category_key, name FROM categories"))
    licenses = connection.execute("SELECT license_key, uri FROM licenses")
    return PaperTable(
        keys=table["key"].astype(np.int64),
        months=table["month"].astype(np.int32),
        days=table["day"].astype(np.int32),
        withdrawn=table["withdrawn"].astype(np.bool_),
        open_license=np.isin(table["license"], [key for key, uri in licenses if uri in OPEN_LICENSES]),
        categories=tuple(map(names.__getitem__, table["category"].tolist())),
    )


def load_pending(connection: sqlite3.Connection, fingerprint: str, limit: int | None) -> list[PendingText]:
    """Read the papers without a current vector, shortest text first; all of them if `limit` is None."""
    fingerprint_key, _ = find_fingerprint(connection, fingerprint)
    rows = connection.execute(
        _PENDING, {"fingerprint": fingerprint_key, "limit": -1 if limit is None else limit}
    )
    return [
        PendingText(key, Paper(PaperId(identifier), title, abstract).text, digest)
        for key, identifier, title, abstract, digest in rows
    ]


def load_vectors(connection: sqlite3.Connection, fingerprint: str) -> tuple[Keys, Vectors]:
    """Read every current vector, ascending by key.

    The keys come from the index alone; the vectors are then read in the order in which they lie in the file
    and put into place, one array of the final size and no copy of it.
    """
    fingerprint_key, width = find_fingerprint(connection, fingerprint)
    found = connection.execute(_CURRENT_KEYS, (fingerprint_key,))
    keys = np.fromiter((key for (key,) in found), np.int64)
    vectors = np.empty((len(keys), width), np.float32)
    rows = connection.execute(_CURRENT_VECTORS, (fingerprint_key,))
    while block := rows.fetchmany(4096):
        places = np.searchsorted(keys, [key for key, _ in block])
        joined = b"".join(vector for _, vector in block)
        vectors[places] = np.frombuffer(joined, STORED).reshape(len(block), width)
    return keys, vectors


def load_vector(connection: sqlite3.Connection, fingerprint: str, key: int) -> Vectors | None:
    """Read the current vector of one paper, or None."""
    fingerprint_key, _ = find_fingerprint(connection, fingerprint)
    row = connection.execute(_CURRENT_VECTOR, (fingerprint_key, int(key))).fetchone()
    return None if row is None else np.frombuffer(row[0], STORED).astype(np.float32)


def find_fingerprint(connection: sqlite3.Connection, fingerprint: str) -> tuple[int, int]:
    """Find the number of an embedder in this library and its width; 0 and 0 if it made nothing yet."""
    row = connection.execute(
        "SELECT fingerprint_key, width FROM fingerprints WHERE fingerprint = ?", (fingerprint,)
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])
