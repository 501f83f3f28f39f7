"""Semantic Scholar: its recorded answers are read, its recorded errors told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from indexer.errors import SourceError
from indexer.papers import PaperId
from indexer.sources.answers import JsonService, Question
from indexer.sources.polite.pace import Pace
from indexer.sources.polite.session import PoliteSession
from indexer.sources.semantic_scholar import SemanticScholar, cited_in, references_in
from tests.builders import an_id
from tests.fake_semantic_scholar import an_entry, as_json
from tests.fake_upstream import Answer, Upstream


@pytest.fixture
def session(tmp_path: Path) -> Iterator[PoliteSession]:
    """A session as in production, whose waits take no time."""
    with PoliteSession(Pace("semantic-scholar", 0.0, tmp_path, sleep=lambda _: None)) as made:
        yield made


class Recorded(NamedTuple):
    """A recorded call about papers."""

    test: str
    path: str
    status: int
    body: bytes


@pytest.fixture(scope="session")
def recorded(shared: Path) -> list[Recorded]:
    """Every recorded call about papers."""
    yaml: Any = pytest.importorskip("yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C takes a tenth of the time
    calls = []
    for file in sorted((shared / "fixtures/semanticscholar").glob("test_*.yaml")):
        for call in yaml.load(file.read_text(encoding="utf-8"), loader)["interactions"]:
            found = re.search(r"/graph/v1(/paper/.*)", call["request"]["uri"])
            response = call["response"]
            body = response.get("content", (response.get("body") or {}).get("string", ""))
            if found:
                status = response.get("status_code") or response["status"]["code"]
                calls.append(
                    Recorded(file.stem, found[1], status, body if isinstance(body, bytes) else body.encode())
                )
    return calls


def test_every_recorded_batch_is_read(recorded: list[Recorded], session: PoliteSession) -> None:
    seen = 0
    for _, path, status, body in recorded:
        if path.startswith("/paper/batch"):
            items = json.loads(body)
            wanted = [an_id(number) for number in range(1, len(items) + 1)]
            with Upstream(Answer(status, body)) as server:
                (batch,) = SemanticScholar("semantic-scholar:", server.url, session).batches(wanted)
            assert batch.unknown == tuple(wanted)  # of papers, without their references
            assert not batch.rejected
            seen += 1
    assert seen == 3


def test_every_recorded_page_of_references_is_read(recorded: list[Recorded], session: PoliteSession) -> None:
    first = as_json([{"paperId": "0", "references": [an_entry()] * 1_000}])
    pages = [Answer(status, body) for _, path, status, body in recorded if "/references?" in path]
    with Upstream([first, *pages]) as server:
        source = SemanticScholar("semantic-scholar:", server.url, session)
        (batch,) = source.batches([an_id(1)])
    assert len(pages) == 2
    assert [one.path.partition("offset=")[2] for one in server.asked[1:]] == ["0", "50"]
    assert batch.answered == (an_id(1),)
    assert not batch.rejected


def test_every_recorded_error_is_told(recorded: list[Recorded], session: PoliteSession) -> None:
    said = []
    for _, _, status, body in recorded:
        if status >= 400:
            with Upstream(Answer(status, body)) as server, pytest.raises(SourceError) as raised:
                list(SemanticScholar("semantic-scholar:", server.url, session).batches([an_id(1)]))
            said.append(str(raised.value).partition("): ")[2].partition(";")[0])
    assert said == ["Unrecognized or unsupported fields: [unknown]", "Paper with id 0 not found"]


def test_every_other_recorded_answer_about_papers_is_read_as_json(
    recorded: list[Recorded], session: PoliteSession
) -> None:
    names = set()
    for name, path, status, body in recorded:
        if status == 200:
            with Upstream(Answer(status, body)) as server:
                answer = JsonService("Semantic Scholar", server.url, session).ask(Question(path))
            rows = (
                answer.value.get("data", [answer.value]) if isinstance(answer.value, dict) else answer.value
            )
            for row in rows:
                inner = (row or {}).get("citedPaper") or (row or {}).get("citingPaper") or row
                assert references_in(inner) is None or references_in(inner)
                cited_in(inner)
            names.add(name)
    assert len(names) == 29


def test_recorded_papers_with_references_are_read_whole(shared: Path, session: PoliteSession) -> None:
    raw = shared / "fixtures/semanticscholar-raw"
    files = [*sorted(raw.glob("*.json")), *sorted((shared / "fixtures/semanticscholar").glob("Paper*.json"))]
    items = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    wanted = [an_id(number) for number in range(1, len(items) + 1)]
    with Upstream(as_json(items)) as server:
        source = SemanticScholar("semantic-scholar:", server.url, session)
        (batch,) = source.batches(wanted)
    read_whole = {str(paper): files[wanted.index(paper)].name for paper in batch.answered}
    assert [name[:5] for name in read_whole.values()] == ["refs_"] * 4 + ["Paper"]
    assert not batch.rejected
    expected = {one for item in items for entry in item.get("references") or () if (one := cited_in(entry))}
    assert {citation.cited for citation in batch.citations} == expected
    # Of the 423 references of the four lists 261 have an arXiv id, 12 an arXiv DOI alone.
    assert sum(bool(cited_in(entry)) for item in items[-6:-2] for entry in item["references"]) == 273
    assert {"cond-mat/0303516", "cs/0502056", "cs/9809025"} <= {str(one) for one in expected}


def test_a_recorded_reference_and_citation_are_read(shared: Path) -> None:
    folder = shared / "fixtures/semanticscholar"
    reference = json.loads((folder / "Reference.json").read_text(encoding="utf-8"))
    assert cited_in(reference["citedPaper"]) == PaperId("1402.0030")
    citation = json.loads((folder / "Citation.json").read_text(encoding="utf-8"))
    assert references_in(citation["citingPaper"]) is None
