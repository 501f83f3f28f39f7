"""Profiles of citers: the regression is the one that is told of, and leaving a paper out is exact."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import citer_profiles
from indexer.citations import CitationGraph, build_graph
from indexer.citer_profiles import RIDGE, CiterProfiles
from indexer.tables import Edges
from indexer.vectors.table import VectorTable
from indexer.word_vectors import WordSpace
from tests.builders import unit_vectors

PAPERS, W, D = 30, 6, 4
KEYS = np.arange(10, 10 + PAPERS, dtype=np.int64)
ROWS = np.arange(PAPERS)
Pairs = list[tuple[int, int]]


def a_space(papers: int = PAPERS, width: int = D) -> WordSpace:
    """Rows of length 1 without terms: only where papers stand matters here."""
    rows = unit_vectors(papers, width, seed=1) if width else np.zeros((papers, 0))
    return WordSpace(
        np.zeros(0, np.uint64),
        np.zeros(0, np.float32),
        np.zeros((0, width), np.float16),
        rows.astype(np.float16),
    )


def a_table(keys: npt.NDArray[np.int64] = KEYS) -> VectorTable:
    return VectorTable.of(keys, unit_vectors(PAPERS, W)[keys - KEYS[0]])


def a_graph(pairs: Pairs) -> tuple[CitationGraph, npt.NDArray[np.int64]]:
    """The graph of citations between papers by row; a cited row of `PAPERS` or more is not held."""
    links = sorted(set(pairs))
    edges = Edges(
        np.array([KEYS[citing] for citing, _ in links], np.int64),
        np.array([KEYS[0] + cited for _, cited in links], np.int64),
    )
    graph = build_graph(edges, KEYS)
    return graph, np.where(graph.held, np.searchsorted(KEYS, graph.keys), -1)


def some_pairs(count: int = 120, seed: int = 3) -> Pairs:
    dice = np.random.default_rng(seed)
    drawn = zip(dice.integers(0, PAPERS, count), dice.integers(0, PAPERS + 5, count), strict=True)
    return [(int(citing), int(cited)) for citing, cited in drawn if citing != cited]


def profiles_of(pairs: Pairs, *, leaving: tuple[int, ...] = ()) -> CiterProfiles:
    graph, node_rows = a_graph(pairs)
    without = np.isin(graph.keys, KEYS[list(leaving)]) if leaving else None
    return CiterProfiles.of(graph, node_rows, a_table(), a_space(), without=without)


def query_of(row: int) -> npt.NDArray[np.float32]:
    vector = a_table().vector(int(KEYS[row]))
    assert vector is not None
    return CiterProfiles.query(vector, a_space().rows[row].astype(np.float32))


def fitted(pairs: Pairs) -> npt.NDArray[np.floating]:
    """The models by the textbook: [papers, W + D + 1]."""
    references = {citing: [cited for by, cited in set(pairs) if by == citing] for citing, _ in pairs}
    x = np.array([query_of(row) for row in references], np.float64).reshape(len(references), W + D + 1)
    y = np.zeros((len(references), PAPERS))
    for at, cited in enumerate(references.values()):
        y[at, [row for row in cited if row < PAPERS]] = 1 / np.sqrt(len(cited))
    weights: npt.NDArray[np.floating] = np.linalg.solve(x.T @ x + RIDGE * np.eye(W + D + 1), x.T @ y)
    return weights.T


@pytest.mark.parametrize(("cited", "citing"), [(50_000, 20_000), (7, 4)])
def test_the_models_are_those_of_ridge_regression(
    cited: int, citing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(citer_profiles, "_CITED", cited)
    monkeypatch.setattr(citer_profiles, "_CITING", citing)
    profiles = profiles_of(some_pairs())
    expected = fitted(some_pairs())
    assert profiles.weights * profiles.scales[:, None] == pytest.approx(expected, abs=1e-4)
    query = query_of(0)
    assert profiles.scores(ROWS[::-1], query) == pytest.approx((expected @ query)[::-1], abs=2e-4)
    assert np.abs(expected).max() > 0.01


def test_a_text_like_its_citers_finds_a_paper() -> None:
    pairs = [(citing, 0) for citing in range(1, 9)] + [(citing, 29) for citing in range(9, 29)]
    scores = profiles_of(pairs).scores(ROWS, query_of(3))
    assert scores[[0, 29]].min() > 0.05
    assert not scores[1:29].any()  # nobody cites them
    other = profiles_of(pairs).scores(ROWS, query_of(20))
    assert other[29] > scores[29]
    assert other[0] < scores[0]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, PAPERS - 1), st.integers(0, PAPERS + 5)), max_size=80),
    st.integers(0, PAPERS - 1),
)
def test_leaving_a_paper_out_is_as_fitting_without_it(pairs: Pairs, row: int) -> None:
    pairs = [(citing, cited) for citing, cited in pairs if citing != cited]
    graph, _ = a_graph(pairs)
    node = graph.position(int(KEYS[row]))
    assert node is not None
    references = graph.references_of(node)
    cited = np.isin(KEYS, graph.keys[references])
    query = query_of(row)
    found = profiles_of(pairs).scores_without(ROWS, query, cited=cited, references=len(references))
    assert found == pytest.approx(profiles_of(pairs, leaving=(row,)).scores(ROWS, query), abs=1e-3)
    assert found == pytest.approx(fitted([pair for pair in pairs if pair[0] != row]) @ query, abs=1e-3)


def test_what_a_paper_cites_is_evidence_until_it_is_left_out() -> None:
    pairs = some_pairs()
    cited = np.isin(ROWS, [other for citing, other in pairs if citing == 4])
    references = len({other for citing, other in pairs if citing == 4})
    profiles, query = profiles_of(pairs), query_of(4)
    drop = profiles.scores(ROWS, query) - profiles.scores_without(
        ROWS, query, cited=cited, references=references
    )
    assert cited.any()
    assert drop[cited].min() > 0.01
    assert drop[cited].min() > np.abs(drop[~cited]).max()


def test_a_paper_without_a_vector_is_no_evidence() -> None:
    graph, node_rows = a_graph([(1, 0), (2, 5)])
    profiles = CiterProfiles.of(graph, node_rows, a_table(KEYS[2:]), a_space())
    scores = profiles.scores(ROWS, query_of(2))
    assert scores[0] == 0
    assert scores[5] > 0


def test_float16_keeps_the_models_of_a_great_library() -> None:
    pairs = [(1, 0), *some_pairs()]
    graph, node_rows = a_graph(pairs)
    great = CiterProfiles.of(graph, node_rows, a_table(), a_space(), ridge=1e7)
    expected = CiterProfiles.of(graph, node_rows, a_table(), a_space(), ridge=1e3)
    assert np.abs(great.weights).max(axis=1).tolist() == (great.scales > 0).astype(float).tolist()
    assert great.scores(ROWS, query_of(1)) * 1e4 == pytest.approx(
        expected.scores(ROWS, query_of(1)), rel=0.15, abs=1e-5
    )
    assert great.scales.max() < 1e-6


@pytest.mark.parametrize("width", [0, D])
@pytest.mark.parametrize("keys", [KEYS[:0], KEYS])
@pytest.mark.parametrize("pairs", [[], [(1, 2), (3, 2)]])
def test_without_citations_vectors_or_words(
    pairs: Pairs, keys: npt.NDArray[np.int64], width: int, tmp_path: Path
) -> None:
    graph, node_rows = a_graph(pairs)
    CiterProfiles.of(graph, node_rows, a_table(keys), a_space(width=width)).save(tmp_path)
    profiles = CiterProfiles.load(tmp_path)
    query = CiterProfiles.query(unit_vectors(1, W)[0], np.zeros(width, np.float32))
    assert profiles.weights.shape == (PAPERS, W + width + 1)
    assert profiles.scores(ROWS, query).any() == bool(pairs and len(keys))
    alone = profiles.scores_without(ROWS, query, cited=np.zeros(PAPERS, np.bool_), references=0)
    assert np.array_equal(alone, profiles.scores(ROWS, query))


def test_a_library_without_papers() -> None:
    graph = build_graph(Edges(KEYS[:0], KEYS[:0]), KEYS[:0])
    profiles = CiterProfiles.of(graph, KEYS[:0], a_table(KEYS[:0]), a_space(0, 0))
    assert profiles.weights.shape == (0, W + 1)
    query = CiterProfiles.query(np.ones(W, np.float32), np.zeros(0, np.float32))
    assert profiles.scores(ROWS[:0], query).shape == (0,)


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    profiles = profiles_of(some_pairs())
    profiles.save(tmp_path)
    loaded = CiterProfiles.load(tmp_path)
    for field in fields(CiterProfiles):
        assert np.array_equal(getattr(profiles, field.name), getattr(loaded, field.name)), field.name
    assert (loaded.weights.itemsize, loaded.inverse.itemsize) == (2, 4)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"citer-profiles-{name}.npy" for name in ("weights", "scales", "inverse")
    }
