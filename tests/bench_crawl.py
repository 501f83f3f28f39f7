"""How fast papers are read and stored: `python -m tests.bench_crawl snapshot|oai-pmh --rows N [--from FILE]`.

`snapshot` writes N rows as a metadata snapshot (those of FILE again and again under other ids, or made ones) and crawls
them with the true command. `oai-pmh` renders N records into pages of 2,500 as a fake server does, and parses and
stores them; fetching, which is paced in any case, is left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

from indexer.crawling import crawl
from indexer.library import open_store
from indexer.papers import Completeness, PaperBatch
from indexer.settings import Settings
from indexer.sources.oai_pmh.records import Page, read_answer, read_page
from indexer.sources.snapshot import Snapshot
from indexer.sources.xml import parse
from service.console import Stopwatch
from tests.fake_oai import FakeOai
from tests.oai_model import build_records

PAGE = 2_500


def ids() -> Iterator[str]:
    """Ids that arXiv could have given out, in order: a month has at most 99,999."""
    for year in range(15, 90):
        for month in range(1, 13):
            for number in range(1, 40_001):
                yield f"{year}{month:02}.{number:05}"


def rows_of(source: Path | None) -> Iterator[dict[str, object]]:
    """The rows of a snapshot without end, or made ones."""
    if source is None:
        words = ("kin", "graph", "neutrino", "parsing", "diffusion", "lattice", "entropy", "galaxy")
        for number in cycle(range(100_000)):
            text = " ".join(words[(number * step) % 8] + str(number % (97 * step)) for step in range(1, 140))
            yield {"title": f"On {text[:60]}", "abstract": text, "categories": "cs.DL"}
    while source is not None:
        with opened(source) as file:
            yield from map(json.loads, file)


def opened(path: Path) -> IO[str]:
    """A file of text, plain, xz or gzip."""
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def write_snapshot(path: Path, count: int, source: Path | None) -> None:
    """Write `count` rows under ids of their own."""
    with path.open("w", encoding="utf-8") as file:
        for name, row in islice(zip(ids(), rows_of(source), strict=False), count):
            file.write(json.dumps(row | {"id": name}, ensure_ascii=False) + "\n")


def page_of(body: bytes) -> Page:
    """A page as the harvest reads it."""
    return read_page(read_answer(parse(body, "bench"), "ListRecords", "bench"), "bench")


class Pages:
    """A source of pages that lie in memory as the server sent them."""

    name = "oai-pmh:"

    def __init__(self, bodies: list[bytes]) -> None:
        self._bodies = bodies
        self.remarks: list[str] = []

    def batches(self, cursor: str | None = None) -> Iterator[PaperBatch]:
        for number, body in enumerate(self._bodies[int(cursor or 0) :], start=1):
            page = page_of(body)
            yield PaperBatch(
                page.papers,
                page.rejected,
                str(number),
                listed=page.listed,
                completeness=Completeness.WHOLE,
            )


def rendered(count: int) -> list[bytes]:
    """The pages of a fake server with so many records."""
    fake = FakeOai(build_records(count), page=PAGE)
    bodies: list[bytes] = []
    arguments = {"verb": "ListRecords", "metadataPrefix": "arXivRaw"}
    while True:
        body = fake.reply(urlencode(arguments)).body
        bodies.append(body)
        token = page_of(body).token
        if token is None:
            return bodies
        arguments = {"verb": "ListRecords", "resumptionToken": token}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("snapshot", "oai-pmh"))
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--from", dest="source", type=Path)
    parser.add_argument("--snapshot", type=Path, help="where the rows are, or are kept for the next time")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if chosen.kind == "snapshot":
            path = chosen.snapshot or Path(folder, "papers.jsonl")
            if not path.exists():
                write_snapshot(path, chosen.rows, chosen.source)
            source: Snapshot | Pages = Snapshot(str(path), name="snapshot:")
        else:
            source = Pages(rendered(chosen.rows))
        library = Path(folder, "library.db")
        before = Stopwatch().peak_megabytes
        with closing(open_store(Settings(library=str(library)))) as store:
            watch, cpu = Stopwatch(), time.process_time()
            summary = crawl(store, source, clock=lambda: datetime.now(UTC))
            seconds, busy = watch.seconds, time.process_time() - cpu
        size = library.stat().st_size / 1e9
    sys.stdout.write(
        f"{chosen.kind}: {summary.read:,} papers read and stored in {seconds:.1f} s ({summary.read / seconds:,.0f} a"
        f" second; {busy:.1f} s of processor time), {watch.peak_megabytes:,} MB at most ({before:,} before),"
        f" library {size:.2f} GB\n"
    )


if __name__ == "__main__":
    main()
