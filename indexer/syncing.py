"""Syncing: all that an operator wants nightly, in one go: harvest, citations for what is new, update.

One source that fails does not stop the others: what it could not do is kept in the summary and done next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from indexer.crawling import CrawlSummary, crawl
from indexer.errors import SourceError
from indexer.linking import LinkSummary, link
from indexer.ports import CitationSource, ListedSource, PaperSource, PaperStore
from indexer.progress import Clock, Progress, silent
from indexer.reconciling import ReconcileSummary, is_due, reconcile
from indexer.updating import UpdateSummary


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that could not be read (any further), and why."""

    source: str
    reason: str


@dataclass(slots=True)
class SyncSummary:
    """What each step of a sync did; `updated` is None if it was not reached."""

    crawled: list[CrawlSummary] = field(default_factory=list)
    reconciled: list[ReconcileSummary] = field(default_factory=list)
    linked: list[LinkSummary] = field(default_factory=list)
    updated: UpdateSummary | None = None
    failures: list[Failure] = field(default_factory=list)


def sync(
    store: PaperStore,
    papers: Sequence[PaperSource],
    citations: Sequence[CitationSource],
    update: Callable[[], UpdateSummary],
    *,
    clock: Clock,
    progress: Progress = silent,
) -> SyncSummary:
    """Crawl, reconcile where it is due, link, then `update`; each source by itself, the store held throughout."""
    summary = SyncSummary()
    for source in papers:
        with _failing_alone(summary, source.name):
            summary.crawled.append(crawl(store, source, clock=clock, progress=progress))
            if isinstance(source, ListedSource) and is_due(store.reconciliation(source.name), clock()):
                summary.reconciled.append(reconcile(store, source, clock=clock, progress=progress))
    for linked in citations:
        with _failing_alone(summary, linked.name):
            summary.linked.append(link(store, linked, clock=clock, progress=progress))
    summary.updated = update()
    return summary


@contextmanager
def _failing_alone(summary: SyncSummary, source: str) -> Iterator[None]:
    """Keep the failure of a source in the summary, and go on."""
    try:
        yield
    except SourceError as error:
        summary.failures.append(Failure(source, str(error)))
