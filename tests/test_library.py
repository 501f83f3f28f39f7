"""The library as its readers find it: opened, swapped, damaged, of another model, schema or index."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.arrays import map_array, save_array
from indexer.embedding import load_embedder
from indexer.errors import GenerationError, ModelError, SchemaError, SettingsError, StoreError
from indexer.generations import CURRENT
from indexer.library import Library, load_derived, open_builder, open_library, open_store
from indexer.papers import Citation, PaperId
from indexer.settings import Settings
from indexer.store.schema import MIGRATIONS
from indexer.vectors.table import VectorTable
from service.answers import RelatedRequest
from service.paper_page import paper_page
from service.related import related
from service.search import search
from tests.builders import a_paper, an_id
from tests.libraries import (
    build,
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

PAPERS = three_topics(4)


@pytest.fixture
def where(tmp_path: Path) -> Settings:
    """A library of 12 papers and their citations, up to date."""
    return linked_topics(tmp_path, each=4)


@pytest.fixture
def library(where: Settings) -> Iterator[Library]:
    with open_library(where, embedder=ToyEmbedder()) as opened:
        yield opened


def spoil(file: Path) -> None:
    """Flip one byte in the middle."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)


class TestSwapping:
    def test_a_reader_goes_over_to_a_new_generation(self, library: Library, where: Settings) -> None:
        before = library.derived()
        assert library.derived() is before
        put(where, [a_paper(1, month=2402)])
        assert library.derived() is before  # what is stored is not yet what answers
        update(where)
        after = library.derived()
        assert (before.generation.number, after.generation.number) == (1, 2)
        assert (len(before.catalogue), len(after.catalogue)) == (12, 13)
        assert before.index.search(np.asarray(before.vectors.rows[:1], np.float32), 1)[0][0, 0] == 1

    def test_readers_in_threads_see_complete_generations_only(
        self, library: Library, where: Settings
    ) -> None:
        done = threading.Event()
        failures: list[BaseException] = []

        def read() -> None:
            try:
                while not done.is_set():
                    derived = library.derived()
                    assert len(derived.index) == len(derived.vectors) == len(derived.catalogue)
                    assert related(library, RelatedRequest(liked=(str(PAPERS[4].id),))).results
            except BaseException as error:  # noqa: BLE001  # shown by the test, which would not see it else
                failures.append(error)

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(1, 5):
            put(where, [a_paper(number, month=2402)])
            update(where)
        done.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert library.derived().generation.number == 5

    def test_what_was_computed_stays_with_its_generation(self, library: Library, where: Settings) -> None:
        first = library.derived()
        assert [first.once("answer", lambda: 42), first.once("answer", lambda: 43)] == [42, 42]
        update(where, rebuild=True)
        assert library.derived().once("answer", lambda: 43) == 43


class TestDamage:
    @pytest.mark.parametrize("name", ["index.bin", "vectors.npy", "graph-keys.npy", "topics.npz"])
    def test_the_generation_before_answers_and_the_next_update_heals(
        self, library: Library, where: Settings, name: str
    ) -> None:
        put(where, [a_paper(1, month=2402)])
        update(where)
        spoil(published(where).file(name))
        with open_library(where) as reader:
            found = reader.derived().generation
            assert found.number == 1
            assert found.damage is not None
            assert f"{name} is damaged" in found.damage
            embedder = ToyEmbedder()
            assert update(where, embedder).published
            assert (reader.derived().generation.number, reader.derived().generation.damage) == (3, None)
            assert embedder.embedded == []
        assert library.derived().generation.number == 3

    def test_the_next_update_heals_even_if_the_generation_before_says_the_same(self, where: Settings) -> None:
        update(where, rebuild=True)
        spoil(published(where).file("index.bin"))
        assert update(where).published
        assert published(where).number == 3

    def test_where_nothing_is_whole_it_says_so_until_an_update(self, where: Settings) -> None:
        before = content(where)
        spoil(published(where).file("index.bin"))
        with open_library(where) as reader:
            with pytest.raises(GenerationError, match=r"holds no complete generation .*index.bin is damaged"):
                reader.derived()
            assert update(where).published
            assert reader.derived().generation.number == 2
        assert content(where) == before

    def test_deleted_derived_files(self, where: Settings) -> None:
        shutil.rmtree(where.derived_path)
        with open_library(where) as reader:
            with pytest.raises(GenerationError, match="holds no derived files yet; run `paperkin update`"):
                reader.derived()
            update(where)
            assert len(reader.derived().catalogue) == 12

    @pytest.mark.parametrize(
        ("name", "rewrite", "says"),
        [
            ("vectors.npy", lambda file: file.write_bytes(b""), "cannot be read"),
            ("catalogue.json", lambda file: file.write_text("{}"), "cannot be read"),
            ("graph-rank.npy", lambda file: file.unlink(), "cannot be read"),
            (
                "catalogue-days.npy",
                lambda file: file.write_bytes(b"PK\x05\x06" + bytes(18)),
                "cannot be read",
            ),
            ("topics.npz", lambda file: file.write_bytes(b"PK"), "topics in .* cannot be read"),
            ("index.bin", lambda file: file.write_bytes(b"x"), "vector index .* is damaged"),
            (
                "vectors-keys.npy",
                lambda file: VectorTable.of(np.arange(1, 4), np.eye(3, dtype=np.float32)).save(file.parent),
                "holds 12 vectors instead of 3",
            ),
            (
                "citer-profiles-weights.npy",
                lambda file: save_array(file, np.zeros((12, 3), np.float16)),
                "profiles of citers in .* do not fit its papers",
            ),
            (
                "word-space-rows.npy",
                lambda file: save_array(file, np.asarray(map_array(file))[:-1].copy()),
                "space of words .* do not fit its papers",
            ),
        ],
    )
    def test_parts_that_cannot_be_loaded_are_one_sentence(
        self, where: Settings, name: str, rewrite: Callable[[Path], object], says: str
    ) -> None:
        generation = published(where)
        rewrite(generation.file(name))
        with pytest.raises(GenerationError, match=rf"{says}.*run `paperkin update"):
            load_derived(generation, where.index)


class TestOpening:
    def test_there_is_no_library(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match=r"no library at .*library.db"):
            open_library(settings_in(tmp_path))
        assert list(tmp_path.iterdir()) == []

    def test_nothing_is_indexed_yet(self, tmp_path: Path) -> None:
        put(settings_in(tmp_path), PAPERS)
        with open_library(settings_in(tmp_path)) as library:
            assert library.store.status().papers == 12
            with pytest.raises(GenerationError, match="holds no derived files yet; run `paperkin update`"):
                library.derived()
            update(settings_in(tmp_path))
            assert library.derived().generation.number == 1

    def test_a_library_of_a_newer_schema_is_refused_and_left_alone(self, where: Settings) -> None:
        connection = sqlite3.connect(where.store_path)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        connection.close()
        before = where.store_path.read_bytes()
        with pytest.raises(SchemaError, match="newer than"):
            open_library(where)
        with pytest.raises(SchemaError, match="newer than"):
            open_store(where)
        with pytest.raises(SchemaError, match="newer than"):
            update(where)
        assert where.store_path.read_bytes() == before

    def test_an_unknown_index_is_told_before_anything_is_embedded(self, tmp_path: Path) -> None:
        unknown, embedder = settings_in(tmp_path, index="annoy:"), ToyEmbedder()
        put(unknown, PAPERS)
        with pytest.raises(SettingsError, match="unknown vector index 'annoy:'"):
            update(unknown, embedder)
        with pytest.raises(SettingsError, match="unknown vector index 'annoy:'"):
            open_library(unknown)
        assert embedder.embedded == []

    def test_two_writers_are_one_too_many(self, where: Settings) -> None:
        with open_builder(where, embedder=ToyEmbedder()), pytest.raises(StoreError, match="is being written"):
            update(where)
        assert not update(where).published

    def test_a_closed_library_gives_its_files_back(self, library: Library) -> None:
        library.close()
        library.close()
        with pytest.raises(StoreError, match="was closed"):
            library.store.status()


class TestModel:
    """Only texts need the model; the packaged one is found and hashed here, but never loaded."""

    def test_a_library_of_another_model_tells_both(self, where: Settings) -> None:
        with open_library(where) as library, pytest.raises(ModelError) as told:
            library.embedder()
        assert "was made with toy@0/test/fp32, not with paperkin-minilm@" in str(told.value)
        assert "set PAPERKIN_MODEL (and PAPERKIN_PRECISION) back" in str(told.value)

    def test_it_follows_the_library_to_another_precision(self, where: Settings) -> None:
        def made_with(precision: str) -> str:
            fingerprint = load_embedder(where.model, precision).fingerprint
            maker = ToyEmbedder()
            maker.fingerprint = fingerprint
            update(where, maker, new_model=True)
            return fingerprint

        with open_library(where) as library:
            for precision in ("bf16", "fp32"):
                expected = made_with(precision)
                assert library.embedder().fingerprint == expected
            assert library.embedder() is library.embedder()

    def test_a_model_given_for_the_settings_is_used_if_it_made_the_library(self, where: Settings) -> None:
        toy = ToyEmbedder()
        with open_library(where, embedder=toy) as library:
            assert library.embedder() is toy
        with (
            open_library(where, embedder=ToyEmbedder("other")) as library,
            pytest.raises(ModelError, match="was made with toy@0"),
        ):
            library.embedder()


def ids_related(library: Library, paper: PaperId) -> list[str]:
    answer = related(library, RelatedRequest(liked=(str(paper),), k=10))
    return [str(one.paper.id) for one in answer.results]


class TestIndexes:
    def test_faiss_and_exact_relate_the_same_papers(self, tmp_path: Path) -> None:
        papers = three_topics(10)
        libraries = []
        for url in ("faiss:", "exact:"):
            settings = settings_in(tmp_path / url.rstrip(":"), index=url)
            build(settings, papers, chain(papers))
            libraries.append(open_library(settings))
        with libraries[0] as faiss, libraries[1] as exact:
            rows = np.asarray(faiss.derived().vectors.rows, dtype=np.float32)
            found, nearest = faiss.derived().index.search(rows, 10), exact.derived().index.search(rows, 10)
            assert np.array_equal(found[0], nearest[0])
            assert np.allclose(found[1], nearest[1], atol=1e-6)
            for paper in papers[::5]:
                assert ids_related(faiss, paper.id) == ids_related(exact, paper.id)

    def test_a_library_takes_another_index_by_an_update_that_embeds_nothing(self, where: Settings) -> None:
        exact, embedder = replace(where, index="exact:"), ToyEmbedder()
        with open_library(exact) as library:
            with pytest.raises(GenerationError, match=r"of kind 'Flat'.*run `paperkin update`"):
                library.derived()
            assert update(exact, embedder).published
            assert type(library.derived().index).__name__ == "ExactIndex"
        assert embedder.embedded == []


class TestSmallest:
    def test_no_paper(self, tmp_path: Path) -> None:
        settings = settings_in(tmp_path)
        summary = update(settings)
        assert (summary.papers, summary.topics, summary.published) == (0, 0, True)
        assert not update(settings).published
        with open_library(settings, embedder=ToyEmbedder()) as library:
            derived = library.derived()
            assert (len(derived.catalogue), len(derived.index), len(derived.graph)) == (0, 0, 0)
            assert related(library, RelatedRequest(text="neutrino flux")).results == ()
            assert search(library, "neutrino", limit=5).results == ()
            put(settings, PAPERS)
            assert update(settings).embedded == 12
            assert related(library, RelatedRequest(text="neutrino flux")).results

    def test_only_works_that_are_not_held(self, tmp_path: Path) -> None:
        settings = settings_in(tmp_path)
        put(settings, citations=[Citation(an_id(1), an_id(2))])
        assert update(settings).citations == 1
        with open_library(settings) as library:
            derived = library.derived()
            assert (len(derived.graph), int(derived.graph.held.sum())) == (2, 0)
            assert derived.node_rows.tolist() == [-1, -1]

    def test_one_paper(self, tmp_path: Path) -> None:
        settings = settings_in(tmp_path)
        build(settings, [a_paper(1)])
        with open_library(settings) as library:
            page = paper_page(library, "2401.00001", k=5)
            assert (page.paper.id, page.related) == (an_id(1), ())
            topic = library.derived().topic_at(0)
            assert topic is not None
            assert topic.size == 1
            assert library.derived().topic_at(-1) is None

    def test_papers_without_title_and_abstract(self, tmp_path: Path) -> None:
        settings, embedder = settings_in(tmp_path), ToyEmbedder()
        bare = [a_paper(number, title="", abstract="", authors=()) for number in range(1, 4)]
        build(settings, [*PAPERS, *bare], embedder=embedder)
        assert embedder.embedded[:3] == ["", "", ""]
        with open_library(settings) as library:
            assert len(library.derived().index) == 15
            assert len(ids_related(library, bare[0].id)) > 0
            assert paper_page(library, str(bare[0].id), k=5).summary == ()

    def test_nothing_but_papers_without_text(self, tmp_path: Path) -> None:
        settings = settings_in(tmp_path)
        build(settings, [a_paper(number, title="", abstract="") for number in range(1, 31)])
        with open_library(settings) as library:
            assert len(library.derived().topics.topics) == 1
            assert not update(settings).published


class TestRows:
    def test_nodes_topics_and_keys_point_at_their_papers(self, library: Library) -> None:
        derived = library.derived()
        keys = library.store.keys(paper.id for paper in PAPERS)
        for paper in PAPERS:
            key = keys[paper.id]
            row = int(derived.catalogue.rows(np.array([key]))[0])
            node = derived.graph.position(key)
            assert node is not None
            assert derived.node_rows[node] == row
            placed, topic = derived.topics.placement(key), derived.topic_at(row)
            assert placed is not None
            assert topic is not None
            assert placed.topic == topic.id

    def test_a_paper_stored_since_has_no_row(self, library: Library, where: Settings) -> None:
        put(where, [a_paper(1, month=2402)])
        key = library.store.keys([an_id(1, 2402)])[an_id(1, 2402)]
        assert library.derived().catalogue.rows(np.array([key])).tolist() == [-1]


class TestArrays:
    @pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3), np.zeros((0, 4), np.float16)])
    def test_saved_and_mapped_is_the_same(self, tmp_path: Path, array: np.ndarray) -> None:
        save_array(tmp_path / "a.npy", array)
        mapped = map_array(tmp_path / "a.npy")
        assert (mapped.dtype, mapped.tolist()) == (array.dtype, array.tolist())
        assert type(mapped) is np.ndarray
        assert not mapped.flags.writeable

    def test_objects_are_neither_written_nor_read(self, tmp_path: Path) -> None:
        objects = np.array([{}], dtype=object)
        with pytest.raises(ValueError, match="allow_pickle"):
            save_array(tmp_path / "a.npy", objects)
        with (tmp_path / "b.npy").open("wb") as file:
            np.lib.format.write_array(file, objects, allow_pickle=True)  # as others might have written it
        with pytest.raises(ValueError, match="Python objects"):
            map_array(tmp_path / "b.npy")

    @pytest.mark.parametrize(
        "data", [b"", b"no array", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00v\x00{"]
    )
    def test_a_file_that_is_no_array(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "a.npy").write_bytes(data)
        with pytest.raises(ValueError):  # noqa: PT011  # numpy's words, not ours
            map_array(tmp_path / "a.npy")

    def test_a_truncated_array(self, tmp_path: Path) -> None:
        save_array(tmp_path / "a.npy", np.arange(1000))
        (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-8])
        with pytest.raises(ValueError, match="mmap length is greater"):
            map_array(tmp_path / "a.npy")


def test_derived_files_lie_beside_the_store(where: Settings) -> None:
    assert where.derived_path == where.store_path.with_name("library.db.derived")
    assert sorted(path.name for path in where.derived_path.iterdir()) == [CURRENT, "gen-000001"]
