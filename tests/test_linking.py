"""Linking: each pair once, papers asked for when they are due, removed references noticed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from indexer import linking
from indexer.crawling import crawl
from indexer.errors import SourceError
from indexer.library import open_store
from indexer.linking import MONTHLY, RARELY, SOON, YOUNG, LinkSummary, due
from indexer.papers import Citation
from indexer.ports import CitationSource, PaperStore
from indexer.tables import Asked, PaperTable
from tests.builders import NOW, an_id
from tests.libraries import settings_in
from tests.shelves import References, Service, Shelf, shelves

CITATIONS = (
    [Citation(an_id(2), an_id(1)), Citation(an_id(3), an_id(1))],
    [Citation(an_id(3), an_id(1)), Citation(an_id(3), an_id(700))],
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PaperStore]:
    """Three papers of January 2024."""
    opened = open_store(settings_in(tmp_path))
    crawl(opened, Shelf(shelves(1)), clock=lambda: NOW)
    yield opened
    opened.close()


def link(
    store: PaperStore, source: CitationSource, now: datetime = NOW, *, everything: bool = False
) -> LinkSummary:
    return linking.link(store, source, clock=lambda: now, everything=everything)


def test_citations_are_stored_each_pair_once(store: PaperStore) -> None:
    source = References(CITATIONS)
    summary = link(store, source)
    assert (summary.read, summary.new, summary.rejected_count) == (4, 3, 2)
    assert [one.where for one in summary.rejected] == ["line 0", "line 1"]
    assert store.status().citations == 3
    assert set(source.wanted) == {an_id(1), an_id(2), an_id(3)}


def test_it_goes_on_where_it_broke_off_and_does_nothing_the_second_time(store: PaperStore) -> None:
    with pytest.raises(SourceError):
        link(store, References(CITATIONS, breaks_off_at=1))
    assert store.status().citations == 2
    assert link(store, References(CITATIONS)).new == 1
    again = References(CITATIONS)
    assert (link(store, again).read, again.delivered) == (0, 0)
    assert store.status().citation_revision == 2


class TestService:
    def test_a_paper_is_asked_for_once_until_it_is_due_again(self, store: PaperStore) -> None:
        known = {an_id(2): (an_id(1),), an_id(3): ()}
        first = link(store, Service(known))
        assert (first.answered, first.unknown, first.new) == (2, 1, 1)
        again = Service(known)
        link(store, again, NOW + timedelta(days=RARELY - 1))
        assert again.asked == []
        link(store, again, NOW + timedelta(days=RARELY))
        assert sorted(again.asked) == [an_id(1), an_id(2), an_id(3)]

    def test_everything_is_asked_for_on_demand(self, store: PaperStore) -> None:
        link(store, Service({}))
        again = Service({})
        link(store, again, everything=True)
        assert sorted(again.asked) == [an_id(1), an_id(2), an_id(3)]

    def test_a_reference_that_is_not_given_any_more_is_gone(self, store: PaperStore) -> None:
        link(store, Service({an_id(2): (an_id(1), an_id(3))}))
        assert store.status().citations == 2
        summary = link(store, Service({an_id(2): (an_id(3),)}), NOW + timedelta(days=1), everything=True)
        assert (summary.new, summary.gone, store.status().citations) == (0, 1, 1)
        (seen,) = store.provenance(an_id(2), an_id(1))
        assert (seen.source, seen.first, seen.gone) == (
            "service:",
            NOW.date(),
            NOW.date() + timedelta(days=1),
        )

    def test_a_reference_that_another_source_still_gives_stays(self, store: PaperStore) -> None:
        link(store, References([[Citation(an_id(2), an_id(1))]]))
        link(store, Service({an_id(2): (an_id(1),)}))
        summary = link(store, Service({an_id(2): ()}), everything=True)
        assert (summary.gone, store.status().citations) == (0, 1)

    def test_an_interruption_loses_no_answer_and_asks_nothing_twice(self, store: PaperStore) -> None:
        class Stopped(Service):
            def batches(self, *wanted: object) -> Iterator[object]:  # type: ignore[override]
                batches = super().batches(*wanted)  # type: ignore[arg-type]
                yield next(batches)
                raise SourceError("the service is down")

        stopped = Stopped({an_id(3): (an_id(1),)})
        with pytest.raises(SourceError):
            link(store, stopped)  # type: ignore[arg-type]
        assert (stopped.asked, store.status().citations) == ([an_id(3)], 1)
        rest = Service({})
        link(store, rest)
        assert rest.asked == [an_id(2), an_id(1)]


TODAY = date(2026, 8, 20)


def table(*ages: int) -> PaperTable:
    """Papers with keys 1.., submitted so many days ago."""
    count = len(ages)
    return PaperTable(
        keys=np.arange(1, count + 1),
        months=np.full(count, 202401, np.int32),
        days=np.array([TODAY.toordinal() - age for age in ages], np.int32),
        withdrawn=np.zeros(count, bool),
        open_license=np.zeros(count, bool),
        categories=("",) * count,
    )


def asked(**days_ago_and_found: tuple[int, int]) -> Asked:
    """`k2=(7, 0)`: key 2 was asked for 7 days ago, no reference found."""
    rows = sorted((int(name[1:]), *told) for name, told in days_ago_and_found.items())
    return Asked(
        keys=np.array([key for key, _, _ in rows], np.int64),
        days=np.array([TODAY.toordinal() - days for _, days, _ in rows], np.int32),
        found=np.array([found for *_, found in rows], np.int32),
    )


@pytest.mark.parametrize(
    ("age", "days_ago", "found", "expected"),
    [
        (1, SOON - 1, 0, False),
        (1, SOON, 0, True),
        (1, SOON, -1, True),
        (1, SOON, 12, False),
        (1, MONTHLY, 12, True),
        (YOUNG - 1, SOON, -1, True),
        (YOUNG, SOON, -1, False),
        (YOUNG, RARELY - 1, 12, False),
        (4000, RARELY, 12, True),
    ],
)
def test_when_a_paper_is_asked_for_again(age: int, days_ago: int, found: int, *, expected: bool) -> None:
    assert due(table(age), asked(k1=(days_ago, found)), TODAY).tolist() == ([1] if expected else [])


def test_papers_never_asked_for_come_first_the_newest_before() -> None:
    found = due(table(900, 10, 500, 900, 20), asked(k1=(400, 3), k4=(300, 0)), TODAY)
    assert found.tolist() == [2, 5, 3, 1, 4]


def test_nothing_is_due_in_an_empty_library() -> None:
    assert due(table(), asked(), TODAY).tolist() == []
