"""arXiv's metadata made uniform: authors, categories, licences, withdrawals. Pure, for all sources."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import MappingProxyType

from indexer.papers import Author
from indexer.plain_text import one_line, unaccent_tex

# Alias to canonical, and archives that a category took over (arXiv's own taxonomy, arxiv-base).
CANONICAL_CATEGORY = MappingProxyType(
    {
        "math.MP": "math-ph",
        "stat.TH": "math.ST",
        "math.IT": "cs.IT",
        "q-fin.EC": "econ.GN",
        "cs.SY": "eess.SY",
        "cs.NA": "math.NA",
        "cmp-lg": "cs.CL",
        "adap-org": "nlin.AO",
        "comp-gas": "nlin.CG",
        "chao-dyn": "nlin.CD",
        "solv-int": "nlin.SI",
        "patt-sol": "nlin.PS",
        "alg-geom": "math.AG",
        "dg-ga": "math.DG",
        "funct-an": "math.FA",
        "q-alg": "math.QA",
        "mtrl-th": "cond-mat.mtrl-sci",
        "supr-con": "cond-mat.supr-con",
        "acc-phys": "physics.acc-ph",
        "ao-sci": "physics.ao-ph",
        "atom-ph": "physics.atom-ph",
        "bayes-an": "physics.data-an",
        "chem-ph": "physics.chem-ph",
        "plasm-ph": "physics.plasm-ph",
    }
)

# The licences that arXiv has offered, as its keys have them: http, trailing slash.
_LICENSE = re.compile(
    r"https?://(?:www\.)?(?P<key>"
    r"creativecommons\.org/licenses/(?:by|by-sa|by-nc|by-nd|by-nc-sa|by-nc-nd)/(?:[1-4]\.0|2\.5)"
    r"|creativecommons\.org/(?:publicdomain/(?:zero|mark)/1\.0|licenses/publicdomain)"
    r"|arxiv\.org/licenses/(?:nonexclusive-distrib/1\.0|assumed-1991-2003)"
    r")(?:/(?:legalcode|deed)?(?:\.[a-z-]+)?)?",
    re.IGNORECASE,
)


@lru_cache(maxsize=256)
def license_uri(text: str) -> str | None:
    """Give a licence as arXiv's key (http, trailing slash); an unknown one stays, an empty text is None."""
    bare = text.strip()
    found = _LICENSE.fullmatch(bare)
    return f"http://{found['key'].lower()}/" if found else bare or None


@lru_cache(maxsize=16_384)
def canonical_categories(text: str) -> tuple[str, ...]:
    """Read categories divided by spaces or commas: aliases made canonical, each once, in order."""
    return tuple(
        dict.fromkeys(CANONICAL_CATEGORY.get(name, name) for name in re.split(r"[\s,;]+", text) if name)
    )


_SUFFIX = re.compile(r"(?:Jr|Sr)\.?|I{2,3}|IV|1st|2nd|3rd", re.IGNORECASE)
_GROUP = re.compile(
    r"\b(?:collaborations?|consortium|working group|group|team|project|society)$", re.IGNORECASE
)
_INNER_PARENTHESES = re.compile(r"\([^()]*\)")
_OPEN_PARENTHESIS = re.compile(r"\([^,]*|\)")
_BETWEEN = re.compile(r"\s*(?:[,;:]|\band\b|&)\s*")
_GLUED_INITIALS = re.compile(r"(?<=[A-Z]\.)(?=[A-Z][^\W\d_]*[a-z])")
_ON_BEHALF = re.compile(
    r"^(?:(?:for|on behalf of|with|the)\s+)+(?=.*\b(?:collaboration|consortium|group|team)\b)", re.I
)
_ET_AL = re.compile(r"[\s,.]*\bet\.?\s+al\b\.?$", re.IGNORECASE)
_PARTICLES = frozenset(
    (
        "van",
        "von",
        "der",
        "den",
        "de",
        "del",
        "della",
        "di",
        "da",
        "dos",
        "du",
        "la",
        "le",
        "ten",
        "ter",
        "zu",
    )
)


def author(keyname: str, forenames: str = "", suffix: str = "") -> Author | None:
    """Make an author of the parts of a name; None if all are empty."""
    key, fore, end = unaccent_tex(keyname), unaccent_tex(forenames), unaccent_tex(suffix)
    return Author(key or fore, fore if key else "", end) if key or fore else None


def split_authors(text: str) -> tuple[Author, ...]:
    """Split an author line, "A. One (Rome), B. van Two, Jr. and C. Three": the last word is the keyname.

    Particles before it belong to it, as arXiv has it; what stands in parentheses is dropped; a collaboration
    is a keyname alone.
    """
    bare = one_line(text)
    if "(" in bare or ")" in bare:
        bare = _without_parentheses(bare)
    authors: list[Author] = []
    for part in _BETWEEN.split(unaccent_tex(bare)):
        name = _name_of(part)
        if authors and _SUFFIX.fullmatch(name):
            last = authors.pop()
            authors.append(Author(last.keyname, last.forenames, name))
        elif any(char.isalpha() for char in name):
            authors.append(_split_name(name))
    return tuple(authors)


def _without_parentheses(text: str) -> str:
    while (shorter := _INNER_PARENTHESES.sub(" ", text)) != text:
        text = shorter
    return _OPEN_PARENTHESIS.sub(" ", text)


# Names come back: people write more than one paper, and sources list those of a field together.
@lru_cache(maxsize=65_536)
def _name_of(part: str) -> str:
    return one_line(_ON_BEHALF.sub("", _ET_AL.sub("", part)))


@lru_cache(maxsize=65_536)
def _split_name(name: str) -> Author:
    if _GROUP.search(name):
        return Author(name)
    words = _GLUED_INITIALS.sub(" ", name).split(" ")
    suffix = words.pop() if len(words) > 1 and _SUFFIX.fullmatch(words[-1]) else ""
    cut = len(words) - 1
    while cut > 1 and words[cut - 1] in _PARTICLES:
        cut -= 1
    return Author(" ".join(words[cut:]), " ".join(words[:cut]), suffix)


_WHAT = r"(?:(?:pre-?|e-?)print|paper|article|manuscript|submission|work|note|letter|draft|report|thesis|version)s?"
_DONE = (
    r"(?:(?:has|have|is|are|was|were|had|being)\s+)?(?:now\s+|hereby\s+|been\s+|being\s+)*"
    r"(?:withdrawn|retracted)\b"
)
# "withdrawn from the ICML proceedings" is not withdrawn from arXiv.
_FROM_HERE = r"(?!\s+from\s+(?!(?:the\s+)?arxiv))"
_WHO = r"(?:(?:the|its|an?|all|both|of)\s+)*(?:\w+\s+)?(?:authors?|submitters?|arxiv)\b"
_ANYWHERE = re.compile(
    # "an earlier version of this paper has been withdrawn" says it of another
    rf"(?<!of )(?<!in )\b(?:this|our)\s+(?:(?:present|arxiv|whole|entire|research|short)\s+)?"
    rf"{_WHAT}\s+(?:and\s+(?:the\s+|its\s+)?\w+\s+)?{_DONE}{_FROM_HERE}"
    rf"|\bthis\s+has\s+been\s+withdrawn{_FROM_HERE}"
    rf"|\bthis\s+{_WHAT}\s+has\s+been\s+removed\s+by\s+arxiv"
    rf"|\bwe\s+(?:\w+\s+){{0,4}}?withdraw\s+(?:this|our|the)\s+{_WHAT}\b{_FROM_HERE}",
    re.IGNORECASE,
)
# "Withdrawn users ..." begins an abstract about something else.
_ALONE = r"(?=\s*(?:$|[.,:;!)\]]|(?:by|due|because|for|since|as|on|until|pending|after|from|in)\b))"
_AT_START = re.compile(
    rf"\W*(?:(?:the|this|our)\s+)?(?:{_WHAT}\s+)?(?:temporarily\s+)?{_DONE}{_ALONE}{_FROM_HERE}",
    re.IGNORECASE,
)
_IN_COMMENTS = re.compile(
    rf"\b(?:withdrawn|retracted)\s+by\s+{_WHO}"
    rf"|\bremoved\s+by\s+(?:the\s+)?arxiv\b"
    rf"|:\s*withdrawn\b{_FROM_HERE}"
    rf"|\b(?:needs?|has|have|had|ought)\s+to\s+be\s+withdrawn\b{_FROM_HERE}"
    rf"|\bauthors?\s+(?:\w+\s+){{0,4}}?withdraw\s+(?:this|our|the|their)\s+{_WHAT}\b{_FROM_HERE}"
    rf"|\brequest(?:s|ed|ing)?\s+(?:its|the|a)\s+withdrawal\b{_FROM_HERE}",
    re.IGNORECASE,
)


def is_withdrawn(comments: str | None, abstract: str) -> bool:
    """Tell whether comments or abstract say that the paper is withdrawn from arXiv.

    An abstract must say it of the paper itself ("this paper has been withdrawn"), or begin with it: papers
    about drugs, data or funds that are withdrawn are not.
    """
    if comments and _names_it(comments):
        return bool(_ANYWHERE.search(comments) or _AT_START.match(comments) or _IN_COMMENTS.search(comments))
    return _names_it(abstract) and bool(_ANYWHERE.search(abstract) or _AT_START.match(abstract))


def _names_it(text: str) -> bool:
    lower = text.lower()
    return "withdraw" in lower or "retracted" in lower or "removed by arxiv" in lower


_RFC_822 = re.compile(
    r"(?:[A-Z][a-z]{2}, +)?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) +(?:GMT|UTC?|[+-]0000)",
    re.ASCII,
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC_822_LOOSELY = re.compile(
    r"(?:[A-Z][a-z]{2}, *)?\d{1,2} [A-Z][a-z]{2} (?:19|20)\d\d \d\d:\d\d(?::\d\d)? *(?:[A-Z]{1,4}|[+-]\d{4})?",
    re.ASCII,
)


def rfc_822_moment(text: str) -> datetime | None:
    """Read an RFC 822 date as UTC; None if it is none."""
    bare = text.strip()
    try:
        if found := _RFC_822.fullmatch(bare):
            day, month, year, hour, minute, second = found.groups()
            return datetime(
                int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
            )
        # The parser makes a date of nearly anything: of the year MMXXVI it makes 2000.
        moment = parsedate_to_datetime(bare) if _RFC_822_LOOSELY.fullmatch(bare) else None
    except (ValueError, TypeError, KeyError, IndexError, OverflowError):
        return None
    return moment and (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
