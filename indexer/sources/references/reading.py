"""What the sources of one paper cite: which of its files are to be believed, and their references."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import PurePosixPath

from indexer.papers import Rejected
from indexer.sources.references import biblatex, bibtex, latex, plain
from indexer.sources.references.folder import Sources
from indexer.sources.references.matching import Reference

_LATEX = (".tex", ".ltx", ".latex")
MOST = 20_000  # references of one paper; the longest lists have some thousands


class NotText(ValueError):
    """A file that is no text."""


def decoded(data: bytes) -> str:
    """Read a text in whatever encoding it has: UTF-8, UTF-16 with a mark, else Latin-1; raise `NotText`."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if b"\0" in data[:8_192]:
        raise NotText
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def references_of(paper: Sources, now: date) -> tuple[list[Reference], list[Rejected]]:
    """The references of a paper, and which files could not be read or why there are none.

    A `.bbl` is what was printed, so it counts before BibTeX files; so does a bibliography in the source. Of BibTeX
    beside LaTeX only what is cited counts. Plain text is read where there is nothing else.
    """
    rejected = list(paper.rejected)
    texts: dict[str, dict[str, str]] = {}
    for name, data in paper.texts:
        path = PurePosixPath(name)
        try:
            text = decoded(data)
        except NotText:
            rejected.append(Rejected(name, "is not text", id=paper.id))
            continue
        kind = ".tex" if path.suffix.lower() in _LATEX else path.suffix.lower()
        texts.setdefault(kind, {})[name] = text
    found: list[Reference] = []
    for reference in _references(texts, now):
        found.append(reference)
        if len(found) >= MOST:
            rejected.append(
                Rejected(str(paper.id), f"more than {MOST:,} references; the rest was left out", id=paper.id)
            )
            break
    if not found and not rejected:
        where = paper.texts[0][0] if paper.texts else str(paper.id)
        rejected.append(Rejected(where, "no list of references was found in it", id=paper.id))
    return found, rejected


def _references(texts: dict[str, dict[str, str]], now: date) -> Iterator[Reference]:
    sources = {name: latex.without_comments(text) for name, text in texts.get(".tex", {}).items()}
    printed = [
        *(item for text in _own_bbl(texts.get(".bbl", {}), sources) for item in _bbl(text, now)),
        *(item for text in sources.values() for item in _in_source(text, now)),
    ]
    if printed:
        yield from printed
    elif texts.get(".bib"):
        yield from _bib(texts[".bib"].values(), sources.values(), now)
    else:
        for text in texts.get(".txt", {}).values():
            yield from (plain.reference(raw, now) for raw in plain.split(text))


def _own_bbl(bbl: dict[str, str], sources: dict[str, str]) -> Iterable[str]:
    r"""The `.bbl` files of the paper itself: those named as a source with `\documentclass`, if any is; else all."""
    mains = {PurePosixPath(name).stem for name, text in sources.items() if "\\documentclass" in text}
    return [text for name, text in bbl.items() if PurePosixPath(name).stem in mains] or bbl.values()


def _bbl(text: str, now: date) -> Iterator[Reference]:
    text = latex.without_comments(text)
    if biblatex.is_biblatex(text):
        yield from (bibtex.reference(entry, now) for entry in biblatex.entries(text))
    else:
        yield from _in_source(text, now)


def _in_source(text: str, now: date) -> Iterator[Reference]:
    if "\\bibitem" in text:
        yield from latex.bib_items(text, now)
    if "\\bib" in text:
        yield from (bibtex.reference(entry, now) for entry in latex.amsrefs(text))


def _bib(files: Iterable[str], sources: Iterable[str], now: date) -> Iterator[Reference]:
    cited = latex.cited_keys("\n".join(sources))
    lowered = {key.lower() for key in cited}
    seen: set[str] = set()
    for text in files:
        for entry in bibtex.entries(text):
            key = entry.key.lower()
            if (not cited or "*" in cited or key in lowered) and not (key and key in seen):
                seen.add(key)
                yield bibtex.reference(entry, now)
