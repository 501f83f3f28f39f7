"""Crawl, link, update: repeatable, resumable, and no more than is due."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from indexer import pipeline
from indexer.errors import ModelError, SourceError, StoreError
from indexer.generations import CURRENT
from indexer.library import open_builder, open_library, open_store
from indexer.papers import ChangeKind, Citation, CitationBatch, Paper, PaperBatch, PaperId, Rejected
from indexer.ports import CitationSource, PaperSource, PaperStore, VectorIndex
from indexer.settings import Settings
from indexer.vectors import load_index
from tests.builders import NOW, a_paper, an_id
from tests.libraries import (
    chain,
    content,
    linked_topics,
    published,
    put,
    settings_in,
    three_topics,
    update,
)
from tests.toy_embedder import ToyEmbedder


@dataclass
class Shelf:
    """A source in memory: a batch for each list of papers; breaks off where it is told."""

    shelves: Sequence[Sequence[Paper]]
    breaks_off_at: int | None = None
    resumable: bool = True
    rejected_each: int = 0
    name: str = "shelf:"
    delivered: int = 0

    def batches(self, cursor: str | None = None) -> Iterator[PaperBatch]:
        for at in range(int(cursor or 0), len(self.shelves)):
            if at == self.breaks_off_at:
                raise SourceError(f"the shelf breaks off at batch {at}")
            self.delivered += 1
            rejected = [Rejected(f"line {at}.{number}", "torn") for number in range(self.rejected_each)]
            yield PaperBatch(
                tuple(self.shelves[at]),
                tuple(rejected),
                str(at + 1) if self.resumable else None,
                (at + 1) / len(self.shelves),
            )


@dataclass
class References:
    """A source of citations in memory, as `Shelf`; `wanted` are the papers that it was asked for."""

    shelves: Sequence[Sequence[Citation]]
    breaks_off_at: int | None = None
    name: str = "references:"
    wanted: tuple[PaperId, ...] = ()
    delivered: int = 0

    def batches(self, wanted: Iterable[PaperId], cursor: str | None = None) -> Iterator[CitationBatch]:
        self.wanted = tuple(wanted)
        for at in range(int(cursor or 0), len(self.shelves)):
            if at == self.breaks_off_at:
                raise SourceError(f"the references break off at batch {at}")
            self.delivered += 1
            yield CitationBatch(tuple(self.shelves[at]), (Rejected(f"line {at}", "torn"),), str(at + 1))


class Told:
    """A `Progress` that keeps what it was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float, float | None, str]] = []

    def __call__(self, step: str, done: float, total: float | None, unit: str = "") -> None:
        self.steps.append((step, done, total, unit))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PaperStore]:
    opened = open_store(settings_in(tmp_path))
    yield opened
    opened.close()


def crawl(store: PaperStore, source: PaperSource) -> pipeline.CrawlSummary:
    return pipeline.crawl(store, source, clock=lambda: NOW)


def link(store: PaperStore, source: CitationSource) -> pipeline.LinkSummary:
    return pipeline.link(store, source, clock=lambda: NOW)


def shelves(count: int, each: int = 3) -> list[list[Paper]]:
    return [[a_paper(at * each + number) for number in range(1, each + 1)] for at in range(count)]


class TestCrawl:
    def test_papers_are_stored_and_counted_by_what_became_of_them(self, store: PaperStore) -> None:
        summary = crawl(store, Shelf(shelves(2)))
        assert (summary.source, summary.read, summary.changes) == ("shelf:", 6, {ChangeKind.NEW: 6})
        revised = [a_paper(1, abstract="Another."), a_paper(2, license=None, doi="10/1"), a_paper(3)]
        summary = crawl(store, Shelf([revised], name="other:"))
        assert summary.changes == {
            ChangeKind.REVISED: 1,
            ChangeKind.METADATA: 1,
            ChangeKind.UNCHANGED: 1,
        }

    def test_a_source_that_breaks_off_keeps_what_came_before_and_goes_on_there(
        self, store: PaperStore
    ) -> None:
        with pytest.raises(SourceError, match="breaks off at batch 2"):
            crawl(store, Shelf(shelves(4), breaks_off_at=2))
        assert (store.status().papers, store.cursor("shelf:")) == (6, "2")
        mended = Shelf(shelves(4))
        assert crawl(store, mended).read == 6
        assert (store.status().papers, mended.delivered) == (12, 2)

    @pytest.mark.parametrize("resumable", [True, False])
    def test_a_second_crawl_changes_nothing(self, store: PaperStore, *, resumable: bool) -> None:
        crawl(store, Shelf(shelves(3), resumable=resumable))
        before = store.status()
        again = Shelf(shelves(3), resumable=resumable)
        summary = crawl(store, again)
        assert store.status() == before
        assert summary.changes == ({} if resumable else {ChangeKind.UNCHANGED: 9})
        assert again.delivered == (0 if resumable else 3)

    def test_a_batch_that_cannot_be_stored_leaves_the_cursor_before_it(self, store: PaperStore) -> None:
        papers = shelves(3)
        papers[1].append(a_paper(99, title="half a surrogate \ud800"))
        with pytest.raises(StoreError, match="surrogate"):
            crawl(store, Shelf(papers))
        assert (store.status().papers, store.cursor("shelf:")) == (3, "1")

    def test_rejected_records_are_counted_and_the_first_hundred_named(self, store: PaperStore) -> None:
        summary = crawl(store, Shelf(shelves(3), rejected_each=60))
        assert (summary.read, summary.rejected_count, len(summary.rejected)) == (9, 180, 100)
        assert (summary.rejected[0].where, summary.rejected[-1].where) == ("line 0.0", "line 1.39")

    def test_progress_is_told_from_the_start_to_the_end(self, store: PaperStore) -> None:
        told = Told()
        pipeline.crawl(store, Shelf(shelves(2)), clock=lambda: NOW, progress=told)
        assert told.steps == [
            ("crawl", 0, None, "papers"),
            ("crawl", 3, 6.0, "papers"),
            ("crawl", 6, 6.0, "papers"),
        ]


class TestLink:
    CITATIONS = (
        [Citation(an_id(2), an_id(1)), Citation(an_id(3), an_id(1))],
        [Citation(an_id(3), an_id(1)), Citation(an_id(3), an_id(700))],
    )

    def test_citations_are_stored_each_pair_once(self, store: PaperStore) -> None:
        crawl(store, Shelf(shelves(1)))
        source = References(self.CITATIONS)
        summary = link(store, source)
        assert (summary.read, summary.new, summary.rejected_count) == (4, 3, 2)
        assert [one.where for one in summary.rejected] == ["line 0", "line 1"]
        assert store.status().citations == 3
        assert source.wanted == (an_id(1), an_id(2), an_id(3))

    def test_it_goes_on_where_it_broke_off_and_does_nothing_the_second_time(self, store: PaperStore) -> None:
        with pytest.raises(SourceError):
            link(store, References(self.CITATIONS, breaks_off_at=1))
        assert store.status().citations == 2
        assert link(store, References(self.CITATIONS)).new == 1
        again = References(self.CITATIONS)
        assert (link(store, again).read, again.delivered) == (0, 0)
        assert store.status().citation_revision == 2


PAPERS = three_topics(4)


@pytest.fixture
def where(tmp_path: Path) -> Settings:
    """A library of 12 papers and their citations, up to date."""
    return linked_topics(tmp_path, each=4)


CHANGES: dict[str, tuple[Sequence[Paper], Sequence[Citation], int, bool]] = {
    "nothing": ((), (), 0, False),
    "the same again": (PAPERS, chain(PAPERS), 0, False),
    "a hundred more papers": ([a_paper(number, month=2402) for number in range(1, 101)], (), 100, True),
    "an abstract": ([replace(PAPERS[3], abstract="We ask about something else.")], (), 1, True),
    "a licence": ([replace(PAPERS[3], license="http://arxiv.org/licenses/nonexclusive/1.0/")], (), 0, False),
    "a withdrawal": ([replace(PAPERS[3], withdrawn=True)], (), 0, True),
    "a category": ([replace(PAPERS[3], categories=("stat.ML",))], (), 0, True),
    "a citation": ((), [Citation(PAPERS[0].id, PAPERS[10].id)], 0, True),
    "a citation of a work not held": ((), [Citation(PAPERS[0].id, an_id(900))], 0, True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_update_embeds_only_what_is_missing(where: Settings, change: str) -> None:
    papers, citations, embedded, is_new = CHANGES[change]
    put(where, papers, citations)
    embedder = ToyEmbedder()
    summary = update(where, embedder)
    assert (summary.embedded, summary.published) == (embedded, is_new)
    assert (len(embedder.embedded), summary.generation) == (embedded, 2 if is_new else 1)
    again = update(where, embedder)
    assert (again.embedded, again.published, len(embedder.embedded)) == (0, False, embedded)
    assert replace(summary, embedded=0, published=False) == again


def test_a_text_that_comes_back_costs_nothing(where: Settings) -> None:
    put(where, [replace(PAPERS[3], abstract="Another abstract, for a while.")])
    assert update(where).embedded == 1
    put(where, [PAPERS[3]])
    summary = update(where)
    assert (summary.embedded, summary.published) == (0, True)


def test_a_withdrawal_reaches_the_derived_files(where: Settings) -> None:
    put(where, [replace(PAPERS[3], withdrawn=True)])
    update(where)
    assert np.load(published(where).file("catalogue-withdrawn.npy")).sum() == 1


def test_an_update_with_nothing_new_touches_no_file(where: Settings) -> None:
    def files() -> dict[Path, tuple[int, int, int]]:
        found = {path: path.stat() for path in where.store_path.parent.rglob("*") if path.suffix != ".lock"}
        return {path: (stat.st_ino, stat.st_mtime_ns, stat.st_size) for path, stat in found.items()}

    before = files()
    assert not update(where).published
    assert files() == before
    assert where.derived_path / CURRENT in before


def test_rebuild_publishes_though_nothing_is_new(where: Settings) -> None:
    before, embedder = content(where), ToyEmbedder()
    assert update(where, embedder, rebuild=True).published
    assert (content(where), published(where).number, embedder.embedded) == (before, 2, [])


def test_deleted_derived_files_are_made_again_without_embedding(where: Settings) -> None:
    before, embedder = content(where), ToyEmbedder()
    shutil.rmtree(where.derived_path)
    assert update(where, embedder).published
    assert (content(where), embedder.embedded) == (before, [])


def test_another_form_of_derived_files_is_not_built_upon(
    where: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "DERIVED_FORMAT", pipeline.DERIVED_FORMAT + 1)
    read: list[str] = []

    def load(url: str, path: Path) -> VectorIndex:
        read.append(path.parent.name)
        return load_index(url, path)

    monkeypatch.setattr(pipeline, "load_index", load)
    assert update(where).published
    assert read == ["gen-000002.tmp"]


def test_progress_never_goes_back_and_ends_complete(tmp_path: Path) -> None:
    told = Told()
    put(settings_in(tmp_path), [a_paper(1, title="", abstract=""), *three_topics(100)])
    with open_builder(settings_in(tmp_path), progress=told, embedder=ToyEmbedder()) as builder:
        builder.update()
    assert [done for step, done, _, _ in told.steps if step == "embed"] == [0, 256, 301]
    assert [done for step, done, _, _ in told.steps if step == "index"] == [0, 1, 2, 3, 4, 5]
    assert ("embed", 301, 301, "papers") in told.steps
    assert all(total is None or done <= total for _, done, total, _ in told.steps)


class TestModels:
    OTHER = "other@0/test/fp32"

    def test_another_model_is_refused_and_nothing_is_lost(self, where: Settings) -> None:
        before, other = content(where), ToyEmbedder("other", width=8)
        with pytest.raises(ModelError) as told:
            update(where, other)
        assert "was made with toy@0/test/fp32, not with other@0/test/fp32" in str(told.value)
        assert "`paperkin update --new-model` to embed all 12 papers anew" in str(told.value)
        assert (content(where), other.embedded) == (before, [])
        assert not update(where).published

    def test_a_new_model_embeds_all_and_answers(self, where: Settings) -> None:
        other = ToyEmbedder("other", width=8)
        with open_library(where) as library:
            assert library.derived().fingerprint == "toy@0/test/fp32"
            assert update(where, other, new_model=True).embedded == 12
            assert (library.derived().fingerprint, library.derived().index.width) == (self.OTHER, 8)
        assert not update(where, other).published

    def test_going_back_is_asked_for_as_well_but_costs_nothing(self, where: Settings) -> None:
        before = content(where)
        update(where, ToyEmbedder("other"), new_model=True)
        with pytest.raises(ModelError, match="was made with other@0"):
            update(where, ToyEmbedder())
        with pytest.raises(ModelError, match="was made with other@0"):
            update(where, ToyEmbedder("third"))
        toy = ToyEmbedder()
        assert update(where, toy, new_model=True).published
        assert (content(where), toy.embedded) == (before, [])

    def test_without_derived_files_the_vectors_tell_the_model(self, where: Settings) -> None:
        shutil.rmtree(where.derived_path)
        with pytest.raises(ModelError, match="was made with toy@0"):
            update(where, ToyEmbedder("other"))
        assert update(where).published

    def test_a_library_that_holds_no_vector_takes_any_model(self, tmp_path: Path) -> None:
        update(settings_in(tmp_path), ToyEmbedder("other", width=8))
        assert update(settings_in(tmp_path), ToyEmbedder()).published
