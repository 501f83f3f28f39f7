"""Related papers for one or several papers, liked and disliked, or a free text: gather, rank, explain."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from indexer.errors import InvalidPaperId, SettingsError
from indexer.library import Derived, Library
from indexer.papers import Paper, PaperId
from indexer.plain_text import readable
from indexer.tables import Keys, Vectors
from service.answers import Named, Related, RelatedAnswer, RelatedRequest
from service.candidates import Candidates, Query, find_candidates
from service.explore import not_held
from service.ranking import BASELINE, Features, contributions, order, relevance, similarity
from service.reasons import Explainer, because
from service.scores import scores_of
from service.summaries import summarise
from service.works import first_of_each, works_of

MOST_RESULTS = 1_000


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates in order, before they are explained: positions into `candidates`, best first."""

    candidates: Candidates
    parts: Features  # log-odds by signal, float32 [n, signals]
    log_odds: Features  # float32 [n]
    best: Keys  # positions


def related(library: Library, request: RelatedRequest) -> RelatedAnswer:
    """Related papers, most similar first, each with its reasons; of several records of one work the best alone.

    Raises `UnknownPaper` (or `InvalidPaperId`) when no seed is left, `SettingsError` when nothing was asked.
    """
    derived = library.derived()
    seeds, unknown = _known(library, request.liked)
    away, unknown_away = _known(library, request.disliked)
    if not (seeds or request.text.strip()):
        if not request.liked:
            raise SettingsError("nothing to be related to: give at least one paper that you like, or a text")
        raise not_held(library, request.liked[0])
    ranked = rank(library, derived, request, seeds, away)
    return RelatedAnswer(
        seeds=tuple(Named(paper.id, readable(paper.title)) for paper in seeds.values()),
        unknown=(*unknown, *unknown_away),
        results=_explain(library, derived, ranked),
        baseline=BASELINE,
        generation=derived.generation.number,
    )


def rank(
    library: Library,
    derived: Derived,
    request: RelatedRequest,
    seeds: dict[int, Paper],
    away: dict[int, Paper],
) -> Ranked:
    """The ranking alone: what an evaluation needs."""
    query = _query(library, derived, request, seeds, away)
    candidates = find_candidates(library.store, derived, query)
    parts = contributions(candidates.features)
    log_odds = relevance(parts)
    best = order(log_odds, candidates.keys, len(candidates.keys))
    best = best[first_of_each(works_of(derived, candidates.keys[best]))]
    best = best[: min(max(request.k, 0), MOST_RESULTS)]
    return Ranked(candidates, parts, log_odds, best)


def _known(library: Library, texts: tuple[str, ...]) -> tuple[dict[int, Paper], list[str]]:
    """The papers that these ids name, by key in the order given, and the ids that name none."""
    ids: dict[PaperId, None] = {}
    unknown = []
    for text in texts:
        try:
            ids.setdefault(PaperId.parse(text))
        except InvalidPaperId:
            unknown.append(text)
    keys = library.store.keys(ids)
    papers = library.store.papers(keys.values())
    unknown.extend(str(paper_id) for paper_id in ids if paper_id not in keys)
    return {keys[paper_id]: papers[keys[paper_id]] for paper_id in ids if paper_id in keys}, unknown


def _query(
    library: Library,
    derived: Derived,
    request: RelatedRequest,
    seeds: dict[int, Paper],
    away: dict[int, Paper],
) -> Query:
    month = max((paper.id.month for paper in seeds.values()), default=None)
    filters = request.filters
    if (request.not_newer or request.as_of_seed) and month is not None:
        latest = min(month, filters.not_after_month or month)
        filters = replace(filters, not_after_month=latest)
    vectors = _vectors(library, derived, list(seeds))
    texts = [paper.text for paper in seeds.values()]
    if request.text.strip():
        vectors.extend(library.embedder().embed([request.text]))
        texts.append(request.text)
    return Query(
        liked=np.array(list(seeds), dtype=np.int64),
        disliked=np.array(list(away), dtype=np.int64),
        vectors=_rows(vectors),
        disliked_vectors=_rows(_vectors(library, derived, list(away))),
        texts=tuple(texts),
        filters=filters,
        month=month,
        as_of_seed=request.as_of_seed,
        text_only=request.text_only,
    )


def _vectors(library: Library, derived: Derived, keys: list[int]) -> list[Vectors]:
    """The vectors of papers, from the generation or, for one newer than it, from the store; some may have none."""
    found = []
    for key in keys:
        vector = derived.vectors.vector(key)
        if vector is None:
            vector = library.store.vector(derived.fingerprint, key)
        if vector is not None:
            found.append(vector)
    return found


def _rows(vectors: list[Vectors]) -> Vectors:
    return np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)


def _explain(library: Library, derived: Derived, ranked: Ranked) -> tuple[Related, ...]:
    candidates = ranked.candidates
    papers = library.store.papers(candidates.keys[ranked.best].tolist())
    scores = scores_of(derived)
    explainer = Explainer(library.store, derived, candidates, ranked.parts)
    explained = explainer.reasons(ranked.best, papers)
    sure = similarity(ranked.log_odds)
    rows = derived.catalogue.rows(candidates.keys)
    results = []
    for at, reasons in zip(ranked.best.tolist(), explained, strict=True):
        paper = papers[int(candidates.keys[at])]
        results.append(
            Related(
                paper=paper,
                similarity=round(float(sure[at]), 4),
                relevance=float(ranked.log_odds[at]),
                score=float(scores[rows[at]]),
                summary=summarise(paper.abstract),
                because=because(reasons),
                reasons=reasons,
                topic=derived.topic_at(int(rows[at])),
            )
        )
    return tuple(results)
