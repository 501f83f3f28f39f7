"""A harvest that is killed at random moments, from a server with every fault: record for record as one without.

`make torture` runs it at full size; the suite runs the same thing small.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest

from indexer.papers import Paper
from indexer.store.sqlite import open_reader
from tests.commands import ROOT


@contextmanager
def server(records: int, page: int, identifiers: int) -> Iterator[str]:
    """A fake server with every fault, in a process of its own; its address."""
    sizes = ("--records", records, "--page", page, "--identifiers", identifiers)
    words = [sys.executable, "-m", "tests.fake_oai", "--faults", "all", *map(str, sizes)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603  # our own
        assert running.stdout is not None
        try:
            yield running.stdout.readline().strip()
        finally:
            running.kill()


def calm(url: str) -> dict[str, object]:
    """End all faults; what they were."""
    with urlopen(url.removesuffix("/oai") + "/-/calm") as answer:  # noqa: S310  # our own, on loopback
        state: dict[str, object] = json.load(answer)
    return state


def crawling(url: str, folder: Path, library: str, *options: str) -> subprocess.Popen[str]:
    """Start a crawl in a process of its own, which waits for nobody but the server."""
    services = dict.fromkeys(("PAPERKIN_OAI_PMH", "PAPERKIN_ARXIV_API", "PAPERKIN_RSS"), url)
    environ = (
        os.environ
        | services
        | {
            "PAPERKIN_ARXIV_INTERVAL": "0",
            "PAPERKIN_STATE": str(folder / "state"),
        }
    )
    words = ("crawl", "oai-pmh:", "--json", "--library", str(folder / library), *options)
    return subprocess.Popen(  # noqa: S603  # our own
        [sys.executable, "-m", "service.cli", *words],
        cwd=ROOT,
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def crawl(url: str, folder: Path, library: str, *options: str) -> str:
    """Crawl to the end; what it said."""
    with crawling(url, folder, library, *options) as running:
        out, err = running.communicate(timeout=1_800)
        assert running.returncode == 0, err
    return out


def held(path: Path) -> dict[str, Paper]:
    """Every paper of a library."""
    with closing(open_reader(path)) as reader:
        return {paper.id.value: paper for _, paper in reader.all_papers()}


def unhistoric(paper: Paper) -> Paper:
    """The paper without what only a harvest of that time could see: licences of versions gone by."""
    *earlier, last = paper.versions
    return replace(paper, versions=(*(replace(one, license=None) for one in earlier), last))


def survive(
    folder: Path, *, records: int, page: int, identifiers: int, kills: int, longest: float
) -> dict[str, object]:
    """Kill harvest after harvest, then compare the library with one that was harvested without a fault."""
    chance = random.Random(20)
    killed = finished = 0
    with server(records, page, identifiers) as url:
        while killed < kills:
            with crawling(url, folder, f"tortured-{finished}.db") as running:
                try:
                    running.wait(chance.uniform(0.2, longest))
                except subprocess.TimeoutExpired:
                    running.send_signal(signal.SIGKILL)
                    killed += 1
                    continue
                assert running.returncode == 0, running.stderr and running.stderr.read()
                finished += 1
        state = calm(url)
        fresh = crawl(url, folder, "fresh.db")
        assert json.loads(fresh)["new"] == records, fresh
        expected = {name: unhistoric(paper) for name, paper in held(folder / "fresh.db").items()}
        for number in range(finished + 1):
            crawl(url, folder, f"tortured-{number}.db", "--reconcile")
            found = {
                name: unhistoric(paper) for name, paper in held(folder / f"tortured-{number}.db").items()
            }
            assert found.keys() == expected.keys()
            assert [name for name in found if found[name] != expected[name]] == []
    return state | {"killed": killed, "finished": finished}


def test_a_harvest_that_is_killed_again_and_again_ends_complete(tmp_path: Path) -> None:
    state = survive(tmp_path, records=600, page=40, identifiers=200, kills=4, longest=1.5)
    assert state["killed"] == 4
    assert state["moved"]


@pytest.mark.torture
def test_a_hundred_kills_in_a_harvest_of_50_000_records(tmp_path: Path) -> None:
    started = time.monotonic()
    state = survive(tmp_path, records=50_000, page=2_500, identifiers=20_000, kills=100, longest=6.0)
    assert state["killed"] == 100
    fired = state["fired"]
    assert isinstance(fired, dict)
    assert all(fired[name] for name in ("busy", "html", "doctype", "move", "cut", "expire", "pinned")), fired
    sys.stderr.write(f"\nsurvived: {json.dumps(state)} in {time.monotonic() - started:.0f} s\n")
