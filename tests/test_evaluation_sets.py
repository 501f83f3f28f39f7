"""`evaluate grades`, `profiles`, `search` and `all` from files to figures, by the toy embedder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.errors import SettingsError
from indexer.progress import silent
from indexer.settings import Settings
from service.evaluation.command import Options, evaluate_set
from service.evaluation.figures import Printed
from tests.commands import failed, paperkin
from tests.judged import MAKERS, graded, searched
from tests.libraries import linked_topics
from tests.toy_embedder import ToyEmbedder

FIRST = {"grades": "MAP", "profiles": "loss", "search": "nDCG@10"}


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> ToyEmbedder:
    """The toy embedder wherever the model would be loaded."""
    embedder = ToyEmbedder()
    monkeypatch.setattr("indexer.embedding.load_embedder", lambda *_: embedder)
    return embedder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the libraries of the sets are kept: each is built once for all tests."""
    return tmp_path_factory.mktemp("work")


def measured(form: str, folder: Path, work: Path, **options: object) -> Printed:
    chosen = Options(embedder=ToyEmbedder(), work=work, **options)  # type: ignore[arg-type]  # the test names real fields
    return evaluate_set(form, MAKERS[form](folder / form), Settings(), chosen, silent)


@pytest.mark.parametrize("form", MAKERS)
def test_every_system_ranks_a_set_whose_topics_are_plain(form: str, tmp_path: Path, work: Path) -> None:
    figures = measured(form, tmp_path, work).as_json()
    assert figures["evaluation"] == form
    assert list(figures["systems"]) == ["minilm", "bm25", "hybrid", "related"]
    for system, found in figures["systems"].items():
        mean = found[FIRST[form]]["mean"]
        assert mean <= 0.2 if form == "profiles" else mean >= 0.75, system
        assert (found["subject_minus_it"] is None) == (system == "related")


def test_grades_are_told_by_facet(tmp_path: Path, work: Path) -> None:
    printed = measured("grades", tmp_path, work)
    assert [row[0] for row in printed.rows] == ["part", *["all"] * 4, *["method"] * 4, *["result"] * 4]
    assert [row[1] for row in printed.rows[:5]] == ["system", "minilm", "bm25", "hybrid", "related"]
    assert set(printed.as_json()["systems"]["related"]["parts"]) == {"method", "result"}
    assert printed.footnote.startswith("2 queries; pools out of 9 papers re-ranked; ")


def test_profiles_are_drawn_by_researcher(tmp_path: Path, work: Path) -> None:
    printed = measured("profiles", tmp_path, work, systems=("minilm",))
    assert printed.footnote.startswith("2 researchers; means over 2 sets of own papers; ")
    assert printed.as_json()["systems"]["minilm"]["hard pairs"]["mean"] in {0.0, 1.0}  # bob has the only one


def test_a_run_speaks_of_the_names_of_the_set_and_comes_back_as_scores(tmp_path: Path, work: Path) -> None:
    run = tmp_path / "run.txt"
    first = measured("grades", tmp_path, work, run=run, systems=("bm25", "minilm")).as_json()
    rows = [line.split() for line in run.read_text().splitlines()]
    assert {row[0] for row in rows} == {"w0_method", "w1_result"}
    assert {row[2] for row in rows} <= {f"w{at}" for at in range(9)}
    run.write_text(run.read_text().replace("minilm", "theirs"))
    options = Options(systems=("minilm",), scores=run, work=work, embedder=ToyEmbedder())
    again = evaluate_set("grades", tmp_path / "grades", Settings(), options, silent).as_json()
    theirs = again["systems"]["theirs"]
    assert theirs["MAP"] == first["systems"]["minilm"]["MAP"]
    assert theirs["subject_minus_it"]["MAP"] == {
        "difference": {"mean": 0.0, "low": 0.0, "high": 0.0},
        "p": 1.0,
    }


def test_scores_under_the_name_of_a_system_are_refused(tmp_path: Path, work: Path) -> None:
    run = tmp_path / "run.txt"
    run.write_text("w0_method Q0 w3 1 1 bm25\n")
    with pytest.raises(SettingsError, match=r"--scores .* is of 'bm25' too; name its system otherwise"):
        measured("grades", tmp_path, work, scores=run)


# --- the command ------------------------------------------------------------------------------------------


def test_a_set_from_the_command_line(tmp_path: Path, toy: ToyEmbedder) -> None:
    folder = graded(tmp_path / "set")
    words = ["evaluate", "grades", "--judgements", folder, "--work", tmp_path / "work"]
    ran = paperkin(*words)
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines[0].split()[:3] == ["part", "system", "MAP"]
    papers, facets = 9, len(toy.embedded) - 9
    assert facets == 8
    assert paperkin(*words, "--json").data["queries"] == 2
    assert len(toy.embedded) == papers + 2 * facets  # the library is kept, what facets compare is not


@pytest.mark.usefixtures("toy")
def test_all_sets_of_a_folder_a_table_each(tmp_path: Path) -> None:
    library = linked_topics(tmp_path).library
    sets = tmp_path / "sets"
    graded(sets / "pools")
    searched(sets / "claims")
    (sets / "cites.tsv").write_text("2312.00033\t2311.00030\n2312.00033\t2310.00027\n")
    (sets / "others.tsv").write_text("1901.00001\t1801.00001\n")
    words = ["evaluate", "all", "--judgements", sets, "--library", library, "--work", tmp_path / "work"]
    ran = paperkin(*words)
    assert ran.code == 0
    titles = [line for line in ran.lines if ": " in line and line.split(": ")[0] in {"citations", *MAKERS}]
    assert titles == ["citations: cites.tsv", "grades: pools", "search: claims"]
    assert ran.err.splitlines() == [
        "paperkin: citations: others.tsv: the library holds none of the 1 papers judged; crawl them first",
        f"paperkin: no set for profiles in {sets}",
    ]
    found = json.loads(paperkin(*words, "--json").out)
    assert list(found["sets"]) == titles
    assert len(found["missing"]) == 2


@pytest.mark.usefixtures("toy")
def test_a_library_measures_itself(tmp_path: Path) -> None:
    library = linked_topics(tmp_path).library
    sentence = failed(paperkin("evaluate", "self", "--library", library), 1)
    assert sentence.startswith("only 0 of the library's newest papers have 3 references or more in it")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["grades"], 2, "evaluate grades needs --judgements FOLDER"),
        (["all"], 2, "evaluate all needs --judgements FOLDER"),
        (["references"], 2, "evaluate references needs --folder FOLDER"),
        (["grades", "--references", "half"], 2, "--references half is for citations and self"),
        (["citations", "--references", "most"], 2, "--references most is unknown; use half"),
        (["all", "--judgements", "x", "--run", "y"], 2, "--run and --scores are for one set"),
        (["all", "--judgements", "gone"], 1, "there is no folder gone"),
        (["all", "--judgements", "."], 1, "nothing in . can be measured with: no set for citations in .; "),
        (["search", "--judgements", "gone"], 1, "there is no corpus.jsonl in gone (plain or packed)"),
        (["search", "--judgements", "x", "--scores", "gone"], 1, "the scores in gone cannot be read"),
    ],
)
def test_what_is_used_wrongly(
    words: list[str], code: int, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence in failed(paperkin("evaluate", *words), code)
