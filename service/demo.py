"""The demo: the sample library, built by the same steps as any other."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

from indexer.crawling import crawl
from indexer.library import open_builder, open_library, open_store
from indexer.linking import link
from indexer.progress import Progress, silent
from indexer.settings import Settings
from indexer.sources import open_citation_source, open_paper_source
from service.pages import render_text
from service.paper_page import paper_page

SHOWN = "2503.14504"


def run_demo(folder: Path, progress: Progress, say: Callable[[str], None]) -> Settings:
    """Build the sample library in `folder` (what is there already is kept), print one paper's page."""
    settings = replace(Settings.from_environ(os.environ), library=f"sqlite:///{folder / 'sample.db'}")
    build_sample(settings, progress)
    with open_library(settings) as library:
        say(render_text(paper_page(library, SHOWN, k=12)))
    return settings


def build_sample(settings: Settings, progress: Progress = silent) -> None:
    """Crawl, link and update from the files of the package `indexer.sample`."""

    def clock() -> datetime:
        return datetime.now(UTC)

    with as_file(files("indexer.sample")) as sample:
        store = open_store(settings)
        try:
            papers = open_paper_source(f"snapshot:{sample / 'papers.jsonl'}")
            crawl(store, papers, clock=clock, progress=progress)
            citations = open_citation_source(f"citations:{sample / 'citations.tsv'}")
            link(store, citations, clock=clock, progress=progress)
        finally:
            store.close()
    with open_builder(settings, progress=progress) as builder:
        builder.update()
