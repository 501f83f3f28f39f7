"""A library without what some papers cite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from indexer.library import Library
from service.hiding import without_references_of
from tests.queries import features_by_id, keys_of, numbered_library, plain, query_for

PAPERS = [plain(number, f"spin glass {'knot ' * (number % 3)}") for number in range(1, 9)]
LINKS = [(1, 2), (1, 3), (1, 501), (4, 1), (4, 2), (5, 1), (5, 3), (6, 4), (7, 502)]
HIDDEN = (1, 4)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with numbered_library(tmp_path_factory.mktemp("whole"), PAPERS, LINKS) as opened:
        yield opened


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library that never had these references."""
    left = [link for link in LINKS if link[0] not in HIDDEN]
    with numbered_library(tmp_path_factory.mktemp("less"), PAPERS, left) as opened:
        yield opened


def test_answers_as_a_library_that_never_had_them(library: Library, without: Library) -> None:
    hidden = without_references_of(library.derived(), keys_of(library, [PAPERS[at - 1] for at in HIDDEN]))
    for seed in PAPERS:
        found = features_by_id(library, query_for(library, seed), hidden)
        expected = features_by_id(without, query_for(without, seed))
        assert found.keys() == expected.keys()
        for paper, row in expected.items():
            assert found[paper] == pytest.approx(row, abs=2e-3)


def test_the_library_itself_stays_as_it_is(library: Library) -> None:
    derived = library.derived()
    derived.once("test", lambda: 1)
    hidden = without_references_of(derived, keys_of(library, PAPERS))
    assert len(hidden.graph.references) == 0
    assert len(derived.graph.references) == len(LINKS)
    assert not hidden.profiles.scales.any()
    assert derived.profiles.scales.any()
    assert "test" not in hidden.memo


def test_nothing_hidden_and_papers_that_are_not_there(library: Library) -> None:
    derived = library.derived()
    for keys in (np.zeros(0, dtype=np.int64), np.array([98_765])):
        same = without_references_of(derived, keys)
        assert np.array_equal(same.graph.references, derived.graph.references)
        assert np.array_equal(same.graph.citer_ends, derived.graph.citer_ends)
        assert np.array_equal(same.profiles.weights, derived.profiles.weights)
