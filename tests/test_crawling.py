"""Crawling: each batch whole, nothing twice, and a true account of what came."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from indexer import crawling
from indexer.crawling import CrawlSummary
from indexer.errors import SourceError, StoreError
from indexer.library import open_store
from indexer.papers import Announcement, AnnouncementKind, ChangeKind, Completeness, Listing
from indexer.ports import PaperSource, PaperStore
from tests.builders import NOW, a_paper, an_id
from tests.libraries import settings_in
from tests.shelves import Shelf, Told, shelves


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PaperStore]:
    opened = open_store(settings_in(tmp_path))
    yield opened
    opened.close()


def crawl(store: PaperStore, source: PaperSource, *, dry_run: bool = False) -> CrawlSummary:
    return crawling.crawl(store, source, clock=lambda: NOW, dry_run=dry_run)


def test_papers_are_stored_and_counted_by_what_became_of_them(store: PaperStore) -> None:
    summary = crawl(store, Shelf(shelves(2)))
    assert (summary.source, summary.read, summary.changes) == ("shelf:", 6, {ChangeKind.NEW: 6})
    revised = [a_paper(1, abstract="Another."), a_paper(2, license=None, doi="10/1"), a_paper(3)]
    summary = crawl(store, Shelf([revised], name="other:"))
    assert summary.changes == {
        ChangeKind.REVISED: 1,
        ChangeKind.METADATA: 1,
        ChangeKind.UNCHANGED: 1,
    }


def test_a_source_that_breaks_off_keeps_what_came_before_and_goes_on_there(store: PaperStore) -> None:
    with pytest.raises(SourceError, match="breaks off at batch 2"):
        crawl(store, Shelf(shelves(4), breaks_off_at=2))
    assert (store.status().papers, store.cursor("shelf:")) == (6, "2")
    mended = Shelf(shelves(4))
    assert crawl(store, mended).read == 6
    assert (store.status().papers, mended.delivered) == (12, 2)


@pytest.mark.parametrize("resumable", [True, False])
def test_a_second_crawl_changes_nothing(store: PaperStore, *, resumable: bool) -> None:
    crawl(store, Shelf(shelves(3), resumable=resumable))
    before = store.status()
    again = Shelf(shelves(3), resumable=resumable)
    summary = crawl(store, again)
    assert store.status() == before
    assert summary.changes == ({} if resumable else {ChangeKind.UNCHANGED: 9})
    assert again.delivered == (0 if resumable else 3)


def test_a_batch_that_cannot_be_stored_leaves_the_cursor_before_it(store: PaperStore) -> None:
    papers = shelves(3)
    papers[1].append(a_paper(99, title="half a surrogate \ud800"))
    with pytest.raises(StoreError, match="surrogate"):
        crawl(store, Shelf(papers))
    assert (store.status().papers, store.cursor("shelf:")) == (3, "1")


def test_rejected_records_are_counted_and_the_first_hundred_named(store: PaperStore) -> None:
    summary = crawl(store, Shelf(shelves(3), rejected_each=60))
    assert (summary.read, summary.rejected_count, len(summary.rejected)) == (9, 180, 100)
    assert (summary.rejected[0].where, summary.rejected[-1].where) == ("line 0.0", "line 1.39")


def test_progress_is_told_from_the_start_to_the_end(store: PaperStore) -> None:
    told = Told()
    crawling.crawl(store, Shelf(shelves(2)), clock=lambda: NOW, progress=told)
    assert told.steps == [
        ("crawl", 0, None, "papers"),
        ("crawl", 3, 6.0, "papers"),
        ("crawl", 6, 6.0, "papers"),
    ]


def test_what_became_withdrawn_or_vanished_is_counted_once(store: PaperStore) -> None:
    crawl(store, Shelf(shelves(1)))
    gone = [a_paper(1, withdrawn=True, comments="Withdrawn by the author.")]
    summary = crawl(store, Shelf([gone], name="live:", extra={"deleted": (an_id(2), an_id(99))}))
    assert (summary.withdrawn, summary.vanished) == (1, [an_id(2)])
    again = crawl(store, Shelf([gone], name="live:", resumable=False, extra={"deleted": (an_id(2),)}))
    assert (again.withdrawn, again.vanished) == (0, [])
    assert (store.status().withdrawn, store.status().vanished) == (1, 1)


def test_a_dry_run_counts_the_same_and_keeps_nothing(store: PaperStore) -> None:
    crawl(store, Shelf(shelves(1)))
    before = store.status()
    summary = crawl(store, Shelf(shelves(2), name="other:", rejected_each=1), dry_run=True)
    assert summary.changes == {ChangeKind.UNCHANGED: 3, ChangeKind.NEW: 3}
    assert (summary.dry, summary.rejected_count) == (True, 2)
    assert store.status() == before
    assert (store.cursor("other:"), store.quarantined("other:")) == (None, [])


def test_what_could_not_be_read_is_kept_in_quarantine(store: PaperStore) -> None:
    crawl(store, Shelf(shelves(1), rejected_each=2))
    assert {one.where for one in store.quarantined("shelf:")} == {"line 0.0", "line 0.1"}


def test_announcements_are_kept_and_counted_once(store: PaperStore) -> None:
    told = Announcement(an_id(1), 1, "cs.DL", AnnouncementKind.NEW, date(2026, 8, 19))
    feed = Shelf(shelves(1), resumable=False, extra={"announced": (told,), "completeness": Completeness.HINT})
    assert (crawl(store, feed).announced, crawl(store, feed).announced) == (1, 0)
    assert store.announced(date(2026, 8, 19), date(2026, 8, 19)) == [told]


def test_what_a_source_remarks_is_kept_even_if_it_breaks_off(store: PaperStore) -> None:
    assert crawl(store, Shelf(shelves(1), remarks=["the feed is stale"])).remarks == ["the feed is stale"]


def test_what_was_announced_and_not_harvested_is_told(store: PaperStore) -> None:
    def announced(*numbers: int) -> Shelf:
        told = tuple(
            Announcement(an_id(number), 1, "cs.DL", AnnouncementKind.NEW, date(2026, 8, 19))
            for number in numbers
        )
        papers = [a_paper(number) for number in numbers]
        return Shelf(
            [papers],
            resumable=False,
            extra={"announced": told, "completeness": Completeness.HINT},
            name="rss:",
        )

    assert crawl(store, announced(1, 2)).remarks == []  # nothing is harvested at all
    with store.transaction():
        store.put_delivered(
            [Listing(an_id(1), date(2026, 8, 18)), Listing(an_id(2), date(2026, 8, 1))], "oai:"
        )
    (remark,) = crawl(store, announced(1, 2, 3)).remarks
    assert remark.startswith(
        "of 3 papers announced since 2026-08-19, 2 have not been harvested (2401.00002, 2401.00003);"
    )
