"""Sources in memory, and a progress that keeps what it was told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from indexer.errors import SourceError
from indexer.papers import (
    Citation,
    CitationBatch,
    Listing,
    ListingBatch,
    Paper,
    PaperBatch,
    PaperId,
    Rejected,
)
from tests.builders import a_paper


def shelves(count: int, each: int = 3) -> list[list[Paper]]:
    """Papers for a `Shelf`."""
    return [[a_paper(at * each + number) for number in range(1, each + 1)] for at in range(count)]


@dataclass
class Shelf:
    """A source in memory: a batch for each list of papers; breaks off where it is told."""

    shelves: Sequence[Sequence[Paper]]
    breaks_off_at: int | None = None
    resumable: bool = True
    rejected_each: int = 0
    name: str = "shelf:"
    delivered: int = 0
    remarks: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)  # fields of every batch

    def batches(self, cursor: str | None = None) -> Iterator[PaperBatch]:
        for at in range(int(cursor or 0), len(self.shelves)):
            if at == self.breaks_off_at:
                raise SourceError(f"the shelf breaks off at batch {at}")
            self.delivered += 1
            rejected = [Rejected(f"line {at}.{number}", "torn") for number in range(self.rejected_each)]
            yield PaperBatch(
                tuple(self.shelves[at]),
                tuple(rejected),
                str(at + 1) if self.resumable else None,
                (at + 1) / len(self.shelves),
                **self.extra,
            )


@dataclass
class References:
    """A source of citations in memory, as `Shelf`; `wanted` are the papers that it was asked for."""

    shelves: Sequence[Sequence[Citation]]
    breaks_off_at: int | None = None
    name: str = "references:"
    wanted: tuple[PaperId, ...] = ()
    delivered: int = 0
    remarks: list[str] = field(default_factory=list)

    def batches(self, wanted: Iterable[PaperId], cursor: str | None = None) -> Iterator[CitationBatch]:
        self.wanted = tuple(wanted)
        for at in range(int(cursor or 0), len(self.shelves)):
            if at == self.breaks_off_at:
                raise SourceError(f"the references break off at batch {at}")
            self.delivered += 1
            yield CitationBatch(tuple(self.shelves[at]), (Rejected(f"line {at}", "torn"),), str(at + 1))


class Told:
    """A `Progress` that keeps what it was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float, float | None, str]] = []

    def __call__(self, step: str, done: float, total: float | None, unit: str = "") -> None:
        self.steps.append((step, done, total, unit))


@dataclass
class Service:
    """A source of citations that is asked paper by paper: `known` has the references of those that it knows."""

    known: dict[PaperId, tuple[PaperId, ...]]
    name: str = "service:"
    asked: list[PaperId] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def batches(self, wanted: Iterable[PaperId], cursor: str | None = None) -> Iterator[CitationBatch]:
        for paper_id in wanted:
            self.asked.append(paper_id)
            cited = self.known.get(paper_id)
            yield CitationBatch(
                tuple(Citation(paper_id, one) for one in cited or ()),
                cursor=cursor,
                answered=() if cited is None else (paper_id,),
                unknown=(paper_id,) if cited is None else (),
            )


@dataclass
class Mirrored:
    """A listed source: `papers` as they are there now; its list leaves out those in `overlooked`."""

    papers: dict[PaperId, tuple[Paper, Listing]]
    overlooked: set[PaperId] = field(default_factory=set)
    page: int = 2
    breaks_off_at: int | None = None
    name: str = "mirrored:"
    fetched: list[PaperId] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def batches(self, cursor: str | None = None) -> Iterator[PaperBatch]:
        if cursor is None:
            papers, listed = zip(*self.papers.values(), strict=True) if self.papers else ((), ())
            yield PaperBatch(tuple(papers), cursor="done", listed=tuple(listed))

    def identifiers(self, cursor: str | None = None) -> Iterator[ListingBatch]:
        listed = [one for _, one in self.papers.values() if one.id not in self.overlooked]
        for at in range(int(cursor or 0), len(listed), self.page):
            if at == self.breaks_off_at:
                raise SourceError("the list breaks off")
            yield ListingBatch(tuple(listed[at : at + self.page]), cursor=str(at + self.page))

    def records(self, paper_ids: Iterable[PaperId]) -> Iterator[PaperBatch]:
        for paper_id in paper_ids:
            self.fetched.append(paper_id)
            if paper_id in self.papers:
                paper, listing = self.papers[paper_id]
                yield PaperBatch((paper,), listed=(listing,))
            else:
                yield PaperBatch((), deleted=(paper_id,))
