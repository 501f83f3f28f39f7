"""The operator's commands against services as they are: crawl, link, sync, status, from end to end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexer.papers import PaperId
from indexer.store.sqlite import open_reader, open_store
from tests.builders import NOW, a_paper
from tests.commands import failed, paperkin
from tests.fake_arxiv import API, RSS, FakeArxiv, a_feed, submitted
from tests.fake_oai import FakeOai
from tests.fake_openalex import FakeOpenAlex, a_work
from tests.fake_semantic_scholar import FakeSemanticScholar, Paper, an_entry
from tests.fake_upstream import Answer, Upstream
from tests.oai_library import fill


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library and a state of the test's own; no service but those that it starts."""
    nobody = "http://127.0.0.1:9"
    for name in ("OAI_PMH", "ARXIV_API", "RSS", "SEMANTIC_SCHOLAR", "OPENALEX"):
        monkeypatch.setenv(f"PAPERKIN_{name}", nobody)
    monkeypatch.setenv("PAPERKIN_ARXIV_INTERVAL", "0")
    monkeypatch.setenv("PAPERKIN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PAPERKIN_LIBRARY", str(tmp_path / "library.db"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def oai(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOai]:
    fake = FakeOai(page=3)
    fill(fake, *["08-01", "08-02", "08-03", "08-04", "08-05", "08-06", "08-07"])
    with fake.serving():
        monkeypatch.setenv("PAPERKIN_OAI_PMH", fake.url)
        yield fake


def held() -> list[str]:
    with closing(open_reader(Path("library.db"))) as reader:
        return [str(paper.id) for _, paper in reader.all_papers()]


# --- oai-pmh ----------------------------------------------------------------------------------------------


def test_a_mirror_is_made_compared_and_then_only_what_is_new_comes(oai: FakeOai) -> None:
    first = paperkin("crawl", "oai-pmh:", "--json").data
    assert (first["new"], first["compared"]["listed"], first["compared"]["outdated"]) == (7, 7, 0)
    oai.requests.clear()
    again = paperkin("crawl", "oai-pmh:", "--json").data
    assert (again["new"], again["unchanged"], "compared" in again) == (0, 2, False)
    assert [one["from"] for one in oai.requests] == ["2026-08-06"]


def test_a_mirror_of_some_days_lacks_nothing_of_the_days_before(oai: FakeOai) -> None:
    ran = paperkin("crawl", "oai-pmh:", "--since", "2026-08-05")
    assert (ran.code, ran.err) == (0, "")
    assert held() == ["2401.00005", "2401.00006", "2401.00007"]
    ran = paperkin("crawl", "oai-pmh:", "--reconcile", "--json")
    assert ran.data["compared"]["outdated"] == 0
    assert len(held()) == 3
    assert oai.requests


@pytest.mark.usefixtures("oai")
def test_a_window_of_days() -> None:
    paperkin("crawl", "oai-pmh:", "--since", "2026-08-02", "--until", "2026-08-03")
    assert held() == ["2401.00002", "2401.00003"]
    assert "--since 2026-08-03 is after --until 2026-08-02" in failed(
        paperkin("crawl", "oai-pmh:", "--since", "2026-08-03", "--until", "2026-08-02"), 2
    )


def test_a_dry_run_makes_no_library(oai: FakeOai) -> None:
    ran = paperkin("crawl", "oai-pmh:", "--dry-run")
    assert ran.out.startswith("would have crawled oai-pmh: 7 papers (7 new) in ")
    assert not list(Path().glob("library.db*"))
    paperkin("crawl", "oai-pmh:", "--since", "2026-08-06")
    ran = paperkin("crawl", "oai-pmh:", "--since", "2026-08-01", "--dry-run", "--json")
    assert (ran.data["new"], ran.data["unchanged"], ran.data["dry_run"]) == (5, 2, True)
    assert len(held()) == 2
    assert oai.requests


def test_what_vanished_is_told_and_too_much_of_it_is_not_believed(oai: FakeOai) -> None:
    fill(oai, *[f"07-{day:02}" for day in range(1, 21)])
    paperkin("crawl", "oai-pmh:")
    oai.drop("2401.00003")
    ran = paperkin("crawl", "oai-pmh:", "--reconcile")
    assert "1 not listed (1 vanished)" in ran.lines[1]
    assert "(0 withdrawn, 1 vanished)" in paperkin("status").out
    for number in range(4, 17):
        oai.drop(f"2401.{number:05}")
    told = failed(paperkin("crawl", "oai-pmh:", "--reconcile"), 1)
    assert "too many to be believed" in told
    assert "13 papers" in told
    ran = paperkin("crawl", "oai-pmh:", "--reconcile", "--accept-vanished", "--json")
    assert len(ran.data["compared"]["fetched"]["vanished"]) == 13


def test_only_the_whole_can_be_compared() -> None:
    for words in (
        ("crawl", "rss:cs.CL", "--reconcile"),
        ("crawl", "oai-pmh:", "--reconcile", "--dry-run"),
        ("crawl", "oai-pmh:", "--accept-vanished", "--until", "2026-01-01"),
    ):
        assert "--reconcile compares with the whole" in failed(paperkin(*words), 2)


def test_arxiv_says_no_and_nothing_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with Upstream(Answer(403, b"Access denied")) as server:
        monkeypatch.setenv("PAPERKIN_OAI_PMH", f"{server.url}/oai")
        monkeypatch.setenv("PAPERKIN_RSS", f"{server.url}/rss")
        assert "403" in failed(paperkin("crawl", "oai-pmh:"), 1)
        assert "403" in failed(paperkin("crawl", "rss:cs.CL"), 1)
        assert len(server.asked) == 1


# --- arxiv and rss ----------------------------------------------------------------------------------------


def test_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeArxiv([submitted(number) for number in range(1, 8)])
    with Upstream(fake) as server:
        monkeypatch.setenv("PAPERKIN_ARXIV_API", f"{server.url}{API}")
        ran = paperkin("crawl", "arxiv:cat:cs.DL", "--json")
    assert (ran.code, ran.data["new"]) == (0, 7)


def test_what_was_announced_is_kept_and_measured_against_the_harvest(
    oai: FakeOai, monkeypatch: pytest.MonkeyPatch
) -> None:
    paperkin("crawl", "oai-pmh:")
    today = datetime.now(UTC).date()
    new = [a_paper(number) for number in (7, 8)]
    feeds = {"cs.DL": a_feed("cs.DL", today, [(paper, "new") for paper in new])}
    with Upstream(FakeArxiv(feeds=feeds, now=datetime.now(UTC))) as server:
        monkeypatch.setenv("PAPERKIN_RSS", f"{server.url}{RSS}")
        ran = paperkin("crawl", "rss:cs.DL", "--json")
    assert (ran.code, ran.data["announced"]) == (0, 2)
    assert any("2 have not been harvested" in remark for remark in ran.data["remarks"])
    assert "2401.00008" in held()
    assert oai.requests


def test_a_feed_cannot_be_narrowed() -> None:
    told = failed(paperkin("crawl", "rss:cs.CL", "--since", "2026-01-01"), 2)
    assert told == ("rss:cs.CL cannot be narrowed by --since and --until: a feed has what was announced last")


# --- citations --------------------------------------------------------------------------------------------


@pytest.fixture
def five_papers() -> None:
    with closing(open_store(Path("library.db"))) as store, store.transaction():
        store.put_papers([a_paper(number) for number in range(1, 6)], "test:", NOW)


@pytest.mark.usefixtures("five_papers")
def test_two_services_give_one_graph_with_its_provenance(monkeypatch: pytest.MonkeyPatch) -> None:
    scholar = FakeSemanticScholar(
        {
            "2401.00005": Paper([an_entry(arxiv="2401.00001"), an_entry(doi="10.1/none")]),
            "2401.00004": Paper([an_entry(arxiv="2401.00002")]),
        }
    )
    works = [a_work(1, "2401.00001"), a_work(2, "2401.00002"), a_work(5, "2401.00005", references=(1, 2))]
    with scholar.serving() as one, FakeOpenAlex(works).serving() as two:
        monkeypatch.setenv("PAPERKIN_SEMANTIC_SCHOLAR", f"{one.url}/graph/v1")
        monkeypatch.setenv("PAPERKIN_OPENALEX", two.url)
        monkeypatch.setenv("PAPERKIN_OPENALEX_KEY", "secret")
        first = paperkin("link", "semantic-scholar:", "--json")
        second = paperkin("link", "openalex:", "--json")
        again = paperkin("link", "semantic-scholar:", "--json")
    assert (first.code, first.data["new"], first.data["answered"], first.data["unknown"]) == (0, 2, 2, 3)
    assert (second.code, second.data["read"], second.data["new"]) == (0, 2, 1)
    assert (again.data["read"], again.data["answered"], again.data["unknown"]) == (0, 0, 0)
    with closing(open_reader(Path("library.db"))) as reader:
        seen = reader.provenance(PaperId("2401.00005"), PaperId("2401.00001"))
    assert {one.source for one in seen} == {"semantic-scholar:", "openalex:"}
    shown = paperkin("status").out
    assert "40% of the papers have references" in shown
    assert "references  by source: 40% semantic-scholar:, 20% openalex:" in shown
    assert paperkin("status", "--by-month").lines[-1].split() == ["2024-01", "5", "40%", "40%", "20%"]
    assert "secret" not in first.out + first.err + second.out + second.err


@pytest.mark.usefixtures("five_papers")
def test_references_of_a_new_paper_from_its_source(tmp_path: Path) -> None:
    (tmp_path / "2401.00005.bib").write_text(
        "@article{a, title={On the Kinship of Papers, Part 1}, author={Curie, Marie and Noether, Emmy}, year=2024}\n"
        "@article{b, title={Other}, journal={arXiv preprint arXiv:2401.00002}}\n"
    )
    ran = paperkin("link", f"references:{tmp_path / '2401.00005.bib'}", "--json")
    assert (ran.code, ran.data["new"], ran.data["answered"]) == (0, 2, 1)


def test_records_that_could_not_be_read_are_shown_with_the_reason() -> None:
    good = json.dumps({"id": "2401.00001", "title": "A", "abstract": "We study it."})
    Path("papers.jsonl").write_text(good + '\n{"title": "B"}\n')
    paperkin("crawl", "snapshot:papers.jsonl")
    assert "1 records quarantined" in paperkin("status").out
    assert paperkin("status", "--quarantine").lines[-1] == "snapshot:papers.jsonl  line 2: no id"
    (record,) = paperkin("status", "--quarantine", "--json").data["quarantine"]
    assert record["record"] == '{"title": "B"}'


def test_a_source_that_is_none_makes_no_library() -> None:
    for words in (
        ("crawl", "gopher:x"),
        ("link", "gopher:x"),
        ("link", "citations:missing.tsv"),
        ("link", "references:missing"),
        ("sync", "gopher:x"),
        ("sync",),
    ):
        ran = paperkin(*words)
        assert ran.code in {1, 2}, ran
        assert ran.err.count("\n") == 1, ran
        assert not list(Path().glob("library.db*")), words


# --- sync -------------------------------------------------------------------------------------------------


def test_the_nightly_work_in_one_command(oai: FakeOai, monkeypatch: pytest.MonkeyPatch) -> None:
    scholar = FakeSemanticScholar({"2401.00007": Paper([an_entry(arxiv="2401.00001")])})
    with scholar.serving() as server:
        monkeypatch.setenv("PAPERKIN_SEMANTIC_SCHOLAR", f"{server.url}/graph/v1")
        first = paperkin("sync", "oai-pmh:", "semantic-scholar:", "--json")
        assert (first.code, first.err) == (0, "")
        assert first.data["crawled"][0]["new"] == 7
        assert first.data["linked"][0]["new"] == 1
        assert first.data["updated"]["published"]
        again = paperkin("sync", "--quiet")
        assert again == (0, "", "")
        told = paperkin("sync", "--json").data
        assert [one["source"] for one in (*told["crawled"], *told["linked"])] == [
            "oai-pmh:",
            "semantic-scholar:",
        ]
        assert not told["updated"]["published"]
    assert oai.requests


def test_a_service_that_is_down_stops_no_other(oai: FakeOai) -> None:
    Path("pairs.tsv").write_text("2401.00007\t2401.00001\n")
    ran = paperkin("sync", "oai-pmh:", "citations:pairs.tsv", "arxiv:not an id, 2401.00001", "--quiet")
    assert ran.code != 0
    assert oai.url


def test_files_alone_are_nothing_to_sync_with() -> None:
    line = json.dumps({"id": "2401.00001", "title": "A", "abstract": "We study it."})
    Path("papers.jsonl").write_text(line + "\n")
    paperkin("crawl", "snapshot:papers.jsonl")
    assert "name what to sync with" in failed(paperkin("sync"), 2)
