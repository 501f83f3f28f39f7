"""`snapshot:PATH`: arXiv's metadata as Kaggle offers it, one JSON object to a line."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from datetime import UTC, date, datetime

from indexer.ahead import ReadAhead
from indexer.errors import InvalidPaperId
from indexer.papers import Author, Paper, PaperBatch, PaperId, Version, Window
from indexer.plain_text import one_line
from indexer.sources.lines import BadRecord, LineFile
from indexer.sources.metadata import (
    author,
    canonical_categories,
    is_withdrawn,
    license_uri,
    rfc_822_moment,
    split_authors,
)

BATCH = 5_000

_VERSION = re.compile(r"v?([1-9]\d{0,3})", re.ASCII)


class Snapshot:
    """A `PaperSource` over the snapshot, plain or as gzip, xz or zstd; the path `-` is the standard input.

    Every field but the id may be missing, null or of a wrong type, and is then taken as unknown. A `window` lets
    only papers pass that were changed on its days (`update_date`), or nobody knows when; it has a cursor of its own.
    """

    def __init__(self, path: str, *, name: str, window: Window | None = None) -> None:
        self._window = window or Window()
        self._name = f"{name}?{window}" if window else name
        self._file = LineFile(path)
        self.remarks: list[str] = []

    @property
    def name(self) -> str:
        """The URL that opened the source, and its window."""
        return self._name

    def batches(self, cursor: str | None = None) -> Iterator[PaperBatch]:
        """Deliver the papers after `cursor`, 5,000 at a time; `position` is the share of bytes read."""
        found = self._batches(cursor)
        return ReadAhead(found) if self._file.regular else found

    def _batches(self, cursor: str | None) -> Generator[PaperBatch]:
        for batch in self._file.batches(self._read, size=BATCH, cursor=cursor):
            yield PaperBatch(batch.records, batch.rejected, batch.cursor, batch.position)

    def _read(self, line: str) -> Paper | None:
        record = _record(line)
        changed = _day(record.get("update_date")) if self._window else None
        return None if changed is not None and changed not in self._window else _paper(record)


def read_paper(line: str) -> Paper:
    """Make a paper of one line; raise `BadRecord` if it is no JSON object with an id."""
    return _paper(_record(line))


def _record(line: str) -> dict[str, object]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise BadRecord(f"not an object but a {type(record).__name__}")
    return record


def _paper(record: dict[str, object]) -> Paper:
    identifier = _identifier(record.get("id"))
    abstract, comments = _text(record, "abstract"), _optional(record, "comments")
    license_name = _optional(record, "license")
    return Paper(
        id=identifier,
        title=_text(record, "title"),
        abstract=abstract,
        authors=_authors(record),
        categories=_categories(record.get("categories")),
        license=license_uri(license_name) if license_name else None,
        versions=_versions(record.get("versions"), identifier),
        comments=comments,
        journal_ref=_optional(record, "journal-ref"),
        doi=_optional(record, "doi"),
        report_no=_optional(record, "report-no"),
        submitter=_optional(record, "submitter"),
        withdrawn=is_withdrawn(comments, abstract),
    )


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _identifier(value: object) -> PaperId:
    if value is None or value == "":
        raise BadRecord("no id")
    if not isinstance(value, str):
        raise BadRecord(f"the id is {value!r:.40}, not a string: as a number 0704.0010 loses its zeros")
    try:
        return PaperId.parse(value)
    except InvalidPaperId as error:
        raise BadRecord(str(error)) from error


def _text(record: dict[str, object], field: str) -> str:
    value = record.get(field)
    return one_line(value) if isinstance(value, str) else ""


def _optional(record: dict[str, object], field: str) -> str | None:
    return _text(record, field) or None


def _categories(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        value = " ".join(item for item in value if isinstance(item, str))
    return canonical_categories(one_line(value)) if isinstance(value, str) else ()


def _authors(record: dict[str, object]) -> tuple[Author, ...]:
    """Read the names as arXiv has split them, or else split the line of authors."""
    parsed = record.get("authors_parsed")
    names = [_author(parts) for parts in parsed] if isinstance(parsed, list) else []
    known = tuple(name for name in names if name is not None)
    line = record.get("authors")
    return known or (split_authors(line) if isinstance(line, str) else ())


def _author(parts: object) -> Author | None:
    """Read [keyname, forenames, suffix, affiliations...]."""
    if not isinstance(parts, list):
        return None
    texts = [part if isinstance(part, str) else "" for part in parts[:3]]
    return author(*texts) if texts else None


def _versions(value: object, identifier: PaperId) -> tuple[Version, ...]:
    """Read the history: in order of number, each once, dates that cannot be read as None."""
    found: dict[int, Version] = {}
    for item in value if isinstance(value, list) else ():
        if not isinstance(item, dict):
            continue
        name = _VERSION.fullmatch(str(item.get("version")).strip())
        if name is None:
            continue
        number = int(name[1])
        if number not in found or found[number].created is None:
            found[number] = Version(number, _created(item.get("created"), number, identifier))
    return tuple(found[number] for number in sorted(found))


def _created(value: object, number: int, identifier: PaperId) -> datetime | None:
    moment = rfc_822_moment(value) if isinstance(value, str) else None
    # Data sets derived from arXiv that know only the month date version 1 to its first midnight, so that very
    # second means "day unknown". A paper truly submitted in it loses nothing: it then counts as of the first
    # of its month, which is the same day.
    if moment and number == 1 and moment == datetime.combine(identifier.first_day, datetime.min.time(), UTC):
        return None
    return moment
