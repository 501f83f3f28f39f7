"""`citations:PATH`: a file of citations, one to a line, as TSV, CSV or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator

from indexer.errors import InvalidPaperId
from indexer.papers import Citation, CitationBatch, PaperId
from indexer.sources.lines import BadRecord, LineFile

BATCH = 10_000
_DELIMITERS = ("\t", ",", ";", " ")
_CITING = ("citing", "citing_id", "citing_paper")
_CITED = ("cited", "cited_id", "cited_paper")


class CitationsFile:
    """A `CitationSource` over a file: TSV or CSV, with or without a header, or JSON lines; also compressed.

    The columns are citing, cited and whatever else, or as the header names them. Versions of ids are dropped.
    Lines that start with `#` are comments.
    """

    def __init__(self, path: str, *, name: str) -> None:
        self._name = name
        self._file = LineFile(path)
        self.remarks: list[str] = []

    @property
    def name(self) -> str:
        """The URL that opened the source."""
        return self._name

    def batches(self, wanted: Iterable[PaperId], cursor: str | None = None) -> Iterator[CitationBatch]:  # noqa: ARG002 - a file delivers what it has
        """Deliver citations after `cursor`, 10,000 at a time; `wanted` is ignored."""
        for batch in self._file.batches(_Rows(), size=BATCH, cursor=cursor):
            yield CitationBatch(batch.records, batch.rejected, batch.cursor, batch.position)


class _Rows:
    """Reads lines as citations; learns the format from the first."""

    def __init__(self) -> None:
        self._delimiter: str | None = None
        self._columns = (0, 1)

    def __call__(self, line: str) -> Citation | None:
        """Read one line; None for a comment or the header."""
        if line.startswith("#"):
            return None
        if self._delimiter is None:
            self._delimiter = _delimiter_of(line)
            if self._delimiter and self._is_header(line):
                return None
        if not self._delimiter:
            return _citation(*_named_ids(line))
        fields = _fields(line, self._delimiter)
        citing, cited = self._columns
        if len(fields) <= max(citing, cited):
            raise BadRecord(
                f"{len(fields)} column{'s' * (len(fields) != 1)} where citing and cited are needed"
            )
        return _citation(fields[citing], fields[cited])

    def _is_header(self, line: str) -> bool:
        """Whether a line names the two columns; then take their places from it."""
        names = [name.strip().lower() for name in _fields(line, self._delimiter or "\t")]
        citing = next((names.index(name) for name in _CITING if name in names), None)
        cited = next((names.index(name) for name in _CITED if name in names), None)
        if citing is None or cited is None:
            return False
        self._columns = (citing, cited)
        return True


def _delimiter_of(line: str) -> str:
    """Tell the delimiter from a line; empty for JSON."""
    if line.startswith("{"):
        return ""
    return next((delimiter for delimiter in _DELIMITERS if delimiter in line), "\t")


def _fields(line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error as error:
        raise BadRecord(f"not a row of a table: {error}") from error


def _named_ids(line: str) -> tuple[str, str]:
    """Read the two ids of a JSON object."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise BadRecord(f"not an object but a {type(record).__name__}")
    citing, cited = record.get("citing"), record.get("cited")
    if not isinstance(citing, str) or not isinstance(cited, str):
        raise BadRecord("citing and cited must both be there, as strings")
    return citing, cited


def _citation(citing: str, cited: str) -> Citation:
    try:
        pair = Citation(PaperId.parse(citing), PaperId.parse(cited))
    except InvalidPaperId as error:
        raise BadRecord(str(error)) from error
    if pair.citing == pair.cited:
        raise BadRecord(f"{pair.citing} cites itself")
    return pair
