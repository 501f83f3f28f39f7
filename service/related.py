"""Related papers for one or several papers, liked and disliked, or a free text: gather, rank, explain."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from indexer.errors import InvalidPaperId, SettingsError
from indexer.library import Derived, Library
from indexer.papers import Paper, PaperId
from indexer.plain_text import readable
from indexer.tables import Keys, Vectors
from service.answers import Mode, Named, Related, RelatedAnswer, RelatedRequest
from service.candidates import Candidates, find_candidates
from service.explore import not_held
from service.facet_ranking import compare_facets
from service.learned import ranking_of
from service.nearness import evenly
from service.ordering import SPREAD_AMONG, sort_results, spread
from service.ranking import AT, MODES, Additive, Features, Values, order
from service.reasons import Explainer, because
from service.scores import scores_of
from service.summaries import summarise
from service.view import Query
from service.works import first_of_each, works_of

MOST_RESULTS = 1_000


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates in order, before they are explained: positions into `candidates`, best first."""

    candidates: Candidates
    model: Additive
    parts: Features  # log-odds by signal, float32 [n, signals]
    log_odds: Values  # float32 [n]
    best: Keys  # positions


@dataclass(frozen=True, slots=True)
class Seeds:
    """The papers held among those named, by key in the order given, and the names of no paper held."""

    liked: dict[int, Paper]
    disliked: dict[int, Paper]
    known: tuple[int, ...] = ()  # keys of what the text cites
    among: Keys | None = None
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, library: Library, request: RelatedRequest) -> Seeds:
        """Look up every id of a request."""
        liked, unknown = _known(library, request.liked)
        disliked, unknown_away = _known(library, request.disliked)
        known, unknown_references = _keys(library, request.known_references)
        among, unknown_among = _keys(library, request.among)
        return cls(
            liked=liked,
            disliked=disliked,
            known=tuple(known.values()),
            among=np.array(list(among.values()), dtype=np.int64) if request.among else None,
            unknown=(*unknown, *unknown_away, *unknown_references, *unknown_among),
        )


def related(library: Library, request: RelatedRequest) -> RelatedAnswer:
    """Related papers, most similar first, each with its reasons; of several records of one work the best alone.

    Raises `UnknownPaper` (or `InvalidPaperId`) when no seed is left, `SettingsError` when nothing was asked, and
    `UnknownTopic`.
    """
    derived = library.derived()
    seeds = Seeds.of(library, request)
    if not (seeds.liked or request.text.strip()):
        if not request.liked:
            raise SettingsError("nothing to be related to: give at least one paper that you like, or a text")
        raise not_held(library, request.liked[0])
    ranked = rank(library, derived, request, seeds)
    return RelatedAnswer(
        seeds=tuple(Named(paper.id, readable(paper.title)) for paper in seeds.liked.values()),
        unknown=seeds.unknown,
        results=_explain(library, derived, ranked),
        baseline=ranked.model.baseline,
        generation=derived.generation.number,
    )


def rank(library: Library, derived: Derived, request: RelatedRequest, seeds: Seeds) -> Ranked:
    """The ranking alone: what an evaluation needs."""
    query = query_of(library, derived, request, seeds)
    candidates = find_candidates(library.store, derived, query)
    model = ranking_of(library, derived).of(
        request.mode, has_paper=bool(seeds.liked), has_citations=candidates.has_citations
    )
    parts = model.contributions(candidates.features)
    if request.facet is not None:
        parts = compare_facets(library, model, candidates, parts, evenly(query.texts), request.facet)
    log_odds = model.relevance(parts)
    best = _chosen(derived, request, candidates, model, log_odds)
    return Ranked(candidates, model, parts, log_odds, best)


def _chosen(
    derived: Derived, request: RelatedRequest, candidates: Candidates, model: Additive, log_odds: Values
) -> Keys:
    """Positions of the results, in the order asked for; each work once, none below the threshold."""
    best = order(log_odds, candidates.keys, len(candidates.keys))
    if request.mode is not Mode.FUSED and not request.among:  # no evidence of that kind, no result
        columns = [AT[name] for name in MODES[request.mode]]
        best = best[(candidates.features[best][:, columns] > 0).any(axis=1)]
    chances = model.similarity(log_odds)
    if request.least > 0:
        best = best[chances[best] >= request.least]
    if not request.among:
        best = best[first_of_each(works_of(derived, candidates.keys[best]))]
    wanted = min(max(request.k, 0), MOST_RESULTS)
    if request.diversity > 0:
        best = best[: SPREAD_AMONG * wanted]
        axes = np.eye(derived.vectors.rows.shape[1], dtype=np.float32)
        vectors = derived.vectors.similarities(candidates.keys[best], axes)
        best = best[spread(chances[best], vectors, wanted, request.diversity)]
    best = best[:wanted]
    rows = derived.catalogue.rows(candidates.keys[best])
    citers = candidates.features[best, AT["citers"]]  # as far as the query may see them
    return best[sort_results(request.sort, derived.catalogue.days[rows], citers)]


def _keys(library: Library, texts: tuple[str, ...]) -> tuple[dict[PaperId, int], list[str]]:
    """The keys of the papers that these ids name, in the order given, and the ids that name none."""
    ids: dict[PaperId, None] = {}
    unknown = []
    for text in texts:
        try:
            ids.setdefault(PaperId.parse(text))
        except InvalidPaperId:
            unknown.append(text)
    keys = library.store.keys(ids)
    unknown.extend(str(paper_id) for paper_id in ids if paper_id not in keys)
    return {paper_id: keys[paper_id] for paper_id in ids if paper_id in keys}, unknown


def _known(library: Library, texts: tuple[str, ...]) -> tuple[dict[int, Paper], list[str]]:
    """The papers themselves, by key."""
    keys, unknown = _keys(library, texts)
    papers = library.store.papers(keys.values())
    return {key: papers[key] for key in keys.values()}, unknown


def query_of(library: Library, derived: Derived, request: RelatedRequest, seeds: Seeds) -> Query:
    """What a request looks for, with its vectors and texts."""
    month = max((paper.id.month for paper in seeds.liked.values()), default=None)
    filters = request.filters
    if (request.not_newer or request.as_of_seed) and month is not None:
        latest = min(month, filters.not_after_month or month)
        filters = replace(filters, not_after_month=latest)
    vectors = _vectors(library, derived, list(seeds.liked))
    texts = [(paper.title, paper.abstract) for paper in seeds.liked.values()]
    if request.text.strip():
        vectors.extend(library.embedder().embed([request.text]))
        texts.append(("", request.text))
    known = derived.graph.positions(np.array(seeds.known, dtype=np.int64))
    return Query(
        liked=np.array(list(seeds.liked), dtype=np.int64),
        disliked=np.array(list(seeds.disliked), dtype=np.int64),
        vectors=_rows(vectors),
        disliked_vectors=_rows(_vectors(library, derived, list(seeds.disliked))),
        texts=tuple(texts),
        filters=filters,
        month=month,
        as_of_seed=request.as_of_seed,
        text_only=request.text_only,
        known=np.unique(known[known >= 0]).astype(np.int32),
        topic=request.topic,
        among=seeds.among,
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
    explained = Explainer(library.store, derived, candidates, ranked.parts).reasons(ranked.best, papers)
    sure = ranked.model.similarity(ranked.log_odds)
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
