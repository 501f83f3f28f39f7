"""Crawl, link, update: repeatable, resumable, and no more than is due."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer import updating
from indexer.errors import ModelError
from indexer.generations import CURRENT
from indexer.library import open_builder, open_library
from indexer.papers import Citation, Paper
from indexer.ports import VectorIndex
from indexer.settings import Settings
from indexer.vectors import load_index
from tests.builders import a_paper, an_id
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
from tests.shelves import Told
from tests.toy_embedder import ToyEmbedder

PAPERS = three_topics(4)
CC = "http://creativecommons.org"


@pytest.fixture
def where(tmp_path: Path) -> Settings:
    """A library of 12 papers and their citations, up to date."""
    return linked_topics(tmp_path, each=4)


CHANGES: dict[str, tuple[Sequence[Paper], Sequence[Citation], int, bool]] = {
    "nothing": ((), (), 0, False),
    "the same again": (PAPERS, chain(PAPERS), 0, False),
    "a hundred more papers": ([a_paper(number, month=2402) for number in range(1, 101)], (), 100, True),
    "an abstract": ([replace(PAPERS[3], abstract="We ask about something else.")], (), 1, True),
    "a licence that is open too": (
        [replace(PAPERS[3], license=f"{CC}/publicdomain/zero/1.0/")],
        (),
        0,
        False,
    ),
    "a licence that is not": ([replace(PAPERS[3], license=f"{CC}/licenses/by-nc-sa/4.0/")], (), 0, True),
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
    monkeypatch.setattr(updating, "DERIVED_FORMAT", updating.DERIVED_FORMAT + 1)
    read: list[str] = []

    def load(url: str, path: Path) -> VectorIndex:
        read.append(path.parent.name)
        return load_index(url, path)

    monkeypatch.setattr(updating, "load_index", load)
    assert update(where).published
    assert read == ["gen-000002.tmp"]


def test_progress_never_goes_back_and_ends_complete(tmp_path: Path) -> None:
    told = Told()
    put(settings_in(tmp_path), [a_paper(1, title="", abstract=""), *three_topics(100)])
    with open_builder(settings_in(tmp_path), progress=told, embedder=ToyEmbedder()) as builder:
        builder.update()
    assert [done for step, done, _, _ in told.steps if step == "embed"] == [0, 256, 301]
    assert [done for step, done, _, _ in told.steps if step == "index"] == [0, 1, 2, 3, 4, 5, 6, 7]
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
