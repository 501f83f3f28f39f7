"""The command line: what each command prints, its exit codes, and one clear sentence for whatever goes wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from service.cli import app
from tests.commands import ROOT, command, failed, paperkin, process
from tests.conftest import Demo
from tests.libraries import linked_topics
from tests.packed import PACKERS, torn

COMMANDS = (
    "crawl link update sync status page related search topics graph serve gaps review evaluate demo train"
).split()
SAMPLE = Path("indexer/sample")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three topics with citations, made by a toy model: 2306.00017 is about parsing."""
    return linked_topics(tmp_path_factory.mktemp("library")).library


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No command finds a library by chance, and none leaves files in the repository."""
    monkeypatch.chdir(tmp_path)


def snapshot(path: Path, *ids: str, broken: str = "") -> str:
    """A snapshot file with a small paper for each id, `broken` as its second line; its URL."""
    lines = [
        json.dumps(
            {
                "id": one,
                "title": f"Paper {one}",
                "abstract": f"We study {one} in depth. It works.",
                "categories": "cs.DL",
                "authors_parsed": [["Curie", "Marie", ""]],
            }
        )
        for one in ids
    ]
    if broken:
        lines.insert(1, broken)
    path.write_text("\n".join(lines) + "\n")
    return f"snapshot:{path}"


def held(library: object) -> int:
    """How many papers a library holds."""
    papers: int = paperkin("status", "--json", "--library", library).data["papers"]
    return papers


# --- what there is ----------------------------------------------------------------------------------------


def test_the_commands_are_those_promised() -> None:
    assert list(get_command(app).commands) == COMMANDS  # type: ignore[attr-defined]  # a group, as we know


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    ran = paperkin(name, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: paperkin {name} ")
    for line in ran.lines:
        words = line.split()
        assert not (words and words[0].startswith("-") and len(words) < 3), f"not explained: {line}"


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_2() -> None:
    ran = paperkin()
    assert ran.code == 2
    assert all(f"  {name} " in ran.err for name in COMMANDS)
    assert "..." not in ran.err.partition("Commands:")[2], "a summary is cut off"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["status"], {"papers": 36, "citations": 63, "generation": 1, "update_due": False}),
        (["page", "2306.00017", "--format", "json"], {"id": "2306.00017"}),
        (["page", "2306.00017", "--json"], {"id": "2306.00017"}),
        (["related", "2306.00017"], {"unknown": [], "generation": 1}),
        (["search", "neutrino"], {"total": 12}),
        (["topics", "1"], {"generation": 1}),
        (["graph", "2306.00017"], {"centre": "2306.00017", "path": []}),
        (
            ["graph", "2306.00017", "--to", "2302.00005"],
            {"path": ["2306.00017", "2304.00011", "2302.00005"]},
        ),
    ],
)
def test_json_is_one_document_on_one_line(library: str, words: list[str], expected: dict[str, Any]) -> None:
    ran = paperkin(*words, "--library", library, "--json")
    assert (ran.code, ran.err, len(ran.lines)) == (0, "", 1)
    assert expected.items() <= ran.data.items()


def test_the_tree_of_topics_as_json(library: str) -> None:
    topics = paperkin("topics", "--library", library, "--json").data
    assert sum(topic["size"] for topic in topics if not topic["parent"]) == 36


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["status"], "36 papers indexed"),
        (["page", "2306.00017"], "- URL: http://arxiv.org/abs/2306.00017v1\n"),
        (["page", "https://arxiv.org/abs/2306.00017v1", "--format", "html"], "<!doctype html>"),
        (
            ["related", "2306.00017", "-k", "1"],
            "2307.00020  Parsing study number 20\n      Its text is very close (cosine 1.00); shares the terms",
        ),
        (["search", "neutrino", "-k", "1"], "Neutrino study number"),
        (["search", '"solar flux"'], "Neutrino study number 1\n"),
        (["topics"], "topic  papers  label"),
        (["topics", "1", "-k", "1"], "(12 papers)\n"),
        (["graph", "2306.00017"], "2306.00017  Parsing study number 17  (cites 2, cited by 2 of these)\n"),
        (["graph", "2306.00017", "--to", "2302.00005"], "\n  cites 2304.00011  Parsing study number 11\n"),
        (["graph", "2302.00005", "--to", "2304.00011"], "\n  is cited by 2304.00011  "),
    ],
)
def test_without_json_it_reads_as_text(library: str, words: list[str], shown: str) -> None:
    ran = paperkin(*words, "--library", library)
    assert (ran.code, ran.err) == (0, "")
    assert shown in ran.out
    assert "\x1b" not in ran.out


def test_the_library_is_named_by_option_or_else_by_environment(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = library.removeprefix("sqlite:///")
    monkeypatch.setenv("PAPERKIN_LIBRARY", path)
    assert paperkin("status").code == 0
    assert "other.db" in failed(paperkin("status", "--library", "other.db"), 1)
    monkeypatch.setenv("PAPERKIN_LIBRARY", "other.db")
    assert paperkin("status", "--library", path).code == 0
    monkeypatch.delenv("PAPERKIN_LIBRARY")
    assert failed(paperkin("status"), 1).startswith("no library at paperkin.db; 'paperkin crawl SOURCE'")


# --- building ---------------------------------------------------------------------------------------------


def test_from_files_to_answers_with_the_true_model(tmp_path: Path) -> None:
    papers = tmp_path / "some.jsonl"
    lines = (Path(__file__).parents[1] / SAMPLE / "papers.jsonl").read_text().splitlines()
    papers.write_text("\n".join(lines[:12]))
    ids = [json.loads(line)["id"] for line in lines[:12]]
    (tmp_path / "links.tsv").write_text(f"{ids[3]}\t{ids[0]}\n{ids[4]}\t{ids[0]}\n")
    crawled = paperkin("crawl", f"snapshot:{papers}", "--json").data
    assert (crawled["read"], crawled["new"], crawled["rejected"]) == (12, 12, 0)
    linked = paperkin("link", "citations:links.tsv", "--json").data
    assert (linked["read"], linked["new"]) == (2, 2)
    assert "update      due" in paperkin("status").out
    updated = paperkin("update", "--json").data
    assert (updated["published"], updated["embedded"], updated["citations"]) == (True, 12, 2)
    assert "12 papers indexed" in paperkin("status").out
    found = paperkin("related", "--text", "black holes and holography", "-k", 2, "--json").data
    assert len(found["results"]) == 2
    again = paperkin("update")
    assert again.out.startswith("nothing new: generation 1 is up to date")
    rebuilt = paperkin("update", "--rebuild")
    assert rebuilt.out.startswith("generation 2: 0 papers embedded, 12 papers, 2 citations")


def test_an_update_with_nothing_new_says_so_in_under_two_seconds(demo: Demo) -> None:
    started = time.monotonic()
    updated = paperkin("update", "--library", demo.settings.library, "--json").data
    assert time.monotonic() - started < 2
    assert (updated["published"], updated["embedded"], updated["papers"]) == (False, 0, 277)


def test_the_same_source_again_brings_nothing(tmp_path: Path) -> None:
    source = snapshot(tmp_path / "a.jsonl", "2301.00001", "2301.00002")
    assert paperkin("crawl", source).out.startswith(f"crawled {source}: 2 papers (2 new) in ")
    assert paperkin("crawl", source).out.startswith(f"crawled {source}: 0 papers (nothing new) in ")
    other = snapshot(tmp_path / "b.jsonl", "2301.00001", "2301.00002", "2301.00003")
    assert "3 papers (1 new, 2 unchanged)" in paperkin("crawl", other).out


def test_a_broken_line_is_reported_with_its_number_and_the_rest_is_loaded(tmp_path: Path) -> None:
    source = snapshot(tmp_path / "a.jsonl", "2301.00001", "2301.00002", broken='{"id": "2301.0')
    ran = paperkin("crawl", source)
    assert ran.code == 0
    assert "2 papers (2 new, 1 quarantined)" in ran.out
    assert ran.err.startswith("paperkin: left out line 2: not JSON")
    assert held("paperkin.db") == 2
    told = paperkin("crawl", source, "--library", "other.db", "--json")
    assert told.err == ""
    assert (told.data["rejected"], told.data["rejected_records"][0]["where"]) == (1, "line 2")


def test_a_truncated_archive_says_where_and_keeps_what_came_before(tmp_path: Path) -> None:
    snapshot(tmp_path / "a.jsonl", *(f"2301.{number:05}" for number in range(1, 2001)))
    packed = torn(PACKERS["gzip"]((tmp_path / "a.jsonl").read_bytes()))
    (tmp_path / "a.jsonl.gz").write_bytes(packed)
    sentence = failed(paperkin("crawl", "snapshot:a.jsonl.gz"), 1)
    lines = int(sentence.partition("breaks off at line ")[2].partition(":")[0]) - 1
    assert 1000 < lines < 2000
    assert held("paperkin.db") == lines


# --- related ----------------------------------------------------------------------------------------------


def related_ids(*words: object) -> list[str]:
    return [one["id"] for one in paperkin("related", *words, "--json").data["results"]]


def test_liked_and_disliked_papers(library: str) -> None:
    parsing, neutrino = "2306.00017", "2306.00016"
    both = related_ids(parsing, neutrino, "-k", 12, "--library", library)
    less = related_ids(parsing, neutrino, "--not", "2305.00013", "-k", 12, "--library", library)

    def of_parsing(ids: list[str]) -> int:
        return sum(int(one.partition(".")[2]) % 3 == 2 for one in ids)

    assert 3 <= of_parsing(both) <= 9
    assert of_parsing(less) > of_parsing(both)
    assert not {parsing, neutrino, "2305.00013"} & set(less)


@pytest.mark.parametrize(
    ("words", "signals"),
    [
        (["--mode", "coupling"], {"shared references"}),
        (["--mode", "co-citation"], {"cited together"}),
        (["--mode", "references"], {"cites", "cited by"}),
        (["--mode", "text"], {"text"}),
    ],
)
def test_a_mode_goes_by_its_own_evidence(library: str, words: list[str], signals: set[str]) -> None:
    results = paperkin("related", "2306.00017", *words, "--library", library, "--json").data["results"]
    assert results
    assert {reason["signal"] for one in results for reason in one["reasons"]} <= signals


def test_the_order_shown_and_what_is_left_out(library: str) -> None:
    def shown(*words: object) -> list[Any]:
        results: list[Any] = paperkin("related", "2306.00017", *words, "--library", library, "--json").data[
            "results"
        ]
        return results

    dates = [one["submitted"] for one in shown("--sort", "date")]
    assert dates == sorted(dates, reverse=True)
    assert all(one["similarity"] >= 0.5 for one in shown("--least", 0.5))
    within = shown(
        "--category", "hep-ex", "--category", "cs.CV", "--since", "2023-03-01", "--until", "2023-08-31"
    )
    assert {category for one in within for category in one["categories"]} == {"hep-ex", "cs.CV"}
    assert all("2023-03" <= one["submitted"] < "2023-09" for one in within)
    assert {one["license"] for one in shown("--license", "urn:none")} == set()
    topic = paperkin("topics", "--library", library, "--json").data[0]["id"]
    members = paperkin("topics", topic, "-k", 100, "--library", library, "--json").data["papers"]
    assert {one["id"] for one in shown("--topic", topic)} <= {one["id"] for one in members}
    assert shown("--diversity", 1)[1:] != shown()[1:]


def test_papers_of_a_file_are_ranked_and_no_others(library: str, tmp_path: Path) -> None:
    (tmp_path / "among.txt").write_text("2301.00001\n2304.00011\n2307.00020\n2304.00011\n")
    ids = related_ids("2306.00017", "--among", "among.txt", "--library", library)
    assert sorted(ids) == ["2301.00001", "2304.00011", "2307.00020"]
    assert ids[-1] == "2301.00001"  # about neutrinos


def test_nothing_related_is_said(library: str) -> None:
    ran = paperkin("related", "2306.00017", "--license", "urn:none", "--library", library)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "paperkin: nothing related was found; ask for less: another --mode, a smaller --least, fewer filters\n"
    )


def test_a_facet_compares_sentences(demo: Demo) -> None:
    words = ["related", "1706.03762", "-k", 5, "--library", demo.settings.library, "--json"]
    by_method = paperkin(*words, "--facet", "method").data["results"]
    assert "same facet" in {reason["signal"] for one in by_method for reason in one["reasons"]}
    assert by_method != paperkin(*words).data["results"]


def test_unknown_papers_beside_known_ones_are_told(library: str) -> None:
    ran = paperkin("related", "2306.00017", "2306.99999", "--not", "nonsense", "--library", library)
    assert ran.code == 0
    assert ran.err == (
        "paperkin: 2306.99999 is not in this library\npaperkin: nonsense is not in this library\n"
    )


def test_related_to_a_text(demo: Demo) -> None:
    ran = paperkin("related", "--text", "entropy of black holes", "-k", 3, "--library", demo.settings.library)
    assert (ran.code, ran.err) == (0, "")
    assert "Bekenstein-Hawking" in ran.out
    assert len([line for line in ran.lines if not line.startswith(" ")]) == 3


def test_ids_from_a_file_are_answered_one_by_one(library: str, tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("2306.00017\n\nhttps://arxiv.org/abs/2305.00014v1\n2306.99999\n2301.00001\n")
    words = ["related", "--ids-from", file, "-k", 4, "--not-newer", "--library", library]
    ran = paperkin(*words, "--json")
    answers = [json.loads(line) for line in ran.lines]
    assert ran.code == 0
    assert [one["id"] for one in answers] == ["2306.00017", "2305.00014", "2306.99999", "2301.00001"]
    assert [len(one["related"]) for one in answers] == [4, 4, 0, 2]  # two others are of the first month
    for answer in answers:
        assert set(answer) == {"id", "related"}
        for one in answer["related"]:
            assert set(one) == {"id", "similarity", "reasons"}
            assert one["id"][:4] <= answer["id"][:4]
            assert 0 <= one["similarity"] <= 1
            assert one["reasons"]
    assert ran.err.startswith("paperkin: arXiv:2306.99999 is not in this library; nearest known: 2306.000")
    assert ran.err.count("\n") == 1
    text = paperkin(*words)
    assert [line for line in text.lines if not line.startswith(" ")] == [
        "2306.00017  Parsing study number 17",
        "2305.00014  Parsing study number 14",
        "2301.00001  Neutrino study number 1",
    ]


def test_ids_of_which_none_is_known_are_a_failure(library: str, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("2306.99999\nnonsense\n")
    ran = paperkin("related", "--ids-from", "ids.txt", "--library", library)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[-1] == "paperkin: the library holds none of the 2 ids in ids.txt"


# --- what goes wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "no such command 'nonsense' (see `paperkin --help`)"),
        (["crawl"], "missing argument 'SOURCE' (see `paperkin crawl --help`)"),
        (["related", "2306.00017", "-k", "0"], "invalid value for '-k'"),
        (["related", "2306.00017", "--no-such"], "no such option: --no-such (see `paperkin related --help`)"),
        (["serve", "--port", "70000"], "invalid value for '--port'"),
        (
            ["crawl", "oracle:x"],
            "'oracle:x' names no source of papers; known are oai-pmh:[SET], arxiv:QUERY, rss:CATEGORIES, snapshot:PATH",
        ),
        (
            ["link", "snapshot:x"],
            "'snapshot:x' names no source of citations; known are semantic-scholar:, openalex:, references:PATH,",
        ),
        (["status", "--library", "mysql://x"], "unknown kind of library 'mysql'"),
        (["page", "2306.00017", "--format", "pdf"], "--format pdf is unknown; use text, html, json"),
        (["page", "2306.0001"], "'2306.0001' is not an arXiv identifier"),
        (["related"], "nothing to be related to: give at least one paper that you like, or a text"),
        (["related", "2306.00017", "--ids-from", "x"], "give the papers either together or with --ids-from"),
        (["related", "a\nb"], "'a\\nb' is not an arXiv identifier"),
        (
            ["related", "2306.00017", "--mode", "taste"],
            "--mode taste is unknown; use fused, text, words, coupling, co-citation or references",
        ),
        (
            ["related", "2306.00017", "--facet", "title"],
            "--facet title is unknown; use background, method or result",
        ),
        (
            ["related", "2306.00017", "--sort", "oldest"],
            "--sort oldest is unknown; use score, date or influence",
        ),
        (["related", "2306.00017", "--least", "2"], "invalid value for '--least'"),
        (["related", "2306.00017", "--diversity", "-1"], "invalid value for '--diversity'"),
        (["related", "2306.00017", "--since", "soon"], "invalid value for '--since'"),
        (
            ["related", "2306.00017", "--since", "2023-02-01", "--until", "2023-01-01"],
            "--since 2023-02-01 is after --until 2023-01-01; give them the other way round",
        ),
        (
            ["related", "2306.00017", "--among", os.devnull],
            f"there is no id in {os.devnull}; write one a line",
        ),
        (["gaps", "2306.00017", "--sort", "taste"], "--sort taste is unknown; use count or telling"),
        (["evaluate", "taste"], "there is no evaluation 'taste'; use citations, grades, profiles, search,"),
        (["evaluate", "citations"], "evaluate citations needs --judgements FILE"),
    ],
)
def test_what_is_used_wrongly_is_one_sentence_and_exit_code_2(
    library: str, words: list[str], sentence: str
) -> None:
    chosen = words if "--library" in words or words[0] == "nonsense" else [*words, "--library", library]
    assert sentence in failed(paperkin(*chosen), 2)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["crawl", "snapshot:gone.gz"], "gone.gz does not exist"),
        (["link", "citations:gone.tsv"], "gone.tsv does not exist"),
        (["page", "2306.99999"], "arXiv:2306.99999 is not in this library; nearest known: 2306.00015, "),
        (["related", "2306.99999"], "arXiv:2306.99999 is not in this library; nearest known: 2306.00015, "),
        (["graph", "2306.99999"], "arXiv:2306.99999 is not in this library; nearest known"),
        (["graph", "2306.00017", "--to", "2306.99999"], "arXiv:2306.99999 is not in this library; nearest"),
        (["topics", "99"], "there is no topic '99'; `paperkin topics` lists them"),
        (["related", "--ids-from", "gone.txt"], "gone.txt cannot be read (No such file or directory)"),
        (
            ["related", "2306.00017", "--among", "gone.txt"],
            "gone.txt cannot be read (No such file or directory)",
        ),
        (["related", "2306.00017", "--topic", "99"], "there is no topic '99'; `paperkin topics` lists them"),
        (["evaluate", "citations", "--judgements", "gone.tsv"], "gone.tsv cannot be read (No such file"),
        (["update"], "this library was made with toy@0/test/fp32, not with paperkin-minilm@"),
        (
            ["related", "--text", "x"],
            "this library was made with toy@0/test/fp32, not with paperkin-minilm@",
        ),
    ],
)
def test_what_fails_is_one_sentence_and_exit_code_1(library: str, words: list[str], sentence: str) -> None:
    assert sentence in failed(paperkin(*words, "--library", library), 1)


def test_a_misspelt_id_gets_the_nearest_ones(library: str) -> None:
    sentence = failed(paperkin("related", "2306.0001", "--library", library), 2)
    assert sentence.endswith("; did you mean 2306.00015, 2306.00016, 2306.00017?")


@pytest.mark.parametrize(
    "words", [["update"], ["related", "2306.00017"], ["topics"], ["serve", "--port", "0"]]
)
def test_where_there_is_no_library_yet(words: list[str], tmp_path: Path) -> None:
    assert failed(paperkin(*words), 1) == "no library at paperkin.db; 'paperkin crawl SOURCE' makes one"
    assert not list(tmp_path.iterdir())


def test_what_is_not_indexed_yet_says_so(tmp_path: Path) -> None:
    paperkin("crawl", snapshot(tmp_path / "a.jsonl", "2301.00001"))
    for words in (["related", "2301.00001"], ["search", "study"], ["page", "2301.00001"]):
        assert failed(paperkin(*words), 1).endswith("holds no derived files yet; run `paperkin update`")


@pytest.mark.parametrize("words", [["status"], ["update"], ["related", "2306.00017"], ["crawl", "SOURCE"]])
def test_files_that_are_no_library_of_ours_are_refused_and_left_alone(
    words: list[str], tmp_path: Path
) -> None:
    source = snapshot(tmp_path / "a.jsonl", "2301.00001")
    words = [source if word == "SOURCE" else word for word in words]
    (tmp_path / "text.db").write_text("a text, and no database at all\n" * 40)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE music (title TEXT)")
    other.close()
    for name, sentence in (
        ("text.db", "text.db is no paperkin library (not an SQLite file)"),
        ("other.db", "other.db is no paperkin library but another program's database"),
    ):
        before = (tmp_path / name).read_bytes()
        assert sentence in failed(paperkin(*words, "--library", name), 1)
        assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("words", [["status"], ["update"], ["crawl", "SOURCE"]])
def test_a_library_of_a_newer_schema_is_refused_and_left_alone(words: list[str], tmp_path: Path) -> None:
    source = snapshot(tmp_path / "a.jsonl", "2301.00001")
    paperkin("crawl", source)
    with sqlite3.connect("paperkin.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    words = [source if word == "SOURCE" else word for word in words]
    sentence = failed(paperkin(*words), 1)
    assert "has schema 99, newer than" in sentence
    assert "install a newer paperkin" in sentence


@pytest.mark.parametrize("words", [["update"], ["related", "--text", "x"]])
def test_a_model_folder_that_is_none(
    library: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAPERKIN_MODEL", str(tmp_path))
    sentence = failed(paperkin(*words, "--library", library), 1)
    assert sentence == f"{tmp_path} is no model folder: it has neither modules.json nor config.json"


def test_a_port_in_use(library: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = failed(paperkin("serve", "--port", port, "--library", library), 1)
    assert sentence == (
        f"cannot listen on 127.0.0.1 port {port} (Address already in use); choose another with --port"
    )


# --- as a process -----------------------------------------------------------------------------------------


def test_an_interruption_is_one_line_and_exit_code_130(tmp_path: Path) -> None:
    with process("crawl", "snapshot:-", "--library", tmp_path / "a.db") as crawling:
        deadline = time.monotonic() + 60
        while not (tmp_path / "a.db").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)  # from the library to the first read
        crawling.send_signal(signal.SIGINT)
        out, err = crawling.communicate(timeout=60)
    assert crawling.returncode == 130, err
    assert out == ""
    assert err == "paperkin: interrupted; what was done is kept, the same command goes on from here\n"


@pytest.mark.parametrize("words", [["related", "2306.00017", "-k", "30", "--json"], ["topics"]])
def test_a_reader_that_has_gone_is_no_failure(library: str, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with process(*words, "--library", library, stdout=writing) as talking:
        os.close(writing)
        _, err = talking.communicate(timeout=60)
    assert (talking.returncode, err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_output_that_cannot_be_written_is_a_failure(library: str) -> None:
    with (
        Path("/dev/full").open("w") as full,
        process("topics", "--library", library, stdout=full) as talking,
    ):
        _, err = talking.communicate(timeout=60)
    assert talking.returncode == 1
    assert err.startswith("paperkin: cannot write (No space left on device)")
    assert err.count("\n") == 1


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    source = snapshot(tmp_path / "a.jsonl", *(f"2301.{number:05}" for number in range(1, 2001)))
    words = command("crawl", source, "--library", tmp_path / "a.db")
    limited = ["sh", "-c", 'ulimit -f 256; exec "$@"', "sh", *words]  # blocks of 512 bytes
    crawling = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # our own
    assert (crawling.returncode, crawling.stdout) == (1, "")
    assert "disk" in crawling.stderr
    assert crawling.stderr.count("\n") == 1


def test_without_a_terminal_nothing_but_the_result_is_printed(tmp_path: Path) -> None:
    source = snapshot(tmp_path / "a.jsonl", "2301.00001")
    with process("crawl", source, "--library", tmp_path / "a.db") as crawling:
        out, err = crawling.communicate(timeout=60)
    assert (crawling.returncode, err) == (0, "")
    assert out.count("\n") == 1


def test_answers_by_id_load_neither_model_nor_clustering(library: str) -> None:
    program = (
        "import sys; from service.cli import main; main(); "
        "print([name for name in ('torch', 'sentence_transformers', 'sklearn') if name in sys.modules])"
    )
    words = ["related", "2306.00017", "-k", "1", "--library", library]
    ran = subprocess.run(  # noqa: S603  # our own
        [sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "[]"
