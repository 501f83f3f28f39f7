"""Ranking by a facet: what it adds, what it halves, and that only the best are encoded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from indexer.library import Library, open_library
from service import facet_ranking, fusion
from service.answers import Facet, Signal
from service.candidates import Candidates, find_candidates
from service.facet_ranking import compare_facets
from service.learned import FIXED_FUSION
from service.ranking import AT, COLUMN, Features
from tests.builders import a_paper
from tests.libraries import build, settings_in
from tests.queries import query_for
from tests.toy_embedder import ToyEmbedder

MODEL = FIXED_FUSION.cold
_BACKGROUND = "Citation networks have become large in recent years."
_RESULTS = ("The results show that it outperforms all significantly.", "Results demonstrate better accuracy.")
PAPERS = [
    a_paper(number, title="Kinship", abstract=f"{_BACKGROUND} {_RESULTS[number % 2]} Number {number}.")
    for number in range(1, 10)
]


@pytest.fixture
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Library, ToyEmbedder]]:
    settings = settings_in(tmp_path_factory.mktemp("facets"))
    embedder = build(settings, PAPERS)
    with open_library(settings, embedder=embedder) as opened:
        embedder.embedded.clear()
        yield opened, embedder


def candidates_of(library: Library) -> tuple[Candidates, Features]:
    found = find_candidates(library.store, library.derived(), query_for(library, PAPERS[0]))
    return found, MODEL.contributions(found.features)


def compared(library: Library, found: Candidates, parts: Features) -> Features:
    seeds = [(PAPERS[0].title, PAPERS[0].abstract)]
    return compare_facets(library, MODEL, found, parts, seeds, Facet.RESULT)


def test_half_of_what_texts_say_is_said_by_the_facet(library: tuple[Library, ToyEmbedder]) -> None:
    found, parts = candidates_of(library[0])
    changed = compared(library[0], found, parts)
    facet, cosine = (found.features[:, AT[name]] for name in ("facet", "cosine"))
    texts = changed[:, COLUMN[Signal.TEXT]] + changed[:, COLUMN[Signal.FACET]]
    assert texts == pytest.approx(fusion.TEXT * (cosine + facet) / 2, abs=1e-4)
    assert changed[:, COLUMN[Signal.WORDS]] == pytest.approx(parts[:, COLUMN[Signal.WORDS]] / 2)
    assert not parts[:, COLUMN[Signal.FACET]].any()  # what was given stays as it was
    same = np.isin(np.arange(len(facet)), [1, 3, 5, 7])  # papers 3, 5, 7 and 9 say the same
    assert facet[same].min() > facet[~same].max()


def test_only_the_best_are_encoded_and_the_others_guessed(
    library: tuple[Library, ToyEmbedder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facet_ranking, "MOST_COMPARED", 3)
    opened, embedder = library
    found, parts = candidates_of(opened)
    changed = compared(opened, found, parts)
    assert len(embedder.embedded) == 4  # three and the seed
    assert np.isfinite(changed).all()
    assert changed[:, COLUMN[Signal.FACET]].all()


def test_no_candidates(library: tuple[Library, ToyEmbedder]) -> None:
    opened, embedder = library
    query = query_for(opened, PAPERS[0], among=np.zeros(0, dtype=np.int64))
    found = find_candidates(opened.store, opened.derived(), query)
    assert compared(opened, found, MODEL.contributions(found.features)).shape == (0, len(COLUMN))
    assert embedder.embedded == []
