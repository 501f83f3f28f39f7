r"""LaTeX sources: which keys are cited, and the entries of `thebibliography` (`\bibitem`, in `.tex` and `.bbl`).

The title is looked for where the styles put it: a named field (REVTeX, ACM, Springer), the second `\newblock`,
quotation marks, emphasis. Never fails; linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from indexer.plain_text import readable
from indexer.sources.references.bibtex import Entry, closings, entries, with_rest
from indexer.sources.references.identifiers import arxiv_ids, dois
from indexer.sources.references.matching import Reference
from indexer.sources.references.plain import quoted, segments, year_of

_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*(?:\n[ \t]*(?=[^\s])|\n|$)")
_ITEM = re.compile(r"\\bibitem(?![a-zA-Z])")
_END = re.compile(
    r"\\end\s*\{(?:the)?(?:bibliography|references)\}|\\bibliographystyle\b|\\endthebibliography\b"
)
_CITE = re.compile(
    r"\\[a-zA-Z]{0,20}(?:cite|Cite)[a-zA-Z]{0,20}\*?\s*(?P<rest>(?:[\[(<][^\]>){}]{0,300}[\])>]\s*|\{[^{}]{0,5000}\}\s*)+)"
)
_GROUP = re.compile(r"\{([^{}\\]{1,5000})\}")
_TITLED = re.compile(
    r"\\(?:bibinfo\s*\{\s*(?:title|booktitle)\s*\}|showarticletitle|batitle|bbtitle|btitle|bctitle|bibtitle|articletitle|"
    r"enquote|arttitle|Title)\s*(?=\{)"
)
_NAMED = re.compile(r"\\(?:bibnamefont|bsnm|snm|surname|bibinfo\s*\{\s*person\s*\})\s*(?=\{)")
_YEAR_FIELD = re.compile(r"\\(?:bibinfo\s*\{\s*(?:year|date)\s*\}|byear)\s*\{[^{}\d]{0,20}(\d{4})")
_EMPHASIS = re.compile(
    r"\\(?:emph|textit|textsl|textbf)\s*(?=\{)|(?=\{\s*\\(?:em|it|sl|itshape|slshape|bf)(?![a-z]))"
)
_AMSREFS = re.compile(r"\\bib\s{0,9}\{([^{}]{1,200})\}\s{0,9}\{([A-Za-z]{1,40})\}\s{0,9}(?=\{)")
_LONGEST = 6_000  # characters of an entry that are looked at


def without_comments(text: str) -> str:
    """Take out comments, with the end of their line and the indent of the next, as TeX does."""
    return _COMMENT.sub(r"\1", text) if "%" in text else text


def cited_keys(text: str) -> set[str]:
    r"""The keys that a source without comments cites, by any command with "cite" in its name; `*` of `\nocite{*}`.

    Where there is no such command, every word in braces: authors define commands of their own.
    """
    found: set[str] = set()
    for command in _CITE.finditer(text):
        for group in _GROUP.finditer(command["rest"]):
            found.update(key.strip() for key in group[1].split(","))
    if not found:
        found = {key.strip() for group in _GROUP.finditer(text) for key in group[1].split(",")} - {"*"}
    return found - {""}


def bib_items(text: str, now: date) -> Iterator[Reference]:
    r"""The entries `\bibitem[label]{key} ...` and amsrefs' `\bib{key}{type}{...}` of a text without comments."""
    for _, rest in with_rest(_ITEM, text):
        end = _END.search(rest)
        key, body = _without_label(rest[: end.start() if end else None][:_LONGEST])
        if body.strip():
            yield _reference(key, body, now)


def amsrefs(text: str) -> Iterator[Entry]:
    r"""The entries `\bib{key}{type}{field={...}, ...}` of amsrefs."""
    for head, body in with_rest(_AMSREFS, text):
        yield from entries(f"@{head[2]}{{{head[1]},{body[1:]}")


def _without_label(body: str) -> tuple[str, str]:
    """Cut `[label]{key}` off the front of an entry; give the key and the rest."""
    closed = closings(body)
    at = len(body) - len(body.lstrip())
    if body[at : at + 1] == "[":
        at += 1
        while at < len(body) and body[at] != "]":
            at = closed.get(at, at) + 1 if body[at] == "{" else at + 1
        at += 1
    at += len(body[at:]) - len(body[at:].lstrip())
    end = closed.get(at)
    return (body[at + 1 : end], body[end + 1 :]) if end is not None else ("", body)


def _reference(key: str, body: str, now: date) -> Reference:
    """Read the body of an entry."""
    found = _YEAR_FIELD.search(body)
    closed = closings(body)
    named = " ".join(_groups(body, _NAMED, closed))
    plain = readable(_URL.sub(" ", body.replace("\\newblock", " ")))
    titles = _titles(body, closed)
    before = readable(body[: body.find(titles[0])]) if titles else ""
    return Reference(
        ids=arxiv_ids(f"{body}\n{key}" if "corr/abs-" in key else body, now),
        dois=dois(body),
        titles=tuple(readable(title) for title in titles),
        guesses=tuple(segments(plain)),
        authors=named or (before if any(char.isalpha() for char in before) else plain),
        year=int(found[1]) if found else year_of(plain),
        text=plain,
    )


_URL = re.compile(
    r"\\(?:url|path|nolinkurl|burl)\s*\{[^{}]*\}|\\href\s*(?=\{)|\\(?:penalty-?\d+|natexlab\s*\{[^{}]*\})"
)


def _titles(body: str, closed: dict[int, int]) -> list[str]:
    """What may be the title of an entry, likeliest first."""
    found = _groups(body, _TITLED, closed)
    blocks = body.split("\\newblock")
    if len(blocks) >= 2:
        found.append(blocks[1])
    found.extend(quoted(body))
    found.extend(text for text in _groups(body, _EMPHASIS, closed) if text.count(" ") + text.count("~") >= 2)
    return [text for text in found if text.strip()]


def _groups(body: str, command: re.Pattern[str], closed: dict[int, int]) -> list[str]:
    return [
        body[found.end() + 1 : closed[found.end()]]
        for found in command.finditer(body)
        if found.end() in closed
    ]
