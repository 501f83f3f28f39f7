"""BibTeX, read as it is found: broken entries, missing braces, any field.

The reader is our own: bibtexparser 1.4 takes 34 times as long for a survey's 922 entries, and loses the entry in
which a brace is missing, and those of types that it does not know. Here an entry ends at the latest where the next
begins. Linear in the length of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from indexer.sources.references.identifiers import arxiv_ids, clean_doi, dois, eprint_id, read_id
from indexer.sources.references.matching import Reference

_HEAD = re.compile(r"(?:^|(?<=[\s}),]))@\s{0,9}([A-Za-z][\w-]{0,40})\s{0,40}[{(]", re.MULTILINE)
_NOT_WORKS = frozenset(("comment", "preamble", "string", "set", "xdata"))
_FIELD = re.compile(r"[\s,]*([A-Za-z_][\w:+.-]{0,60})\s*=\s*")
_KEY = re.compile(r"\s*([^\s,={}\"]{0,300})\s*(?:,|$|(?=[)}]))")
_PART = re.compile(r"[^\s,{}\"#]{1,200}")
# Where a brace is missing: the next line that begins a field.
_NEXT_FIELD = re.compile(r"\n[ \t]{0,80}(?=[A-Za-z][\w-]{0,40}[ \t]{0,40}=[ \t]{0,40}[{\"\d])")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_JOINED = re.compile(r"\s*#\s*")
_LONGEST = 20_000  # characters of a field; an abstract has 2,000

# Fields that speak of other works, or of nothing: all others may hold the id.
_UNRELATED = frozenset(
    "abstract annote annotation file keywords comment author editor title booktitle crossref timestamp bibsource "
    "owner added-at date-added date-modified language langid month year date isbn issn".split()
)
_EPRINTS = frozenset(("eprint", "arxivid", "arxiv", "arxiv_id", "arxiv-id", "_eprint"))
_ARCHIVE_FIELDS = ("archiveprefix", "primaryclass", "eprintclass", "eprinttype", "archive")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a BibTeX file: type and names of fields in lower case, values without their delimiters."""

    kind: str
    key: str
    fields: dict[str, str]


def entries(text: str) -> Iterator[Entry]:
    """Read the entries of works in a file, in order; `@string` is put in where it is used. Never fails."""
    macros: dict[str, str] = {}
    for head, chunk in with_rest(_HEAD, text):
        kind = head[1].lower()
        if kind == "string":
            macros.update(_fields(chunk, 0, macros))
        elif kind not in _NOT_WORKS and (found := _KEY.match(chunk)):
            yield Entry(kind, found[1], _fields(chunk, found.end(), macros))


def with_rest(head: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each match of a pattern, with the text from its end to the next."""
    heads = list(head.finditer(text))
    ends = [found.start() for found in heads[1:]] + [len(text)] * bool(heads)
    for found, end in zip(heads, ends, strict=True):
        yield found, text[found.end() : end]


def closings(text: str) -> dict[int, int]:
    """Where each `{` is closed; those that never are, are left out."""
    found: dict[int, int] = {}
    stack: list[int] = []
    for brace in _BRACES.finditer(text):
        if brace[0] == "{":
            stack.append(brace.start())
        elif brace[0] == "}" and stack:
            found[stack.pop()] = brace.start()
    return found


def _fields(chunk: str, at: int, macros: dict[str, str]) -> dict[str, str]:
    """Read `name = value, ...` from a place on; the first of a name counts, as in BibTeX."""
    closed = closings(chunk)
    quotes = _Quotes(chunk, closed)
    fields: dict[str, str] = {}
    while found := _FIELD.match(chunk, at):
        value, at = _value(chunk, found.end(), quotes, macros)
        fields.setdefault(found[1].lower(), value)
        if not _FIELD.match(chunk, at) and (missed := _NEXT_FIELD.search(chunk, at)):
            at = missed.end()
    return fields


def _value(chunk: str, at: int, quotes: _Quotes, macros: dict[str, str]) -> tuple[str, int]:
    """Read a value, `{...} # macro # "..."`, and where it ends."""
    parts: list[str] = []
    while at < len(chunk):
        if chunk[at] == "{":
            part, at = _delimited(chunk, at, quotes.closed.get(at))
        elif chunk[at] == '"':
            part, at = _delimited(chunk, at, quotes.end(at))
        elif word := _PART.match(chunk, at):
            part, at = macros.get(word[0].lower(), word[0]), word.end()
        else:
            break
        parts.append(part)
        joined = _JOINED.match(chunk, at)
        if not joined:
            break
        at = joined.end()
    return "".join(parts), at


def _delimited(chunk: str, start: int, end: int | None) -> tuple[str, int]:
    """Take what stands between two places; where the second is not known or a field begins before, up to that."""
    missed = _NEXT_FIELD.search(chunk, start, len(chunk) if end is None else end)
    if missed:
        return chunk[start + 1 : missed.start()][:_LONGEST], missed.start()
    if end is None:
        return chunk[start + 1 : start + 1 + _LONGEST], len(chunk)
    return chunk[start + 1 : end][:_LONGEST], end + 1


class _Quotes:
    """Finds where values in quotation marks end; gives up in an entry that would take more than linear time."""

    def __init__(self, chunk: str, closed: dict[int, int]) -> None:
        self.closed = closed
        self._chunk = chunk
        self._left = 4 * len(chunk)

    def end(self, start: int) -> int | None:
        """The place of the `"` that closes the one at `start`: one inside braces is part of the value."""
        at = start + 1
        while at < len(self._chunk) and self._left:
            if self._chunk[at] == '"':
                return at
            self._left -= 1
            at = self.closed.get(at, at) + 1 if self._chunk[at] == "{" else at + 1
        return None


def reference(entry: Entry, now: date) -> Reference:
    """What an entry says of its work."""
    fields = entry.fields
    said = [value for name, value in fields.items() if name not in _UNRELATED and name not in _EPRINTS]
    archives = [fields.get(name, "") for name in _ARCHIVE_FIELDS]
    kind = fields.get("eprinttype", fields.get("archiveprefix", "arxiv")).strip().lower()
    of_arxiv = kind in ("", "arxiv") or bool(read_id(f"{kind}/9901001", now)) or "arxiv" in kind
    eprints = [
        paper
        for name in _EPRINTS & fields.keys()
        if of_arxiv and (paper := eprint_id(fields[name], archives, now))
    ]
    text = "\n".join((*said, entry.key if "corr/abs-" in entry.key else ""))
    doi = clean_doi(fields["doi"]) if "10." in fields.get("doi", "") else ""
    year = _YEAR.search(fields.get("year", "") or fields.get("date", ""))
    return Reference(
        ids=tuple(dict.fromkeys((*eprints, *arxiv_ids(text, now)))),
        dois=tuple(dict.fromkeys((*((doi,) if doi else ()), *dois(text)))),
        titles=tuple(
            fields[name] for name in ("title", "booktitle") if name in fields and _is_title(name, entry)
        ),
        authors=fields.get("author", fields.get("editor", "")),
        year=int(year[0]) if year else 0,
    )


def _is_title(name: str, entry: Entry) -> bool:
    return name == "title" or (
        entry.kind in ("book", "proceedings", "collection") and "title" not in entry.fields
    )
