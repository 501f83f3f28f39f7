"""Status: true before the first update, after it, and when an update is due."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.library import open_builder, open_library, open_store
from indexer.papers import Citation, Paper, Rejected
from indexer.settings import Settings
from indexer.tables import Reconciliation
from service.status import library_status, month_rows, quarantined_records, status_lines
from tests.builders import NOW, a_paper, an_id
from tests.libraries import build, chain, settings_in, three_topics
from tests.toy_embedder import ToyEmbedder

PAPERS = three_topics()


def put(place: Settings, *papers: Paper, citations: tuple[Citation, ...] = ()) -> None:
    store = open_store(place)
    with store.transaction():
        store.put_papers(papers, "test:", NOW)
        store.put_citations(citations, "test:", NOW)
        store.put_cursor("test:", "papers", None, NOW)
    store.close()


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


def test_before_the_first_update(place: Settings) -> None:
    put(place, *PAPERS[:3])
    with open_library(place) as library:
        found = library_status(library)
    assert (found["papers"], found["generation"], found["update_due"]) == (3, None, True)
    assert "update" in found["problem"]
    assert status_lines(found) == [
        f"library     {place.library}",
        "papers      3 (0 withdrawn)",
        "citations   0; 0% of the papers have references",
        "source      test: (last read 2026-08-20T12:00)",
        f"problem     {found['problem']}",
        "update      due: run `paperkin update`",
    ]


def test_after_an_update(place: Settings) -> None:
    papers = [replace(PAPERS[0], withdrawn=True), *PAPERS[1:]]
    build(place, papers, chain(papers))
    with open_library(place) as library:
        found = library_status(library)
    assert found == json.loads(json.dumps(found))
    assert {name: found[name] for name in ("papers", "withdrawn", "citations", "papers_with_references")} == {
        "papers": 36,
        "withdrawn": 1,
        "citations": len(chain(papers)),
        "papers_with_references": 33,
    }
    assert found["generation"] == 1
    assert found["indexed"] == 36
    assert found["topics"] == 3
    assert found["model"] == ToyEmbedder().fingerprint
    assert (found["update_due"], found["problem"]) == (False, None)
    lines = status_lines(found)
    assert "papers      36 (1 withdrawn)" in lines
    assert "citations   63; 92% of the papers have references" in lines
    assert any(line.startswith("generation  1, made 20") and "36 papers indexed, 3" in line for line in lines)
    assert lines[-1] == "update      not due"


@pytest.mark.parametrize(
    "change",
    [
        {"papers": (a_paper(90),)},
        {"papers": (replace(PAPERS[0], title="Another title"),)},
        {"papers": (replace(PAPERS[0], withdrawn=True),)},
        {"papers": (replace(PAPERS[0], categories=("math.LO",)),)},
        {"citations": (Citation(an_id(901), PAPERS[0].id),)},
    ],
)
def test_an_update_is_due_when_what_it_is_made_from_changed(
    place: Settings, change: dict[str, tuple[object, ...]]
) -> None:
    build(place, PAPERS, chain(PAPERS))
    put(place, *change.get("papers", ()), citations=change.get("citations", ()))  # type: ignore[arg-type]  # as named
    with open_library(place) as library:
        found = library_status(library)
        assert found["update_due"]
        assert found["problem"] is None
        build(place, [])
        assert not library_status(library)["update_due"]


def test_an_update_is_due_when_derived_files_are_damaged(place: Settings) -> None:
    build(place, PAPERS)
    with open_builder(place, rebuild=True, embedder=ToyEmbedder()) as builder:
        builder.update()  # the same once more, so that nothing else is due
    newest = sorted(place.derived_path.glob("gen-*"))[-1]
    (newest / "vectors.npy").write_bytes(b"")
    with open_library(place) as library:
        found = library_status(library)
    assert found["generation"] == 1
    assert found["update_due"]
    assert "generation 1 answers" in found["problem"]
    assert any(line.startswith("problem ") for line in status_lines(found))


def test_an_empty_library(place: Settings) -> None:
    build(place, [])
    with open_library(place) as library:
        found = library_status(library)
    assert (found["papers"], found["indexed"], found["update_due"]) == (0, 0, False)
    assert "citations   0; 0% of the papers have references" in status_lines(found)


def test_sources_are_listed_with_when_they_were_read(place: Settings) -> None:
    put(place, PAPERS[0])
    with open_library(place) as library:
        found = library_status(library)
    assert found["sources"] == [
        {
            "name": "test:",
            "kind": "papers",
            "last_read": NOW.isoformat(),
            "quarantined": 0,
            "compared": None,
        }
    ]


def test_what_is_wrong_with_a_source_is_told(place: Settings) -> None:
    put(place, PAPERS[0])
    store = open_store(place)
    with store.transaction():
        store.put_quarantined([Rejected("line 7", "no id")], "test:", NOW)
        store.put_reconciliation("test:", Reconciliation(1, NOW, finished=NOW))
        store.put_vanished([PAPERS[0].id], "test:", NOW)
    store.close()
    with open_library(place) as library:
        lines = status_lines(library_status(library))
    assert (
        "source      test: (last read 2026-08-20T12:00, compared 2026-08-20, 1 records quarantined)" in lines
    )
    assert "papers      1 (0 withdrawn, 1 vanished)" in lines


def test_what_is_in_quarantine_can_be_looked_at(place: Settings) -> None:
    put(place, PAPERS[0])
    store = open_store(place)
    with store.transaction():
        store.put_quarantined([Rejected("line 7", "no id", '{"title": "A"}')], "test:", NOW)
    store.close()
    with open_library(place) as library:
        found = quarantined_records(library)
    assert found == [{"source": "test:", "where": "line 7", "reason": "no id", "record": '{"title": "A"}'}]


def test_references_are_told_by_source_and_by_month(place: Settings) -> None:
    put(place, *PAPERS)
    store = open_store(place)
    with store.transaction():
        store.put_citations(chain(PAPERS), "most:", NOW)
        store.put_citations(chain(PAPERS)[:1], "other:", NOW)
    store.close()
    with open_library(place) as library:
        found = library_status(library)
    references = found["references"]
    assert (references["share"], references["by_source"]) == (0.9167, {"most:": 0.9167, "other:": 0.0278})
    assert [one["month"] for one in references["by_month"]] == [
        f"2023-{month:02}" for month in range(12, 0, -1)
    ]
    assert references["by_month"][-1] == {
        "month": "2023-01",
        "papers": 3,
        "share": 0.3333,
        "by_source": {"most:": 0.3333},
    }
    lines = status_lines(found)
    assert "references  by source: 92% most:, 3% other:" in lines
    assert any(line.startswith("references  by month: 2023-12 100%, 2023-11 100%") for line in lines)
    rows = month_rows(found)
    assert rows[0] == ("month", "papers", "with references", "most:", "other:")
    assert rows[1] == ("2023-12", "3", "100%", "100%", "0%")
