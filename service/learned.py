"""Which ranking a library has: one trained on it, the one that came with paperkin, or the fixed fusion.

Without citations a library has nothing to learn from and no citations to rank by: there texts and words are fused
in fixed proportions (see `fusion`).
"""

from __future__ import annotations

from pathlib import Path

from indexer.errors import ModelError
from indexer.library import Derived, Library
from service import fusion
from service.answers import Mode
from service.ranking import DEFAULT, Additive, Curve, RankingModel

TRAINED = "ranking.json"  # in the folder of the derived files
FEWEST_CITATIONS = 100  # a library with fewer is one without


def trained_path(library: Library) -> Path:
    """Where `paperkin train ranking` puts what it learned from a library."""
    return library.settings.derived_path / TRAINED


def ranking_of(library: Library, derived: Derived) -> RankingModel:
    """The ranking that answers. Raises `ModelError` where a file is there that is none."""
    if len(derived.graph.references) < FEWEST_CITATIONS:
        return FIXED_FUSION
    own = trained_path(library)
    try:
        stamp = own.stat().st_mtime_ns
    except FileNotFoundError:
        own, stamp = DEFAULT, 0
    return derived.once(f"ranking {stamp}", lambda: _loaded(own))


def _loaded(path: Path) -> RankingModel:
    if path == DEFAULT and not path.exists():
        raise ModelError(f"{path} is missing; reinstall paperkin")
    return RankingModel.load(path)


def _line(slope: float) -> Curve:
    return Curve((0.0, 1.0), (0.0, slope))


def _fused(words: float, **more: float) -> Additive:
    """The fixed fusion as an additive model; its log-odds are meant as chances already."""
    curves = {"cosine": _line(fusion.TEXT), "word cosine": _line(words), "disliked": _line(-6.0)}
    curves |= {name.replace("_", " "): _line(slope) for name, slope in more.items()}
    return Additive(fusion.BASELINE, curves, slope=1.0, shift=0.0)


def _alone(slope: float, *names: str, most: float = 1.0, shift: float = 0.0) -> Additive:
    """One feature, or two, up to the greatest value that they may have: beyond it all would rank alike."""
    curves = {name: Curve((0.0, most), (0.0, slope * most)) for name in names}
    return Additive(fusion.BASELINE, curves, slope=1.0, shift=shift)


# Whatever is found in these modes is cited, or cited together: by definition of a chance of nearly 1.
_SURE = 3.0 - fusion.BASELINE
_LINKS = {"cited_by": 1.5, "cites": 1.5, "shared_references": 1.5, "cited_together": 1.5}

FIXED_FUSION = RankingModel(
    cold=_fused(fusion.WORDS, **_LINKS),  # it may be cited, though what it cites is not known
    known=_fused(fusion.WORDS, **_LINKS),
    text=_fused(fusion.WORDS_OF_TEXT),
    modes={
        Mode.TEXT: _alone(2 * fusion.TEXT, "cosine"),
        Mode.WORDS: _alone(2 * fusion.TEXT, "word cosine"),
        Mode.COUPLING: _alone(4.0, "shared references"),
        Mode.COCITATION: _alone(4.0, "cited together", most=100.0, shift=_SURE),
        Mode.REFERENCES: _alone(8.0, "cited by", "cites", shift=_SURE),
    },
    facts={"trained": "not: a library without citations has the fixed fusion"},
)
