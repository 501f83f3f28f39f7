"""Judgements: what the file may look like, and the line that an error names."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.errors import SourceError
from indexer.papers import PaperId
from service.evaluation.judgements import read_judgements
from tests.builders import an_id


def read(folder: Path, content: str | bytes) -> dict[PaperId, frozenset[PaperId]]:
    file = folder / "judgements.tsv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_judgements(file)


@pytest.mark.parametrize("header", ["", "query\trelevant\n", "\ufeff"])
def test_queries_with_their_relevant_papers_in_the_order_of_the_file(tmp_path: Path, header: str) -> None:
    found = read(
        tmp_path, f"{header}2401.00002\t2401.00009\n\n2401.00001\t2401.00003\n2401.00002\t2401.00003\n"
    )
    assert list(found.items()) == [
        (an_id(2), frozenset({an_id(9), an_id(3)})),
        (an_id(1), frozenset({an_id(3)})),
    ]


def test_ids_are_taken_as_people_write_them_and_further_columns_ignored(tmp_path: Path) -> None:
    found = read(tmp_path, "arXiv:2401.00002v3\thttps://arxiv.org/abs/math.CA/0611800\tyes\r\n")
    assert found == {an_id(2): frozenset({PaperId("math/0611800")})}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "2401.00001\t2401.00002\n2401.00001\tnonsense\n",
            "line 2 of .* is no pair of arXiv ids: '2401.00001",
        ),
        ("2401.00001 2401.00002\n", "line 1 of .* is no pair of arXiv ids"),
        ("a\tb\n2401.00001\n", "line 2 of .* is no pair"),
        ("a\tb\nc\td\n", "line 2 of .* is no pair"),
        ("", "holds no judgements; expected lines of query<TAB>relevant"),
        ("query\trelevant\n", "holds no judgements"),
        (b"\xff\xfe\x00", "it is not text in UTF-8"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        read(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"judgements in .* cannot be read \(No such file or directory\)"):
        read_judgements(tmp_path / "gone.tsv")


def test_the_research_judgements_can_be_read(shared: Path) -> None:
    file = shared / "judged" / "citations-dev.tsv"
    if not file.is_file():
        pytest.skip(f"no research data: {file} is absent")
    found = read_judgements(file)
    assert sum(map(len, found.values())) > 10_000
