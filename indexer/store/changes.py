"""What storing a paper does: pure decisions from what is known and what came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from indexer.papers import Author, Change, ChangeKind, Completeness, Paper, PaperId, Version

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
        [_version_record(version) for version in paper.versions],
        paper.comments,
        paper.journal_ref,
        paper.doi,
        paper.report_no,
        paper.submitter,
        paper.withdrawn,
    )
    return hashlib.sha256(json.dumps(record).encode()).digest()[:16]


def _version_record(version: Version) -> tuple[object, ...]:
    """What stands for a version in `record_hash`: licence and flag only where there are any.

    So hashes of libraries made before these were kept still hold, and their records are not read again.
    """
    plain = (version.number, version.created and to_microseconds(version.created))
    told = version.license or version.withdrawn
    return (*plain, version.license, version.withdrawn) if told else plain


def merge(known: Paper, came: Paper, completeness: Completeness = Completeness.PARTIAL) -> Paper:
    """Join two records: the newer one wins where both speak, and says alone what stands where it is whole.

    The newer record is the one that knows the later version, `came` where that is equal or not known: an old
    snapshot that is loaded late fills gaps and overwrites nothing. A hint is newer only if it knows a later
    version. A withdrawal stands until a record with a later version takes it back, for not every source tells
    of withdrawals. Title, abstract, authors and categories are never empty at arXiv, so they are kept in any case.
    """
    hint = completeness is Completeness.HINT
    last_known, last_came = known.latest_version or 0, came.latest_version or 0
    fills_gaps = last_came <= last_known if hint else 0 < last_came < last_known
    older, newer = (came, known) if fills_gaps else (known, came)
    kept = Paper(known.id) if completeness is Completeness.WHOLE and newer is came else older
    later = last_known > 0 and last_came > 0 and last_known != last_came
    return Paper(
        id=known.id,
        title=newer.title or older.title,
        abstract=newer.abstract or older.abstract,
        authors=_divided_as(known.authors, newer.authors or older.authors),
        categories=newer.categories or older.categories,
        license=newer.license or kept.license or None,
        versions=_merge_versions(older.versions, newer.versions),
        comments=newer.comments or kept.comments or None,
        journal_ref=newer.journal_ref or kept.journal_ref or None,
        doi=newer.doi or kept.doi or None,
        report_no=newer.report_no or kept.report_no or None,
        submitter=newer.submitter or kept.submitter or None,
        withdrawn=newer.withdrawn if later else known.withdrawn or came.withdrawn,
        vanished=known.vanished,
    )


def _divided_as(known: tuple[Author, ...], authors: tuple[Author, ...]) -> tuple[Author, ...]:
    """Keep the known division of names that read the same: some sources give one string and it is guessed."""
    pairs = zip(known, authors, strict=False)
    divided = (before if before.name == author.name else author for before, author in pairs)
    return (*divided, *authors[len(known) :])


def _merge_versions(older: tuple[Version, ...], newer: tuple[Version, ...]) -> tuple[Version, ...]:
    if not older:
        return newer
    merged = {version.number: version for version in older}
    for version in newer:
        before = merged.get(version.number, version)
        merged[version.number] = Version(
            version.number,
            version.created or before.created,
            version.license or before.license,
            version.withdrawn or before.withdrawn,
        )
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


def plan(
    papers: Sequence[Paper],
    *,
    unchanged: Set[PaperId],
    known: Mapping[PaperId, Paper],
    returned: Set[PaperId] = frozenset(),
    completeness: Completeness = Completeness.PARTIAL,
) -> Plan:
    """Decide on a batch, in order, so that a paper that comes twice is merged twice.

    `unchanged` are the papers held whose records came just as they are, `known` the other papers held. Those
    `returned` had vanished, so that even the same record changes something.
    """
    current, missed = dict(known), set(returned)
    changes: list[Change] = []
    writes: dict[PaperId, Write] = {}
    revisions = 0
    for paper in papers:
        if paper.id in unchanged:
            changes.append(_unchanged(paper.id, missed))
            continue
        before = current.get(paper.id)
        after = merge(before or Paper(paper.id), paper, completeness)
        kind = _kind(before, after)
        if kind is ChangeKind.UNCHANGED:
            changes.append(_unchanged(paper.id, missed))
            continue
        changes.append(Change(paper.id, kind, after.withdrawn and not (before and before.withdrawn)))
        missed.discard(paper.id)
        revised = writes[paper.id].revised if paper.id in writes else None
        if kind is not ChangeKind.METADATA:
            revised = revisions = revisions + 1
        current[paper.id] = after
        writes[paper.id] = Write(after, revised)
    return Plan(changes, writes, revisions)


def _unchanged(paper_id: PaperId, missed: set[PaperId]) -> Change:
    """The change that a record makes which tells nothing new: it may still bring a missed paper back."""
    if paper_id not in missed:
        return Change(paper_id, ChangeKind.UNCHANGED)
    missed.remove(paper_id)
    return Change(paper_id, ChangeKind.METADATA)


def _kind(before: Paper | None, after: Paper) -> ChangeKind:
    if before is None:
        return ChangeKind.NEW
    if before == after:
        return ChangeKind.UNCHANGED
    return ChangeKind.REVISED if before.text != after.text else ChangeKind.METADATA
