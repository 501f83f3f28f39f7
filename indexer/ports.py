"""What the library needs from the world, as Protocols; each contract in prose, tested on every backend.

Keys: the store gives each arXiv id that it ever meets (paper or cited work) one positive integer, its key,
for good. Arrays, vector indexes and graphs speak in keys; people speak in `PaperId`.

Errors: a source raises `SourceError`; a store `StoreError` (`SchemaError` at opening); an embedder
`ModelError`; a vector index `GenerationError` for files that are damaged and `ValueError` for vectors that
are not finite or of the wrong width. Errors of drivers are wrapped, with the original as `__cause__`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from indexer.papers import (
    Announcement,
    Change,
    Citation,
    CitationBatch,
    CitationChanges,
    Completeness,
    Listing,
    ListingBatch,
    Paper,
    PaperBatch,
    PaperId,
    Rejected,
)
from indexer.tables import (
    Asked,
    Coverage,
    Edges,
    Filters,
    Gaps,
    Hits,
    Keys,
    PaperTable,
    PendingText,
    Reconciliation,
    Seen,
    Similarities,
    StoreStatus,
    Vectors,
)


class PaperSource(Protocol):
    """A place that papers come from, named by a URL such as `snapshot:PATH`.

    Delivers batches in a fixed order, memory flat however large the source. A record that cannot be read is
    a `Rejected` in its batch and stops nothing. When the source itself breaks off (a truncated archive, a
    server that stays down) it first yields what it has, then raises `SourceError` saying where. Reading the
    same source twice delivers the same papers. One thread.
    """

    @property
    def name(self) -> str:
        """The URL that opened the source; cursors and provenance are kept under it."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """What people should know of the reading so far, beside the records: a sentence each."""
        ...

    def batches(self, cursor: str | None = None) -> Iterator[PaperBatch]:
        """Deliver everything after `cursor` (as a batch of this source gave it), or all there is."""
        ...


@runtime_checkable
class ListedSource(PaperSource, Protocol):
    """A source of papers that can also list all it has: what a library is checked against.

    A record that is changed while a list is read may be left out of it, so a paper that is missing in a list is
    only suspected to be gone: `records` tells.
    """

    def identifiers(self, cursor: str | None = None) -> Iterator[ListingBatch]:
        """Deliver the list of all that the source has, everything after `cursor`."""
        ...

    def records(self, paper_ids: Iterable[PaperId]) -> Iterator[PaperBatch]:
        """Deliver these papers one by one, each `listed`; those that the source does not have are `deleted`."""
        ...


class CitationSource(Protocol):
    """A place that citations come from, named by a URL such as `citations:PATH`.

    As `PaperSource`. A source that is asked paper by paper (an API) asks for `wanted`, in order; a file
    ignores it and delivers what it has. The same pair may come more than once.
    """

    @property
    def name(self) -> str:
        """The URL that opened the source; each citation keeps it as its provenance."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """As in `PaperSource`."""
        ...

    def batches(self, wanted: Iterable[PaperId], cursor: str | None = None) -> Iterator[CitationBatch]:
        """Deliver citations, everything after `cursor`."""
        ...


class PaperReader(Protocol):
    """Reads the store. Many readers beside one writer; each sees committed transactions only.

    May be used from several threads at once. Reading never changes a file that others see.
    """

    def status(self) -> StoreStatus:
        """Counts and revisions, all of one moment."""
        ...

    def paper(self, paper_id: PaperId) -> Paper | None:
        """The paper, or None if it is not held (works that are only cited are not held)."""
        ...

    def papers(self, keys: Iterable[int]) -> dict[int, Paper]:
        """The papers held among `keys`; others are left out. One round trip for a page of results."""
        ...

    def titles(self, keys: Iterable[int]) -> dict[int, tuple[PaperId, str]]:
        """Id and title of the papers held among `keys`: what a mention needs, cheaper than `papers`."""
        ...

    def all_papers(self) -> Iterator[tuple[int, Paper]]:
        """Every paper held with its key, ascending by key, memory flat."""
        ...

    def keys(self, paper_ids: Iterable[PaperId]) -> dict[PaperId, int]:
        """The keys of the papers held among `paper_ids`; others are left out."""
        ...

    def ids(self, keys: Iterable[int]) -> dict[int, PaperId]:
        """The ids of `keys`, works that are only cited included; unknown keys are left out."""
        ...

    def nearest_ids(self, text: str, limit: int = 3) -> list[PaperId]:
        """Ids held that look most like `text` (a mistyped id): longest common beginning first."""
        ...

    def search(
        self,
        words: Sequence[str],
        filters: Filters | None = None,
        *,
        limit: int = 20,
        offset: int = 0,
        every_word: bool = False,
    ) -> Hits:
        """Full text search over title, abstract, authors by BM25, the title weighing more.

        `words` are plain words or phrases (a text with spaces), never query syntax: any text is allowed. A paper
        must have one of them, or all if `every_word`. No words, or words without a letter or digit: no hits.
        """
        ...

    def count_matches(
        self, words: Sequence[str], filters: Filters | None = None, *, every_word: bool = False
    ) -> int:
        """How many papers `search` would find without limit."""
        ...

    def passing(self, keys: Keys, filters: Filters) -> npt.NDArray[np.bool_]:
        """For each key whether a paper is held under it that passes `filters`: bool, same length."""
        ...

    def table(self) -> PaperTable:
        """The columns that whole-library work needs."""
        ...

    def edges(self) -> Edges:
        """All citations, those to and from works that are not held included."""
        ...

    def pending(self, fingerprint: str) -> list[PendingText]:
        """Papers without a current vector of this embedder, shortest text first (batches pad less)."""
        ...

    def vectors(self, fingerprint: str) -> tuple[Keys, Vectors]:
        """Every current vector of this embedder, ascending by key: int64 [n], float32 [n, width].

        Current means: made from the text that the paper has now. Vectors of texts gone by are kept, so that
        a text that comes back costs nothing, and never returned.
        """
        ...

    def vector(self, fingerprint: str, key: int) -> Vectors | None:
        """The current vector of one paper, float32 [width], or None."""
        ...

    def cursor(self, source: str) -> str | None:
        """Where `source` goes on, as last recorded."""
        ...

    def quarantined(self, source: str, *, limit: int = 100) -> list[Rejected]:
        """Records of a source that could not be read, the latest first."""
        ...

    def announced(self, since: date, until: date) -> list[Announcement]:
        """What arXiv announced on these days (both included), by day, id and category."""
        ...

    def unharvested(self, since: date) -> list[PaperId]:
        """Papers announced on `since` or later that no source with datestamps has delivered since then."""
        ...

    def asked(self, source: str) -> Asked:
        """What a source of citations was asked."""
        ...

    def provenance(self, citing: PaperId, cited: PaperId) -> list[Seen]:
        """Which sources gave a citation, and when; oldest first."""
        ...

    def coverage(self) -> Coverage:
        """How many papers have references, by month and by source."""
        ...

    def reconciliation(self, source: str) -> Reconciliation | None:
        """The latest round of comparing with the source's whole list, None before the first."""
        ...

    def gaps(self, source: str) -> Gaps:
        """What the latest round found, both in the order of keys; of use once its whole list was stored."""
        ...

    def close(self) -> None:
        """Give back files and connections. Closing twice is fine."""
        ...


class PaperStore(PaperReader, Protocol):
    """Reads and writes the store. One writer at a time, over all processes: a second one is a `StoreError`.

    Writing happens inside `transaction()`: all of it is kept or nothing; killed anywhere, the store is as
    before the transaction. Storing what is there already changes nothing and no revision.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """Everything written inside is committed at its end, rolled back on an exception."""
        ...

    def put_papers(
        self,
        papers: Sequence[Paper],
        source: str,
        now: datetime,
        *,
        completeness: Completeness = Completeness.PARTIAL,
    ) -> list[Change]:
        """Insert or update, one `Change` for each paper in order.

        A field that is empty in the new record keeps the known value, unless the record is whole and the latest;
        versions are merged by number. Changed `text` gets a new revision. A record that knows an earlier version
        than the one held fills gaps and overwrites nothing; so does a hint of the version held. A withdrawal stands
        until a later version takes it back. Author names that read the same keep their known division. A paper that had
        vanished from this source is there again; what was quarantined of it is cured.
        """
        ...

    def put_vanished(self, paper_ids: Sequence[PaperId], source: str, now: datetime) -> list[PaperId]:
        """Mark papers held as no longer at the source, until `put_papers` from it; those not marked before.

        Nothing is deleted: the paper stays to be read, out of answers as withdrawn ones are.
        """
        ...

    def put_delivered(self, listed: Sequence[Listing], source: str) -> None:
        """Keep the source's datestamps of records that it delivered."""
        ...

    def put_listed(self, listed: Sequence[Listing], source: str, in_round: int) -> None:
        """Keep the datestamps that the source's whole list told in a round of reconciling."""
        ...

    def put_reconciliation(self, source: str, reconciliation: Reconciliation) -> None:
        """Record how far a round is; in the same transaction as what its list told."""
        ...

    def put_quarantined(self, rejected: Sequence[Rejected], source: str, now: datetime) -> None:
        """Keep records that could not be read, each under its place (at most a million characters of it)."""
        ...

    def put_announced(self, announced: Sequence[Announcement], now: datetime) -> int:
        """Keep what arXiv announced; how much of it is new. The papers need not be held."""
        ...

    def put_citations(
        self,
        citations: Sequence[Citation],
        source: str,
        now: datetime,
        *,
        answered: Sequence[PaperId] = (),
        unknown: Sequence[PaperId] = (),
    ) -> CitationChanges:
        """Insert or see again; what that changed of the set of pairs that any source gives.

        `answered` and `unknown` as in `CitationBatch`; both count as asked on this day.
        """
        ...

    def put_vectors(self, fingerprint: str, texts: Sequence[PendingText], vectors: Vectors) -> None:
        """Keep `vectors[i]` for `texts[i]` under (paper, fingerprint, hash of the text)."""
        ...

    def put_cursor(self, source: str, kind: str, cursor: str | None, now: datetime) -> None:
        """Record where `source` goes on; in the same transaction as what it delivered."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors of unit length, so that the inner product is the cosine."""

    @property
    def fingerprint(self) -> str:
        """Names weights, text recipe and precision: vectors of two fingerprints are never compared."""
        ...

    @property
    def width(self) -> int:
        """Number of components of a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), width], each row of length 1 and finite, also for an empty text.

        The same text gives the same vector up to rounding, whatever stands beside it in the batch.
        """
        ...


class VectorIndex(Protocol):
    """Nearest vectors by inner product, under stable integer ids (the store's keys).

    Adding under an id that is there replaces its vector; removing an id that is not there does nothing.
    Searching may happen from several threads at once, changing from one.
    """

    @property
    def width(self) -> int:
        """Number of components of a vector."""
        ...

    def __len__(self) -> int:
        """Number of vectors held."""
        ...

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add or replace; keys must be unique and positive, vectors finite: else `ValueError`, nothing done."""
        ...

    def remove(self, keys: Keys) -> None:
        """Forget the vectors of these keys."""
        ...

    def search(self, queries: Vectors, k: int, *, among: Keys | None = None) -> tuple[Keys, Similarities]:
        """The k nearest of each query, best first: int64 [n, k] and float32 [n, k].

        `among` restricts the search to these keys. Where there are fewer than k, the rest is key -1 with
        similarity -inf. Ties go to the smaller key.
        """
        ...

    def keys(self) -> Keys:
        """All ids held, ascending."""
        ...

    def vectors(self, keys: Keys) -> Vectors:
        """The stored vectors of these keys, float32 [n, width] (lossy indexes give what they keep).

        Raises `KeyError` naming a key that is not held.
        """
        ...

    def save(self, path: Path) -> None:
        """Write to one file, which the caller fsyncs and publishes."""
        ...
