"""Words: what a text is searched by, which of its words tell it from others, and who shares them (BM25)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.words import COMMON, FEW, K1, TITLE, B, WordIndex, index_words, stem, words_of


def index_of(*abstracts: str) -> WordIndex:
    return index_words([""] * len(abstracts), abstracts)


def found(index: WordIndex, *texts: str, least: int = 1) -> dict[int, float]:
    rows, scores = index.search(index.telling(texts, least=least))
    return dict(zip(rows.tolist(), scores.tolist(), strict=True))


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


@pytest.mark.parametrize(
    ("word", "root"),
    [("graphs", "graph"), ("gas", "gas"), ("loss", "loss"), ("schrödinger", "schrodinger"), ("as", "as")],
)
def test_stems(word: str, root: str) -> None:
    assert stem(word) == root


def test_the_rarest_words_tell_most_and_are_told_as_written() -> None:
    index = index_of("quark lepton", "quark lepton", "quark")
    telling = index.telling(["Quarks and leptons, no boson"])
    assert telling.words == ("leptons", "quarks")  # no paper has a boson
    assert index.idf[telling.terms] == pytest.approx([math.log(1 + 1.5 / 2.5), math.log(1 + 0.5 / 3.5)])


def test_a_word_said_often_counts_more_up_to_three_times() -> None:
    index = index_of("rare", *["often"] * 5, *["filler"] * 14)
    assert index.telling(["rare often often"]).words == ("often", "rare")  # 2 x 1.31 > 2.64
    for times in (1, 3, 30):  # 3 x 1.31 < 2 x 2.64, whatever comes after the third
        assert index.telling(["rare " * 2 + "often " * times]).words == ("rare", "often")


def test_words_of_many_papers_are_not_known_unless_they_are_few() -> None:
    papers = ["common usual"] * FEW + ["common special"]
    assert index_of(*papers).telling(["common usual special"]).words == ("special", "usual")
    many = papers + ["else"] * (round((FEW + 1) / COMMON) - len(papers))
    assert "common" in index_of(*many).telling(["common"]).words


def test_words_that_nobody_else_has_are_left_out_on_demand() -> None:
    index = index_of("unique shared", "shared")
    assert index.telling(["unique shared"]).words == ("unique", "shared")
    assert index.telling(["unique shared"], least=2).words == ("shared",)


def test_at_most_so_many_equals_in_order_of_the_alphabet() -> None:
    index = index_of("gamma beta alpha delta")
    assert index.telling(["delta gamma", "beta alpha"], most=3).words == ("alpha", "beta", "delta")


def test_no_text_no_words() -> None:
    index = index_of("word")
    for texts in ([], ["", "the of"], ["absent"]):
        assert index.telling(texts).words == ()
        assert found(index, *texts) == {}
    assert index_of().telling(["word"]).words == ()


def test_scores_are_bm25_as_a_share_of_its_bound() -> None:
    titles = ["Quarks", "", "A quark's decay"]
    abstracts = ["lepton lepton", "lepton quark", "nothing known here"]
    index = index_words(titles, abstracts)
    lengths = [3, 2, 4]  # quark's is a word of its own
    idf = math.log(1 + 1.5 / 2.5)  # of both words: each is in two of three papers
    mean = sum(lengths) / 3

    def gain(times: float, length: int) -> float:
        return idf * times * (K1 + 1) / (times + K1 * (1 - B + B * length / mean))

    expected = {0: gain(TITLE, 3) + gain(2, 3), 1: 2 * gain(1, 2)}
    assert found(index, "lepton quark") == pytest.approx(
        {row: score / ((K1 + 1) * 2 * idf) for row, score in expected.items()}, abs=1e-5
    )


@given(st.lists(st.lists(st.sampled_from(["quark", "lepton", "boson", "gluon"]), max_size=6), max_size=8))
def test_who_is_found_and_that_scores_are_shares(papers: list[list[str]]) -> None:
    index = index_of(*(" ".join(words) for words in papers))
    telling = index.telling(["quark boson"])
    rows, scores = index.search(telling)
    having = [row for row, words in enumerate(papers) if {"quark", "boson"} & set(words)]
    assert rows.tolist() == having
    assert ((scores > 0) & (scores <= 1)).all()


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    index = index_of("quark lepton", "quark", "Über graphs")
    index.save(tmp_path)
    loaded = WordIndex.load(tmp_path)
    for name in ("hashes", "ends", "rows", "scores", "idf"):
        assert np.array_equal(getattr(index, name), getattr(loaded, name)), name
    assert found(loaded, "uber graph") == found(index, "Über graphs")
