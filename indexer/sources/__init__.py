"""Where papers and citations come from. A source is named by a URL, `scheme:rest`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from indexer.errors import SettingsError
from indexer.ports import CitationSource, PaperSource
from indexer.sources.citations_file import CitationsFile
from indexer.sources.snapshot import Snapshot

Source = TypeVar("Source")

PAPER_SOURCES: Mapping[str, Callable[[str, str], PaperSource]] = MappingProxyType(
    {"snapshot": lambda path, url: Snapshot(path, name=url)}
)
CITATION_SOURCES: Mapping[str, Callable[[str, str], CitationSource]] = MappingProxyType(
    {"citations": lambda path, url: CitationsFile(path, name=url)}
)


def open_paper_source(url: str) -> PaperSource:
    """Open a source of papers, such as `snapshot:PATH`.

    Raise `SettingsError` for an unknown scheme, `SourceError` for a file that is not there.
    """
    return _open(url, PAPER_SOURCES, "papers")


def open_citation_source(url: str) -> CitationSource:
    """Open a source of citations, such as `citations:PATH`; errors as in `open_paper_source`."""
    return _open(url, CITATION_SOURCES, "citations")


def _open(url: str, known: Mapping[str, Callable[[str, str], Source]], what: str) -> Source:
    scheme, separator, rest = url.partition(":")
    if separator and scheme in known and rest:
        return known[scheme](rest, url)
    forms = ", ".join(f"{name}:PATH" for name in known)
    raise SettingsError(f"{url!r} names no source of {what}; known are {forms}")
