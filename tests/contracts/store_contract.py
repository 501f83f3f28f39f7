"""What every `PaperStore` and `PaperReader` must do.

A backend's tests inherit the classes of this and the other store contracts and give the fixture `library`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Protocol

import numpy as np
import pytest

from indexer.errors import StoreError
from indexer.papers import Author, ChangeKind, Citation, Paper, PaperId, Version
from indexer.ports import PaperReader, PaperStore
from tests.builders import NOW, a_paper, an_id

SNAPSHOT = "snapshot:test"
PAIRS = "citations:test"


class Library(Protocol):
    """One place in which a library may be made and opened, several times over."""

    def open_store(self) -> PaperStore: ...

    def open_reader(self) -> PaperReader: ...


def put(store: PaperStore, *papers: Paper, source: str = SNAPSHOT) -> list[ChangeKind]:
    with store.transaction():
        return [change.kind for change in store.put_papers(papers, source, NOW)]


def cite(store: PaperStore, *pairs: tuple[PaperId, PaperId], source: str = PAIRS) -> int:
    with store.transaction():
        return store.put_citations([Citation(*pair) for pair in pairs], source, NOW).new


class StoreContract:
    @pytest.fixture
    def library(self) -> Library:
        raise LookupError("a backend's tests override this fixture")

    @pytest.fixture
    def store(self, library: Library) -> Iterator[PaperStore]:
        store = library.open_store()
        yield store
        store.close()

    @pytest.fixture
    def reader(self, library: Library, store: PaperStore) -> Iterator[PaperReader]:
        assert store.status().papers == 0
        reader = library.open_reader()
        yield reader
        reader.close()


class PapersContract(StoreContract):
    def test_a_paper_comes_back_as_it_was_put(self, store: PaperStore, reader: PaperReader) -> None:
        full = a_paper(
            1,
            authors=(Author("Curie", "Marie"), Author("King", "Martin", "Jr."), Author("LIGO Collaboration")),
            versions=(Version(1, datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC)), Version(2), Version(7, NOW)),
            comments="12 pages", journal_ref="J. 1 (2024)", doi="10.1/x", report_no="R-1", submitter="M. C.",
            withdrawn=True, title="Nul \0 and “quotes” and 漢字",
        )  # fmt: skip
        bare = Paper(PaperId("hep-th/9901001"))
        assert put(store, full, bare) == [ChangeKind.NEW, ChangeKind.NEW]
        assert reader.paper(full.id) == full
        assert reader.paper(bare.id) == bare
        assert reader.paper(an_id(9)) is None

    def test_keys_lead_to_papers_and_ids(self, store: PaperStore, reader: PaperReader) -> None:
        cite(store, (an_id(2), an_id(3)))
        put(store, *(a_paper(number) for number in (1, 2)))
        keys = reader.keys([an_id(1), an_id(2), an_id(3), an_id(4)])
        assert set(keys) == {an_id(1), an_id(2)}
        assert all(key > 0 for key in keys.values())
        assert reader.papers([*keys.values(), 10**9]) == {keys[an_id(n)]: a_paper(n) for n in (1, 2)}
        assert set(reader.ids(range(10)).values()) == {an_id(1), an_id(2), an_id(3)}
        titles = {keys[an_id(n)]: (an_id(n), a_paper(n).title) for n in (1, 2)}
        assert reader.titles(range(10)) == titles
        assert not any((reader.titles([]), reader.papers([]), reader.ids([]), reader.keys([])))

    def test_keys_never_change(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1), a_paper(2))
        before = reader.keys([an_id(1), an_id(2)])
        put(store, a_paper(3), a_paper(1, title="Another"))
        cite(store, (an_id(9), an_id(2)))
        assert reader.keys([an_id(1), an_id(2)]) == before

    def test_all_papers_ascend_by_key(self, store: PaperStore, reader: PaperReader) -> None:
        papers = [a_paper(number) for number in range(1, 2101)]
        put(store, *reversed(papers))
        walked = list(reader.all_papers())
        assert [key for key, _ in walked] == sorted(key for key, _ in walked)
        assert sorted((paper for _, paper in walked), key=lambda paper: paper.id) == papers

    def test_nearest_ids_begin_alike(self, store: PaperStore, reader: PaperReader) -> None:
        ids = ["2503.14504", "2503.14500", "2503.99999", "hep-th/9901001"]
        put(store, *(Paper(PaperId(value)) for value in ids))
        cite(store, (PaperId("2503.14504"), PaperId("2503.14501")))  # cited only: not held
        assert [near.value for near in reader.nearest_ids("arXiv:2503.1450")] == sorted(ids[:2]) + ids[2:3]
        assert reader.nearest_ids("http://arxiv.org/abs/hep-th/99010", 1) == [PaperId("hep-th/9901001")]
        assert reader.nearest_ids("") == reader.nearest_ids("2503", 0) == reader.nearest_ids("zzz") == []

    def test_kinds_of_change_and_revisions(self, store: PaperStore, reader: PaperReader) -> None:
        assert put(store, a_paper(1), a_paper(2)) == [ChangeKind.NEW] * 2
        assert reader.status().revision == 2
        assert put(store, a_paper(1), a_paper(2)) == [ChangeKind.UNCHANGED] * 2
        assert put(store, a_paper(1, doi="10.1/x", authors=(Author("Hypatia"),))) == [ChangeKind.METADATA]
        assert reader.status().revision == 2
        assert put(store, a_paper(3), a_paper(1, title="Other"), a_paper(2)) == [
            ChangeKind.NEW, ChangeKind.REVISED, ChangeKind.UNCHANGED,
        ]  # fmt: skip
        assert reader.status().revision == 4
        assert reader.status().papers == 3

    def test_nothing_is_forgotten(self, store: PaperStore, reader: PaperReader) -> None:
        rich = a_paper(1, comments="12 pages", journal_ref="J", doi="10.1/x", report_no="R", submitter="M")
        put(store, rich)
        assert put(store, Paper(rich.id)) == [ChangeKind.UNCHANGED]
        assert put(store, Paper(rich.id, versions=(Version(2, NOW),))) == [ChangeKind.METADATA]
        assert reader.paper(rich.id) == replace(rich, versions=(*rich.versions, Version(2, NOW)))

    def test_an_older_record_fills_gaps_only(self, store: PaperStore, reader: PaperReader) -> None:
        versions = (Version(1, NOW), Version(2, NOW))
        put(store, a_paper(1, versions=versions))
        old = a_paper(1, versions=versions[:1], title="An old title", doi="10.1/x")
        assert put(store, old) == [ChangeKind.METADATA]
        assert reader.paper(an_id(1)) == a_paper(1, versions=versions, doi="10.1/x")

    def test_a_withdrawal_lasts_until_a_later_version(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1))
        assert put(store, a_paper(1, withdrawn=True)) == [ChangeKind.METADATA]
        assert put(store, a_paper(1)) == [ChangeKind.UNCHANGED]
        assert reader.status().withdrawn == 1
        assert put(store, a_paper(1, versions=(Version(1, NOW), Version(2, NOW)))) == [ChangeKind.METADATA]
        assert reader.status().withdrawn == 0

    def test_a_paper_twice_in_a_batch(self, store: PaperStore, reader: PaperReader) -> None:
        twice = a_paper(1, title="Other"), a_paper(1, title="Other", doi="10.1/x")
        assert put(store, a_paper(1), *twice) == [ChangeKind.NEW, ChangeKind.REVISED, ChangeKind.METADATA]
        assert put(store, twice[1], twice[0], a_paper(1)) == [
            ChangeKind.UNCHANGED, ChangeKind.UNCHANGED, ChangeKind.REVISED,
        ]  # fmt: skip
        assert reader.paper(an_id(1)) == a_paper(1, doi="10.1/x")
        assert (reader.status().papers, reader.status().revision) == (1, 3)

    def test_thousands_of_authors(self, store: PaperStore, reader: PaperReader) -> None:
        crowd = a_paper(1, authors=tuple(Author(f"Name{number}", "A.") for number in range(3000)))
        put(store, crowd)
        assert reader.paper(crowd.id) == crowd
        assert reader.search(["name2999"]).keys.tolist() == [reader.keys([crowd.id])[crowd.id]]

    def test_half_a_surrogate_is_refused_whole(self, store: PaperStore, reader: PaperReader) -> None:
        with pytest.raises(StoreError, match="surrogate"):
            put(store, a_paper(1), a_paper(2, title="broken \ud800"))
        with pytest.raises(StoreError, match="surrogate"):
            put(store, a_paper(1), a_paper(2, comments="broken \ud800"))
        assert reader.status().papers == 0

    def test_the_table(self, store: PaperStore, reader: PaperReader) -> None:
        put(
            store,
            a_paper(1),
            Paper(PaperId("hep-th/9901001"), withdrawn=True, versions=(Version(1), Version(2, NOW))),
        )
        table = reader.table()
        assert table.keys.tolist() == sorted(reader.keys([an_id(1), PaperId("hep-th/9901001")]).values())
        assert table.months.tolist() == [202401, 199901]
        assert table.days.tolist() == [date(2024, 1, 15).toordinal(), date(1999, 1, 1).toordinal()]
        assert table.withdrawn.tolist() == [False, True]
        assert table.open_license.tolist() == [True, False]
        assert table.categories == ("cs.DL", "")
        columns = (table.keys, table.months, table.days, table.withdrawn, table.open_license)
        assert [column.dtype for column in columns] == [np.int64, np.int32, np.int32, np.bool_, np.bool_]


class CitationsContract(StoreContract):
    def test_pairs_are_counted_once(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1), a_paper(2))
        pairs = [(an_id(1), an_id(2)), (an_id(1), an_id(7)), (an_id(8), an_id(1))]
        assert cite(store, *pairs, pairs[0]) == 3
        assert cite(store, *pairs) == 0
        assert cite(store, pairs[0], source="citations:other") == 0
        status = reader.status()
        assert (status.citations, status.papers_with_references, status.papers) == (3, 1, 2)

    def test_the_revision_grows_with_the_set(self, store: PaperStore, reader: PaperReader) -> None:
        revisions = [reader.status().citation_revision]
        for pair in ((1, 2), (1, 2), (1, 3)):
            cite(store, (an_id(pair[0]), an_id(pair[1])))
            revisions.append(reader.status().citation_revision)
        cite(store)
        assert revisions[0] < revisions[1] == revisions[2] < revisions[3] == reader.status().citation_revision
        assert reader.status().revision == 0

    def test_edges_ascend_and_include_works_not_held(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(2))
        pairs = [(an_id(2), an_id(1)), (an_id(3), an_id(2)), (an_id(2), an_id(3))]
        cite(store, *pairs)
        cite(store, *pairs[:2], source="citations:other")
        edges = reader.edges()
        assert edges.citing.dtype == edges.cited.dtype == np.int64
        ends = list(zip(edges.citing.tolist(), edges.cited.tolist(), strict=True))
        assert ends == sorted(ends)
        ids = reader.ids(range(10))
        assert sorted((ids[citing], ids[cited]) for citing, cited in ends) == sorted(pairs)

    def test_an_empty_library_has_empty_arrays(self, reader: PaperReader) -> None:
        assert len(reader.edges().citing) == len(reader.edges().cited) == len(reader.table().keys) == 0
        assert len(reader.table().open_license) == 0
        assert reader.table().categories == ()
        assert list(reader.all_papers()) == []
