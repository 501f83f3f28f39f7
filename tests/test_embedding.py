"""The embedder on the packaged model: the true weights, once loaded for the whole file."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from indexer import embedding
from indexer.adapters import Adapter, Origin, write_adapter
from indexer.embedding import (
    PACKAGED,
    SHIPPED,
    SentenceEmbedder,
    base_of,
    load_embedder,
    model_folder,
    parameters_of,
)
from indexer.errors import ModelError
from indexer.settings import DEFAULT_MODEL, Settings
from tests.test_architecture import loaded_by
from tests.tiny_model import WIDTH, tiny_bert


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
    monkeypatch.setattr(embedding, "has_bf16", lambda: in_hardware)
    assert load_embedder(PACKAGED, "auto").fingerprint.endswith(f"/{expected}")


def test_other_weights_under_the_packaged_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "model.safetensors").write_bytes(b"planted")
    monkeypatch.setattr(embedding, "_base_folder", lambda _: tmp_path)
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


# --- adapters ---------------------------------------------------------------------------------------------

TEXTS = ["Neutrino oscillations in a water detector", "Diffusion models for images"]
_BIAS = "encoder.layer.5.output.LayerNorm.bias"


def an_adapter(folder: Path, *, base: str = PACKAGED, weights: str = "", name: str = _BIAS) -> Path:
    """An adapter that moves every output component 0 of the last layer by 2; its file."""
    delta = np.zeros(384, np.float16)
    delta[0] = 1.0
    origin = Origin("mine", base, weights or an_embedder().base_weights)
    write_adapter(Adapter(origin, {f"{name}.delta": delta}, 0, 2.0), folder / "mine.safetensors")
    return folder / "mine.safetensors"


def test_an_adapter_changes_the_vectors_and_the_fingerprint(tmp_path: Path) -> None:
    file = an_adapter(tmp_path)
    mine = load_embedder(str(file), "fp32")
    plain = an_embedder()
    assert mine.adapter is not None
    assert mine.fingerprint == f"mine@{mine.adapter.digest[:12]}/title+abstract.1/fp32"
    found, before = mine.embed(TEXTS), plain.embed(TEXTS)
    assert (found[:, 0] > before[:, 0] + 0.1).all()
    raw = mine.open_base().encode(TEXTS)
    assert raw == pytest.approx(before, abs=1e-5), "the base is opened without the adapter"
    write_adapter(replace(mine.adapter, strength=0.0), file)
    off = load_embedder(str(file), "fp32")
    assert off.fingerprint != mine.fingerprint
    assert off.embed(TEXTS) == pytest.approx(before, abs=1e-5)


def test_an_adapter_is_of_its_base(tmp_path: Path) -> None:
    file = an_adapter(tmp_path)
    assert model_folder(str(file)) == model_folder(PACKAGED)
    assert base_of(str(file)) == base_of(PACKAGED) == PACKAGED
    with pytest.raises(ModelError, match="mine was trained on other weights of all-MiniLM-L6-v2"):
        load_embedder(str(an_adapter(tmp_path, weights="ab" * 32)), "fp32")
    with pytest.raises(ModelError, match=r"changes the weight no\.such\.bias"):
        load_embedder(str(an_adapter(tmp_path, name="no.such.bias")), "fp32").embed(TEXTS)
    with pytest.raises(ModelError, match=r"there is no adapter .*absent.safetensors"):
        load_embedder(str(tmp_path / "absent.safetensors"), "fp32")


def test_the_fingerprint_of_an_adapter_needs_no_torch(tmp_path: Path) -> None:
    file = an_adapter(tmp_path)
    code = "import sys\nfrom indexer.embedding import load_embedder\nload_embedder(sys.argv[1], 'auto')"
    assert loaded_by(code, str(file)) & {"torch", "transformers", "sentence_transformers"} == set()


def test_the_default_model_is_there() -> None:
    assert Settings().model == DEFAULT_MODEL
    assert load_embedder(DEFAULT_MODEL, "fp32").fingerprint.startswith(f"{DEFAULT_MODEL}@")


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_adapter_has_its_card(name: str) -> None:
    file = embedding.MODELS / SHIPPED[name]
    if not file.is_file():
        with pytest.raises(ModelError, match="there is no adapter"):
            load_embedder(name, "fp32")
        return
    embedder = load_embedder(name, "fp32")
    assert embedder.adapter is not None
    assert embedder.adapter.origin.name == name
    assert embedder.adapter.digest in file.with_suffix(".md").read_text("utf-8")
    assert file.stat().st_size < 50e6
    assert np.isfinite(embedder.embed(TEXTS)).all()


# --- other models -----------------------------------------------------------------------------------------


def test_a_plain_bert_is_read_with_mean_pooling_unless_it_says_otherwise(tmp_path: Path) -> None:
    import torch

    folder = tiny_bert(tmp_path / "plain_bert", TEXTS)
    plain = load_embedder(str(folder), "fp32")
    assert plain.fingerprint.startswith("plain_bert@")
    assert plain.width == WIDTH
    model = plain.open_base()
    assert "encoder.layer.1.output.dense.weight" in parameters_of(model)
    with torch.no_grad():
        states = model[0].auto_model(**model.tokenizer(TEXTS[0], return_tensors="pt")).last_hidden_state[0]
    mean, first = (one / one.norm() for one in (states.mean(0), states[0]))
    assert plain.embed(TEXTS)[0] == pytest.approx(mean.numpy(), abs=1e-5)
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": WIDTH, "pooling_mode_cls_token": True}
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps(pooling | {"pooling_mode_mean_tokens": False})
    )
    assert load_embedder(str(folder), "fp32").embed(TEXTS)[0] == pytest.approx(first.numpy(), abs=1e-5)
