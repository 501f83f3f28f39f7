"""Summaries: whole sentences, in order, nothing invented; and what is chosen."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.plain_text import readable, sentences
from service.summaries import summarise

ABSTRACT = (
    "Large models handle many general tasks with simple prompts. "
    "They have been trained on much of the text that there is. "
    "However, their agreement with human preference remains poorly understood. "
    "In this paper, we propose a reward model that learns from pairs of answers. "
    "The model has two heads and is trained with a margin loss. "
    "We use a cosine schedule. "
    "Experiments on six tasks show that it outperforms earlier models by 4.2%. "
    "Our code is available at https://example.org/code."
)


def test_says_what_is_asked_done_and_found() -> None:
    assert summarise(ABSTRACT) == (
        "However, their agreement with human preference remains poorly understood.",
        "In this paper, we propose a reward model that learns from pairs of answers.",
        "Experiments on six tasks show that it outperforms earlier models by 4.2%.",
    )


def test_physics_has_its_own_way_to_say_it() -> None:
    chosen = summarise(
        "Dark matter makes up most of the mass of galaxies. "
        "The nature of its particles is unknown. "
        "The search uses 127 days of data of a liquid xenon detector. "
        "The detector stands deep below a mountain. "
        "Here we report a search for weakly interacting particles. "
        "The background is modelled by side bands. "
        "We find no excess, and exclude cross sections above 1e-47 cm2. "
        "The paper has twelve figures in colour."
    )
    assert chosen == (
        "The nature of its particles is unknown.",
        "Here we report a search for weakly interacting particles.",
        "We find no excess, and exclude cross sections above 1e-47 cm2.",
    )


@pytest.mark.parametrize("abstract", ["", " \n ", "\x00"])
def test_nothing_gives_nothing(abstract: str) -> None:
    assert summarise(abstract) == ()


def test_short_abstracts_come_back_whole() -> None:
    assert summarise("One is here. Code is at https://example.org. It ends.") == (
        "One is here.",
        "Code is at https://example.org.",
        "It ends.",
    )


def test_tex_is_readable() -> None:
    assert summarise("We study $\\alpha$-decay.<n>It decays.") == ("We study α-decay.", "It decays.")


def test_an_abstract_without_any_cue_still_gives_three_sentences() -> None:
    text = " ".join(
        f"The {word} lies beside the river of {word} stones." for word in ("red", "blue", "old", "new")
    )
    assert len(summarise(text)) == 3


def test_where_the_code_is_never_counts_as_a_finding() -> None:
    plain = (
        "The cat sat. We propose a mat. The mat is soft and warm and made of wool by hand. The dog ran away."
    )
    assert "https" not in " ".join(summarise(f"{plain} Code is available at https://example.org/mat."))


_SENTENCES = st.lists(
    st.sampled_from(
        [
            *sentences(ABSTRACT),
            "It is short.",
            "Why is that so?",
            "We prove it for $n>3$.",
            "Also, 5% were lost.",
        ]
    ),
    max_size=15,
)


@settings(max_examples=100, deadline=None)
@given(_SENTENCES)
def test_whole_sentences_of_the_abstract_in_its_order(parts: list[str]) -> None:
    abstract = " ".join(parts)
    whole = list(sentences(readable(abstract)))
    chosen = summarise(abstract)
    assert len(chosen) == min(3, len(whole))
    at = 0
    for sentence in chosen:
        at = whole.index(sentence, at) + 1


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400))
def test_any_text_has_a_summary(text: str) -> None:
    chosen = summarise(text)
    assert len(chosen) <= 3
    assert all(sentence.strip() for sentence in chosen)


def test_a_summary_costs_less_than_the_page_can_bear() -> None:
    abstracts = [f"{ABSTRACT} Number {number} is last." for number in range(200)]
    start = time.process_time()
    for abstract in abstracts:
        summarise(abstract)
    assert time.process_time() - start < 200 * 0.002  # 0.6 ms each when measured alone
