"""Reasons: true works by name, terms that really occur, one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.library import Library, open_library
from indexer.papers import Citation, Paper, PaperId
from service import learned
from service.answers import Reason, RelatedRequest, Signal
from service.reasons import because
from service.related import related
from tests.answer_builders import a_reason
from tests.builders import a_paper, an_id
from tests.libraries import build, settings_in
from tests.rankings import put_ranking

TEXT = "Lattice gauge theory of confinement"
OTHER = "Romance verbs in dialects"
SEED, CITER, CITED, SIBLING, COUSIN, REVIEW, STRANGER, LISTED = (an_id(number) for number in range(1, 9))
NOT_HELD = an_id(900)


def papers() -> list[Paper]:
    texts = {
        SEED: ("The seed", f"{TEXT}: glueballs and gas discharge losses in $QCD$."),
        CITER: ("What cites the seed", f"{TEXT} once more: glueball."),
        CITED: ("What the seed cites", f"{TEXT}, the beginnings."),
        SIBLING: ("A sibling", f"{TEXT}; a class of its own, discharges, loss."),
        COUSIN: (r"A cousin: $\alpha$ and \'etale", "Something else altogether."),
        REVIEW: ("A review", f"{TEXT}: a review."),
        STRANGER: ("A stranger", f"{OTHER}, without any citation. Ga, los."),
        LISTED: ("Listed in a review", f"{OTHER} again."),
    }
    return [
        a_paper(number, title=title, abstract=abstract, categories=("hep-lat",) if number < 4 else ("cs.CL",))
        for number, (title, abstract) in enumerate(texts.values(), 1)
    ]


CITATIONS = [
    Citation(CITER, SEED),
    Citation(SEED, CITED),
    Citation(SEED, NOT_HELD),
    Citation(SIBLING, NOT_HELD),
    Citation(SIBLING, CITED),
    Citation(REVIEW, SEED),
    Citation(REVIEW, COUSIN),
    Citation(REVIEW, LISTED),
    Citation(LISTED, COUSIN),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    settings = settings_in(tmp_path_factory.mktemp("reasons"))
    embedder = build(settings, papers(), CITATIONS)
    with open_library(settings, embedder=embedder) as opened, pytest.MonkeyPatch.context() as patched:
        patched.setattr(learned, "FEWEST_CITATIONS", 1)
        put_ranking(opened)
        yield opened


def reasons_of(library: Library, result: PaperId, *liked: PaperId, **wishes: object) -> dict[Signal, Reason]:
    """The reasons of one result, by signal."""
    request = RelatedRequest(liked=tuple(map(str, liked or (SEED,))), **wishes)  # type: ignore[arg-type]  # real fields
    (found,) = (one for one in related(library, request).results if one.paper.id == result)
    assert len({reason.signal for reason in found.reasons}) == len(found.reasons)
    return {reason.signal: reason for reason in found.reasons}


@pytest.mark.parametrize(
    ("result", "signal", "text", "works"),
    [
        (CITER, Signal.CITES, "cites it", [SEED]),
        (CITED, Signal.CITED_BY, "is cited by it", [SEED]),
        (
            SIBLING,
            Signal.SHARED_REFERENCES,
            "shares 2 references (such as What the seed cites)",
            [CITED, NOT_HELD],
        ),
        (
            COUSIN,
            Signal.CITED_TOGETHER,
            "is cited together with it by 1 paper (A review)",
            [REVIEW],
        ),
        (
            COUSIN,
            Signal.CITED_BY_NEIGHBOURS,
            "is cited by 2 of the nearest papers (such as A review)",
            [REVIEW, LISTED],
        ),
        (SIBLING, Signal.CITES_NEIGHBOURS, "cites one of the nearest papers (What the seed cites)", [CITED]),
        (LISTED, Signal.CITED_WITH_NEIGHBOURS, "is cited together with the nearest papers", []),
        (CITED, Signal.SAME_CATEGORY, "same category", []),
        (CITER, Signal.AGE, "", None),
        (CITED, Signal.INFLUENCE, "cited 2 times in this library", []),
        (LISTED, Signal.INFLUENCE, "cited once in this library", []),
    ],
)
def test_a_reason_says_its_evidence_and_names_it(
    library: Library, result: PaperId, signal: Signal, text: str, works: list[PaperId] | None
) -> None:
    found = reasons_of(library, result)
    if works is None:
        assert signal not in found  # the same month: nothing to say
        return
    assert found[signal].text == text
    assert [work.id for work in found[signal].papers] == works


def test_a_work_that_is_not_held_has_no_title(library: Library) -> None:
    works = reasons_of(library, SIBLING)[Signal.SHARED_REFERENCES].papers
    assert [work.title for work in works] == ["What the seed cites", ""]


def test_titles_are_readable(library: Library) -> None:
    named = reasons_of(library, REVIEW)[Signal.CITES_NEIGHBOURS].papers
    assert "A cousin: α and étale" in [work.title for work in named]


def test_the_strength_of_citation_reasons_is_their_number(library: Library) -> None:
    found = reasons_of(library, SIBLING)
    assert found[Signal.SHARED_REFERENCES].value == 2
    assert found[Signal.CITES_NEIGHBOURS].value == 1


def test_several_seeds_are_counted(library: Library) -> None:
    found = reasons_of(library, REVIEW, SEED, COUSIN, SIBLING)[Signal.CITES]
    assert found.text == "cites 2 of the 3 seeds"
    assert {work.id for work in found.papers} == {SEED, COUSIN}
    assert reasons_of(library, CITED, SEED, COUSIN)[Signal.CITED_BY].text == "is cited by 1 of the 2 seeds"


def test_three_works_are_named_as_data_and_the_strongest_in_words(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = settings_in(tmp_path_factory.mktemp("many"))
    held = [a_paper(1), a_paper(2)]
    shared = [Citation(paper.id, an_id(800 + at)) for paper in held for at in range(5)]
    build(settings, held, shared)
    with open_library(settings) as opened:
        found = reasons_of(opened, held[1].id, held[0].id)[Signal.SHARED_REFERENCES]
    assert found.text == "shares 5 references (such as arXiv:2401.00800)"
    assert len(found.papers) == 3


def test_terms_occur_in_the_result_singular_or_plural(library: Library) -> None:
    by_result = {
        one.paper.id: reason.terms
        for one in related(library, RelatedRequest(liked=(str(SEED),))).results
        for reason in one.reasons
        if reason.signal is Signal.WORDS
    }
    assert "glueballs" in by_result[CITER]  # which has one glueball
    assert {"discharge", "lattice"} < set(by_result[SIBLING])  # which has discharges
    assert "gas" not in by_result.get(STRANGER, ())  # which has gallium
    for result, terms in by_result.items():
        text = next(paper for paper in papers() if paper.id == result).text.lower()
        for term in terms:
            assert term.removesuffix("s") in text


def test_a_shared_author_is_no_shared_term(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = settings_in(tmp_path_factory.mktemp("authors"))
    held = [a_paper(1, title="Noether's theorem", abstract=""), a_paper(2, title="Radium", abstract="")]
    build(settings, [replace(held[0], title="Curie noether currents"), held[1]])
    with open_library(settings) as opened:
        assert Signal.WORDS not in reasons_of(opened, held[1].id, held[0].id)


def test_the_closeness_of_texts_is_said_with_the_cosine(library: Library) -> None:
    found = reasons_of(library, CITER)[Signal.TEXT]
    assert found.text == f"its text is very close (cosine {found.value:.2f})"
    assert 0.7 <= found.value <= 1


def test_dislike_speaks_against(library: Library) -> None:
    found = reasons_of(library, LISTED, SEED, disliked=(str(STRANGER),))[Signal.DISLIKED]
    assert found.contribution < 0
    assert found.text == "is near a paper that you dislike"


@pytest.mark.parametrize("text_only", [False, True])
def test_without_the_seeds_own_citations_none_is_a_reason(library: Library, *, text_only: bool) -> None:
    own = {Signal.CITES, Signal.CITED_BY, Signal.SHARED_REFERENCES, Signal.CITED_TOGETHER}
    answer = related(library, RelatedRequest(liked=(str(SEED),), text_only=text_only))
    said = {reason.signal for one in answer.results for reason in one.reasons}
    assert (own & said == set()) is text_only
    named = {work.id for one in answer.results for reason in one.reasons for work in reason.papers}
    assert (SEED not in named) is text_only


def test_reasons_come_strongest_first(library: Library) -> None:
    for one in related(library, RelatedRequest(liked=(str(SEED),))).results:
        shares = [reason.contribution for reason in one.reasons]
        assert shares == sorted(shares, reverse=True)
        assert all(np.isfinite(shares))


def test_because_is_the_three_strongest_that_matter() -> None:
    said = because(
        (
            a_reason(Signal.INFLUENCE, 3.0, text="cited 9 times"),
            a_reason(Signal.TEXT, 2.0, text="its text is close"),
            a_reason(Signal.CITES, 1.5, text="cites it"),
            a_reason(Signal.SAME_TOPIC, 0.15, text="same topic (verbs)"),
            a_reason(Signal.SAME_CATEGORY, 0.12, text="same category"),
            a_reason(Signal.AGE, -0.1, text="3 years apart"),
        )
    )
    assert said == "Its text is close; cites it; same topic (verbs)."


@pytest.mark.parametrize(
    "reasons",
    [
        (),
        (a_reason(Signal.TEXT, 0.9, value=0.2),),
        (a_reason(Signal.TEXT, 0.05),),
        (a_reason(Signal.INFLUENCE, 2.0),),
        (a_reason(Signal.DISLIKED, -2.0),),
    ],
)
def test_because_of_hardly_anything(reasons: tuple[Reason, ...]) -> None:
    assert because(reasons) == "A distant match."


@given(st.lists(st.tuples(st.sampled_from(Signal), st.floats(-5, 5)), max_size=8))
def test_because_is_one_sentence(drawn: list[tuple[Signal, float]]) -> None:
    said = because(tuple(a_reason(signal, share, text=f"reason {signal}") for signal, share in drawn))
    assert said[0].isupper()
    assert said.endswith(".")
    assert said.count(".") == 1
    assert "\n" not in said
