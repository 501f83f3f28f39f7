"""Records of one work: what makes two the same, what keeps them apart, and which stands for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import duplicates
from indexer.papers import Author, Paper, PaperId
from indexer.sources.snapshot import Snapshot
from tests.builders import a_paper, an_id

TITLE = "On the kinship of papers that cite each other"
OTHER_TITLE = "Braids and knots in the theory of everything else"
ABSTRACT = "We study what makes two records the same work. " * 8
CURIE, NOETHER, HOPPER = Author("Curie", "Marie"), Author("Noether", "Emmy"), Author("Hopper", "Grace")
FRANKLIN, MEITNER = Author("Franklin", "Rosalind"), Author("Meitner", "Lise")


def record(number: int, title: str = TITLE, **fields: object) -> Paper:
    """A record of which nothing but its title and authors can say that it is another's."""
    return a_paper(number, month=2401, title=title, **({"abstract": f"Abstract {number}."} | fields))


def works(papers: Sequence[Paper]) -> list[int]:
    """The key of the record that stands for each: keys are 1, 2, ... in order."""
    keys = np.arange(1, len(papers) + 1, dtype=np.int64)
    marks = duplicates.marks_of(papers)
    alike = {int(keys[row]): papers[row] for row in duplicates.suspects(marks)}
    return list(duplicates.same_work(keys, marks, alike).tolist())


def are_one(first: Paper, second: Paper) -> bool:
    there, back = works([first, second]), works([second, first])
    assert len(set(there)) == len(set(back))
    return len(set(there)) == 1


class TestTitles:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (TITLE, TITLE),
            (TITLE, TITLE.upper()),
            (TITLE, "On the Kinship of Papers, that cite   each other."),
            (r"Schr{\"o}dinger operators with $\alpha$-decay", "Schrödinger Operators with α-decay"),
            ("Łukasiewicz logic and its naïve extensions", "Lukasiewicz logic and its naive extensions"),
            ("[Withdrawn] " + TITLE, TITLE),
            ("WITHDRAWN: " + TITLE, TITLE),
        ],
    )
    def test_one_work(self, one: str, other: str) -> None:
        assert are_one(record(1, one), record(2, other))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (TITLE, OTHER_TITLE),
            (TITLE + ". Part I", TITLE + ". Part II"),
            (TITLE + ", 1", TITLE + ", 2"),
            (TITLE, TITLE + " revisited"),
            ("Erratum", "Erratum"),  # too short to tell
            ("Quantum gravity", "Quantum gravity"),
            ("A B C D E", "A B C D E"),
            ("", ""),
        ],
    )
    def test_two_works(self, one: str, other: str) -> None:
        assert not are_one(record(1, one), record(2, other))


class TestAuthors:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ((CURIE, NOETHER), (NOETHER, CURIE)),
            ((CURIE,), (Author("Curie", "M."),)),
            ((Author("Erdős", "Pál"),), (Author("Erdos", "P."),)),
            ((Author("Łuczak", "T."),), (Author("Luczak", "Tomasz"),)),
            ((Author(r"Erd\H{o}s", "P."),), (Author("Erdős", "P."),)),
            ((Author("d'Ambrosio", "G."),), (Author("D’Ambrosio", "Giulia"),)),
            ((Author("Nguyễn", "Văn"),), (Author("Nguyen", "V."),)),
            ((Author("ATLAS Collaboration"),), (Author("ATLAS collaboration"),)),
            ((CURIE, NOETHER), (CURIE, NOETHER, HOPPER)),
            ((CURIE,), (CURIE, NOETHER)),
        ],
    )
    def test_the_same(self, one: tuple[Author, ...], other: tuple[Author, ...]) -> None:
        assert are_one(record(1, authors=one), record(2, authors=other))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ((CURIE, NOETHER), (HOPPER, FRANKLIN)),
            ((CURIE, NOETHER, HOPPER), (CURIE, FRANKLIN, MEITNER)),
            ((CURIE,), (Author("Curie", "Pierre"),)),
            ((), ()),  # nobody knows
            ((CURIE,), ()),
        ],
    )
    def test_others(self, one: tuple[Author, ...], other: tuple[Author, ...]) -> None:
        assert not are_one(record(1, authors=one), record(2, authors=other))


class TestDois:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("10.1000/xyz.1", "10.1000/XYZ.1"),
            ("10.1000/xyz.1", "https://doi.org/10.1000/xyz.1"),
            ("doi:10.1000/xyz.1", "http://dx.doi.org/10.1000/xyz.1 10.1000/erratum"),
        ],
    )
    def test_one_article_under_two_titles(self, one: str, other: str) -> None:
        assert are_one(record(1, doi=one), record(2, OTHER_TITLE, doi=other))

    @pytest.mark.parametrize(
        ("one", "other"), [(" I", " II"), (", part 1: knots", ", part 2: braids"), (" part one", " part two")]
    )
    def test_a_doi_of_two_parts_of_a_series(self, one: str, other: str) -> None:
        assert not are_one(record(1, TITLE + one, doi="10.1000/1"), record(2, TITLE + other, doi="10.1000/1"))

    def test_a_doi_of_others(self) -> None:
        other = record(2, OTHER_TITLE, doi="10.1000/1", authors=(HOPPER, FRANKLIN))
        assert not are_one(record(1, doi="10.1000/1"), other)

    @pytest.mark.parametrize("doi", ["10.48550/arXiv.2401.00001", "", None, "  "])
    def test_what_is_no_doi_of_a_journal(self, doi: str | None) -> None:
        assert not are_one(record(1, doi=doi), record(2, OTHER_TITLE, doi=doi))

    def test_the_doi_of_a_volume(self) -> None:
        titles = (
            "Braids of the first kind",
            "Knots and what they tie",
            "Links in a chain",
            "Tangles of all sorts",
        )
        chapters = [record(at, title, doi="10.1000/volume") for at, title in enumerate(titles, 1)]
        assert works(chapters) == [1, 2, 3, 4]
        assert works(chapters[:2]) == [1, 1]


class TestAbstracts:
    def test_the_same_abstract_under_a_title_that_changed(self) -> None:
        first = record(1, "Homophily booster: rethinking the role of features", abstract=ABSTRACT)
        second = record(2, "Homophily Booster: reimagining the role of features", abstract=ABSTRACT.upper())
        assert are_one(first, second)

    def test_an_abstract_pasted_into_another_record(self) -> None:
        assert not are_one(record(1, abstract=ABSTRACT), record(2, OTHER_TITLE, abstract=ABSTRACT))

    def test_a_phrase_is_no_abstract(self) -> None:
        gone = "This paper has been withdrawn by the authors."
        assert not are_one(record(1, abstract=gone), record(2, TITLE + " revisited", abstract=gone))


class TestWhichStandsForTheWork:
    def test_the_earliest_id(self) -> None:
        old = replace(record(3), id=PaperId.parse("hep-th/9901001"))
        assert works([record(2), record(1), old]) == [3, 3, 3]
        assert works([record(2), record(1)]) == [2, 2]

    @pytest.mark.parametrize("gone", ["withdrawn", "vanished"])
    def test_one_that_is_still_there(self, gone: str) -> None:
        first, second = (record(number, TITLE, **{gone: True}) for number in (1, 2))
        assert works([first, record(2), record(3)]) == [2, 2, 2]
        assert works([first, second]) == [1, 1]

    def test_whatever_else_is_in_the_library(self) -> None:
        papers = [a_paper(9), record(1), a_paper(8, title=OTHER_TITLE), record(2)]
        assert works(papers) == [1, 2, 3, 2]

    def test_records_that_are_joined_by_a_third(self) -> None:
        first, third = record(1, doi="10.1000/1"), record(3, OTHER_TITLE)
        second = record(2, OTHER_TITLE, doi="10.1000/1")
        assert works([first, third]) == [1, 2]
        assert works([first, second, third]) == [1, 1, 1]


def test_none_and_one() -> None:
    assert works([]) == []
    assert works([record(1)]) == [1]
    assert works([Paper(an_id(1)), Paper(an_id(2))]) == [1, 2]


def test_a_title_that_very_many_have_tells_nothing() -> None:
    form = [record(number) for number in range(1, duplicates.MOST_RECORDS + 2)]
    assert works(form) == list(range(1, len(form) + 1))
    assert set(works(form[:-1])) == {1}
    assert duplicates.suspects(duplicates.marks_of(form)).tolist() == []


def test_the_doi_of_a_volume_tells_nothing_of_records_that_are_looked_at_for_another_reason() -> None:
    """Of a volume's chapters two share their titles with records elsewhere."""
    titles = (TITLE, OTHER_TITLE, "Links in a chain of papers", "Tangles of all sorts of papers")
    chapters = [record(at, title, doi="10.1000/volume") for at, title in enumerate(titles, 1)]
    elsewhere = [record(5, TITLE), record(6, OTHER_TITLE)]
    assert works([*chapters, *elsewhere]) == [1, 2, 3, 4, 1, 2]


def test_only_records_that_share_something_are_looked_at() -> None:
    papers = [record(1), a_paper(2, title=OTHER_TITLE), record(3), a_paper(4)]
    assert duplicates.suspects(duplicates.marks_of(papers)).tolist() == [0, 2]


def test_a_record_that_is_missing_stands_alone() -> None:
    """It was removed between two readings."""
    papers = [record(1), record(2)]
    marks = duplicates.marks_of(papers)
    assert duplicates.same_work(np.array([5, 9]), marks, {5: papers[0]}).tolist() == [5, 9]


_RECORDS = st.lists(
    st.builds(
        record,
        st.integers(1, 999),
        st.sampled_from([TITLE, OTHER_TITLE, "Short"]),
        authors=st.sampled_from([(CURIE, NOETHER), (CURIE, NOETHER, HOPPER), (HOPPER,), ()]),
        doi=st.sampled_from([None, "10.1000/1", "10.1000/2"]),
        abstract=st.sampled_from(["", ABSTRACT]),
        withdrawn=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda paper: paper.id,
)


@given(_RECORDS, st.randoms(use_true_random=False))
def test_the_works_do_not_depend_on_the_order_of_the_records(papers: list[Paper], chance: Random) -> None:
    shuffled = sorted(papers, key=lambda _: chance.random())
    by_id = {paper.id: papers[work - 1].id for paper, work in zip(papers, works(papers), strict=True)}
    again = {paper.id: shuffled[work - 1].id for paper, work in zip(shuffled, works(shuffled), strict=True)}
    assert by_id == again
    for paper in papers:
        stands = next(one for one in papers if one.id == by_id[paper.id])
        assert by_id[stands.id] == stands.id
        assert paper.withdrawn or not stands.withdrawn
        assert stands.withdrawn != paper.withdrawn or stands.id <= paper.id


def test_the_array_comes_back(tmp_path: Path) -> None:
    duplicates.save(np.array([1, 1, 3], dtype=np.int64), tmp_path)
    assert duplicates.load(tmp_path).tolist() == [1, 1, 3]


def test_real_records(shared: Path) -> None:
    """Of 21,646 papers two are one work, under one title half a year apart."""
    source = Snapshot(str(shared / "data" / "medium" / "papers.jsonl.xz"), name="snapshot:medium")
    papers = [paper for batch in source.batches() for paper in batch.papers]
    found = works(papers)
    pairs = {
        (str(papers[work - 1].id), str(paper.id))
        for at, (paper, work) in enumerate(zip(papers, found, strict=True), start=1)
        if at != work
    }
    assert pairs == {("2602.00485", "2605.03426")}


def test_chains_of_any_order_are_one_work() -> None:
    """Each record is like the next by title, then by DOI: all are one work, however the pairs come."""
    chain = [
        record(4, TITLE, doi=None),
        record(3, TITLE, doi="10.1000/1"),
        record(2, OTHER_TITLE, doi="10.1000/1"),
        record(1, OTHER_TITLE, doi="10.1000/2"),
        record(5, "A third title that nobody else has given", doi="10.1000/2"),
    ]
    for order in permutations(chain):
        assert {order[work - 1].id for work in works(order)} == {chain[3].id}
