"""One experiment: systems x queries x measures, on the same queries, with intervals and a paired comparison."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.library import Derived, Library
from indexer.papers import Paper, PaperId
from indexer.ports import Filters, Keys
from service.answers import RelatedRequest
from service.evaluation.judgements import Judgements
from service.evaluation.measures import MEASURES, Comparison, Interval, bootstrap, compare, measure_all
from service.related import rank
from service.words import telling_words

DEPTH = 100
_FUSION = 60  # the constant of reciprocal rank fusion, Cormack, Clarke and Büttcher 2009
_BM25_WORDS = 40

System = Callable[["Setting", int, Paper], Keys]
Progress = Callable[[str, float, float | None, str], None]


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
    found, _ = setting.derived.index.search(vector[None], DEPTH + 1, among=among)
    return found[0][found[0] >= 0]


def bm25(setting: Setting, key: int, paper: Paper) -> Keys:
    """Full text alone, asked for the most telling words of title and abstract."""
    del key
    words = telling_words(
        setting.library.store, [paper.text], len(setting.derived.catalogue), most=_BM25_WORDS
    )
    return setting.library.store.search(list(words), _not_newer(paper), limit=DEPTH + 1).keys


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
    progress: Progress | None = None,
) -> Report:
    """Rank the library's papers for every query that it holds, by every system; the first one is the baseline."""
    setting = Setting(library, library.derived(), as_of)
    keys = library.store.keys(judgements)
    queries = [query for query in judgements if query in keys]
    values: dict[str, list[tuple[float, ...]]] = {}
    outcomes = []
    for number, name in enumerate(systems):
        rankings, seconds = {}, 0.0
        for done, (query, key, paper) in enumerate(_held(library, queries, keys)):
            started = time.perf_counter()
            found = SYSTEMS[name](setting, key, paper)
            seconds += time.perf_counter() - started
            rankings[query] = _ids(library, found[found != key][:DEPTH])
            if progress:
                progress(f"rank by {name}", done + 1, len(queries), "queries")
        values[name] = [measure_all(rankings[query], judgements[query]) for query in queries]
        columns = list(zip(*values[name], strict=True))
        baseline = [row[0] for row in values[systems[0]]]
        outcomes.append(
            Outcome(
                system=name,
                intervals=tuple(bootstrap(column) for column in columns),
                against_baseline=compare(columns[0], baseline) if number else None,
                milliseconds=1000 * seconds / max(len(queries), 1),
                rankings=rankings,
            )
        )
    return Report(tuple(outcomes), len(queries), len(judgements) - len(queries))


def write_run(report: Report, path: Path) -> None:
    """Write all rankings as a TREC run: query Q0 document rank score system."""
    with path.open("w", encoding="utf-8") as stream:
        for outcome in report.outcomes:
            for query, ranking in outcome.rankings.items():
                for place, paper in enumerate(ranking, 1):
                    stream.write(f"{query} Q0 {paper} {place} {DEPTH + 1 - place} {outcome.system}\n")


def table(report: Report) -> list[tuple[str, ...]]:
    """The report as rows of text, the header first."""
    rows: list[tuple[str, ...]] = [("system", *MEASURES, "nDCG@20 against the first", "ms a query")]
    for outcome in report.outcomes:
        cells = [f"{one.mean:.3f} ({one.low:.3f} to {one.high:.3f})" for one in outcome.intervals]
        against = outcome.against_baseline
        compared = (
            f"{against.difference.mean:+.3f} ({against.difference.low:+.3f} to {against.difference.high:+.3f}), "
            f"p {'<' if against.p <= 0.0005 else '='} {max(against.p, 0.0005):.4f}"
            if against
            else "baseline"
        )
        rows.append((outcome.system, *cells, compared, f"{outcome.milliseconds:.1f}"))
    return rows


def _not_newer(paper: Paper) -> Filters:
    return Filters(not_after_month=paper.id.month)


def _held(
    library: Library, queries: Sequence[PaperId], keys: dict[PaperId, int]
) -> Iterator[tuple[PaperId, int, Paper]]:
    for query in queries:
        key = keys[query]
        yield query, key, library.store.papers([key])[key]


def _ids(library: Library, keys: Keys) -> list[PaperId]:
    ids = library.store.ids(keys.tolist())
    return [ids[key] for key in keys.tolist()]
