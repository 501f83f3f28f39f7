"""A ranking that goes by everything, as a trained one does, for libraries too small to train one."""

from __future__ import annotations

from indexer.library import Library
from service.answers import Mode
from service.learned import FIXED_FUSION, trained_path
from service.ranking import FEATURES, Additive, Curve, RankingModel

_ONLY_OF_PAPERS = ("age", "authors", "topic", "category", "cited together")


def a_model(baseline: float = -4.0, **slopes: float) -> Additive:
    """An additive model with a curve for every feature but the facet; `slopes` (with _ for a space) replaces some."""
    given = {name.replace("_", " "): slope for name, slope in slopes.items()}
    curves = {
        name: Curve(
            (-1.0, 0.0, 0.5, 1.0), tuple(given.get(name, 1.0) * bend for bend in (-0.5, 0.0, 0.75, 1.0))
        )
        for name in FEATURES
        if name != "facet"
    }
    curves["disliked"] = Curve((0.0, 0.6), (0.0, -3.6))
    curves["age"] = Curve((-10.0, 0.0, 10.0), (-0.5, 0.0, -0.3))
    return Additive(baseline, curves, slope=0.8, shift=0.3)


def a_ranking(**slopes: float) -> RankingModel:
    """A ranking with such a model for papers, and the same without what a text has not."""
    known, cold = a_model(**slopes), a_model(-4.5, **slopes)
    text = a_model(**slopes, **{name.replace(" ", "_"): 0.0 for name in _ONLY_OF_PAPERS})
    modes: dict[Mode, Additive] = {mode: FIXED_FUSION.modes[mode] for mode in Mode if mode is not Mode.FUSED}
    return RankingModel(cold=cold, known=known, text=text, modes=modes, facts={"trained": "by hand"})


def put_ranking(library: Library, **slopes: float) -> None:
    """Have a library rank by it; only where it has citations enough (see `learned.FEWEST_CITATIONS`)."""
    a_ranking(**slopes).save(trained_path(library))
