"""What citations say of a query: the values themselves, and that what must not be seen changes none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.library import Derived, Library
from indexer.papers import Author, Paper
from indexer.tables import Filters
from service.candidates import find_candidates
from service.evidence import NEAREST_TEXTS, Evidence, gather_evidence
from service.nearness import Nearness
from service.ranking import AT
from service.view import Query, View
from tests.queries import (
    Pair,
    features_by_id,
    keys_of,
    numbered_library,
    plain,
    query_for,
    with_citations,
)

PAPERS = [
    plain(1, "spin glass landscapes"),
    plain(2, "spin glass dynamics"),
    plain(3, "protein folding"),
    plain(4, "protein docking", month=2001),
    plain(5, "origami folding"),
    plain(6, "survey of everything"),
    plain(7, "unrelated knots", withdrawn=True),
]
LINKS = [(1, 3), (2, 1), (4, 3), (1, 501), (5, 501), (6, 1), (6, 4), (2, 5)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with numbered_library(tmp_path_factory.mktemp("evidence"), PAPERS, LINKS) as opened:
        yield opened


def evidence_of(library: Library, query: Query, derived: Derived | None = None) -> Evidence:
    view = View.of(derived or library.derived(), query)
    return gather_evidence(view, query, Nearness.of(view, query))


def by_number(library: Library, query: Query, name: str) -> dict[int, float]:
    """One feature of the candidates, by number of paper."""
    found = features_by_id(library, query)
    return {int(paper.value[-5:]): row[name] for paper, row in found.items() if name in row}


def test_the_seeds_own_citations(library: Library) -> None:
    query = query_for(library, PAPERS[0])
    assert by_number(library, query, "cited by") == {3: 1.0}
    assert by_number(library, query, "cites") == {2: 1.0, 6: 1.0}
    # 4 shares reference 3, of its own one; 5 shares 501, of its own one; each of the two has two citers.
    assert by_number(library, query, "shared references") == pytest.approx(
        {4: 1 / np.log(4), 5: 1 / np.log(4)}
    )
    # 6, with two references, cites 4 beside the seed; 2, with two, cites 5; nothing else cites either.
    assert by_number(library, query, "cited together") == pytest.approx({4: 1 / np.log(4), 5: 1 / np.log(4)})


def test_several_seeds_share_each_signal(library: Library) -> None:
    query = query_for(library, PAPERS[0], PAPERS[3])
    assert by_number(library, query, "cited by") == {3: 1.0}  # by both
    assert by_number(library, query, "cites")[2] == 0.5  # one of the two


def test_what_shares_references_points_to_what_it_cites_beside(tmp_path: Path) -> None:
    papers = [plain(number, words) for number, words in enumerate(("spin", "knots", "origami", "verbs"), 1)]
    links = [(1, 501), (2, 501), (2, 3), (4, 501), (4, 502), (4, 503), (4, 504), (4, 3)]
    with numbered_library(tmp_path, papers, links) as opened:
        query = query_for(opened, papers[0])
        found = evidence_of(opened, query)
        keys = opened.derived().graph.keys
        shares = 1 / np.log(5) / np.sqrt([2.0, 5.0])
        assert keys[found.coupled].tolist() == keys_of(opened, [papers[1], papers[3]]).tolist()
        assert by_number(opened, query, "shared references") == pytest.approx({2: shares[0], 4: shares[1]})
        assert by_number(opened, query, "cited by coupled") == pytest.approx({3: 1.0})
        known = opened.derived().graph.positions(np.array([keys[~opened.derived().graph.held][0]]))
        as_text = query_for(opened, vectors=query.vectors, texts=query.texts, known=known)
        assert by_number(opened, as_text, "shared references") == pytest.approx(
            {1: 1 / np.log(5), 2: shares[0], 4: shares[1]}
        )


def test_the_nearest_texts_weigh_one_in_all_and_come_nearest_first(tmp_path: Path) -> None:
    papers = [plain(number, f"spin glass {'model ' * (number % 7)}") for number in range(1, 81)]
    with numbered_library(tmp_path, papers) as opened:
        found = find_candidates(opened.store, opened.derived(), query_for(opened, papers[0]))
        seed = keys_of(opened, papers[:1])
        assert not np.isin(opened.derived().graph.keys[found.neighbours], seed).any()
    assert len(found.neighbours) == NEAREST_TEXTS
    assert found.neighbour_weights.sum() == pytest.approx(1.0)
    assert (np.diff(found.neighbour_weights) <= 0).all()


def test_what_the_nearest_texts_cite_and_what_cites_them(tmp_path: Path) -> None:
    titles = ("spin glass", "spin glass too", "spin glass with knots", "spin glass with braids")
    papers = [plain(number, title) for number, title in enumerate(titles, 1)]
    links = [(2, 3), (4, 2), (4, 3), (4, 501), (4, 502)]
    with numbered_library(tmp_path, papers, links) as opened:
        query = query_for(opened, papers[0])
        found = find_candidates(opened.store, opened.derived(), query)
        told = features_by_id(opened, query)
        keys = opened.derived().graph.keys[found.neighbours]
        weights = dict(zip(keys.tolist(), found.neighbour_weights.tolist(), strict=True))
        weight = [weights[key] for key in keys_of(opened, papers[1:]).tolist()]
    assert told[papers[2].id]["cited by nearest"] == pytest.approx(weight[0] + weight[2])
    citing = (weight[0] + weight[1]) / 2  # 4 cites two of them, and four works in all
    assert told[papers[3].id]["cites nearest"] == pytest.approx(citing)
    # 2 itself cites a neighbour (3), and 3 is cited by it and by 4.
    assert told[papers[2].id]["cited with nearest"] == pytest.approx(weight[1] + citing)
    assert told[papers[2].id]["walk"] > told[papers[1].id]["walk"] > 0  # 3 is next to more


def test_text_only_takes_the_seed_out_of_the_graph(library: Library) -> None:
    query = query_for(library, PAPERS[0], text_only=True)
    for name in ("cites", "cited by", "shared references", "cited together", "cited by coupled"):
        assert by_number(library, query, name) == {}
    assert by_number(library, query, "citers")[3] == pytest.approx(np.log1p(1))  # by 4, not by the seed
    found = find_candidates(library.store, library.derived(), query)
    assert (len(found.seeds), len(found.references)) == (0, 0)


def test_as_of_the_seed_nothing_newer_is_seen(tmp_path: Path) -> None:
    papers = [
        plain(1, "spin glass", month=2202),
        plain(2, "spin glass old", month=2101),
        plain(3, "knots", month=2101),
        plain(4, "spin glass new", month=2203),
        plain(5, "protein", month=2203),
        plain(6, "origami", month=2202),
    ]
    links = [(4, 2), (5, 2), (4, 3), (5, 1), (5, 3), (1, 3), (6, 3), (4, 6)]
    with numbered_library(tmp_path, papers, links) as opened:
        query = query_for(
            opened, papers[0], as_of_seed=True, filters=Filters(not_after_month=papers[0].id.month)
        )
        found = find_candidates(opened.store, opened.derived(), query)
        told = features_by_id(opened, query)
        months = opened.derived().catalogue.months[opened.derived().node_rows[found.neighbours]]
    assert set(told) == {papers[at].id for at in (1, 2, 5)}
    assert (months <= 202202).all()
    assert "citers" not in told[papers[1].id]  # cited by newer papers only
    assert told[papers[2].id]["citers"] == pytest.approx(np.log1p(2))  # by 1 and 6
    assert told[papers[5].id]["shared references"] == pytest.approx(1 / np.log(2 + 2))
    assert not any({"cited together", "topic", "citing texts"} & set(row) for row in told.values())


def test_the_seeds_authors_find_their_other_papers(tmp_path: Path) -> None:
    curie, noether = Author("Curie", "Marie"), Author("Noether", "Emmy")
    papers = [
        plain(1, "spin glass", authors=(curie,)),
        plain(2, "knots", authors=(curie, noether)),
        plain(3, "origami", authors=(noether,)),
        plain(4, "verbs", authors=()),
    ]
    with numbered_library(tmp_path, papers) as opened:
        found = by_number(opened, query_for(opened, papers[0]), "authors")
        shared = float(opened.derived().authors.shared(*np.array([[0], [1]]))[0])
        assert found == pytest.approx({2: shared})
        assert shared > 0
        assert by_number(opened, query_for(opened, papers[3]), "authors") == {}
        assert "authors" not in evidence_of(opened, query_for(opened)).sparse


def test_no_citations_at_all(library: Library) -> None:
    derived = with_citations(library.derived(), [])
    found = evidence_of(library, query_for(library, PAPERS[0]), derived)
    assert not len(found.references)
    assert not len(found.coupled)
    assert not any(len(nodes) for name, (nodes, _) in found.sparse.items() if name != "authors")


# --- What must not be seen, on random citations among the same papers

_WORDS = "quark gluon lattice knot braid treebank syntax flux spin glass".split()
_MANY = [
    plain(number, " ".join(_WORDS[(number * step) % 10] for step in (1, 3, 7)), month=2201 + number % 6)
    for number in range(1, 25)
]
_ANY = st.integers(0, len(_MANY) + 2)  # the last three are not held
_LINKS = st.lists(
    st.tuples(st.integers(0, len(_MANY) - 1), _ANY).filter(lambda link: link[0] != link[1]), max_size=90
)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with numbered_library(tmp_path_factory.mktemp("many"), _MANY) as opened:
        yield opened


def _edges(library: Library, links: list[Pair]) -> list[Pair]:
    keys = [*keys_of(library, _MANY).tolist(), 9_001, 9_002, 9_003]
    return [(keys[citing], keys[cited]) for citing, cited in links]


def _features(library: Library, query: Query, edges: list[Pair]) -> dict[int, list[float]]:
    """All features by key, but for what the profiles say: these were learned from other citations."""
    found = find_candidates(library.store, with_citations(library.derived(), edges), query)
    rows = found.features.astype(np.float64)
    rows[:, [AT["citing texts"], AT["place: citing texts"]]] = 0.0
    assert np.isfinite(rows).all()
    return dict(zip(found.keys.tolist(), np.round(rows, 4).tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(links=_LINKS, count=st.integers(1, 3), as_of_seed=st.booleans(), cites=st.booleans())
def test_text_only_answers_as_if_the_seeds_had_no_citations(
    many: Library, *, links: list[Pair], count: int, as_of_seed: bool, cites: bool
) -> None:
    edges, seeds = _edges(many, links), set(keys_of(many, _MANY[:count]).tolist())
    known = keys_of(many, _MANY[20:22]) if cites else np.zeros(0, dtype=np.int64)
    without = [edge for edge in edges if not seeds & set(edge)]
    answers = []
    for some in (edges, without):
        nodes = np.sort(with_citations(many.derived(), some).graph.positions(known))
        query = query_for(many, *_MANY[:count], text_only=True, as_of_seed=as_of_seed, known=nodes)
        answers.append(_features(many, query, some))
    assert answers[0] == answers[1]


@settings(max_examples=40, deadline=None)
@given(_LINKS, st.sampled_from(_MANY))
def test_as_of_a_seed_answers_as_if_later_papers_cited_nothing(
    many: Library, links: list[Pair], seed: Paper
) -> None:
    edges = _edges(many, links)
    month = dict(zip(keys_of(many, _MANY).tolist(), (paper.id.month for paper in _MANY), strict=True))
    before = [edge for edge in edges if month[edge[0]] <= seed.id.month]
    query = query_for(many, seed, as_of_seed=True, filters=Filters(not_after_month=seed.id.month))
    assert _features(many, query, edges) == _features(many, query, before)


def test_the_walk_does_not_pass_through_a_hidden_seed(many: Library) -> None:
    query = query_for(many, _MANY[0], text_only=True)
    near = View.of(many.derived(), query).graph.keys[evidence_of(many, query).neighbours[:1]]
    seed, linked = keys_of(
        many, [_MANY[0], next(one for one in _MANY[1:] if keys_of(many, [one])[0] != near[0])]
    )
    edges = [(int(near[0]), int(seed)), (int(linked), int(seed))]
    found = [
        evidence_of(many, asked, with_citations(many.derived(), edges)).sparse["walk"][0]
        for asked in (query, query_for(many, _MANY[0]))
    ]
    assert found[0].tolist() == []
    assert len(found[1])
