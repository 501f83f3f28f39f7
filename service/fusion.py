"""The fixed fusion of texts and words, for libraries and papers without citations, and many seeds as one (pure).

Log-odds that a person would call a candidate related: a sum of one part for each signal, each in proportion to a
cosine, so that no part depends on what else is in the pool. (Ranks and standardised scores do: in a pool of ten they
are another ranking.) The scale is a logistic regression on the citations of a library, the proportions are the
simplest that held on other judgements; DECISIONS.md has both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BASELINE = -6.6
TEXT = 6.7  # log-odds for a cosine of 1
WORDS = 6.7  # the same: from half to twice as much, rankings were as good
WORDS_OF_TEXT = 13.4  # a short text has few of a paper's words, and its cosines are half as large
NEAREST = 3
FEEDBACK = 5  # papers that sharpen a seed's vector
_FEEDBACK_WEIGHT = 0.5


def text_part(cosines: Floats, facet: Floats | None = None) -> Floats:
    """Log-odds that the embeddings give: float32 [n] of the cosines [n]; of a facet, the mean of both cosines."""
    near = cosines if facet is None else (cosines + facet) / 2
    return np.multiply(np.maximum(near, 0.0), TEXT, dtype=np.float32)


def facet_of_all(cosines: Floats, compared: npt.NDArray[np.int64], facet: Floats) -> Floats:
    """The facet's cosine of every candidate, float32 [n], where it is known of some: `facet` [m] at `compared` [m].

    Of the others it is guessed: as far from their cosine as it is for those on average, so that being compared
    is in itself neither good nor bad.
    """
    away = float((facet - cosines[compared]).mean()) if len(compared) else 0.0
    found = np.add(cosines, away, dtype=np.float32)
    found[compared] = facet
    return found


def words_part(cosines: Floats, *, free_text: bool = False, facet: bool = False) -> Floats:
    """Log-odds that the words give: float32 [n] of `WordIndex.cosines` [n], to a paper or to a free text.

    Beside a facet words count half: they are of whole abstracts.
    """
    weight = (WORDS_OF_TEXT if free_text else WORDS) * (0.5 if facet else 1.0)
    return np.multiply(cosines, weight, dtype=np.float32)


def relevance(*parts: Floats) -> Floats:
    """The log-odds of each candidate: the baseline plus its parts, float32 [n]."""
    total: npt.NDArray[np.float64] = BASELINE + np.stack(parts).sum(axis=0, dtype=np.float64)
    return total.astype(np.float32)


def seed_similarity(cosines: Floats) -> Floats:
    """How close each candidate is to many seeds: the mean of its three nearest, float32 [n] of [n, m].

    A person works on several things, and a paper suits who has done one of them: the mean over all seeds blurs
    them, the nearest alone is a matter of luck. Of fewer than three seeds the mean; zeros for no seed.
    """
    count, seeds = cosines.shape
    if not seeds:
        return np.zeros(count, dtype=np.float32)
    if seeds > NEAREST:
        cosines = np.partition(cosines, seeds - NEAREST, axis=1)[:, -NEAREST:]
    near: Floats = cosines.mean(axis=1, dtype=np.float32)
    return near


def sharpened(seed: Floats, best: Floats) -> Floats:
    """The seed's vector moved towards those of its `FEEDBACK` best candidates: float32 [width], of length 1.

    `best` float32 [k, width] are the first by `relevance`, words included (Rocchio 1971, without judgements). It
    helps a held seed; that of a free text it leaves no better, and there it is not done.
    """
    if not len(best):
        return seed
    moved = seed + _FEEDBACK_WEIGHT * best[:FEEDBACK].mean(axis=0)
    unit: Floats = np.divide(moved, max(float(np.linalg.norm(moved)), 1e-9), dtype=np.float32)
    return unit
