"""Status: true before the first update, after it, and when an update is due."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.library import open_builder, open_library, open_store
from indexer.papers import Citation, Paper
from indexer.settings import Settings
from service.status import library_status, status_lines
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
    assert found["sources"] == [{"name": "test:", "kind": "papers", "last_read": NOW.isoformat()}]
