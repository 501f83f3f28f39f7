"""Learning a ranking from a library's own citations: on a small one whose papers cite their own topic."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.errors import SourceError
from indexer.library import Library
from indexer.papers import Citation, Paper
from service.answers import Mode
from service.learned import FIXED_FUSION
from service.ranking import AT, NAMES
from service.training import ranking
from service.training.ranking import KINDS, Answered, Trained, train_ranking
from tests.asking import library_of
from tests.builders import a_paper
from tests.shelves import Told

_FIELDS = {
    "cs.CV": "image diffusion noise denoising pixel score sampler guidance".split(),
    "hep-ex": "neutrino flux detector oscillation solar water mixing decay".split(),
    "cs.CL": "parser treebank grammar syntax dependency sentence token corpus".split(),
}


def papers_of(count: int = 120) -> list[Paper]:
    """Papers of three fields by turns, two a month, each with a few words of its field."""
    draw = random.Random(7)
    found: list[Paper] = []
    for number in range(1, count + 1):
        category, words = list(_FIELDS.items())[number % 3]
        year, month = divmod(number // 2, 12)
        found.append(
            a_paper(
                number,
                month=2001 + 100 * year + month,
                title=" ".join(draw.sample(words, 3)),
                abstract=" ".join(draw.choices(words, k=9)),
                categories=(category,),
                authors=(),
            )
        )
    return found


def citations_of(papers: list[Paper]) -> list[Citation]:
    """Each cites five earlier papers of its own field, the same few most of the time."""
    draw = random.Random(8)
    found: list[Citation] = []
    for at, paper in enumerate(papers):
        earlier = papers[at % 3 : at : 3]
        classics = earlier[:5]
        cited = {*draw.sample(classics, min(4, len(classics))), *draw.sample(earlier, min(2, len(earlier)))}
        found.extend(Citation(paper.id, one.id) for one in cited if one.id.month < paper.id.month)
    return found


PAPERS = papers_of()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_of(tmp_path_factory.mktemp("training"), PAPERS, citations_of(PAPERS)) as opened:
        yield opened


@dataclass(frozen=True)
class Run:
    """A training, what it told on the way, and what each paper that it asked for was answered."""

    trained: Trained
    told: Told
    answered: list[tuple[int, Answered]]


@pytest.fixture(scope="module")
def run(library: Library) -> Run:
    told, found, answer = Told(), [], ranking._answer  # a training is watched from within

    def watched(*arguments: Any) -> Answered:
        one = answer(*arguments)
        found.append((arguments[3].key, one))
        return one

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ranking, "_answer", watched)
        return Run(train_ranking(library, progress=told, seed=3), told, found)


def test_what_was_learned_foresees_citations_better_than_the_fixed_fusion(run: Run) -> None:
    gains = run.trained.gains
    assert set(gains) == set(KINDS)
    for kind, (ours, fixed, comparison) in gains.items():
        assert 0 <= fixed <= 1, kind
        assert ours > 0.5, kind
        assert comparison.difference.mean == pytest.approx(ours - fixed, abs=1e-6)
    assert np.mean([ours - fixed for ours, fixed, _ in gains.values()]) > 0.05


def test_training_twice_is_the_same(library: Library, run: Run) -> None:
    again = train_ranking(library, progress=Told(), seed=3)
    assert again.model == run.trained.model


def test_the_model_can_be_kept_and_tells_how_it_was_made(run: Run, tmp_path: Path) -> None:
    model = run.trained.model
    model.save(tmp_path / "ranking.json")
    assert type(model).load(tmp_path / "ranking.json") == model
    assert sum(model.facts[part] for part in ("taught by", "calibrated by", "measured by")) >= ranking.FEWEST
    assert model.facts["months"] == sorted(model.facts["months"])
    assert set(model.facts["nDCG@20"]) == set(KINDS)
    assert model.facts["seed"] == 3


def test_what_citations_cannot_tell_is_as_it_was_set(run: Run) -> None:
    model = run.trained.model
    for name, curve in ranking.FIXED.items():
        assert model.known.curves[name] == model.cold.curves[name] == model.text.curves[name] == curve
    assert "facet" not in model.known.curves
    assert not {"age", "topic", "category"} & set(model.text.curves)
    for mode in (Mode.REFERENCES, Mode.COCITATION):  # of which the papers asked for knew nothing
        assert model.modes[mode] == FIXED_FUSION.modes[mode]
    assert all(model.of(mode, has_paper=True, has_citations=True).slope > 0 for mode in Mode)


def test_no_evidence_adds_nothing(run: Run) -> None:
    nothing = np.zeros((1, len(NAMES)), dtype=np.float32)
    for model in (run.trained.model.cold, run.trained.model.known, run.trained.model.text):
        assert model.contributions(nothing) == pytest.approx(0.0, abs=1e-3)


def test_progress_is_told(run: Run) -> None:
    steps = run.told.steps
    assert {step for step, *_ in steps} == {"ask", "fit"}
    asked = [(done, total) for step, done, total, _ in steps if step == "ask"]
    assert [done for done, _ in asked] == list(range(1, len(asked) + 1))
    assert {total for _, total in asked} == {len(asked)}


def test_the_papers_asked_for_are_no_candidates_and_their_citations_no_evidence(run: Run) -> None:
    for key, one in run.answered:
        assert key not in one.keys
        assert not one.features[:, [AT["cited by"], AT["cites"], AT["cited together"]]].any()
        assert np.isfinite(one.features).all()
        assert one.relevant.sum() <= one.cited
        assert (one.linked | ~one.relevant).all()  # what is cited is linked


def test_a_library_with_too_few_citations_is_told(tmp_path: Path) -> None:
    with (
        library_of(tmp_path, PAPERS, citations_of(PAPERS[:40])) as few,
        pytest.raises(
            SourceError, match=r"only \d+ older and \d+ of the newest papers .*link citations first"
        ),
    ):
        train_ranking(few, progress=Told())


def test_an_empty_library_is_told(tmp_path: Path) -> None:
    with (
        library_of(tmp_path, []) as empty,
        pytest.raises(SourceError, match="only 0 older and 0 of the newest papers"),
    ):
        train_ranking(empty, progress=Told())


@pytest.mark.parametrize("relevant", [False, True])
def test_candidates_of_which_all_or_none_are_cited_teach_nothing(run: Run, *, relevant: bool) -> None:
    same = [replace(one, relevant=np.full_like(one.relevant, relevant)) for _, one in run.answered]
    with pytest.raises(SourceError, match="link more citations"):
        ranking._fitted(same, ("cosine",), np.random.default_rng(0))  # no library is like that
