"""Who is meant: every way to write an id, and every way to write a name, from the record to the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from indexer.papers import Paper
from indexer.sources.snapshot import read_paper
from service.app import create_app
from tests.libraries import build, chain, settings_in, three_topics

BROWSER = {"accept": "text/html"}
NEW, OLD, MATHS = "2306.00017", "hep-th/9711200", "math/0309136"


def a_record(**fields: object) -> Paper:
    """A paper as the snapshot's line has it."""
    line: dict[str, object] = {"title": "A title of some words", "abstract": "An abstract."}
    line["versions"] = [{"version": "v1", "created": "Mon, 8 Sep 2003 10:00:00 GMT"}]
    return read_paper(json.dumps(line | fields))


NAMES = {
    r"\L{}uczak": "Łuczak",
    r"{\O}stergaard": "Østergaard",
    r"\v{C}apek": "Čapek",
    r"Erd\H{o}s": "Erdős",
    r"Mart\'{\i}nez": "Martínez",
    r"G{\"o}del": "Gödel",
    "d'Ambrosio": "d'Ambrosio",
    "Nguyễn": "Nguyễn",
    r"Nguy\~{\^e}n": "Nguyễn",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = settings_in(tmp_path_factory.mktemp("identity"))
    papers = three_topics()
    papers.append(a_record(id=OLD, authors=", ".join(f"X. {name}" for name in NAMES)))
    parsed = [[name, "X.", ""] for name in NAMES]
    papers.append(a_record(id="math.GT/0309136v2", authors_parsed=parsed))
    build(settings, papers, chain(papers))
    with TestClient(create_app(settings), follow_redirects=False) as client:
        yield client


WRITTEN = [
    (NEW, NEW, None),
    (f"{NEW}v1", NEW, 1),
    (f"{NEW}V2", NEW, 2),
    (f"arXiv:{NEW}", NEW, None),
    (f"ARXIV:{NEW}V3", NEW, 3),
    (f"arxiv.{NEW}", NEW, None),
    (f"oai:arXiv.org:{NEW}", NEW, None),
    (f"10.48550/arXiv.{NEW}", NEW, None),
    (f"10.48550/ARXIV.{NEW}v1", NEW, 1),
    (f"doi:10.48550/arXiv.{NEW}", NEW, None),
    (f"https://doi.org/10.48550/arXiv.{NEW}", NEW, None),
    (f"https://arxiv.org/abs/{NEW}v1", NEW, 1),
    (f"http://www.arxiv.org/pdf/{NEW}v1.pdf", NEW, 1),
    (f"export.arxiv.org/abs/{NEW}", NEW, None),
    (OLD, OLD, None),
    ("HEP-TH/9711200", OLD, None),
    ("arXiv:hep-th/9711200v3", OLD, 3),
    (f"https://arxiv.org/abs/{OLD}", OLD, None),
    (MATHS, MATHS, None),
    ("math.GT/0309136", MATHS, None),
    ("MATH.gt/0309136v1", MATHS, 1),
    ("arXiv:math.GT/0309136", MATHS, None),
    ("math.QA/0309136", MATHS, None),  # another class, the same number
    ("10.48550/arXiv.math/0309136", MATHS, None),
    ("https://arxiv.org/pdf/math/0309136v2", MATHS, 2),
]


@pytest.mark.parametrize(("written", "found", "version"), WRITTEN)
def test_an_id_in_any_form_names_its_paper_everywhere(
    client: TestClient, written: str, found: str, version: int | None
) -> None:
    versioned = f"{found}v{version}" if version else found
    paper = client.get(f"/v1/papers/{written}").json()
    assert (paper["id"], paper["url"]) == (found, f"http://arxiv.org/abs/{found}v{paper['version']}")
    assert paper["version"] == (version or 1)
    assert client.get(f"/v1/papers/{written}/related?k=1").json()["seeds"][0]["id"] == found
    assert client.get(f"/v1/graph/{written}").json()["centre"] == found
    assert client.get(f"/v1/graph/{NEW}", params={"to": written}).json()["centre"] == NEW
    asked = {"liked": [written], "k": 1}
    assert [one["id"] for one in client.post("/v1/related", json=asked).json()["seeds"]] == [found]
    assert [one["id"] for one in client.get("/v1/search", params={"q": written}).json()["results"]] == [found]
    page = client.get(f"/papers/{written}", headers=BROWSER)
    assert f'<link rel="canonical" href="/papers/{found}">' in page.text
    leads = client.get("/search", params={"q": written}, headers=BROWSER)
    assert (leads.status_code, leads.headers["location"]) == (303, f"/papers/{versioned}")


def test_one_paper_written_in_several_ways_is_one_seed(client: TestClient) -> None:
    ways = [written for written, found, _ in WRITTEN if found == MATHS]
    answer = client.post("/v1/related", json={"liked": ways}).json()
    assert [one["id"] for one in answer["seeds"]] == [MATHS]
    assert answer["unknown"] == []


@pytest.mark.parametrize("written", ["math/030913", "hep-th/0309136", "GT/0309136", "2306.17", "math.GT"])
def test_what_is_another_paper_or_none(client: TestClient, written: str) -> None:
    assert client.get(f"/v1/papers/{written}").status_code == 404


@pytest.mark.parametrize("paper", [OLD, MATHS])
def test_names_are_shown_in_letters(client: TestClient, paper: str) -> None:
    expected = [f"X. {name}" for name in NAMES.values()]
    assert client.get(f"/v1/papers/{paper}").json()["authors"] == expected
    text = client.get(f"/papers/{paper}?format=text").text
    assert f"- Authors: {', '.join(expected)}" in text.splitlines()
    shown = client.get(f"/papers/{paper}", headers=BROWSER).text
    for name in expected:
        assert f"<bdi>{name.replace(chr(39), '&#39;')}</bdi>" in shown


@pytest.mark.parametrize(
    "name", ["Łuczak", "łuczak", "Østergaard", "erdos", "Erdős", "godel", "capek", "nguyen", "martinez"]
)
def test_names_are_found_with_and_without_accents(client: TestClient, name: str) -> None:
    found = [one["id"] for one in client.get("/v1/search", params={"q": name}).json()["results"]]
    assert set(found) == {OLD, MATHS}
