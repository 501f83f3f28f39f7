"""Words: what a text is searched by, which of its words tell it from others, and who shares them (BM25)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import words as words_module
from indexer.words import COMMON, FEW, K1, TELLING, TITLE, B, WordIndex, index_words, stem, terms_of, words_of


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


def test_terms_are_stems_and_the_parts_of_compounds() -> None:
    assert terms_of("TNF-alphas 3-SAT of-the graphs graph") == {
        "tnf-alpha": 1, "tnf": 1, "alpha": 1, "3-sat": 1, "sat": 1, "of-the": 1, "graph": 2
    }  # fmt: skip


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
    many = papers + ["else"] * (round((FEW + 1) / TELLING) - len(papers))
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
    for name in ("hashes", "ends", "rows", "scores", "idf", "norms"):
        assert np.array_equal(getattr(index, name), getattr(loaded, name)), name
    assert found(loaded, "uber graph") == found(index, "Über graphs")


def test_norms_are_worked_out_where_an_earlier_version_saved_none(tmp_path: Path) -> None:
    index = index_of("quark lepton", "quark quark quark", "")
    index.save(tmp_path)
    (tmp_path / "words-norms.npy").unlink()
    loaded = WordIndex.load(tmp_path)
    rows = np.arange(3, dtype=np.int32)
    expected = index.cosines(index.weigh("", "quark"), rows)
    assert loaded.cosines(loaded.weigh("", "quark"), rows) == pytest.approx(expected, abs=1e-6)
    assert expected[1] > expected[0] > expected[2] == 0


def vector_of(index: WordIndex, row: int) -> dict[int, float]:
    """The paper's scores by term, as the arrays hold them."""
    return {
        term: float(index.scores[at])
        for term in range(len(index.hashes))
        for at in range(index.ends[term], index.ends[term + 1])
        if index.rows[at] == row
    }


PAPERS = (
    "quark lepton boson",
    "quark quark gluon",
    "lepton-boson decay",
    "",
    "nothing known",
    "gluon decay quark",
)


@pytest.mark.parametrize("read", [0, 10**9])
def test_cosines_are_those_of_bm25_vectors(read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words_module, "_READ", read)  # looked up, added up
    index = index_of(*PAPERS)
    weighed = index.weigh("Quark", "gluon boson, unheard of")
    assert np.linalg.norm(weighed.weights) == pytest.approx(1.0, abs=1e-6)
    assert (np.diff(weighed.terms) > 0).all()
    asked = dict(zip(weighed.terms.tolist(), weighed.weights.tolist(), strict=True))
    rows = np.array([0, 1, 3, 5], dtype=np.int32)
    expected = []
    for row in rows.tolist():
        vector = vector_of(index, row)
        length = math.sqrt(sum(score**2 for score in vector.values())) or 1.0
        expected.append(sum(asked.get(term, 0.0) * score for term, score in vector.items()) / length)
    assert index.cosines(weighed, rows) == pytest.approx(expected, abs=1e-6)
    assert expected[0] > 0
    assert expected[2] == 0


def test_a_paper_is_closest_to_itself_and_a_title_weighs_more() -> None:
    index = index_words(["Quark", "Lepton", ""], ["lepton decay", "quark decay", "boson"])
    rows = np.arange(3, dtype=np.int32)
    own = index.cosines(index.weigh("Quark", "lepton decay"), rows)
    assert own[0] > own[1] > own[2] == 0
    assert own[0] > 0.99


def test_the_cosine_knows_words_that_are_too_common_to_tell() -> None:
    many = 2 * round(FEW / TELLING)
    common = FEW + round(TELLING * many)  # papers of `many`
    index = index_of(
        *["usual special"] * common, *["else"] * round(COMMON * many), *["other"] * (many - common)
    )
    assert "usual" not in index.telling(["usual"]).words
    assert index.cosines(index.weigh("", "usual"), np.array([0], dtype=np.int32))[0] > 0.5


@pytest.mark.parametrize("text", ["", "the of", "absent"])
def test_no_known_words_no_cosines(text: str) -> None:
    index = index_of("quark", "lepton")
    assert index.cosines(index.weigh("", text), np.array([0, 1], dtype=np.int32)).tolist() == [0.0, 0.0]
    assert index.cosines(index.weigh("", "quark"), np.zeros(0, dtype=np.int32)).tolist() == []
    assert index_of().weigh("", "quark").terms.tolist() == []


@given(
    st.lists(
        st.lists(st.sampled_from(["quark", "lepton", "a-b", "gluon"]), max_size=6), min_size=1, max_size=8
    ),
    st.data(),
)
def test_looked_up_and_added_up_is_the_same(papers: list[list[str]], data: st.DataObject) -> None:
    index = index_of(*(" ".join(words) for words in papers))
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, len(papers) - 1)))), dtype=np.int32)
    weighed = index.weigh("gluon", "quark a-b a-b")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words_module, "_READ", 0)
        looked_up = index.cosines(weighed, rows)
    added_up = index.cosines(weighed, rows)
    assert looked_up == pytest.approx(added_up, abs=1e-6)
    assert ((added_up >= 0) & (added_up <= 1)).all()
