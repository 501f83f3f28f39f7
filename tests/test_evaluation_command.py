"""`paperkin evaluate`: figures as a table and as JSON, the run file, and what is refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.evaluation.command import speed_report
from service.evaluation.measures import CITATION_MEASURES
from service.evaluation.speed import Speed
from tests.commands import failed, paperkin
from tests.libraries import linked_topics

MEASURES = tuple(measure.name for measure in CITATION_MEASURES)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    return linked_topics(tmp_path_factory.mktemp("library")).library


@pytest.fixture
def judgements(tmp_path: Path) -> Path:
    """Four queries, one of them not held."""
    file = tmp_path / "judgements.tsv"
    pairs = [(26, 23), (26, 20), (27, 24), (28, 25), (99, 1)]
    months = {number: 2301 + (number // 3) % 12 for pair in pairs for number in pair}
    file.write_text("\n".join("\t".join(f"{months[one]}.{one:05}" for one in pair) for pair in pairs))
    return file


def test_figures_as_json(library: str, judgements: Path) -> None:
    words = ["evaluate", "citations", "--judgements", judgements, "--library", library, "--json"]
    ran = paperkin(*words)
    assert (ran.code, ran.err, len(ran.lines)) == (0, "", 1)
    assert (ran.data["queries"], ran.data["not_held"]) == (3, 1)
    assert list(ran.data["systems"]) == ["minilm", "bm25", "hybrid", "related"]
    for name, figures in ran.data["systems"].items():
        assert set(figures) == {*MEASURES, "subject_minus_it", "milliseconds"}
        for measure in MEASURES:
            assert 0 <= figures[measure]["low"] <= figures[measure]["mean"] <= figures[measure]["high"] <= 1
        assert figures["milliseconds"] > 0
        assert (figures["subject_minus_it"] is None) == (name == "related")
    assert ran.data["subject"] == "related"
    assert set(ran.data["systems"]["minilm"]["subject_minus_it"]["nDCG@20"]) == {"difference", "p"}


def test_figures_as_a_table_with_what_they_mean(library: str, judgements: Path) -> None:
    words = ["evaluate", "citations", "--judgements", judgements, "--systems", "bm25, related"]
    ran = paperkin(*words, "--library", library)
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.lines[:3]] == ["system", "bm25", "related"]
    assert ran.lines[-1] == (
        "3 queries; 1 more is not in this library; papers newer than the query left out of the answers; "
        "in brackets 95 % bootstrap intervals over queries"
    )
    hidden = paperkin(*words, "--as-of", "--library", library)
    assert "; papers newer than the query hidden; " in hidden.lines[-1]


def test_half_of_the_references_known_is_compared_with_none(library: str, judgements: Path) -> None:
    words = ["--judgements", judgements, "--references", "half", "--library", library]
    ran = paperkin("evaluate", "citations", *words)
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.lines[1:6]] == ["minilm", "bm25", "hybrid", "text", "related"]
    assert ran.lines[-2].startswith("1 queries; ")  # the others have one reference each
    assert ran.lines[-1].startswith("half of the references known, the other half asked for")


def test_the_run_holds_the_last_system(library: str, judgements: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.txt"
    run.write_text("from before\n")
    words = ["--judgements", judgements, "--run", run, "--systems", "minilm,related", "--library", library]
    assert paperkin("evaluate", "citations", *words).code == 0
    rows = [line.split() for line in run.read_text().splitlines()]
    assert {row[5] for row in rows} == {"related"}
    assert len({row[0] for row in rows}) == 3


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--systems", "minilm,oracle"], 2, "there is no system 'oracle'; use some of minilm, bm25, hybrid,"),
        (["--systems", ""], 2, "there is no system ''"),
        (["--run", "gone/run.txt"], 2, "--run gone/run.txt cannot be written (No such file or directory)"),
    ],
)
def test_what_is_used_wrongly(
    library: str, judgements: Path, words: list[str], code: int, sentence: str
) -> None:
    common = ["evaluate", "citations", "--judgements", judgements, "--library", library]
    assert sentence in failed(paperkin(*common, *words), code)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("2311.00026\t2310.00023\nnonsense\n", "line 2 of "),
        ("2101.00001\t2101.00002\n", "the library holds none of the 1 papers judged"),
    ],
)
def test_judgements_that_cannot_be_used(library: str, tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "judgements.tsv").write_text(content)
    words = ["evaluate", "citations", "--judgements", tmp_path / "judgements.tsv", "--library", library]
    assert sentence in failed(paperkin(*words), 1)


def test_speed_is_told_with_its_units() -> None:
    speed = Speed(
        texts=384,
        texts_per_second=50.0,
        baseline_texts_per_second=25.0,
        first_answer_seconds=1.234,
        requests=300,
        median_milliseconds=5.67,
        p95_milliseconds=9.0,
    )
    printed = speed_report(speed)
    told = {row[0]: row[1] for row in printed.rows}
    assert told["embedding"] == "50.0 texts a second"
    assert told["ratio"] == "2.00"
    assert told["server start to first answer"] == "1.23 s"
    assert told["related by id over HTTP, median"] == "5.7 ms"
    assert "384 texts" in printed.footnote
    assert printed.as_json()["p95_milliseconds"] == 9.0
