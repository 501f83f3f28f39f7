"""Crawling: storing what a source of papers delivers, a batch in a transaction."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from indexer.ahead import close, make_next
from indexer.papers import Announcement, ChangeKind, PaperBatch, PaperId, Rejected
from indexer.ports import PaperSource, PaperStore
from indexer.progress import Clock, Progress, silent, tell

SHOWN = 100  # rejected records and vanished papers that a summary names


@dataclass(slots=True)
class CrawlSummary:
    """What a crawl did: papers by kind of change, those gone, and records left out (the first 100 by name)."""

    source: str
    changes: Counter[ChangeKind] = field(default_factory=Counter)
    withdrawn: int = 0  # became so; counted in `changes` too
    vanished: list[PaperId] = field(default_factory=list)
    announced: int = 0  # announcements that were not known
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0
    remarks: list[str] = field(default_factory=list)
    dry: bool = False  # nothing was kept

    @property
    def read(self) -> int:
        """Papers read, whatever became of them."""
        return self.changes.total()

    def add_rejected(self, rejected: Sequence[Rejected]) -> None:
        """Count records left out."""
        self.rejected_count += len(rejected)
        self.rejected.extend(rejected[: SHOWN - len(self.rejected)])


def crawl(
    store: PaperStore,
    source: PaperSource,
    *,
    clock: Clock,
    progress: Progress = silent,
    dry_run: bool = False,
) -> CrawlSummary:
    """Store every paper of a source; killed anywhere, nothing is half stored and the next crawl goes on.

    A dry run reads as much and counts the same, batch by batch, and keeps nothing.
    """
    summary = CrawlSummary(source.name, dry=dry_run)
    progress("crawl", 0, None, "papers")
    announced: list[Announcement] = []
    batches = source.batches(store.cursor(source.name))
    try:
        with _few_collections():
            for batch in batches:
                with _transaction(store, undone=dry_run):
                    store_batch(store, batch, summary, clock=clock)
                    store.put_cursor(source.name, "papers", batch.cursor, clock())
                    make_next(batches)
                announced.extend(batch.announced)
                tell(progress, "crawl", summary.read, position=batch.position, unit="papers")
    finally:
        close(batches)
        summary.remarks.extend(source.remarks)
    summary.remarks.extend(_behind(store, announced))
    return summary


def store_batch(store: PaperStore, batch: PaperBatch, summary: CrawlSummary, *, clock: Clock) -> None:
    """Store all that a batch tells; the caller has opened the transaction, and moves the cursor."""
    source, now = summary.source, clock()
    changes = store.put_papers(batch.papers, source, now, completeness=batch.completeness)
    vanished = store.put_vanished(batch.deleted, source, now) if batch.deleted else []
    if batch.listed:
        store.put_delivered(batch.listed, source)
    if batch.rejected:
        store.put_quarantined(batch.rejected, source, now)
    if batch.announced:
        summary.announced += store.put_announced(batch.announced, now)
    summary.changes.update(change.kind for change in changes)
    summary.withdrawn += sum(change.withdrawn for change in changes)
    summary.vanished.extend(vanished)
    summary.add_rejected(batch.rejected)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Let the interpreter look for garbage in cycles every 50,000 new objects instead of every 700.

    A batch of 5,000 papers is 200,000 objects and no cycle; looking through them takes a sixth of a crawl.
    """
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Undone(Exception):
    """Ends a transaction that is not to be kept."""


@contextmanager
def _transaction(store: PaperStore, *, undone: bool) -> Iterator[None]:
    with suppress(_Undone), store.transaction():
        yield
        if undone:
            raise _Undone


def _behind(store: PaperStore, announced: Sequence[Announcement]) -> list[str]:
    """A remark if papers were announced that the harvest has not brought."""
    if not announced:
        return []
    since = min(one.day for one in announced)
    late = set(store.unharvested(since)) & {one.id for one in announced}
    if not late:
        return []
    few = ", ".join(str(paper_id) for paper_id in sorted(late)[:3]) + (", ..." if len(late) > 3 else "")
    return [
        f"of {len({one.id for one in announced}):,} papers announced since {since}, {len(late):,} have not been"
        f" harvested ({few}); if that stays so, run `paperkin crawl oai-pmh:`"
    ]
