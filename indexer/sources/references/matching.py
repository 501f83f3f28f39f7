"""Which paper a reference means: by its ids, by its DOI, by its title. Pure; a wrong paper is worse than none.

A title alone is not enough where it is short or where the names speak against it: authors must agree, or be unknown
on a side with a title that tells enough and a year that fits. Titles that are only alike (a subtitle dropped, a word
changed between preprint and print) need more agreement, the more they differ, and the same numbers in them always:
parts, years and versions differ by a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import IntEnum, StrEnum

from indexer.papers import PaperId
from indexer.sources.references.normal import (
    MARK,
    Running,
    name_words,
    normal_title,
    running,
    squeezed,
    words_of,
)
from indexer.sources.references.titles import SHORTEST, Titles, codes_of, telling


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of a bibliography, as far as it could be told apart.

    `ids` and `dois` are those in it. `titles` are texts that stand where its title stands, the likeliest first,
    `guesses` others that may be the title, or only a part of it. `authors` are its names as one text, "" where there
    are none; `year` 0 where unknown. `text` is the whole as it is printed, where its parts are not known.
    """

    ids: tuple[PaperId, ...] = ()
    dois: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()
    authors: str = ""
    year: int = 0
    text: str = ""


class Means(StrEnum):
    """What a reference was resolved by."""

    ID = "id"
    DOI = "doi"
    TITLE = "title"
    LIKENESS = "likeness"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The papers that a reference means, nearly always one, and how that was told."""

    papers: tuple[PaperId, ...]
    by: Means


def resolve(reference: Reference, titles: Titles) -> Resolved | None:
    """Tell which papers a reference means; None where that is not sure."""
    if reference.ids:
        return Resolved(reference.ids, Means.ID)
    if found := _by_doi(reference, titles):
        return found
    names = codes_of(name_words(reference.authors))
    asked = [
        _Asked(normal, names, reference.year, sure)
        for texts, sure in ((reference.titles, True), (reference.guesses, False))
        for normal in dict.fromkeys(normal_title(title) for title in texts)
        if normal
    ]
    for title in asked:
        if (row := _exact(title, titles)) is not None:
            return Resolved((titles.id(row),), Means.TITLE)
    inside = running(reference.text) if reference.text else None
    if inside and (row := _inside(inside, reference.year, titles)) is not None:
        return Resolved((titles.id(row),), Means.TEXT)
    for title in asked[:_LIKELY]:
        if (row := _like(title, titles)) is not None:
            return Resolved((titles.id(row),), Means.LIKENESS)
    return None


_LIKELY = 4  # texts that may be the title; what comes after is mostly the journal


class _Names(IntEnum):
    """What the names say: another work, nothing, the same, the same without doubt."""

    OTHER = 0
    UNKNOWN = 1
    SAME = 2
    CLEARLY_SAME = 3


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a reference says of a work: normal title (or, not `sure`, a part of it), codes of its names, year."""

    normal: str
    names: frozenset[int]
    year: int
    sure: bool = True

    def compared(self, row: int, titles: Titles) -> _Names:
        """Compare the authors with those of a row."""
        surnames = titles.surnames(row)
        if not surnames or not self.names:
            return _Names.UNKNOWN
        shared = sum(name in self.names for name in surnames)
        if surnames[0] in self.names:
            return _Names.CLEARLY_SAME if shared >= min(2, len(surnames)) else _Names.SAME
        return _Names.SAME if shared >= 2 or shared * 2 >= len(surnames) else _Names.OTHER

    def fits(self, row: int, titles: Titles, before: int = 2, after: int = 6) -> bool:
        """Whether the reference is not more than `before` years older, or `after` years younger, than the row."""
        year = int(titles.years[row])
        return not (self.year and year) or -before <= self.year - year <= after


def _by_doi(reference: Reference, titles: Titles) -> Resolved | None:
    """The paper with a DOI of the reference, unless the title says that the DOI is a slip."""
    said = {word for title in reference.titles for word in words_of(normal_title(title))}
    said |= name_words(reference.text)
    for doi in reference.dois:
        rows = titles.with_doi(doi)
        if len(rows) == 1:
            own = set(words_of(titles.normal(rows[0])))
            if not said or not own or len(own & said) * 2 >= len(own):
                return Resolved((titles.id(rows[0]),), Means.DOI)
    return None


# Nats that a title must say to mean a paper without names. Of 20,000 works that a library without names did not hold,
# 10 were taken for another of it at 8 as at 18, all of them the same work or its sequel.
_TELLING = 18.0


def _exact(asked: _Asked, titles: Titles) -> int | None:
    rows = titles.exact(asked.normal)
    if not rows:
        return None
    compared = {row: asked.compared(row, titles) for row in rows}
    best = max(compared.values())
    if best == _Names.SAME:  # one name, which may be a common one
        rows = [row for row in rows if compared[row] < best or asked.fits(row, titles, before=4, after=12)]
        best = max((compared[row] for row in rows), default=_Names.OTHER)
    if best >= _Names.SAME:
        return min((row for row in rows if compared[row] == best), key=lambda row: _gap(asked, row, titles))
    return rows[0] if len(compared) == len(rows) == 1 and _alone(asked, rows[0], best, titles) else None


def _alone(asked: _Asked, row: int, names: _Names, titles: Titles) -> bool:
    """Whether the title alone is enough to mean a row: names are missing, or others (of a company, a mistake)."""
    said = _said(asked.normal, titles)
    if names == _Names.OTHER or not asked.sure:
        return said >= 2 * _TELLING and asked.fits(row, titles, before=1, after=1)
    if said >= 2 * _TELLING:
        return asked.fits(row, titles, before=4, after=12)
    return said >= _TELLING and asked.fits(row, titles)


def _said(normal: str, titles: Titles) -> float:
    return telling(titles.weights(words_of(normal)).values())


def _gap(asked: _Asked, row: int, titles: Titles) -> tuple[int, int]:
    """How far the years are apart; double where the preprint is the younger, as a print mostly comes after it."""
    year = int(titles.years[row])
    if not (asked.year and year):
        return 0, row
    return max(asked.year - year, 2 * (year - asked.year)), row


def _inside(text: Running, year: int, titles: Titles) -> int | None:
    """The paper whose title stands in a text with its authors' names around, or that tells enough."""
    for row, start, end in titles.within(text):
        names = codes_of((*text.words[:start], *text.words[end:]) if start < 3 else text.words[:start])
        asked = _Asked(titles.normal(row), names, year)
        whole = not text.goes_on[end - 1] or asked.compared(row, titles) == _Names.CLEARLY_SAME
        if whole and _exact(asked, titles) == row:
            return row
    return None


# What tells two works of a series apart, and the name of a method from that of its successor.
_NUMBER = re.compile(
    r"\d+|\b(?:i{1,3}|iv|v|vi{1,3}|ix|x|one|two|three|four|first|second|third|fourth|fifth|sixth|part|plus|without|"
    r"non|no|not|un)\b"
)
_SMALL = frozenset("a an and the of for in on to with by via from as at is are using towards toward".split())
_ENDINGS = re.compile(r"(?:s|es|ed|ing|al|ic)$")


def _like(asked: _Asked, titles: Titles) -> int | None:
    """The paper with a title that is nearly the one asked for."""
    if len(squeezed(asked.normal)) < SHORTEST:
        return None
    for row in titles.alike(asked.normal):
        one, other, names = asked.normal, titles.normal(row), asked.compared(row, titles)
        possible = names == _Names.CLEARLY_SAME or (asked.sure and names > _Names.OTHER)
        possible = possible and squeezed(one) != squeezed(other)  # then it was refused before
        if names == _Names.UNKNOWN and _said(one, titles) < _TELLING:
            possible = False
        if possible and asked.fits(row, titles) and _numbers(one) == _numbers(other):
            if _misspelt(one, other, titles) or _cut_off(one, other, names, titles):
                return row
            soon_after = asked.fits(row, titles, before=1, after=3)
            if names == _Names.CLEARLY_SAME and soon_after and _reworded(one, other, titles):
                return row
    return None


def _misspelt(one: str, other: str, titles: Titles) -> bool:
    """Words of grammar, endings or a few letters differ; never a word that is another word."""
    first, second = words_of(one), words_of(other)
    if abs(len(squeezed(one)) - len(squeezed(other))) > _FEW or len(squeezed(one)) < 20:
        return False
    for what, start, end, begin, stop in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        mine = "".join(word for word in first[start:end] if word not in _SMALL)
        theirs = "".join(word for word in second[begin:stop] if word not in _SMALL)
        if what != "equal" and mine != theirs and not _same_word(mine, theirs, titles):
            return False
    return True


_FEW = 8  # letters


def _same_word(one: str, other: str, titles: Titles) -> bool:
    """Whether two words are one: but for the ending, or misspelt, which makes a word that no title has."""
    if len(min(one, other, key=len)) < 5:
        return one.removesuffix("s") == other.removesuffix("s") != ""
    if _ENDINGS.sub("", one) == _ENDINGS.sub("", other):
        return True
    unknown = not (titles.has(one) and titles.has(other))
    return unknown and within_distance(one, other, 2 if min(len(one), len(other)) >= 10 else 1)


def _cut_off(one: str, other: str, names: _Names, titles: Titles) -> bool:
    """One is the other without its subtitle, without what is in front of it, or broken off."""
    short, long = sorted((one, other), key=lambda title: len(squeezed(title)))
    bare, whole = squeezed(short), squeezed(long)
    head, _, tail = long.partition(MARK)
    if bare in (squeezed(head), squeezed(tail)):
        needed = {_Names.CLEARLY_SAME: 0.5, _Names.SAME: 1.0}.get(names, 2.0)
        return _said(short, titles) >= needed * _TELLING
    ends = {len(squeezed(long[:place])) for place, char in enumerate(long) if char in (" ", MARK)}
    share, least = (0.7, 50) if names == _Names.UNKNOWN else (0.6, 30)
    return whole.startswith(bare) and len(bare) in ends and len(bare) >= max(least, share * len(whole))


def _reworded(one: str, other: str, titles: Titles) -> bool:
    """The authors changed the title, but the name in front of its colon stayed, and some of the rest."""
    head, mark, _ = one.partition(MARK)
    other_head, other_mark, _ = other.partition(MARK)
    if not (mark and other_mark) or squeezed(head) != squeezed(other_head) or len(words_of(head)) > 3:
        return False
    first, second = set(words_of(one)), set(words_of(other))
    weights = titles.weights(first | second)
    shared = telling(weights[word] for word in first & second) / telling(weights.values())
    return shared >= 0.4 and telling(weights[word] for word in set(words_of(head))) >= 8


def _numbers(normal: str) -> list[str]:
    return sorted(_NUMBER.findall(normal))


def within_distance(one: str, other: str, most: int) -> bool:
    """Whether Levenshtein's distance is at most `most`; in the time of length times `most`."""
    if abs(len(one) - len(other)) > most:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    one, other = one[start:], other[start:]
    end = 0
    while end < min(len(one), len(other)) and one[-1 - end] == other[-1 - end]:
        end += 1
    one, other = one[: len(one) - end], other[: len(other) - end]
    row = {column: column for column in range(min(most, len(other)) + 1)}
    for place, char in enumerate(one, 1):
        fresh: dict[int, int] = {}
        for column in range(max(0, place - most), min(len(other), place + most) + 1):
            cost = place if not column else row.get(column - 1, most + 1) + (char != other[column - 1])
            fresh[column] = min(cost, row.get(column, most + 1) + 1, fresh.get(column - 1, most + 1) + 1)
        row = fresh
        if min(row.values()) > most:
            return False
    return row.get(len(other), most + 1) <= most
