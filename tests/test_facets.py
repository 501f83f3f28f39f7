"""Facets: what of a paper is compared, and that no more is encoded than needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import facets
from service.answers import Facet
from service.facets import FacetVectors, facet_text
from tests.toy_embedder import ToyEmbedder

ABSTRACT = (
    "Citation networks have become large in recent years, and ranking them remains a challenge. "
    "The aim of this paper is to rank papers without citations. "
    "We train a linear model on features that are extracted from each text, using an algorithm of two steps. "
    "The results show that it outperforms existing systems significantly."
)


@pytest.mark.parametrize(
    ("facet", "said", "unsaid"),
    [
        (Facet.BACKGROUND, ("networks have become", "The aim"), ("linear model", "outperforms")),
        (Facet.METHOD, ("linear model",), ("The aim", "outperforms")),
        (Facet.RESULT, ("outperforms",), ("The aim", "linear model")),
    ],
)
def test_the_title_and_the_sentences_of_the_role(
    facet: Facet, said: tuple[str, ...], unsaid: tuple[str, ...]
) -> None:
    text = facet_text("Ranking $\\alpha$", ABSTRACT, facet)
    assert text.startswith("Ranking α\n\n")
    assert all(part in text for part in said)
    assert not any(part in text for part in unsaid)


def test_an_abstract_without_that_role_is_compared_whole() -> None:
    abstract = "Citation networks have become large in recent years."
    assert facet_text("Titled", abstract, Facet.RESULT) == f"Titled\n\n{abstract}"


@given(st.text(max_size=60), st.text(max_size=200), st.sampled_from(Facet))
def test_never_empty(title: str, abstract: str, facet: Facet) -> None:
    assert facet_text(title, abstract, facet).strip()


def test_cosines_of_the_facet_alone() -> None:
    same = "The results show that it outperforms all significantly."
    seed = ("", f"We use the first algorithm. {same}")
    twin = ("", f"Each step is computed by a second algorithm, using input. {same}")
    other = ("", "Nothing here. Results demonstrate significantly better accuracy.")
    near = FacetVectors(ToyEmbedder()).cosines([twin, other], [seed], Facet.RESULT)
    assert near.shape == (2, 1)
    assert near.dtype == np.float32
    assert near[0, 0] == pytest.approx(1.0, abs=1e-6)
    assert near[1, 0] < 0.9


def test_what_is_known_is_not_encoded_again() -> None:
    embedder = ToyEmbedder()
    vectors = FacetVectors(embedder)
    papers = [(f"Part {number}", ABSTRACT) for number in (1, 2, 3)]
    first = vectors.cosines(papers[1:], papers[:1], Facet.METHOD)
    assert len(embedder.embedded) == 3
    assert np.array_equal(vectors.cosines(papers[1:], papers[:1], Facet.METHOD), first)
    assert len(embedder.embedded) == 3
    vectors.cosines(papers[1:], papers[:1], Facet.RESULT)
    assert len(embedder.embedded) == 6


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facets, "_KEPT", 2)
    embedder = ToyEmbedder()
    vectors = FacetVectors(embedder)
    papers = [(f"Part {number}", ABSTRACT) for number in (1, 2, 3)]
    assert vectors.cosines(papers[:2], papers[2:], Facet.METHOD).shape == (2, 1)
    vectors.cosines(papers[1:2], papers[2:], Facet.METHOD)
    assert len(embedder.embedded) == 3
    vectors.cosines(papers[:1], papers[2:], Facet.METHOD)
    assert len(embedder.embedded) == 4


@pytest.mark.parametrize(("candidates", "seeds"), [(0, 1), (1, 0), (0, 0)])
def test_nothing_to_compare(candidates: int, seeds: int) -> None:
    embedder = ToyEmbedder()
    near = FacetVectors(embedder).cosines(
        [("", ABSTRACT)] * candidates, [("", ABSTRACT)] * seeds, Facet.METHOD
    )
    assert near.shape == (candidates, seeds)
    assert embedder.embedded == []
