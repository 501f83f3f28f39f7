"""Tuning an embedding model on batches of linked papers: the loss, the step, the schedule.

A loop of our own, not the trainer of sentence-transformers: its losses take each pair alone and count all else in
the batch as negative, while our papers have several positives each and pairs that are neither; and its trainer
needs two more packages (accelerate, datasets).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from indexer.embedding import has_bf16, parameters_of
from indexer.errors import ModelError
from indexer.progress import Progress
from service.training.pairs import Batch

_TEMPERATURE = 0.05
_TITLES_WEIGHT = 0.15  # titles told from all texts of the batch keep the model good at short queries
_CHUNK = 32  # texts at once, of nearly the same length
_LENGTH = 128  # tokens: most of what an abstract is about, at half the cost of 256
_TITLE_LENGTH = 48
_WARM_UP = 25  # steps
_RATE = 1e-4  # for a model of width 384; wider ones less, in proportion (Yang et al. 2022, for Adam)
_WIDTH = 384
_LOOKS = 10  # times that the held-out loss is looked at, and the most of the time that it may take: a tenth

Clock = Callable[[], float]  # seconds


@dataclass(frozen=True, slots=True)
class Example:
    """A batch with its texts, in the order of its nodes, and some titles: `titles[i]` is of text `asked[i]`."""

    batch: Batch
    texts: Sequence[str]
    titles: Sequence[str]
    asked: Sequence[int]


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training went: `loss_before` and `loss_after` on held-out batches, of the weights that were kept."""

    steps: int
    papers: int
    loss_before: float
    loss_after: float
    interrupted: bool


class Student:
    """A sentence-transformers model that can be trained: on a GPU all layers, on a processor the upper half.

    The embeddings of tokens stay: those that the library's texts lack would be left behind. `cached` computes
    gradients in chunks (Gao et al. 2021, GradCache), so that memory does not limit the batch: a third more work, so
    only on a GPU by default.
    """

    def __init__(self, model: Any, device: str, *, cached: bool | None = None) -> None:
        self.model = model.to(device)
        self.model.eval()  # no dropout: citations are many, and few epochs are run
        self.device = device
        self.cached = device != "cpu" if cached is None else cached
        self.bf16 = torch.cuda.is_bf16_supported() if device != "cpu" else has_bf16()
        layers = _layers_of(model)
        self.trained_layers = range(0 if device != "cpu" else len(layers) // 2, len(layers))
        for parameter in self.model.parameters():
            parameter.requires_grad = False
        for at in self.trained_layers:
            for parameter in layers[at].parameters():
                parameter.requires_grad = True
        self.parameters = [one for one in self.model.parameters() if one.requires_grad]

    @property
    def rate(self) -> float:
        """The highest rate of learning."""
        return _RATE * min(1.0, _WIDTH / int(self.model.get_embedding_dimension()))

    def weights(self) -> dict[str, Any]:
        """A copy of every weight of the transformer, float32 numpy by name."""
        named = parameters_of(self.model).items()
        return {name: one.detach().float().cpu().numpy().copy() for name, one in named}

    def encode(self, texts: Sequence[str], length: int | None = None) -> Tensor:
        """Unit rows, float32 [len(texts), width], at most `length` tokens read (None: as the model has it)."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        rows = [self._chunk([texts[at] for at in order[start : start + _CHUNK]], length)
                for start in range(0, len(order), _CHUNK)]  # fmt: skip
        places = torch.empty(len(order), dtype=torch.long)
        places[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(rows)[places.to(self.device)]

    def _chunk(self, texts: list[str], length: int | None) -> Tensor:
        own = self.model.max_seq_length
        self.model.max_seq_length = min(length, own or length) if length else own
        try:
            features = self.model.preprocess(texts)
        finally:
            self.model.max_seq_length = own
        features = {
            name: value.to(self.device) if isinstance(value, Tensor) else value
            for name, value in features.items()
        }
        with self._precision():
            rows = self.model(features)["sentence_embedding"]
        return functional.normalize(rows.float(), dim=1)

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.partition(":")[0], dtype=torch.bfloat16, enabled=self.bf16)

    def vectors(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """What `encode` gives with the model's own length, as numpy, without gradients."""
        with torch.no_grad():
            return self.encode(texts).cpu().numpy()


def _layers_of(model: Any) -> Any:
    """The transformer's layers: its longest list of modules."""
    parameters_of(model)  # says so if there is none
    lists = [one for one in model[0].auto_model.modules() if isinstance(one, torch.nn.ModuleList)]
    if not lists:
        raise ModelError(f"{type(model[0].auto_model).__name__} has no list of layers to train")
    return max(lists, key=len)


def contrastive_loss(vectors: Tensor, batch: Batch) -> Tensor:
    """Each positive pair against all negatives of its paper: mean over pairs of a paper, then over papers.

    For a positive at similarity s it is -log(exp s / (exp s + sum of exp of the negatives)), s being cosine / .05
    (van den Oord et al. 2018, with several positives as in Khosla et al. 2020, each of them alone against the
    negatives). Papers without a positive count for nothing.
    """
    positive = torch.from_numpy(batch.positive).to(vectors.device)
    ignored = torch.from_numpy(batch.ignored).to(vectors.device)
    rows = positive.any(1)
    if not rows.any():
        return vectors.sum() * 0.0
    scores = (vectors @ vectors.T / _TEMPERATURE)[rows]
    positive, ignored = positive[rows], ignored[rows]
    negatives = torch.logsumexp(scores.masked_fill(positive | ignored, -1e4), 1, keepdim=True)
    losses = functional.softplus(negatives - scores) * positive
    return (losses.sum(1) / positive.sum(1)).mean()


def _loss(vectors: Tensor, example: Example) -> Tensor:
    """Citations, and beside them which text a title belongs to; the rows of the titles come last."""
    texts, titles = vectors[: len(example.texts)], vectors[len(example.texts) :]
    belonging = functional.cross_entropy(
        titles @ texts.T / _TEMPERATURE, torch.tensor(list(example.asked), device=vectors.device)
    )
    return contrastive_loss(texts, example.batch) + _TITLES_WEIGHT * belonging


def add_gradients(student: Student, example: Example) -> float:
    """Add the gradients of one example to the student's parameters; its loss."""
    parts = list(_chunks(example.texts, _LENGTH)) + list(_chunks(example.titles, _TITLE_LENGTH))
    if not student.cached:
        loss = _loss(torch.cat([student.encode(*part) for part in parts]), example)
        torch.autograd.backward(loss)
        return float(loss.detach())
    with torch.no_grad():
        rows = torch.cat([student.encode(*part) for part in parts])
    rows.requires_grad_()
    loss = _loss(rows, example)
    (through,) = torch.autograd.grad(loss, rows)
    for part, gradient in zip(parts, torch.split(through, [len(texts) for texts, _ in parts]), strict=True):
        torch.autograd.backward(student.encode(*part), gradient)
    return float(loss.detach())


def _chunks(texts: Sequence[str], length: int) -> Iterator[tuple[Sequence[str], int]]:
    for start in range(0, len(texts), 4 * _CHUNK):
        yield texts[start : start + 4 * _CHUNK], length


def held_out_loss(student: Student, examples: Sequence[Example]) -> float:
    """The contrastive loss without training, mean over batches."""
    with torch.no_grad():
        losses = [float(contrastive_loss(student.encode(one.texts, _LENGTH), one.batch)) for one in examples]
    return float(np.mean(losses))


def train(
    student: Student,
    draw: Callable[[], Example],
    held_out: Sequence[Example],
    *,
    seconds: float,
    clock: Clock,
    progress: Progress,
) -> Trained:
    """Train for so long; the student ends with those weights that did best on `held_out`.

    It is looked at ten times, or less often where that would take more than a tenth of the time. The rate warms up
    over 25 steps and falls with the cosine of the time used, so the time may be anything; by the same token two
    machines of different speed get different weights from one seed. An interruption (Ctrl-C) ends the training early
    and loses what came after the last look.
    """
    optimizer = torch.optim.AdamW(student.parameters, lr=0.0, weight_decay=0.01)
    best = _Best(student, held_out, clock)
    before, pause = best.loss, max(seconds / _LOOKS, _LOOKS * best.seconds)
    looked = started = now = clock()
    steps, papers, interrupted = 0, 0, False
    try:
        while (used := (now - started) / seconds) < 1:
            for group in optimizer.param_groups:
                group["lr"] = student.rate * schedule(steps, used)
            example = draw()
            optimizer.zero_grad()
            add_gradients(student, example)
            torch.nn.utils.clip_grad_norm_(student.parameters, 1.0)
            optimizer.step()
            steps, papers = steps + 1, papers + len(example.texts)
            progress("train", used * seconds, seconds, "seconds")
            if now - looked >= pause:
                best.look()
                looked = now
            now = clock()
        best.look()
    except KeyboardInterrupt:
        interrupted = True
    best.restore()
    return Trained(steps, papers, before, best.loss, interrupted)


def schedule(steps: int, used: float) -> float:
    """Share of the highest rate after so many steps and such a share of the time: warm-up, then cosine to 0."""
    return min(1.0, (steps + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * min(1.0, used)))


class _Best:
    """The weights that did best on held-out batches so far; `seconds` is what the first look took."""

    def __init__(self, student: Student, held_out: Sequence[Example], clock: Clock) -> None:
        self._student = student
        self._held_out = held_out
        started = clock()
        self.loss = held_out_loss(student, held_out)
        self._weights = [one.detach().clone() for one in student.parameters]
        self.seconds = clock() - started

    def look(self) -> None:
        """Keep the weights of now if they are the best."""
        loss = held_out_loss(self._student, self._held_out)
        if loss < self.loss:
            self.loss = loss
            self._weights = [one.detach().clone() for one in self._student.parameters]

    def restore(self) -> None:
        """Put the best weights back."""
        with torch.no_grad():
            for parameter, weights in zip(self._student.parameters, self._weights, strict=True):
                parameter.copy_(weights)
