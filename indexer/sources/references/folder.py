"""Which files belong to which citing paper, told from the names of files and folders.

`2506.02838.tex`, `2506.02838v1.bbl`, `2506.02838/main.bbl`, `hep-th_9901001.bib`, `hep-th9901001.tar.gz`,
`hep-th/9901001/paper.tex`, `arXiv-2506.02838v2.tar.gz`: the outermost name that is an id counts. Of a paper with
several versions the newest is read. Archives that hold many papers (arXiv's bulk `arXiv_src_2506_001.tar`, with a
`2506/2506.00001.gz` for each) are read as folders are.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from indexer.errors import InvalidPaperId, SourceError
from indexer.papers import PaperId, Rejected
from indexer.sources.references.archives import MAX_FILE, BadArchive, File, bare_name, files_in, is_archive

TEXTS = (".tex", ".ltx", ".latex", ".bbl", ".bib", ".txt")
_MOST_TEXTS = 500  # of one paper
_MOST_BYTES = 100_000_000  # of one paper's texts
_GLUED = re.compile(r"([a-z]+(?:-[a-z]+)?)[_-]?(\d{7}(?:v\d+)?)", re.IGNORECASE)
_OWN = re.compile(r"arxiv[-_.:]", re.IGNORECASE)


@dataclass(slots=True)
class Sources:
    """The texts of one citing paper, by path, and what of them could not be read."""

    id: PaperId
    texts: list[tuple[str, bytes]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def add(self, file: File) -> None:
        """Add a file, unless there are too many."""
        where = str(file.path)
        size = sum(len(data) for _, data in self.texts)
        if file.data is None:
            self.rejected.append(Rejected(where, f"longer than {MAX_FILE // 1_000_000} MB", id=self.id))
        elif len(self.texts) >= _MOST_TEXTS or size + len(file.data) > _MOST_BYTES:
            reason = f"the paper has more than {_MOST_TEXTS} files or {_MOST_BYTES // 1_000_000} MB of text"
            self.rejected.append(Rejected(where, reason, id=self.id))
        else:
            self.texts.append((where, file.data))


def paper_of(path: PurePosixPath) -> tuple[PaperId, int] | None:
    """The paper that a path belongs to, and its version (a name without one is newer than any)."""
    archive = ""
    for part in path.parts:
        bare = _OWN.sub("", _without_endings(part), count=1)
        glued = _GLUED.fullmatch(bare)
        for text in (bare, f"{glued[1]}/{glued[2]}" if glued else "", f"{archive}/{bare}"):
            try:
                paper, version = PaperId.parse_versioned(text)
            except InvalidPaperId:
                continue
            return paper, version or 10_000
        archive = bare
    return None


def _without_endings(name: str) -> str:
    bare = bare_name(name)
    ending = PurePosixPath(bare).suffix.lower()
    return bare[: -len(ending)] if ending in (*TEXTS, ".pdf") else bare


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a folder: its path, size and time of change."""

    path: Path
    name: PurePosixPath
    stamp: str


def listing(root: Path) -> list[Listed]:
    """The files below a folder that may hold references (or the file itself), in the order of their papers.

    Links are passed over. Raise `SourceError` where the folder cannot be read.
    """
    if not root.is_dir():
        return [_listed(root, PurePosixPath(root.name))]

    def refuse(error: OSError) -> None:
        raise SourceError(f"cannot read the folder {error.filename}: {error.strerror}") from error

    found = []
    for folder, folders, names in os.walk(root, onerror=refuse):
        folders.sort()
        for name in names:
            path = Path(folder, name)
            if _may_hold(PurePosixPath(name)) and path.is_file() and not path.is_symlink():
                found.append(_listed(path, PurePosixPath(root.name, path.relative_to(root).as_posix())))
    return sorted(found, key=_order)


def _listed(path: Path, name: PurePosixPath) -> Listed:
    status = path.stat()
    return Listed(path, name, f"{name}|{status.st_size}|{status.st_mtime_ns}")


def _order(file: Listed) -> tuple[str, int, str]:
    paper = paper_of(file.name)
    return (paper[0].value, paper[1], str(file.name)) if paper else ("", 0, str(file.name))


def _may_hold(name: PurePosixPath) -> bool:
    return is_archive(name.name) or name.suffix.lower() in TEXTS


def grouped(files: Iterable[Listed]) -> Iterator[tuple[PaperId | None, list[Listed]]]:
    """The files of each paper together, those of its newest version alone; None with those of no paper."""
    for value, group in groupby(files, key=lambda file: _order(file)[0]):
        members = list(group)
        newest = max(_order(file)[1] for file in members)
        yield PaperId(value) if value else None, [file for file in members if _order(file)[1] == newest]


def sources_of(paper: PaperId, files: list[Listed]) -> Sources:
    """Read all that belongs to one paper."""
    found = Sources(paper)
    for file in files:
        try:
            with file.path.open("rb") as raw:
                if is_archive(file.name.name):
                    _add_archive(found, raw, file.name)
                else:
                    data = raw.read(MAX_FILE + 1)
                    found.add(File(file.name, data if len(data) <= MAX_FILE else None))
        except OSError as error:
            found.rejected.append(Rejected(str(file.name), f"cannot be read ({error.strerror})", id=paper))
    return found


def _add_archive(paper: Sources, raw: BinaryIO, name: PurePosixPath) -> None:
    """Add the texts of a paper's archive: `2506.02838.tar.gz/main.bbl`; a file without an ending is TeX."""
    try:
        for member in files_in(raw, name.name, _wanted_of_one):
            path = member.path.relative_to(member.path.anchor)
            ending = "" if path.suffix.lower() in TEXTS else ".tex"
            paper.add(File(name / f"{path}{ending}", member.data))
    except BadArchive as bad:
        paper.rejected.append(Rejected(str(name), str(bad), id=paper.id))


def _wanted_of_one(path: PurePosixPath) -> bool:
    """Inside the archive of a paper: texts, and a file without an ending, as arXiv gives out the single ones."""
    bare = len(path.parts) == 1 and _without_endings(path.name) == path.name and paper_of(path)
    return path.suffix.lower() in TEXTS or bool(bare)


def bulk(file: Listed) -> Iterator[Sources | Rejected]:
    """The papers of an archive that holds many; what belongs together stands together in it."""
    current: Sources | None = None
    newest = 0
    try:
        with file.path.open("rb") as raw:
            for member in files_in(raw, file.name.name, _may_hold):
                path = file.name / member.path.relative_to(member.path.anchor)
                found = paper_of(member.path)
                if found is None:
                    yield unowned(path)
                    continue
                if current and current.id == found[0] and found[1] < newest:
                    continue
                if current is None or current.id != found[0] or found[1] > newest:
                    if current and current.id != found[0]:
                        yield current
                    current, newest = Sources(found[0]), found[1]
                if is_archive(path.name) and member.data is not None:
                    _add_archive(current, io.BytesIO(member.data), path)
                else:
                    current.add(File(path, member.data))
    except BadArchive as bad:
        yield Rejected(str(file.name), str(bad))
    except OSError as error:
        yield Rejected(str(file.name), f"cannot be read ({error.strerror})")
    if current:
        yield current


def unowned(path: PurePosixPath) -> Rejected:
    """Say that a file belongs to no paper."""
    reason = "neither its name nor a folder above it is an arXiv id, so it is not known which paper cites"
    return Rejected(str(path), reason)
