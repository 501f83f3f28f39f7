"""Judged sets in the forms of others: what is read, what is asked, and the file that an error names."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from indexer.errors import SourceError
from service.answers import Facet
from service.evaluation.forms import READERS, find_sets, read_grades, read_profiles, read_search
from tests.judged import MAKERS, PAPERS, graded, profiled, searched


def test_pools_are_asked_for_by_facet(tmp_path: Path) -> None:
    found = read_grades(graded(tmp_path / "set"))
    assert [document.name for document in found.documents] == [paper["id"] for paper in PAPERS]
    first, second = found.task.questions
    assert (first.name, first.unit, first.part) == ("w0_method", "w0_method", "method")
    assert first.judged == {"w3": 3.0, "w6": 2.0, "w1": 0.0, "w2": 1.0, "w4": 0.0}
    assert first.request.liked == ("2001.00001",)
    assert first.request.among == tuple(f"2001.0000{at}" for at in (4, 7, 2, 3, 5))
    assert (first.request.facet, first.request.k) == (Facet.METHOD, 5)
    assert found.task.names["2001.00009"] == "w8"
    assert second.request.facet is Facet.RESULT


def test_profiles_are_asked_for_once_a_set(tmp_path: Path) -> None:
    found = read_profiles(profiled(tmp_path / "set"))
    assert [question.name for question in found.task.questions] == ["ada_1", "bob_1", "ada_2", "bob_2"]
    assert [question.unit for question in found.task.questions] == ["ada", "bob", "ada", "bob"]
    first = found.task.questions[0]
    assert first.request.liked == ("2001.00001", "2001.00007")
    assert set(first.request.among) == {"2001.00004", "2001.00002", "2001.00003"}
    assert found.task.units == "researchers"
    assert found.task.notes[0].startswith("means over 2 sets")


def test_questions_in_words_are_those_that_are_judged(tmp_path: Path) -> None:
    found = read_search(searched(tmp_path / "set"))
    assert {question.name: question.judged for question in found.task.questions} == {
        "q1": {"w0": 1.0, "w3": 1.0},
        "q2": {"w4": 1.0},
    }
    assert found.task.questions[0].request.text == "neutrino oscillations in water"
    assert not found.task.questions[0].request.liked


@pytest.mark.parametrize("form", MAKERS)
def test_files_may_be_packed(form: str, tmp_path: Path) -> None:
    folder = MAKERS[form](tmp_path / "set")
    plain = READERS[form](folder)
    file = next(folder.glob("papers.jsonl" if form != "search" else "corpus.jsonl"))
    file.with_name(file.name + ".xz").write_bytes(lzma.compress(file.read_bytes()))
    file.unlink()
    assert READERS[form](folder) == plain


def broken(folder: Path, file: str, content: str) -> Path:
    (folder / file).write_text(content)
    return folder


@pytest.mark.parametrize(
    ("form", "file", "content", "sentence"),
    [
        (
            "grades",
            "dev.jsonl",
            '{"query": "w0"}\n',
            "line 1 of .*dev.jsonl is not of the form of a judged set",
        ),
        ("grades", "dev.jsonl", "nonsense\n", "line 1 of .*dev.jsonl is not of the form"),
        ("grades", "dev.jsonl", "", "no judgements to measure grades with"),
        (
            "grades",
            "dev.jsonl",
            '{"query": "w0", "facet": "taste", "grades": {}}\n',
            "line 1 of .* is not of the form .*'taste' is not a valid Facet",
        ),
        (
            "grades",
            "dev.jsonl",
            '{"query": "w99", "facet": "method", "grades": {}}\n',
            "names the paper w99, which the set does not hold",
        ),
        (
            "grades",
            "papers.jsonl",
            json.dumps(PAPERS[0]) + "\n" + json.dumps(PAPERS[0]),
            "holds a paper twice",
        ),
        ("profiles", "dev.json", "[]", "dev.json is not of the form of ratings and sets"),
        ("profiles", "dev.json", "{", "dev.json is not of the form of ratings and sets"),
        ("profiles", "dev.json", '{"ratings": {}, "sets": []}', "no judgements to measure profiles with"),
        ("search", "qrels/test.tsv", "query-id\tcorpus-id\tscore\nq9\tw1\t1\n", "judges a query q9 that"),
        ("search", "qrels/test.tsv", "q1\tw99\t1\n", "names the paper w99"),
        ("search", "qrels/test.tsv", "q1 w1 1\n", "line 1 of .*test.tsv is not of the form"),
        ("search", "queries.jsonl", '["q1"]\n', "line 1 of .*queries.jsonl is not of the form"),
    ],
)
def test_what_is_not_of_the_form_is_named(
    form: str, file: str, content: str, sentence: str, tmp_path: Path
) -> None:
    folder = broken(MAKERS[form](tmp_path / "set"), file, content)
    with pytest.raises(SourceError, match=sentence):
        READERS[form](folder)


@pytest.mark.parametrize("form", MAKERS)
def test_a_folder_without_the_files(form: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no (papers|corpus)\.jsonl in .* \(plain or packed\)"):
        READERS[form](tmp_path)


def test_sets_are_found_by_their_files(tmp_path: Path) -> None:
    graded(tmp_path / "one")
    searched(tmp_path / "two")
    (tmp_path / "some.tsv").write_text("1\t2\n")
    (tmp_path / "notes.md").write_text("")
    (tmp_path / "empty").mkdir()
    assert find_sets(tmp_path) == {
        "citations": [tmp_path / "some.tsv"],
        "grades": [tmp_path / "one"],
        "profiles": [],
        "search": [tmp_path / "two"],
    }
    with pytest.raises(SourceError, match=r"there is no folder .*gone"):
        find_sets(tmp_path / "gone")


def test_the_research_sets_can_be_read(shared: Path) -> None:
    folder = shared / "judged"
    if not folder.is_dir():
        pytest.skip(f"no research data: {folder} is absent")
    found = {form: paths for form, paths in find_sets(folder).items() if form != "citations"}
    for form, paths in found.items():
        for path in paths:
            judged = READERS[form](path)
            assert len(judged.documents) > 1_000
            assert {name for one in judged.task.questions for name in one.judged} <= set(
                judged.task.names.values()
            )
    counts = {
        form: len({one.unit for path in paths for one in READERS[form](path).task.questions})
        for form, paths in found.items()
    }
    assert counts == {"grades": 24, "profiles": 29, "search": 300}
