"""What `paperkin train embedding` does, from settings to an adapter with its card."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import torch

from indexer.adapters import (
    Adapter,
    Compressed,
    Origin,
    apply,
    compress,
    is_name,
    replace_file,
    write_adapter,
)
from indexer.embedding import SentenceEmbedder, base_of, load_embedder, parameters_of
from indexer.errors import ModelError, SettingsError
from indexer.library import open_library
from indexer.progress import Progress
from indexer.settings import Settings
from service.evaluation.measures import Comparison, compare
from service.training.card import card
from service.training.corpus import Corpus, Foresight, foresight, read_excluded
from service.training.embedding import Clock, Example, Student, Trained, train
from service.training.pairs import Batch, Neighbourhoods

_GROUPS = {"cpu": 20, "cuda": 96}  # seeds of a batch, each with about ten papers around it
_TITLES = 24  # of each batch, whose texts are asked for
_HELD_OUT = 4  # batches
_SLICE = 256  # texts measured between two words on how far it is


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to make: `until` is a month YYYYMM or None, `rank` 0 keeps every change in full."""

    output: Path
    minutes: float = 60.0
    exclude: tuple[Path, ...] = ()
    until: int | None = None
    seed: int = 0
    device: str = "auto"
    rank: int = 64


@dataclass(frozen=True, slots=True)
class Report:
    """How it went; `errors` is what each rank would lose of the change, `size` in bytes."""

    wishes: Wishes
    trained: Trained
    adapter: Adapter
    errors: dict[int, float]
    before: float
    after: float
    gain: Comparison
    size: int

    def as_json(self) -> dict[str, Any]:
        """The report as data."""
        origin = self.adapter.origin
        return {
            "output": str(self.wishes.output),
            "bytes": self.size,
            "steps": self.trained.steps,
            "interrupted": self.trained.interrupted,
            "made_from": dict(origin.made_from),
            "figures": dict(origin.figures),
            "errors_by_rank": {str(rank): error for rank, error in self.errors.items()},
        }

    def lines(self) -> list[str]:
        """The report for people."""
        made, gain = self.adapter.origin.made_from, self.gain.difference
        early = " (interrupted: the best until then)" if self.trained.interrupted else ""
        lost = self.errors.get(self.adapter.rank)
        kept = (
            "all changes in full"
            if lost is None
            else f"rank {self.adapter.rank} loses {lost:.0%} of the change"
        )
        return [
            f"trained {self.trained.steps:,} steps on {self.trained.papers:,} texts{early}, on citations by"
            f" {made['citing_papers']:,} papers up to {made['until']}",
            f"held-out loss {self.trained.loss_before:.3f} -> {self.trained.loss_after:.3f}",
            f"nDCG@20 of what {made['queries']:,} newer papers cite, by text among {made['pool']:,} older ones:"
            f" {self.before:.3f} -> {self.after:.3f} ({gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}])",
            f"wrote {self.wishes.output} ({self.size / 1e6:.1f} MB, {kept}) and {card_path(self.wishes.output).name}",
            f"to use it: PAPERKIN_MODEL={self.wishes.output} paperkin update --new-model",
        ]


def train_embedding(
    settings: Settings, wishes: Wishes, progress: Progress, *, clock: Clock = time.monotonic
) -> Report:
    """Train the model that `settings` name on the library's citations and write the adapter and its card.

    Raises `SettingsError` for what cannot be done, `SourceError` for a library with too few citations, `ModelError`
    if training made nothing better: then nothing is written.
    """
    device = _device(wishes.device)
    _check(wishes)
    excluded = read_excluded(wishes.exclude)
    embedder = load_embedder(settings.model, settings.precision)
    torch.manual_seed(wishes.seed)
    with open_library(settings) as library:
        progress("citations", 0, None, "papers")
        corpus = Corpus(library, excluded, wishes.until)
        asked = foresight(corpus, seed=wishes.seed)
        model = embedder.open_base()
        student = Student(model, device)
        base = student.weights()
        if embedder.adapter:
            apply(parameters_of(model), embedder.adapter)
        before = _gains(student, corpus, asked, progress)
        trained = _train(student, corpus, wishes, clock=clock, progress=progress)
        _require_better(trained)
        origin = Origin(
            name=wishes.output.stem,
            base=base_of(settings.model),
            base_weights=embedder.base_weights,
            made_from=_made_from(corpus, asked, wishes, trained, left_out=len(excluded)),
        )
        made = compress(base, student.weights(), origin, rank=wishes.rank)
        write_adapter(made.adapter, wishes.output)  # now, whatever befalls the measuring
        after = _gains(_adapted(embedder, made.adapter, device), corpus, asked, progress)
    return _written(wishes, trained, made, before, after)


def _require_better(trained: Trained) -> None:
    if trained.loss_after >= trained.loss_before:
        raise ModelError(
            f"{trained.steps} steps made nothing better (held-out loss {trained.loss_before:.3f}): nothing is"
            " written; give it more --minutes"
        )


def card_path(output: Path) -> Path:
    """Where the card of an adapter lies: beside it."""
    return output.with_suffix(".md")


def _check(wishes: Wishes) -> None:
    """Tell now, not after an hour, what would fail at its end."""
    output, card_file = wishes.output, card_path(wishes.output)
    if output.suffix != ".safetensors":
        raise SettingsError(f"--output {output} must end in .safetensors, by which an adapter is known")
    if not is_name(output.stem):
        raise SettingsError(
            f"--output {output}: name the adapter by at most 64 plain letters, digits, dots, dashes and underscores"
        )
    if not output.parent.is_dir():
        raise SettingsError(f"--output {output}: there is no folder {output.parent}; make it first")
    if card_file.exists() and not output.exists():
        raise SettingsError(f"--output {output}: its card would replace {card_file}; choose another name")
    try:
        TemporaryFile(dir=output.parent).close()
    except OSError as error:
        raise SettingsError(f"--output {output} cannot be written ({error.strerror})") from error


def _device(wish: str) -> str:
    there = torch.cuda.is_available()
    if wish == "cuda" and not there:
        raise SettingsError(
            "--device cuda: torch finds no GPU here; use --device cpu, or a CUDA build of torch"
        )
    if wish not in {"auto", "cpu", "cuda"}:
        raise SettingsError(f"--device {wish} is unknown; use auto, cpu or cuda")
    return "cuda" if there and wish != "cpu" else "cpu"


def _train(student: Student, corpus: Corpus, wishes: Wishes, *, clock: Clock, progress: Progress) -> Trained:
    random = np.random.default_rng(wishes.seed)
    learning = Neighbourhoods(corpus.learned, corpus.seeds, corpus.nearest, seed=wishes.seed)
    aside = Neighbourhoods(corpus.known, corpus.newest, corpus.nearest, seed=wishes.seed)
    held_out = [_example(corpus, aside.draw(_GROUPS["cpu"]), random) for _ in range(_HELD_OUT)]
    return train(
        student,
        lambda: _example(corpus, learning.draw(_GROUPS[student.device]), random),
        held_out,
        seconds=60 * wishes.minutes,
        clock=clock,
        progress=progress,
    )


def _example(corpus: Corpus, batch: Batch, random: np.random.Generator) -> Example:
    papers = corpus.papers(batch.nodes)
    asked = random.choice(len(papers), min(_TITLES, len(papers)), replace=False).tolist()
    return Example(batch, [paper.text for paper in papers], [papers[at].title for at in asked], asked)


def _gains(student: Student, corpus: Corpus, asked: Foresight, told: Progress) -> list[float]:
    nodes = np.concatenate([asked.queries, asked.pool])
    rows = []
    for start in range(0, len(nodes), _SLICE):
        told("measure", start, len(nodes), "texts")
        rows.append(student.vectors([paper.text for paper in corpus.papers(nodes[start : start + _SLICE])]))
    told("measure", len(nodes), len(nodes), "texts")
    vectors = np.concatenate(rows)
    return asked.gains(vectors[: len(asked.queries)], vectors[len(asked.queries) :])


def _adapted(embedder: SentenceEmbedder, adapter: Adapter, device: str) -> Student:
    """The base model with the adapter as it was written: what is measured is what will be used."""
    model = embedder.open_base()
    apply(parameters_of(model), adapter)
    return Student(model, device)


def _made_from(
    corpus: Corpus, asked: Foresight, wishes: Wishes, trained: Trained, *, left_out: int
) -> dict[str, Any]:
    return {
        "papers": int(corpus.older.sum()),
        "citing_papers": len(corpus.seeds),
        "citations": int(corpus.learned.cites.nnz),
        "until": corpus.cut,
        "excluded": left_out,
        "queries": len(asked.queries),
        "pool": len(asked.pool),
        "seed": wishes.seed,
        "minutes": wishes.minutes,
        "steps": trained.steps,
        "texts": trained.papers,
        "interrupted": trained.interrupted,
    }


def _written(
    wishes: Wishes, trained: Trained, made: Compressed, before: list[float], after: list[float]
) -> Report:
    """Write the figures into the adapter and its card."""
    gain = compare(after, before, seed=wishes.seed)
    figures = {
        "held_out_loss_before": round(trained.loss_before, 4),
        "held_out_loss_after": round(trained.loss_after, 4),
        "ndcg20_before": round(float(np.mean(before)), 4),
        "ndcg20_after": round(float(np.mean(after)), 4),
        "ndcg20_gain": {name: round(value, 4) for name, value in asdict(gain.difference).items()},
    }
    adapter = replace(made.adapter, origin=replace(made.adapter.origin, figures=figures))
    write_adapter(adapter, wishes.output)
    replace_file(card_path(wishes.output), card(adapter, made.errors).encode())
    return Report(
        wishes,
        trained,
        adapter,
        made.errors,
        float(np.mean(before)),
        float(np.mean(after)),
        gain,
        wishes.output.stat().st_size,
    )
