"""Related papers with every wish: modes, facets, sorting, spreading, thresholds, and a ranking that was learned."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import UnknownTopic
from indexer.library import Derived, Library
from indexer.papers import Citation, PaperId
from indexer.tables import Filters
from service.answers import Facet, Mode, Related, RelatedRequest, Signal, Sort
from service.ranking import FEATURES, MODES
from service.related import related
from service.works import works_of
from tests.asking import ask, ids, library_of, parts
from tests.builders import a_paper, an_id
from tests.libraries import chain
from tests.rankings import put_ranking
from tests.test_related import FILTERS, PAPERS, passes

_TWINS = [
    a_paper(number, month=2305, title="Neutrino detectors of heavy water", abstract="Neutrino flux. " * 12)
    for number in (91, 92)
]
_EVERYBODY = [*PAPERS, *_TWINS]
_ALL_IDS = [str(paper.id) for paper in _EVERYBODY]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library with citations enough for a ranking that was learned, and two records of one work."""
    citations = [*chain(PAPERS[:37]), *chain(PAPERS[:37], step=4), Citation(PAPERS[9].id, _TWINS[0].id)]
    citations += [Citation(PAPERS[at].id, an_id(900)) for at in (3, 6, 9, 12)]
    with library_of(tmp_path_factory.mktemp("trained"), _EVERYBODY, citations) as opened:
        put_ranking(opened)
        assert len(set(opened.derived().same_work.tolist())) == len(_EVERYBODY) - 1
        yield opened


_MANY_IDS = st.lists(st.sampled_from(_ALL_IDS), max_size=4, unique=True).map(tuple)
_WISHES = st.builds(
    RelatedRequest,
    liked=_MANY_IDS,
    disliked=_MANY_IDS,
    text=st.sampled_from(["", "neutrino flux", "Diffusion of noise in sentences"]),
    k=st.integers(0, 60),
    filters=st.just(Filters()) | FILTERS,
    as_of_seed=st.booleans(),
    text_only=st.booleans(),
    mode=st.sampled_from(Mode),
    facet=st.none() | st.sampled_from(Facet),
    sort=st.sampled_from(Sort),
    least=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    diversity=st.sampled_from([0.0, 0.3, 1.0]),
    known_references=_MANY_IDS,
).filter(lambda request: bool(request.liked or request.text))


@settings(max_examples=80, deadline=None)
@given(_WISHES)
def test_whatever_is_wished_the_answer_is_sound(trained: Library, request: RelatedRequest) -> None:
    answer = related(trained, request)
    found = ids(answer)
    away = {PaperId(text) for text in (*request.liked, *request.disliked, *request.known_references)}
    assert len(found) == len(set(found)) <= request.k
    assert not away & set(found)
    assert all(passes(one.paper, request.filters) for one in answer.results)
    keys = trained.store.keys(found)
    works = works_of(trained.derived(), np.array([keys[one] for one in found], dtype=np.int64))
    assert len(set(works.tolist())) == len(found)
    for one in answer.results:
        assert one.relevance == pytest.approx(answer.baseline + math.fsum(parts(one).values()), abs=1e-4)
        assert request.least - 1e-4 <= one.similarity <= 1
        assert all(math.isfinite(reason.contribution) and reason.text for reason in one.reasons)
        if request.mode is not Mode.FUSED:
            assert any(parts(one).get(FEATURES[name], 0) > 0 for name in MODES[request.mode])
    assert answer == related(trained, request)


@settings(max_examples=20, deadline=None)
@given(_WISHES)
def test_the_order_wished_for(trained: Library, request: RelatedRequest) -> None:
    shown = related(trained, replace(request, diversity=0.0)).results
    derived = trained.derived()
    values: dict[Sort, Callable[[Related], float]] = {
        Sort.SCORE: lambda one: one.relevance,
        Sort.DATE: lambda one: one.paper.submitted.date().toordinal(),
        Sort.INFLUENCE: lambda one: _citers(derived, one.paper.id, trained),
    }
    if request.sort is Sort.INFLUENCE and (request.as_of_seed or request.text_only):
        return  # counted as far as the query may see
    order = [values[request.sort](one) for one in shown]
    assert order == sorted(order, reverse=True)
    by_score = related(trained, replace(request, diversity=0.0, sort=Sort.SCORE)).results
    assert {one.paper.id for one in shown} == {one.paper.id for one in by_score}


def _citers(derived: Derived, paper_id: PaperId, library: Library) -> int:
    node = derived.graph.position(library.store.keys([paper_id])[paper_id])
    assert node is not None
    return len(derived.graph.citers_of(node))


def test_as_of_a_seed_influence_is_that_of_its_time(trained: Library) -> None:
    seed, by_count = PAPERS[9], {}
    answer = ask(trained, seed.id, k=100, as_of_seed=True, sort=Sort.INFLUENCE)
    for one in answer.results:
        reasons = {reason.signal: reason for reason in one.reasons}
        by_count[one.paper.id] = reasons[Signal.INFLUENCE].value if Signal.INFLUENCE in reasons else 0.0
    assert list(by_count.values()) == sorted(by_count.values(), reverse=True)
    assert len(set(by_count.values())) > 2


@settings(max_examples=15, deadline=None)
@given(_WISHES, st.randoms(use_true_random=False))
def test_the_order_of_the_seeds_does_not_matter(
    trained: Library, request: RelatedRequest, draw: random.Random
) -> None:
    names = ("liked", "disliked", "known_references")
    mixed: dict[str, Any] = {
        name: tuple(draw.sample(given := getattr(request, name), len(given))) for name in names
    }
    whole = replace(request, k=100, least=0.0, diversity=0.0)
    one, other = related(trained, whole), related(trained, replace(whole, **mixed))
    relevance = {found.paper.id: found.relevance for found in other.results}
    assert {found.paper.id: found.relevance for found in one.results} == pytest.approx(relevance, abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(_WISHES, st.lists(st.sampled_from(_ALL_IDS), unique=True, max_size=12))
def test_among_some_all_of_them_are_ranked(
    trained: Library, request: RelatedRequest, among: list[str]
) -> None:
    wished = replace(request, among=(*among, "2301.99999"), k=100, least=0.0)
    answer = related(trained, wished)
    assert sorted(map(str, ids(answer))) == sorted(among)
    assert answer.unknown == ("2301.99999",)
    for one in answer.results:
        assert one.relevance == pytest.approx(answer.baseline + math.fsum(parts(one).values()), abs=1e-4)


def test_among_none_that_is_held(trained: Library) -> None:
    assert ask(trained, PAPERS[0].id, among=("2301.99999",)).results == ()


@pytest.mark.parametrize("diversity", [0.2, 0.8])
def test_a_spread_begins_with_the_best_and_shows_as_many(trained: Library, diversity: float) -> None:
    plain, wide = (ask(trained, PAPERS[0].id, k=8, diversity=some) for some in (0.0, diversity))
    assert ids(plain)[0] == ids(wide)[0]
    assert len(wide.results) == len(plain.results)
    assert ids(plain) != ids(wide)


def test_what_a_text_cites_is_evidence(trained: Library) -> None:
    known = tuple(str(PAPERS[at].id) for at in (1, 4))  # of parsing
    alone, citing = (
        ask(trained, text="something else entirely", k=40, known_references=cited) for cited in ((), known)
    )
    signals = {reason.signal for one in citing.results for reason in one.reasons}
    assert {Signal.SHARED_REFERENCES, Signal.NEAR_REFERENCES} <= signals
    assert Signal.SHARED_REFERENCES not in {reason.signal for one in alone.results for reason in one.reasons}
    assert ask(trained, text="something", known_references=("2301.99999",)).unknown == ("2301.99999",)


def test_a_topic_has_its_own_papers_alone(trained: Library) -> None:
    derived = trained.derived()
    topic = derived.topics.topics[0]
    found = ids(ask(trained, PAPERS[0].id, k=100, topic=topic.id))
    members = set(trained.store.ids(derived.topics.members(topic.id).tolist()).values())
    assert found
    assert set(found) <= members
    with pytest.raises(UnknownTopic):
        ask(trained, PAPERS[0].id, topic="77")


def test_a_facet_is_said_as_a_reason(trained: Library) -> None:
    answer = ask(trained, PAPERS[0].id, facet=Facet.METHOD, k=5)
    assert all(Signal.FACET in parts(one) or one.reasons for one in answer.results)
    assert any(Signal.FACET in parts(one) for one in answer.results)
