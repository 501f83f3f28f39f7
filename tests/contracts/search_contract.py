"""What full text search and filters must do on every `PaperReader`; see `store_contract`."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.papers import Author, Paper, PaperId, Version
from indexer.ports import PaperReader, PaperStore
from indexer.tables import Filters
from tests.builders import NOW, a_paper, an_id
from tests.contracts.store_contract import StoreContract, cite, put

# Texts that break a full text query put together without care, and some that only look as if they would.
AWKWARD = (
    "black-hole", "C++", "AdS/CFT", "it's", '"unclosed', "", " ", "a AND", "NOT", "OR OR", "NEAR(", "title:x",
    "x*", "^x", "(", ")", "{a b}:c", "-x", "+", ".", "\0", "a\0b", "'; DROP TABLE papers; --", "$x^2$",
    "\\alpha", "漢字", "e\u0301", "\ud800", "😀", "%", "_", "x" * 100_000,
)  # fmt: skip

BY = "http://creativecommons.org/licenses/by/4.0/"
FILTERED = (
    a_paper(1, month=2001, categories=("cs.LG", "stat.ML"), license=BY),
    a_paper(2, month=2101, categories=("math.CO",), license=None),
    a_paper(3, month=2201, categories=("math-ph", "cs.CC"), license="http://arxiv.org/licenses/nonexclusive"),
    a_paper(4, month=2301, categories=("csx.AI",), license=BY, withdrawn=True),
    a_paper(5, month=2401, categories=(), versions=(Version(1, datetime(2023, 12, 31, 23, tzinfo=UTC)),)),
)
# Filters, and the numbers of the papers above that pass.
CASES = [
    (Filters(), {1, 2, 3, 5}),
    (Filters(withdrawn=True), {1, 2, 3, 4, 5}),
    (Filters(since=date(2021, 1, 15)), {2, 3, 5}),
    (Filters(since=date(2021, 1, 16)), {3, 5}),
    (Filters(until=date(2021, 1, 15)), {1, 2}),
    (Filters(until=date(2021, 1, 14)), {1}),
    (Filters(since=date(2023, 12, 31), until=date(2023, 12, 31)), {5}),
    (Filters(not_after_month=202201), {1, 2, 3}),
    (Filters(not_after_month=202312), {1, 2, 3}),
    (Filters(categories=("cs",)), {1, 3}),
    (Filters(categories=("cs.LG", "math.CO")), {1, 2}),
    (Filters(categories=("math",)), {2}),
    (Filters(categories=("cs.L", "c", "%", "cs.")), set()),
    (Filters(licenses=(BY,)), {1, 5}),
    (Filters(licenses=(BY,), withdrawn=True, categories=("csx",)), {4}),
    (Filters(licenses=("by",)), set()),
    (Filters(open_license=True), {1, 5}),
    (Filters(open_license=True, withdrawn=True), {1, 4, 5}),
    (Filters(open_license=True, licenses=("http://arxiv.org/licenses/nonexclusive",)), set()),
]


def found(reader: PaperReader, *words: str, filters: Filters | None = None, every: bool = False) -> list[str]:
    """The ids that a search finds, best first; checks the count on the way."""
    hits = reader.search(words, filters, limit=1000, every_word=every)
    assert reader.count_matches(words, filters, every_word=every) == len(hits.keys)
    ids = reader.ids(hits.keys.tolist())
    return [ids[key].value for key in hits.keys.tolist()]


def numbers(identifiers: list[str]) -> set[int]:
    return {int(identifier.rpartition(".")[2]) for identifier in identifiers}


class SearchContract(StoreContract):
    def test_words_are_stemmed_and_folded(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, Paper(an_id(1), title="Learning Graphs", authors=(Author("Gödel", "Kurt"),)))
        put(store, Paper(an_id(2), title="A study", abstract="We learned much"))
        assert numbers(found(reader, "learn")) == {1, 2}
        assert numbers(found(reader, "GRAPH")) == {1}
        assert numbers(found(reader, "godel")) == numbers(found(reader, "Gödel")) == {1}
        assert found(reader, "nothing") == []

    def test_one_word_or_every_word(self, store: PaperStore, reader: PaperReader) -> None:
        put(
            store,
            Paper(an_id(1), title="alpha beta"),
            Paper(an_id(2), title="alpha"),
            Paper(an_id(3), title="beta"),
        )
        assert numbers(found(reader, "alpha", "beta")) == {1, 2, 3}
        assert numbers(found(reader, "alpha", "beta", every=True)) == {1}
        assert numbers(found(reader, "alpha", "++", every=True)) == {1, 2}
        assert found(reader, "alpha", "gamma", every=True) == []

    def test_a_text_with_spaces_is_a_phrase(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, Paper(an_id(1), title="black hole"), Paper(an_id(2), title="hole in black paper"))
        assert numbers(found(reader, "black hole")) == {1}
        assert numbers(found(reader, "black", "hole")) == {1, 2}

    def test_better_papers_come_first(self, store: PaperStore, reader: PaperReader) -> None:
        filler = [Paper(an_id(number), title="other", abstract="words " * 8) for number in range(10, 30)]
        put(
            store,
            *filler,
            Paper(an_id(1), title="other", abstract="kinship of papers seen again"),
            Paper(an_id(2), title="kinship", abstract="other papers seen again"),
            Paper(an_id(3), title="other", abstract="kinship of papers seen again"),
        )
        hits = reader.search(["kinship"])
        assert hits.keys.dtype == np.int64
        assert hits.scores.dtype == np.float32
        keys = reader.keys([an_id(1), an_id(2), an_id(3)])
        assert hits.keys.tolist() == [keys[an_id(2)], *sorted((keys[an_id(1)], keys[an_id(3)]))]
        assert hits.scores[0] > hits.scores[1] == hits.scores[2] > 0

    def test_pages_join_to_the_whole(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, *(a_paper(number, abstract="kinship " * (number % 7)) for number in range(1, 40)))
        whole = reader.search(["kinship"], limit=100)
        pages = [reader.search(["kinship"], limit=10, offset=offset) for offset in range(0, 50, 10)]
        assert np.concatenate([page.keys for page in pages]).tolist() == whole.keys.tolist()
        assert len(pages[-1].keys) == len(reader.search(["kinship"], limit=0).keys) == 0
        assert (np.diff(whole.scores) <= 0).all()

    def test_what_changed_is_found_anew(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1, title="alpha"), a_paper(2, title="alpha"))
        put(store, a_paper(1, title="beta", authors=(Author("Hypatia"),)))
        assert numbers(found(reader, "alpha")) == numbers(found(reader, "curie")) == {2}
        assert numbers(found(reader, "beta")) == numbers(found(reader, "hypatia")) == {1}
        put(store, a_paper(1, title="beta", authors=(Author("Euclid"),)))
        assert found(reader, "hypatia") == []

    def test_no_words_no_hits(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1))
        for words in ([], [""], ["++", "()"]):
            for every in (False, True):
                assert found(reader, *words, every=every) == []

    @pytest.mark.parametrize("word", AWKWARD, ids=range(len(AWKWARD)))
    def test_any_text_is_a_word(self, store: PaperStore, reader: PaperReader, word: str) -> None:
        put(store, a_paper(1), Paper(an_id(2), title=word.replace("\ud800", "")))
        known = any(map(str.isalnum, word))
        assert (2 in numbers(found(reader, word))) == known
        assert 1 in numbers(found(reader, word, "kinship"))

    @given(words=st.lists(st.text(st.characters(), max_size=20), max_size=5))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    def test_any_words_are_a_search(self, store: PaperStore, reader: PaperReader, words: list[str]) -> None:
        put(store, a_paper(1))
        assert len(found(reader, *words, "kinship")) == 1
        assert len(found(reader, *words, every=True)) <= len(found(reader, *words))

    def test_thousands_of_words(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1))
        words = [f"word{number}" for number in range(5000)]
        assert numbers(found(reader, *words, "kinship")) == {1}
        assert found(reader, *words, "kinship", every=True) == []


class FiltersContract(StoreContract):
    @pytest.mark.parametrize(("filters", "expected"), CASES)
    def test_filters_mean_the_same_everywhere(
        self, store: PaperStore, reader: PaperReader, filters: Filters, expected: set[int]
    ) -> None:
        put(store, *FILTERED)
        assert numbers(found(reader, "kinship", filters=filters)) == expected
        keys = reader.table().keys
        passing = reader.passing(keys, filters)
        assert passing.dtype == np.bool_
        ids = reader.ids(keys.tolist())
        assert {int(ids[key].value[-5:]) for key in keys[passing].tolist()} == expected

    def test_withdrawn_papers_hide_unless_asked_for(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1, withdrawn=True), a_paper(2))
        assert (
            numbers(found(reader, "kinship")) == numbers(found(reader, "kinship", filters=Filters())) == {2}
        )

    def test_passing_keeps_the_order_and_knows_no_strangers(
        self, store: PaperStore, reader: PaperReader
    ) -> None:
        cite(store, (an_id(1), PaperId("hep-th/9901001")))
        put(store, a_paper(1), a_paper(2, withdrawn=True), a_paper(3))
        known = reader.keys([an_id(1), an_id(2), an_id(3)])
        order = [known[an_id(3)], 10**9, known[an_id(1)], known[an_id(2)], known[an_id(3)], -1]
        keys = np.array([*order, *(key for key in reader.ids(range(10)) if key not in known.values())])
        assert reader.passing(keys, Filters()).tolist() == [True, False, True, False, True, False, False]
        assert reader.passing(keys[:0], Filters()).tolist() == []

    def test_a_day_that_is_not_known_is_the_first_of_the_month(
        self, store: PaperStore, reader: PaperReader
    ) -> None:
        put(store, Paper(an_id(1, 2401), title="kinship"), a_paper(2, versions=(Version(1, NOW),)))
        assert numbers(found(reader, "kinship", filters=Filters(until=date(2024, 1, 1)))) == {1}
        assert numbers(found(reader, "kinship", filters=Filters(since=NOW.date()))) == {2}
