"""Judged sets that are not of arXiv: their papers become a library of their own, built as any other is.

The library knows arXiv ids only, so each paper gets one that is made up: `2001.00001` for the first of the set, and so
on in its order, 99,999 a month. Answers and runs speak of the set's own names.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from indexer.crawling import crawl
from indexer.errors import SettingsError
from indexer.library import Library, open_builder, open_library, open_store
from indexer.papers import Paper, PaperBatch, PaperId
from indexer.plain_text import one_line
from indexer.ports import Embedder
from indexer.progress import Progress, silent
from indexer.settings import Settings

_A_MONTH = 99_999  # ids of five digits
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Document:
    """A paper of a set, under the set's own name."""

    name: str
    title: str
    abstract: str


def made_up_id(number: int) -> PaperId:
    """The arXiv id of the document at this place (0 for the first)."""
    months, place = divmod(number, _A_MONTH)
    return PaperId.parse(f"{20 + months // 12:02}{1 + months % 12:02}.{place + 1:05}")


class SetPapers:
    """A `PaperSource` over the documents of a set."""

    def __init__(self, name: str, documents: Sequence[Document]) -> None:
        self._name = name
        self._documents = documents
        self.remarks: list[str] = []

    @property
    def name(self) -> str:
        """`judged:` and what the set is called."""
        return f"judged:{self._name}"

    def batches(self, cursor: str | None = None) -> Iterator[PaperBatch]:
        """Deliver all documents in order; `cursor` counts those that are done."""
        for start in range(int(cursor or 0), len(self._documents), _BATCH):
            papers = tuple(
                Paper(made_up_id(start + at), one_line(document.title), one_line(document.abstract))
                for at, document in enumerate(self._documents[start : start + _BATCH])
            )
            done = start + len(papers)
            yield PaperBatch(papers, cursor=str(done), position=done / len(self._documents))


@contextmanager
def library_of(
    name: str,
    documents: Sequence[Document],
    settings: Settings,
    *,
    work: Path | None = None,
    progress: Progress = silent,
    embedder: Embedder | None = None,
) -> Iterator[Library]:
    """A library that holds just these documents, made with the model and index of `settings`.

    It is kept under the folder `work`, so that a second run embeds nothing, or thrown away without one; other
    documents (or the same ones changed) get another library. Raises `SettingsError` for a folder that cannot be made.
    """
    with _folder(work) as folder:
        path = folder / f"{name}-{_digest(documents)}.db"
        own = replace(settings, library=f"sqlite:///{path}")
        with closing(open_store(own)) as store:
            crawl(store, SetPapers(name, documents), clock=lambda: datetime.now(UTC), progress=progress)
            # Another model than last time is no accident here: its vectors are put beside the others.
            with open_builder(
                own, store=store, progress=progress, new_model=True, embedder=embedder
            ) as builder:
                builder.update()
        with open_library(own, embedder=embedder) as library:
            yield library


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    if work is None:
        with tempfile.TemporaryDirectory(prefix="paperkin-") as folder:
            yield Path(folder)
        return
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"--work {work} cannot be made ({error.strerror}); name another folder"
        ) from error
    yield work


def _digest(documents: Sequence[Document]) -> str:
    """Tells a set from another: 12 hexadecimal digits of its names and texts."""
    found = hashlib.sha256()
    for document in documents:
        found.update("\0".join((document.name, document.title, document.abstract, "")).encode())
    return found.hexdigest()[:12]
