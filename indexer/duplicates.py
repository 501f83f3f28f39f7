"""Records of one work: two arXiv ids that are the same paper, resubmitted or submitted twice; pure but for the file.

Two records are of one work if they have most of their authors in common, and

- the same title, long enough to tell, or
- the same DOI, unless many records have it (the DOI of a volume), or
- the same abstract, letter for letter, and most words of the title in common.

"Part I" and "part II" are two works whatever else they share. An abstract alone says little: of 21 pairs with the
same abstract among 187,437 papers 15 were two works, the abstract of one pasted into the record of the other.

Records are first brought together by hashes of title, abstract and DOI; only those that share one are looked at, so
that three million papers cost one pass over their texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from indexer.arrays import map_array, save_array
from indexer.papers import Author, Paper
from indexer.plain_text import readable, unaccent_tex
from indexer.tables import Keys

FILE = "same_work.npy"

MOST_RECORDS = 30  # with one title or abstract; more are a form that is filled in ("Comment on ...")
MOST_WITH_DOI = 3  # records; more are chapters of a volume
_LEAST_WORDS = 4  # of a title that tells: "Natural language generation" is a book and an article
_LEAST_LETTERS = 20
_LEAST_ABSTRACT = 200  # letters; a shorter one may be a phrase ("This paper has been withdrawn")
_COMMON_AUTHORS = 0.5  # of all authors of both
_COMMON_WORDS = 0.5  # of all words of both titles

_WORD = re.compile(r"[^\W_]+")
# Deleting bytes takes a twentieth of the time of a regular expression, and an abstract is long.
_BETWEEN_WORDS = bytes(code for code in range(128) if not chr(code).isalnum())
_PREFIX_OF_DOI = re.compile(r"(?:https?://)?(?:dx\.|www\.)?doi\.org/|doi:\s*", re.IGNORECASE)
_OWN_DOI = "10.48550/"  # arXiv's, which says no more than the id
_WITHDRAWN_TITLE = re.compile(r"^\W*(?:withdrawn|retracted)\s*[\])(:.,–—-]", re.IGNORECASE)
_NUMERAL = re.compile(r"\b(?:\d{1,2}|[ivx]{1,5}|part (?:one|two|three|four|five))\b")

# What Unicode does not take apart into a letter and its accent.
_PLAIN_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th"}
)

T = TypeVar("T")
Rows = npt.NDArray[np.int64]
_Names = frozenset[tuple[str, str]]


class Mark(NamedTuple):
    """What records are brought together by, hashed to 64 bits; 0 where there is nothing that tells."""

    title: int
    abstract: int
    doi: int


Marks = npt.NDArray[np.uint64]  # [n, 3], the fields of `Mark`
_MOST = Mark(title=MOST_RECORDS, abstract=MOST_RECORDS, doi=MOST_WITH_DOI)


def mark(paper: Paper) -> Mark:
    """The mark of one record."""
    words = title_words(paper.title)
    telling = len(words) >= _LEAST_WORDS and sum(map(len, words)) >= _LEAST_LETTERS
    abstract = paper.abstract.encode("utf-8", "replace").lower().translate(None, _BETWEEN_WORDS)
    return Mark(
        title=_hash(" ".join(words).encode()) if telling else 0,
        abstract=_hash(abstract) if len(abstract) >= _LEAST_ABSTRACT else 0,
        doi=_hash(doi.encode("utf-8", "replace")) if (doi := plain_doi(paper.doi)) else 0,
    )


def marks_of(papers: Iterable[Paper]) -> Marks:
    """The marks of many records, in their order."""
    return np.fromiter((mark(paper) for paper in papers), np.dtype((np.uint64, len(_MOST))))


def _hash(text: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") or 1


def title_words(title: str) -> list[str]:
    """The words of a title without case, accents, TeX and punctuation."""
    return _WORD.findall(_folded(_WITHDRAWN_TITLE.sub("", readable(title))))


def _folded(text: str) -> str:
    """Without case and accents."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in apart if not unicodedata.combining(char)).translate(_PLAIN_LETTERS)


def plain_doi(doi: str | None) -> str:
    """The first DOI of a record, in lower case and without the address around it; empty for none or arXiv's own."""
    first = _PREFIX_OF_DOI.sub("", (doi or "").strip()).lower().split()
    return first[0].rstrip(".,;") if first and not first[0].startswith(_OWN_DOI) else ""


def author_names(authors: Iterable[Author]) -> _Names:
    """The names of authors as surname and initial, without accents: ("erdos", "p")."""
    return frozenset(
        ("".join(_WORD.findall(_folded(unaccent_tex(one.keyname)))), _folded(unaccent_tex(one.forenames))[:1])
        for one in authors
    ) - {("", "")}


def suspects(marks: Marks) -> Rows:
    """The rows that share a title, an abstract or a DOI with a few others: those that are worth a look, ascending."""
    return np.flatnonzero(_telling(marks).any(axis=1))


def _telling(marks: Marks) -> npt.NDArray[np.bool_]:
    """Which marks some records share, but not too many: bool [n, 3]."""
    telling = np.zeros(marks.shape, dtype=np.bool_)
    for column, most in enumerate(_MOST):
        rows = np.flatnonzero(marks[:, column])
        _, inverse, counts = np.unique(marks[rows, column], return_inverse=True, return_counts=True)
        telling[rows, column] = ((counts > 1) & (counts <= most))[inverse]
    return telling


def same_work(keys: Keys, marks: Marks, papers: Mapping[int, Paper]) -> Keys:
    """For each of `keys` (int64 [n]) the key of the record that stands for its work: its own for nearly all.

    `marks` are those of the same records, `papers` by key at least those of `suspects(marks)`; others stand alone.
    Of several records of a work one that is not withdrawn stands for it, and of those the earliest id.
    """
    rows = [row for row in suspects(marks).tolist() if int(keys[row]) in papers]
    looks = {row: _look_at(papers[int(keys[row])]) for row in rows}
    leaders = {row: row for row in rows}
    for first, second in _pairs(marks, rows):
        if _same(looks[first], looks[second]):
            one, other = sorted((_leader(leaders, first), _leader(leaders, second)))
            leaders[other] = one
    works: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows:
        works[_leader(leaders, row)].append(row)
    same = np.array(keys, dtype=np.int64)
    for work in works.values():
        same[work] = keys[min(work, key=lambda row: _standing(papers[int(keys[row])]))]
    return same


def _pairs(marks: Marks, rows: list[int]) -> Iterator[tuple[int, int]]:
    """Each two rows that share something telling."""
    telling = _telling(marks)
    for column in range(len(_MOST)):
        sharing: defaultdict[int, list[int]] = defaultdict(list)
        for row in rows:
            if telling[row, column]:
                sharing[int(marks[row, column])].append(row)
        for bucket in sharing.values():
            yield from combinations(bucket, 2)


def _leader(leaders: dict[int, int], row: int) -> int:
    while leaders[row] != row:
        leaders[row] = leaders[leaders[row]]
        row = leaders[row]
    return row


def _standing(paper: Paper) -> tuple[bool, int, str]:
    """What stands for a work comes first."""
    return paper.withdrawn or paper.vanished, paper.id.month, paper.id.value


@dataclass(frozen=True, slots=True)
class _Look:
    """What two records are compared by."""

    names: _Names
    words: tuple[str, ...]
    doi: str


def _look_at(paper: Paper) -> _Look:
    return _Look(author_names(paper.authors), tuple(title_words(paper.title)), plain_doi(paper.doi))


def _same(one: _Look, other: _Look) -> bool:
    """Whether two records that share title, abstract or DOI are of one work."""
    if _overlap(one.names, other.names) < _COMMON_AUTHORS:
        return False
    if one.words == other.words:
        return True
    if _numerals(one.words) != _numerals(other.words):
        return False
    if one.doi and one.doi == other.doi:
        return True
    return _overlap(frozenset(one.words), frozenset(other.words)) >= _COMMON_WORDS


def _overlap(one: frozenset[T], other: frozenset[T]) -> float:
    """The share of what is in both in what is in either (Jaccard); 0 where both are empty."""
    return len(one & other) / len(one | other) if one | other else 0.0


def _numerals(words: tuple[str, ...]) -> list[str]:
    """The numbers of a title: those of the parts of one series differ."""
    return _NUMERAL.findall(" ".join(words))


def save(same: Keys, folder: Path) -> None:
    """Write `same_work.npy`."""
    save_array(folder / FILE, same)


def load(folder: Path) -> Keys:
    """Map the array that `save` wrote."""
    return map_array(folder / FILE)
