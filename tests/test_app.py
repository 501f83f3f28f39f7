"""The web application: pages for browsers, forms of a paper's page, errors, headers, start and stop."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from indexer.errors import GenerationError, StoreError
from indexer.papers import PaperId
from service import site as web
from service.app import create_app
from service.paper_page import SAMPLE_COMMENT
from service.problems import preferred
from tests.builders import a_paper
from tests.libraries import build, chain, settings_in, three_topics

OLD = PaperId.parse("hep-th/9711200")
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = settings_in(tmp_path_factory.mktemp("app"))
    papers = three_topics()
    papers.append(replace(a_paper(77, title="The large N limit", comments=SAMPLE_COMMENT), id=OLD))
    papers.append(a_paper(78, month=2506, title="A withdrawn paper", withdrawn=True))
    build(settings, papers, chain(papers))
    with TestClient(create_app(settings), headers=BROWSER, follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "38 papers in this library"),
        ("/papers/2306.00017", "Parsing study number 17"),
        ("/papers/2306.00017v1", "arXiv:2306.00017v1"),
        ("/papers/hep-th/9711200", "The large N limit"),
        ("/papers/hep-th/9711200", SAMPLE_COMMENT.partition("'")[0]),
        ("/papers/2506.00078", "Withdrawn."),
        ("/search?q=neutrino", "12 papers have"),
        ("/search?q=neutrino&since=&until=2023-05-31&category=hep-ex", "5 papers have"),
        ("/search", "Search"),
        ("/search?q=zzzz", "Nothing was found"),
        ("/topics", "Topics"),
        ("/topics/1", "Papers that stand for it"),
        ("/api", "POST</b> /v1/related"),
    ],
)
def test_pages(client: TestClient, path: str, words: str) -> None:
    got = client.get(path)
    assert got.status_code == 200
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    assert words in got.text
    assert 'action="/search"' in got.text
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")


def test_newest_papers_come_first_and_withdrawn_ones_not(client: TestClient) -> None:
    shown = client.get("/").text
    assert "A withdrawn paper" not in shown
    places = [shown.index(f"/papers/{start}") for start in ("hep-th/9711200", "2312.", "2311.")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        ("/papers/2306.00017", BROWSER["accept"], "text/html"),
        ("/papers/2306.00017", "*/*", "text/html"),
        ("/papers/2306.00017", "text/plain", "text/plain"),
        ("/papers/2306.00017", "application/json", "application/json"),
        ("/papers/2306.00017?format=text", BROWSER["accept"], "text/plain"),
        ("/papers/2306.00017?format=json", BROWSER["accept"], "application/json"),
        ("/papers/2306.00017?format=html", "application/json", "text/html"),
    ],
)
def test_forms_of_a_page(client: TestClient, path: str, accept: str, kind: str) -> None:
    got = client.get(path, headers={"accept": accept})
    assert got.headers["content-type"].partition(";")[0] == kind
    assert got.headers["vary"] == "Accept"
    assert "Parsing study number 17" in got.text


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "html"),
        ("text/plain;q=0.5, application/json", "json"),
        ("application/json;q=0.1, text/plain;q=0.2", "text"),
        ("image/png", "html"),
        ("text/html;q=0, application/json", "json"),
        ("text/html;q=nonsense,text/plain", "text"),
    ],
)
def test_what_an_accept_header_prefers(accept: str, form: str) -> None:
    assert preferred(accept) == form


def test_the_json_of_a_page_is_that_of_the_interface(client: TestClient) -> None:
    assert client.get("/papers/2306.00017?format=json").json() == client.get("/v1/papers/2306.00017").json()


def test_order_of_related_papers(client: TestClient) -> None:
    newest = client.get("/papers/2306.00017").text
    closest = client.get("/papers/2306.00017?sort=score").text
    most_cited = client.get("/papers/2306.00017?sort=influence").text
    assert len({newest, closest, most_cited}) == 3
    assert 'href="?sort=score#related"' in newest
    assert 'href="?#related" aria-current="true">Newest first' in newest
    assert 'href="?sort=score#related" aria-current="true"' in closest
    assert [int(found) for found in similar(closest)] == sorted(map(int, similar(closest)), reverse=True)
    assert sorted(similar(closest)) == sorted(similar(newest)) == sorted(similar(most_cited))


def similar(page: str) -> list[str]:
    """The similarities that a page shows, in hundredths, in its order."""
    found = re.findall(r'<div class="closeness".*?<b>(\d)\.(\d\d)</b>', page, re.DOTALL)
    return [whole + hundredths for whole, hundredths in found]


def test_a_page_of_one_kind_of_evidence(client: TestClient) -> None:
    shown = client.get("/papers/2306.00017?mode=coupling&sort=score", headers=BROWSER).text
    assert 'href="?mode=coupling&amp;sort=score#related" aria-current="true">Shared references' in shown
    assert 'href="?sort=score#related">All evidence' in shown
    assert 'href="?mode=text&amp;sort=score#related">Text' in shown
    assert 'href="?format=text&amp;mode=coupling&amp;sort=score">text</a>' in shown
    assert set(re.findall(r'<span class="signal">(.*?)</span>', shown)) == {"shared references"}
    as_text = client.get("/papers/2306.00017?mode=coupling&sort=score&format=text").text
    assert "Similarity" in as_text


def test_a_page_that_the_evidence_asked_for_leaves_empty_leads_on(client: TestClient) -> None:
    shown = client.get("/papers/hep-th/9711200?mode=co-citation", headers=BROWSER).text
    assert "No related papers by this evidence were found in this library." in shown
    assert 'href="?#related">All evidence' in shown


def test_the_calls_are_described_with_all_that_may_be_asked(client: TestClient) -> None:
    shown = client.get("/api").text
    for name in (
        "mode",
        "facet",
        "least",
        "filters.topic",
        "filters.since",
        "among",
        "not_after",
        "topic_id",
    ):
        assert f"<dt><code>{name}</code></dt><dd></dd>" not in shown
        assert f"<dt><code>{name}</code></dt><dd>" in shown
    assert "<code>co-citation</code>: papers that cite both" in shown
    assert "`" not in shown
    assert "/v1/papers/1706.03762/related&#39;" in shown  # an example has what it needs, no more


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/search?q=2306.00017", "/papers/2306.00017"),
        ("/search?q=+arXiv:2306.00017v1", "/papers/2306.00017v1"),
        ("/search?q=https://arxiv.org/abs/hep-th/9711200", "/papers/hep-th/9711200"),
        ("/abs/2306.00017v1", "/papers/2306.00017v1"),
        ("/abs/hep-th/9711200", "/papers/hep-th/9711200"),
    ],
)
def test_ids_lead_to_their_papers(client: TestClient, path: str, leads_to: str) -> None:
    got = client.get(path)
    assert got.status_code == 303
    assert got.headers["location"] == leads_to


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/papers/2306.99999", 404, "Paper not in the library"),
        ("/papers/2306.99999", 404, 'href="/papers/2306.000'),
        ("/papers/nonsense", 404, "Not an arXiv identifier"),
        ("/abs/nonsense", 404, "Not an arXiv identifier"),
        ("/topics/99", 404, "No such topic"),
        ("/nothing/here", 404, "there is nothing at /nothing/here"),
        ("/static/nothing.css", 404, "there is nothing at /static/nothing.css"),
        ("/papers/2306.00017?sort=oldest", 422, "sort"),
        ("/papers/2306.00017?mode=taste", 422, "mode"),
        ("/search?q=a&offset=-1", 422, "offset"),
        ("/search?q=a&since=soon", 422, "since"),
    ],
)
def test_errors_are_pages_for_browsers_and_problems_for_programs(
    client: TestClient, path: str, status: int, words: str
) -> None:
    page = client.get(path)
    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert words in page.text
    problem = client.get(path, headers={"accept": "application/json"})
    assert problem.status_code == status
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["status"] == status


def test_the_interface_answers_browsers_with_problems_too(client: TestClient) -> None:
    assert client.get("/v1/papers/2306.99999").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/", "/v1/health", "/static/style.css", "/nothing", "/v1/papers/nonsense"])
def test_every_answer_has_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", ["style.css", "icon.svg"])
def test_static_files(client: TestClient, name: str) -> None:
    got = client.get(f"/static/{name}")
    assert got.status_code == 200
    assert client.get(f"/static/{name}", headers={"if-none-match": got.headers["etag"]}).status_code == 304


def test_a_fault_of_the_program_is_told_in_the_log_alone(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(web, "paper_page", fail)
    quiet = TestClient(client.app, raise_server_exceptions=False)
    got = quiet.get("/papers/2306.00017", headers={"accept": "application/json"})
    assert got.status_code == 500
    assert got.headers["content-type"] == "application/problem+json"
    assert "secret" not in got.text
    assert "secret detail" in caplog.text


def test_a_library_that_cannot_answer_is_503(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise GenerationError("the library is not indexed; run `paperkin update`")

    monkeypatch.setattr(web, "paper_page", fail)
    got = client.get("/papers/2306.00017")
    assert got.status_code == 503
    assert "run `paperkin update`" in got.text


def test_without_a_library_the_application_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(StoreError), TestClient(create_app(settings_in(tmp_path))):
        pass


def test_the_server_imports_no_heavy_library() -> None:
    """By-id answers need no model; these imports alone would take longer than the whole start may."""
    heavy = {
        "torch",
        "sentence_transformers",
        "transformers",
        "sklearn",
        "networkx",
        "scipy",
        "faiss",
        "pylatexenc",
    }
    code = f"import sys, service.app; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
