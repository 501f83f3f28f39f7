"""What every store must do about transactions, threads and closing; see `store_contract`."""

from __future__ import annotations

import threading

import pytest

from indexer.errors import StoreError
from indexer.papers import ChangeKind, Citation, Listing, Rejected
from indexer.ports import PaperReader, PaperStore
from indexer.tables import Reconciliation, SourceStatus
from tests.builders import NOW, a_paper, an_id, later, unit_vectors
from tests.contracts.store_contract import PAIRS, SNAPSHOT, Library, StoreContract, cite, put


class TransactionsContract(StoreContract):
    def test_cursors(self, store: PaperStore, reader: PaperReader) -> None:
        assert reader.cursor(SNAPSHOT) is None
        for day, cursor in enumerate(("17", "42", None)):
            with store.transaction():
                store.put_cursor(SNAPSHOT, "papers", cursor, later(day))
            assert reader.cursor(SNAPSHOT) == cursor
        cite(store, (an_id(1), an_id(2)))
        statuses = {source.name: source for source in reader.status().sources}
        assert statuses == {
            SNAPSHOT: SourceStatus(SNAPSHOT, "papers", later(2), None),
            PAIRS: SourceStatus(PAIRS, "citations", NOW, None),
        }

    def test_all_or_nothing(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1))
        with store.transaction():
            store.put_vectors("model-a", store.pending("model-a"), unit_vectors(1))
        cite(store, (an_id(1), an_id(2)))
        before = reader.status()
        with pytest.raises(KeyboardInterrupt), store.transaction():  # noqa: PT012  # the last line raises
            store.put_papers([a_paper(1, title="Other"), a_paper(3)], SNAPSHOT, NOW)
            store.put_citations([Citation(an_id(1), an_id(3))], PAIRS, NOW)
            store.put_cursor(SNAPSHOT, "papers", "9", NOW)
            raise KeyboardInterrupt
        assert reader.status() == store.status() == before
        assert reader.cursor(SNAPSHOT) is None
        assert reader.paper(an_id(1)) == a_paper(1)
        assert set(reader.ids(range(10)).values()) == {an_id(1), an_id(2)}
        assert len(reader.search(["other"]).keys) == 0
        assert put(store, a_paper(3)) == [ChangeKind.NEW]

    def test_only_what_is_committed_is_seen(self, store: PaperStore, reader: PaperReader) -> None:
        elsewhere: list[int] = []
        with store.transaction():
            store.put_papers([a_paper(1)], SNAPSHOT, NOW)
            assert store.status().papers == 1
            assert reader.status().papers == 0
            thread = threading.Thread(target=lambda: elsewhere.append(store.status().papers))
            thread.start()
            thread.join()
        assert elsewhere == [0]
        assert reader.status().papers == store.status().papers == 1

    def test_writing_needs_a_transaction(self, store: PaperStore) -> None:
        for write in (
            lambda: store.put_papers([a_paper(1)], SNAPSHOT, NOW),
            lambda: store.put_citations([Citation(an_id(1), an_id(2))], PAIRS, NOW),
            lambda: store.put_vectors("model-a", [], unit_vectors(0)),
            lambda: store.put_cursor(SNAPSHOT, "papers", None, NOW),
            lambda: store.put_vanished([an_id(1)], SNAPSHOT, NOW),
            lambda: store.put_delivered([Listing(an_id(1), NOW.date())], SNAPSHOT),
            lambda: store.put_listed([Listing(an_id(1), NOW.date())], SNAPSHOT, 1),
            lambda: store.put_reconciliation(SNAPSHOT, Reconciliation(1, NOW)),
            lambda: store.put_quarantined([Rejected("line 1", "bad")], SNAPSHOT, NOW),
            lambda: store.put_announced([], NOW),
        ):
            with pytest.raises(StoreError, match="transaction"):
                write()

    def test_a_transaction_inside_one_is_refused(self, store: PaperStore) -> None:
        with store.transaction():
            store.put_papers([a_paper(1)], SNAPSHOT, NOW)
            with pytest.raises(StoreError, match="open already"), store.transaction():
                pass
        assert store.status().papers == 1

    def test_threads_take_turns(self, store: PaperStore, reader: PaperReader) -> None:
        failures: list[Exception] = []

        def write(first: int) -> None:
            try:
                for number in range(first, first + 10):
                    put(store, a_paper(number))
                    assert len(found_papers := reader.papers(reader.table().keys.tolist())) > 0
                    assert len(reader.search(["kinship"], limit=100).keys) >= len(found_papers)
            except Exception as error:  # noqa: BLE001  # carried over to the thread of the test
                failures.append(error)

        threads = [threading.Thread(target=write, args=(first,)) for first in (1, 101, 201, 301)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert (reader.status().papers, reader.status().revision) == (40, 40)

    def test_walking_while_another_writes(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, *(a_paper(number) for number in range(1, 1501)))
        walk = reader.all_papers()
        next(walk)
        put(store, *(a_paper(number, title="Other") for number in range(1, 1501)))
        assert len({paper.id for _, paper in walk}) == 1499

    def test_a_second_writer_is_refused(self, library: Library, store: PaperStore) -> None:
        put(store, a_paper(1))
        with pytest.raises(StoreError, match="being written"):
            library.open_store()
        store.close()
        again = library.open_store()
        assert again.status().papers == 1
        again.close()

    def test_closed_means_closed(self, store: PaperStore, reader: PaperReader) -> None:
        for opened in (reader, store):
            opened.close()
            opened.close()
            with pytest.raises(StoreError, match="closed"):
                opened.status()
        with pytest.raises(StoreError, match="closed"), store.transaction():
            pass

    def test_no_library_no_reader(self, library: Library) -> None:
        with pytest.raises(StoreError, match=r"no library at .*; 'paperkin crawl SOURCE' makes one"):
            library.open_reader()
