"""Scores: fair to age, neutral without citations, 0 to 100."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.citations import CitationGraph, build_graph
from indexer.tables import Edges
from service.scores import Scores, paper_scores


def graph_of(pairs: Sequence[tuple[int, int]], papers: int) -> CitationGraph:
    array = np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 2)
    return build_graph(Edges(array[:, 0], array[:, 1]), np.arange(1, papers + 1, dtype=np.int64))


def scores_for(pairs: Sequence[tuple[int, int]], months: Sequence[int]) -> Scores:
    keys = np.arange(1, len(months) + 1, dtype=np.int64)
    return paper_scores(graph_of(pairs, len(months)), keys, np.array(months, dtype=np.int32))


def test_no_papers_no_scores() -> None:
    assert len(scores_for([], [])) == 0


def test_without_any_citation_everybody_stands_in_the_middle() -> None:
    np.testing.assert_allclose(scores_for([], [199901, 202401, 202402]), 50.0)


def test_one_paper_stands_in_the_middle() -> None:
    assert scores_for([], [202401])[0] == 50.0


def test_the_formula_by_hand() -> None:
    # Four papers of one month; 2, 3 and 4 cite 1, 4 also cites 2. Citations 3 1 0 0, all of them recent.
    scores = scores_for([(2, 1), (3, 1), (4, 1), (4, 2)], [202401] * 4)
    np.testing.assert_allclose(scores, [87.5, 62.5, 25.0, 25.0])


def test_recent_citations_count_on_their_own() -> None:
    # Papers 1 and 2 have one citation each, 2 from a recent paper: only that share (0.2) tells them apart.
    months = [201001, 201001, 201005, 202405]
    scores = scores_for([(3, 1), (4, 2)], months)
    assert scores[1] - scores[0] == np.float32(100 * 0.2 * (0.875 - 0.375))


def test_age_gives_nothing() -> None:
    # Two months far apart, 50 papers each; the older ones have ten times the citations, rank by rank.
    months = [200501] * 50 + [202401] * 50 + [202406] * 500
    pairs = [(101 + citer, old) for old in range(1, 51) for citer in range(10 * old)]
    pairs += [(101 + citer, 50 + new) for new in range(1, 51) for citer in range(new)]
    scores = scores_for(pairs, months)
    np.testing.assert_allclose(scores[:50], scores[50:100], atol=1.5)
    assert scores[0] < 5
    assert scores[49] > 95


def test_uncited_papers_of_a_much_cited_year_score_low_and_of_an_uncited_year_50() -> None:
    months = [202001] * 40 + [202401] * 40
    pairs = [(41 + at, cited) for at in range(40) for cited in range(1, 40)]
    scores = scores_for(pairs, months)
    assert scores[39] < 2
    np.testing.assert_allclose(scores[40:], 50.0)


def test_citations_by_papers_that_are_not_held_do_not_count() -> None:
    months = [202401] * 3
    np.testing.assert_allclose(scores_for([(90, 1), (91, 1)], months), 50.0)


def test_a_paper_that_the_graph_lacks_counts_as_uncited() -> None:
    graph = graph_of([(2, 1)], 2)
    months = np.full(3, 202401, dtype=np.int32)
    scores = paper_scores(graph, np.array([1, 2, 99]), months)
    assert scores[1] == scores[2] < scores[0]


_LIBRARIES = st.integers(1, 30).flatmap(
    lambda papers: st.tuples(
        st.lists(
            st.tuples(st.integers(1, 35), st.integers(1, 35)).filter(lambda pair: pair[0] != pair[1]),
            max_size=60,
        ),
        st.lists(
            st.builds(lambda year, month: year * 100 + month, st.integers(1991, 2026), st.integers(1, 12)),
            min_size=papers,
            max_size=papers,
        ),
    )
)


@settings(max_examples=80, deadline=None)
@given(_LIBRARIES)
def test_scores_are_from_0_to_100_their_mean_is_50_and_order_does_not_matter(
    library: tuple[list[tuple[int, int]], list[int]],
) -> None:
    pairs, months = library
    scores = scores_for(pairs, months)
    assert scores.dtype == np.float32
    assert ((scores > 0) & (scores < 100)).all()
    assert (
        abs(float(scores.mean()) - 50) < 1e-3
    )  # fewer than 40 papers are one window, whose mean rank is a half
    keys = np.arange(1, len(months) + 1, dtype=np.int64)[::-1]
    backwards = paper_scores(graph_of(pairs, len(months)), keys, np.array(months, dtype=np.int32)[::-1])
    np.testing.assert_array_equal(backwards[::-1], scores)


def test_two_hundred_thousand_papers_take_less_than_a_second() -> None:
    rng = np.random.default_rng(0)
    papers = 200_000
    keys = np.arange(1, papers + 1, dtype=np.int64)
    months = (rng.integers(1995, 2026, papers) * 100 + rng.integers(1, 13, papers)).astype(np.int32)
    citing = rng.integers(1, papers + 1, 500_000)
    cited = (rng.pareto(1.2, 500_000) * 1000).astype(np.int64) % papers + 1
    graph = build_graph(Edges(citing, cited), keys)
    start = time.process_time()
    paper_scores(graph, keys, months)
    assert time.process_time() - start < 1.0  # 0.12 s when measured alone
