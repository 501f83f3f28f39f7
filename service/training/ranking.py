"""`paperkin train ranking`: the curves of the ranking, learned from what the library's newest papers cite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from indexer.citations import CitationGraph
from indexer.errors import SourceError
from indexer.library import Derived, Library
from indexer.papers import Paper
from indexer.progress import Progress
from indexer.tables import Keys
from service.answers import Mode, RelatedRequest
from service.candidates import find_candidates
from service.evaluation.measures import Comparison, compare, ndcg
from service.hiding import without_references_of
from service.learned import FIXED_FUSION
from service.ranking import FEATURES, Additive, Curve, Features, RankingModel, order
from service.related import Seeds, query_of
from service.training.curves import calibrated, fit

MEASURED = 0.1  # of the citing papers, the newest: they measure, the older ones teach and calibrate
MOST_TEACH, MOST_CALIBRATE, MOST_MEASURE = 2_000, 300, 500  # drawn by chance
FEWEST = 40  # papers that teach
REFERENCES = 4  # held, of a paper that is asked for
_HIDDEN = 250  # papers whose references are hidden together; the citations of all others remain as evidence
_STRANGERS = 300  # candidates not cited that are kept for a query, drawn by chance
_SHOWN = 20  # results whose chances are calibrated

# What a citation says of itself cannot be learned from citations: these are set by hand. What the seed cites or is
# cited by is linked already, so that little else is needed to call it related; but that little is. A disliked paper
# takes away what words give.
FIXED = {
    "cited by": Curve((0.0, 1.0), (0.0, 3.0)),
    "cites": Curve((0.0, 1.0), (0.0, 3.0)),
    "disliked": Curve((0.0, 0.6), (0.0, -3.6)),
}
# Modes whose chance is not certain. Their order is the signal's own, so there is nothing else to learn.
_CALIBRATED = {Mode.TEXT: "cold", Mode.WORDS: "cold", Mode.COUPLING: "half known"}
_SEED_ONLY = ("age", "authors", "topic", "category", "cited together")  # a text has none


@dataclass(frozen=True, slots=True)
class Asked:
    """A paper whose references are asked for: its key, and the keys of those that may be found."""

    key: int
    paper: Paper
    references: Keys


@dataclass(frozen=True, slots=True)
class Answered:
    """One query's candidates: features, which of them are cited, which linked; `cited` counts all to be found."""

    keys: Keys
    features: Features
    relevant: npt.NDArray[np.bool_]
    linked: npt.NDArray[np.bool_]
    cited: int

    def gain(self, model: Additive) -> float:
        """nDCG@20 of the ranking by a model."""
        best = order(model.relevance(model.contributions(self.features)), self.keys, 20)
        return ndcg(self.keys[best].tolist(), frozenset(self._cited_keys()), 20)

    def _cited_keys(self) -> Iterator[int]:
        found = self.keys[self.relevant].tolist()
        yield from found
        yield from range(-1, len(found) - self.cited - 1, -1)  # those that are no candidates


KINDS = ("cold", "half known", "text")


@dataclass(frozen=True, slots=True)
class Trained:
    """The model, and for each kind of query its nDCG@20 beside that of the fixed fusion, on papers set aside."""

    model: RankingModel
    gains: dict[str, tuple[float, float, Comparison]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The papers that are asked for: those that teach, that calibrate, that measure; none is in two of them."""

    teach: list[Asked]
    calibrate: list[Asked]
    measure: list[Asked]

    @property
    def all(self) -> list[Asked]:
        """Every paper once, in this order."""
        return self.teach + self.calibrate + self.measure

    def parts(self, rows: list[Answered]) -> tuple[list[Answered], list[Answered], list[Answered]]:
        """What belongs to each of the three, of rows in the order of `all`."""
        first, second = len(self.teach), len(self.teach) + len(self.calibrate)
        return rows[:first], rows[first:second], rows[second:]


def train_ranking(library: Library, *, progress: Progress, seed: int = 0) -> Trained:
    """Learn from the citations of a library; raise `SourceError` for one with too few.

    Drawn from all citing papers but the newest tenth, papers teach, and others of them calibrate; drawn from that
    tenth, papers measure. Taught by the newest alone, it ranks papers of other years worse (.570 instead of .582);
    calibrated by them, who are cited with few papers yet, it promised .8 where nine of ten were linked. Each is asked
    as a paper of today (nothing known but its text), with half of its references known, and as a free text (its
    title).
    """
    derived = library.derived()
    drawn = _draw(library, derived, seed)
    answered = _answer_all(library, derived, drawn.all, progress, seed)
    parts = {kind: drawn.parts(rows) for kind, rows in answered.items()}
    random = np.random.default_rng(seed)
    names = tuple(name for name in FEATURES if name not in FIXED and name != "facet")
    models = {}
    for done, (kind, (teaching, calibrating, _)) in enumerate(parts.items()):
        progress("fit", done, len(parts), "models")
        told = tuple(name for name in names if kind != "text" or name not in _SEED_ONLY)
        models[kind] = _calibrated(_fitted(teaching, told, random), calibrating)
    progress("fit", len(parts), len(parts), "models")
    model = RankingModel(
        cold=models["cold"],
        known=models["half known"],
        text=models["text"],
        modes=dict(FIXED_FUSION.modes)
        | {mode: _calibrated(FIXED_FUSION.modes[mode], parts[kind][1]) for mode, kind in _CALIBRATED.items()},
        facts={},
    )
    gains = {kind: _compared(model, kind, measuring) for kind, (_, _, measuring) in parts.items()}
    return Trained(replace(model, facts=_facts(drawn, gains, seed)), gains)


def _draw(library: Library, derived: Derived, seed: int) -> Drawn:
    """Papers to ask for, each part oldest first: each cites enough that may be found."""
    graph, catalogue, rows = derived.graph, derived.catalogue, derived.node_rows
    citing = np.flatnonzero((rows >= 0) & (np.diff(graph.reference_ends) >= REFERENCES))
    citing = citing[~catalogue.withdrawn[rows[citing]]]
    citing = citing[np.lexsort((citing, catalogue.months[rows[citing]]))]
    cut = len(citing) - round(MEASURED * len(citing))
    random = np.random.default_rng(seed)
    older, newest = random.permutation(cut), cut + random.permutation(len(citing) - cut)
    aside = min(MOST_CALIBRATE, cut // 8)
    places = older[aside:][:MOST_TEACH], older[:aside], newest[:MOST_MEASURE]
    found = Drawn(*(_ask(library, derived, citing[np.sort(part)]) for part in places))
    if min(len(found.teach), 4 * len(found.measure)) < FEWEST:
        raise SourceError(
            f"only {len(found.teach)} older and {len(found.measure)} of the newest papers cite {REFERENCES} papers of "
            f"this library, too few to learn from (at least {FEWEST} and {FEWEST // 4}); link citations first, or go "
            "on with the ranking that comes with paperkin"
        )
    return found


def _ask(library: Library, derived: Derived, nodes: npt.NDArray[np.int64]) -> list[Asked]:
    keys = derived.graph.keys[nodes].tolist()
    papers = library.store.papers(keys)
    found = [
        Asked(key, papers[key], _findable(derived, node))
        for key, node in zip(keys, nodes.tolist(), strict=True)
    ]
    return [one for one in found if len(one.references) >= REFERENCES]


def _findable(derived: Derived, node: int) -> Keys:
    """The keys of what a node cites, held and not newer."""
    cited = derived.graph.references_of(node)
    cited = cited[(derived.node_rows[cited] >= 0) & (cited != node)]
    months, withdrawn = derived.catalogue.months, derived.catalogue.withdrawn
    rows = derived.node_rows[cited]
    kept = (months[rows] <= months[derived.node_rows[node]]) & ~withdrawn[rows]
    return np.asarray(derived.graph.keys[cited[kept]])


def _answer_all(
    library: Library, derived: Derived, asked: Sequence[Asked], progress: Progress, seed: int
) -> dict[str, list[Answered]]:
    """Candidates of every kind of query, in the order of `asked`; each group is hidden as a whole."""
    count = -(-len(asked) // _HIDDEN)
    groups = np.random.default_rng(seed).permutation(len(asked)) % count
    found: dict[str, dict[int, Answered]] = {kind: {} for kind in KINDS}
    done = 0
    for group in range(count):
        members = np.flatnonzero(groups == group).tolist()
        hidden = without_references_of(derived, np.array([asked[at].key for at in members]))
        for at in members:
            known = np.random.default_rng([seed, asked[at].key]).permutation(asked[at].references)
            for kind in KINDS:
                half = known[: len(known) // 2] if kind == "half known" else known[:0]
                found[kind][at] = _answer(library, derived.graph, hidden, asked[at], kind, half)
            done += 1
            progress("ask", done, len(asked), "papers")
    return {kind: [rows[at] for at in range(len(asked))] for kind, rows in found.items()}


def _answer(
    library: Library, graph: CitationGraph, hidden: Derived, asked: Asked, kind: str, known: Keys
) -> Answered:
    """The candidates of one query, what they are labelled by included."""
    # Of a paper with citations, those to it are evidence too: who cites it, and what else these cite.
    request = RelatedRequest(not_newer=True, text_only=kind != "half known")
    seeds = Seeds({asked.key: asked.paper}, {}, known=tuple(known.tolist()))
    if kind == "text":
        late = replace(request.filters, not_after_month=asked.paper.id.month)
        request = replace(request, text=asked.paper.title, filters=late)
        seeds = Seeds({}, {})
    query = query_of(library, hidden, request, seeds)
    if kind == "text":  # its author's own paper is not there yet: neither a result nor evidence
        query = replace(query, disliked=np.array([asked.key]))
    candidates = find_candidates(library.store, hidden, query)
    sought = np.setdiff1d(asked.references, known)
    return Answered(
        keys=candidates.keys,
        features=candidates.features,
        relevant=np.isin(candidates.keys, sought),
        linked=np.isin(candidates.nodes, _linked(graph, asked.key)),
        cited=len(sought),
    )


def _linked(graph: CitationGraph, key: int) -> npt.NDArray[np.int32]:
    """What a paper cites, what cites it, and what is cited together with it."""
    node = int(graph.positions(np.array([key]))[0])
    citers = graph.citers_of(node)
    together = [graph.references_of(citer) for citer in citers.tolist()]
    return np.unique(np.concatenate([graph.references_of(node), citers, *together]))


def _fitted(rows: Sequence[Answered], names: tuple[str, ...], random: np.random.Generator) -> Additive:
    features, relevant = [], []
    for row in rows:
        strangers = random.permutation(np.flatnonzero(~row.relevant))[:_STRANGERS]
        kept = np.concatenate([np.flatnonzero(row.relevant), strangers])
        features.append(row.features[kept])
        relevant.append(row.relevant[kept])
    labels = np.concatenate(relevant)
    if not labels.any() or labels.all():
        raise SourceError(
            "among what is near to the newest papers nothing tells what they cite from what they do not; link more "
            "citations first, or go on with the ranking that comes with paperkin"
        )
    return fit(np.concatenate(features), labels, names, FIXED)


def _calibrated(model: Additive, rows: Sequence[Answered]) -> Additive:
    odds, linked = [], []
    for row in rows:
        log_odds = model.relevance(model.contributions(row.features))
        best = order(log_odds, row.keys, _SHOWN)
        odds.append(log_odds[best])
        linked.append(row.linked[best])
    return calibrated(model, np.concatenate(odds), np.concatenate(linked))


def _compared(model: RankingModel, kind: str, rows: Sequence[Answered]) -> tuple[float, float, Comparison]:
    ours, fixed = (
        {"cold": one.cold, "half known": one.known, "text": one.text}[kind] for one in (model, FIXED_FUSION)
    )
    gains = [row.gain(ours) for row in rows], [row.gain(fixed) for row in rows]
    return float(np.mean(gains[0])), float(np.mean(gains[1])), compare(*gains)


def _facts(drawn: Drawn, gains: dict[str, tuple[float, float, Comparison]], seed: int) -> dict[str, object]:
    months = [paper.paper.id.month for paper in (drawn.teach[0], drawn.teach[-1], drawn.measure[-1])]
    return {
        "taught by": len(drawn.teach),
        "calibrated by": len(drawn.calibrate),
        "measured by": len(drawn.measure),
        "months": months,
        "seed": seed,
        "nDCG@20": {kind: round(ours, 4) for kind, (ours, _, _) in gains.items()},
        "nDCG@20 of the fixed fusion": {kind: round(fixed, 4) for kind, (_, fixed, _) in gains.items()},
    }
