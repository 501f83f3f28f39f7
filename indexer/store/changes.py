"""What storing a paper does: pure decisions from what is known and what came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from indexer.papers import Change, ChangeKind, Paper, PaperId, Version

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Count microseconds since 1970 (UTC), exact where a float of seconds would not be."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    """Invert `to_microseconds`."""
    return _EPOCH + timedelta(microseconds=number)


def text_hash(paper: Paper) -> bytes:
    """sha256 of the embedded text."""
    return hashlib.sha256(paper.text.encode()).digest()


def record_hash(paper: Paper) -> bytes:
    """16 bytes that stand for everything that is known of a paper."""
    record = (
        paper.id.value,
        paper.title,
        paper.abstract,
        [(author.keyname, author.forenames, author.suffix) for author in paper.authors],
        paper.categories,
        paper.license,
        [
            (version.number, version.created and to_microseconds(version.created))
            for version in paper.versions
        ],
        paper.comments,
        paper.journal_ref,
        paper.doi,
        paper.report_no,
        paper.submitter,
        paper.withdrawn,
    )
    return hashlib.sha256(json.dumps(record).encode()).digest()[:16]


def merge(known: Paper, came: Paper) -> Paper:
    """Join two records: nothing is forgotten, the newer one wins where both speak.

    The newer record is the one that knows the later version, `came` where that is equal or not known: an old
    snapshot that is loaded late fills gaps and overwrites nothing. A withdrawal stands until a record with a
    later version takes it back, for not every source tells of withdrawals.
    """
    last_known, last_came = known.latest_version or 0, came.latest_version or 0
    older, newer = (came, known) if 0 < last_came < last_known else (known, came)
    later = last_known > 0 and last_came > 0 and last_known != last_came
    return Paper(
        id=known.id,
        title=newer.title or older.title,
        abstract=newer.abstract or older.abstract,
        authors=newer.authors or older.authors,
        categories=newer.categories or older.categories,
        license=newer.license or older.license or None,
        versions=_merge_versions(older.versions, newer.versions),
        comments=newer.comments or older.comments or None,
        journal_ref=newer.journal_ref or older.journal_ref or None,
        doi=newer.doi or older.doi or None,
        report_no=newer.report_no or older.report_no or None,
        submitter=newer.submitter or older.submitter or None,
        withdrawn=newer.withdrawn if later else known.withdrawn or came.withdrawn,
    )


def _merge_versions(older: tuple[Version, ...], newer: tuple[Version, ...]) -> tuple[Version, ...]:
    merged = {version.number: version for version in older}
    for version in newer:
        if version.created or version.number not in merged:
            merged[version.number] = version
    return tuple(merged[number] for number in sorted(merged))


@dataclass(frozen=True, slots=True)
class Write:
    """A paper to be stored; `revised` is how many changes of text into the batch it changed, None if not."""

    paper: Paper
    revised: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch does: a change for each paper that came, a write for each paper that differs."""

    changes: list[Change]
    writes: dict[PaperId, Write]
    revisions: int  # changes of text in all


def plan(papers: Sequence[Paper], *, unchanged: Set[PaperId], known: Mapping[PaperId, Paper]) -> Plan:
    """Decide on a batch, in order, so that a paper that comes twice is merged twice.

    `unchanged` are the papers held whose records came just as they are, `known` the other papers held.
    """
    current = dict(known)
    changes: list[Change] = []
    writes: dict[PaperId, Write] = {}
    revisions = 0
    for paper in papers:
        if paper.id in unchanged:
            changes.append(Change(paper.id, ChangeKind.UNCHANGED))
            continue
        before = current.get(paper.id)
        after = merge(before or Paper(paper.id), paper)
        kind = _kind(before, after)
        changes.append(Change(paper.id, kind))
        if kind is ChangeKind.UNCHANGED:
            continue
        revised = writes[paper.id].revised if paper.id in writes else None
        if kind is not ChangeKind.METADATA:
            revised = revisions = revisions + 1
        current[paper.id] = after
        writes[paper.id] = Write(after, revised)
    return Plan(changes, writes, revisions)


def _kind(before: Paper | None, after: Paper) -> ChangeKind:
    if before is None:
        return ChangeKind.NEW
    if before == after:
        return ChangeKind.UNCHANGED
    return ChangeKind.REVISED if before.text != after.text else ChangeKind.METADATA
