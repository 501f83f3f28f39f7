"""Where maths stands in running text, and which dollars are money."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_MATHS = 2000  # characters; bounds the search for an end that never comes
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_SIGN = re.compile(r"\\.|[{}$]", re.DOTALL)
_ESCAPED_SIGN = re.compile(r"\\[%$&#_]")
_TEX_SIGN = re.compile(r"[\\^_{}]")
_WORD = re.compile(r"[A-Za-z]{2,}")
_PRICE = re.compile(r"[\d.,]+\s*[A-Za-z]*\s+\(?[A-Za-z]{2,}(?![A-Za-z]*[_^({])")
_PLAIN_WORD = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}(?=\s)")


def maths_spans(text: str) -> Iterator[tuple[int, int]]:
    """Find each `$...$` and `$$...$$`: where it starts and ends, dollars included; prices are left out."""
    dollars = _dollars(text)
    index = 0
    while index + 1 < len(dollars):
        start = dollars[index][0]
        width = 2 if dollars[index + 1][0] == start + 1 else 1
        closing = _closing(dollars, index, width)
        if closing is not None:
            end = dollars[closing][0] + width
            if _is_maths(text[start + width : end - width], text[end : end + 1]):
                yield start, end
                index = closing + width
                continue
        index += 1


def _dollars(text: str) -> list[tuple[int, int]]:
    """Where the dollars are that no backslash escapes, each with the number of braces open around it."""
    level = 0
    found = []
    for sign in _SIGN.finditer(text):
        if sign[0] == "$":
            found.append((sign.start(), level))
        level += {"{": 1, "}": -1}.get(sign[0], 0)
    return found


def _closing(dollars: list[tuple[int, int]], opening: int, width: int) -> int | None:
    r"""Find the dollar that closes: of `$\textbf{H$^3$}$` the last, but the next one where braces do not match."""
    start, level = dollars[opening]
    nearest = None
    for index in range(opening + width, len(dollars)):
        place, around = dollars[index]
        if place - start > MAX_MATHS:
            break
        if width == 2 and (index + 1 == len(dollars) or dollars[index + 1][0] != place + 1):
            continue
        if around == level:
            return index
        nearest = index if nearest is None else nearest
        if around < level:
            break
    return nearest


def _is_maths(body: str, following: str) -> bool:
    """Tell whether what stands between two dollars is maths, and they are not prices ("$4 or $5")."""
    if len(body) > MAX_MATHS or not body.strip() or _leaves_group(body):
        return False
    bare = _ESCAPED_SIGN.sub("", body)
    if _PRICE.match(bare) or (following.isdigit() and body[0].isdigit()):
        return False
    if len(_PLAIN_WORD.findall(bare)) > 2 and "\\text" not in bare and "\\mbox" not in bare:
        return False
    if _TEX_SIGN.search(bare):
        return True
    return not (body[0].isspace() or body[-1].isspace()) or not _WORD.search(body)


def _leaves_group(body: str) -> bool:
    """Tell whether a brace closes that did not open here: then two dollars stand in different arguments."""
    level = 0
    for found in BRACE.finditer(body):
        level += {"{": 1, "}": -1}.get(found[0], 0)
        if level < 0:
            return True
    return False
