"""Measures against cases computed by hand, their bounds, and what the bootstrap promises."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.papers import PaperId
from service.evaluation.measures import (
    CITATION_MEASURES,
    GRADE_MEASURES,
    PROFILE_MEASURES,
    SEARCH_MEASURES,
    average_precision,
    bootstrap,
    compare,
    graded_ndcg,
    ndcg,
    ndcg_of_pool,
    rating_differences,
    recall,
    weighted_loss,
)
from tests.builders import an_id


def ids(*numbers: int) -> list[PaperId]:
    return [an_id(number) for number in numbers]


@pytest.mark.parametrize(
    ("ranking", "relevant", "k", "expected"),
    [
        (ids(1, 2, 3), ids(1, 2, 3), 20, 1.0),
        (ids(1, 9, 2), ids(1, 2), 20, (1 + 1 / 2) / (1 + 1 / math.log2(3))),  # 0.9197
        (ids(9, 1), ids(1), 20, 1 / math.log2(3)),  # 0.6309
        (ids(9, 1), ids(1), 1, 0.0),
        (ids(1, 2), ids(1, 2, 3, 4), 2, 1.0),  # the ideal has no more than k places either
        (ids(1), ids(1, 2), 20, 1 / (1 + 1 / math.log2(3))),
        ([], ids(1), 20, 0.0),
        (ids(1), [], 20, 0.0),
    ],
)
def test_ndcg_by_hand(ranking: list[PaperId], relevant: list[PaperId], k: int, expected: float) -> None:
    assert ndcg(ranking, frozenset(relevant), k) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ranking", "relevant", "k", "expected"),
    [
        (ids(1, 9, 2), ids(1, 2, 3, 4), 20, 0.5),
        (ids(1, 9, 2), ids(1, 2, 3, 4), 2, 0.25),
        (ids(9), ids(1), 20, 0.0),
        (ids(1), [], 20, 0.0),
    ],
)
def test_recall_by_hand(ranking: list[PaperId], relevant: list[PaperId], k: int, expected: float) -> None:
    assert recall(ranking, frozenset(relevant), k) == expected


def test_one_query_is_measured_at_20_and_100() -> None:
    ranking = [str(number) for number in range(1, 101)]
    grades = dict.fromkeys(["20", "21", "100", "101"], 1.0)
    gain, at_20, at_100 = (measure.of(ranking, grades) for measure in CITATION_MEASURES)
    ideal = sum(1 / math.log2(rank + 1) for rank in (1, 2, 3, 4))
    assert gain == pytest.approx(1 / math.log2(21) / ideal)
    assert (at_20, at_100) == (0.25, 0.75)
    searched = {measure.name: measure.of(ranking, grades) for measure in SEARCH_MEASURES}
    assert searched == {"nDCG@10": 0.0, "recall@100": 0.75}


# --- grades -----------------------------------------------------------------------------------------------

# A pool of ten; a fifth of it is two places, which CSFCube's script discounts alike.
GRADES = {"a": 3.0, "b": 2.0, "c": 1.0, "d": 0.0, "e": 2.0} | dict.fromkeys("fghij", 0.0)


@pytest.mark.parametrize(
    ("ranking", "expected"),
    [
        ("abecdfghij", 1.0),  # a, b and e are relevant
        ("dacbefghij", (1 / 2 + 2 / 4 + 3 / 5) / 3),
        ("cdfghijabe", (1 / 8 + 2 / 9 + 3 / 10) / 3),
        ("a", 1 / 3),  # what is left out is not found
        ("", 0.0),
    ],
)
def test_average_precision_by_hand(ranking: str, expected: float) -> None:
    assert GRADE_MEASURES[0].of(list(ranking), GRADES) == pytest.approx(expected)
    assert average_precision(list(ranking), frozenset("abe")) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ranking", "expected"),
    [
        ("aebcdfghij", 1.0),
        ("beacdfghij", 4 / 5),  # the first two places count the same
        ("cabedfghij", 4 / 5),
        ("dfabe", 0.0),
        ("a", 3 / 5),
    ],
)
def test_ndcg_of_a_fifth_of_the_pool_by_hand(ranking: str, expected: float) -> None:
    assert ndcg_of_pool(list(ranking), GRADES) == pytest.approx(expected)


def test_ndcg_of_a_pool_discounts_as_the_script_of_csfcube() -> None:
    grades = {str(number): 0.0 for number in range(24)} | {"0": 2.0, "1": 1.0, "2": 3.0, "3": 1.0}
    places = ndcg_of_pool(["2", "9", "1", "0", "3"], grades)  # int(.2 * 24) = 4 places
    ideal = 3 + 2 + 1 / math.log2(3) + 1 / 2
    assert places == pytest.approx((3 + 0 + 1 / math.log2(3) + 2 / 2) / ideal)


def test_a_pool_too_small_for_a_fifth_has_no_ndcg() -> None:
    assert ndcg_of_pool(["a"], {"a": 3.0, "b": 0.0}) == 0.0


def test_graded_ndcg_by_hand() -> None:
    assert graded_ndcg(["x", "b", "a"], {"a": 3.0, "b": 1.0}, 3) == pytest.approx(
        (1 / math.log2(3) + 3 / 2) / (3 + 1 / math.log2(3))
    )


# --- profiles ---------------------------------------------------------------------------------------------

RATINGS = {"a": 5.0, "b": 4.0, "c": 2.0}  # differences: a-b 1, a-c 3, b-c 2


@pytest.mark.parametrize(
    ("ranking", "loss", "easy", "hard"),
    [
        ("abc", 0.0, 1.0, 1.0),
        ("cba", 1.0, 0.0, 0.0),
        ("bac", 1 / 6, 1.0, 0.0),
        ("acb", 2 / 6, 0.5, 1.0),
        ("cab", 5 / 6, 0.0, 1.0),
        ("", 0.5, 0.0, 0.0),  # ties lose half, and are not right
        ("b", (1 + 1.5) / 6, 0.5, 0.0),  # a and c tie
    ],
)
def test_the_loss_and_the_pairs_of_a_profile_by_hand(
    ranking: str, loss: float, easy: float, hard: float
) -> None:
    found = [measure.of(list(ranking), RATINGS) for measure in PROFILE_MEASURES]
    assert found == pytest.approx([loss, easy, hard])
    assert [measure.weight(RATINGS) for measure in PROFILE_MEASURES] == [6.0, 2.0, 1.0]


def test_equal_ratings_are_no_pair() -> None:
    assert weighted_loss(["a", "b"], {"a": 4.0, "b": 4.0}) == 0.0
    assert [measure.weight({"a": 4.0, "b": 4.0}) for measure in PROFILE_MEASURES] == [0.0, 0.0, 0.0]


RATED = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 5).map(float), min_size=2)


@given(RATED, st.randoms(use_true_random=False))
def test_a_ranking_reversed_loses_what_it_did_not_lose(ratings: dict[str, float], random: Random) -> None:
    ranking = list(ratings)
    random.shuffle(ranking)
    best = sorted(ratings, key=lambda name: -ratings[name])
    assert weighted_loss(best, ratings) == 0.0
    if rating_differences(ratings):
        assert weighted_loss(best[::-1], ratings) == pytest.approx(1.0)
        both = weighted_loss(ranking, ratings) + weighted_loss(ranking[::-1], ratings)
        assert both == pytest.approx(1.0)


def test_chance_loses_half() -> None:
    ratings = {name: float(at % 5) for at, name in enumerate("abcdefgh")}
    orders = [np.random.default_rng(seed).permutation(list(ratings)).tolist() for seed in range(400)]
    assert np.mean([weighted_loss(order, ratings) for order in orders]) == pytest.approx(0.5, abs=0.02)


@given(st.dictionaries(st.sampled_from("abcdefghijklmno"), st.integers(0, 3).map(float), min_size=5))
def test_the_ideal_order_of_a_pool_is_worth_1(grades: dict[str, float]) -> None:
    ideal = sorted(grades, key=lambda name: -grades[name])
    if any(grades.values()):
        assert ndcg_of_pool(ideal, grades) == pytest.approx(1.0)
        assert graded_ndcg(ideal, grades, 10) == pytest.approx(1.0)
    if any(grade >= 2 for grade in grades.values()):
        assert GRADE_MEASURES[0].of(ideal, grades) == pytest.approx(1.0)
    for measure in (*GRADE_MEASURES, *SEARCH_MEASURES):
        assert 0.0 <= measure.of(ideal[::-1], grades) <= 1.0 + 1e-12


NUMBERS = st.integers(1, 60)
RANKINGS = st.lists(NUMBERS, unique=True, max_size=40)


@given(RANKINGS, st.frozensets(NUMBERS, max_size=30), st.integers(1, 30))
def test_measures_are_between_0_and_1_and_best_for_the_ideal(
    ranking: list[int], relevant: frozenset[int], k: int
) -> None:
    judged = frozenset(ids(*relevant))
    for measure in (ndcg, recall):
        assert 0.0 <= measure(ids(*ranking), judged, k) <= 1.0 + 1e-12
    ideal = sorted(ranking, key=lambda number: number not in relevant)
    for measure in (ndcg, recall):
        assert measure(ids(*ideal), judged, k) >= measure(ids(*ranking), judged, k) - 1e-12
    if relevant:
        assert ndcg(ids(*relevant), judged, k) == pytest.approx(1.0)


@given(RANKINGS, st.frozensets(NUMBERS, min_size=1), st.data())
def test_a_relevant_paper_moved_up_never_lowers_a_measure(
    ranking: list[int], relevant: frozenset[int], data: st.DataObject
) -> None:
    places = [at for at in range(1, len(ranking)) if ranking[at] in relevant]
    if not places:
        return
    at = data.draw(st.sampled_from(places))
    better = [*ranking]
    better[at - 1], better[at] = better[at], better[at - 1]
    judged = frozenset(ids(*relevant))
    for measure in (ndcg, recall):
        assert measure(ids(*better), judged, 20) >= measure(ids(*ranking), judged, 20) - 1e-12


# --- how sure ---------------------------------------------------------------------------------------------


def test_an_interval_is_the_same_each_time_and_holds_the_mean() -> None:
    values = np.random.default_rng(1).random(40).tolist()
    interval = bootstrap(values)
    assert interval == bootstrap(values)
    assert interval != bootstrap(values, seed=1)
    assert interval.mean == pytest.approx(np.mean(values))
    assert interval.low < interval.mean < interval.high


def test_an_interval_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(2).normal(0.5, 0.2, 400)
    interval = bootstrap(values.tolist())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(400), rel=0.1)


def test_nineteen_of_twenty_intervals_hold_the_true_mean() -> None:
    draws = np.random.default_rng(3).exponential(1.0, (200, 60))
    intervals = [bootstrap(row.tolist(), seed=at, resamples=300) for at, row in enumerate(draws)]
    held = np.mean([one.low <= 1.0 <= one.high for one in intervals])
    assert 0.88 <= held <= 0.99


def test_equal_values_leave_no_doubt() -> None:
    interval = bootstrap([0.5] * 10)
    assert (interval.mean, interval.low, interval.high) == (0.5, 0.5, 0.5)


def test_weights_are_shares_of_the_mean_and_0_leaves_out() -> None:
    weighted = bootstrap([0.2, 0.8, 0.9], weights=[3.0, 1.0, 0.0])
    assert weighted.mean == pytest.approx(0.35)
    assert [weighted.low, weighted.high] == pytest.approx([0.2, 0.8])
    difference = compare([0.2, 0.8, 1.0], [0.0, 0.8, 0.0], weights=[3.0, 1.0, 0.0])
    assert difference.difference.mean == pytest.approx(0.15)
    with pytest.raises(ValueError, match="no query was measured"):
        bootstrap([0.2], weights=[0.0])


def test_equal_weights_change_nothing() -> None:
    values = np.random.default_rng(7).random(30).tolist()
    assert bootstrap(values, weights=[2.0] * 30).low == pytest.approx(bootstrap(values).low)


def test_no_values_no_interval() -> None:
    with pytest.raises(ValueError, match="no query was measured"):
        bootstrap([])


def test_a_comparison_is_of_the_same_queries() -> None:
    spread = np.random.default_rng(4).random(50)
    better = compare((spread + 0.01).tolist(), spread.tolist())
    assert better.difference.mean == pytest.approx(0.01)
    assert better.difference.low > 0.009  # unpaired, the spread of the queries would drown it
    assert better.p == 1 / 2000


def test_a_comparison_is_antisymmetric() -> None:
    one, other = np.random.default_rng(5).random((2, 50)).tolist()
    forth, back = compare(one, other), compare(other, one)
    assert forth.difference.mean == pytest.approx(-back.difference.mean)
    assert forth.difference.low == pytest.approx(-back.difference.high)
    assert forth.p == back.p


def test_the_chance_is_of_both_sides() -> None:
    difference = [1.0] * 7 + [-1.0] * 3
    both = 2 * sum(math.comb(10, lost) * 0.3**lost * 0.7 ** (10 - lost) for lost in range(5, 11))  # 0.30
    assert compare(difference, [0.0] * 10).p == pytest.approx(both, abs=0.03)


def test_no_difference_is_not_significant() -> None:
    same = compare([0.2, 0.4, 0.9], [0.2, 0.4, 0.9])
    assert (same.difference.mean, same.p) == (0.0, 1.0)
    noise = np.random.default_rng(6).normal(0, 1, (100, 2, 40))
    significant = [compare(one.tolist(), other.tolist()).p < 0.05 for one, other in noise[:40]]
    assert np.mean(significant) <= 0.2


def test_values_of_different_queries_are_refused() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        compare([0.1, 0.2], [0.1, 0.2, 0.3])
