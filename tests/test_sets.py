"""The library of a judged set: built the real way, ids made up, kept where it may be."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from indexer.errors import SettingsError
from indexer.settings import Settings
from service.evaluation.sets import Document, SetPapers, library_of, made_up_id
from tests.toy_embedder import ToyEmbedder

DOCUMENTS = [Document(f"s{at}", f"On matter {at}", f"We weigh matter{at}.\nIt is heavy.") for at in range(6)]


def test_ids_are_made_up_in_order_and_never_twice() -> None:
    places = [0, 1, 99_998, 99_999, 12 * 99_999, 3_000_000]
    ids = [made_up_id(at) for at in places]
    assert [str(one) for one in ids[:4]] == ["2001.00001", "2001.00002", "2001.99999", "2002.00001"]
    assert str(ids[4]) == "2101.00001"
    assert all(one < other for one, other in pairwise(ids))


def test_a_set_is_a_source_that_goes_on() -> None:
    source = SetPapers("toy", [DOCUMENTS[at % 6] for at in range(5_002)])
    first, second = source.batches()
    assert (len(first.papers), len(second.papers)) == (5_000, 2)
    assert [batch.papers for batch in source.batches(first.cursor)] == [second.papers]
    assert not list(source.batches(second.cursor))
    assert (source.name, second.position) == ("judged:toy", 1.0)
    assert first.papers[0].abstract == "We weigh matter0. It is heavy."


def test_what_is_kept_is_not_embedded_again(tmp_path: Path) -> None:
    embedder = ToyEmbedder()
    for _ in range(2):
        with library_of("toy", DOCUMENTS, Settings(), work=tmp_path / "work", embedder=embedder) as library:
            keys = library.store.keys(made_up_id(at) for at in range(6))
            assert len(keys) == len(library.derived().vectors) == 6
            assert library.embedder() is embedder
    assert len(embedder.embedded) == 6
    assert len(list((tmp_path / "work").glob("toy-*.db"))) == 1


def test_other_documents_get_another_library(tmp_path: Path) -> None:
    changed = [replace(DOCUMENTS[0], abstract="Quite another."), *DOCUMENTS[1:5]]
    for documents in (DOCUMENTS, changed):
        with library_of("toy", documents, Settings(), work=tmp_path, embedder=ToyEmbedder()) as library:
            assert library.store.status().papers == len(documents)
    assert len(list(tmp_path.glob("toy-*.db"))) == 2


def test_another_model_is_no_error(tmp_path: Path) -> None:
    for name in ("toy", "other", "toy"):
        embedder = ToyEmbedder(name)
        with library_of("toy", DOCUMENTS, Settings(), work=tmp_path, embedder=embedder) as library:
            assert library.derived().fingerprint == embedder.fingerprint


def test_nothing_is_left_where_nothing_is_kept() -> None:
    with library_of("toy", DOCUMENTS, Settings(), embedder=ToyEmbedder()) as library:
        path = library.settings.store_path
        assert path.is_file()
    assert not path.parent.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SettingsError, match=r"--work .* cannot be made \(Not a directory\); name another"),
        library_of("toy", DOCUMENTS, Settings(), work=tmp_path / "file" / "work", embedder=ToyEmbedder()),
    ):
        pass
