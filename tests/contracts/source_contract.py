"""What every source of papers or citations promises (`indexer.ports`), to be run on each of them.

A test class inherits from one of the suites and gives the two fixtures: `source`, a source of `EXPECTED`
whole records and one broken one, and `torn`, the same source breaking off near its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from indexer.errors import SourceError
from indexer.papers import CitationBatch, PaperBatch
from indexer.ports import CitationSource, PaperSource


class SourceContract:
    """What holds for papers and citations alike."""

    expected: int

    def read(self, source: object, cursor: str | None = None) -> Iterator[PaperBatch | CitationBatch]:
        raise AssertionError(f"the suites below say how {source} is read after {cursor}")

    @staticmethod
    def records(batch: PaperBatch | CitationBatch) -> tuple[object, ...]:
        return batch.papers if isinstance(batch, PaperBatch) else batch.citations

    def test_all_records_come_and_the_broken_one_is_reported(self, source: object) -> None:
        batches = list(self.read(source))
        assert sum(len(self.records(batch)) for batch in batches) == self.expected
        (rejected,) = (rejected for batch in batches for rejected in batch.rejected)
        assert rejected.where.startswith("line ")
        assert rejected.reason

    def test_several_batches_come_and_none_is_empty(self, source: object) -> None:
        batches = list(self.read(source))
        assert len(batches) > 1
        assert all(self.records(batch) or batch.rejected for batch in batches)

    def test_reading_twice_delivers_the_same(self, source: object) -> None:
        assert list(self.read(source)) == list(self.read(source))

    def test_the_position_grows_to_the_end(self, source: object) -> None:
        positions = [batch.position for batch in self.read(source)]
        if positions[-1] is not None:
            known = [position for position in positions if position is not None]
            assert known == sorted(known)
            assert 0 <= known[0] <= known[-1] == 1

    def test_after_any_cursor_the_rest_comes(self, source: object) -> None:
        batches = list(self.read(source))
        for index, batch in enumerate(batches):
            if batch.cursor is not None:
                assert list(self.read(source, batch.cursor)) == batches[index + 1 :]

    def test_breaking_off_loses_nothing_that_was_read(self, source: object, torn: object) -> None:
        whole = [record for batch in self.read(source) for record in self.records(batch)]
        kept: list[object] = []
        failure = None
        try:
            for batch in self.read(torn):
                kept.extend(self.records(batch))
        except SourceError as error:
            failure = str(error)
        assert failure is not None
        assert re.search(r"breaks off at line \d+", failure)
        assert kept
        assert kept == whole[: len(kept)]


class PaperSourceContract(SourceContract):
    """The contract of `PaperSource`."""

    def read(self, source: object, cursor: str | None = None) -> Iterator[PaperBatch | CitationBatch]:
        papers: PaperSource = source  # type: ignore[assignment]  # the fixture of the class gives one
        yield from papers.batches(cursor)


class CitationSourceContract(SourceContract):
    """The contract of `CitationSource`, for a file: nothing is wanted in particular."""

    def read(self, source: object, cursor: str | None = None) -> Iterator[PaperBatch | CitationBatch]:
        citations: CitationSource = source  # type: ignore[assignment]  # the fixture of the class gives one
        yield from citations.batches((), cursor)
