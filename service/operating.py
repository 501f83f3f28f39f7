"""The commands of the operator: crawl, link, update, sync, status."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.errors import SettingsError, StoreError
from indexer.papers import Window
from indexer.settings import Settings
from service import reports
from service.cli_options import JsonOption, LibraryOption, QuietOption, now, settings_of, window
from service.console import Bars, Stopwatch, print_json, print_table, print_text, warn

if TYPE_CHECKING:
    from indexer.ports import PaperStore


def crawl(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="oai-pmh:[SET], arxiv:QUERY, rss:CATEGORIES or snapshot:PATH."),
    ],
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Only what is of this day or later."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Only what is of this day or earlier."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and keep nothing.")
    ] = False,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Compare with the whole list of oai-pmh: now, not monthly.")
    ] = False,
    accept_vanished: Annotated[
        bool, typer.Option("--accept-vanished", help="Believe a list that many papers are missing from.")
    ] = False,
    library: LibraryOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Store the papers of a source; known ones only if they changed.

    Interrupted at any moment, the same command goes on from there.
    """
    from indexer.crawling import crawl as store_papers
    from indexer.ports import ListedSource
    from indexer.reconciling import is_due
    from indexer.reconciling import reconcile as close_gaps
    from indexer.sources import open_paper_source

    watch, settings, window = Stopwatch(), settings_of(library), _window(since, until)
    opened = open_paper_source(source, settings, window, waiting=_waiting(quiet=quiet))
    listed = opened if isinstance(opened, ListedSource) else None
    if (reconcile or accept_vanished) and (listed is None or window or dry_run):
        raise SettingsError(
            "--reconcile compares with the whole of oai-pmh:; leave out --since, --until, --dry-run"
        )
    compared = None
    with _store(settings, scratch=dry_run) as store, Bars() as bars:
        crawled = store_papers(store, opened, clock=now, progress=bars, dry_run=dry_run)
        if listed and not (window or dry_run) and (reconcile or is_due(store.reconciliation(source), now())):
            compared = close_gaps(store, listed, clock=now, progress=bars, accept_vanished=accept_vanished)
    reports.report_crawl(crawled, compared, watch, as_json=json, quiet=quiet)


def link(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="semantic-scholar:, openalex:, references:PATH or citations:PATH."
        ),
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="Ask for every paper, not only for those that are due.")
    ] = False,
    library: LibraryOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Store the citations of a source, for the papers that are due."""
    from indexer.library import held_papers
    from indexer.linking import link as store_citations
    from indexer.sources import open_citation_source

    watch, settings = Stopwatch(), settings_of(library)
    opened = open_citation_source(
        source, settings, partial(held_papers, settings), waiting=_waiting(quiet=quiet)
    )
    with _store(settings) as store, Bars() as bars:
        linked = store_citations(store, opened, clock=now, progress=bars, everything=everything)
    reports.report_link(linked, watch, as_json=json, quiet=quiet)


def update(
    library: LibraryOption = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make all derived files anew.")] = False,
    new_model: Annotated[
        bool, typer.Option("--new-model", help="Embed all papers anew if the model changed.")
    ] = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Embed new papers; bring index, topics and graph up to date.

    Does nothing when nothing is new.
    """
    from indexer.library import open_builder

    watch = Stopwatch()
    settings = settings_of(library)
    _require_library(settings)
    with (
        Bars() as bars,
        open_builder(settings, progress=bars, rebuild=rebuild, new_model=new_model) as builder,
    ):
        summary = builder.update()
    reports.report_update(summary, watch, as_json=json, quiet=quiet)


def sync(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="Sources of papers and citations; by default the known ones."),
    ] = None,
    library: LibraryOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Do all that is due: harvest, citations for what is new, update.

    Without sources, those services that the library was made from. Exit code 1 if one of them failed; the others
    are done all the same.
    """
    from indexer.library import held_papers, open_builder
    from indexer.sources import open_citation_source, open_paper_source, sort_sources
    from indexer.syncing import sync as run

    watch, settings = Stopwatch(), settings_of(library)
    named = sort_sources(sources or _known_services(settings))
    held, waiting = partial(held_papers, settings), _waiting(quiet=quiet)
    papers = [open_paper_source(url, settings, waiting=waiting) for url in named[0]]
    citations = [open_citation_source(url, settings, held, waiting=waiting) for url in named[1]]
    with (
        _store(settings) as store,
        Bars() as bars,
        open_builder(settings, store=store, progress=bars) as builder,
    ):
        summary = run(store, papers, citations, builder.update, clock=now, progress=bars)
    reports.report_sync(summary, watch, as_json=json, quiet=quiet)
    if summary.failures:
        raise typer.Exit(1)


def status(
    library: LibraryOption = None,
    by_month: Annotated[
        bool, typer.Option("--by-month", help="Show by month which papers have references.")
    ] = False,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Show which records could not be read, and why.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what the library holds, and whether an update is due."""
    from indexer.library import open_library
    from service.status import library_status, month_rows, quarantined_records, status_lines

    with open_library(settings_of(library)) as opened:
        found = library_status(opened)
        if quarantine:
            found["quarantine"] = quarantined_records(opened)
    if json:
        print_json(found)
        return
    print_text("\n".join(status_lines(found)))
    if by_month:
        print_table(month_rows(found))
    for one in found.get("quarantine", ()):
        print_text(f"{one['source']}  {one['where']}: {one['reason']}")


def _waiting(*, quiet: bool) -> Callable[[str], None] | None:
    """Who is told what a source waits for."""
    return None if quiet else warn


@contextmanager
def _store(settings: Settings, *, scratch: bool = False) -> Iterator[PaperStore]:
    """The library open for writing; for a dry run where there is none, one that is thrown away."""
    from indexer.library import open_store

    if scratch and not settings.store_path.exists():
        with tempfile.TemporaryDirectory() as folder:
            elsewhere = replace(settings, library=f"sqlite:///{folder}/paperkin.db")
            with closing(open_store(elsewhere)) as store:
                yield store
        return
    with closing(open_store(settings)) as store:
        yield store


def _known_services(settings: Settings) -> list[str]:
    """The services that the library was made from."""
    from indexer.library import open_library
    from indexer.sources import live_sources

    with open_library(settings) as library:
        found = live_sources(one.name for one in library.store.status().sources)
    if not found:
        raise SettingsError(
            "this library was made from files only; name what to sync with, such as"
            " `paperkin sync oai-pmh:cs semantic-scholar:`"
        )
    return found


def _require_library(settings: Settings) -> None:
    if not settings.store_path.exists():  # opened for writing it would be made, and stay empty
        raise StoreError(f"no library at {settings.store_path}; 'paperkin crawl SOURCE' makes one")


def _window(since: datetime | None, until: datetime | None) -> Window:
    return Window(*window(since, until))
