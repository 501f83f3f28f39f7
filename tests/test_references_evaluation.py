"""What `references:` must reach on real citations, where the research data are."""

from __future__ import annotations

import json
import lzma
from datetime import date
from pathlib import Path

import pytest

from indexer.errors import SourceError
from indexer.papers import PaperId
from indexer.sources.metadata import split_authors
from indexer.sources.references import Titles, Work
from service.evaluation.references import ReferencesReport, evaluate_references

NOW = date(2026, 8, 20)


def library(path: Path) -> Titles:
    """The titles of a snapshot."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return Titles.build(_work(json.loads(line)) for line in lines)


def _work(row: dict[str, str]) -> Work:
    paper = PaperId.parse(row["id"])
    names = tuple(author.keyname for author in split_authors(row["authors"][:3_000]))
    return Work(paper, row["title"], names, paper.month // 100, row["doi"])


@pytest.fixture(scope="module")
def report(shared: Path) -> ReferencesReport:
    titles = library(shared / "data" / "large" / "papers.jsonl.xz")
    return evaluate_references(shared / "fixtures" / "latex", titles, NOW)


def test_recall_and_precision(report: ReferencesReport) -> None:
    scores = {(score.form, score.part): score for score in report.scores}
    for form in ("BibTeX", "bbl", "plain text"):
        for part in ("all", "held out"):
            score = scores[form, part]
            assert score.recall.mean >= 0.93, (form, part, score.recall)
            assert score.precision.mean >= 0.99, (form, part, score.precision)
            assert score.recall.low <= score.recall.mean <= score.recall.high
    assert (
        scores["BibTeX", "all"].rows == scores["BibTeX", "tuned on"].rows + scores["BibTeX", "held out"].rows
    )


def test_every_id_of_the_survey(report: ReferencesReport) -> None:
    assert (report.survey.entries, report.survey.ids, report.survey.found) == (922, 726, 726)
    assert report.survey.from_titles >= 60


def test_without_the_data_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot read the citations in"):
        evaluate_references(tmp_path, Titles.build([]), NOW)
