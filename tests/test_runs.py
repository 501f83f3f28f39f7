"""TREC runs: what is written can be read, and a file that is none is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import SourceError
from service.evaluation.runs import Run, read_run, write_run

NAMES = st.text("abc123._-/", min_size=1, max_size=8)


@given(st.dictionaries(NAMES, st.lists(NAMES, unique=True, min_size=1, max_size=9), min_size=1, max_size=5))
def test_what_is_written_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, rankings: dict[str, list[str]]
) -> None:
    path = tmp_path_factory.mktemp("run") / "run.txt"
    write_run(Run("text only", rankings), path)
    assert read_run(path) == Run("text-only", rankings)
    rows = [line.split() for line in path.read_text().splitlines()]
    assert {(len(row), row[1]) for row in rows} == {(6, "Q0")}
    for query in rankings:
        scores = [float(row[4]) for row in rows if row[0] == query]
        assert len(set(scores)) == len(scores)  # ties would be broken by trec_eval in its own way
        assert scores == sorted(scores, reverse=True)


def test_the_score_decides_and_then_the_rank(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_text("q Q0 a 1 0.5 x\n\nq Q0 b 3 0.9 x\nq Q0 c 2 0.9 x\nq Q0 b 4 0.1 x\n")
    assert read_run(path) == Run("x", {"q": ["c", "b", "a"]})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"q Q0 a 1 0.5\n", "line 1 of .* is not of the form `query Q0 document rank score system`"),
        (b"q Q0 a 1 0.5 x\nq Q0 b two 0.4 x\n", "line 2 of .* is not of the form"),
        (b"q Q0 a 1 0.5 x\nq Q0 b 2 0.4 y\n", "holds runs of x and of y; give each its own file"),
        (b"\n", "holds no rankings; expected lines of query Q0"),
        (b"\xff\xfe", "it is not text in UTF-8"),
    ],
)
def test_what_is_no_run(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "run").write_bytes(content)
    with pytest.raises(SourceError, match=sentence):
        read_run(tmp_path / "run")


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"the scores in .* cannot be read \(No such file or directory\)"):
        read_run(tmp_path / "gone")
