"""Vector indexes by URL: `faiss:` for use, `exact:` (numpy) as the reference that FAISS is tested against."""

from __future__ import annotations

from pathlib import Path

from indexer.errors import SettingsError
from indexer.ports import VectorIndex

SCHEMES = ("faiss:", "exact:")


def new_index(url: str, width: int) -> VectorIndex:
    """Make an empty index for vectors of `width` components; raise `SettingsError` for an unknown URL."""
    if scheme_of(url) == "faiss:":
        from indexer.vectors.faiss_index import FaissIndex  # takes 0.1 s to import

        return FaissIndex(width)
    from indexer.vectors.exact import ExactIndex

    return ExactIndex(width)


def load_index(url: str, path: Path) -> VectorIndex:
    """Read the index that `save` wrote to `path`.

    Raise `GenerationError` where the file is missing, damaged or of another kind than `url` says, and
    `SettingsError` for an unknown URL.
    """
    if scheme_of(url) == "faiss:":
        from indexer.vectors.faiss_index import FaissIndex  # takes 0.1 s to import

        return FaissIndex.load(path)
    from indexer.vectors.exact import ExactIndex

    return ExactIndex.load(path)


def scheme_of(url: str) -> str:
    """Which of `SCHEMES` a URL has; raise `SettingsError` for an unknown one."""
    for scheme in SCHEMES:
        if url == scheme:
            return scheme
    raise SettingsError(f"unknown vector index {url!r}; use one of {', '.join(SCHEMES)}")
