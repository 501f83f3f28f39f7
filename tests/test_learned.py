"""Which ranking a library has."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from indexer.errors import ModelError
from indexer.library import Library
from service import learned
from service.answers import Mode, Signal
from service.learned import FEWEST_CITATIONS, FIXED_FUSION, ranking_of, trained_path
from service.ranking import AT, COLUMN, DEFAULT, NAMES, RankingModel
from tests.asking import library_of
from tests.libraries import chain, three_topics
from tests.rankings import a_ranking, put_ranking

PAPERS = three_topics(20)


@pytest.fixture
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_of(tmp_path_factory.mktemp("learned"), PAPERS, chain(PAPERS)) as opened:
        assert len(opened.derived().graph.references) >= FEWEST_CITATIONS
        yield opened


def test_without_citations_texts_and_words_are_fused(tmp_path_factory: pytest.TempPathFactory) -> None:
    few = chain(PAPERS)[: FEWEST_CITATIONS - 1]
    with library_of(tmp_path_factory.mktemp("few"), PAPERS, few) as opened:
        put_ranking(opened)
        assert ranking_of(opened, opened.derived()) is FIXED_FUSION


def test_the_ranking_that_came_with_paperkin_is_for_all_others(library: Library) -> None:
    assert ranking_of(library, library.derived()) == RankingModel.load(DEFAULT)
    assert ranking_of(library, library.derived()) is ranking_of(library, library.derived())  # read once


def test_the_shipped_ranking_tells_what_it_was_trained_on() -> None:
    shipped = RankingModel.load()
    assert shipped.facts
    for model in (shipped.cold, shipped.known, shipped.text):
        parts = model.contributions(np.zeros((1, len(NAMES)), dtype=np.float32))
        assert parts == pytest.approx(0.0, abs=2e-3)  # a curve is 0 where there is no evidence
        liked, disliked = np.zeros((2, 1, len(NAMES)), dtype=np.float32)
        disliked[0, AT["disliked"]] = 0.5
        assert model.contributions(disliked)[0, COLUMN[Signal.DISLIKED]] < model.contributions(liked).min()


def test_a_trained_ranking_is_used_as_soon_as_it_is_there_and_as_long(library: Library) -> None:
    before = ranking_of(library, library.derived())
    put_ranking(library)
    assert ranking_of(library, library.derived()) == a_ranking() != before
    put_ranking(library, cosine=9.0)
    os.utime(trained_path(library), ns=(1, 1))  # clocks are coarse
    assert ranking_of(library, library.derived()) == a_ranking(cosine=9.0)
    trained_path(library).unlink()
    assert ranking_of(library, library.derived()) == before


def test_a_damaged_one_is_told_and_not_passed_over(library: Library) -> None:
    trained_path(library).write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"ranking\.json cannot be read"):
        ranking_of(library, library.derived())


def test_a_broken_installation(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = trained_path(library).with_name("missing.json")
    monkeypatch.setattr(learned, "DEFAULT", missing)
    with pytest.raises(ModelError, match=r"missing\.json is missing; reinstall"):
        ranking_of(library, library.derived())


@pytest.mark.parametrize("mode", Mode)
def test_the_fixed_fusion_rises_with_what_it_goes_by(mode: Mode) -> None:
    model = FIXED_FUSION.of(mode, has_paper=True, has_citations=True)
    for name in model.curves:
        rows = np.zeros((3, len(NAMES)), dtype=np.float32)
        rows[:, AT[name]] = (0.0, 0.3, 0.6)
        rising = np.diff(model.relevance(model.contributions(rows)))
        assert (rising < 0 if name == "disliked" else rising > 0).all()
