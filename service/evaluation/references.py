"""How well `references:` reads what papers cite: real citations of 63 papers of 2025, with the papers that they mean.

The rows of `citations.csv` are printed as three kinds of bibliography do; only columns that came out of the authors'
BibTeX are used (title, authors, year, journal, address, DOI), never those of the answer. A row that is labelled "not
of arXiv" may be wrong in that: a paper of the library with that very title is counted apart, to be read by people.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from indexer.errors import SourceError
from indexer.papers import PaperId
from indexer.sources.references import Titles, bibtex, latex, plain
from indexer.sources.references.identifiers import today
from indexer.sources.references.matching import Reference, Resolved, resolve
from service.evaluation.measures import Interval

_CITATIONS = "citations.csv"
_SURVEY = "survey-2509.08827.bib"
_RESAMPLES = 2_000
_NEW_ID = re.compile(r"(?:arxiv[^0-9]{0,20}|eprint[^0-9]{0,20})(\d{4}\.\d{4,5})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """A citation: the citing paper, the columns of the authors' BibTeX, and the paper meant (None: not of arXiv)."""

    citing: str
    title: str
    authors: str
    year: str
    journal: str
    url: str
    doi: str
    meant: PaperId | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A row, and what it was taken for."""

    row: Row
    found: Resolved | None

    @property
    def right(self) -> bool:
        """Whether the paper meant was found."""
        return self.found is not None and self.row.meant in self.found.papers

    @property
    def unlabelled(self) -> bool:
        """Whether a paper was found for a row that is labelled "not of arXiv"."""
        return self.row.meant is None and bool(self.found)


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one form on some rows.

    `recall`: of the papers meant, those found; `precision`: of the papers found, those meant, rows labelled "not of
    arXiv" left out; `as_labelled`: with them, each counted as wrong. 95 % bootstrap intervals over citing papers.
    """

    form: str
    part: str
    rows: int
    recall: Interval
    precision: Interval
    as_labelled: Interval
    unlabelled: int
    by: dict[str, int]


@dataclass(frozen=True, slots=True)
class SurveyScore:
    """Of a survey's BibTeX: entries, ids in it (by a search of its own), those found, papers more from titles."""

    entries: int
    ids: int
    found: int
    from_titles: int


@dataclass(frozen=True, slots=True)
class ReferencesReport:
    """All figures, and for each form the answers that differ from the labels."""

    scores: tuple[Score, ...]
    survey: SurveyScore
    answers: dict[str, tuple[Answer, ...]]


def evaluate_references(fixture_folder: Path, titles: Titles, now: date | None = None) -> ReferencesReport:
    """Measure on the folder with `citations.csv` and the survey; raise `SourceError` where they are missing."""
    now = now or today()
    rows = read_rows(fixture_folder / _CITATIONS)
    scores: list[Score] = []
    answers: dict[str, tuple[Answer, ...]] = {}
    for form, printed in FORMS.items():
        given = [Answer(row, _resolved(printed(row, now), titles)) for row in rows]
        answers[form] = tuple(given)
        for part, chosen in _PARTS.items():
            scores.append(_score(form, part, [answer for answer in given if chosen(answer.row)]))
    return ReferencesReport(tuple(scores), _survey(fixture_folder / _SURVEY, titles, now), answers)


def read_rows(path: Path) -> list[Row]:
    """Read the citations with what they mean."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_row(columns) for columns in csv.DictReader(file)]
    except (OSError, KeyError, csv.Error) as error:
        raise SourceError(f"cannot read the citations in {path}: {error}") from error


def _row(columns: dict[str, str]) -> Row:
    link = columns["cited_paper_arxiv_link"]
    return Row(
        citing=columns["parent_paper_arxiv_id"],
        title=" ".join(columns["cited_paper_title"].split()),
        authors=" ".join(columns["bib_paper_authors"].split()),
        year=columns["bib_paper_year"].partition(".")[0],
        journal=columns["bib_paper_journal"],
        url=columns["bib_paper_url"],
        doi=columns["bib_paper_doi"],
        meant=PaperId.parse(link) if link else None,
    )


def _as_bibtex(row: Row, now: date) -> Iterable[Reference]:
    fields = {
        "title": row.title,
        "author": row.authors,
        "year": row.year,
        "journal": row.journal,
        "url": row.url,
        "doi": row.doi,
    }
    text = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return (bibtex.reference(entry, now) for entry in bibtex.entries(f"@article{{key,\n{text}\n}}\n"))


def _names(row: Row) -> str:
    """The authors as a bibliography has them: "Ada Lovelace, Emmy Noether, et al."."""
    names = [name.strip() for name in row.authors.split(" and ") if name.strip()]
    turned = [" ".join(reversed([part.strip() for part in name.split(",", 1)])) for name in names]
    return ", ".join("et al." if name == "others" else name for name in turned)


def _as_bbl(row: Row, now: date) -> Iterable[Reference]:
    journal = (
        f"\n\\newblock \\emph{{{row.journal}}}, {row.year}." if row.journal else f"\n\\newblock {row.year}."
    )
    doi = f"\n\\newblock \\doi{{{row.doi}}}." if row.doi else ""
    url = f"\n\\newblock URL \\url{{{row.url}}}." if row.url else ""
    body = f"{_names(row)}.\n\\newblock {row.title}.{journal}{doi}{url}"
    text = (
        f"\\begin{{thebibliography}}{{1}}\n\\bibitem[X({row.year})]{{key}}\n{body}\n\\end{{thebibliography}}"
    )
    return latex.bib_items(latex.without_comments(text), now)


def _as_plain(row: Row, now: date) -> Iterable[Reference]:
    doi = f" doi:{row.doi}." if row.doi else ""
    url = f" {row.url}" if row.url else ""
    journal = f" {row.journal}," if row.journal else ""
    return [plain.reference(f"{_names(row)}. {row.title}.{journal} {row.year}.{doi}{url}", now)]


FORMS: dict[str, Callable[[Row, date], Iterable[Reference]]] = {
    "BibTeX": _as_bibtex,
    "bbl": _as_bbl,
    "plain text": _as_plain,
}


def _tuned(row: Row) -> bool:
    """Whether the citing paper is of the half that the rules were made on."""
    return hashlib.sha256(row.citing.encode()).digest()[0] % 2 == 0


_PARTS: dict[str, Callable[[Row], bool]] = {
    "all": lambda _: True,
    "tuned on": _tuned,
    "held out": lambda row: not _tuned(row),
}


def _resolved(references: Iterable[Reference], titles: Titles) -> Resolved | None:
    return next((found for reference in references if (found := resolve(reference, titles))), None)


def _score(form: str, part: str, answers: Sequence[Answer]) -> Score:
    meant = [answer for answer in answers if answer.row.meant]
    found = [answer for answer in answers if answer.found]
    by: dict[str, int] = {}
    for answer in found:
        if answer.found:
            by[answer.found.by.value] = by.get(answer.found.by.value, 0) + 1
    return Score(
        form,
        part,
        len(answers),
        recall=_share(meant),
        precision=_share([answer for answer in found if answer.row.meant]),
        as_labelled=_share(found),
        unlabelled=sum(answer.unlabelled for answer in answers),
        by=by,
    )


def _share(answers: Sequence[Answer]) -> Interval:
    """The share that is right, drawn anew by citing paper: what a paper cites is alike."""
    papers = sorted({answer.row.citing for answer in answers})
    counts = np.zeros((len(papers), 2))
    for answer in answers:
        counts[papers.index(answer.row.citing)] += (answer.right, 1)
    if not papers:
        return Interval(0.0, 0.0, 1.0)
    drawn = np.random.default_rng(0).integers(0, len(papers), (_RESAMPLES, len(papers)))
    sums = counts[drawn].sum(axis=1)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    right, of = counts.sum(axis=0)
    return Interval(float(right / of), float(low), float(high))


def _survey(path: Path, titles: Titles, now: date) -> SurveyScore:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    said = set(_NEW_ID.findall(text))
    found: set[str] = set()
    more: set[PaperId] = set()
    entries = list(bibtex.entries(text))
    for entry in entries:
        reference = bibtex.reference(entry, now)
        found.update(paper.value for paper in reference.ids)
        resolved = None if reference.ids else resolve(reference, titles)
        more.update(resolved.papers if resolved else ())
    return SurveyScore(len(entries), len(said), len(said & found), len(_new(more, found)))


def _new(papers: AbstractSet[PaperId], known: AbstractSet[str]) -> set[PaperId]:
    return {paper for paper in papers if paper.value not in known}
