"""Answers as lists: what a reader of the terminal sees for each kind of answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.errors import SettingsError, SourceError
from indexer.library import open_library
from indexer.papers import PaperId, Topic
from indexer.settings import Settings
from service import explore
from service.answers import RelatedRequest, SearchAnswer, TopicAnswer
from service.listing import among_in, graph_lines, related_to_each, search_lines, topic_lines, tree_lines
from service.search import search
from tests.builders import a_paper, an_id
from tests.libraries import build, chain, settings_in, three_topics

LONELY = a_paper(99, month=2312, title=r"A lonely paper on $\alpha$-decay", categories=("nucl-ex",))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Three topics with citations, and a paper that neither cites nor is cited."""
    made = settings_in(tmp_path_factory.mktemp("library"))
    papers = three_topics()
    build(made, [*papers, LONELY], chain(papers))
    return made


def test_titles_are_readable(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with open_library(settings) as library:
        search_lines(search(library, "lonely decay"), as_json=False)
    assert capsys.readouterr().out.startswith("2312.00099  A lonely paper on α-decay\n      ")


def test_a_search_without_results_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    search_lines(SearchAnswer("zzz", (), 0, 1), as_json=False)
    assert capsys.readouterr() == ("", "paperkin: nothing found for 'zzz'\n")


def test_the_tree_is_indented(capsys: pytest.CaptureFixture[str]) -> None:
    tree = (
        Topic("1", "", "Physics", ("neutrino", "flux"), 1200),
        Topic("1.2", "1", "Detectors", ("water",), 30),
    )
    tree_lines(tree, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "topic  papers  label      terms",
        "1      1,200   Physics    neutrino, flux",
        "  1.2  30      Detectors  water",
    ]


def test_a_topic_shows_its_path_its_children_and_papers(capsys: pytest.CaptureFixture[str]) -> None:
    top = Topic("1", "", "Physics", (), 1200)
    inner, deepest = Topic("1.2", "1", "Detectors", (), 30), Topic("1.2.1", "1.2", "Water", (), 12)
    topic_lines(TopicAnswer(inner, (top, inner), (deepest,), (a_paper(7),), 1), as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "Physics > Detectors  (30 papers)",
        "  1.2.1  Water (12)",
        "2401.00007  On the kinship of papers, part 7",
    ]


def test_papers_without_citations_have_no_neighbourhood(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_library(settings) as library:
        graph_lines(explore.neighbourhood(library, LONELY.id), as_json=False)
    out, err = capsys.readouterr()
    assert out == "2312.00099  A lonely paper on α-decay  (cites 0, cited by 0 of these)\n"
    assert err == "paperkin: no citation to or from 2312.00099 is known\n"


def test_where_no_chain_leads_that_is_said_of_both_ends(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    start = PaperId("2306.00017")
    with open_library(settings) as library:
        graph_lines(explore.path(library, start, LONELY.id), LONELY.id, as_json=False)
        graph_lines(explore.path(library, start, start), start, as_json=False)
    out, err = capsys.readouterr()
    assert err == "paperkin: no chain of citations leads from 2306.00017 to 2312.00099\n"
    assert out == "2306.00017  Parsing study number 17\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read"), (b"\xff\xfe2", "is no file of ids, one a line: it is not text in UTF-8")],
)
def test_files_of_ids_that_cannot_be_read(
    settings: Settings, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / "ids"
    if content is not None:
        file.write_bytes(content)
    with open_library(settings) as library, pytest.raises(SourceError, match=sentence):
        related_to_each(library, file, RelatedRequest(), as_json=True)


@pytest.mark.parametrize(
    ("count", "sentence"), [(0, "there is no id in"), (1_001, "1,001 ids, more than 1,000")]
)
def test_papers_to_be_ranked_are_neither_none_nor_too_many(tmp_path: Path, count: int, sentence: str) -> None:
    (tmp_path / "among").write_text("".join(f"2306.{number:05}\n" for number in range(1, count + 1)))
    with pytest.raises(SettingsError, match=sentence):
        among_in(tmp_path / "among")


def test_papers_to_be_ranked_are_taken_once(tmp_path: Path) -> None:
    (tmp_path / "among").write_text("2306.00002\n 2306.00001 \n\n2306.00002\n")
    assert among_in(tmp_path / "among") == ("2306.00002", "2306.00001")


def test_a_file_of_ids_may_be_empty_or_come_from_windows(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none").write_text("\n \n")
    (tmp_path / "windows").write_bytes("\ufeff2306.00017\r\n".encode())
    with open_library(settings) as library:
        related_to_each(library, tmp_path / "none", RelatedRequest(), as_json=True)
        assert capsys.readouterr() == ("", "")
        related_to_each(library, tmp_path / "windows", replace(RelatedRequest(), k=1), as_json=False)
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("2306.00017  Parsing study number 17\n  0.99  2307.00020  ")
    assert str(an_id(17, 2306)) in out
