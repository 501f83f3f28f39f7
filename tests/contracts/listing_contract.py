"""What every store must do with what sources say they have: lists, rounds, papers gone, records not read.

See `store_contract`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import pytest

from indexer.catalogue import Catalogue
from indexer.papers import Announcement, AnnouncementKind, ChangeKind, Listing, Paper, PaperId, Rejected
from indexer.ports import PaperReader, PaperStore
from indexer.tables import Filters, Reconciliation
from tests.builders import NOW, a_paper, an_id, later
from tests.contracts.store_contract import SNAPSHOT, StoreContract, put

OAI, OTHER = "oai-pmh:", "oai-pmh:cs"


def vanish(store: PaperStore, *numbers: int, source: str = OAI) -> list[PaperId]:
    with store.transaction():
        return store.put_vanished([an_id(number) for number in numbers], source, NOW)


class VanishedContract(StoreContract):
    def test_a_vanished_paper_is_held_and_hidden(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1), a_paper(2), source=OAI)
        assert vanish(store, 2, 9, 2) == [an_id(2)]
        assert vanish(store, 2, 1) == [an_id(1)]
        assert vanish(store) == vanish(store, 9, source="never:met") == []
        put(store, a_paper(1), source=OAI)
        assert reader.paper(an_id(2)) == replace(a_paper(2), vanished=True)
        assert reader.paper(an_id(1)) == a_paper(1)
        keys = reader.table().keys
        assert reader.table().withdrawn.tolist() == [False, True]
        assert reader.passing(keys, Filters()).tolist() == [True, False]
        assert reader.passing(keys, Filters(withdrawn=True)).all()
        assert reader.search(["kinship"]).keys.tolist() == keys[:1].tolist()
        assert reader.count_matches(["kinship"]) == 1
        assert reader.count_matches(["kinship"], Filters(withdrawn=True)) == 2
        status = reader.status()
        assert (status.papers, status.withdrawn, status.vanished) == (2, 0, 1)

    def test_only_its_own_source_takes_it_back(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1), a_paper(2), source=OAI)
        vanish(store, 1, 2)
        assert vanish(store, 1, source=OTHER) == []
        assert put(store, a_paper(1), source=OTHER) == [ChangeKind.UNCHANGED]
        assert put(store, a_paper(1, title="Another"), source=OTHER) == [ChangeKind.REVISED]
        assert put(store, Paper(an_id(1)), source=OTHER) == [ChangeKind.UNCHANGED]
        assert reader.paper(an_id(1)) == replace(a_paper(1, title="Another"), vanished=True)
        back = put(store, Paper(an_id(1)), a_paper(2), a_paper(2), source=OAI)
        assert back == [ChangeKind.METADATA, ChangeKind.METADATA, ChangeKind.UNCHANGED]
        assert reader.paper(an_id(1)) == a_paper(1, title="Another")
        assert reader.paper(an_id(2)) == a_paper(2)
        assert reader.status().vanished == 0
        assert reader.table().withdrawn.tolist() == [False, False]

    def test_a_batch_brings_a_paper_back_once(self, store: PaperStore) -> None:
        put(store, a_paper(1), source=OAI)
        vanish(store, 1)
        changed = a_paper(1, doi="10.1/x")
        assert put(store, changed, changed, source=OAI) == [ChangeKind.METADATA, ChangeKind.UNCHANGED]

    def test_a_record_cannot_say_it(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, replace(a_paper(1), vanished=True))
        assert reader.paper(an_id(1)) == a_paper(1)

    def test_going_and_coming_back_make_an_update_due(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1), a_paper(2), source=OAI)
        there = Catalogue.of(reader.table()).digest()
        vanish(store, 1)
        gone = Catalogue.of(reader.table()).digest()
        put(store, a_paper(1), source=OAI)
        assert gone != there == Catalogue.of(reader.table()).digest()

    def test_marking_is_undone_with_its_transaction(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1), source=OAI)
        with pytest.raises(KeyboardInterrupt), store.transaction():  # noqa: PT012  # the last line raises
            assert store.put_vanished([an_id(1)], OAI, NOW) == [an_id(1)]
            raise KeyboardInterrupt
        assert reader.status().vanished == 0


def listings(stamps: dict[int, date]) -> list[Listing]:
    return [Listing(an_id(number), day) for number, day in stamps.items()]


def deliver(store: PaperStore, stamps: dict[int, date], source: str = OAI) -> None:
    with store.transaction():
        store.put_papers([a_paper(number) for number in stamps], source, NOW)
        store.put_delivered(listings(stamps), source)


def list_all(store: PaperStore, stamps: dict[int, date], number: int, source: str = OAI) -> None:
    with store.transaction():
        store.put_listed(listings(stamps), source, number)
        store.put_reconciliation(source, Reconciliation(number, NOW))


def found(reader: PaperReader, source: str) -> tuple[tuple[PaperId, ...], tuple[PaperId, ...]]:
    gaps = reader.gaps(source)
    return gaps.outdated, gaps.unlisted


def gaps(
    *, outdated: Sequence[int] = (), unlisted: Sequence[int] = ()
) -> tuple[tuple[PaperId, ...], tuple[PaperId, ...]]:
    return tuple(map(an_id, outdated)), tuple(map(an_id, unlisted))


MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


class RoundsContract(StoreContract):
    def test_rounds_are_kept_as_they_go(self, store: PaperStore, reader: PaperReader) -> None:
        assert reader.reconciliation(OAI) is None
        under_way = Reconciliation(1, NOW, cursor="page 2")
        listed = Reconciliation(1, NOW, listed=later(1))
        for state in (
            under_way,
            replace(under_way, cursor="page 3"),
            listed,
            replace(listed, finished=later(1)),
        ):
            with store.transaction():
                store.put_reconciliation(OAI, state)
            assert reader.reconciliation(OAI) == state
            assert reader.reconciliation(OTHER) is None
        with store.transaction():
            store.put_reconciliation(OAI, Reconciliation(2, later(30)))
        assert reader.reconciliation(OAI) == Reconciliation(2, later(30))
        (source,) = reader.status().sources
        assert (source.name, source.reconciled, source.last_read) == (OAI, later(1), later(30))

    def test_gaps(self, store: PaperStore, reader: PaperReader) -> None:
        assert found(reader, OAI) == gaps()
        deliver(store, dict.fromkeys(range(1, 6), MAY))
        put(store, a_paper(7))  # from another place: listed here it is not as this source has it
        with store.transaction():
            store.put_delivered(listings({8: MAY}), OAI)  # delivered, but not held
        assert found(reader, OAI) == gaps()
        list_all(store, {1: MAY, 2: JUNE, 3: date(2026, 4, 30), 6: MAY, 7: MAY, 8: MAY}, 1)
        assert found(reader, OAI) == gaps(outdated=(2, 7, 8, 6), unlisted=(4, 5))
        assert reader.gaps(OAI).listed == 6
        assert found(reader, OTHER) == found(reader, "never:met") == gaps()

    def test_what_is_fetched_is_no_gap(self, store: PaperStore, reader: PaperReader) -> None:
        deliver(store, {1: MAY, 2: MAY, 3: MAY, 4: MAY})
        list_all(store, {1: JUNE, 5: MAY}, 1)
        deliver(store, {1: JUNE, 5: MAY, 3: MAY})  # the third is there, only the list left it out
        vanish(store, 2)
        assert found(reader, OAI) == gaps(unlisted=(4,))
        deliver(store, {6: JUNE})  # new since the list was read
        assert found(reader, OAI) == gaps(unlisted=(4,))

    def test_a_mirror_begun_at_a_day_lacks_nothing_before(
        self, store: PaperStore, reader: PaperReader
    ) -> None:
        deliver(store, {1: JUNE, 2: JUNE})
        list_all(store, {1: JUNE, 2: JUNE, 3: MAY, 4: JUNE}, 1)
        assert found(reader, OAI) == gaps(outdated=(4,))
        deliver(store, {5: MAY})  # and now it goes further back
        assert found(reader, OAI) == gaps(outdated=(3, 4))

    def test_a_new_round_asks_again(self, store: PaperStore, reader: PaperReader) -> None:
        deliver(store, {1: MAY, 2: MAY})
        list_all(store, {1: MAY, 2: MAY}, 1)
        assert found(reader, OAI) == gaps()
        list_all(store, {2: JUNE}, 2)
        assert found(reader, OAI) == gaps(outdated=(2,), unlisted=(1,))

    def test_a_vanished_paper_that_is_listed_again_is_fetched(
        self, store: PaperStore, reader: PaperReader
    ) -> None:
        deliver(store, {1: MAY, 2: MAY})
        vanish(store, 1)
        vanish(store, 2, source=OTHER)
        list_all(store, {1: MAY, 2: MAY}, 1)
        assert found(reader, OAI) == gaps(outdated=(1,))
        deliver(store, {1: MAY})
        assert found(reader, OAI) == gaps()
        assert reader.status().vanished == 1

    def test_lists_of_two_sources_are_two(self, store: PaperStore, reader: PaperReader) -> None:
        deliver(store, {1: MAY, 2: MAY})
        deliver(store, {1: MAY}, OTHER)
        list_all(store, {1: MAY, 2: MAY}, 1)
        list_all(store, {}, 1, OTHER)
        assert found(reader, OAI) == gaps()
        assert found(reader, OTHER) == gaps(unlisted=(1,))


def reject(store: PaperStore, *rejected: Rejected, source: str = OAI, now: datetime = NOW) -> None:
    with store.transaction():
        store.put_quarantined(rejected, source, now)


class QuarantineContract(StoreContract):
    def test_broken_records_come_back_as_they_came(self, store: PaperStore, reader: PaperReader) -> None:
        broken = [
            Rejected("line 17", "no id", "{\0 half \ud800 “漢字”"),
            Rejected("line 18", "bad \udfff date", "<record/>", an_id(1)),
            Rejected("line 19", "nothing was read"),
        ]
        reject(store, *broken)
        reject(store)
        expected = [broken[2], replace(broken[1], reason="bad \\udfff date"), broken[0]]
        assert reader.quarantined(OAI) == expected
        assert reader.quarantined(OAI, limit=2) == expected[:2]
        assert reader.quarantined(OTHER) == reader.quarantined(OAI, limit=0) == []
        assert {one.name: one.quarantined for one in reader.status().sources} == {OAI: 3}

    def test_the_same_record_is_kept_once(self, store: PaperStore, reader: PaperReader) -> None:
        first, moved = Rejected("page 1", "bad", "a", an_id(1)), Rejected("page 2", "worse", "b", an_id(1))
        reject(store, first, Rejected("page 9", "bad"))
        reject(store, moved, Rejected("page 9", "worse"), now=later(1))
        reject(store, first, source=OTHER)
        kept = sorted(reader.quarantined(OAI), key=lambda one: one.where)
        assert kept == [moved, Rejected("page 9", "worse")]
        assert reader.quarantined(OTHER) == [first]

    def test_a_long_record_is_cut(self, store: PaperStore, reader: PaperReader) -> None:
        reject(store, Rejected("page 1", "long", "é" * 1_000_007))
        assert reader.quarantined(OAI)[0].raw == "é" * 1_000_000

    def test_a_paper_that_is_read_is_cured(self, store: PaperStore, reader: PaperReader) -> None:
        broken = [Rejected(f"page {number}", "bad", "", an_id(number)) for number in (1, 2)]
        reject(store, *broken)
        reject(store, *broken, source=OTHER)
        assert put(store, a_paper(1), source=OAI) == [ChangeKind.NEW]
        assert reader.quarantined(OAI) == broken[1:]
        assert reader.quarantined(OTHER) == broken[::-1]
        reject(store, broken[0])
        assert put(store, a_paper(1), source=OAI) == [ChangeKind.UNCHANGED]
        assert reader.quarantined(OAI) == broken[1:]


class AnnouncementsContract(StoreContract):
    def test_announcements_by_day_id_and_category(self, store: PaperStore, reader: PaperReader) -> None:
        def tell(announced: list[Announcement]) -> int:
            with store.transaction():
                return store.put_announced(announced, NOW)

        monday = [
            Announcement(an_id(1), 1, "cs.LG", AnnouncementKind.NEW, date(2026, 8, 17)),
            Announcement(an_id(1), 1, "stat.ML", AnnouncementKind.CROSS, date(2026, 8, 17)),
            Announcement(an_id(2), 3, "cs.LG", AnnouncementKind.REPLACE, date(2026, 8, 17)),
        ]
        tuesday = [Announcement(an_id(2), 3, "cs.CL", AnnouncementKind.REPLACE_CROSS, date(2026, 8, 18))]
        assert tell(tuesday + monday[::-1]) == 4
        assert tell(monday[:1] + tuesday) == tell([]) == 0
        assert reader.announced(date(2026, 8, 17), date(2026, 8, 18)) == monday + tuesday
        assert reader.announced(date(2026, 8, 18), date(2026, 9, 1)) == tuesday
        assert reader.announced(date(2026, 8, 19), date(2026, 8, 17)) == []
        assert reader.status().papers == 0
        put(store, a_paper(1), source=SNAPSHOT)
        assert set(reader.keys([an_id(1), an_id(2)])) == {an_id(1)}


class UnharvestedContract(StoreContract):
    def test_what_was_announced_and_not_delivered_since(self, store: PaperStore, reader: PaperReader) -> None:
        day = date(2026, 5, 4)
        told = [Announcement(an_id(number), 1, "cs.DL", AnnouncementKind.NEW, day) for number in range(1, 5)]
        with store.transaction():
            store.put_announced(told, NOW)
        assert reader.unharvested(day) == []  # nothing is ever harvested: nothing is behind
        deliver(store, {1: day, 2: date(2026, 5, 3), 3: date(2026, 5, 2)})
        assert reader.unharvested(day) == [an_id(3), an_id(4)]
        assert reader.unharvested(date(2026, 5, 5)) == []
        deliver(store, {4: day}, OTHER)
        assert reader.unharvested(day) == [an_id(3)]
