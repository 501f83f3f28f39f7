"""Builders of answers: a page, related papers, reasons; every argument has a default."""

from __future__ import annotations

from datetime import UTC, datetime

from indexer.papers import Paper, Placement, Topic, Version
from service.answers import Named, PaperPage, Reason, Related, Signal
from tests.builders import a_paper, an_id

TOPICS = (
    Topic("2", "", "Language models", ("language", "model", "text"), 120),
    Topic("2.1", "2", "Preference alignment", ("preference", "alignment", "reward"), 31),
)


def a_reason(signal: Signal = Signal.TEXT, contribution: float = 1.5, **fields: object) -> Reason:
    """A reason; the default one is closeness of text."""
    values: dict[str, object] = {"value": 0.71, "text": "its text is very close (cosine 0.71)"}
    return Reason(signal, contribution, **(values | fields))  # type: ignore[arg-type]  # the test names real fields


def some_reasons() -> tuple[Reason, ...]:
    """One of each shape: with terms, with papers held and not held, one that speaks against."""
    return (
        a_reason(),
        a_reason(Signal.WORDS, 0.8, value=3.2, text="shares the terms reward, dpo", terms=("reward", "dpo")),
        a_reason(
            Signal.CITED_BY_NEIGHBOURS,
            0.6,
            value=2.0,
            text="is cited by 2 of the nearest papers",
            papers=(Named(an_id(7), "A paper held"), Named(an_id(8), "")),
        ),
        a_reason(Signal.AGE, -0.2, value=3.0, text="3.0 years apart"),
    )


def a_related(
    number: int = 2, *, similarity: float = 0.61, paper: Paper | None = None, **fields: object
) -> Related:
    """A related paper with reasons of each shape."""
    values: dict[str, object] = {
        "relevance": 0.45,
        "score": 55.57,
        "summary": ("We study kinship.", "Results show that it works."),
        "because": "Its text is very close (cosine 0.71); shares the terms reward, dpo.",
        "reasons": some_reasons(),
        "topic": TOPICS[-1],
    }
    shown = paper or a_paper(number, month=2402 + number % 10)
    return Related(paper=shown, similarity=similarity, **(values | fields))  # type: ignore[arg-type]  # real fields


def a_page(paper: Paper | None = None, **fields: object) -> PaperPage:
    """A page with every field filled; `fields` replaces some."""
    shown = paper or a_paper(
        1,
        month=2503,
        versions=(
            Version(1, datetime(2025, 3, 18, 17, 59, 2, tzinfo=UTC)),
            Version(2, datetime(2025, 3, 23, 15, 7, 54, tzinfo=UTC)),
        ),
    )
    values: dict[str, object] = {
        "version": shown.latest_version,
        "summary": ("We study kinship number 1.", "We propose a method.", "Results show that it works."),
        "score": 62.89,
        "topics": TOPICS,
        "placement": Placement("2.1", 0.8),
        "references": (Named(an_id(3), "What it cites"),),
        "cited_by": (Named(an_id(4), "What cites it"), Named(an_id(5), "What cites it too")),
        "reference_count": 41,
        "citation_count": 2,
        "related": (a_related(4, similarity=0.42), a_related(3, similarity=0.77), a_related(2)),
        "generation": 7,
    }
    return PaperPage(paper=shown, **(values | fields))  # type: ignore[arg-type]  # the test names real fields
