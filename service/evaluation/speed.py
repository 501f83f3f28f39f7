"""How fast: the encoder beside sentence-transformers' own in one run, and the server as its client sees it."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from indexer.errors import ServingError, StoreError
from indexer.library import Library, open_library
from indexer.progress import Progress
from indexer.settings import Settings

_TEXTS = 384  # in each of the two runs of each encoder
_REQUESTS = 300
_WARM_UP = 1_000  # other papers, asked for first: summaries are remembered, as in use
_PATIENCE = 60.0  # seconds that a server may take to answer at all


@dataclass(frozen=True, slots=True)
class Speed:
    """Rates in texts a second, times in seconds or milliseconds as named."""

    texts: int
    texts_per_second: float
    baseline_texts_per_second: float
    first_answer_seconds: float
    requests: int
    median_milliseconds: float
    p95_milliseconds: float


def measure_speed(
    settings: Settings,
    progress: Progress,
    *,
    texts: int = _TEXTS,
    requests: int = _REQUESTS,
    warm_up: int = _WARM_UP,
) -> Speed:
    """Measure on papers drawn from the library (seed 0); a server process of its own is started and stopped.

    At most `texts` are encoded at a time; `requests` different papers are asked for and timed, after `warm_up`
    others (half of the library where it has not so many). Raises `StoreError` for a library without papers,
    `ServingError` if the server does not answer.
    """
    with open_library(settings) as library:
        keys = np.asarray(library.derived().catalogue.keys)
        if not len(keys):
            raise StoreError("this library holds no papers to measure with; crawl and update first")
        drawn = np.random.default_rng(0).permutation(keys)
        warm = min(warm_up, len(drawn) // 2)
        ids = [str(one) for one in library.store.ids(drawn[: warm + requests].tolist()).values()]
        chosen = [paper.text for paper in library.store.papers(drawn[:texts].tolist()).values()]
        ours, theirs = _encoding(library, chosen, progress)
    first, times = _serving(settings, ids[:warm], ids[warm:], progress)
    return Speed(
        texts=len(chosen),
        texts_per_second=ours,
        baseline_texts_per_second=theirs,
        first_answer_seconds=first,
        requests=len(times),
        median_milliseconds=float(np.median(times)),
        p95_milliseconds=float(np.quantile(times, 0.95)),
    )


def _encoding(library: Library, texts: list[str], progress: Progress) -> tuple[float, float]:
    """Texts a second of our embedder and of a plain `encode` with its defaults; each goes first once."""
    from sentence_transformers import SentenceTransformer

    from indexer.embedding import model_folder

    embedder = library.embedder()
    plain = SentenceTransformer(str(model_folder(library.settings.model)), local_files_only=True)
    runs: dict[str, Callable[[], Any]] = {
        "ours": lambda: embedder.embed(texts),
        "theirs": lambda: plain.encode(texts, show_progress_bar=False),
    }
    embedder.embed(texts[:32])
    plain.encode(texts[:32], show_progress_bar=False)
    seconds = {"ours": 0.0, "theirs": 0.0}
    for done, name in enumerate(("ours", "theirs", "theirs", "ours")):
        started = time.perf_counter()
        runs[name]()
        seconds[name] += time.perf_counter() - started
        progress("encode", done + 1, 4, "runs")
    return 2 * len(texts) / seconds["ours"], 2 * len(texts) / seconds["theirs"]


def _serving(
    settings: Settings, warm: list[str], timed: list[str], progress: Progress
) -> tuple[float, list[float]]:
    """Seconds from process start to the first answer by id, and milliseconds of each warm request."""
    environ = os.environ | {"PAPERKIN_LIBRARY": settings.library, "PAPERKIN_INDEX": settings.index}
    started = time.perf_counter()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  # our own
        try:
            port = _port(server)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
            _ask(connection, timed[0])
            first = time.perf_counter() - started
            for paper_id in warm:
                _ask(connection, paper_id)
            times = []
            for done, paper_id in enumerate(timed, 1):
                asked = time.perf_counter()
                _ask(connection, paper_id)
                times.append(1000 * (time.perf_counter() - asked))
                progress("request", done, len(timed), "requests")
            connection.close()
        finally:
            server.terminate()
    return first, times


def _port(server: subprocess.Popen[str]) -> int:
    """The port from the line that `paperkin serve` prints when it listens."""
    line = server.stdout.readline() if server.stdout else ""
    try:
        return int(line.split("://")[1].split("/")[0].rpartition(":")[2])
    except (IndexError, ValueError) as error:
        raise ServingError(f"the server did not start: {line.strip() or 'it said nothing'}") from error


def _ask(connection: http.client.HTTPConnection, paper_id: str) -> None:
    connection.request("GET", f"/v1/papers/{quote(paper_id)}/related?k=20")
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise ServingError(f"the server answered {response.status} for {paper_id}: {body[:200]!r}")
