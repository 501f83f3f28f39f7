"""Where papers and citations come from. A source is named by a URL, `scheme:rest`.

Adapters are imported when their source is opened: XML, HTTP and the `arxiv` package take a third of a second that
commands which read the library need not pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeVar

from indexer.errors import SettingsError
from indexer.papers import Paper, Window
from indexer.ports import CitationSource, PaperSource
from indexer.settings import Settings

if TYPE_CHECKING:
    from indexer.sources.polite.pace import Pace
    from indexer.sources.polite.session import PoliteSession

Source = TypeVar("Source")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source as it was asked for: its URL whole and after the scheme, what it is narrowed to, and who asks."""

    url: str
    rest: str
    settings: Settings
    window: Window
    held: Callable[[], Iterable[Paper]]
    waiting: Callable[[str], None] | None

    def pace(self, name: str, interval: float) -> Pace:
        """The pace of a service: that of all commands of this machine."""
        from indexer.sources.polite.pace import Pace

        return Pace(name, interval, self.settings.state_path, waiting=self.waiting)


@dataclass(frozen=True, slots=True)
class Kind(Generic[Source]):
    """A kind of source: how its URLs look, how one is opened, and whether it is a service (and no file)."""

    form: str
    open: Callable[[Wanted], Source]
    live: bool = False


def open_paper_source(
    url: str,
    settings: Settings | None = None,
    window: Window | None = None,
    *,
    waiting: Callable[[str], None] | None = None,
) -> PaperSource:
    """Open a source of papers, such as `snapshot:PATH`, narrowed to a window of days.

    `waiting` is told what the source waits for, in words. Raise `SettingsError` for a URL that names none,
    `SourceError` for a file that is not there.
    """
    narrowed = window or Window()
    kind, rest = _kind_of(url, PAPER_SOURCES, "papers")
    return kind.open(Wanted(url, rest, settings or Settings(), narrowed, tuple, waiting))


def open_citation_source(
    url: str,
    settings: Settings | None = None,
    held: Callable[[], Iterable[Paper]] = tuple,
    *,
    waiting: Callable[[str], None] | None = None,
) -> CitationSource:
    """Open a source of citations, such as `citations:PATH`; `held` reads the papers that `references:` may find."""
    kind, rest = _kind_of(url, CITATION_SOURCES, "citations")
    return kind.open(Wanted(url, rest, settings or Settings(), Window(), held, waiting))


def sort_sources(urls: Iterable[str]) -> tuple[list[str], list[str]]:
    """Divide URLs into sources of papers and of citations; `SettingsError` for one that is neither."""
    papers: list[str] = []
    citations: list[str] = []
    for url in urls:
        scheme = url.partition(":")[0]
        if scheme in PAPER_SOURCES:
            papers.append(url)
        elif scheme in CITATION_SOURCES:
            citations.append(url)
        else:
            forms = ", ".join(
                [kind.form for kind in PAPER_SOURCES.values()]
                + [kind.form for kind in CITATION_SOURCES.values()]
            )
            raise SettingsError(f"{url!r} names no source; known are {forms}")
    return papers, citations


def live_sources(urls: Iterable[str]) -> list[str]:
    """Those of the URLs that name services, which have something new every day, and not files."""
    kinds: dict[str, bool] = {
        **{scheme: kind.live for scheme, kind in PAPER_SOURCES.items()},
        **{scheme: kind.live for scheme, kind in CITATION_SOURCES.items()},
    }
    return [url for url in urls if kinds.get(url.partition(":")[0])]


def _kind_of(url: str, known: Mapping[str, Kind[Source]], what: str) -> tuple[Kind[Source], str]:
    """The kind of source that a URL names, and what stands after the scheme."""
    scheme, separator, rest = url.partition(":")
    kind = known.get(scheme) if separator else None
    if kind is not None and (rest or "[" in kind.form or kind.form.endswith(":")):
        return kind, rest
    forms = ", ".join(one.form for one in known.values())
    raise SettingsError(f"{url!r} names no source of {what}; known are {forms}")


def _unwindowed(wanted: Wanted, why: str) -> None:
    if wanted.window:
        raise SettingsError(f"{wanted.url} cannot be narrowed by --since and --until: {why}")


def _arxiv_session(wanted: Wanted) -> PoliteSession:
    """One pace for all of arXiv's services: its terms count them together."""
    from indexer.sources.polite.session import PoliteSession

    settings = wanted.settings
    pace = wanted.pace("arxiv", settings.arxiv_interval)
    return PoliteSession(pace, contact=settings.contact, block_on_403=True)


def _snapshot(wanted: Wanted) -> PaperSource:
    from indexer.sources.snapshot import Snapshot

    return Snapshot(wanted.rest, name=wanted.url, window=wanted.window)


def _oai_pmh(wanted: Wanted) -> PaperSource:
    from indexer.sources.oai_pmh.source import OaiPmh

    return OaiPmh(
        wanted.url,
        wanted.settings.oai_pmh,
        _arxiv_session(wanted),
        set_spec=wanted.rest or None,
        window=wanted.window,
    )


def _arxiv_api(wanted: Wanted) -> PaperSource:
    from indexer.sources.arxiv_api.source import ArxivApi

    session = _arxiv_session(wanted)
    return ArxivApi(wanted.url, wanted.settings.arxiv_api, session, query=wanted.rest, window=wanted.window)


def _rss(wanted: Wanted) -> PaperSource:
    from indexer.sources.rss import Rss

    _unwindowed(wanted, "a feed has what was announced last")
    session = _arxiv_session(wanted)
    return Rss(
        wanted.url, wanted.settings.rss, session, categories=wanted.rest, clock=lambda: datetime.now(UTC)
    )


def _citations_file(wanted: Wanted) -> CitationSource:
    from indexer.sources.citations_file import CitationsFile

    return CitationsFile(wanted.rest, name=wanted.url)


def _references(wanted: Wanted) -> CitationSource:
    from indexer.sources.references import References, Titles

    return References(wanted.rest, name=wanted.url, titles=Titles.of(wanted.held()))


def _semantic_scholar(wanted: Wanted) -> CitationSource:
    from indexer.sources.polite.session import PoliteSession
    from indexer.sources.semantic_scholar import SemanticScholar

    settings = wanted.settings
    key = {"x-api-key": settings.semantic_scholar_key} if settings.semantic_scholar_key else {}
    session = PoliteSession(wanted.pace("semantic-scholar", 1.0), contact=settings.contact, headers=key)
    return SemanticScholar(wanted.url, settings.semantic_scholar, session)


def _openalex(wanted: Wanted) -> CitationSource:
    from indexer.sources.openalex import OpenAlex
    from indexer.sources.polite.session import PoliteSession

    settings = wanted.settings
    session = PoliteSession(wanted.pace("openalex", 0.1), contact=settings.contact)
    return OpenAlex(
        wanted.url, settings.openalex, session, key=settings.openalex_key, contact=settings.contact
    )


PAPER_SOURCES: Mapping[str, Kind[PaperSource]] = MappingProxyType(
    {
        "oai-pmh": Kind("oai-pmh:[SET]", _oai_pmh, live=True),
        "arxiv": Kind("arxiv:QUERY", _arxiv_api, live=True),
        "rss": Kind("rss:CATEGORIES", _rss, live=True),
        "snapshot": Kind("snapshot:PATH", _snapshot),
    }
)
CITATION_SOURCES: Mapping[str, Kind[CitationSource]] = MappingProxyType(
    {
        "semantic-scholar": Kind("semantic-scholar:", _semantic_scholar, live=True),
        "openalex": Kind("openalex:", _openalex, live=True),
        "references": Kind("references:PATH", _references),
        "citations": Kind("citations:PATH", _citations_file),
    }
)
