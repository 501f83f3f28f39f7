"""What a query may see: which papers, which citations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.library import Library
from indexer.papers import Paper
from service.view import View, strongest
from tests.queries import keys_of, numbered_library, plain, query_for

PAPERS = [
    plain(1, "spin glass", month=2202),
    plain(2, "old spin glass", month=2101),
    plain(3, "new spin glass", month=2203),
    plain(4, "knots", month=2202, withdrawn=True),
]
LINKS = [(1, 2), (3, 1), (3, 2), (4, 2), (4, 1), (1, 501), (3, 501)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with numbered_library(tmp_path_factory.mktemp("view"), PAPERS, LINKS) as opened:
        yield opened


def view_of(library: Library, *liked: Paper, **fields: Any) -> View:
    return View.of(library.derived(), query_for(library, *liked, **fields))


def seen(view: View, library: Library) -> tuple[list[int], list[int]]:
    """How many references and citers of papers 1 to 4 a query sees."""
    nodes = view.nodes(keys_of(library, PAPERS))
    return view.reference_counts(nodes).tolist(), view.citer_counts(nodes).tolist()


@pytest.mark.parametrize(
    ("fields", "references", "citers"),
    [
        ({}, [2, 0, 3, 2], [2, 3, 0, 0]),
        ({"as_of_seed": True}, [2, 0, 3, 2], [1, 2, 0, 0]),  # what cites is filtered, not what is cited
        ({"text_only": True}, [2, 0, 2, 1], [2, 2, 0, 0]),
        ({"as_of_seed": True, "text_only": True}, [2, 0, 2, 1], [1, 1, 0, 0]),
    ],
)
def test_citations_that_count(
    library: Library, fields: dict[str, object], references: list[int], citers: list[int]
) -> None:
    assert seen(view_of(library, PAPERS[0], **fields), library) == (references, citers)


def test_as_of_a_seed_later_papers_are_not_visible_and_withdrawn_ones_are(library: Library) -> None:
    assert view_of(library, PAPERS[0]).visible.all()
    now = view_of(library, PAPERS[0], as_of_seed=True)
    nodes, ones = now.nodes(keys_of(library, PAPERS)), np.ones(4, dtype=np.float32)
    kept = keys_of(library, [PAPERS[0], PAPERS[1], PAPERS[3]]).tolist()
    assert now.graph.keys[now.only_visible(nodes, ones)[0]].tolist() == sorted(kept)
    assert now.graph.keys[now.only_citing(nodes, ones)[0]].tolist() == sorted(kept)


def test_a_text_alone_has_no_month_and_no_citations_to_hide(library: Library) -> None:
    view = view_of(library, as_of_seed=True, text_only=True)
    assert view.visible.all()
    assert (view.citing, view.cited) == (None, None)


def test_works_that_are_not_held_are_never_visible(library: Library) -> None:
    view = view_of(library, PAPERS[0])
    every = np.arange(len(view.graph), dtype=np.int32)
    visible, _ = view.only_visible(every, np.ones(len(every), dtype=np.float32))
    assert len(visible) == len(PAPERS) < len(every)
    assert (view.rows(visible) >= 0).all()
    none = np.zeros(len(PAPERS), dtype=np.bool_)
    assert not view.inside(every, none).any()


def test_a_graph_of_works_of_which_none_is_held(tmp_path_factory: pytest.TempPathFactory) -> None:
    with numbered_library(tmp_path_factory.mktemp("none"), [], [(601, 602)]) as empty:
        view = view_of(empty)
        every = np.arange(len(view.graph), dtype=np.int32)
        assert len(every) == 2
        assert not len(view.only_visible(every, np.ones(2, dtype=np.float32))[0])


def test_keys_without_a_node_are_left_out(library: Library) -> None:
    assert not len(view_of(library, PAPERS[0]).nodes(np.array([98_765])))


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 12))
def test_the_strongest_are_those_that_sorting_finds(values: list[int], most: int) -> None:
    array = np.array(values, dtype=np.float32)
    expected = np.sort(np.argsort(-array, kind="stable")[:most])
    np.testing.assert_array_equal(strongest(array, most), expected)
