"""Interrupted, killed, out of disk, grown in steps: the next update completes, and equals one that had no trouble."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import updating
from indexer.errors import GenerationError, StoreError
from indexer.generations import CURRENT, Files
from indexer.library import open_builder, open_library
from indexer.papers import Citation, Paper
from indexer.settings import Settings
from indexer.tables import Vectors
from indexer.updating import EMBEDDED_TOGETHER
from tests.builders import a_paper, an_id
from tests.dying_updates import CHUNK
from tests.failing_files import Step
from tests.libraries import build, chain, content, published, put, settings_in, three_topics, update
from tests.toy_embedder import ToyEmbedder

ROOT = Path(__file__).parents[1]
PAPERS = three_topics(4)


class Interrupted(ToyEmbedder):
    """Ctrl-C in the third call."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        if len(self.batches) == 2:
            raise KeyboardInterrupt
        return super().embed(texts)


def test_an_interruption_keeps_what_is_done_and_the_next_update_goes_on(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    put(settings, three_topics(190))
    first, second = Interrupted(), ToyEmbedder()
    with pytest.raises(KeyboardInterrupt):
        update(settings, first)
    assert first.batches == [EMBEDDED_TOGETHER, EMBEDDED_TOGETHER]
    summary = update(settings, second)
    assert (summary.embedded, summary.papers) == (570 - 512, 570)
    assert not set(first.embedded) & set(second.embedded)
    assert first.embedded == sorted(first.embedded, key=len)  # shortest first, so that batches pad little


def test_an_interrupted_change_of_model_leaves_the_old_one_answering(tmp_path: Path) -> None:
    settings, papers = settings_in(tmp_path), three_topics(190)
    put(settings, papers)
    update(settings)
    with pytest.raises(KeyboardInterrupt):
        update(settings, Interrupted("other"), new_model=True)
    assert not update(settings).published
    assert update(settings, ToyEmbedder("other"), new_model=True).embedded == 570 - 512


class TestDeath:
    """Killed anywhere, the next update completes and equals one that was never killed."""

    @pytest.fixture
    def due(self, tmp_path: Path) -> Settings:
        """A library that holds 10 papers more than its generation, and one rewritten."""
        where = settings_in(tmp_path)
        build(where, PAPERS, chain(PAPERS))
        more = [a_paper(number, month=2402) for number in range(1, 11)]
        put(where, [*more, replace(PAPERS[0], abstract="Rewritten.")], chain(more))
        return where

    def copy_of(self, due: Settings, folder: Path) -> Settings:
        shutil.copytree(due.store_path.parent, folder)
        return settings_in(folder)

    def die(self, *deaths: str) -> None:
        subprocess.run(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "tests.dying_updates", *deaths], cwd=ROOT, check=True, timeout=60
        )

    def test_in_the_embedder(self, due: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
        killed = self.copy_of(due, tmp_path_factory.mktemp("killed") / "library")
        self.die(f"{killed.store_path.parent}=embed")
        assert published(killed).number == 1
        assert update(due).embedded == 11
        assert update(killed).embedded == 11 - CHUNK
        assert content(killed) == content(due)

    def test_while_publishing(self, due: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
        base = tmp_path_factory.mktemp("killed")
        counted = self.copy_of(due, base / "counted")
        files = Step(0, lambda: None)
        update(counted, files=files)
        last = len(files.steps)
        assert ("move", CURRENT) in files.steps
        steps = [*range(1, last, 6), last]
        killed = {step: self.copy_of(due, base / f"killed-{step}") for step in steps}
        self.die(*(f"{one.store_path.parent}={step}" for step, one in killed.items()))
        for step, one in killed.items():
            now_answering = published(one).number
            summary = update(one)
            assert (step, now_answering + summary.published, summary.embedded) == (step, 2, 0)
            assert content(one) == content(counted)


class TestFullDisk:
    def limited(self, builder: updating.Builder, size: int) -> str:
        """What an update says when no file may grow beyond `size` bytes."""
        resource = pytest.importorskip("resource", reason="this system limits no file sizes")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            with pytest.raises((StoreError, GenerationError)) as told:
                builder.update()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        return str(told.value)

    def test_while_embedding(self, tmp_path: Path) -> None:
        settings, wide = settings_in(tmp_path), ToyEmbedder(width=256)
        put(settings, three_topics(180))
        with open_builder(settings, embedder=wide) as builder:
            said = self.limited(builder, 650_000)  # the log of 256 vectors takes 0.45 MB
        assert "everything before it was" in said
        assert wide.batches == [256, 256]
        assert update(settings, wide).embedded == 540 - 256

    def test_while_publishing(self, tmp_path: Path) -> None:
        settings, wide = settings_in(tmp_path), ToyEmbedder(width=256)
        build(settings, PAPERS, embedder=wide)
        before = content(settings)
        put(settings, citations=chain(PAPERS))
        with open_builder(settings, embedder=wide) as builder:
            said = self.limited(builder, 5_000)  # the vectors take 6 kB
        assert "what was published before still answers; free space" in said
        assert content(settings) == before
        summary = update(settings, wide)
        assert (summary.published, summary.embedded, summary.citations) == (True, 0, 15)


WORDS = ("neutrino", "flux", "parsing", "noise", "treebank", "", "score", "détecteur")
GROWING = three_topics(7)  # too few for k-means, which takes longer than all the rest
NUMBERS = st.integers(0, len(GROWING) - 1)
STEPS = st.one_of(
    st.tuples(st.just("revise"), NUMBERS, st.sampled_from(WORDS)),
    st.tuples(st.just("withdraw"), NUMBERS, st.just("")),
    st.tuples(st.just("cite"), NUMBERS, st.sampled_from(("1", "5", "30"))),
)


def changed(papers: Sequence[Paper], step: tuple[str, int, str]) -> Paper | Citation:
    """One of the papers as a step changes it, or a citation of it."""
    kind, number, detail = step
    paper = papers[number % len(papers)]
    if kind == "revise":
        return replace(paper, title=detail, abstract=f"{detail} {detail} number {number}")
    if kind == "withdraw":
        return replace(paper, withdrawn=True)
    return Citation(paper.id, an_id(int(detail), month=2303))


class Unsynced(Files):
    """No test of this module cuts the power, and waiting for the disk takes half of the time."""

    def sync(self, path: Path) -> None:
        assert path.exists()


@settings(max_examples=10, deadline=None)
@given(rounds=st.lists(st.tuples(st.integers(0, 12), st.lists(STEPS, max_size=4)), min_size=1, max_size=4))
def test_incremental_equals_rebuilt(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[tuple[int, list[tuple[str, int, str]]]]
) -> None:
    """The same index, graph, topics and catalogue, to the byte, in whatever steps a library grew."""
    where, known, embedder = settings_in(tmp_path_factory.mktemp("grown")), 1, ToyEmbedder()
    for more, steps in [(0, []), *rounds]:
        known = min(known + more, len(GROWING))
        changes = [changed(GROWING[:known], step) for step in steps]
        put(
            where,
            [*GROWING[:known], *(one for one in changes if isinstance(one, Paper))],
            [one for one in changes if isinstance(one, Citation)],
        )
        update(where, embedder, files=Unsynced())
    grown, embedded = content(where), len(embedder.embedded)
    shutil.rmtree(where.derived_path)
    update(where, embedder, files=Unsynced())
    assert content(where) == grown
    assert len(embedder.embedded) == embedded


def test_grown_and_rebuilt_have_the_same_neighbours_graph_and_topics(tmp_path: Path) -> None:
    """In the terms of those who ask, on enough papers for several topics, in three steps against one."""
    papers = three_topics(20)
    grown, once = settings_in(tmp_path / "grown"), settings_in(tmp_path / "once")
    for end in (25, 50, 60):
        put(grown, papers[:end], chain(papers)[: 2 * end])
        update(grown)
    put(grown, [replace(papers[7], abstract="Solar flux and a grammar.")])
    update(grown)
    papers[7] = replace(papers[7], abstract="Solar flux and a grammar.")
    build(once, papers, chain(papers))
    assert answers(grown) == answers(once)


def answers(where: Settings) -> dict[str, object]:
    """What a library says, by the ids of papers."""
    with open_library(where) as library:
        derived = library.derived()
        graph, vectors = derived.graph, derived.vectors
        ids = {key: str(paper_id) for key, paper_id in library.store.ids(graph.keys.tolist()).items()}
        rows = np.asarray(vectors.rows, dtype=np.float32)
        found, _ = derived.index.search(rows, 10)
        nodes = {ids[key]: node for node, key in enumerate(graph.keys.tolist())}
        return {
            "neighbours": {
                ids[key]: [ids[other] for other in others]
                for key, others in zip(vectors.keys.tolist(), found.tolist(), strict=True)
            },
            "references": {
                name: {ids[key] for key in graph.keys[graph.references_of(node)].tolist()}
                for name, node in nodes.items()
            },
            "rank": {name: float(graph.rank[node]) for name, node in nodes.items()},
            "topics": derived.topics.topics,
            "placed": {ids[key]: derived.topics.placement(key) for key in vectors.keys.tolist()},
        }
