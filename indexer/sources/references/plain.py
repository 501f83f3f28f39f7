"""References as plain text: cut into entries, and what in an entry may be its title. Never fails; linear."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from indexer.plain_text import one_line, readable
from indexer.sources.references.identifiers import arxiv_ids, dois
from indexer.sources.references.matching import Reference

_HEADING = re.compile(
    r"^[ \t]*(?:\d{1,2}\.?[ \t]+|[IVX]{1,4}\.[ \t]+|#{1,4}[ \t]*)?"
    r"(?:references(?:[ \t]+and[ \t]+notes)?|bibliography|literature(?:[ \t]+cited)?|works[ \t]+cited)"
    r"[ \t]*[:.]?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBERED = re.compile(r"^[ \t]*(?:\[[\w+.,: -]{1,30}\]|\(?\d{1,4}[.)](?=[ \t]))[ \t]*", re.MULTILINE)
_BLANK = re.compile(r"\n[ \t]*\n")
_QUOTED = re.compile(
    r"``([^`]{8,400}?)''|“([^“”]{8,400})”|«([^«»]{8,400})»|(?<!\w)\"([^\"]{8,400})\"(?!\w)|‘([^‘’]{12,400})’(?!\w)"
)
_YEAR = re.compile(r"(?<![\d./:-])(?:19|20)\d\d(?=[a-z]?(?:[^\w/]|$))(?!\.\d{3})")
_YEAR_IN_PARENTHESES = re.compile(r"\((?:[A-Za-z.]{3,9},?\s)?((?:19|20)\d\d)[a-z]?\)")
# A stop that ends a sentence: not after an initial, nor in "et al." and the like.
_STOP = re.compile(
    r"(?<![A-Z])(?<!\bal)(?<!\bet)(?<!\beds)(?<!\bed)(?<!\bJr)(?<!\bvol)(?<!\bvs)[.?!]['”\"]?\s+(?=\S)|\s[–—]\s|\)[.,:]\s"
)
_LONGEST = 4_000  # characters of an entry
_MOST = 20_000  # entries of a text


# In 'A note on "Attention is all you need"' the quotation marks belong to the title.
_QUOTING = re.compile(
    r"\b(?:on|of|to|the|in|for|about|against|beyond|with|from|[Rr]evisiting|[Rr]eproducing)\s+$"
)


def year_of(text: str) -> int:
    """The year of a reference: the one in parentheses, else the last; 0 where there is none."""
    inside = _YEAR_IN_PARENTHESES.findall(text)
    found = inside or _YEAR.findall(text)
    return int(found[-1]) if found else 0


def quoted(text: str) -> list[str]:
    """What stands in quotation marks."""
    return [
        next(filter(None, found.groups())).strip(" ,.")
        for found in _QUOTED.finditer(text)
        if not _QUOTING.search(text[max(0, found.start() - 20) : found.start()])
    ]


def segments(text: str, most: int = 3) -> list[str]:
    """The sentences of a reference that may be its title: the longest with at least four words."""
    parts = [part.strip() for part in _STOP.split(text)]
    titled = [part for part in parts if part.count(" ") >= 3 and part.count(",") * 3 <= part.count(" ")]
    return sorted(titled, key=len, reverse=True)[:most]


def reference(raw: str, now: date) -> Reference:
    """Read one reference as it is printed; TeX in it is read too."""
    raw = raw[:_LONGEST]
    text = readable(raw)
    titles = quoted(text)
    before = text[: text.find(titles[0])] if titles else ""
    return Reference(
        ids=arxiv_ids(raw, now),
        dois=dois(raw),
        titles=tuple(titles),
        guesses=tuple(segments(text)),
        authors=before if any(char.isalpha() for char in before) else text,
        year=year_of(text),
        text=text,
    )


def split(text: str) -> Iterator[str]:
    """Cut a list of references, or what follows the last heading "References" of a paper, into entries.

    They are numbered, or divided by blank lines, or one to a line.
    """
    headings = list(_HEADING.finditer(text))
    body = text[headings[-1].end() :] if headings else text
    for number, part in enumerate(_parts(body)):
        if number >= _MOST:
            return
        entry = one_line(part)
        if any(char.isalpha() for char in entry) and len(entry) >= 12:
            yield entry


def _parts(body: str) -> list[str]:
    marks = list(_NUMBERED.finditer(body))
    if len(marks) >= 2:
        ends = [*(mark.start() for mark in marks[1:]), len(body)]
        return [body[mark.end() : end] for mark, end in zip(marks, ends, strict=True)]
    if len(parts := [part for part in _BLANK.split(body) if part.strip()]) >= 2:
        return parts
    return body.splitlines()
