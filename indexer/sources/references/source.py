"""`references:PATH`: what papers cite, read from their LaTeX, BibTeX or plain reference lists."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path

from indexer.errors import SourceError
from indexer.papers import Citation, CitationBatch, PaperId, Rejected
from indexer.sources.lines import LineFile
from indexer.sources.references import plain
from indexer.sources.references.archives import bare_name, is_archive
from indexer.sources.references.folder import Listed, Sources, bulk, grouped, listing, sources_of, unowned
from indexer.sources.references.identifiers import today
from indexer.sources.references.matching import Means, Reference, resolve
from indexer.sources.references.reading import references_of
from indexer.sources.references.records import json_line, table_rows
from indexer.sources.references.titles import Titles

BATCH = 100  # papers
_JSON = (".jsonl", ".ndjson", ".json")
_TABLE = (".csv", ".tsv")
_END = "end"


@dataclass(slots=True)
class _Pending:
    """What has been found since the last batch."""

    citations: list[Citation] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    answered: list[PaperId] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.answered) + len(self.rejected)

    def batch(self, cursor: str | None, position: float | None) -> CitationBatch:
        """Give what is there as a batch, and start a new one."""
        made = CitationBatch(
            tuple(self.citations), tuple(self.rejected), cursor, position, tuple(dict.fromkeys(self.answered))
        )
        self.citations, self.rejected, self.answered = [], [], []
        return made


class References:
    """A `CitationSource` over sources of papers: a folder, an archive, a file, or a table of raw references.

    Which paper cites is told by names (see `folder`). A reference counts if it names an arXiv id, or a DOI or a title
    of the library; ids need not be held. All that a paper cites is one list, `answered` when it could be read whole.
    The cursor is void once the files or the titles have changed. Raise `SourceError` if there is no such path.
    """

    def __init__(self, path: str, *, name: str, titles: Titles, now: date | None = None) -> None:
        self._name = name
        self._path = Path(path).expanduser().absolute()
        self._titles = titles
        self._now = now or today()
        self._read_so_far = 0
        self._told: Counter[Means] = Counter()
        if not self._path.exists():
            raise SourceError(
                f"{self._path} does not exist; name a folder or file with the sources of papers"
            )

    @property
    def name(self) -> str:
        """The URL that opened the source."""
        return self._name

    @property
    def remarks(self) -> Sequence[str]:
        """How many references were read so far, and by what they were told."""
        if not self._read_so_far:
            return ()
        by = {means: self._told[means] for means in Means}
        titles = by[Means.TITLE] + by[Means.TEXT] + by[Means.LIKENESS]
        return (
            f"of {self._read_so_far:,} references {by[Means.ID]:,} name an arXiv id, {by[Means.DOI]:,} have the DOI "
            f"and {titles:,} the title of a paper of the library",
        )

    def batches(self, wanted: Iterable[PaperId], cursor: str | None = None) -> Iterator[CitationBatch]:  # noqa: ARG002 - files deliver what they have
        """Deliver the lists of 100 papers at a time; `wanted` is ignored."""
        ending = Path(bare_name(self._path.name.removesuffix(".zst"))).suffix.lower()
        if self._path.is_dir() or ending not in (*_JSON, *_TABLE):
            yield from self._of_files(cursor)
        elif ending in _JSON:
            yield from self._of_lines(cursor)
        else:
            yield from self._of_table(cursor)

    def _cited(self, citing: PaperId, references: Iterable[Reference]) -> list[Citation]:
        """The citations that references are, each once; a paper does not cite itself."""
        found: dict[PaperId, None] = {}
        for reference in references:
            self._read_so_far += 1
            if resolved := resolve(reference, self._titles):
                self._told[resolved.by] += 1
                found.update(dict.fromkeys(resolved.papers))
        return [Citation(citing, cited) for cited in found if cited != citing]

    def _add(self, pending: _Pending, paper: Sources) -> None:
        """Read a paper; its list is complete only if all of its files could be read."""
        references, rejected = references_of(paper, self._now)
        pending.citations.extend(self._cited(paper.id, references))
        pending.rejected.extend(rejected)
        if references and not rejected:
            pending.answered.append(paper.id)

    def _of_files(self, cursor: str | None) -> Iterator[CitationBatch]:
        files = listing(self._path)
        stamp = self._stamp(file.stamp for file in files)
        groups = [unit for group in grouped(files) for unit in _units(*group)]
        done = _done(cursor, stamp, len(groups))
        pending = _Pending()
        for number, (paper, members) in enumerate(islice(groups, done, None), done + 1):
            if paper:
                self._add(pending, sources_of(paper, members))
            elif is_archive(members[0].name.name):
                for found in bulk(members[0]):
                    if len(pending) >= BATCH:
                        yield pending.batch(f"{number - 1}/{stamp}", (number - 1) / len(groups))
                    if isinstance(found, Sources):
                        self._add(pending, found)
                    else:
                        pending.rejected.append(found)
            else:
                pending.rejected.append(unowned(members[0].name))
            if len(pending) >= BATCH and number < len(groups):
                yield pending.batch(f"{number}/{stamp}", number / len(groups))
        if groups and done < len(groups):
            yield pending.batch(f"{_END}/{stamp}", 1.0)

    def _of_lines(self, cursor: str | None) -> Iterator[CitationBatch]:
        """Each line is the whole list of a paper."""
        place, _, stamp = (cursor or "").rpartition("/")
        known = self._stamp(())
        for batch in LineFile(str(self._path)).batches(
            json_line, size=BATCH, cursor=place if stamp == known else None
        ):
            pending = _Pending(rejected=list(batch.rejected))
            for listed in batch.records:
                pending.citations.extend(self._cited(listed.citing, self._read(listed.raw)))
                pending.answered.append(listed.citing)
            yield pending.batch(f"{batch.cursor}/{known}" if batch.cursor else None, batch.position)

    def _of_table(self, cursor: str | None) -> Iterator[CitationBatch]:
        """The rows of a paper may stand anywhere, so the whole table is read before any list is delivered."""
        status = self._path.stat()
        stamp = self._stamp([f"{status.st_size}|{status.st_mtime_ns}"])
        if cursor == f"{_END}/{stamp}":
            return
        pending = _Pending()
        lists: dict[PaperId, dict[Citation, None]] = {}
        for listed in table_rows(LineFile(str(self._path)), pending.rejected):
            cited = self._cited(listed.citing, self._read(listed.raw))
            lists.setdefault(listed.citing, {}).update(dict.fromkeys(cited))
        for number, (citing, citations) in enumerate(lists.items(), 1):
            pending.citations.extend(citations)
            pending.answered.append(citing)
            if len(pending) >= BATCH and number < len(lists):
                yield pending.batch(None, number / len(lists))
        yield pending.batch(f"{_END}/{stamp}", 1.0)

    def _read(self, raw: Iterable[str]) -> Iterator[Reference]:
        return (plain.reference(text, self._now) for text in raw)

    def _stamp(self, files: Iterable[str]) -> str:
        """Tell this state of files and titles from another."""
        said = hashlib.blake2b(str(self._titles.fingerprint).encode(), digest_size=8)
        for file in files:
            said.update(f"\n{file}".encode("utf-8", "surrogateescape"))
        return said.hexdigest()


def _units(paper: PaperId | None, files: list[Listed]) -> list[tuple[PaperId | None, list[Listed]]]:
    """A paper with its files; files of no paper each for itself."""
    return [(paper, files)] if paper else [(None, [file]) for file in files]


def _done(cursor: str | None, stamp: str, groups: int) -> int:
    """How many groups the cursor has behind it; 0 if it is of other files or titles."""
    place, _, of = (cursor or "").partition("/")
    if of != stamp:
        return 0
    if place == _END:
        return groups
    return min(int(place), groups) if place.isdecimal() else 0
