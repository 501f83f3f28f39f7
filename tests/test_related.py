"""Related papers as they are promised: whatever is asked, the answer is sound, stable, explained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import InvalidPaperId, ModelError, SettingsError, UnknownPaper
from indexer.library import Library, open_library
from indexer.papers import Citation, Paper, PaperId
from indexer.tables import Filters
from service.answers import RelatedRequest, Signal
from service.learned import FIXED_FUSION
from service.related import MOST_RESULTS, related
from tests.asking import ask, ids, library_of, parts, topic_of
from tests.builders import a_paper, an_id
from tests.libraries import build, chain, settings_in, three_topics
from tests.rankings import put_ranking
from tests.toy_embedder import ToyEmbedder

OLD = PaperId.parse("hep-th/9711200")
BY = "http://creativecommons.org/licenses/by/4.0/"
ZERO = "http://creativecommons.org/publicdomain/zero/1.0/"


def forty() -> list[Paper]:
    """Three topics of twelve, and what is out of the ordinary."""
    papers = three_topics()
    papers[4] = replace(papers[4], license=ZERO, categories=("hep-ex", "astro-ph.SR"))
    papers[5] = replace(papers[5], withdrawn=True)
    papers[7] = replace(papers[7], license=None, categories=())
    papers.append(replace(a_paper(77, title="Neutrino oscillations of old", abstract=""), id=OLD))
    papers.append(a_paper(78, month=2506, title="Knots and braids", abstract="Cold: cites nothing."))
    papers.append(a_paper(79, month=2506, title="", abstract="", categories=(), license=None))
    papers.append(a_paper(80, title="Parsing withdrawn", withdrawn=True))
    return papers


PAPERS = forty()
BY_ID = {paper.id: paper for paper in PAPERS}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    citations = [*chain(PAPERS[:37]), Citation(PAPERS[3].id, an_id(900)), Citation(PAPERS[6].id, an_id(900))]
    with library_of(tmp_path_factory.mktemp("related"), PAPERS, citations) as opened:
        yield opened


def passes(paper: Paper, filters: Filters) -> bool:
    """What `Filters` says, in plain words."""
    day = paper.submitted.date()
    return (
        (filters.withdrawn or not paper.withdrawn)
        and (filters.since is None or day >= filters.since)
        and (filters.until is None or day <= filters.until)
        and (filters.not_after_month is None or paper.id.month <= filters.not_after_month)
        and (not filters.licenses or paper.license in filters.licenses)
        and (
            not filters.categories
            or any(
                own == wanted or own.startswith(f"{wanted}.")
                for own in paper.categories
                for wanted in filters.categories
            )
        )
    )


_DATES = st.none() | st.dates(date(2023, 1, 1), date(2025, 12, 31))
FILTERS = st.builds(
    Filters,
    since=_DATES,
    until=_DATES,
    not_after_month=st.none() | st.sampled_from([202301, 202306, 202312]),
    categories=st.lists(
        st.sampled_from(["cs", "cs.CL", "hep-ex", "astro-ph", "hep", "math"]), max_size=2
    ).map(tuple),
    licenses=st.lists(st.sampled_from([BY, ZERO]), max_size=1).map(tuple),
    withdrawn=st.booleans(),
)
_IDS = st.lists(st.sampled_from([str(paper.id) for paper in PAPERS]), max_size=3, unique=True).map(tuple)
_REQUESTS = st.builds(
    RelatedRequest,
    liked=_IDS,
    disliked=_IDS,
    text=st.sampled_from(["", "neutrino flux", "Diffusion of noise in sentences", "?"]),
    k=st.integers(0, 50),
    filters=st.just(Filters()) | FILTERS,
    not_newer=st.booleans(),
    as_of_seed=st.booleans(),
    text_only=st.booleans(),
).filter(lambda request: bool(request.liked or request.text))


@settings(max_examples=80, deadline=None)
@given(_REQUESTS)
def test_whatever_is_asked_the_answer_is_sound(library: Library, request: RelatedRequest) -> None:
    answer = related(library, request)
    found, asked = ids(answer), {PaperId(text) for text in (*request.liked, *request.disliked)}
    assert len(found) == len(set(found)) <= request.k
    assert not asked & set(found)
    assert all(passes(one.paper, request.filters) for one in answer.results)
    if (request.not_newer or request.as_of_seed) and request.liked:
        newest = max(PaperId(text).month for text in request.liked)
        assert all(one.paper.id.month <= newest for one in answer.results)
    for one in answer.results:
        total = answer.baseline + math.fsum(parts(one).values())
        assert one.relevance == pytest.approx(total, abs=1e-4)
        assert 0 <= one.similarity <= 1
        assert 0 <= one.score <= 100
        assert all(parts(one).values())
    for better, worse in pairwise(answer.results):
        assert better.relevance >= worse.relevance
        assert better.similarity >= worse.similarity
    assert answer == related(library, request)


@settings(max_examples=25, deadline=None)
@given(_REQUESTS)
def test_more_results_begin_with_the_fewer(library: Library, request: RelatedRequest) -> None:
    every = ids(related(library, replace(request, k=100)))
    assert ids(related(library, request)) == every[: request.k]


@settings(max_examples=25, deadline=None)
@given(_IDS.filter(bool), FILTERS)
def test_a_small_library_leaves_out_nobody_who_passes(
    library: Library, liked: tuple[str, ...], filters: Filters
) -> None:
    found = set(ids(related(library, RelatedRequest(liked=liked, filters=filters, k=100))))
    expected = {paper.id for paper in PAPERS if passes(paper, filters) and str(paper.id) not in liked}
    assert found == expected


def test_the_answer_says_what_was_asked_and_by_what_it_was_answered(library: Library) -> None:
    answer = ask(library, "arXiv:2301.00001v3", f"http://arxiv.org/abs/{OLD}")
    assert [(seed.id, seed.title) for seed in answer.seeds] == [
        (PAPERS[0].id, PAPERS[0].title),
        (OLD, "Neutrino oscillations of old"),
    ]
    assert (answer.unknown, answer.baseline, answer.generation) == ((), FIXED_FUSION.known.baseline, 1)


@pytest.mark.parametrize("seed", [0, 1, 2, 18, 36])
def test_the_nearest_are_of_the_same_topic(library: Library, seed: int) -> None:
    answer = ask(library, PAPERS[seed].id, k=8)
    topic = PAPERS[seed].title.split()[0].lower()
    assert [topic_of(one) for one in answer.results] == [topic] * 8
    assert all(one.because.endswith(".") and one.summary for one in answer.results)
    assert answer.results[0].similarity > 0.3


def test_equals_come_by_key(tmp_path: Path) -> None:
    seed, *twins = [a_paper(number, title="Twin", abstract="The same.") for number in range(1, 7)]
    with library_of(tmp_path, [seed, *reversed(twins)]) as library:
        answer = ask(library, seed.id)
    assert len({one.relevance for one in answer.results}) == 1
    assert ids(answer) == [paper.id for paper in reversed(twins)]  # as they came into the library


def test_a_paper_without_any_citation(library: Library) -> None:
    answer = ask(library, PAPERS[37].id)
    assert len(answer.results) == 20
    assert not {"cites", "cited by", "shared references", "cited together"} & {
        signal for one in answer.results for signal in parts(one)
    }


def test_a_paper_without_a_single_word(library: Library) -> None:
    assert len(ask(library, PAPERS[38].id).results) == 20


def test_a_free_text(library: Library) -> None:
    answer = ask(library, text="How do neutrinos from the sun oscillate?", k=6)
    assert [topic_of(one) for one in answer.results] == ["neutrino"] * 6
    assert answer.seeds == ()
    assert not {Signal.AGE, Signal.SAME_TOPIC, Signal.SAME_CATEGORY} & set(parts(answer.results[0]))


def test_a_text_beside_a_paper_turns_the_answer(library: Library) -> None:
    alone = ask(library, PAPERS[0].id, k=6)
    both = ask(library, PAPERS[0].id, text="dependency parsing of sentences with treebank grammar", k=12)
    assert {topic_of(one) for one in alone.results} == {"neutrino"}
    assert {topic_of(one) for one in both.results} == {"neutrino", "parsing"}


def test_several_seeds_each_have_their_part(library: Library) -> None:
    answer = ask(library, PAPERS[0].id, PAPERS[1].id, k=12)
    assert {topic_of(one) for one in answer.results} == {
        PAPERS[0].title.split()[0].lower(),
        PAPERS[1].title.split()[0].lower(),
    }


def test_the_same_seed_twice_is_one_seed(library: Library) -> None:
    once, twice = ask(library, PAPERS[0].id), ask(library, PAPERS[0].id, f"{PAPERS[0].id}v1")
    assert once == twice


def test_a_disliked_topic_sinks(library: Library) -> None:
    liked = (PAPERS[0].id, PAPERS[1].id)
    before = ask(library, *liked, k=100)
    after = ask(library, *liked, disliked=(str(PAPERS[3].id),), k=100)
    sunk = PAPERS[3].title.split()[0].lower()
    places = [
        [place for place, one in enumerate(answer.results) if topic_of(one) == sunk]
        for answer in (before, after)
    ]
    assert sum(places[1]) / len(places[1]) > sum(places[0]) / len(places[0]) + 2
    relevance = {one.paper.id: one.relevance for one in before.results}
    for one in after.results:
        if topic_of(one) == sunk and one.paper.id != OLD:
            assert one.relevance < relevance[one.paper.id]
            assert parts(one)[Signal.DISLIKED] < 0


def test_liked_and_disliked_at_once_is_left_out(library: Library) -> None:
    answer = ask(library, PAPERS[0].id, disliked=(str(PAPERS[0].id),), k=100)
    assert PAPERS[0].id not in ids(answer)


@pytest.mark.parametrize("k", [-3, 0])
def test_none_wanted_none_given(library: Library, k: int) -> None:
    assert ask(library, PAPERS[0].id, k=k).results == ()


def test_more_than_there_are(library: Library) -> None:
    assert len(ask(library, PAPERS[0].id, k=10 * MOST_RESULTS).results) == len(PAPERS) - 3


def test_withdrawn_papers_are_left_out_unless_wanted(library: Library) -> None:
    withdrawn = {paper.id for paper in PAPERS if paper.withdrawn}
    assert not withdrawn & set(ids(ask(library, PAPERS[0].id, k=100)))
    wanted = ask(library, PAPERS[0].id, k=100, filters=Filters(withdrawn=True))
    assert withdrawn < set(ids(wanted))
    assert ask(library, PAPERS[5].id).seeds  # a withdrawn paper can be asked about


def test_not_newer_leaves_out_later_months_and_keeps_the_seeds_own(library: Library) -> None:
    seed = PAPERS[15]
    found = ids(ask(library, seed.id, k=100, not_newer=True))
    assert {paper.month for paper in found} == {199711, *range(202301, seed.id.month + 1)}
    earlier = ask(library, seed.id, k=100, not_newer=True, filters=Filters(not_after_month=202302))
    assert max(paper.month for paper in ids(earlier)) == 202302


def test_unknown_ids_among_known_ones_are_reported_and_the_rest_answered(library: Library) -> None:
    answer = ask(library, "2301.99999", PAPERS[0].id, "gibberish", disliked=("hep-th/9901001",))
    assert answer.unknown == ("gibberish", "2301.99999", "hep-th/9901001")
    assert answer.results == ask(library, PAPERS[0].id).results


def test_a_text_is_answered_though_all_ids_are_unknown(library: Library) -> None:
    answer = ask(library, "2301.99999", text="neutrino flux")
    assert answer.unknown == ("2301.99999",)
    assert answer.results


@pytest.mark.parametrize("text", ["2301.00099", "arXiv:2301.00099v2", "https://arxiv.org/abs/2301.00099"])
def test_only_unknown_ids_name_the_nearest(library: Library, text: str) -> None:
    with pytest.raises(UnknownPaper, match=r"arXiv:2301\.00099 is not in this library; nearest known: 2301"):
        ask(library, text, "2301.00098")


def test_a_malformed_id_names_the_nearest(library: Library) -> None:
    with pytest.raises(InvalidPaperId, match=r"'2301\.0001' is not an arXiv id.*did you mean 2301\.00001"):
        ask(library, "2301.0001")


@pytest.mark.parametrize(
    "request_", [RelatedRequest(), RelatedRequest(text=" \n"), RelatedRequest(disliked=(str(OLD),))]
)
def test_nothing_asked(library: Library, request_: RelatedRequest) -> None:
    with pytest.raises(SettingsError, match="at least one paper that you like, or a text"):
        related(library, request_)


def test_a_text_for_a_library_of_another_model(tmp_path: Path) -> None:
    place = settings_in(tmp_path, model=str(tmp_path / "none"))
    build(place, PAPERS[:3])
    with open_library(place, embedder=ToyEmbedder("other")) as library, pytest.raises(ModelError):
        ask(library, text="neutrino")
    with open_library(place) as library:
        assert ask(library, PAPERS[0].id).results  # ids need no model


# --- Libraries of every size


def test_a_library_without_citations(tmp_path: Path) -> None:
    with library_of(tmp_path, three_topics()) as library:
        answer = ask(library, PAPERS[0].id, k=8)
    assert [topic_of(one) for one in answer.results] == ["neutrino"] * 8
    assert not any(reason.papers for one in answer.results for reason in one.reasons)


def test_a_library_of_one_paper(tmp_path: Path) -> None:
    with library_of(tmp_path, [a_paper()]) as library:
        assert ask(library, an_id()).results == ()
        assert ids(ask(library, text="kinship")) == [an_id()]


def test_an_empty_library(tmp_path: Path) -> None:
    with library_of(tmp_path, [], [Citation(an_id(1), an_id(2))]) as library:
        assert ask(library, text="kinship").results == ()
        with pytest.raises(UnknownPaper, match=r"not in this library$"):
            ask(library, an_id(1))


def test_a_paper_with_two_thousand_citers(tmp_path: Path) -> None:
    star, *citers = [a_paper(number, month=2301, abstract=f"Number {number}.") for number in range(1, 2002)]
    citations = [Citation(paper.id, star.id) for paper in citers]
    with library_of(tmp_path, [star, *citers], citations) as library:
        put_ranking(library)
        answer = ask(library, star.id)
        assert all(Signal.CITES in parts(one) for one in answer.results)
        of_citer = ask(library, citers[0].id)
    assert of_citer.results[0].paper.id == star.id
    assert all(Signal.SHARED_REFERENCES in parts(one) for one in of_citer.results[1:])
