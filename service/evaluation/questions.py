"""What is asked of every system: questions with what is judged of their answers, made from judgements or a library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from indexer.errors import SourceError, StoreError
from indexer.library import Library
from indexer.papers import PaperId
from indexer.tables import Edges, Keys, PaperTable
from service.answers import RelatedRequest
from service.evaluation.judgements import Judgements
from service.evaluation.measures import CITATION_MEASURES, Measure

DEPTH = 100
NEWEST = 0.1  # of the citing papers
FEWEST, MOST = 10, 500  # queries: fewer say nothing, more take minutes and narrow an interval of .02 little
REFERENCES = 3  # held, of a paper that is a query


@dataclass(frozen=True, slots=True)
class Question:
    """One ranking to be made: `request` is what every system is told.

    `name` stands for it in a run; `judged` has the grades of documents by name. Questions of one `unit` are drawn
    as one by the bootstrap, their values averaged. `left_out` may not be in the answer, nor may the seeds.
    """

    name: str
    request: RelatedRequest
    judged: Mapping[str, float]
    unit: str
    part: str = ""
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Task:
    """An evaluation: questions, what is measured, and what the table must say below.

    `names` gives the set's own name of a paper by its arXiv id, for sets that are not of arXiv; `units` says what is
    drawn. `not_held` questions are left out, since their paper is not in the library. What `hidden` papers cite is
    hidden from every question, all at once (see `hiding`).
    """

    title: str
    questions: tuple[Question, ...]
    measures: tuple[Measure, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    units: str = "queries"
    notes: tuple[str, ...] = ()
    not_held: int = 0
    hidden: tuple[PaperId, ...] = ()


def citation_task(library: Library, judgements: Judgements, *, as_of: bool = False) -> Task:
    """Ask which papers of the library, none newer, a paper cites of which only the text is known.

    With `as_of` nothing newer than the query is seen, not even as evidence. Raises `SourceError` if the library holds
    none of the queries.
    """
    held = library.store.keys(judgements)
    questions = tuple(
        _of_text(query, {str(one): 1.0 for one in cited}, as_of=as_of)
        for query, cited in judgements.items()
        if query in held
    )
    if not questions:
        raise SourceError(
            f"the library holds none of the {len(judgements):,} papers judged; crawl them first"
        )
    return Task(
        "citations",
        questions,
        CITATION_MEASURES,
        notes=(_protocol(as_of=as_of),),
        not_held=len(judgements) - len(questions),
    )


def _of_text(query: PaperId, judged: dict[str, float], *, as_of: bool) -> Question:
    request = RelatedRequest(liked=(str(query),), k=DEPTH, not_newer=True, text_only=True, as_of_seed=as_of)
    return Question(str(query), request, judged, unit=str(query))


def _protocol(*, as_of: bool) -> str:
    return f"papers newer than the query {'hidden' if as_of else 'left out of the answers'}"


def with_half_known(task: Task, *, seed: int = 0) -> Task:
    """Half of each query's relevant papers are told as its references; asked for is the other half.

    Which half, a hash decides, the same on every machine. The known ones (of an odd number one less than are asked
    for) are no answers. Raises `SourceError` where no query has two.
    """
    questions = []
    for question in task.questions:
        drawn = sorted(question.judged, key=lambda name: _digest(seed, question.name, name))
        known = frozenset(drawn[: len(drawn) // 2])
        if known:
            request = replace(question.request, known_references=tuple(sorted(known)))
            asked = {name: grade for name, grade in question.judged.items() if name not in known}
            questions.append(replace(question, request=request, judged=asked, left_out=known))
    if not questions:
        raise SourceError(
            "no query has two references, of which one half could be told; name other judgements"
        )
    note = "half of the references known, the other half asked for; `text only` is not told them"
    return replace(task, questions=tuple(questions), notes=(*task.notes, note))


def _digest(seed: int, query: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {query} {name}".encode()).digest()


def newest_task(library: Library, *, as_of: bool = False) -> Task:
    """Ask what the library's own newest papers cite, told their text alone.

    Queries are drawn (seed 0) from the newest tenth of the papers that cite others, 500 at most, each with at least
    three references that the library holds and that are not newer. Raises `StoreError` where there are not ten.
    """
    table = library.store.table()
    cited = _held_references(table, library.store.edges())
    newest = _newest(table, cited.citing)
    drawn = np.random.default_rng(0).permutation(newest)[:MOST]
    if len(drawn) < FEWEST:
        raise StoreError(
            f"only {len(drawn)} of the library's newest papers have {REFERENCES} references or more in it, too few to"
            f" measure with (at least {FEWEST}); `paperkin link SOURCE` gets citations"
        )
    drawn.sort()
    ids = library.store.ids(np.concatenate([drawn, cited.cited]).tolist())
    questions = []
    for key in drawn.tolist():
        start, end = np.searchsorted(cited.citing, [key, key + 1])
        judged = {str(ids[one]): 1.0 for one in cited.cited[start:end].tolist()}
        questions.append(_of_text(ids[key], judged, as_of=as_of))
    first = date.fromordinal(int(table.days[np.searchsorted(table.keys, newest)].min()))
    of = f"drawn from the {len(newest):,} newest papers that cite (since {first})"
    return Task(
        "self",
        tuple(questions),
        CITATION_MEASURES,
        notes=(of, _protocol(as_of=as_of)),
        hidden=tuple(ids[key] for key in drawn.tolist()),
    )


def _held_references(table: PaperTable, edges: Edges) -> Edges:
    """The citations between papers that are held and may be shown, the cited one no newer, ascending."""
    shown = table.keys[~table.withdrawn]
    months = dict(zip(table.keys.tolist(), table.months.tolist(), strict=True))
    kept = np.isin(edges.citing, shown) & np.isin(edges.cited, shown) & (edges.citing != edges.cited)
    citing, cited = edges.citing[kept], edges.cited[kept]
    ages = np.array(
        [months[one] >= months[other] for one, other in zip(citing.tolist(), cited.tolist(), strict=True)],
        dtype=np.bool_,
    )
    return Edges(citing[ages], cited[ages])


def _newest(table: PaperTable, citing: Keys) -> Keys:
    """Of the papers that cite, the newest tenth (at least `FEWEST`) of those that have references enough."""
    keys, counts = np.unique(citing, return_counts=True)
    enough: npt.NDArray[np.int64] = keys[counts >= REFERENCES]
    days = table.days[np.searchsorted(table.keys, enough)]
    wanted = max(FEWEST, round(NEWEST * len(keys)))
    return enough[np.lexsort((enough, days))][::-1][:wanted]
