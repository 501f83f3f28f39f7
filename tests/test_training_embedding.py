"""Training: the loss, the schedule, and a tiny model that learns the topics of a small library from its citations."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from indexer.adapters import read_adapter
from indexer.embedding import load_embedder
from indexer.errors import ModelError, SettingsError, SourceError
from indexer.library import open_library
from indexer.papers import Citation
from indexer.progress import silent
from indexer.settings import Settings
from service.training import command, embedding
from service.training.command import Report, Wishes, train_embedding
from service.training.corpus import Corpus, Foresight, foresight, read_excluded
from service.training.embedding import Example, Student, add_gradients, contrastive_loss, schedule, train
from service.training.pairs import Batch
from tests.builders import an_id
from tests.commands import failed, paperkin
from tests.libraries import build, settings_in, three_topics
from tests.tiny_model import tiny_bert

PAPERS = three_topics(20)
CITATIONS = [
    Citation(PAPERS[at].id, PAPERS[at - back].id)
    for at in range(len(PAPERS))
    for back in (3, 6, 9, 12)
    if at >= back
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A library of three topics in which each paper cites the four before it on its topic, and a tiny model."""
    folder = tmp_path_factory.mktemp("library")
    tiny = tiny_bert(folder / "tiny", [paper.text for paper in PAPERS])
    made = settings_in(folder, model=str(tiny), precision="fp32")
    build(made, PAPERS, CITATIONS)
    return made


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What suits a model of a few thousand weights."""
    monkeypatch.setattr(embedding, "_RATE", 3e-3)
    monkeypatch.setattr(embedding, "has_bf16", lambda: False)
    monkeypatch.setitem(command._GROUPS, "cpu", 6)


def ticks(steps: int) -> Callable[[], float]:
    """A clock by which a minute is over after so many steps."""
    return partial(next, itertools.count(0.0, 60.0 / steps))


def trained(settings: Settings, output: Path, *, steps: int = 30, **wishes: Any) -> Report:
    return train_embedding(
        settings, Wishes(output, minutes=1.0, device="cpu", **wishes), silent, clock=ticks(steps)
    )


# --- the whole ----------------------------------------------------------------------------------------------


def test_a_model_learns_from_citations_and_its_adapter_is_used(settings: Settings, tmp_path: Path) -> None:
    report = trained(settings, tmp_path / "mine.safetensors")
    assert report.trained.steps == 30
    assert report.trained.loss_after < 0.95 * report.trained.loss_before
    assert report.after != report.before
    adapter = read_adapter(tmp_path / "mine.safetensors")
    assert adapter.digest == report.adapter.digest
    assert adapter.origin.figures["ndcg20_after"] == pytest.approx(report.after, abs=1e-4)
    assert {name.split(".")[2] for name in adapter.tensors} == {"1"}, "the upper layer alone was trained"
    used = load_embedder(str(tmp_path / "mine.safetensors"), "fp32")
    base = load_embedder(settings.model, "fp32")
    texts = [paper.text for paper in PAPERS[:3]]
    assert np.isfinite(used.embed(texts)).all()
    assert (used.embed(texts) * base.embed(texts)).sum(1).min() < 0.999
    card = (tmp_path / "mine.md").read_text("utf-8")
    assert adapter.digest in card
    assert used.base_weights in card
    assert f"| ndcg20 after | {report.after:.4g}"[:20] in card
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.md", "mine.safetensors"]


def test_equal_seeds_and_clocks_make_equal_adapters(settings: Settings, tmp_path: Path) -> None:
    one = trained(settings, tmp_path / "one.safetensors", steps=6)
    other = trained(settings, tmp_path / "other.safetensors", steps=6)
    for name, tensor in one.adapter.tensors.items():
        assert other.adapter.tensors[name] == pytest.approx(tensor, abs=2e-3), name


def test_training_on_from_an_adapter_is_kept_against_the_same_base(
    settings: Settings, tmp_path: Path
) -> None:
    first = trained(settings, tmp_path / "first.safetensors", steps=15)
    further = replace(settings, model=str(tmp_path / "first.safetensors"))
    second = trained(further, tmp_path / "second.safetensors", steps=15)
    assert second.adapter.origin.base == first.adapter.origin.base == str(Path(settings.model).resolve())
    assert second.trained.loss_before == pytest.approx(first.trained.loss_after, abs=0.02)
    assert second.before == pytest.approx(first.after, abs=1e-3), "it begins where the first ended"


def test_an_interruption_keeps_the_best_so_far(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = itertools.count()

    def interrupting(student: Student, example: Example) -> float:
        if next(steps) == 20:
            raise KeyboardInterrupt
        return add_gradients(student, example)

    monkeypatch.setattr(embedding, "add_gradients", interrupting)
    report = trained(settings, tmp_path / "mine.safetensors", steps=60)
    assert report.trained.interrupted
    assert report.trained.steps == 20
    assert report.trained.loss_after < report.trained.loss_before
    assert "interrupted" in report.lines()[0]
    assert read_adapter(tmp_path / "mine.safetensors").origin.made_from["interrupted"] is True


def test_nothing_better_nothing_written(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "_RATE", 0.0)
    with pytest.raises(ModelError, match="made nothing better"):
        trained(settings, tmp_path / "mine.safetensors", steps=3)
    assert list(tmp_path.iterdir()) == []


# --- what is learned from -----------------------------------------------------------------------------------


def test_newest_papers_and_excluded_ones_are_left_out(settings: Settings) -> None:
    excluded = {PAPERS[5].id, PAPERS[30].id, an_id(9_999)}
    with open_library(settings) as library:
        corpus = Corpus(library, excluded)
        keys = library.store.keys([paper.id for paper in PAPERS])
        nodes = {paper: int(corpus._graph.positions(np.array([key]))[0]) for paper, key in keys.items()}
        newer = [paper.id for paper in PAPERS if paper.id.month > corpus.cut]
        assert newer
        for paper_id in [PAPERS[5].id, PAPERS[30].id]:
            for links in (corpus.learned, corpus.known):
                assert not links.usable[nodes[paper_id]]
                assert links.cites[[nodes[paper_id]]].nnz == links.cited_by[[nodes[paper_id]]].nnz == 0
        for paper_id in newer:
            assert corpus.learned.cites[[nodes[paper_id]]].nnz == 0
            assert not corpus.learned.usable[nodes[paper_id]]
        asked = foresight(corpus, seed=0, queries=5, pool=20)
        assert set(asked.queries.tolist()) <= {nodes[one] for one in newer}
        assert not set(asked.pool.tolist()) & {nodes[one] for one in [*newer, PAPERS[5].id]}
        assert asked.relevant.any(1).all()
        assert [paper.id for paper in corpus.papers(asked.pool[:2])] == [
            one for one, node in nodes.items() if node in asked.pool[:2]
        ]


def test_foresight_is_measured_by_the_order_of_similarities() -> None:
    asked = Foresight(
        np.array([7, 8]), np.array([1, 2, 3]), np.array([[True, False, False], [False, True, True]])
    )
    pool = np.eye(3, dtype=np.float32)
    right = np.array([[1.0, 0.0, 0.0], [0.0, 0.9, 0.8]], np.float32)
    assert asked.gains(right, pool) == [1.0, 1.0]
    wrong = np.array([[0.1, 0.0, 0.9], [0.0, 0.0, 1.0]], np.float32)
    assert asked.gains(wrong, pool) == pytest.approx([1 / np.log2(3), (1 + 0.5) / (1 + 1 / np.log2(3))])


def test_a_cut_that_leaves_nothing_aside_or_nothing_to_learn_is_named(settings: Settings) -> None:
    with open_library(settings) as library:
        assert Corpus(library, set(), 202306).cut == 202306
        with pytest.raises(SettingsError, match="no paper newer than 203001"):
            Corpus(library, set(), 203001)
        with pytest.raises(SettingsError, match="no paper older than 199901"):
            Corpus(library, set(), 199901)


def test_a_library_with_few_citations_is_refused(tmp_path: Path) -> None:
    few = settings_in(tmp_path)
    build(few, PAPERS, CITATIONS[:40])
    with open_library(few) as library, pytest.raises(SourceError, match="at least 20 are needed"):
        Corpus(library, set())


def test_excluded_ids_are_the_first_column_of_files(tmp_path: Path) -> None:
    (tmp_path / "judged.tsv").write_text("query\trelevant\n2401.00001\t2401.00002\n2401.00003\t2401.00002\n")
    (tmp_path / "ids.txt").write_text("hep-th/9711200\n\n")
    found = read_excluded([tmp_path / "judged.tsv", tmp_path / "ids.txt"])
    assert sorted(map(str, found)) == ["2401.00001", "2401.00003", "hep-th/9711200"]
    (tmp_path / "ids.txt").write_text("2401.00001\nno id\n")
    with pytest.raises(SettingsError, match=r"line 2 of --exclude .*ids.txt"):
        read_excluded([tmp_path / "ids.txt"])
    with pytest.raises(SettingsError, match="cannot be read"):
        read_excluded([tmp_path / "absent.txt"])


# --- loss, step, schedule -----------------------------------------------------------------------------------


def a_batch(positive: list[tuple[int, int]], ignored: list[tuple[int, int]], size: int = 4) -> Batch:
    flags = np.zeros((2, size, size), np.bool_)
    for at, pairs in enumerate((positive, [*ignored, *((i, i) for i in range(size))])):
        for i, j in pairs:
            flags[at, i, j] = flags[at, j, i] = True
    return Batch(np.arange(size), flags[0], flags[1])


def test_the_loss_is_what_its_formula_says() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(4, 8, generator=torch.Generator().manual_seed(0)))
    scores = (vectors @ vectors.T / 0.05).numpy().astype(float)
    # 0 cites 1 and 2, kin of 3; 1 and 2 have 3 as negative and, between them, neither.
    batch = a_batch([(0, 1), (0, 2)], [(0, 3), (1, 2)])

    def of(i: int, j: int, negatives: list[int]) -> float:
        below = np.exp(scores[i, j]) + np.exp(scores[i, negatives]).sum()
        return float(-np.log(np.exp(scores[i, j]) / below))

    expected = ((of(0, 1, []) + of(0, 2, [])) / 2 + of(1, 0, [3]) + of(2, 0, [3])) / 3
    assert float(contrastive_loss(vectors, batch)) == pytest.approx(expected, rel=1e-4)


def test_a_batch_without_pairs_has_no_loss() -> None:
    assert float(contrastive_loss(torch.eye(4), a_batch([], []))) == 0.0


def test_gradients_in_chunks_are_those_of_the_whole(settings: Settings) -> None:
    texts = [paper.text for paper in PAPERS[:8]]
    example = Example(a_batch([(0, 3), (3, 6), (1, 4)], [(0, 6)], 8), texts, [PAPERS[2].title], [2])
    found = []
    for cached in (False, True):
        student = Student(load_embedder(settings.model, "fp32").open_base(), "cpu", cached=cached)
        loss = add_gradients(student, example)
        found.append((loss, [one.grad for one in student.parameters]))
    (whole_loss, whole), (chunk_loss, chunks) = found
    assert whole_loss == pytest.approx(chunk_loss, abs=1e-5)
    assert any(float(one.abs().max()) > 1e-3 for one in whole if one is not None)
    for one, other in zip(whole, chunks, strict=True):
        assert one is not None
        assert other is not None
        assert other.numpy() == pytest.approx(one.numpy(), abs=1e-4)


def test_rows_come_back_in_the_order_of_their_texts(settings: Settings) -> None:
    student = Student(load_embedder(settings.model, "fp32").open_base(), "cpu")
    texts = [paper.text for paper in PAPERS[:40]] + ["noise", PAPERS[0].text * 3]
    together = student.vectors(texts)
    for at in (0, 7, 40, 41):
        assert together[at] == pytest.approx(student.vectors([texts[at]])[0], abs=1e-5)


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    assert schedule(0, 0.0) == pytest.approx(1 / 25)
    assert schedule(1_000, 0.0) == 1.0
    assert schedule(1_000, 0.5) == pytest.approx(0.5)
    assert schedule(1_000, 1.0) == pytest.approx(0.0)


def test_wider_models_learn_slower(settings: Settings) -> None:
    student = Student(load_embedder(settings.model, "fp32").open_base(), "cpu")
    assert student.rate == embedding._RATE
    student.model.get_embedding_dimension = lambda: 768
    assert student.rate == embedding._RATE / 2


def test_weights_that_break_are_not_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_RATE", float("nan"))
    student = Student(load_embedder(settings.model, "fp32").open_base(), "cpu")
    example = Example(a_batch([(0, 1)], []), [paper.text for paper in PAPERS[:4]], ["noise"], [0])
    done = train(student, lambda: example, [example], seconds=60.0, clock=ticks(5), progress=silent)
    assert done.steps == 5
    assert done.loss_before == done.loss_after
    assert all(bool(torch.isfinite(one).all()) for one in student.parameters)


# --- the command --------------------------------------------------------------------------------------------


def test_the_command_reports_and_writes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAPERKIN_MODEL", settings.model)
    (tmp_path / "judged.tsv").write_text(f"{PAPERS[5].id}\t{PAPERS[1].id}\n")
    words = ["--output", tmp_path / "mine.safetensors", "--minutes", "0.02", "--library", settings.library]
    ran = paperkin("train", "embedding", *words, "--exclude", tmp_path / "judged.tsv", "--until", "2307")
    assert "until" in failed(ran, 2)
    ran = paperkin("train", "embedding", *words, "--exclude", tmp_path / "judged.tsv", "--until", "2023-07")
    assert ran.code == 0, ran.err
    assert "on citations by" in ran.lines[0]
    assert "up to 202307" in ran.lines[0]
    assert "held-out loss" in ran.lines[1]
    assert f"PAPERKIN_MODEL={tmp_path / 'mine.safetensors'}" in ran.lines[-1]
    made = read_adapter(tmp_path / "mine.safetensors").origin.made_from
    assert (made["excluded"], made["until"]) == (1, 202307)
    again = paperkin("train", "embedding", *words, "--rank", "0", "--json")
    assert again.data["figures"]["held_out_loss_after"] < again.data["figures"]["held_out_loss_before"]
    assert json.dumps(again.data["made_from"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--output", "mine.bin"], "must end in .safetensors"),
        (["--output", "my own.safetensors"], "name the adapter by at most 64 plain letters"),
        (["--output", "nowhere/mine.safetensors"], "there is no folder nowhere"),
        (["--output", "mine.safetensors", "--device", "abacus"], "--device abacus is unknown"),
        (["--output", "mine.safetensors", "--exclude", "absent.txt"], "--exclude absent.txt cannot be read"),
        ([], "'--output'"),
    ],
)
def test_what_cannot_be_done_is_told_at_once(
    settings: Settings, words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAPERKIN_MODEL", settings.model)
    assert told in failed(paperkin("train", "embedding", *words, "--library", settings.library), 2)
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_is_no_card_is_not_replaced(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(SettingsError, match=r"its card would replace .*README.md"):
        trained(settings, tmp_path / "README.safetensors")
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_not_pretended(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="torch finds no GPU here"):
        train_embedding(settings, Wishes(tmp_path / "a.safetensors", device="cuda"), silent)
