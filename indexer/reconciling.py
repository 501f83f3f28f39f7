"""Reconciling: comparing the library with the whole list of a source, and closing the gaps.

Increments alone do not keep a mirror complete: arXiv's resumption tokens count positions, so a record that is
changed while it is harvested makes another one fall between two pages, and it tells of no deletions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from indexer.crawling import CrawlSummary, store_batch
from indexer.errors import SourceError
from indexer.papers import PaperId
from indexer.ports import ListedSource, PaperStore
from indexer.progress import Clock, Progress, silent, tell
from indexer.tables import Gaps, Reconciliation

EVERY = timedelta(days=30)
STALE = timedelta(days=2)  # of a list whose gaps could not be closed
# Papers that go missing at once are more likely a fault of the list than of arXiv, which removes a handful a year.
MOST_VANISHED_SHARE = 0.001
MOST_VANISHED = 10
# Each is a request of its own: 3,000 take two and a half hours at arXiv's pace.
MOST_FETCHED = 3_000


@dataclass(slots=True)
class ReconcileSummary:
    """What a round did: how many papers the source lists, and what closing the gaps changed."""

    listed: int
    outdated: int  # were listed, and missing or older here
    unlisted: int  # were here, and not in the list
    crawled: CrawlSummary


def is_due(latest: Reconciliation | None, now: datetime) -> bool:
    """Whether a round is under way, or the latest is a month old."""
    return latest is None or latest.finished is None or now - latest.finished >= EVERY


def reconcile(
    store: PaperStore,
    source: ListedSource,
    *,
    clock: Clock,
    progress: Progress = silent,
    accept_vanished: bool = False,
) -> ReconcileSummary:
    """Compare with all that the source lists, fetch what is missing or older, mark what is gone there.

    A paper that is not in the list is asked for by itself before it is marked: a list that is read while records
    change can miss one. Raise `SourceError`, nothing marked, if more go missing than can be true, unless
    `accept_vanished`. Interrupted, the next call goes on.
    """
    state = _begin(store, source.name, clock())
    if state.listed is None:
        state = _read_list(store, source, state, clock=clock, progress=progress)
    gaps = store.gaps(source.name)
    _check(gaps, source.name, accept_vanished=accept_vanished)
    crawled = CrawlSummary(source.name)
    wanted = (*gaps.outdated, *gaps.unlisted)
    for done, batch in enumerate(source.records(wanted), start=1):
        with store.transaction():
            store_batch(store, batch, crawled, clock=clock)
        tell(progress, "compare", done, position=done / len(wanted), unit="papers")
    crawled.remarks.extend(source.remarks)
    with store.transaction():
        store.put_reconciliation(source.name, replace(state, finished=clock()))
    return ReconcileSummary(gaps.listed, len(gaps.outdated), len(gaps.unlisted), crawled)


def _begin(store: PaperStore, name: str, now: datetime) -> Reconciliation:
    """The round that is under way, or a new one; what is listed for too long is listed anew."""
    latest = store.reconciliation(name)
    if latest is not None and latest.finished is None and not (latest.listed and now - latest.listed > STALE):
        return latest
    return Reconciliation(round=latest.round + 1 if latest else 1, started=now)


def _read_list(
    store: PaperStore, source: ListedSource, state: Reconciliation, *, clock: Clock, progress: Progress
) -> Reconciliation:
    """Store the list, page by page."""
    read = 0
    progress("list", 0, None, "papers")
    for batch in source.identifiers(state.cursor):
        state = replace(state, cursor=batch.cursor)
        with store.transaction():
            store.put_listed(batch.listed, source.name, state.round)
            store.put_reconciliation(source.name, state)
        read += len(batch.listed)
        tell(progress, "list", read, position=batch.position, unit="papers")
    state = replace(state, listed=clock(), cursor=None)
    with store.transaction():
        store.put_reconciliation(source.name, state)
    return state


def _check(gaps: Gaps, name: str, *, accept_vanished: bool) -> None:
    """Refuse gaps that are too large to be true, or to be closed one by one."""
    if len(gaps.unlisted) > max(MOST_VANISHED, MOST_VANISHED_SHARE * gaps.listed) and not accept_vanished:
        raise SourceError(
            f"{name} no longer lists {len(gaps.unlisted):,} papers that the library holds"
            f" ({_few(gaps.unlisted)}): too many to be believed, so none was marked; look at some of them at arXiv,"
            f" and if they are gone run `paperkin crawl {name} --reconcile --accept-vanished`"
        )
    if len(gaps.outdated) > MOST_FETCHED:
        raise SourceError(
            f"{name} lists {len(gaps.outdated):,} papers that the library does not hold as they are now"
            f" ({_few(gaps.outdated)}): too many to fetch one by one; harvest them with"
            f" `paperkin crawl {name} --since DATE`"
        )


def _few(paper_ids: tuple[PaperId, ...]) -> str:
    return ", ".join(str(paper_id) for paper_id in paper_ids[:3]) + (", ..." if len(paper_ids) > 3 else "")
