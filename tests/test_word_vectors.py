"""The space of words: what is near what, what is left out, and libraries too small for one."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import word_vectors
from indexer.word_vectors import COMMON, FEW, LEAST, WordSpace
from indexer.words import term_hash, terms_of

TOPICS = (
    "quark lepton boson gluon collider detector hadron jets calorimeter",
    "parser treebank grammar syntax dependency corpus sentence morphology",
    "telescope galaxy redshift quasar halo photometry spectra survey",
)


def texts(each: int = 20, seed: int = 0) -> tuple[list[str], list[str]]:
    """Titles of two words and abstracts of five, on three topics by turns."""
    dice = np.random.default_rng(seed)
    drawn = [dice.permutation(TOPICS[at % 3].split()).tolist() for at in range(3 * each)]
    return [" ".join(words[:2]) for words in drawn], [" ".join(words[2:7]) for words in drawn]


def same(first: WordSpace, second: WordSpace) -> bool:
    pairs = [(getattr(first, field.name), getattr(second, field.name)) for field in fields(WordSpace)]
    return all(np.array_equal(*pair) and pair[0].dtype == pair[1].dtype for pair in pairs)


def test_papers_on_one_topic_are_near_each_other_without_a_word_in_common() -> None:
    titles, abstracts = texts()
    space = WordSpace.of(titles, abstracts, width=3)
    near = space.similarities(np.arange(60), space.vector("calorimeter", ""))
    assert near.dtype == np.float32
    assert near[0::3].min() > 0.9
    assert max(near[1::3].max(), near[2::3].max()) < 0.1


@pytest.mark.parametrize("together", [7, 50_000])
def test_a_text_stands_where_its_paper_does(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "_TOGETHER", together)
    titles, abstracts = texts()
    space = WordSpace.of(titles, abstracts, width=12)
    assert space.rows.dtype == np.float16
    assert space.rows.shape == (60, 12)
    for row in (0, 6, 7, 59):
        assert space.vector(titles[row], abstracts[row]) == pytest.approx(space.rows[row], abs=1e-3)
        own = space.similarities(np.array([row]), space.vector(titles[row], abstracts[row]))
        assert own == pytest.approx(1.0, abs=2e-3)


def test_full_width_keeps_the_cosines_of_weighted_terms() -> None:
    titles, abstracts = texts()
    space = WordSpace.of(titles, abstracts)
    terms = sorted({term for text in (*titles, *abstracts) for term in terms_of(text)})
    weights = np.zeros((60, len(terms)))
    for row, (title, abstract) in enumerate(zip(titles, abstracts, strict=True)):
        for column, term in enumerate(terms):
            weights[row, column] = (term in terms_of(abstract)) + 2 * (term in terms_of(title))
    weights *= np.log(60 / (weights > 0).sum(axis=0))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    rows = space.rows.astype(np.float64)
    assert space.width == len(terms) - 1
    assert np.abs(rows @ rows.T - weights @ weights.T).mean() < 0.02


def test_terms_that_are_rare_or_common_are_left_out() -> None:
    papers = 1000
    abstracts = [f"filler{row % 100}" for row in range(papers)]
    for term, count in (
        ("rare", LEAST - 1),
        ("seldom", LEAST),
        ("usual", round(COMMON * papers)),
        ("common", round(COMMON * papers) + 1),
    ):
        for row in range(count):
            abstracts[row] += f" {term}"
    space = WordSpace.of([""] * papers, abstracts, width=5)
    held = {term for term in ("rare", "seldom", "usual", "common") if term_hash(term) in space.hashes}
    assert held == {"seldom", "usual"}
    assert (np.diff(space.hashes.astype(object)) > 0).all()
    usual = int(np.searchsorted(space.hashes, np.uint64(term_hash("usual"))))
    assert space.idf[usual] == pytest.approx(np.log(1 / COMMON))


def test_in_a_small_library_any_word_may_tell() -> None:
    abstracts = [("baryon " if row < FEW else "") + TOPICS[row % 3] for row in range(FEW + 10)]
    space = WordSpace.of([""] * len(abstracts), abstracts)
    assert np.uint64(term_hash("baryon")) in space.hashes


def test_the_same_papers_give_the_same_space_and_a_sample_serves_all() -> None:
    titles, abstracts = texts()
    space = WordSpace.of(titles, abstracts, width=3)
    assert same(space, WordSpace.of(titles, abstracts, width=3))
    fitted = WordSpace.of(titles, abstracts, width=3, sample=20)
    assert fitted.rows.shape == (60, 3)
    assert not np.array_equal(fitted.components, space.components)
    near = fitted.similarities(np.arange(60), fitted.vector(*(text[1] for text in (titles, abstracts))))
    assert near[1::3].min() > 0.8
    assert near[0::3].max() < 0.2


@pytest.mark.parametrize(
    "abstracts",
    [
        [],
        ["quark lepton boson"] * 9,
        [""] * 30,
        ["quark"] * 30,
        ["quark lepton boson"] * 30,
        [f"unique{row}" for row in range(30)],
    ],
    ids=["no papers", "few papers", "no words", "one word", "the same words", "each its own words"],
)
def test_libraries_too_small_have_a_space_without_dimensions(abstracts: list[str], tmp_path: Path) -> None:
    WordSpace.of([""] * len(abstracts), abstracts).save(tmp_path)
    space = WordSpace.load(tmp_path)
    assert (space.width, space.rows.shape) == (0, (len(abstracts), 0))
    assert space.vector("quark", "lepton").shape == (0,)
    found = space.similarities(np.arange(len(abstracts)), space.vector("quark", "lepton"))
    assert found.tolist() == [0.0] * len(abstracts)


def test_papers_and_texts_without_known_words_are_0() -> None:
    titles, abstracts = texts()
    space = WordSpace.of(["", *titles], ["", *abstracts], width=3)
    assert not space.rows[0].any()
    for unknown in (("", ""), ("unheard", "of")):
        assert space.vector(*unknown).tolist() == [0.0, 0.0, 0.0]
    assert not space.similarities(np.array([0]), space.vector("quark", "")).any()


def test_a_word_of_the_title_weighs_more() -> None:
    titles, abstracts = texts()
    space = WordSpace.of(titles, abstracts, width=3)
    first, second = space.vector("quark", "treebank"), space.vector("treebank", "quark")
    rows = np.arange(3)
    assert space.similarities(rows, first)[0] > space.similarities(rows, second)[0]
    assert space.similarities(rows, first)[1] < space.similarities(rows, second)[1]


@settings(max_examples=30)
@given(st.lists(st.lists(st.sampled_from(" ".join(TOPICS).split()), max_size=8), max_size=40))
def test_lengths_are_1_or_0_and_cosines_are_bounded(papers: list[list[str]]) -> None:
    abstracts = [" ".join(words) for words in papers]
    space = WordSpace.of([""] * len(papers), abstracts)
    lengths = np.linalg.norm(space.rows.astype(np.float32), axis=1)
    assert ((lengths == 0) | (np.abs(lengths - 1) < 2e-3)).all()
    assert space.width <= max(0, min(len(papers), len(space.hashes)) - 1)
    near = space.similarities(np.arange(len(papers)), space.vector("quark", "grammar halo"))
    assert (np.abs(near) <= 1.002).all()


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    space = WordSpace.of(*texts(), width=5)
    space.save(tmp_path)
    assert same(space, WordSpace.load(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {
        f"word-space-{name}.npy" for name in ("hashes", "idf", "components", "rows")
    }
