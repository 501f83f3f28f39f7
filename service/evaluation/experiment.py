"""One experiment: systems x queries x measures, on the same queries, with intervals and a paired comparison."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.errors import SourceError
from indexer.library import Derived, Library
from indexer.papers import Paper, PaperId
from indexer.progress import Progress, silent
from indexer.tables import Filters, Keys
from indexer.words import words_of
from service.answers import RelatedRequest
from service.evaluation.judgements import Judgements
from service.evaluation.measures import MEASURES, Comparison, Interval, bootstrap, compare, measure_all
from service.related import rank

DEPTH = 100
_FUSION = 60  # the constant of reciprocal rank fusion, Cormack, Clarke and Büttcher 2009

System = Callable[["Setting", int, Paper], Keys]


@dataclass(frozen=True, slots=True)
class Setting:
    """What every system may see: the library; with `as_of`, nothing newer than the query, not even as evidence."""

    library: Library
    derived: Derived
    as_of: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One system's figures: a mean with interval for each of `MEASURES`, its rankings, milliseconds a query."""

    system: str
    intervals: tuple[Interval, ...]
    against_baseline: Comparison | None
    milliseconds: float
    rankings: dict[PaperId, list[PaperId]]


@dataclass(frozen=True, slots=True)
class Report:
    """An experiment's outcomes, the baseline first, and how many queries were measured or are not held."""

    outcomes: tuple[Outcome, ...]
    queries: int
    not_held: int


def minilm(setting: Setting, key: int, paper: Paper) -> Keys:
    """The nearest vectors alone."""
    vector = setting.derived.vectors.vector(key)
    if vector is None:
        return np.zeros(0, dtype=np.int64)
    catalogue = setting.derived.catalogue
    among = np.asarray(catalogue.keys[catalogue.passing(_not_newer(paper))])
    (found, *_), _ = setting.derived.index.search(vector[None], DEPTH + 1, among=among)
    nearest: Keys = found[found >= 0]
    return nearest


def bm25(setting: Setting, key: int, paper: Paper) -> Keys:
    """Full text alone, asked for every word of title and abstract but the commonest of English."""
    del key
    words = list(words_of(paper.text))
    return setting.library.store.search(words, _not_newer(paper), limit=DEPTH + 1).keys


def hybrid(setting: Setting, key: int, paper: Paper) -> Keys:
    """Reciprocal rank fusion of the two."""
    scores: dict[int, float] = {}
    for ranking in (minilm(setting, key, paper), bm25(setting, key, paper)):
        for place, found in enumerate(ranking.tolist()):
            scores[found] = scores.get(found, 0.0) + 1 / (_FUSION + place + 1)
    return np.array(sorted(scores, key=lambda found: (-scores[found], found)), dtype=np.int64)


def related(setting: Setting, key: int, paper: Paper) -> Keys:
    """The service's own ranking, told nothing of the query but its text."""
    request = RelatedRequest(
        liked=(str(paper.id),), k=DEPTH, not_newer=True, text_only=True, as_of_seed=setting.as_of
    )
    ranked = rank(setting.library, setting.derived, request, {key: paper}, {})
    return ranked.candidates.keys[ranked.best]


SYSTEMS: dict[str, System] = {"minilm": minilm, "bm25": bm25, "hybrid": hybrid, "related": related}


def run_experiment(
    library: Library,
    judgements: Judgements,
    systems: Sequence[str],
    *,
    as_of: bool = False,
    progress: Progress = silent,
) -> Report:
    """Rank the library's papers for every query that it holds, by every system; the first one is the baseline.

    Raises `SourceError` if the library holds none of the queries.
    """
    setting = Setting(library, library.derived(), as_of)
    keys = library.store.keys(judgements)
    queries = [query for query in judgements if query in keys]
    if not queries:
        raise SourceError(
            f"the library holds none of the {len(judgements):,} papers judged; crawl them first"
        )
    outcomes: list[Outcome] = []
    baseline: Sequence[float] = ()
    for name in systems:
        rankings, seconds = _rank_all(setting, name, {query: keys[query] for query in queries}, progress)
        rows = [measure_all(rankings[query], judgements[query]) for query in queries]
        columns = list(zip(*rows, strict=True))
        baseline = baseline or columns[0]
        outcomes.append(
            Outcome(
                system=name,
                intervals=tuple(bootstrap(column) for column in columns),
                against_baseline=compare(columns[0], baseline) if outcomes else None,
                milliseconds=1000 * seconds / len(queries),
                rankings=rankings,
            )
        )
    return Report(tuple(outcomes), len(queries), len(judgements) - len(queries))


def _rank_all(
    setting: Setting, name: str, queries: dict[PaperId, int], progress: Progress
) -> tuple[dict[PaperId, list[PaperId]], float]:
    """Every query's ranking by one system, the query itself left out, and the seconds that ranking took."""
    rankings, seconds = {}, 0.0
    for done, (query, key) in enumerate(queries.items(), 1):
        paper = setting.library.store.papers([key])[key]
        started = time.perf_counter()
        found = SYSTEMS[name](setting, key, paper)
        seconds += time.perf_counter() - started
        rankings[query] = _ids(setting.library, found[found != key][:DEPTH])
        progress(f"rank by {name}", done, len(queries), "queries")
    return rankings, seconds


def write_run(outcome: Outcome, path: Path) -> None:
    """Write a system's rankings as a TREC run: query Q0 document rank score system."""
    with path.open("w", encoding="utf-8") as stream:
        for query, ranking in outcome.rankings.items():
            for place, paper in enumerate(ranking, 1):
                stream.write(f"{query} Q0 {paper} {place} {DEPTH + 1 - place} {outcome.system}\n")


def table(report: Report) -> list[tuple[str, ...]]:
    """The report as rows of text, the header first; the gain is against the first system, query by query."""
    rows: list[tuple[str, ...]] = [("system", *MEASURES, "gain in nDCG@20", "ms each")]
    for outcome in report.outcomes:
        cells = [shown(one) for one in outcome.intervals]
        rows.append((outcome.system, *cells, _gain(outcome.against_baseline), f"{outcome.milliseconds:.1f}"))
    return rows


def shown(interval: Interval) -> str:
    """An interval for a table: `0.520 [.510, .529]`."""
    return f"{interval.mean:.3f} {_between(interval, '.3f')}"


def _gain(against: Comparison | None) -> str:
    if against is None:
        return "baseline"
    sure = "p < .001" if against.p < 0.001 else f"p = {against.p:.3f}".replace("0.", ".")
    return f"{against.difference.mean:+.3f} {_between(against.difference, '+.3f')}, {sure}"


def _between(interval: Interval, form: str) -> str:
    """The ends of an interval, short enough for a table of 110 columns."""
    low, high = (format(end, form).replace("0.", ".", 1) for end in (interval.low, interval.high))
    return f"[{low}, {high}]"


def _not_newer(paper: Paper) -> Filters:
    return Filters(not_after_month=paper.id.month)


def _ids(library: Library, keys: Keys) -> list[PaperId]:
    ids = library.store.ids(keys.tolist())
    return [ids[key] for key in keys.tolist()]
