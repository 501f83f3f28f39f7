"""What every store must do with vectors; see `store_contract`."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from indexer.errors import StoreError
from indexer.papers import Paper
from indexer.ports import PaperReader, PaperStore
from tests.builders import a_paper, an_id, unit_vectors
from tests.contracts.store_contract import StoreContract, put

MODEL = "model-a"


def embed(store: PaperStore, fingerprint: str = MODEL, width: int = 4) -> None:
    texts = store.pending(fingerprint)
    with store.transaction():
        store.put_vectors(fingerprint, texts, unit_vectors(len(texts), width))


class VectorsContract(StoreContract):
    def test_pending_are_shortest_first(self, store: PaperStore, reader: PaperReader) -> None:
        papers = a_paper(1, abstract="x" * 300), a_paper(2, abstract="x"), Paper(an_id(3))
        put(store, *papers)
        pending = reader.pending(MODEL)
        keys = reader.keys(paper.id for paper in papers)
        assert [(text.key, text.text) for text in pending] == [
            (keys[papers[index].id], papers[index].text) for index in (2, 1, 0)
        ]
        assert [text.text_hash for text in pending] == [
            sha256(text.text.encode()).hexdigest() for text in pending
        ]

    def test_vectors_come_back_by_key(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, *(a_paper(number, abstract="x" * (90 - number)) for number in range(1, 31)))
        texts, vectors = store.pending(MODEL), unit_vectors(30)
        with store.transaction():
            store.put_vectors(MODEL, texts[:20], vectors[:20])
            store.put_vectors(MODEL, texts[20:], vectors[20:])
        order = np.argsort([text.key for text in texts])
        keys, stored = reader.vectors(MODEL)
        assert keys.dtype == np.int64
        assert stored.dtype == np.float32
        assert keys.tolist() == [texts[place].key for place in order]
        assert np.array_equal(stored, vectors[order])
        one = reader.vector(MODEL, texts[3].key)
        assert one is not None
        assert np.array_equal(one, vectors[3])
        assert reader.pending(MODEL) == []
        assert reader.status().vectors == {MODEL: 30}

    def test_only_the_vector_of_the_present_text_counts(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1), a_paper(2))
        embed(store)
        before = reader.vectors(MODEL)
        put(store, a_paper(1, title="Other"), a_paper(2, doi="10.1/x"))
        key = reader.keys([an_id(1)])[an_id(1)]
        assert [text.key for text in reader.pending(MODEL)] == [key]
        assert reader.vector(MODEL, key) is None
        assert reader.vectors(MODEL)[0].tolist() == [number for number in before[0].tolist() if number != key]
        assert reader.status().vectors == {MODEL: 1}
        put(store, a_paper(1))
        assert reader.pending(MODEL) == []
        keys, vectors = reader.vectors(MODEL)
        assert np.array_equal(keys, before[0])
        assert np.array_equal(vectors, before[1])

    def test_a_text_that_changed_while_it_was_embedded(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1))
        texts = store.pending(MODEL)
        put(store, a_paper(1, title="Other"))
        with store.transaction():
            store.put_vectors(MODEL, texts, unit_vectors(1))
        assert len(reader.pending(MODEL)) == 1
        assert len(reader.vectors(MODEL)[0]) == 0

    def test_embedders_are_kept_apart(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1))
        embed(store, "model-a", 4)
        assert len(reader.pending("model-b")) == 1
        assert reader.vectors("model-b")[1].shape[0] == 0
        assert reader.vector("model-b", reader.pending("model-b")[0].key) is None
        embed(store, "model-b", 8)
        assert reader.vectors("model-a")[1].shape == (1, 4)
        assert reader.vectors("model-b")[1].shape == (1, 8)

    def test_vectors_put_again_replace(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1))
        texts = store.pending(MODEL)
        for seed in (1, 2):
            with store.transaction():
                store.put_vectors(MODEL, texts, unit_vectors(1, seed=seed))
        assert np.array_equal(reader.vectors(MODEL)[1], unit_vectors(1, seed=2))

    def test_vectors_that_cannot_be(self, store: PaperStore, reader: PaperReader) -> None:
        put(store, a_paper(1), a_paper(2))
        texts = store.pending(MODEL)
        broken = unit_vectors(2)
        broken[1, 3] = np.nan
        for wrong in (unit_vectors(1), unit_vectors(2)[0], broken):
            with pytest.raises(ValueError, match="vector"), store.transaction():
                store.put_vectors(MODEL, texts, wrong)
        embed(store, width=4)
        with pytest.raises(StoreError, match=f"{MODEL} with 4 components, not 5"), store.transaction():
            store.put_vectors(MODEL, texts, unit_vectors(2, 5))
        unknown = [replace(texts[0], key=10**6)]
        with pytest.raises(StoreError), store.transaction():
            store.put_vectors(MODEL, unknown, unit_vectors(1, 4))
        assert reader.status().vectors == {MODEL: 2}
