r"""The `.bbl` of biblatex: `\entry{key}{type}...`, `\field{title}{...}`, `\verb{doi}` (biblatex manual, appendix)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from indexer.sources.references.bibtex import Entry, closings, with_rest

_ENTRY = re.compile(r"\\entry\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_FIELD = re.compile(r"\\(?:field|strng|list)\s*\{([a-z]+)\}\s*(?:\{\d+\}\s*)?(?=\{)")
_VERB = re.compile(r"\\verb\s*\{([a-z]+)\}\s*\\verb\s([^\n]*)")
_NAME = re.compile(r"\\name\s*\{(author|editor)\}\s*\{\d+\}\s*\{[^{}]*\}\s*(?=\{)")
_FAMILY = re.compile(r"\bfamily=\{?([^{},=]*(?:\{[^{}]*\}[^{},=]*)*)|\{\{hash=[^{}]*\}\{([^{}]*)\}")


def is_biblatex(text: str) -> bool:
    """Whether a `.bbl` was written by biblatex."""
    return bool(_ENTRY.search(text)) and "\\bibitem" not in text


def entries(text: str) -> Iterator[Entry]:
    """Read the entries, in order, as of a BibTeX file. Never fails."""
    for head, body in with_rest(_ENTRY, text):
        yield Entry(head[2], head[1], _fields(body.partition("\\endentry")[0]))


def _fields(body: str) -> dict[str, str]:
    closed = closings(body)
    fields: dict[str, str] = {}
    for found in _FIELD.finditer(body):
        if found.end() in closed:
            fields.setdefault(found[1], body[found.end() + 1 : closed[found.end()]])
    for found in _VERB.finditer(body):
        fields.setdefault(found[1], found[2].strip())
    for found in _NAME.finditer(body):
        names = body[found.end() : closed.get(found.end(), len(body))]
        fields.setdefault(found[1], " and ".join(one[1] or one[2] or "" for one in _FAMILY.finditer(names)))
    return fields
