"""References in a file of records: JSON lines `{"citing": id, "references": [texts]}`, or a table of two columns."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from indexer.errors import InvalidPaperId
from indexer.papers import PaperId, Rejected
from indexer.sources.lines import BadRecord, LineFile

_CITING = ("citing", "citing_id", "citing_paper", "arxiv_id", "paper", "paper_id", "id")
_RAW = ("reference", "references", "raw", "text", "raw_reference", "reference_text", "citation")
_LONGEST = 100_000  # characters of a field of a table
_READ = 1_000  # lines at a time


@dataclass(frozen=True, slots=True)
class Listed:
    """A citing paper and raw references of it."""

    citing: PaperId
    raw: tuple[str, ...]


def json_line(line: str) -> Listed:
    """Read a line with the whole list of a paper; raise `BadRecord`."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"not JSON: {error}") from error
    citing, raw = (
        (record.get("citing"), record.get("references")) if isinstance(record, dict) else (None, None)
    )
    if (
        not isinstance(citing, str)
        or not isinstance(raw, list)
        or not all(isinstance(text, str) for text in raw)
    ):
        raise BadRecord("citing must be there as a string and references as a list of strings")
    return Listed(_paper(citing), tuple(raw))


def table_rows(file: LineFile, rejected: list[Rejected]) -> Iterator[Listed]:
    """Read a CSV or TSV file, a reference to a row; what cannot be read is added to `rejected`.

    The columns are citing paper and text, or as the header names them; a field in quotes may have several lines.
    """
    lines = (
        line
        for batch in file.batches(str, size=_READ)
        for line in _lines(batch.records, batch.rejected, rejected)
    )
    first = next(lines, None)
    if first is None:
        return
    delimiter = "\t" if "\t" in first else ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(chain([first], lines), delimiter=delimiter)
    columns: tuple[int, int] | None = None
    while True:
        try:
            row = next(reader)
            if columns is None:
                columns = _columns(row)
                if columns:
                    continue
                columns = (0, 1)
            yield _row(row, columns)
        except StopIteration:
            return
        except (BadRecord, csv.Error) as error:
            rejected.append(Rejected(f"line {reader.line_num}", str(error)))


def _lines(records: tuple[str, ...], bad: tuple[Rejected, ...], rejected: list[Rejected]) -> Iterator[str]:
    rejected.extend(bad)
    yield from (line + "\n" for line in records)


def _columns(row: list[str]) -> tuple[int, int] | None:
    """The places of the two columns, where a row names them."""
    names = [name.strip().lower() for name in row]
    citing = next((names.index(name) for name in _CITING if name in names), None)
    raw = next((names.index(name) for name in _RAW if name in names), None)
    return None if citing is None or raw is None else (citing, raw)


def _row(row: list[str], columns: tuple[int, int]) -> Listed:
    if len(row) <= max(columns):
        raise BadRecord(
            f"{len(row)} column{'s' * (len(row) != 1)} where a citing paper and a reference are needed"
        )
    return Listed(_paper(row[columns[0]]), (row[columns[1]][:_LONGEST],))


def _paper(text: str) -> PaperId:
    try:
        return PaperId.parse(text)
    except InvalidPaperId as error:
        raise BadRecord(str(error)) from error
