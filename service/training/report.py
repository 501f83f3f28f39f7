"""What `paperkin train ranking` says and leaves behind."""

from __future__ import annotations

from pathlib import Path

from indexer.errors import SettingsError
from service.evaluation.figures import shown_gain
from service.ranking import RankingModel
from service.training.ranking import Trained


def write_ranking(model: RankingModel, path: Path) -> None:
    """Write the model beside and rename it, so that a server never reads half of it."""
    beside = path.with_name(path.name + ".new")
    try:
        model.save(beside)
        beside.replace(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written ({error.strerror}); name another file") from error


def ranking_rows(trained: Trained) -> list[tuple[str, ...]]:
    """How each kind of query is ranked, on papers that taught nothing: header first."""
    rows: list[tuple[str, ...]] = [("query", "fixed fusion", "learned", "gain in nDCG@20")]
    for kind, (ours, fixed, comparison) in trained.gains.items():
        rows.append((kind, f"{fixed:.3f}", f"{ours:.3f}", shown_gain(comparison)))
    return rows
