"""Syncing: everything due in one go, each source failing alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import pytest

from indexer.errors import StoreError
from indexer.library import open_builder, open_store
from indexer.papers import CitationBatch, Listing, PaperId
from indexer.ports import CitationSource, PaperSource, PaperStore
from indexer.settings import Settings
from indexer.syncing import SyncSummary, sync
from tests.builders import NOW, a_paper, an_id
from tests.libraries import settings_in
from tests.shelves import Mirrored, Service, Shelf, shelves
from tests.toy_embedder import ToyEmbedder


@pytest.fixture
def where(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def store(where: Settings) -> Iterator[PaperStore]:
    opened = open_store(where)
    yield opened
    opened.close()


def run(
    where: Settings, store: PaperStore, papers: list[PaperSource], citations: list[CitationSource]
) -> SyncSummary:
    with open_builder(where, store=store, embedder=ToyEmbedder()) as builder:
        return sync(store, papers, citations, builder.update, clock=lambda: NOW)


def test_it_harvests_links_and_updates_and_the_second_time_does_nothing(
    where: Settings, store: PaperStore
) -> None:
    service = Service({an_id(2): (an_id(1),)})
    first = run(where, store, [Shelf(shelves(2))], [service])
    assert [one.read for one in first.crawled] == [6]
    assert [one.new for one in first.linked] == [1]
    assert first.updated is not None
    assert (first.updated.embedded, first.updated.citations, first.updated.published) == (6, 1, True)
    again = run(where, store, [Shelf(shelves(2))], [Service({})])
    assert (again.crawled[0].read, again.linked[0].read) == (0, 0)
    assert again.updated is not None
    assert not again.updated.published
    assert (first.failures, again.failures) == ([], [])


def test_a_source_that_fails_is_told_and_stops_no_other(where: Settings, store: PaperStore) -> None:
    broken = Shelf(shelves(3), breaks_off_at=1, name="broken:")
    summary = run(where, store, [broken, Shelf([[a_paper(50)]])], [Service({})])
    assert [(one.source, one.reason) for one in summary.failures] == [
        ("broken:", "the shelf breaks off at batch 1")
    ]
    assert summary.updated is not None
    assert summary.updated.papers == 4


def test_a_listed_source_is_compared_when_that_is_due(where: Settings, store: PaperStore) -> None:
    source = Mirrored({an_id(1): (a_paper(1), Listing(an_id(1), date(2026, 8, 1)))})
    assert len(run(where, store, [source], []).reconciled) == 1
    assert run(where, store, [source], []).reconciled == []


def test_the_library_stays_locked_from_beginning_to_end(where: Settings, store: PaperStore) -> None:
    class Tries(Service):
        """Tries to write beside, while it is asked."""

        def batches(self, wanted: Iterable[PaperId], cursor: str | None = None) -> Iterator[CitationBatch]:
            with pytest.raises(StoreError, match="writ"):
                open_store(where)
            yield from super().batches(wanted, cursor)

    assert run(where, store, [Shelf(shelves(1))], [Tries({})]).failures == []
