"""Authors: who is the same, how telling it is to have them in common, and what else they wrote."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.authors import (
    FEW_PAPERS,
    MOST_AUTHORS,
    MOST_PAPERS,
    AuthorIndex,
    Bylines,
    common_names,
    name_key,
)
from indexer.errors import GenerationError
from indexer.library import load_derived, open_library
from indexer.papers import Author
from tests.builders import a_paper
from tests.libraries import build, chain, linked_topics, published, settings_in, three_topics

CURIE, NOETHER, HOPPER = Author("Curie", "Marie"), Author("Noether", "Emmy"), Author("Hopper", "Grace")
PEOPLE = [Author(f"{letter}son", letter) for letter in "ABCDEFGH"]

some_authors = st.lists(st.sampled_from(PEOPLE), max_size=6).map(tuple)
libraries = st.lists(some_authors, min_size=1, max_size=12)


def rows(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, dtype=np.int64)


def shared(index: AuthorIndex, *seeds_and_row: int) -> float:
    return float(index.shared(rows(*seeds_and_row[:-1]), rows(seeds_and_row[-1]))[0])


def works(index: AuthorIndex, *seeds: int, most: int = 100) -> list[int]:
    return list(index.works_of_authors(rows(*seeds), most).tolist())


class TestNames:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (Author("Erdős", "Paul"), Author("Erdos", "P.")),
            (Author("Erdős", "Paul"), Author("Erd\\H{o}s", "P")),
            (Author("Schrödinger", "Erwin"), Author('Schr\\"{o}dinger', "E. R. J. A.")),
            (Author("Łukasiewicz", "Jan"), Author("LUKASIEWICZ", "J")),
            (Author("Curie", "Marie"), Author("Curie, Marie")),
            (Author("Curie", "Marie"), Author("Marie Curie")),
            (Author("Åström", "Örjan"), Author("Astrom", "Orjan")),
            (Author("Le-Cun", "Yann"), Author("LeCun", "Y.")),
            (Author("King", "Martin", "Jr."), Author("King", "Martin")),
            (Author("Pazzaglia", ". Anna"), Author("Pazzaglia", "A")),
            (Author("Иванов", "Пётр"), Author("иванов", "П.")),
        ],
    )
    def test_the_same(self, one: Author, other: Author) -> None:
        assert name_key(one) == name_key(other) != ""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (Author("Curie", "Marie"), Author("Curie", "Pierre")),
            (Author("Curie", "Marie"), Author("Curien", "Marie")),
            (Author("Na", "Li"), Author("Li", "Na")),
        ],
    )
    def test_another(self, one: Author, other: Author) -> None:
        assert name_key(one) != name_key(other)

    @pytest.mark.parametrize(
        "nobody",
        [
            Author("ATLAS Collaboration"),
            Author("Collaboration", "Euclid"),
            Author("Team", "Kimi"),
            Author("Seedream", "Team"),
            Author("Ling-Team"),
            Author("Group", "EAES Working"),
            Author("et al."),
            Author("al.", "et"),
            Author("others"),
            Author("and others"),
            Author("OpenAI"),
            Author("Wang"),
            Author(":"),
            Author("Wang", "."),
            Author(", A."),
        ],
    )
    def test_no_person(self, nobody: Author) -> None:
        assert name_key(nobody) == ""

    @pytest.mark.parametrize("person", [Author("Al", "Mert"), Author("Teamer", "A"), Author("Labov", "W")])
    def test_names_that_look_like_groups(self, person: Author) -> None:
        assert name_key(person) != ""

    def test_in_common(self) -> None:
        first = a_paper(
            1, authors=(HOPPER, Author("Erdős", "Paul"), CURIE, Author("Erdos", "P."), Author(":"))
        )
        second = a_paper(2, authors=(Author("Curie", "M."), Author(":"), Author("Erdos", "P."), NOETHER))
        assert common_names(first, second) == ("Paul Erdős", "Marie Curie")
        assert common_names(second, first) == ("M. Curie", "P. Erdos")
        assert common_names(a_paper(3, authors=()), second) == ()


class TestShared:
    def test_only_who_is_in_both_counts(self) -> None:
        index = AuthorIndex.of([(CURIE, NOETHER), (NOETHER, HOPPER), (HOPPER,), ()])
        scores = index.shared(rows(0), rows(1, 2, 3))
        assert scores.dtype == np.float32
        assert (scores > 0).tolist() == [True, False, False]

    def test_fewer_papers_tell_more(self) -> None:
        index = AuthorIndex.of([(CURIE, NOETHER), (CURIE, HOPPER), (NOETHER, HOPPER), (NOETHER,)])
        rare, common = index.shared(rows(0), rows(1, 2))
        assert rare > common > 0

    def test_more_authors_in_common_tell_more(self) -> None:
        index = AuthorIndex.of([(CURIE, NOETHER, HOPPER), (CURIE, NOETHER, PEOPLE[0]), (CURIE, *PEOPLE[:2])])
        two, one = index.shared(rows(0), rows(1, 2))
        assert two > one > 0

    def test_the_formula(self) -> None:
        index = AuthorIndex.of([(CURIE, NOETHER), (NOETHER, CURIE), (CURIE, *PEOPLE[:3])])
        one, other = 1 / np.log(5), 1 / np.log(4)
        assert index.shared(rows(0), rows(1, 2)) == pytest.approx(1 - np.exp([-one - other, -one]))

    def test_a_name_of_many_tells_nothing(self) -> None:
        few = AuthorIndex.of([(CURIE,)] * FEW_PAPERS + [(HOPPER,)])
        many = AuthorIndex.of([(CURIE,)] * (FEW_PAPERS + 1) + [(HOPPER,)])
        assert shared(few, 0, 1) > 0 == shared(many, 0, 1)
        assert len(works(few, 0)) == FEW_PAPERS - 1
        assert works(many, 0) == []

    @pytest.mark.parametrize(("papers", "most"), [(0, 50), (10_000, 50), (20_000, 100), (3_000_000, 1_000)])
    def test_how_many_is_many(self, papers: int, most: int) -> None:
        index = AuthorIndex(
            hashes=np.zeros(0, np.uint64),
            ends=np.zeros(1, np.int64),
            rows=np.zeros(0, np.int32),
            paper_ends=np.zeros(papers + 1, np.int64),
            paper_authors=np.zeros(0, np.int32),
        )
        assert index.most_papers == most <= MOST_PAPERS

    def test_several_seeds_are_one_circle(self) -> None:
        index = AuthorIndex.of([(CURIE, *PEOPLE[:3]), (CURIE,), (NOETHER,), (), (NOETHER, CURIE)])
        one, again, both = (shared(index, *seeds, 4) for seeds in [(1,), (0, 1, 3), (1, 2)])
        assert both > one == again

    def test_nothing_to_compare(self) -> None:
        index = AuthorIndex.of([(), (CURIE,), ()])
        assert index.shared(rows(0, 2), rows(0, 1, 2)).tolist() == [0, 0, 0]
        assert index.shared(rows(1), rows(0, 2)).tolist() == [0, 0]
        assert index.shared(rows(), rows(1)).tolist() == [0]
        assert index.shared(rows(1), rows()).tolist() == []

    @given(libraries)
    def test_symmetric_and_bounded(self, library: list[tuple[Author, ...]]) -> None:
        index = AuthorIndex.of(library)
        every = np.arange(len(library))
        table = np.array([index.shared(rows(seed), every) for seed in range(len(library))])
        assert table == pytest.approx(table.T)
        assert ((table >= 0) & (table <= 1)).all()
        for one in every:
            for other in every:
                assert (table[one, other] > 0) == bool(set(library[one]) & set(library[other]))

    @given(libraries, st.integers(0, 1_000))
    def test_order_says_nothing(self, library: list[tuple[Author, ...]], seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(library))
        index = AuthorIndex.of(library)
        turned = AuthorIndex.of([library[row][::-1] for row in order])
        every = np.arange(len(library))
        assert turned.shared(every[:1], every) == pytest.approx(index.shared(order[:1], order))
        assert turned.shared(every[::-1], every) == pytest.approx(index.shared(every, order))
        assert set(order[works(turned, 0)].tolist()) == set(works(index, int(order[0])))

    @given(libraries, st.data())
    def test_more_seeds_never_tell_less(self, library: list[tuple[Author, ...]], data: st.DataObject) -> None:
        index = AuthorIndex.of(library)
        seeds = data.draw(st.lists(st.integers(0, len(library) - 1), min_size=1, max_size=5))
        every = np.arange(len(library))
        scores = index.shared(rows(*seeds), every)
        assert (scores <= 1).all()
        assert (scores >= index.shared(rows(*seeds[:1]), every) - 1e-6).all()


class TestWorks:
    def test_the_other_papers_newest_first(self) -> None:
        index = AuthorIndex.of([(CURIE,), (HOPPER,), (CURIE, NOETHER), (), (NOETHER,), (NOETHER, CURIE)])
        assert works(index, 2) == [5, 4, 0]
        assert works(index, 2, 5) == [4, 0]
        assert works(index, 1) == works(index, 3) == []

    def test_the_rarest_author_keeps_a_place(self) -> None:
        index = AuthorIndex.of([(NOETHER,), (CURIE, NOETHER), *[(CURIE,)] * 40])
        assert works(index, 1, most=3) == [41, 40, 0]

    @given(libraries, st.integers(0, 8), st.data())
    def test_nothing_but_their_works(
        self, library: list[tuple[Author, ...]], most: int, data: st.DataObject
    ) -> None:
        index = AuthorIndex.of(library)
        seeds = data.draw(st.lists(st.integers(0, len(library) - 1), max_size=3))
        theirs = {author for seed in seeds for author in library[seed]}
        possible = [row for row, names in enumerate(library) if theirs & set(names) and row not in seeds]
        found = works(index, *seeds, most=most)
        assert set(found) <= set(possible)
        assert len(found) == min(most, len(possible))
        assert found == sorted(set(found), reverse=True)

    def test_of_one_author(self) -> None:
        index = AuthorIndex.of([(Author("Erdős", "Paul"),), (CURIE,), (), (CURIE, Author("Erdos", "P."))])
        assert index.works(Author("Erdos", "Pál")).tolist() == [0, 3]
        assert index.works(HOPPER).tolist() == index.works(Author("OpenAI")).tolist() == []


class TestIndex:
    def test_an_author_twice_is_one(self) -> None:
        index = AuthorIndex.of([(CURIE, Author("Curie", "M."), NOETHER)])
        assert (len(index), len(index.hashes), len(index.paper_authors)) == (1, 2, 2)

    def test_of_thousands_the_first(self) -> None:
        crowd = [Author(f"Person{number}", "A") for number in range(MOST_AUTHORS + 9)]
        index = AuthorIndex.of([crowd, crowd[-1:]])
        assert len(index.hashes) == MOST_AUTHORS + 1
        assert shared(index, 0, 1) == 0
        assert common_names(a_paper(1, authors=tuple(crowd)), a_paper(2, authors=(crowd[-1],))) == ()

    def test_empty_library(self, tmp_path: Path) -> None:
        index = AuthorIndex.of([])
        assert len(index) == 0
        assert index.works(CURIE).tolist() == []
        assert works(index) == index.shared(rows(), rows()).tolist() == []
        index.save(tmp_path)
        assert len(AuthorIndex.load(tmp_path)) == 0

    @given(libraries)
    def test_both_ways_agree(self, library: list[tuple[Author, ...]]) -> None:
        index = AuthorIndex.of(library)
        of_papers = np.repeat(np.arange(len(index)), np.diff(index.paper_ends))
        of_authors = np.repeat(np.arange(len(index.hashes)), np.diff(index.ends))
        written = set(zip(of_papers.tolist(), index.paper_authors.tolist(), strict=True))
        assert written == set(zip(index.rows.tolist(), of_authors.tolist(), strict=True))
        assert len(written) == len(index.rows) == sum(len(set(names)) for names in library)
        assert (np.diff(index.hashes.astype(object)) > 0).all()
        for author in {author for names in library for author in names}:
            assert index.works(author).tolist() == [
                row for row, names in enumerate(library) if author in names
            ]

    def test_saved_and_loaded(self, tmp_path: Path) -> None:
        bylines = Bylines()
        for authors in [(CURIE, NOETHER), (), (NOETHER,)]:
            bylines.append(authors)
        index = bylines.index()
        index.save(tmp_path)
        again = AuthorIndex.load(tmp_path)
        for field in fields(AuthorIndex):
            before, after = getattr(index, field.name), getattr(again, field.name)
            assert before.dtype == after.dtype
            assert np.array_equal(before, after)
        assert works(again, 0) == [2]

    def test_nothing_saved(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="authors-hashes"):
            AuthorIndex.load(tmp_path)


class TestOfALibrary:
    def test_the_rows_are_those_of_the_catalogue(self, tmp_path: Path) -> None:
        settings = settings_in(tmp_path)
        papers = [replace(paper, authors=()) for paper in three_topics(4)]
        papers[2] = replace(papers[2], authors=(HOPPER,))
        papers[7] = replace(papers[7], authors=(NOETHER, Author("Hopper", "G.")))
        build(settings, papers, chain(papers))
        with open_library(settings) as library:
            derived = library.derived()
            keys = derived.catalogue.keys[derived.authors.works(HOPPER)].tolist()
            assert len(derived.authors) == len(papers)
            assert [library.store.papers(keys)[key].id for key in keys] == [papers[2].id, papers[7].id]

    def test_authors_of_another_library(self, tmp_path: Path) -> None:
        settings = linked_topics(tmp_path, each=4)
        generation = published(settings)
        AuthorIndex.of([(CURIE,)] * 3).save(generation.path)
        with pytest.raises(GenerationError, match="3 papers instead of 12; run `paperkin update --rebuild`"):
            load_derived(generation, settings.index)
