"""The fused ranking: features of a candidate to log-odds, additive, so that every signal's share can be told.

A generalised additive model (Hastie and Tibshirani 1986): a curve for each feature, straight between a few knots,
summed. `paperkin train ranking` fits the curves on what papers of the library cite; DECISIONS.md says how well it
ranks others, and what bolder models would gain. The contribution of a signal is the sum of its features' curves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from indexer.errors import ModelError
from service.answers import Mode, Signal

Features = npt.NDArray[np.float32]
Values = npt.NDArray[np.float32]

FORMAT = 1
DEFAULT = Path(__file__).parent / "models" / "ranking.json"

# Every feature with the signal that it is evidence of; raw values, as `service.features` computes them.
FEATURES: dict[str, Signal] = {
    "cosine": Signal.TEXT,
    "closeness": Signal.TEXT,
    "word cosine": Signal.WORDS,
    "telling words": Signal.WORDS,
    "cited by nearest": Signal.CITED_BY_NEIGHBOURS,
    "cited by closest": Signal.CITED_BY_NEIGHBOURS,
    "cited by nearest in meaning": Signal.CITED_BY_NEIGHBOURS,
    "cited by nearest in words": Signal.CITED_BY_NEIGHBOURS,
    "cited around": Signal.CITED_BY_NEIGHBOURS,
    "cites nearest": Signal.CITES_NEIGHBOURS,
    "cited with nearest": Signal.CITED_WITH_NEIGHBOURS,
    "citing texts": Signal.CITING_TEXTS,
    "near best": Signal.NEAR_BEST,
    "walk": Signal.WALK,
    "shared references": Signal.SHARED_REFERENCES,
    "cited by coupled": Signal.CITED_BY_COUPLED,
    "near references": Signal.NEAR_REFERENCES,
    "cited together": Signal.CITED_TOGETHER,
    "cited by": Signal.CITED_BY,
    "cites": Signal.CITES,
    "authors": Signal.SAME_AUTHORS,
    "topic": Signal.SAME_TOPIC,
    "category": Signal.SAME_CATEGORY,
    "citers": Signal.INFLUENCE,
    "recent citers": Signal.INFLUENCE,
    "recent share": Signal.INFLUENCE,
    "age": Signal.AGE,
    "disliked": Signal.DISLIKED,
    "facet": Signal.FACET,  # has no curve: see `facet_ranking`
}
# Features whose place among the candidates tells what their value does not: the best of a query that has
# little of it are still its best.
PLACED = ("cited by nearest", "citing texts", "walk", "cosine", "word cosine", "cited by coupled")
FEATURES |= {f"place: {name}": FEATURES[name] for name in PLACED}
NAMES = tuple(FEATURES)
AT = {name: at for at, name in enumerate(NAMES)}
SIGNALS = tuple(dict.fromkeys(FEATURES.values()))
COLUMN = {signal: at for at, signal in enumerate(SIGNALS)}

# The feature that tells a signal's strength in its own unit: the first of its features.
MEASURED = {signal: name for name, signal in reversed(FEATURES.items())}

# The signal, or two, that a mode other than `fused` goes by, and the feature that tells its strength.
MODES: dict[Mode, tuple[str, ...]] = {
    Mode.TEXT: ("cosine",),
    Mode.WORDS: ("word cosine",),
    Mode.COUPLING: ("shared references",),
    Mode.COCITATION: ("cited together",),
    Mode.REFERENCES: ("cited by", "cites"),
}


@dataclass(frozen=True, slots=True)
class Curve:
    """Log-odds of one feature: `values` at the `knots` (both ascending in the knots), straight lines between."""

    knots: tuple[float, ...]
    values: tuple[float, ...]

    def of(self, feature: Values) -> Values:
        """The log-odds of each value; beyond the ends as at them."""
        return np.interp(feature, self.knots, self.values).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Additive:
    """An additive model: log-odds = `baseline` + the curves; `slope` and `shift` turn them into a chance.

    The chance is that of being cited by the seed or together with it (Platt 1999, fitted on the first results of
    papers that trained nothing): of results shown with .8, about 8 of 10 are so linked.
    """

    baseline: float
    curves: Mapping[str, Curve]
    slope: float
    shift: float

    def contributions(self, features: Features) -> Features:
        """Log-odds that each signal adds: float32 [n, len(SIGNALS)] of raw values in the order of `FEATURES`."""
        parts = np.zeros((len(features), len(SIGNALS)), dtype=np.float32)
        for name, curve in self.curves.items():
            parts[:, COLUMN[FEATURES[name]]] += curve.of(features[:, AT[name]])
        return parts

    def relevance(self, parts: Features) -> Values:
        """The score of each candidate in log-odds: baseline plus all contributions, float32 [n]."""
        total: Values = (self.baseline + parts.sum(axis=1, dtype=np.float64)).astype(np.float32)
        return total

    def similarity(self, log_odds: Values) -> Values:
        """The chance, 0 to 1, that the seed cites the candidate or somebody cites both; in the same order."""
        odds = np.clip(
            self.slope * log_odds.astype(np.float64) + self.shift, -700.0, 700.0
        )  # exp(710) is none
        return (1.0 / (1.0 + np.exp(-odds))).astype(np.float32)

    def as_json(self) -> dict[str, Any]:
        """The model as data."""
        curves = {name: {"knots": list(c.knots), "values": list(c.values)} for name, c in self.curves.items()}
        return {"baseline": self.baseline, "slope": self.slope, "shift": self.shift, "curves": curves}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The model that `as_json` told; `ValueError`, `KeyError` or `TypeError` where it is none."""
        curves = {}
        for name, curve in data["curves"].items():
            knots, values = (tuple(float(value) for value in curve[part]) for part in ("knots", "values"))
            if name not in FEATURES:
                raise ValueError(f"there is no feature {name!r}")
            if len(knots) != len(values) or len(knots) < 2 or list(knots) != sorted(set(knots)):
                raise ValueError(f"the curve of {name!r} has no ascending knots with a value each")
            if not np.isfinite((*knots, *values)).all():
                raise ValueError(f"the curve of {name!r} has a value that is not finite")
            curves[name] = Curve(knots, values)
        baseline, slope, shift = (float(data[name]) for name in ("baseline", "slope", "shift"))
        if not (np.isfinite((baseline, slope, shift)).all() and slope > 0):
            raise ValueError("its baseline, slope or shift is none")
        return cls(baseline, curves, slope, shift)


@dataclass(frozen=True, slots=True)
class RankingModel:
    """All that `paperkin train ranking` learns: a model for each kind of query, and one for each mode.

    `cold` is for papers of which only the text is known, `known` for those whose citations are evidence too (one for
    both was worse at either), `text` for free texts.

    `facts` tell what it was trained on and how it ranked what it was not trained on.
    """

    cold: Additive
    known: Additive
    text: Additive
    modes: Mapping[Mode, Additive]
    facts: Mapping[str, Any]

    def of(self, mode: Mode, *, has_paper: bool, has_citations: bool) -> Additive:
        """The model for a mode and a kind of query."""
        if mode is not Mode.FUSED:
            return self.modes[mode]
        if has_citations:
            return self.known
        return self.cold if has_paper else self.text

    def save(self, path: Path) -> None:
        """Write the model as JSON, which can be read and compared."""
        data = {
            "format": FORMAT,
            "facts": dict(self.facts),
            "cold": self.cold.as_json(),
            "known": self.known.as_json(),
            "text": self.text.as_json(),
            "modes": {mode.value: model.as_json() for mode, model in self.modes.items()},
        }
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path = DEFAULT) -> Self:
        """Read what `save` wrote; raise `ModelError` for anything else."""
        try:
            data = _content(path)
            return cls(
                cold=Additive.from_json(data["cold"]),
                known=Additive.from_json(data["known"]),
                text=Additive.from_json(data["text"]),
                modes={mode: Additive.from_json(data["modes"][mode.value]) for mode in MODES},
                facts=data["facts"],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(
                f"the ranking in {path} cannot be read ({error}); run `paperkin train ranking` again, or remove "
                "the file to have the one that came with paperkin"
            ) from error


def _content(path: Path) -> dict[str, Any]:
    """The data of a file of this format; the errors that `RankingModel.load` tells."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if data["format"] != FORMAT:
        raise ValueError(f"its format is {data['format']!r}, not {FORMAT}")
    if not isinstance(data["facts"], dict):
        raise TypeError("its facts are none")
    return data


def order(log_odds: Values, keys: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int64]:
    """Positions of the k best, best first; equals are ordered by key, so that the order is stable."""
    return np.lexsort((keys, -log_odds))[:k]
