"""Words: what a text is searched by, and which of its words tell it from others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.library import open_store
from indexer.ports import PaperReader
from service.words import telling_words, words_of
from tests.builders import NOW, a_paper
from tests.libraries import settings_in


@contextmanager
def store_of(folder: Path, *abstracts: str) -> Iterator[PaperReader]:
    """A store whose papers have these abstracts, and nothing else to find."""
    store = open_store(settings_in(folder))
    papers = [a_paper(at, title="", abstract=text, authors=()) for at, text in enumerate(abstracts, 1)]
    with store.transaction():
        store.put_papers(papers, "test:", NOW)
    yield store
    store.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", {}),
        ("Graph GRAPH graphs", {"graph": 2, "graphs": 1}),
        ("We show that the method is novel", {}),
        ("x in R, p = 3", {}),
        ("self-attention isn't 3-SAT", {"self-attention": 1, "isn't": 1, "3-sat": 1}),
        ("k_means and under_score", {"means": 1, "score": 1}),
        ("Schrödinger 量子 λόγος", {"schrödinger": 1, "量子": 1, "λόγος": 1}),
        ('"quoted" (AND) NEAR/2 star* --', {"quoted": 1, "near": 1, "star": 1}),
    ],
)
def test_words_of(text: str, words: dict[str, int]) -> None:
    assert words_of(text) == words


@given(st.text())
def test_words_are_lower_case_and_at_least_two_characters(text: str) -> None:
    for word, count in words_of(text).items():
        assert word == word.lower()
        assert len(word) > 1
        assert count > 0


def test_the_rarest_words_come_first_each_with_its_idf(tmp_path: Path) -> None:
    with store_of(tmp_path, "quark lepton", "quark lepton", "quark") as store:
        words = telling_words(store, ["quark lepton boson"], 3)
    assert list(words) == ["lepton", "quark"]  # no paper has a boson
    assert words["lepton"] == pytest.approx(math.log(1 + 1.5 / 2.5))
    assert words["quark"] == pytest.approx(math.log(1 + 0.5 / 3.5))


def test_a_word_said_often_counts_more_up_to_three_times(tmp_path: Path) -> None:
    with store_of(tmp_path, "rare", *["often"] * 5, *["filler"] * 14) as store:
        assert list(telling_words(store, ["rare often often"], 20)) == ["often", "rare"]  # 2 x 1.31 > 2.64
        once, thrice, ever = (
            list(telling_words(store, ["rare " * 2 + "often " * often], 20)) for often in (1, 3, 30)
        )
    assert once == ["rare", "often"]
    assert thrice == ever == ["rare", "often"]  # 3 x 1.31 < 2 x 2.64, whatever comes after the third


def test_words_of_many_papers_are_left_out_unless_they_are_few(tmp_path: Path) -> None:
    with store_of(tmp_path, *["common usual"] * 50, "common special") as store:
        assert list(telling_words(store, ["common usual special"], 51)) == ["special", "usual"]
        assert "common" in telling_words(store, ["common"], 51 * 20)  # a twentieth of so many papers


def test_at_most_so_many_equals_in_order_of_the_alphabet(tmp_path: Path) -> None:
    with store_of(tmp_path, "gamma beta alpha delta") as store:
        assert list(telling_words(store, ["delta gamma", "beta alpha"], 1, most=3)) == [
            "alpha",
            "beta",
            "delta",
        ]


def test_a_store_that_outgrew_its_generation_gives_no_negative_weight(tmp_path: Path) -> None:
    with store_of(tmp_path, *["word"] * 40) as store:
        assert all(idf > 0 for idf in telling_words(store, ["word"], 1).values())


def test_no_text_no_words(tmp_path: Path) -> None:
    with store_of(tmp_path, "word") as store:
        assert telling_words(store, [], 1) == {}
        assert telling_words(store, ["", "the of"], 1) == {}
