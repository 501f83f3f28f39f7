"""Only open licences on demand: every answer honours the filter, by REST and on the pages, and stays within it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from indexer.library import Library, open_library
from indexer.papers import Citation, Paper
from indexer.tables import Filters
from service import explore
from service.app import create_app
from service.paper_page import paper_page
from service.search import search
from tests.asking import ask
from tests.builders import an_id
from tests.libraries import build, chain, ids_of, settings_in, three_topics
from tests.toy_embedder import ToyEmbedder

CC = "http://creativecommons.org"
OPEN = (f"{CC}/licenses/by/4.0/", f"{CC}/licenses/by-sa/3.0/", f"{CC}/publicdomain/zero/1.0/")
CLOSED = (
    f"{CC}/licenses/by-nc-sa/4.0/",
    f"{CC}/licenses/by-nc-nd/4.0/",
    "http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
    None,
)
BROWSER = {"accept": "text/html"}
ONLY = "open_license=true"


def licensed(papers: Sequence[Paper]) -> list[Paper]:
    """Open and closed by turns within each topic; seven licences in all."""
    kinds: list[Iterator[str | None]] = [cycle(OPEN), cycle(CLOSED)]
    return [replace(paper, license=next(kinds[at // 3 % 2])) for at, paper in enumerate(papers)]


PAPERS = licensed(three_topics())
SEED = PAPERS[15]  # closed
NOT_HELD = an_id(900)
CITATIONS = [*chain(PAPERS), Citation(PAPERS[0].id, NOT_HELD), Citation(PAPERS[1].id, NOT_HELD)]
OPEN_IDS = {str(paper.id) for paper in PAPERS if paper.license in OPEN}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    settings = settings_in(tmp_path_factory.mktemp("open"))
    embedder = build(settings, PAPERS, CITATIONS)
    with open_library(settings, embedder=embedder) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(library: Library) -> Iterator[TestClient]:
    with TestClient(create_app(library.settings), follow_redirects=False) as client:
        yield client


def test_the_licences_of_this_file_are_what_it_says() -> None:
    assert [paper.open_license for paper in PAPERS[:6]] == [True, True, True, False, False, False]
    assert not SEED.open_license
    assert len(OPEN_IDS) == 18


# --- REST


def listed(answer: Any) -> list[dict[str, Any]]:
    """The papers that an answer lists."""
    found: list[dict[str, Any]] = answer.get("results") or answer.get("papers") or answer.get("related") or []
    return found


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/papers/{SEED.id}?k=50",
        f"/v1/papers/{SEED.id}/related?k=50",
        f"/v1/papers/{SEED.id}/related?k=50&category=cs",
        "/v1/search?q=study&limit=50",
        "/v1/search?q=study+zzzz&limit=50",
        "/v1/topics/1?limit=50",
    ],
)
def test_lists_of_papers(client: TestClient, path: str) -> None:
    everything = listed(client.get(path).json())
    only = listed(client.get(f"{path}&{ONLY}").json())
    assert {one["open_license"] for one in everything} == {True, False}
    for one in everything:
        assert one["open_license"] == (one["id"] in OPEN_IDS) == (one["license"] in OPEN)
    assert {one["id"] for one in only} == {one["id"] for one in everything} & OPEN_IDS
    assert listed(client.get(f"{path}&open_license=false").json()) == everything


@pytest.mark.parametrize(
    "wish",
    [
        {"liked": [str(SEED.id)]},
        {"liked": [str(SEED.id), str(PAPERS[16].id)], "disliked": [str(PAPERS[2].id)]},
        {"text": "neutrino flux in a water detector"},
        {"text": "neutrino flux", "liked": [str(SEED.id)], "not_newer": True},
        {"liked": [str(SEED.id)], "as_of_seed": True},
    ],
)
def test_related_to_many_and_to_a_text(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, wish: dict[str, Any]
) -> None:
    monkeypatch.setattr("indexer.embedding.load_embedder", lambda *_: ToyEmbedder())
    everything = client.post("/v1/related", json=wish | {"k": 50}).json()["results"]
    only = client.post("/v1/related", json=wish | {"k": 50, "filters": {"open_license": True}}).json()[
        "results"
    ]
    assert {one["open_license"] for one in everything} == {True, False}
    assert only
    assert {one["open_license"] for one in only} == {True}


def test_a_few_results_are_filled_with_open_ones(library: Library) -> None:
    """Not: the ten best, of which half are left out."""
    found = ask(library, SEED.id, k=10, filters=Filters(open_license=True))
    assert len(found.results) == 10


def test_evidence_may_be_a_closed_paper(library: Library) -> None:
    found = ask(library, SEED.id, k=50, filters=Filters(open_license=True))
    named = {str(one.id) for result in found.results for reason in result.reasons for one in reason.papers}
    assert named - OPEN_IDS


def test_the_tree_counts_open_papers(client: TestClient) -> None:
    everything = client.get("/v1/topics").json()["topics"]
    only = client.get(f"/v1/topics?{ONLY}").json()["topics"]
    assert sum(one["size"] for one in everything if not one["parent"]) == len(PAPERS)
    assert sum(one["size"] for one in only if not one["parent"]) == len(OPEN_IDS)
    for one in only:
        answer = client.get(f"/v1/topics/{one['id']}?limit=100&{ONLY}").json()
        assert answer["topic"] == one
        assert len(answer["papers"]) == one["size"]


def test_the_graph_shows_open_papers_around_the_seed(client: TestClient) -> None:
    address = f"/v1/graph/{SEED.id}"
    everything = client.get(address).json()
    only = client.get(f"{address}?{ONLY}").json()
    ids = {node["id"] for node in everything["nodes"]}
    assert {node["id"] for node in only["nodes"]} == ids & OPEN_IDS | {str(SEED.id)}
    assert len(only["nodes"]) > 1
    shown = {node["id"] for node in only["nodes"]}
    assert only["edges"] == [edge for edge in everything["edges"] if set(edge) <= shown]
    for node in everything["nodes"]:
        assert node["open_license"] == (node["license"] in OPEN) == (node["id"] in OPEN_IDS)


def test_most_counts_the_papers_that_may_be_shown(client: TestClient) -> None:
    assert len(client.get(f"/v1/graph/{SEED.id}?most=2&{ONLY}").json()["nodes"]) == 3


def test_a_path_leads_through_open_papers_between_any_two(library: Library) -> None:
    start, goal = PAPERS[33].id, PAPERS[3].id  # both closed
    answer = explore.path(library, start, goal, open_license=True)
    assert (answer.path[0], answer.path[-1]) == (start, goal)
    assert {str(one) for one in answer.path[1:-1]} <= OPEN_IDS
    assert len(answer.path) > len(explore.path(library, start, goal).path)


def test_a_path_through_a_work_that_is_not_held_is_none_of_open_licence(library: Library) -> None:
    start, goal = PAPERS[0].id, PAPERS[1].id
    assert explore.path(library, start, goal).path == (start, NOT_HELD, goal)
    closed = explore.path(library, start, goal, open_license=True)
    assert (closed.path, [node.id for node in closed.nodes]) == ((), [start])


def test_where_no_paper_is_open_answers_are_empty(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = settings_in(tmp_path_factory.mktemp("closed"))
    papers = [replace(paper, license=None) for paper in three_topics(4)]
    embedder = build(settings, papers, chain(papers))
    with open_library(settings, embedder=embedder) as library:
        assert ask(library, papers[3].id, filters=Filters(open_license=True)).results == ()
        assert explore.topics(library, open_license=True) == ()
        topic = explore.topic(library, "1", open_license=True)
        assert (topic.papers, topic.topic.size) == ((), 0)
        assert ids_of([paper_page(library, str(papers[3].id), open_license=True).paper]) == [papers[3].id]
        assert search(library, "study", Filters(open_license=True)).total == 0
    with TestClient(create_app(settings), headers=BROWSER) as client:
        for path in ("/", "/topics", "/topics/1", f"/papers/{papers[3].id}", "/search?q=study"):
            got = client.get(path, params={"open_license": "true", "q": "study"})
            assert got.status_code == 200
            assert "open licence" in got.text or "Nothing was found" in got.text


# --- pages

PAGES = ("/?", "/search?q=study&", "/topics?", "/topics/1?", f"/papers/{SEED.id}?")


def links(shown: str) -> list[str]:
    """Where the links of a page lead, but for arXiv, licences and files."""
    found = [html.unescape(one) for one in re.findall(r'<a [^>]*?href="([^"]*)"', shown)]
    return [one for one in found if one.startswith(("/", "?")) and not one.startswith(("/static", "/api"))]


def papers_in(shown: str) -> set[str]:
    """The papers that a page lists under headings of their own."""
    return {one.partition("?")[0] for one in re.findall(r'<h3><a href="/papers/([^"]*)"', shown)}


@pytest.mark.parametrize("page", PAGES)
def test_pages_list_open_papers_and_every_link_stays_among_them(client: TestClient, page: str) -> None:
    everything = client.get(page, headers=BROWSER).text
    only = client.get(page + ONLY, headers=BROWSER).text
    listed_papers = papers_in(everything)
    if not page.startswith("/topics?"):  # which lists topics alone
        assert listed_papers - OPEN_IDS
        assert papers_in(only)
    assert papers_in(only) <= OPEN_IDS
    leaving = [one for one in links(only) if ONLY not in one]
    entering = [one for one in links(everything) if ONLY in one]
    ways = 0 if page.startswith("/search") else 1  # it has a box instead
    assert (len(leaving), len(entering)) == (ways, ways)


@pytest.mark.parametrize("page", ["/?", "/search?q=study&"])
def test_the_box_stays_checked(client: TestClient, page: str) -> None:
    box = '<input type="checkbox" name="open_license" value="true"'
    assert f"{box}>" in client.get(page, headers=BROWSER).text
    assert f"{box} checked>" in client.get(page + ONLY, headers=BROWSER).text


def test_the_box_stays_set_over_the_pages_of_a_search(client: TestClient) -> None:
    shown = client.get(f"/search?q=study&offset=20&{ONLY}", headers=BROWSER).text
    assert "18 papers of open licence have" in shown
    (before,) = [one for one in links(shown) if one.startswith("/search")]
    asked = parse_qs(urlsplit(before).query)
    assert asked == {"q": ["study"], "open_license": ["true"], "offset": ["0"]}
    assert '<input type="hidden" name="open_license" value="true">' in shown  # the form at the top


@pytest.mark.parametrize("asked", ["sort=influence", "sort=score", "mode=text", "mode=text&sort=score"])
def test_the_order_and_the_evidence_of_related_papers_stay(client: TestClient, asked: str) -> None:
    shown = client.get(f"/papers/{SEED.id}?{asked}&{ONLY}", headers=BROWSER).text
    written = asked.replace("&", "&amp;")
    assert f'href="?{written}&amp;open_license=true#related" aria-current="true"' in shown
    assert f'<a href="?{written}#related" aria-current="true" title="Show all papers again">' in shown


def test_an_id_typed_into_the_search_stays(client: TestClient) -> None:
    got = client.get(f"/search?q={SEED.id}v1&{ONLY}", headers=BROWSER)
    assert got.headers["location"] == f"/papers/{SEED.id}v1?{ONLY}"


def test_every_listed_paper_says_its_licence(client: TestClient) -> None:
    for page in ("/?", "/search?q=study&", "/topics/1?", f"/papers/{SEED.id}?"):
        shown = client.get(page, headers=BROWSER).text
        badges = re.findall(r'<a class="(badge[^"]*)" href="([^"]*)"', shown)
        assert badges
        for kind, uri in badges:
            assert (kind == "badge open") == (uri in OPEN)


@pytest.mark.parametrize("value", ["perhaps", "2"])
def test_what_is_neither_yes_nor_no(client: TestClient, value: str) -> None:
    for path in ("/v1/search?q=a", f"/v1/papers/{SEED.id}?k=1", "/v1/topics?a=b", "/search?q=a"):
        got = client.get(f"{path}&open_license={value}")
        assert got.status_code == 422
        assert "open_license" in got.text
