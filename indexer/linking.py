"""Linking: storing what a source of citations delivers, asked for the papers that are due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from indexer.crawling import SHOWN
from indexer.papers import PaperId, Rejected
from indexer.ports import CitationSource, PaperStore
from indexer.progress import Clock, Progress, silent, tell
from indexer.tables import Asked, Keys, PaperTable

# When a source is asked for a paper again, in days since it was asked. Sources learn of a new paper within days to
# weeks (Semantic Scholar, OpenAlex), and revise its list while versions and journals follow.
SOON, MONTHLY, RARELY = 7, 30, 180
YOUNG = 180  # days since version 1


@dataclass(slots=True)
class LinkSummary:
    """What linking did: citations read, how the set of pairs changed, papers asked for, records left out."""

    source: str
    read: int = 0
    new: int = 0
    gone: int = 0
    answered: int = 0  # papers whose list of references came whole
    unknown: int = 0  # papers that the source does not know
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0
    remarks: list[str] = field(default_factory=list)


def link(
    store: PaperStore,
    source: CitationSource,
    *,
    clock: Clock,
    progress: Progress = silent,
    everything: bool = False,
) -> LinkSummary:
    """Store the citations of a source, a batch in a transaction, for the papers that are due (or `everything`)."""
    summary = LinkSummary(source.name)
    progress("link", 0, None, "citations")
    wanted = _wanted(store, source.name, clock().date(), everything=everything)
    try:
        for batch in source.batches(wanted, store.cursor(source.name)):
            with store.transaction():
                changes = store.put_citations(
                    batch.citations, source.name, clock(), answered=batch.answered, unknown=batch.unknown
                )
                if batch.rejected:
                    store.put_quarantined(batch.rejected, source.name, clock())
                store.put_cursor(source.name, "citations", batch.cursor, clock())
            summary.read += len(batch.citations)
            summary.new += changes.new
            summary.gone += changes.gone
            summary.answered += len(batch.answered)
            summary.unknown += len(batch.unknown)
            summary.rejected_count += len(batch.rejected)
            summary.rejected.extend(batch.rejected[: SHOWN - len(summary.rejected)])
            tell(progress, "link", summary.read, position=batch.position, unit="citations")
    finally:
        summary.remarks.extend(source.remarks)
    return summary


def _wanted(store: PaperStore, source: str, today: date, *, everything: bool) -> Iterator[PaperId]:
    """The papers to ask for, read only if the source asks (a file does not)."""
    table = store.table()
    keys = table.keys[::-1] if everything else due(table, store.asked(source), today)
    for start in range(0, len(keys), 1_000):
        chunk = keys[start : start + 1_000].tolist()
        found = store.ids(chunk)
        yield from (found[key] for key in chunk)


def due(table: PaperTable, asked: Asked, today: date) -> Keys:
    """Decide which papers a source is asked for now: never asked ones newest first, then the longest unasked.

    A paper without references at the source is asked for again after a week while it is young, one with
    references after a month; an old paper twice a year.
    """
    last, found = _of_each(table.keys, asked)
    since_asked = today.toordinal() - last
    young = today.toordinal() - table.days < YOUNG
    patience = np.where(young, np.where(found > 0, MONTHLY, SOON), RARELY)
    never = last == 0
    chosen = np.flatnonzero(never | (since_asked >= patience))
    order = np.lexsort((-table.keys[chosen], -table.days[chosen].astype(np.int64), last[chosen]))
    return table.keys[chosen[order]]


def _of_each(keys: Keys, asked: Asked) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each key the day on which it was asked for (0: never) and what was found: int64, same length."""
    last, found = np.zeros(len(keys), np.int64), np.full(len(keys), -1, np.int64)
    if len(asked.keys):
        at = np.minimum(np.searchsorted(asked.keys, keys), len(asked.keys) - 1)
        known = asked.keys[at] == keys
        last[known], found[known] = asked.days[at][known], asked.found[at][known]
    return last, found
