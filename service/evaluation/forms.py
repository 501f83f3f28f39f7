"""The forms of judged sets: how CSFCube, the reviewers' ratings and BEIR lie in a folder, and what each asks.

Each is read into documents and a task. A file that is not of the form is a `SourceError` that names it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from indexer.errors import SourceError
from indexer.sources.lines import BadRecord, LineFile
from service.answers import Facet, RelatedRequest
from service.evaluation.measures import GRADE_MEASURES, PROFILE_MEASURES, SEARCH_MEASURES, Measure
from service.evaluation.questions import DEPTH, Question, Task
from service.evaluation.sets import Document, made_up_id

_PACKED = ("", ".xz", ".gz", ".zst")
_WRONG = (KeyError, TypeError, ValueError, AttributeError)  # what a record of another form leads to
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """The papers of a set in its order, and what is asked of them."""

    documents: tuple[Document, ...]
    task: Task


def read_grades(folder: Path) -> JudgedSet:
    """Pools graded for a paper and a facet (CSFCube): `papers.jsonl` and `dev.jsonl`, plain or packed.

    A line of the second is `{"query": NAME, "facet": FACET, "grades": {NAME: GRADE, ...}}`. A question is called
    NAME_FACET, as in CSFCube's own files; its pool is ranked, all of it and nothing else.
    """
    documents, ids = _papers(folder, "papers.jsonl", name="id", abstract="abstract")
    path = _file(folder, "dev.jsonl")

    def question(record: dict[str, Any]) -> Question:
        query, facet = str(record["query"]), str(record["facet"])
        grades = {str(name): float(grade) for name, grade in record["grades"].items() if name != query}
        request = RelatedRequest(
            liked=_known(ids, [query], path),
            among=_known(ids, grades, path),
            facet=Facet(facet),
            k=len(grades),
        )
        name = f"{query}_{facet}"
        return Question(name, request, grades, unit=name, part=facet)

    notes = (
        f"pools out of {len(documents):,} papers re-ranked; MAP of grade 2 and more, NDCG at 20 % of the pool",
    )
    return _set(documents, "grades", _records(path, question), GRADE_MEASURES, ("queries", notes))


def read_profiles(folder: Path) -> JudgedSet:
    """Papers rated by researchers for how well they suit (Stelmakh et al. 2023): `papers.jsonl` and `dev.json`.

    The second is `{"ratings": {RESEARCHER: {NAME: RATING}}, "sets": [{"submissions": [NAME], "archives": {RESEARCHER:
    [NAME]}}]}`: the researcher's own papers (`archives`, drawn anew for each set) rank the rated ones. A question is
    called RESEARCHER_SET, sets counted from 1.
    """
    documents, ids = _papers(folder, "papers.jsonl", name="id", abstract="abstract")
    path = _file(folder, "dev.json")

    def questions(record: dict[str, Any]) -> Iterator[Question]:
        for number, one in enumerate(record["sets"], 1):
            submitted = set(one["submissions"])
            for researcher, rated in record["ratings"].items():
                ratings = {name: float(rating) for name, rating in rated.items() if name in submitted}
                own = _known(ids, one["archives"].get(researcher, ()), path)
                if own and ratings:
                    pool = _known(ids, ratings, path)
                    request = RelatedRequest(liked=own, among=pool, k=len(pool))
                    yield Question(f"{researcher}_{number}", request, ratings, unit=researcher)

    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        asked = list(questions(record))
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    except _WRONG as error:
        raise SourceError(f"{path} is not of the form of ratings and sets ({error!r})") from error
    notes = (
        f"means over {len(record['sets'])} sets of own papers; loss 0 is best, .5 random, lower is better",
        "easy pairs: one rated 4 and more, one 2 and less; hard pairs: both 4 and more",
    )
    return _set(documents, "profiles", asked, PROFILE_MEASURES, ("researchers", notes))


def read_search(folder: Path) -> JudgedSet:
    """Questions in words (BEIR): `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`.

    Lines of the last are query, document, score, after a header; a score of 0 is no judgement.
    """
    documents, ids = _papers(folder, "corpus.jsonl", name="_id", abstract="text")
    file = _file(folder, "queries.jsonl")
    texts = dict(_records(file, lambda record: (str(record["_id"]), str(record["text"]))))
    path = _file(folder, "qrels/test.tsv")
    judged: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for query, name, score in _lines(path, _judgement):
        if score > 0:
            _known(ids, [name], path)
            judged[query][name] = score
    if strange := [query for query in judged if query not in texts]:
        raise SourceError(f"{path} judges a query {strange[0]} that {file} does not have")
    asked = [
        Question(query, RelatedRequest(text=texts[query], k=DEPTH), grades, unit=query)
        for query, grades in judged.items()
    ]
    notes = (f"asked in words of {len(documents):,} papers",)
    return _set(documents, "search", asked, SEARCH_MEASURES, ("queries", notes))


READERS: dict[str, Callable[[Path], JudgedSet]] = {
    "grades": read_grades,
    "profiles": read_profiles,
    "search": read_search,
}
_FILES = {
    "grades": ("papers.jsonl", "dev.jsonl"),
    "profiles": ("papers.jsonl", "dev.json"),
    "search": ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"),
}


def find_sets(folder: Path) -> dict[str, list[Path]]:
    """Where in a folder sets of each form lie, by the name of their evaluation: told by their files, not by theirs."""
    if not folder.is_dir():
        raise SourceError(f"there is no folder {folder}; name one that holds judged sets")
    entries = sorted(folder.iterdir())
    found = {"citations": [path for path in entries if path.is_file() and path.suffix == ".tsv"]}
    for form, names in _FILES.items():
        found[form] = [path for path in entries if path.is_dir() and all(_there(path, one) for one in names)]
    return found


def _set(
    documents: Sequence[Document],
    title: str,
    questions: Sequence[Question],
    measures: tuple[Measure, ...],
    said: tuple[str, tuple[str, ...]],
) -> JudgedSet:
    if not questions:
        raise SourceError(f"no judgements to measure {title} with; the files hold none")
    names = {str(made_up_id(at)): document.name for at, document in enumerate(documents)}
    units, notes = said
    return JudgedSet(
        tuple(documents), Task(title, tuple(questions), measures, names, units=units, notes=notes)
    )


def _papers(folder: Path, file: str, *, name: str, abstract: str) -> tuple[list[Document], dict[str, str]]:
    """The documents of a file, and the arXiv id made up for each by its name."""

    def document(record: dict[str, Any]) -> Document:
        return Document(str(record[name]), str(record["title"] or ""), str(record[abstract] or ""))

    documents = _records(_file(folder, file), document)
    ids = {one.name: str(made_up_id(at)) for at, one in enumerate(documents)}
    if len(ids) < len(documents):
        raise SourceError(f"{_file(folder, file)} holds a paper twice; its names must be unique")
    return documents, ids


def _known(ids: Mapping[str, str], names: Iterable[str], path: Path) -> tuple[str, ...]:
    """The ids of documents; raise `SourceError` for one that the set does not hold."""
    found = []
    for name in names:
        if name not in ids:
            raise SourceError(f"{path} names the paper {name}, which the set does not hold")
        found.append(ids[name])
    return tuple(found)


def _records(path: Path, read: Callable[[dict[str, Any]], T]) -> list[T]:
    """What `read` makes of each line of JSON."""
    return _lines(path, lambda line: read(json.loads(line)))


def _lines(path: Path, read: Callable[[str], T | None]) -> list[T]:
    """What `read` makes of each line (None: nothing); a line that is not of the form stops all."""

    def checked(line: str) -> T | None:
        try:
            return read(line)
        except _WRONG as error:
            raise BadRecord(f"{error!r}") from error

    found: list[T] = []
    for batch in LineFile(str(path)).batches(checked, size=5_000):
        if batch.rejected:
            bad = batch.rejected[0]
            raise SourceError(f"{bad.where} of {path} is not of the form of a judged set ({bad.reason})")
        found.extend(batch.records)
    return found


def _judgement(line: str) -> tuple[str, str, float] | None:
    query, name, score = line.split("\t")
    return None if score == "score" else (query, name, float(score))


def _there(folder: Path, name: str) -> bool:
    return any((folder / f"{name}{packed}").is_file() for packed in _PACKED)


def _file(folder: Path, name: str) -> Path:
    """A file of a set, plain or packed."""
    for packed in _PACKED:
        if (path := folder / f"{name}{packed}").is_file():
            return path
    raise SourceError(f"there is no {name} in {folder} (plain or packed); name the folder of a judged set")
