"""Who wrote which papers: authors in common, and an author's other papers, in a fraction of a millisecond.

An author is a surname and the first initial, without accents and case, because sources abbreviate. So one name may be
many people: the more papers a name has, the less it tells, and above `MOST_PAPERS` it tells nothing. Groups and names
of one word are left out: of 868,181 authors of 159,581 papers 1,167 have one word, and those are companies, or
surnames that lost the rest, which would make two strangers one rare author.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer import duplicates
from indexer.arrays import map_array, save_array
from indexer.papers import Author, Paper
from indexer.plain_text import unaccent_tex

MOST_AUTHORS = 200  # of one paper that are looked at: to be one of thousands says nothing
MOST_PAPERS = 1_000  # of one name; more are many people
FEW_PAPERS = 50  # a name may have in any library, however small
SHARE_OF_PAPERS = 200  # beyond those, one in so many: "Wang, Y" is on 667 of 8,014 papers of one field

_GROUP = re.compile(
    r"\b(?:collaborations?|consortium|committee|groups?|institute|labs?|network|project|society|teams?)\b"
    r"|\bet\.?\s+al\b|^(?:and\s+)?others$",
    re.IGNORECASE,
)
_BEFORE_NAME = re.compile(r"^[\W_]+")

Numbers = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.integer]
Scores = npt.NDArray[np.float32]


@lru_cache(maxsize=65_536)  # 43 of 100 names are among the last that many, which saves two fifths of the time
def name_key(author: Author) -> str:
    """What the same author has in common however a source spells the name: "erdos p"; "" for what is no person."""
    keyname, forenames = unaccent_tex(author.keyname), author.forenames
    if _GROUP.search(f"{forenames} {keyname}".strip()):
        return ""
    if not forenames:
        surname, comma, given = keyname.partition(",")
        if not comma:
            given, _, surname = keyname.rpartition(" ")
        keyname, forenames = surname, given
    names = duplicates.author_names((Author(keyname, _BEFORE_NAME.sub("", unaccent_tex(forenames))),))
    return next((f"{surname} {initial}" for surname, initial in names if surname and initial), "")


def common_names(first: Paper, second: Paper) -> tuple[str, ...]:
    """The authors that two papers have in common, in the order and spelling of the first."""
    theirs = {name_key(author) for author in second.authors[:MOST_AUTHORS]} - {""}
    found: dict[str, str] = {}
    for author in first.authors[:MOST_AUTHORS]:
        if (key := name_key(author)) in theirs:
            found.setdefault(key, author.name)
    return tuple(found.values())


class Bylines:
    """The authors of papers as these are read, in the order of their rows: eight bytes for each, and no names."""

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._ends = array("q", [0])

    def append(self, authors: Sequence[Author]) -> None:
        """Add the next paper, with as many authors as it has, or none."""
        keys = dict.fromkeys(name_key(author) for author in authors[:MOST_AUTHORS])
        self._hashes.extend(_hash(key) for key in keys if key)
        self._ends.append(len(self._hashes))

    def index(self) -> AuthorIndex:
        """The index of the papers added so far."""
        hashes = np.array(self._hashes, dtype=np.uint64)
        paper_ends = np.array(self._ends, dtype=np.int64)
        order = np.argsort(hashes, kind="stable")
        ascending = hashes[order]
        begins = np.flatnonzero(np.diff(ascending, prepend=ascending[:1] ^ np.uint64(1)))
        ends = np.append(begins, len(order)).astype(np.int64)
        authors = np.empty(len(order), dtype=np.int32)
        authors[order] = np.repeat(np.arange(len(begins), dtype=np.int32), np.diff(ends))
        papers = np.repeat(np.arange(len(paper_ends) - 1, dtype=np.int32), np.diff(paper_ends))
        return AuthorIndex(ascending[begins], ends, papers[order], paper_ends, authors)


@dataclass(frozen=True, slots=True)
class AuthorIndex:
    """The papers of each author and the authors of each paper.

    Authors are numbered in the order of `hashes` uint64 [authors], ascending, of their `name_key`; papers are rows of
    the catalogue. The papers of author i are `rows[ends[i]:ends[i + 1]]`, int32, ascending; the authors of a paper
    `paper_authors[paper_ends[row]:paper_ends[row + 1]]`, int32, each once, in the order of the record.
    """

    hashes: Hashes
    ends: Offsets
    rows: Numbers
    paper_ends: Offsets
    paper_authors: Numbers

    @classmethod
    def of(cls, papers: Iterable[Sequence[Author]]) -> AuthorIndex:
        """The index of papers of which the authors are given, in the order of their rows."""
        bylines = Bylines()
        for authors in papers:
            bylines.append(authors)
        return bylines.index()

    def __len__(self) -> int:
        return len(self.paper_ends) - 1

    @property
    def most_papers(self) -> int:
        """How many papers a name may have and still tell something."""
        return min(MOST_PAPERS, max(FEW_PAPERS, len(self) // SHARE_OF_PAPERS))

    def works(self, author: Author) -> Numbers:
        """The rows of the papers of one author, ascending; none for one who is not known."""
        wanted = np.uint64(_hash(name_key(author)))
        at = int(np.searchsorted(self.hashes, wanted))
        known = at < len(self.hashes) and self.hashes[at] == wanted
        return self.rows[self.ends[at] : self.ends[at + 1]] if known else self.rows[:0]

    def shared(self, seeds: Rows, rows: Rows) -> Scores:
        """How telling the authors are that each paper has in common with the seeds: float32 [rows], 0 to 1.

        1 - exp(-s), s the sum of 1 / ln(2 + n) over the authors that the paper shares with any of the seeds, n the
        papers of that author (Adamic and Adar, Friends and neighbors on the Web, 2003); a name with more than
        `most_papers` adds nothing. One author of 2 papers gives .51, of 100 papers .19, three of 10 papers .70.
        """
        mine, weights = self._weights(seeds)
        owners, authors = self._authors_of(rows)
        if not len(mine) or not len(authors):
            return np.zeros(len(rows), dtype=np.float32)
        at = np.minimum(np.searchsorted(mine, authors), len(mine) - 1)
        gains = np.where(mine[at] == authors, weights[at], 0.0)
        return -np.expm1(-np.bincount(owners, weights=gains, minlength=len(rows))).astype(np.float32)

    def works_of_authors(self, seeds: Rows, most: int) -> Numbers:
        """At most so many other papers of the seeds' authors, the newest rows first; no seed among them.

        Where there are more, those of the authors with the fewest papers stay, and of one author the newest: a name
        with hundreds would leave no room for the others. The work is bounded by `MOST_AUTHORS` lists of `most` rows.
        """
        authors = np.unique(self._authors_of(seeds)[1])
        counts = self._counts(authors)
        telling = (counts > 1) & (counts <= self.most_papers)
        rarest = authors[telling][np.argsort(counts[telling], kind="stable")][:MOST_AUTHORS].tolist()
        room = most + len(seeds)  # a list may begin with the seeds themselves
        lists = [
            self.rows[max(self.ends[one], self.ends[one + 1] - room) : self.ends[one + 1]] for one in rarest
        ]
        found = np.concatenate([self.rows[:0], *(newest[::-1] for newest in lists)])
        distinct, first_met = np.unique(found, return_index=True)
        others = ~np.isin(distinct, seeds)
        chosen = distinct[others][np.argsort(first_met[others])][:most]
        return np.sort(chosen)[::-1].astype(np.int32, copy=False)

    def _counts(self, authors: Numbers) -> Offsets:
        return self.ends[authors + 1] - self.ends[authors]

    def _weights(self, seeds: Rows) -> tuple[Numbers, npt.NDArray[np.float64]]:
        """The seeds' authors that tell something, ascending, and how much each does in `shared`."""
        mine = np.unique(self._authors_of(seeds)[1])
        counts = self._counts(mine)
        telling = counts <= self.most_papers
        return mine[telling], 1 / np.log(2.0 + counts[telling])

    def _authors_of(self, rows: Rows) -> tuple[Offsets, Numbers]:
        """The authors of several papers one after the other, and for each the place of its paper in `rows`."""
        begins = self.paper_ends[rows]
        sizes = self.paper_ends[np.asarray(rows) + 1] - begins
        before = np.cumsum(sizes) - sizes
        places = np.arange(int(sizes.sum())) + np.repeat(begins - before, sizes)
        return np.repeat(np.arange(len(sizes)), sizes), self.paper_authors[places]

    def save(self, folder: Path) -> None:
        """Write one `authors-*.npy` for each array."""
        for field in fields(self):
            save_array(folder / f"authors-{field.name}.npy", getattr(self, field.name))

    @classmethod
    def load(cls, folder: Path) -> AuthorIndex:
        """Map the files that `save` wrote; raises `OSError` or `ValueError` where one is none."""
        return cls(**{field.name: map_array(folder / f"authors-{field.name}.npy") for field in fields(cls)})


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode("utf-8", "replace"), digest_size=8).digest(), "little")
