"""What a store tells, as values and arrays; the nouns between `papers` and the Protocols of `ports`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from indexer.papers import PaperId

Keys = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]
Similarities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which papers may be in an answer. Every field left at its default lets all pass.

    `since` and `until` compare the day of version 1 (both included); `not_after_month` the month of the id
    (YYYYMM); `categories` match any category of a paper, an archive (`cs`) all of its classes; `licenses`
    match the URI exactly; `open_license` lets only papers pass whose licence is one of `papers.OPEN_LICENSES`.
    """

    since: date | None = None
    until: date | None = None
    not_after_month: int | None = None
    categories: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    open_license: bool = False
    withdrawn: bool = False  # whether withdrawn and vanished papers may appear

    @property
    def empty(self) -> bool:
        """Whether all papers pass, but for withdrawn ones."""
        return not (
            self.since
            or self.until
            or self.not_after_month
            or self.categories
            or self.licenses
            or self.open_license
        )


@dataclass(frozen=True, slots=True)
class Hits:
    """Ranked papers: `keys[i]` with `scores[i]`, best first (higher is better), ties by key."""

    keys: Keys
    scores: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PaperTable:
    """One row for each paper held, ascending by key: the columns that whole-library work needs.

    `keys` int64 [n]; `months` int32 [n], YYYYMM of the id; `days` int32 [n], day of version 1 as a
    proleptic ordinal (`date.toordinal`); `withdrawn` bool [n], vanished papers too; `open_license` bool [n];
    `categories` the primary ones, "" if none.
    """

    keys: Keys
    months: npt.NDArray[np.int32]
    days: npt.NDArray[np.int32]
    withdrawn: npt.NDArray[np.bool_]
    open_license: npt.NDArray[np.bool_]
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a source of citations was asked: papers of `keys` (int64 [n], ascending) on `days` (int32 [n], ordinals).

    `found` int32 [n]: how many references it gave, -1 where it did not know the paper.
    """

    keys: Keys
    days: npt.NDArray[np.int32]
    found: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Seen:
    """A source gave a citation, first and last on these days; `gone` is when it first no longer did."""

    source: str
    first: date
    last: date
    gone: date | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many papers have references, by month of the id.

    `months` int32 [m], YYYYMM ascending; `papers` int64 [m] held; `covered` int64 [m], those with a reference
    from any source; `by_source` the same for each source, int64 [m].
    """

    months: npt.NDArray[np.int32]
    papers: npt.NDArray[np.int64]
    covered: npt.NDArray[np.int64]
    by_source: dict[str, npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How far the comparison of the library with a source's whole list is.

    `round` counts them; `cursor` is where the list goes on, until it was `listed` whole; then the gaps are closed,
    until it is `finished`. Both are None while they are to come.
    """

    round: int
    started: datetime
    cursor: str | None = None
    listed: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a round found: papers listed but not held as they are now, and papers held but no longer listed.

    `listed` counts all that the round's list told.
    """

    outdated: tuple[PaperId, ...]
    unlisted: tuple[PaperId, ...]
    listed: int


@dataclass(frozen=True, slots=True)
class Edges:
    """All citations that a source still gives, each pair once, ascending.

    `citing[i]` has `cited[i]` in its references (int64 [n]).
    """

    citing: Keys
    cited: Keys


@dataclass(frozen=True, slots=True)
class PendingText:
    """A paper whose vector is missing or belongs to another text."""

    key: int
    text: str
    text_hash: str  # sha256 of the text, hex


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """Counts for people and for deciding what must catch up.

    `revision` counts changes of embedded texts and of the set of papers, `citation_revision` changes of the
    set of citations; both only grow. `vectors` maps each embedder's fingerprint to its number of vectors
    that are current.
    """

    papers: int
    withdrawn: int
    citations: int
    papers_with_references: int
    revision: int
    citation_revision: int
    vectors: dict[str, int] = field(default_factory=dict)
    sources: tuple[SourceStatus, ...] = ()
    vanished: int = 0


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """When a source last delivered, and where it goes on."""

    name: str
    kind: str  # "papers" or "citations"
    last_read: datetime
    cursor: str | None
    quarantined: int = 0  # records that could not be read, and have not been since
    reconciled: datetime | None = None  # when it was last compared with the whole list of the source
