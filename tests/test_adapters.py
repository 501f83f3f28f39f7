"""Adapters: what is compressed, written and read comes out as it went in; what does not fit is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import adapters
from indexer.adapters import (
    Adapter,
    Origin,
    apply,
    compress,
    read_adapter,
    require_base,
    write_adapter,
)
from indexer.errors import ModelError

ORIGIN = Origin("mine", "all-MiniLM-L6-v2", "ab" * 32, made_from={"papers": 7}, figures={"ndcg20": 0.5})
SHAPES = {"layer.0.weight": (24, 40), "layer.0.bias": (24,), "norm.weight": (40,), "layer.1.weight": (40, 24)}
Weights = dict[str, npt.NDArray[np.float32]]


def some_weights(seed: int, size: float = 0.05) -> Weights:
    random = np.random.default_rng(seed)
    return {name: (size * random.standard_normal(shape)).astype(np.float32) for name, shape in SHAPES.items()}


def moved(base: Weights, by: float = 1e-3, seed: int = 9) -> Weights:
    return {name: base[name] + change for name, change in some_weights(seed, by).items()}


def applied(base: Weights, adapter: Adapter) -> Weights:
    import torch

    parameters: dict[str, Any] = {name: torch.tensor(weight) for name, weight in base.items()}
    apply(parameters, adapter)
    return {name: parameter.numpy() for name, parameter in parameters.items()}


def distance(ours: Weights, theirs: Weights) -> float:
    return float(np.sqrt(sum(np.square(ours[name] - theirs[name]).sum() for name in theirs)))


@given(
    rank=st.sampled_from([0, 24, 40, 4_000]), by=st.sampled_from([1e-6, 1e-3, 0.3]), seed=st.integers(0, 99)
)
def test_at_full_rank_the_tuned_weights_come_out_to_half_precision(rank: int, by: float, seed: int) -> None:
    base = some_weights(seed)
    tuned = moved(base, by)
    found = applied(base, compress(base, tuned, ORIGIN, rank=rank).adapter)
    for name, weight in tuned.items():
        change = np.abs(weight - base[name]).max()
        assert np.abs(found[name] - weight).max() <= 2**-10 * change + 2**-23


def test_a_low_rank_loses_what_it_says_and_less_the_higher_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "RANKS", (1, 2, 4, 8))
    base = some_weights(0)
    tuned = moved(base)
    made = [compress(base, tuned, ORIGIN, rank=rank) for rank in (1, 2, 4, 8)]
    lost = [distance(applied(base, one.adapter), tuned) / distance(base, tuned) for one in made]
    assert lost == sorted(lost, reverse=True)
    for one in made:
        assert list(one.errors.values()) == pytest.approx(lost, abs=2e-3)
    assert made[0].adapter.tensors["layer.0.weight.A"].shape == (1, 40)
    assert made[0].adapter.tensors["layer.0.weight.B"].shape == (24, 1)


def test_a_change_of_low_rank_is_kept_whole() -> None:
    base = some_weights(0)
    tuned = dict(base)
    tuned["layer.1.weight"] = base["layer.1.weight"] + np.outer(np.arange(40), np.ones(24)).astype(np.float32)
    made = compress(base, tuned, ORIGIN, rank=1)
    assert made.errors[1] == pytest.approx(0, abs=1e-5)
    assert set(made.adapter.tensors) == {"layer.1.weight.A", "layer.1.weight.B"}, (
        "what did not change is left out"
    )


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_strength_lies_between_base_and_tuned(strength: float) -> None:
    base = some_weights(0)
    tuned = moved(base, 0.01)
    adapter = replace(compress(base, tuned, ORIGIN, rank=0).adapter, strength=strength)
    between = {name: base[name] + strength * (tuned[name] - base[name]) for name in base}
    assert distance(applied(base, adapter), between) < 1e-3 * distance(base, tuned)


def test_what_is_written_is_read_and_only_vectors_decide_the_digest(tmp_path: Path) -> None:
    base = some_weights(0)
    adapter = compress(base, moved(base), ORIGIN, rank=4).adapter
    write_adapter(adapter, tmp_path / "a.safetensors")
    found = read_adapter(tmp_path / "a.safetensors")
    assert (found.origin, found.rank, found.scale, found.strength) == (ORIGIN, 4, adapter.scale, 1.0)
    assert distance(applied(base, found), applied(base, adapter)) == 0.0
    assert found.digest == adapter.digest
    assert replace(found, origin=replace(ORIGIN, name="other", figures={})).digest == adapter.digest
    assert replace(found, strength=0.5).digest != adapter.digest
    assert replace(found, origin=replace(ORIGIN, base_weights="cd" * 32)).digest != adapter.digest
    assert list(tmp_path.iterdir()) == [tmp_path / "a.safetensors"], "nothing half written is left"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    base = some_weights(0)
    with pytest.raises(OSError, match="No space"):
        write_adapter(compress(base, moved(base), ORIGIN).adapter, path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_to_keep_and_weights_that_broke_are_refused() -> None:
    base = some_weights(0)
    with pytest.raises(ModelError, match="nothing to keep"):
        compress(base, base, ORIGIN)
    broken = moved(base)
    broken["norm.weight"][3] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        compress(base, broken, ORIGIN)


def test_other_weights_are_refused() -> None:
    base = some_weights(0)
    adapter = compress(base, moved(base), ORIGIN).adapter
    require_base(adapter, ORIGIN.base_weights)
    with pytest.raises(ModelError, match=r"mine was trained on other weights of all-MiniLM.*cdcd"):
        require_base(adapter, "cd" * 32)


@pytest.mark.parametrize("shape", [None, (24, 41)])
def test_a_model_that_the_adapter_does_not_fit_stays_as_it_is(shape: tuple[int, int] | None) -> None:
    import torch

    base = some_weights(0)
    adapter = compress(base, moved(base), ORIGIN).adapter
    parameters: dict[str, Any] = {name: torch.tensor(weight) for name, weight in base.items()}
    del parameters["layer.1.weight"]
    if shape:
        parameters["layer.1.weight"] = torch.zeros(shape)
    with pytest.raises(ModelError, match=r"mine changes the weight layer.1.weight \[40, 24\]"):
        apply(parameters, adapter)
    assert all((parameters[name].numpy() == base[name]).all() for name in base if name != "layer.1.weight")


def header(**fields: str) -> dict[str, str]:
    known = {
        "format": adapters.FORMAT,
        "name": "mine",
        "base": "all-MiniLM-L6-v2",
        "base_weights": "ab" * 32,
        "license": "Apache-2.0",
        "made_from": "{}",
        "figures": "{}",
        "rank": "2",
        "scale": "0.5",
        "strength": "1.0",
    }
    return known | fields


GOOD = {"w.A": np.ones((2, 4), np.float16), "w.B": np.ones((3, 2), np.float16)}


@pytest.mark.parametrize(
    ("fields", "tensors", "reason"),
    [
        ({"format": "paperkin-adapter-9"}, {}, "no adapter that this version reads"),
        ({"rank": "many"}, {}, "cannot be read"),
        ({"figures": "{"}, {}, "cannot be read"),
        ({"name": "../x@1"}, {}, "is no name"),
        ({"scale": "nan"}, {}, "its scale is nan"),
        ({"scale": "inf"}, {}, "its scale is inf"),
        ({"strength": "7"}, {}, "its strength is 7.0, not 0 to 2"),
        ({"strength": "nan"}, {}, "its strength is nan"),
        ({"rank": "1"}, {}, "do not fit"),
        ({}, {"w.A": np.full((2, 4), np.nan, np.float16)}, "w.A is not finite"),
        ({}, {"v.delta": np.full(4, np.inf, np.float16)}, "v.delta is not finite"),
        ({}, {"w.B": np.ones((3, 5), np.float16)}, r"do not fit: \[3, 5\] and \[2, 4\]"),
        ({}, {"v.B": np.ones((3, 2), np.float16)}, "v has one factor only"),
        ({}, {"v": np.ones(3, np.float16)}, "none of its tensors"),
        ({}, {"v.delta": np.ones(3, np.float64)}, "none of its tensors"),
    ],
)
def test_files_that_cannot_be_used_are_one_sentence(
    tmp_path: Path, fields: dict[str, str], tensors: dict[str, npt.NDArray[Any]], reason: str
) -> None:
    from safetensors.numpy import save_file

    save_file(GOOD | tensors, tmp_path / "a.safetensors", header(**fields))
    with pytest.raises(ModelError, match=reason) as caught:
        read_adapter(tmp_path / "a.safetensors")
    assert "a.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_good_file_is_read_and_files_of_other_kinds_are_not(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(GOOD, tmp_path / "good.safetensors", header())
    ((name, change),) = read_adapter(tmp_path / "good.safetensors").changes()
    assert (name, change.shape, change.max()) == ("w", (3, 4), 1.0)
    save_file({}, tmp_path / "empty.safetensors", header())
    with pytest.raises(ModelError, match="it changes nothing"):
        read_adapter(tmp_path / "empty.safetensors")
    (tmp_path / "text.safetensors").write_text(json.dumps({}))
    save_file(GOOD, tmp_path / "model.safetensors")
    for name in ("text", "model", "absent"):
        with pytest.raises(ModelError, match=name):
            read_adapter(tmp_path / f"{name}.safetensors")
