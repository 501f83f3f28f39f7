"""The systems that are compared: our ranking, and what it must be better than. Each is told a `RelatedRequest`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from indexer.errors import SettingsError
from indexer.library import Derived, Library
from indexer.papers import Paper, PaperId
from indexer.tables import Filters, Keys, Vectors
from indexer.words import words_of
from service.answers import RelatedRequest
from service.evaluation.questions import Question
from service.related import Seeds, rank

NEAREST = 3  # of the liked papers, whose cosines are averaged
_FUSION = 60  # the constant of reciprocal rank fusion, Cormack, Clarke and Büttcher 2009
_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Setting:
    """What every system may see: the library, and what its papers are called in the judgements."""

    library: Library
    derived: Derived
    names: Mapping[str, str] = field(default_factory=dict)

    def papers(self, texts: Sequence[str]) -> dict[int, Paper]:
        """The papers held of these ids, by key, in the order given."""
        ids = [PaperId.parse(text) for text in texts]
        keys = self.library.store.keys(ids)
        found = self.library.store.papers(keys.values())
        return {keys[one]: found[keys[one]] for one in ids if one in keys}

    def vectors(self, request: RelatedRequest) -> Vectors:
        """The vectors of liked papers and text: float32 [m, width]."""
        found = [self.derived.vectors.vector(key) for key in self.papers(request.liked)]
        rows = [vector for vector in found if vector is not None]
        if request.text:
            rows.extend(self.library.embedder().embed([request.text]))
        return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32)

    def filters(self, request: RelatedRequest) -> Filters:
        """What may be an answer."""
        if not (request.not_newer or request.as_of_seed) or not request.liked:
            return request.filters
        return replace(
            request.filters, not_after_month=max(PaperId.parse(text).month for text in request.liked)
        )

    def pool(self, request: RelatedRequest) -> Keys | None:
        """The keys that are to be ranked, ascending; None for the whole library."""
        if not request.among:
            return None
        keys = self.library.store.keys(PaperId.parse(text) for text in request.among)
        return np.array(sorted(keys.values()), dtype=np.int64)

    def named(self, keys: Keys) -> list[str]:
        """What the judgements call these papers."""
        ids = self.library.store.ids(keys.tolist())
        return [self.names.get(str(ids[key]), str(ids[key])) for key in keys.tolist()]


System = Callable[[Setting, Question], Keys]


def minilm(setting: Setting, question: Question) -> Keys:
    """The vectors alone: the nearest to the query; to several, by the mean of the three nearest of them."""
    request, derived = question.request, setting.derived
    queries = setting.vectors(request)
    if not len(queries):
        return _NONE
    candidates = setting.pool(request)
    if candidates is None:
        among = np.asarray(derived.catalogue.keys[derived.catalogue.passing(setting.filters(request))])
        found, _ = derived.index.search(queries, _depth(question), among=among)
        if len(queries) == 1:
            nearest: Keys = found[0][found[0] >= 0]
            return nearest
        candidates = np.unique(found[found >= 0])
    close = -np.sort(-derived.vectors.similarities(candidates, queries), axis=1)[:, :NEAREST].mean(axis=1)
    return candidates[np.lexsort((candidates, -close))]


def bm25(setting: Setting, question: Question) -> Keys:
    """Full text alone, asked for every word of titles, abstracts and text but the commonest of English."""
    request = question.request
    words: Counter[str] = Counter()
    for text in (*(paper.text for paper in setting.papers(request.liked).values()), request.text):
        words.update(words_of(text))
    pool = setting.pool(request)
    limit = _depth(question) if pool is None else len(setting.derived.catalogue.keys)
    found = setting.library.store.search(list(words), setting.filters(request), limit=limit).keys
    return found if pool is None else found[np.isin(found, pool)]


def hybrid(setting: Setting, question: Question) -> Keys:
    """Reciprocal rank fusion of the two."""
    scores: dict[int, float] = {}
    for ranking in (minilm(setting, question), bm25(setting, question)):
        for place, found in enumerate(ranking.tolist()):
            scores[found] = scores.get(found, 0.0) + 1 / (_FUSION + place + 1)
    return np.array(sorted(scores, key=lambda found: (-scores[found], found)), dtype=np.int64)


def related(setting: Setting, question: Question) -> Keys:
    """The service's own ranking."""
    request = question.request
    ranked = rank(setting.library, setting.derived, request, Seeds.of(setting.library, request))
    return ranked.candidates.keys[ranked.best]


def text_only(setting: Setting, question: Question) -> Keys:
    """The service's own ranking, not told the references that are known."""
    return related(setting, replace(question, request=replace(question.request, known_references=())))


SYSTEMS: dict[str, System] = {
    "minilm": minilm,
    "bm25": bm25,
    "hybrid": hybrid,
    "text only": text_only,
    "related": related,
}


def chosen_systems(names: Sequence[str]) -> dict[str, System]:
    """Systems by name; raise `SettingsError` for one that does not exist."""
    for name in names:
        if name not in SYSTEMS:
            raise SettingsError(f"there is no system {name!r}; use some of {', '.join(SYSTEMS)}")
    return {name: SYSTEMS[name] for name in names}


def _depth(question: Question) -> int:
    """So many that enough are left when the seeds and what is known are taken out."""
    return question.request.k + len(question.request.liked) + len(question.left_out)
