"""Gaps of a set of papers, and what a draft misses: counted by hand on small libraries."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import SettingsError
from indexer.library import Library
from indexer.papers import PaperId
from indexer.tables import Filters
from service.answers import (
    GapOrder,
    GapsAnswer,
    GapsRequest,
    Missing,
    RelatedAnswer,
    RelatedRequest,
    ReviewAnswer,
    ReviewRequest,
    Why,
)
from service.gaps import _at_least, gaps, review
from service.related import related
from tests.asking import library_of
from tests.builders import a_paper, an_id, cited, some_versions
from tests.libraries import TOPICS, chain, three_topics

SHUT = "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"
LONG = "One work under two records with a title of words enough to tell it from all others"
SEEDS = tuple(range(1, 6))
LOVED, LIKED, RARE, SHUT_WORK, GONE, FIRST, SECOND, NOT_HELD = 10, 11, 12, 13, 14, 15, 16, 900
PAPERS = [
    *(a_paper(number) for number in (*SEEDS, LOVED, LIKED, RARE, *range(20, 40))),
    a_paper(SHUT_WORK, license=SHUT),
    a_paper(GONE, versions=some_versions(1, withdrawn=(1,)), withdrawn=True),
    a_paper(FIRST, title=LONG, abstract="A work."),
    a_paper(SECOND, title=LONG, abstract="A work, again.", license=None),
]
CITED = [
    *((seed, LOVED) for seed in SEEDS[:4]),
    *((other, LOVED) for other in range(20, 38)),  # the library cites it, whatever the seeds do
    *((seed, LIKED) for seed in SEEDS[:3]),
    *((other, LIKED) for other in range(20, 25)),
    *((seed, RARE) for seed in SEEDS[1:4]),
    *((seed, SHUT_WORK) for seed in SEEDS[:2]),
    *((seed, GONE) for seed in SEEDS[:4]),
    (1, FIRST), (1, SECOND), (2, FIRST), (3, SECOND),
    *((seed, NOT_HELD) for seed in SEEDS[:2]),
    (2, 1), (3, 1),  # seeds are no gaps
    (4, 39),
    (FIRST, 38), (SECOND, 38),
]  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_of(tmp_path_factory.mktemp("gaps"), PAPERS, cited(*CITED)) as opened:
        yield opened


def asked(library: Library, seeds: Sequence[int] = SEEDS, **wishes: object) -> GapsAnswer:
    liked = tuple(str(an_id(seed)) for seed in seeds)
    return gaps(library, replace(GapsRequest(liked=liked, k=100), **wishes))  # type: ignore[arg-type]  # real fields


def counts(answer: GapsAnswer) -> dict[int, int]:
    return {int(str(one.id).partition(".")[2]): one.count for one in answer.results}


def work(library: Library) -> int:
    """The record that stands for the work with two."""
    found = set(counts(asked(library))) & {FIRST, SECOND}
    assert len(found) == 1
    return found.pop()


def test_works_that_seeds_cite_by_count_then_by_lift(library: Library) -> None:
    answer = asked(library)
    both = work(library)
    assert counts(answer) == {LOVED: 4, RARE: 3, both: 3, LIKED: 3, SHUT_WORK: 2, NOT_HELD: 2}
    assert next(iter(counts(answer))) == LOVED
    assert list(counts(answer))[3] == LIKED, (
        "of those with three seeds, the one that the library cites most is last"
    )
    assert (answer.total, answer.at_least, answer.seeds, answer.with_references) == (6, 2, 5, 4)


def test_who_cites_it_is_named_the_most_cited_first(library: Library) -> None:
    rare = next(one for one in asked(library).results if one.id == an_id(RARE))
    assert [one.id for one in rare.cited_by] == [an_id(2), an_id(3), an_id(4)]
    loved = asked(library).results[0]
    assert loved.cited_by[0].id == an_id(1), "two papers cite the first seed"
    assert loved.cited_by[0].title == "On the kinship of papers, part 1"
    assert (loved.citers, loved.title) == (22, "On the kinship of papers, part 10")


def test_the_lift_is_a_log_odds_ratio(library: Library) -> None:
    answer = asked(library)
    papers = len({citing for citing, _ in CITED})
    for one in answer.results:
        others = one.citers - one.count
        odds_of_seeds = (one.count + 0.5) / (answer.with_references - one.count + 0.5)
        odds_of_others = (others + 0.5) / (papers - answer.with_references - others + 0.5)
        if one.id not in {an_id(FIRST), an_id(SECOND)}:
            assert one.lift == pytest.approx(math.log(odds_of_seeds / odds_of_others))
    lifts = {one.id: one.lift for one in answer.results}
    assert lifts[an_id(RARE)] > lifts[an_id(LIKED)]


def test_what_everybody_cites_comes_later_where_that_is_asked_for(library: Library) -> None:
    order = list(counts(asked(library, order=GapOrder.TELLING)))
    assert order.index(RARE) < order.index(LIKED)
    assert order.index(RARE) < order.index(LOVED)
    assert set(order) == set(counts(asked(library)))


def test_works_that_are_not_held_say_so(library: Library) -> None:
    one = next(one for one in asked(library).results if one.id == an_id(NOT_HELD))
    assert (one.held, one.title, one.count, one.citers) == (False, "", 2, 2)
    assert [other.id for other in asked(library).results if not other.held] == [an_id(NOT_HELD)]


def test_a_work_that_was_given_but_is_not_held_is_no_gap(library: Library) -> None:
    answer = asked(library, (*SEEDS, NOT_HELD))
    assert NOT_HELD not in counts(answer)
    assert answer.unknown == (str(an_id(NOT_HELD)),)


def test_withdrawn_works_are_left_out_unless_asked_for(library: Library) -> None:
    assert GONE not in counts(asked(library))
    assert counts(asked(library, filters=Filters(withdrawn=True)))[GONE] == 4


def test_filters_let_only_works_through_of_which_it_is_known(library: Library) -> None:
    found = counts(asked(library, filters=Filters(open_license=True)))
    assert set(found) - {FIRST, SECOND} == {LOVED, RARE, LIKED}
    assert counts(asked(library, filters=Filters(until=date(2023, 1, 1)))) == {}
    assert SHUT_WORK in counts(asked(library, filters=Filters(categories=("cs",))))


def test_records_of_one_work_count_once_as_seeds_too(library: Library) -> None:
    answer = asked(library, (FIRST, SECOND, 1, 2))
    assert answer.seeds == 3
    assert not {FIRST, SECOND} & set(counts(answer)), "one record of a seed's work is no gap either"
    assert counts(asked(library, (FIRST, SECOND, 1), at_least=1))[38] == 1


@pytest.mark.parametrize(("least", "expected"), [(1, 7), (3, 4), (4, 1), (5, 0)])
def test_at_least_so_many(library: Library, least: int, expected: int) -> None:
    answer = asked(library, at_least=least)
    assert answer.total == len(answer.results) == expected
    assert all(one.count >= least for one in answer.results)


@pytest.mark.parametrize(("known", "expected"), [(0, 2), (100, 2), (101, 3), (1_000, 20)])
def test_unless_told_one_in_fifty_must_cite_a_work(known: int, expected: int) -> None:
    assert _at_least(None, 2_000, known) == expected


def test_k_cuts_and_the_total_tells(library: Library) -> None:
    answer = asked(library, k=2)
    assert (len(answer.results), answer.total) == (2, 6)
    assert asked(library, k=0).results == ()


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"at_least": 0}, "at least 0 is no number of seeds; ask for 1 or more"),
        (
            {"at_least": 6},
            "at least 6 seeds cannot be asked for where the library holds 5; ask for 5 or fewer",
        ),
        ({"liked": ("2401.00001",)}, "where the library holds 1; give more of them, or ask for at least 1"),
        ({"liked": ()}, "give the papers whose gaps are asked for"),
        (
            {"liked": ("2401.00999", "x")},
            "the library holds none of the works asked for: 2401.00999; x; give others",
        ),
        ({"liked": (), "bib": "nothing"}, "there is no entry in the BibTeX"),
    ],
)
def test_what_cannot_be_asked(library: Library, wishes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        asked(library, **wishes)  # type: ignore[arg-type]  # real fields
    assert message in str(caught.value)


def test_seeds_may_come_as_bibtex_and_titles(library: Library) -> None:
    bib = "@misc{a, eprint={2401.00001}} @misc{b, eprint={2401.00002}} @misc{c, title={Not there at all}}"
    answer = gaps(library, GapsRequest(bib=bib, titles=("2401.00003",)))
    assert answer.seeds == 3
    assert answer.unknown == ("c: Not there at all",)


@given(st.lists(st.sampled_from([1, 2, 3, 4, 5, 20, 21, 22, 36]), min_size=2, unique=True), st.integers(1, 3))
def test_gaps_are_what_counting_by_hand_finds(library: Library, seeds: list[int], least: int) -> None:
    least = min(least, len(seeds))
    citing = defaultdict(set)
    for citer, other in CITED:
        if citer in seeds:
            citing[SECOND if other == FIRST else other].add(citer)
    expected = {
        other: len(citers)
        for other, citers in citing.items()
        if len(citers) >= least and other not in seeds and other != GONE
    }
    answer = asked(library, seeds, at_least=least)
    found = {SECOND if other == FIRST else other: count for other, count in counts(answer).items()}
    assert found == expected
    assert list(counts(answer).values()) == sorted(counts(answer).values(), reverse=True)
    assert not set(found) & set(seeds)


# --- a draft ----------------------------------------------------------------------------------------------

TOPIC = three_topics()
ABSTRACT = f"We ask about {TOPICS['diffusion']}. We find that diffusion works."
OF_DIFFUSION = [paper for paper in TOPIC if paper.title.startswith("Diffusion")]


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_of(tmp_path_factory.mktemp("draft"), TOPIC, chain(TOPIC)) as opened:
        yield opened


def reviewed(library: Library, cited: Sequence[PaperId] = (), **wishes: object) -> ReviewAnswer:
    request = ReviewRequest(abstract=ABSTRACT, liked=tuple(map(str, cited)), k=30)
    return review(library, replace(request, **wishes))  # type: ignore[arg-type]  # real fields


def missing(answer: ReviewAnswer) -> dict[PaperId, Missing]:
    return {one.related.paper.id: one for one in answer.results}


def test_a_draft_misses_papers_of_its_topic_and_none_that_it_cites(topics: Library) -> None:
    known = [paper.id for paper in OF_DIFFUSION[4:7]]
    answer = reviewed(topics, known)
    assert [one.id for one in answer.cited] == known
    assert not set(known) & set(missing(answer))
    best = answer.results[:3]
    assert all(one.related.paper.title.startswith("Diffusion") for one in best)


def test_why_a_paper_is_missed(topics: Library) -> None:
    known = [OF_DIFFUSION[4], OF_DIFFUSION[5]]  # each cites the two before it
    found = missing(reviewed(topics, [paper.id for paper in known]))
    before = found[OF_DIFFUSION[3].id].findings[0]
    assert (before.why, before.count, before.text) == (
        Why.CITED_BY_REFERENCES,
        2,
        "cited by 2 of your references",
    )
    assert {one.id for one in before.papers} == {paper.id for paper in known}
    after = found[OF_DIFFUSION[6].id].findings[0]
    assert (after.why, after.count, after.text) == (
        Why.SHARED_REFERENCES,
        2,
        "shares 2 of your references",
    )
    far = found[OF_DIFFUSION[10].id].findings
    assert [finding.why for finding in far] == [Why.TEXT]


def test_what_the_draft_cites_is_evidence(topics: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[RelatedRequest] = []

    def watched(library: Library, request: RelatedRequest) -> RelatedAnswer:
        asked_for.append(request)
        return related(library, request)

    monkeypatch.setattr("service.gaps.related", watched)
    reviewed(topics, [OF_DIFFUSION[4].id], title="A draft", k=7)
    known, text = (str(OF_DIFFUSION[4].id),), f"A draft\n\n{ABSTRACT}"
    assert asked_for == [RelatedRequest(text=text, k=7, known_references=known)]


def test_a_draft_without_references_goes_by_its_text(topics: Library) -> None:
    answer = reviewed(topics, bib="@misc{a, title={Unheard of}}")
    assert answer.cited == ()
    assert answer.unknown == ("a: Unheard of",)
    assert {finding.why for one in answer.results for finding in one.findings} == {Why.TEXT}


def test_the_drafts_own_preprint_is_left_out(topics: Library) -> None:
    own = OF_DIFFUSION[2]
    assert own.id in missing(reviewed(topics))
    assert own.id not in missing(reviewed(topics, title=own.title.upper()))
    assert own.id not in missing(reviewed(topics, abstract=f"{own.title}\n\n{ABSTRACT}"))


def test_a_draft_of_an_earlier_day(topics: Library) -> None:
    answer = reviewed(topics, filters=Filters(not_after_month=202306))
    assert answer.results
    assert all(one.related.paper.id.month <= 202306 for one in answer.results)


def test_a_draft_needs_an_abstract(topics: Library) -> None:
    with pytest.raises(SettingsError, match="the draft has no abstract"):
        reviewed(topics, abstract=" \n")
