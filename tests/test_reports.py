"""Reports: what the operator's commands say when they are done, loud and quiet."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from indexer.crawling import CrawlSummary
from indexer.linking import LinkSummary
from indexer.papers import ChangeKind, Rejected
from indexer.reconciling import ReconcileSummary
from indexer.syncing import Failure, SyncSummary
from indexer.updating import UpdateSummary
from service import reports
from service.console import Stopwatch
from tests.builders import an_id

UPDATED = UpdateSummary(embedded=5, papers=1005, topics=9, citations=70, generation=3, published=True)


def crawled() -> CrawlSummary:
    return CrawlSummary(
        "oai-pmh:cs",
        changes=Counter({ChangeKind.NEW: 1200, ChangeKind.METADATA: 3}),
        withdrawn=2,
        vanished=[an_id(7)],
        rejected=[Rejected("oai:arXiv.org:2401.00009", "the licence breaks off")],
        rejected_count=1,
        remarks=["17 characters that XML forbids were left out"],
    )


def test_a_crawl_tells_what_became_of_the_papers(capsys: pytest.CaptureFixture[str]) -> None:
    reports.report_crawl(crawled(), None, Stopwatch(), as_json=False)
    out, err = capsys.readouterr()
    assert out.startswith(
        "crawled oai-pmh:cs: 1,203 papers (1,200 new, 3 changed but for the text, 2 withdrawn, 1 vanished,"
        " 1 quarantined) in 0."
    )
    assert err.splitlines() == [
        "paperkin: 17 characters that XML forbids were left out",
        "paperkin: left out oai:arXiv.org:2401.00009: the licence breaks off",
    ]


def test_quiet_says_problems_only(capsys: pytest.CaptureFixture[str]) -> None:
    reports.report_crawl(crawled(), None, Stopwatch(), as_json=False, quiet=True)
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 2)
    reports.report_update(UPDATED, Stopwatch(), as_json=False, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_dry_run_says_would_have(capsys: pytest.CaptureFixture[str]) -> None:
    reports.report_crawl(CrawlSummary("snapshot:x", dry=True), None, Stopwatch(), as_json=False)
    assert capsys.readouterr().out.startswith("would have crawled snapshot:x: 0 papers (nothing new) in ")


def test_a_comparison_is_told_beside_the_crawl(capsys: pytest.CaptureFixture[str]) -> None:
    fetched = CrawlSummary("oai-pmh:", changes=Counter({ChangeKind.NEW: 4}), vanished=[an_id(1)])
    compared = ReconcileSummary(listed=3_000, outdated=4, unlisted=2, crawled=fetched)
    reports.report_crawl(CrawlSummary("oai-pmh:"), compared, Stopwatch(), as_json=False)
    assert capsys.readouterr().out.splitlines()[1] == (
        "compared with the list of oai-pmh: 3,000 papers listed, 4 missing or older here (4 fetched), "
        "2 not listed (1 vanished)"
    )


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    reports.report_crawl(crawled(), None, Stopwatch(), as_json=True)
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert err == ""
    assert (told["new"], told["withdrawn"], told["vanished"], told["rejected"]) == (
        1200,
        2,
        ["2401.00007"],
        1,
    )
    assert told["rejected_records"] == [
        {"where": "oai:arXiv.org:2401.00009", "reason": "the licence breaks off"}
    ]
    assert told["remarks"] == ["17 characters that XML forbids were left out"]


def test_many_records_left_out_are_counted_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    rejected = [Rejected(f"line {number}", "no id") for number in range(1, 101)]
    summary = LinkSummary("citations:x", read=7, new=2, gone=1, rejected=rejected, rejected_count=1500)
    reports.report_link(summary, Stopwatch(), as_json=False)
    out, err = capsys.readouterr()
    assert out.startswith("linked citations:x: 7 citations, 2 new, 1 gone, 1,500 quarantined, in 0.")
    lines = err.splitlines()
    assert lines[0] == "paperkin: left out line 1: no id"
    assert (len(lines), lines[-1]) == (
        11,
        "paperkin: 1,500 records were left out; --json names the first 100",
    )


def test_linking_tells_how_many_papers_were_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    reports.report_link(LinkSummary("openalex:", read=9, answered=3, unknown=2), Stopwatch(), as_json=False)
    out = capsys.readouterr().out
    assert out.startswith("linked openalex: 9 citations for 5 papers (2 unknown there), 0 new, in ")


def test_an_update_tells_whether_there_was_anything_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    reports.report_update(UPDATED, Stopwatch(), as_json=False)
    out = capsys.readouterr().out
    assert out.startswith("generation 3: 5 papers embedded, 1,005 papers, 70 citations, 9 topics (")
    idle = UpdateSummary(embedded=0, papers=1005, topics=9, citations=70, generation=3, published=False)
    reports.report_update(idle, Stopwatch(), as_json=False)
    assert capsys.readouterr().out.startswith("nothing new: generation 3 is up to date (")


def test_a_sync_tells_each_step_and_which_source_failed(capsys: pytest.CaptureFixture[str]) -> None:
    summary = SyncSummary(
        crawled=[crawled()],
        linked=[LinkSummary("openalex:", read=9)],
        updated=UPDATED,
        failures=[Failure("rss:cs.CL", "the server is down; try later")],
    )
    reports.report_sync(summary, Stopwatch(), as_json=False)
    out, err = capsys.readouterr()
    assert [line.split(" ")[0] for line in out.splitlines()] == ["crawled", "linked", "generation", "synced"]
    assert err.splitlines()[-1] == "paperkin: rss:cs.CL failed: the server is down; try later"
    reports.report_sync(summary, Stopwatch(), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["failures"] == [{"source": "rss:cs.CL", "reason": "the server is down; try later"}]
    assert (told["crawled"][0]["new"], told["updated"]["generation"]) == (1200, 3)
