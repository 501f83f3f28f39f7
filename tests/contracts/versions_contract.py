"""What every store must do with several records of a paper: versions, licences, hints; see `store_contract`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.papers import Author, Change, ChangeKind, Completeness, Paper, PaperId, Version
from indexer.ports import PaperReader, PaperStore
from tests.builders import NOW, a_paper, an_id, later, some_versions
from tests.contracts.store_contract import SNAPSHOT, StoreContract, put

BY, ZERO = "http://creativecommons.org/licenses/by/4.0/", "http://creativecommons.org/publicdomain/zero/1.0/"
FEED = "rss:cs"
fresh = count(1)  # a number for each example: they share a library


def record(
    number: int, *, withdrawn: tuple[int, ...] = (), license_: str | None = None, **more: object
) -> Paper:
    """The record of a paper while `number` was its newest version: all versions, the licence of this one."""
    versions = some_versions(number, withdrawn=withdrawn)
    versions = (*versions[:-1], replace(versions[-1], license=license_))
    told: dict[str, Any] = {
        "title": f"Title {number}",
        "license": license_,
        "withdrawn": number in withdrawn,
    } | more
    return a_paper(1, versions=versions, **told)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Paper], list[Paper]]:
    """Records of some versions of one paper, in order and shuffled.

    What only some records tell (`doi`) they tell alike: which of two older ones was right, no order could say.
    """
    numbers = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4, unique=True).map(sorted))
    withdrawn = tuple(draw(st.sets(st.sampled_from(numbers))))
    licensed = draw(st.booleans())
    records = [
        record(
            number,
            withdrawn=tuple(one for one in withdrawn if one <= number),
            license_=draw(st.sampled_from([BY, ZERO])) if licensed else None,
            doi=draw(st.sampled_from([None, "10.1/x"])),
            abstract=draw(st.sampled_from(["short", "long"])),
            authors=(Author("Curie", "Marie"),) * draw(st.integers(1, 3)),
        )
        for number in numbers
    ]
    return records, draw(st.permutations(records))


def of(paper_id: PaperId, records: Sequence[Paper]) -> list[Paper]:
    return [replace(one, id=paper_id) for one in records]


class VersionsContract(StoreContract):
    def test_licences_and_withdrawals_of_versions_come_back(
        self, store: PaperStore, reader: PaperReader
    ) -> None:
        versions = (
            Version(1, NOW, BY),
            Version(2, None, "http://example.org/of its own/", withdrawn=True),
            Version(3, later(3), None),
        )
        put(store, a_paper(1, versions=versions, license=ZERO))
        assert reader.paper(an_id(1)) == a_paper(1, versions=versions, license=ZERO)
        assert put(store, a_paper(1, versions=versions, license=ZERO)) == [ChangeKind.UNCHANGED]

    def test_a_licence_seen_once_is_kept_under_its_version(
        self, store: PaperStore, reader: PaperReader
    ) -> None:
        put(store, record(1, license_=BY), record(2, license_=ZERO))
        paper = reader.paper(an_id(1))
        assert paper is not None
        assert [version.license for version in paper.versions] == [BY, ZERO]
        assert put(store, record(2)) == [ChangeKind.UNCHANGED]
        assert put(store, record(2, license_=BY)) == [ChangeKind.METADATA]
        assert reader.papers(reader.table().keys.tolist()) == {
            1: replace(record(2, license_=BY), versions=(Version(1, later(1), BY), Version(2, later(2), BY)))
        }

    def test_a_withdrawn_version_stays_one(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, record(2, withdrawn=(2,)), record(3, withdrawn=(2,)))
        assert put(store, record(3)) == [ChangeKind.UNCHANGED]
        paper = reader.paper(an_id(1))
        assert paper is not None
        assert [version.withdrawn for version in paper.versions] == [False, True, False]
        assert not paper.withdrawn

    @given(history=histories())
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_order_of_records_gives_the_same_paper(
        self, store: PaperStore, reader: PaperReader, history: tuple[list[Paper], list[Paper]]
    ) -> None:
        number = next(fresh)
        first, second, third = (an_id(number, month) for month in (2401, 2402, 2403))
        ordered, shuffled = history
        put(store, *of(first, ordered))
        for one in of(second, shuffled):
            put(store, one)
        put(store, *of(third, shuffled))
        expected = reader.paper(first)
        assert expected is not None
        assert reader.paper(second) == replace(expected, id=second)
        assert reader.paper(third) == replace(expected, id=third)
        again = [*of(second, shuffled), *of(third, ordered)]
        assert put(store, *again) == [ChangeKind.UNCHANGED] * len(again)

    def test_a_change_says_who_became_withdrawn(self, store: PaperStore) -> None:
        def changes(*papers: Paper) -> list[Change]:
            with store.transaction():
                return store.put_papers(papers, SNAPSHOT, NOW)

        gone = record(2, withdrawn=(2,))
        assert changes(record(1), gone, gone) == [
            Change(an_id(1), ChangeKind.NEW),
            Change(an_id(1), ChangeKind.REVISED, withdrawn=True),
            Change(an_id(1), ChangeKind.UNCHANGED),
        ]
        assert changes(replace(gone, doi="10.1/x")) == [Change(an_id(1), ChangeKind.METADATA)]
        assert changes(record(3, withdrawn=(2, 3))) == [Change(an_id(1), ChangeKind.REVISED)]
        assert changes(a_paper(2, withdrawn=True)) == [Change(an_id(2), ChangeKind.NEW, withdrawn=True)]

    def test_a_record_that_says_less_changes_nothing(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, record(2, withdrawn=(1,), license_=BY, comments="12 pages"))
        before = reader.status()
        for _ in range(2):
            assert put(store, a_paper(1, title="Title 2", versions=some_versions(2), license=None)) == [
                ChangeKind.UNCHANGED
            ]
        assert reader.status() == before

    def test_names_that_read_the_same_keep_their_division(
        self, store: PaperStore, reader: PaperReader
    ) -> None:
        known = (Author("van der Waals", "Johannes D."), Author("King", "Martin", "Jr."), Author("LIGO"))
        guessed = (Author("Waals", "Johannes D. van der"), Author("Jr.", "Martin King"), Author("LIGO"))
        put(store, a_paper(1, authors=known))
        assert put(store, a_paper(1, authors=guessed)) == [ChangeKind.UNCHANGED]
        more = (*guessed, Author("Noether", "Emmy"))
        assert put(store, a_paper(1, authors=more)) == [ChangeKind.METADATA]
        assert put(store, a_paper(1, authors=more)) == [ChangeKind.UNCHANGED]
        paper = reader.paper(an_id(1))
        assert paper is not None
        assert paper.authors == (*known, Author("Noether", "Emmy"))
        put(store, a_paper(1, authors=(Author("Hypatia"), *guessed[1:])))
        paper = reader.paper(an_id(1))
        assert paper is not None
        assert paper.authors == (Author("Hypatia"), *known[1:])


def hint(store: PaperStore, *papers: Paper) -> list[ChangeKind]:
    with store.transaction():
        return [change.kind for change in store.put_papers(papers, FEED, NOW, completeness=Completeness.HINT)]


class HintsContract(StoreContract):
    def test_a_hint_fills_gaps_of_the_version_held(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, record(2))
        cut = record(2, title="Cut …", abstract="Cut …", doi="10.1/x")
        assert hint(store, cut) == [ChangeKind.METADATA]
        assert hint(store, cut, replace(cut, versions=()), record(1)) == [ChangeKind.UNCHANGED] * 3
        assert reader.paper(an_id(1)) == record(2, doi="10.1/x")

    def test_a_hint_of_a_later_version_is_news_until_its_record_comes(
        self, store: PaperStore, reader: PaperReader
    ) -> None:
        put(store, record(1))
        assert hint(store, record(2, title="Cut …")) == [ChangeKind.REVISED]
        assert hint(store, record(2, title="Cut more …")) == [ChangeKind.UNCHANGED]
        assert put(store, record(1)) == [ChangeKind.UNCHANGED]
        assert put(store, record(2)) == [ChangeKind.REVISED]
        assert reader.paper(an_id(1)) == record(2)

    def test_a_hint_may_be_all_that_is_known(self, store: PaperStore, reader: PaperReader) -> None:
        bare = a_paper(2, versions=())
        assert hint(store, record(1), bare) == [ChangeKind.NEW, ChangeKind.NEW]
        assert reader.paper(an_id(1)) == record(1)
        assert reader.paper(an_id(2)) == bare
        assert hint(store, replace(bare, title="Other")) == [ChangeKind.UNCHANGED]

    def test_a_whole_record_takes_back_what_it_leaves_empty(
        self, store: PaperStore, reader: PaperReader
    ) -> None:
        put(store, record(1, comments="12 pages", doi="10.1/x"))
        with store.transaction():
            (change,) = store.put_papers([record(2)], FEED, NOW, completeness=Completeness.WHOLE)
        assert change.kind is ChangeKind.REVISED
        held = reader.paper(an_id(1))
        assert held is not None
        assert (held.comments, held.doi) == (None, None)
