"""The demo: the sample library with the true model, and the page that a newcomer sees first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from indexer.errors import ModelError
from indexer.library import open_library
from indexer.papers import PaperId
from indexer.progress import silent
from service.answers import RelatedRequest
from service.demo import SHOWN, run_demo
from service.paper_page import SAMPLE_COMMENT
from service.related import related
from tests.commands import paperkin
from tests.conftest import Demo

FIELDS = ["URL", "Date", "Title", "Authors", "Abstract summary", "Score", "License", "Abstract"]


def test_the_page_has_every_field_in_order(demo: Demo) -> None:
    head, _, rest = demo.page.partition("\n- Abstract: ")
    assert re.findall(r"^- ([A-Z][a-z A-Z]+): ", f"{head}\n- Abstract: x", re.MULTILINE) == FIELDS
    assert f"- URL: http://arxiv.org/abs/{SHOWN}v" in head
    assert "- Title: Aligning Multimodal LLM with Human Preference: A Survey\n" in head
    assert 0 <= float(re.findall(r"^- Score: (.+)$", head, re.MULTILINE)[0]) <= 100
    assert "guarantee" in rest.splitlines()[-1], "no disclaimer at the end"


def test_the_page_says_whose_the_abstract_is(demo: Demo) -> None:
    assert SAMPLE_COMMENT in demo.page


def test_related_papers_come_newest_first_each_with_what_the_page_promises(demo: Demo) -> None:
    shown = demo.page.partition("\n- Abstract: ")[2]
    papers = re.findall(r"arxiv\.org/abs/(\d{4}\.\d{5}|[a-z-]+/\d{7})", shown)
    assert len(set(papers)) == 12
    assert SHOWN not in papers
    months = [PaperId.parse(paper).month for paper in dict.fromkeys(papers)]
    assert months == sorted(months, reverse=True)


def test_fields_far_apart_find_their_own(demo: Demo) -> None:
    kin = {
        "hep-th/9711200": "hep-th/9802150",  # the holographic correspondence, and what it means
        "1706.03762": "1810.04805",  # the transformer, and its first great use
        "quant-ph/9508027": "quant-ph/9605043",  # factoring and searching
        "1810.04805": "1907.11692",
    }
    with open_library(demo.settings) as library:
        for seed, expected in kin.items():
            answer = related(library, RelatedRequest(liked=(seed,), k=10))
            assert expected in [str(one.paper.id) for one in answer.results], seed


def test_a_second_run_rebuilds_nothing_and_shows_the_same(demo: Demo) -> None:
    done: list[tuple[str, float]] = []
    pages: list[str] = []
    settings = run_demo(demo.folder, lambda step, count, *_: done.append((step, count)), pages.append)
    assert {(step, count) for step, count in done if count} == set()
    assert settings == demo.settings
    assert pages == [demo.page]
    with open_library(settings) as library:
        assert library.derived().generation.number == 1


def test_as_a_command_it_prints_the_page(demo: Demo) -> None:
    ran = paperkin("demo", "--folder", demo.folder, "--once")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == demo.page


def test_the_demo_follows_the_settings_but_for_its_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAPERKIN_LIBRARY", "elsewhere.db")
    monkeypatch.setenv("PAPERKIN_MODEL", str(tmp_path))  # no model: nothing is embedded
    with pytest.raises(ModelError, match="is no model folder"):
        run_demo(tmp_path / "demo", silent, print)
    assert (tmp_path / "demo" / "sample.db").exists()
