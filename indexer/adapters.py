"""Adapters: what training changed of a model's weights, as a small file beside weights that stay as they are.

One safetensors file of half-precision tensors. A changed matrix W [out, in] is kept as two factors, `W.A` [r, in]
and `W.B` [out, r] (Hu et al. 2021, LoRA; here found after training, by SVD, which for a given rank is the nearest
there is: Eckart and Young 1936), a vector or a matrix that factors would not make smaller as `W.delta`, in full:

    W' = W + strength * scale * B A

`strength` below 1 keeps more of what the base model could do (Wortsman et al. 2022, Robust fine-tuning of
zero-shot models); `scale` keeps changes of 1e-4 in the range where half precision has all its digits.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.errors import ModelError

FORMAT = "paperkin-adapter-1"
RANKS = (8, 16, 32, 64, 128)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_MOST_STRENGTH = 2.0  # beyond the trained weights by as much again: more is a mistake

Weights = Mapping[str, npt.NDArray[np.float32]]
Tensors = dict[str, npt.NDArray[np.float16]]


@dataclass(frozen=True, slots=True)
class Origin:
    """What an adapter is called and where it comes from.

    `base` is the model that it changes, as PAPERKIN_MODEL would name it, `base_weights` the SHA-256 over that
    model's weights; `made_from` counts what it learned from, `figures` tells how good it is.
    """

    name: str
    base: str
    base_weights: str
    license: str = "Apache-2.0"
    made_from: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Adapter:
    """Changes of weights: float16 tensors by name; `rank` is the most that a pair of factors has, 0 if all is full."""

    origin: Origin
    tensors: Tensors
    rank: int
    scale: float
    strength: float = 1.0

    @property
    def digest(self) -> str:
        """SHA-256 over all that changes a vector: base, tensors, scale and strength, but neither name nor figures."""
        told = hashlib.sha256(json.dumps([self.origin.base_weights, self.scale, self.strength]).encode())
        for name in sorted(self.tensors):
            tensor = np.ascontiguousarray(self.tensors[name])
            told.update(f"{name} {tensor.shape}".encode())
            told.update(tensor.tobytes())
        return told.hexdigest()

    def changes(self) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        """Every changed weight's name and what is added to it, float32 in its own shape."""
        factor = np.float32(self.scale * self.strength)
        for name, tensor in self.tensors.items():
            weight, _, part = name.rpartition(".")
            if part == "delta":
                yield weight, factor * tensor.astype(np.float32)
            elif part == "B":
                yield (
                    weight,
                    factor * (tensor.astype(np.float32) @ self.tensors[f"{weight}.A"].astype(np.float32)),
                )


@dataclass(frozen=True, slots=True)
class Compressed:
    """An adapter, and what each rank loses: the norm of what it leaves out by that of the whole change, 0 to 1."""

    adapter: Adapter
    errors: dict[int, float]


def compress(base: Weights, tuned: Weights, origin: Origin, *, rank: int = 64) -> Compressed:
    """What changed from `base` to `tuned` (same names and shapes, float32); `rank` 0 keeps all of it in full.

    Raises `ModelError` where nothing changed or a weight is not finite.
    """
    differences = {
        name: change
        for name in tuned
        if (change := tuned[name].astype(np.float32) - base[name].astype(np.float32)).any()
    }
    if not differences:
        raise ModelError("the trained weights are those of the base model: there is nothing to keep")
    if not all(np.isfinite(change).all() for change in differences.values()):
        raise ModelError("the trained weights are not finite; train with a smaller rate or in fp32")
    scale = 2.0 ** math.ceil(math.log2(max(float(np.abs(change).max()) for change in differences.values())))
    tensors: Tensors = {}
    squares: dict[int, float] = dict.fromkeys({*RANKS, rank} - {0}, 0.0)
    for name, change in differences.items():
        if change.ndim != 2 or not rank:
            tensors[f"{name}.delta"] = (change / scale).astype(np.float16)
            continue
        tensors |= _factored(name, change / scale, rank, squares)
    whole = sum(float(np.square(change / scale).sum()) for change in differences.values())
    errors = {kept: math.sqrt(lost / whole) for kept, lost in sorted(squares.items())} if rank else {}
    return Compressed(Adapter(origin, tensors, rank, scale), errors)


def _factored(name: str, change: npt.NDArray[np.float32], rank: int, squares: dict[int, float]) -> Tensors:
    """Factors of a matrix, or the matrix where they would be larger; what each rank loses goes to `squares`."""
    from scipy.linalg import svd

    left, values, right = svd(change, full_matrices=False)
    factored = rank * sum(change.shape) < change.size
    for kept in squares:
        if kept * sum(change.shape) < change.size:
            squares[kept] += float(np.square(values[kept:]).sum())
    if not factored:
        return {f"{name}.delta": change.astype(np.float16)}
    roots = np.sqrt(values[:rank])  # shared by both, so that neither leaves the range of half precision
    return {
        f"{name}.A": (roots[:, None] * right[:rank]).astype(np.float16),
        f"{name}.B": (left[:, :rank] * roots).astype(np.float16),
    }


def apply(parameters: Mapping[str, Any], adapter: Adapter) -> None:
    """Add the changes to a model's parameters (torch, by name; still in fp32), where they are.

    Raises `ModelError`, nothing added, where a weight is missing or has another shape.
    """
    changes = dict(adapter.changes())
    for name, change in changes.items():
        found = parameters.get(name)
        if found is None or tuple(found.shape) != change.shape:
            has = "has none of that name" if found is None else f"has {list(found.shape)}"
            raise ModelError(
                f"the adapter {adapter.origin.name} changes the weight {name} {list(change.shape)}, but the model"
                f" {adapter.origin.base} {has}; train the adapter anew on this model"
            )
    for name, change in changes.items():
        parameters[name].data.add_(parameters[name].new_tensor(change))


def is_name(text: str) -> bool:
    """Whether an adapter may be called so: up to 64 letters, digits, dots, dashes and underscores."""
    return bool(_NAME.fullmatch(text))


def require_base(adapter: Adapter, weights: str) -> None:
    """Raise `ModelError` unless `weights` (a SHA-256) are those that the adapter was trained on."""
    if adapter.origin.base_weights != weights:
        raise ModelError(
            f"the adapter {adapter.origin.name} was trained on other weights of {adapter.origin.base}"
            f" ({adapter.origin.base_weights[:12]}, here are {weights[:12]}); get those, or train it anew"
        )


def write_adapter(adapter: Adapter, path: Path) -> None:
    """Write the file in one step: whole or not at all."""
    from safetensors.numpy import save

    header = {
        "format": FORMAT,
        "name": adapter.origin.name,
        "base": adapter.origin.base,
        "base_weights": adapter.origin.base_weights,
        "license": adapter.origin.license,
        "made_from": json.dumps(dict(adapter.origin.made_from)),
        "figures": json.dumps(dict(adapter.origin.figures)),
        "rank": str(adapter.rank),
        "scale": repr(adapter.scale),
        "strength": repr(adapter.strength),
    }
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in adapter.tensors.items()}
    replace_file(path, save(tensors, header))


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path`, on the disk for good, never half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_adapter(path: Path) -> Adapter:
    """Read and check an adapter; raise `ModelError` for a file that is none, of another format, or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ModelError(
                    f"{path} is no adapter that this version reads (format {header.get('format')!r} instead of"
                    f" {FORMAT!r}); train it with this version, or update paperkin"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        adapter = _of_header(header, tensors)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"the adapter {path} cannot be read ({error}); get or train it anew") from error
    reason = _fault(adapter)
    if reason:
        raise ModelError(f"the adapter {path} cannot be used: {reason}; get or train it anew")
    return adapter


def _of_header(header: Mapping[str, str], tensors: Tensors) -> Adapter:
    origin = Origin(
        name=header["name"],
        base=header["base"],
        base_weights=header["base_weights"],
        license=header["license"],
        made_from=json.loads(header["made_from"]),
        figures=json.loads(header["figures"]),
    )
    return Adapter(origin, tensors, int(header["rank"]), float(header["scale"]), float(header["strength"]))


def _fault(adapter: Adapter) -> str:
    """What is wrong with an adapter, in a few words; "" if nothing is."""
    if not is_name(adapter.origin.name):
        return f"{adapter.origin.name!r} is no name"
    if not 0 < adapter.scale < math.inf:
        return f"its scale is {adapter.scale}"
    if not 0 <= adapter.strength <= _MOST_STRENGTH:
        return f"its strength is {adapter.strength}, not 0 to {_MOST_STRENGTH:g}"
    if not adapter.tensors:
        return "it changes nothing"
    return next(filter(None, (_tensor_fault(adapter, name) for name in adapter.tensors)), "")


def _tensor_fault(adapter: Adapter, name: str) -> str:
    tensor, (weight, _, part) = adapter.tensors[name], name.rpartition(".")
    if tensor.dtype != np.float16 or part not in {"A", "B", "delta"}:
        return f"{name} ({tensor.dtype}) is none of its tensors"
    if not np.isfinite(tensor).all():
        return f"{name} is not finite"
    if part == "delta":
        return ""
    a, b = adapter.tensors.get(f"{weight}.A"), adapter.tensors.get(f"{weight}.B")
    if a is None or b is None:
        return f"{weight} has one factor only"
    fits = a.ndim == b.ndim == 2 and a.shape[0] == b.shape[1] <= adapter.rank
    return "" if fits else f"the factors of {weight} do not fit: {list(b.shape)} and {list(a.shape)}"
