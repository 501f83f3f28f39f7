"""Asking for related papers in small libraries, and reading the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from indexer.library import Library, open_library
from indexer.papers import Citation, Paper, PaperId
from service.answers import Related, RelatedAnswer, RelatedRequest, Signal
from service.related import related
from tests.libraries import build, settings_in


@contextmanager
def library_of(
    folder: Path, papers: Sequence[Paper], citations: Sequence[Citation] = ()
) -> Iterator[Library]:
    """A library of these, opened with the embedder that made it."""
    place = settings_in(folder)
    embedder = build(place, papers, citations)
    with open_library(place, embedder=embedder) as library:
        yield library


def ask(library: Library, *liked: PaperId | str, **wishes: object) -> RelatedAnswer:
    """Related papers of these seeds."""
    request = RelatedRequest(liked=tuple(map(str, liked)), **wishes)  # type: ignore[arg-type]  # real fields
    return related(library, request)


def ids(answer: RelatedAnswer) -> list[PaperId]:
    """The ids of the results, in order."""
    return [one.paper.id for one in answer.results]


def topic_of(one: Related) -> str:
    """The topic of a paper of `three_topics`: its first word."""
    return one.paper.title.split()[0].lower() if one.paper.title else ""


def parts(one: Related) -> dict[Signal, float]:
    """What each signal adds."""
    return {reason.signal: reason.contribution for reason in one.reasons}
