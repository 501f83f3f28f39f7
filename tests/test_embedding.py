"""The embedder on the packaged model: the true weights, once loaded for the whole file."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from indexer import embedding
from indexer.embedding import PACKAGED, SentenceEmbedder, load_embedder, model_folder
from indexer.errors import ModelError


@cache
def an_embedder() -> SentenceEmbedder:
    return load_embedder(PACKAGED, "fp32")


def test_vectors_are_unit_rows_also_of_empty_texts() -> None:
    vectors = an_embedder().embed(["Neutrino oscillations", "", "x" * 5000])
    assert vectors.shape == (3, 384) == (3, an_embedder().width)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0] * 3, abs=1e-5)


def test_no_texts_no_vectors() -> None:
    assert an_embedder().embed([]).shape == (0, 384)


def test_near_texts_are_nearer_than_far_ones() -> None:
    one, kin, stranger = an_embedder().embed(
        [
            "Diffusion models generate images",
            "Image synthesis by denoising",
            "Rate of strikes in medieval mines",
        ]
    )
    assert one @ kin > one @ stranger + 0.2


def test_a_text_has_the_same_vector_whatever_stands_beside_it() -> None:
    alone = an_embedder().embed(["short text"])[0]
    among = an_embedder().embed(["a far longer text " * 40, "short text", "another"])[1]
    assert alone == pytest.approx(among, abs=1e-5)


def test_bf16_turns_vectors_by_less_than_a_degree() -> None:
    texts = ["Neutrino oscillations in a water detector", "Diffusion models for images"]
    half = load_embedder(PACKAGED, "bf16")
    cosines = (half.embed(texts) * an_embedder().embed(texts)).sum(axis=1)
    assert cosines.min() > np.cos(np.radians(1.0))
    assert half.fingerprint != an_embedder().fingerprint


def test_fingerprint_names_weights_recipe_and_precision() -> None:
    fingerprint = an_embedder().fingerprint
    assert fingerprint.startswith("all-MiniLM-L6-v2@")
    assert fingerprint.endswith("/title+abstract.1/fp32")


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_auto_stays_with_what_the_library_was_made_with(precision: str) -> None:
    known = load_embedder(PACKAGED, precision).fingerprint
    assert load_embedder(PACKAGED, "auto", [known]).fingerprint == known


@pytest.mark.parametrize(("in_hardware", "expected"), [(True, "bf16"), (False, "fp32")])
def test_auto_follows_the_processor_for_a_new_library(
    monkeypatch: pytest.MonkeyPatch, *, in_hardware: bool, expected: str
) -> None:
    monkeypatch.setattr(embedding, "_has_bf16", lambda: in_hardware)
    assert load_embedder(PACKAGED, "auto").fingerprint.endswith(f"/{expected}")


def test_other_weights_under_the_packaged_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "model.safetensors").write_bytes(b"planted")
    monkeypatch.setattr(embedding, "model_folder", lambda _: tmp_path)
    with pytest.raises(ModelError, match="not those of all-MiniLM-L6-v2"):
        load_embedder(PACKAGED, "fp32")


def test_a_model_in_a_folder_is_another_model_with_its_own_fingerprint(tmp_path: Path) -> None:
    copy = tmp_path / "mine"
    shutil.copytree(model_folder(PACKAGED), copy)
    mine = load_embedder(str(copy), "fp32")
    assert mine.fingerprint.startswith("mine@")
    assert mine.embed(["text"]) == pytest.approx(an_embedder().embed(["text"]), abs=1e-6)


def test_folders_that_are_no_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither modules.json nor config.json"):
        load_embedder(str(tmp_path), "fp32")
    (tmp_path / "config.json").write_text(json.dumps({}))
    with pytest.raises(ModelError, match="safetensors"):
        load_embedder(str(tmp_path), "fp32")
    file = tmp_path / "config.json"
    with pytest.raises(ModelError, match="is no model folder"):
        load_embedder(str(file), "fp32")
    with pytest.raises(ModelError, match="is no model folder"):
        load_embedder("/nowhere/at/all", "fp32")


def test_broken_weights_are_one_sentence(tmp_path: Path) -> None:
    copy = tmp_path / "broken"
    shutil.copytree(model_folder(PACKAGED), copy)
    (copy / "model.safetensors").write_bytes(b"no tensors here")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_embedder(str(copy), "fp32").embed(["text"])
    assert "\n" not in str(caught.value)


def test_a_name_that_the_hub_does_not_give_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"no-such-model.*neither a folder nor to be had from the hub"):
        load_embedder("no-such-model", "fp32")
