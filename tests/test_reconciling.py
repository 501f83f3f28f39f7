"""Reconciling: gaps closed, tombstones that can be undone, and a list that cannot be true not believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from indexer import reconciling
from indexer.crawling import crawl
from indexer.errors import SourceError
from indexer.library import open_store
from indexer.papers import Listing, Paper, PaperBatch, PaperId
from indexer.ports import PaperStore
from indexer.reconciling import EVERY, ReconcileSummary, is_due
from indexer.tables import Reconciliation
from tests.builders import NOW, a_paper, an_id
from tests.libraries import settings_in
from tests.shelves import Mirrored

DAY = date(2026, 8, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PaperStore]:
    opened = open_store(settings_in(tmp_path))
    yield opened
    opened.close()


def mirrored(*papers: Paper, day: date = DAY) -> dict[PaperId, tuple[Paper, Listing]]:
    return {paper.id: (paper, Listing(paper.id, day)) for paper in papers}


def some(count: int) -> list[Paper]:
    return [a_paper(number) for number in range(1, count + 1)]


def reconcile(store: PaperStore, source: Mirrored, *, accept_vanished: bool = False) -> ReconcileSummary:
    return reconciling.reconcile(store, source, clock=lambda: NOW, accept_vanished=accept_vanished)


def test_a_mirror_without_gaps_fetches_nothing(store: PaperStore) -> None:
    source = Mirrored(mirrored(*some(5)))
    crawl(store, source, clock=lambda: NOW)
    summary = reconcile(store, source)
    assert (summary.listed, summary.outdated, summary.unlisted, source.fetched) == (5, 0, 0, [])
    latest = store.reconciliation(source.name)
    assert latest is not None
    assert (latest.round, latest.finished) == (1, NOW)


def test_a_paper_that_the_harvest_skipped_is_fetched(store: PaperStore) -> None:
    crawl(store, Mirrored(mirrored(*some(3))), clock=lambda: NOW)
    source = Mirrored(mirrored(*some(4)))
    assert reconcile(store, source).outdated == 1
    assert source.fetched == [an_id(4)]
    assert store.paper(an_id(4)) == a_paper(4)


def test_a_revision_that_the_harvest_skipped_is_fetched(store: PaperStore) -> None:
    crawl(store, Mirrored(mirrored(*some(3))), clock=lambda: NOW)
    revised = a_paper(2, abstract="Another abstract.")
    source = Mirrored(mirrored(*some(3)) | mirrored(revised, day=DAY + timedelta(days=1)))
    reconcile(store, source)
    assert source.fetched == [an_id(2)]
    held = store.paper(an_id(2))
    assert held is not None
    assert held.abstract == "Another abstract."
    assert reconcile(store, source).outdated == 0


def test_a_paper_that_is_gone_is_marked_and_comes_back(store: PaperStore) -> None:
    everything = mirrored(*some(5))
    crawl(store, Mirrored(everything), clock=lambda: NOW)
    without = {paper_id: one for paper_id, one in everything.items() if paper_id != an_id(3)}
    summary = reconcile(store, Mirrored(without))
    assert (summary.unlisted, summary.crawled.vanished) == (1, [an_id(3)])
    held = store.paper(an_id(3))
    assert held == replace(a_paper(3), vanished=True)
    assert reconcile(store, Mirrored(without)).unlisted == 0
    back = reconcile(store, Mirrored(everything))
    assert store.paper(an_id(3)) == a_paper(3)
    assert back.outdated == 1


def test_a_paper_that_the_list_overlooks_is_asked_for_before_it_is_marked(store: PaperStore) -> None:
    source = Mirrored(mirrored(*some(5)), overlooked={an_id(2)})
    crawl(store, source, clock=lambda: NOW)
    summary = reconcile(store, source)
    assert (summary.unlisted, summary.crawled.vanished, source.fetched) == (1, [], [an_id(2)])
    assert store.status().vanished == 0


def test_too_many_gone_at_once_are_not_believed_unless_a_person_does(store: PaperStore) -> None:
    crawl(store, Mirrored(mirrored(*some(20))), clock=lambda: NOW)
    half = Mirrored(mirrored(*some(9)))
    with pytest.raises(
        SourceError, match=r"no longer lists 11 papers .*crawl mirrored: --reconcile --accept-vanished"
    ):
        reconcile(store, half)
    assert (store.status().vanished, half.fetched) == (0, [])
    assert len(reconcile(store, half, accept_vanished=True).crawled.vanished) == 11


def test_too_many_to_be_fetched_one_by_one_are_not_begun(
    store: PaperStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "MOST_FETCHED", 3)
    source = Mirrored(mirrored(*some(4)))
    with pytest.raises(SourceError, match=r"lists 4 papers .* `paperkin crawl mirrored: --since DATE`"):
        reconcile(store, source)
    assert source.fetched == []


def test_an_interrupted_round_goes_on_with_its_list(store: PaperStore) -> None:
    everything = mirrored(*some(7))
    crawl(store, Mirrored(everything), clock=lambda: NOW)
    with pytest.raises(SourceError):
        reconcile(store, Mirrored(everything, breaks_off_at=4))
    latest = store.reconciliation("mirrored:")
    assert latest is not None
    assert (latest.round, latest.cursor, latest.finished) == (1, "4", None)
    assert is_due(latest, NOW)
    summary = reconcile(store, Mirrored(everything))
    assert (summary.listed, summary.unlisted) == (7, 0)


@pytest.mark.parametrize(
    ("latest", "expected"),
    [
        (None, True),
        (Reconciliation(1, NOW - EVERY), True),
        (Reconciliation(1, NOW - EVERY, finished=NOW - EVERY), True),
        (Reconciliation(1, NOW - EVERY, finished=NOW - EVERY + timedelta(seconds=1)), False),
    ],
)
def test_a_round_is_due_monthly(latest: Reconciliation | None, *, expected: bool) -> None:
    assert is_due(latest, NOW) is expected


def test_gaps_that_could_not_be_closed_do_not_cost_the_list_again(store: PaperStore) -> None:
    class Down(Mirrored):
        def records(self, paper_ids: Iterable[PaperId]) -> Iterator[PaperBatch]:
            raise SourceError(f"down, and {len(list(paper_ids))} papers not fetched")

    with pytest.raises(SourceError, match="down"):
        reconcile(store, Down(mirrored(*some(3))))
    unread = Mirrored(mirrored(*some(3)), breaks_off_at=0)
    assert reconcile(store, unread).outdated == 3
    assert unread.fetched == [an_id(1), an_id(2), an_id(3)]
