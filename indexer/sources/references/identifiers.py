"""arXiv ids and DOIs as they occur in references; pure, linear in the length of the text.

A number is taken for an id only where something says so: the word arXiv or CoRR before it, an address, brackets
around it, a subject class after it, an archive's name in it. What has the shape of an id but not a month that has
come, or another number of digits than arXiv gave out then, is none: report numbers, dates, pages, telephone numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

from indexer.errors import InvalidPaperId
from indexer.papers import PaperId

_ARCHIVES = (
    "acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas cond-mat cs dg-ga "
    "funct-an gr-qc hep-ex hep-lat hep-ph hep-th math math-ph mtrl-th nlin nucl-ex nucl-th patt-sol physics plasm-ph "
    "q-alg q-bio quant-ph solv-int supr-con"
).split()
_DASH = "[-‐‑–]"
# A line may end after a hyphen, a stop or a slash of an id, and PDF text has typographic hyphens.
_ARCHIVE = "|".join(
    name.replace("-", _DASH + r"\s{0,3}") for name in sorted(_ARCHIVES, key=len, reverse=True)
)
_CLASS = rf"(?:{_ARCHIVE}|stat|eess|econ|q-fin)(?:\.[a-z]{{2,5}}(?:-[a-z]{{2,5}})?)?"
_NUMBER = r"\d{4}(?:\.\d{4,5}|\s?\.\s{1,9}\d{5}|\.\s?\n\s{0,8}\d{4})"
_END = r"(?:\s?v[1-9]\d{0,2})?(?![\d])(?!\.\d)"
# What stands between the word and the number: `arXiv preprint arXiv:`, `arxiv.org/abs/`, `CoRR, abs/`, TeX.
_GAP = (
    r"(?:[^0-9a-z]|preprints?|e-?prints?|abs|pdf|html|org|www|https?|art|article|number|no|id|nr|p|tt|ttfamily|texttt|"
    rf"path|url|href|eprint|nolinkurl|{_CLASS}[/:\]])"
)
_NAMED = re.compile(
    rf"(?<![a-z])(?:arxiv|corr)(?=[^a-z])(?:{_GAP}){{0,24}}?(?<![\d.])(?P<id>{_NUMBER}){_END}",
    re.IGNORECASE | re.ASCII,
)
_PLACED = re.compile(
    rf"(?:(?<![a-z])abs/|(?:ar5iv|arxiv|huggingface)[a-z.-]{{0,20}}/(?:abs|pdf|html|format|ps|src|e-print|papers)/"
    rf"|arxiv\.\s?)(?P<id>{_NUMBER}){_END}",
    re.IGNORECASE | re.ASCII,
)
_BRACKETED = re.compile(
    rf"\[\s?(?P<id>\d{{4}}\.\d{{4,5}}){_END}\s?(?:\[{_CLASS}\]\s?)?\]", re.IGNORECASE | re.ASCII
)
_CLASSED = re.compile(
    rf"(?<![\d.=/a-z-])(?P<id>\d{{4}}\.\d{{4,5}}){_END}\s{{0,3}}[\[(]{_CLASS}[\])]",
    re.IGNORECASE | re.ASCII,
)
_OLD = re.compile(
    rf"(?<![a-z.\d-])(?P<archive>{_ARCHIVE})(?:\.[a-z-]{{2,9}})?\s?/\s{{0,3}}(?P<digits>\d{{2}}\s?\d{{5}})"
    r"(?:v[1-9]\d?)?(?![\d/])(?!\.\d)",
    re.IGNORECASE,
)
_OLD_CLASSED = re.compile(
    rf"(?<![a-z])arxiv\s?:\s?(?P<digits>\d{{7}})(?:v[1-9]\d?)?\s{{0,3}}[\[(](?P<archive>{_ARCHIVE})[\])]",
    re.IGNORECASE,
)
_DBLP = re.compile(r"corr/abs-(?P<id>\d{4}-\d{4,5})(?!\d)", re.IGNORECASE)
_OF_ANOTHER = re.compile(
    r"\b(?:comments?|reply|replies|response|errat(?:um|a)|corrigendum|addendum|remarks?|notes?)\s+(?:on|to|for|concerning)"
    r"\s*[\"“”'`\s]*$",
    re.IGNORECASE,
)
_TEX_SPACING = re.compile(
    r"\\(?:penalty-?\d*\s?|allowbreak(?![a-zA-Z])\s?|linebreak(?![a-zA-Z])(?:\[\d\])?\s?|[-/:])|\\,|\u00ad|\u200b"
)
_TEX_SLASH = re.compile(r"\\slash(?![a-zA-Z])\s?")

_DOI = re.compile(r"(?<![\d.])10\.\d{4,9}/[^\s\"<>{}|^`]{2,120}")
_DOI_END = re.compile(r"[.,;:'*\]]+$")
_ARXIV_DOI = re.compile(r"10\.48550/(?:arxiv\.)?(?=\S)", re.IGNORECASE)


def today() -> date:
    """The day (UTC) after whose month no id can have been given out yet."""
    return datetime.now(UTC).date()


def read_id(text: str, now: date) -> PaperId | None:
    """Read an id whose month has come by `now`; None for anything else."""
    try:
        paper = PaperId.parse(text)
    except InvalidPaperId:
        return None
    return paper if paper.month <= now.year * 100 + now.month else None


def arxiv_ids(text: str, now: date) -> tuple[PaperId, ...]:
    """The ids that a reference names, each once, in order of first appearance of their form.

    An id that the text comments on ("Comment on arXiv:1007.0718") is another paper's.
    """
    lower = text.lower()
    if not any(mark in lower for mark in ("rxiv", "corr", "abs/", "/", "slash", "[", "r5iv")):
        return ()
    text = _TEX_SLASH.sub("/", _TEX_SPACING.sub("", text))
    bare = _without_dois(text)
    found = [
        *_numbers(text, _NAMED, _PLACED, now=now),
        *_numbers(bare, _BRACKETED, _CLASSED, now=now),
        *_old(bare, now),
        *_dblp(text, now),
    ]
    return tuple(dict.fromkeys(found))


def _numbers(text: str, *forms: re.Pattern[str], now: date) -> Iterable[PaperId]:
    for form in forms:
        for found in form.finditer(text):
            paper = read_id("".join(found["id"].split()), now)
            if paper and not _of_another(text, found.start()):
                yield paper


def _old(text: str, now: date) -> Iterable[PaperId]:
    for form in (_OLD, _OLD_CLASSED):
        for found in form.finditer(text):
            archive = re.sub(_DASH, "-", "".join(found["archive"].split()))
            paper = read_id(f"{archive}/{''.join(found['digits'].split())}", now)
            if paper and not _of_another(text, found.start()):
                yield paper


def _dblp(text: str, now: date) -> Iterable[PaperId]:
    """Ids in keys of DBLP, `DBLP:journals/corr/abs-1706-03762`: they stay the work's, whatever was edited below."""
    for found in _DBLP.finditer(text):
        if paper := read_id(found["id"].replace("-", "."), now):
            yield paper


def _of_another(text: str, start: int) -> bool:
    return bool(_OF_ANOTHER.search(text[max(0, start - 40) : start]))


def eprint_id(value: str, archives: Iterable[str], now: date) -> PaperId | None:
    """Read the `eprint` field of an entry, whose archive may stand in other fields: `9901001` with `hep-th`."""
    bare = "".join(value.split()).strip("[]{}().,;")
    if paper := read_id(bare, now):
        return paper
    for archive in archives:
        name = archive.strip().lower().partition(".")[0]
        if name in _ARCHIVES and (paper := read_id(f"{name}/{bare}", now)):
            return paper
    return next(iter(arxiv_ids(value, now)), None)


def dois(text: str) -> tuple[str, ...]:
    """The DOIs in a text, in lower case, without arXiv's own (those are ids)."""
    if "10." not in text:
        return ()
    found = (clean_doi(match[0]) for match in _DOI.finditer(text.replace("\\_", "_").replace("\\", "")))
    return tuple(dict.fromkeys(doi for doi in found if not _ARXIV_DOI.match(doi)))


def clean_doi(text: str) -> str:
    """A DOI in lower case, without its resolver's address and the punctuation of the sentence around it."""
    start = text.find("10.")
    bare = text[max(start, 0) :].strip().replace("\\", "").lower()
    bare = _DOI_END.sub("", bare)
    while bare.endswith(")") and bare.count("(") < bare.count(")"):
        bare = _DOI_END.sub("", bare[:-1])
    return bare


def _without_dois(text: str) -> str:
    """Blank the DOIs of publishers: numbers in them are no ids."""
    if "10." not in text:
        return text
    return _DOI.sub(lambda found: found[0] if _ARXIV_DOI.match(found[0]) else " ", text)
