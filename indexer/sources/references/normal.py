"""Titles and names made comparable: no TeX, accents, case, punctuation; pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from indexer.plain_text import readable

MARK = "\x1f"  # stands in a normal title where a subtitle begins
LONGEST = 600  # characters of a title that are looked at; the longest of arXiv has 386

_WORD = re.compile(r"[^\W_]+")
_PLUS = re.compile(r"(?<=[\w+])\+")  # `BusterX++` is another method than `BusterX`
_SUBTITLE = re.compile(r"[:?!]\s|\s?[—–]\s?|\s-\s|\.\s")
_GREEK = {
    ord(sign): f" {name} "
    for sign, name in zip(
        "αβγδεζηθικλμνξοπρστυφχψωςϕϵϑ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi "
        "chi psi omega sigma phi epsilon theta".split(),
        strict=True,
    )
}


def folded(text: str) -> str:
    """Readable text in lower case without accents, Greek letters as their names."""
    text = readable(text)
    if text.isascii():
        return text.lower()
    text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return text.casefold().translate(_GREEK)


def normal_title(title: str) -> str:
    r"""The words of a title, divided by spaces, with `MARK` where its subtitle begins.

    `{GP-VTON:} Towards Try-On` is "gp vton␟towards try on".
    """
    text = folded(title[:LONGEST]).strip(" .,;:\"'“”")
    text = _PLUS.sub(" plus ", text.replace("&", " and "))
    boundary = _SUBTITLE.search(text, 2)
    head, tail = (text[: boundary.start()], text[boundary.end() :]) if boundary else (text, "")
    first, second = " ".join(_WORD.findall(head)), " ".join(_WORD.findall(tail))
    return f"{first}{MARK}{second}" if first and second else first or second


def squeezed(normal: str) -> str:
    """A normal title as one string of letters and digits: "data set" and "dataset" are the same."""
    return normal.replace(" ", "").replace(MARK, "")


def words_of(normal: str) -> list[str]:
    """The words of a normal title."""
    return normal.replace(MARK, " ").split()


def name_words(text: str) -> frozenset[str]:
    """The words of names, as `surname` gives them."""
    return frozenset(_WORD.findall(folded(text)))


_NO_NAMES = frozenset(
    "collaboration collaborations consortium team group project scientific the and for".split()
)


def surname(keyname: str) -> str:
    """The word by which an author is known again in a reference: the longest of the keyname; "" if there is none.

    Of `van der Berg` a reference may have the particles or not, of `Garcia Lopez` one of the two.
    """
    words = [word for word in _WORD.findall(folded(keyname)) if word not in _NO_NAMES]
    return max(words, key=len, default="")


@dataclass(frozen=True, slots=True)
class Running:
    """A text in which titles are looked for: its words squeezed into `letters`.

    Word i is `letters[starts[i]:starts[i + 1]]`; `opens[i]` says that a title may begin with it, `closes[i]` that
    one may end with it, by the punctuation around; `goes_on[i]` that a subtitle may follow it.
    """

    words: tuple[str, ...]
    letters: str
    starts: tuple[int, ...]
    opens: tuple[bool, ...]
    closes: tuple[bool, ...]
    goes_on: tuple[bool, ...]


_BREAK = re.compile(r"[.,:;\"“”'`‘’()\[\]—–?!«»]")
_COLON = re.compile(r"[\"”'’)]*\s*(?:[:—–]|\s-\s)")
_QUOTES_ALONE = re.compile(r"\s*[\"“”'`‘’«»]+\s*")
# 'A note on "Attention is all you need"' is not "Attention is all you need", nor is it "(II)".
_BEFORE_PART = frozenset("on of to the in for about against beyond with from revisiting reproducing".split())
_AFTER_PART = frozenset("ii iii iv vi vii viii part".split())


def running(text: str, longest: int = 4_000) -> Running:
    """Cut a text into words as titles are, and see where a title may begin and end."""
    plain = _PLUS.sub(" plus ", folded(text[:longest]).replace("&", " and "))
    spans = [found.span() for found in _WORD.finditer(plain)]
    words = tuple(plain[start:end] for start, end in spans)
    gaps = [plain[before[1] : after[0]] for before, after in pairwise(spans)]
    breaks = [bool(_BREAK.search(gap)) for gap in gaps]
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    opens = [not place or _opens(words[place - 1], gaps[place - 1]) for place in range(len(words))]
    closes = [broken and after not in _AFTER_PART for broken, after in zip(breaks, words[1:], strict=True)]
    goes_on = [bool(_COLON.match(gap)) for gap in gaps]
    ends = ((*closes, True), (*goes_on, False)) if words else ((), ())
    return Running(words, "".join(words), tuple(starts), tuple(opens), *ends)


def _opens(before: str, gap: str) -> bool:
    """Whether a title may begin after this word and what stands between."""
    if before in _BEFORE_PART and _QUOTES_ALONE.fullmatch(gap):
        return False
    return bool(_BREAK.search(gap)) or (
        len(before) == 4 and before.isdecimal() and before[:2] in ("19", "20")
    )
