"""Builders of test values: every argument has a default, so that a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from indexer.papers import Author, Citation, Paper, PaperId, Version
from indexer.tables import Vectors

NOW = datetime(2026, 8, 20, 12, tzinfo=UTC)


def an_id(number: int = 1, month: int = 2401) -> PaperId:
    """A new-style id: `2401.00001` for number 1."""
    return PaperId.parse(f"{month}.{number:05}")


def a_paper(number: int = 1, *, month: int = 2401, **fields: object) -> Paper:
    """A paper with every field filled; `fields` replaces some."""
    values: dict[str, object] = {
        "id": an_id(number, month),
        "title": f"On the kinship of papers, part {number}",
        "abstract": f"We study kinship number {number}. We propose a method. Results show that it works.",
        "authors": (Author("Curie", "Marie"), Author("Noether", "Emmy")),
        "categories": ("cs.DL", "cs.IR"),
        "license": "http://creativecommons.org/licenses/by/4.0/",
        "versions": (Version(1, datetime(2000 + month // 100, month % 100, 15, tzinfo=UTC)),),
    }
    return Paper(**(values | fields))  # type: ignore[arg-type]  # the test names real fields


def unit_vectors(count: int, width: int = 16, seed: int = 0) -> Vectors:
    """Random float32 rows of length 1."""
    rows = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def later(days: int) -> datetime:
    """`NOW` and some days."""
    return NOW + timedelta(days=days)


def some_versions(count: int, *, withdrawn: tuple[int, ...] = ()) -> tuple[Version, ...]:
    """Versions 1 to `count`, a day apart; those numbered in `withdrawn` are."""
    return tuple(Version(n, later(n), withdrawn=n in withdrawn) for n in range(1, count + 1))


def cited(*pairs: tuple[int, int]) -> list[Citation]:
    """Citations between papers of `an_id`, by number."""
    return [Citation(an_id(citing), an_id(other)) for citing, other in pairs]
