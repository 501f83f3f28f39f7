"""What every store must do about who gives a citation, who no longer does, and who was asked.

See `store_contract`.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.papers import CitationChanges, PaperId
from indexer.ports import PaperReader, PaperStore
from indexer.tables import Seen
from tests.builders import NOW, a_paper, an_id, cited, later
from tests.contracts.store_contract import StoreContract, put

S2, OPENALEX = "semantic-scholar:", "openalex:"
fresh = count(1)  # a library is shared by all examples of a test


def answer(
    store: PaperStore, numbers: tuple[int, ...], *pairs: tuple[int, int], source: str = S2, day: int = 0
) -> CitationChanges:
    """The source answers with the whole lists of references of the papers of `numbers`."""
    with store.transaction():
        return store.put_citations(
            cited(*pairs), source, later(day), answered=[an_id(number) for number in numbers]
        )


def pairs_of(reader: PaperReader) -> set[tuple[PaperId, PaperId]]:
    edges = reader.edges()
    ends = list(zip(edges.citing.tolist(), edges.cited.tolist(), strict=True))
    assert ends == sorted(set(ends))
    ids = reader.ids({key for pair in ends for key in pair})
    return {(ids[citing], ids[other]) for citing, other in ends}


def ends(*pairs: tuple[int, int]) -> set[tuple[PaperId, PaperId]]:
    return {(one.citing, one.cited) for one in cited(*pairs)}


class ReferencesContract(StoreContract):
    def test_a_pair_that_is_not_given_again_is_gone(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1), a_paper(2))
        assert answer(store, (1, 2), (1, 8), (1, 9), (2, 9)) == CitationChanges(new=3)
        before = reader.status()
        assert answer(store, (1,), (1, 8), day=7) == CitationChanges(gone=1)
        status = reader.status()
        assert status.citation_revision > before.citation_revision
        assert (status.citations, status.papers_with_references) == (2, 2)
        assert pairs_of(reader) == ends((1, 8), (2, 9))
        assert answer(store, (2,), day=8) == CitationChanges(gone=1)
        assert reader.status().papers_with_references == 1
        assert answer(store, (1, 2), (1, 8), day=9) == CitationChanges()

    def test_a_pair_that_comes_back_is_new_again(self, store: PaperStore, reader: PaperReader) -> None:
        answer(store, (1,), (1, 2))
        answer(store, (1,), day=1)
        revision = reader.status().citation_revision
        assert answer(store, (1,), (1, 2), day=3) == CitationChanges(new=1)
        assert reader.status().citation_revision > revision
        assert pairs_of(reader) == ends((1, 2))
        assert reader.provenance(an_id(1), an_id(2)) == [
            Seen(S2, NOW.date(), later(3).date(), None),
        ]

    def test_a_pair_may_go_and_come_back_in_a_day(self, store: PaperStore, reader: PaperReader) -> None:
        answer(store, (1,), (1, 2))
        answer(store, (1,))
        assert pairs_of(reader) == set()
        assert answer(store, (1,), (1, 2)) == CitationChanges(new=1)
        assert pairs_of(reader) == ends((1, 2))

    def test_a_pair_stays_while_another_source_gives_it(self, store: PaperStore, reader: PaperReader) -> None:
        answer(store, (1,), (1, 2))
        assert answer(store, (1,), (1, 2), source=OPENALEX, day=1) == CitationChanges()
        revision = reader.status().citation_revision
        assert answer(store, (1,), day=2) == CitationChanges()
        assert reader.status().citation_revision == revision
        assert pairs_of(reader) == ends((1, 2))
        assert reader.provenance(an_id(1), an_id(2)) == [
            Seen(S2, NOW.date(), NOW.date(), later(2).date()),
            Seen(OPENALEX, later(1).date(), later(1).date(), None),
        ]
        assert answer(store, (1,), source=OPENALEX, day=3) == CitationChanges(gone=1)
        assert pairs_of(reader) == set()
        assert reader.provenance(an_id(2), an_id(1)) == reader.provenance(an_id(1), an_id(99)) == []

    def test_only_whole_lists_take_pairs_away(self, store: PaperStore, reader: PaperReader) -> None:
        answer(store, (1,), (1, 2), (1, 3))
        with store.transaction():
            changes = store.put_citations(cited((1, 4)), S2, later(1), unknown=[an_id(2)])
        assert changes == CitationChanges(new=1)
        with store.transaction():
            assert store.put_citations([], S2, later(1), unknown=[an_id(1)]) == CitationChanges()
        assert len(pairs_of(reader)) == 3

    def test_what_was_asked(self, store: PaperStore, reader: PaperReader) -> None:
        assert len(reader.asked(S2).keys) == 0
        put(store, *(a_paper(number) for number in range(1, 5)))
        keys = reader.keys([an_id(number) for number in range(1, 5)])
        with store.transaction():
            store.put_citations(
                cited((1, 2), (1, 3), (1, 3), (4, 1)),
                S2, NOW, answered=[an_id(1), an_id(3)], unknown=[an_id(2)],
            )  # fmt: skip
        answer(store, (3,), (3, 1), day=1)
        asked = reader.asked(S2)
        assert asked.keys.tolist() == [keys[an_id(number)] for number in (1, 2, 3)]
        assert asked.found.tolist() == [2, -1, 1]
        today = NOW.date().toordinal()
        assert asked.days.tolist() == [today, today, today + 1]
        assert [column.dtype for column in (asked.keys, asked.days, asked.found)] == [
            np.int64, np.int32, np.int32,
        ]  # fmt: skip
        assert len(reader.asked(OPENALEX).keys) == 0

    def test_coverage_by_month_and_source(self, store: PaperStore, reader: PaperReader) -> None:
        assert reader.coverage().months.tolist() == []
        put(store, a_paper(1), a_paper(2), a_paper(3, month=2312), source="snapshot:test")
        for month in reader.coverage().by_source.values():
            assert month.tolist() == [0, 0]
        answer(store, (1, 9), (1, 2), (1, 3), (9, 1))  # the ninth is not held
        answer(store, (1, 2), (1, 2), (2, 1), source=OPENALEX)
        answer(store, (2,), source="citations:old", day=1)
        coverage = reader.coverage()
        assert coverage.months.tolist() == [202312, 202401]
        assert coverage.papers.tolist() == [1, 2]
        assert coverage.covered.tolist() == [0, 2]
        assert {name: found.tolist() for name, found in coverage.by_source.items()} == {
            S2: [0, 1], OPENALEX: [0, 2], "citations:old": [0, 0],
        }  # fmt: skip
        assert coverage.months.dtype == np.int32
        assert {one.dtype for one in (coverage.papers, coverage.covered, *coverage.by_source.values())} == {
            np.dtype(np.int64)
        }
        answer(store, (2,), source=OPENALEX, day=2)
        assert reader.coverage().covered.tolist() == [0, 1]

    def test_it_is_all_undone_with_its_transaction(self, store: PaperStore, reader: PaperReader) -> None:
        answer(store, (1,), (1, 2))
        before = reader.status()
        with pytest.raises(KeyboardInterrupt), store.transaction():  # noqa: PT012  # the last line raises
            store.put_citations(cited((1, 3)), S2, later(1), answered=[an_id(1)], unknown=[an_id(2)])
            raise KeyboardInterrupt
        assert reader.status() == before
        assert pairs_of(reader) == ends((1, 2))
        assert reader.asked(S2).found.tolist() == [1]


batches = st.tuples(
    st.sampled_from([S2, OPENALEX, "citations:file"]),
    st.sets(st.tuples(st.integers(1, 3), st.integers(1, 4)), max_size=5),
    st.sets(st.integers(1, 3), max_size=2),
)
Batch = tuple[str, set[tuple[int, int]], set[int]]


class MergingContract(StoreContract):
    @given(story=st.lists(batches, max_size=8))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_sources_merge_as_sets_do(
        self, store: PaperStore, reader: PaperReader, story: list[Batch]
    ) -> None:
        """The model: each source has a set of pairs; the library has their union."""
        base, before = 10 * next(fresh), reader.status().citations
        given_by: dict[str, set[tuple[int, int]]] = {}
        for day, (source, pairs, answered) in enumerate(story):
            union = set().union(*given_by.values())
            kept = {pair for pair in given_by.get(source, set()) if pair[0] not in answered}
            given_by[source] = kept | pairs
            expected = set().union(*given_by.values())
            moved = [(base + citing, base + other) for citing, other in pairs]
            revision = reader.status().citation_revision
            changes = answer(store, tuple(base + one for one in answered), *moved, source=source, day=day)
            assert changes == CitationChanges(new=len(expected - union), gone=len(union - expected))
            assert (reader.status().citation_revision > revision) == (expected != union)
            assert reader.status().citations == before + len(expected)
            there = {pair for pair in pairs_of(reader) if an_id(base) <= pair[0] < an_id(base + 10)}
            assert there == ends(*((base + citing, base + other) for citing, other in expected))
        for citing, other in {(citing, other) for citing in range(1, 4) for other in range(1, 5)}:
            seen = reader.provenance(an_id(base + citing), an_id(base + other))
            givers = {name for name, pairs in given_by.items() if (citing, other) in pairs}
            assert {one.source for one in seen if one.gone is None} == givers
            assert all(one.first <= one.last < (one.gone or later(99).date()) for one in seen)
