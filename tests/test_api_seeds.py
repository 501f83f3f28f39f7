"""REST for sets of papers: gaps, reviews, and seeds of `related` as BibTeX and titles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from service import schemas
from service.app import create_app
from service.seeds import LARGEST_BIB, MOST_SEEDS
from tests.builders import a_paper, cited
from tests.libraries import TOPICS, build, chain, settings_in, three_topics
from tests.toy_embedder import ToyEmbedder

PAPERS = three_topics()
DIFFUSION = [str(paper.id) for paper in PAPERS if paper.title.startswith("Diffusion")]
ABSTRACT = f"We ask about {TOPICS['diffusion']}."
BIB = "@misc{one, eprint={2401.00001}} @misc{two, eprint={2401.00002}} @book{other, title={Not held}}"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = settings_in(tmp_path_factory.mktemp("api"))
    papers = [*PAPERS, *(a_paper(number) for number in (1, 2, 3, 4))]
    build(settings, papers, [*chain(PAPERS), *cited((1, 4), (2, 4), (3, 4), (1, 999), (2, 999))])
    with pytest.MonkeyPatch.context() as patched, TestClient(create_app(settings)) as client:
        patched.setattr("indexer.embedding.load_embedder", lambda *_: ToyEmbedder())
        yield client


def answer(client: TestClient, path: str, body: dict[str, Any], model: type[BaseModel]) -> Any:
    """What is answered, which is what the description says, field by field."""
    got = client.post(path, json=body)
    assert got.status_code == 200, got.text
    assert json.loads(model.model_validate(got.json()).model_dump_json()) == got.json()
    return got.json()


def refused(client: TestClient, path: str, body: dict[str, Any], status: int) -> str:
    headers = {"content-type": "application/json"}
    got = client.post(path, content=json.dumps(body), headers=headers)  # escaped, as half a pair must be
    assert got.status_code == status, got.text
    assert got.headers["content-type"] == "application/problem+json"
    return str(got.json()["detail"])


def test_gaps_of_bibtex_ids_and_titles(client: TestClient) -> None:
    body = {"bib": BIB, "liked": ["2401.00003", "nonsense"], "titles": ["Unheard of"], "at_least": 2}
    found = answer(client, "/v1/gaps", body, schemas.GapsAnswer)
    assert [(one["id"], one["held"], one["count"]) for one in found["results"]] == [
        ("2401.00004", True, 3),
        ("2401.00999", False, 2),
    ]
    assert found["unknown"] == ["nonsense", "other: Not held", "Unheard of"]
    assert found["results"][0]["url"] == "http://arxiv.org/abs/2401.00004"
    assert (found["seeds"], found["with_references"], found["total"]) == (3, 3, 2)


def test_gaps_take_the_filters_of_related(client: TestClient) -> None:
    body = {"bib": BIB, "filters": {"open_license": True}, "order": "telling", "k": 5}
    found = answer(client, "/v1/gaps", body, schemas.GapsAnswer)
    assert [one["id"] for one in found["results"]] == ["2401.00004"]


def test_a_review(client: TestClient) -> None:
    body = {"title": "A draft", "abstract": ABSTRACT, "liked": DIFFUSION[8:10], "titles": ["Unheard of"]}
    found = answer(client, "/v1/review", body | {"k": 30}, schemas.ReviewAnswer)
    assert [one["id"] for one in found["cited"]] == DIFFUSION[8:10]
    assert found["unknown"] == ["Unheard of"]
    ids = [one["id"] for one in found["results"]]
    assert not set(ids) & set(DIFFUSION[8:10])
    cited_by_both = next(one for one in found["results"] if one["id"] == DIFFUSION[7])
    assert cited_by_both["findings"][0]["text"] == "cited by 2 of your references"
    assert cited_by_both["findings"][0]["why"] == "cited by references"
    assert cited_by_both["reasons"]


def test_a_review_up_to_a_month(client: TestClient) -> None:
    body = {"abstract": ABSTRACT, "not_after": "2023-05", "filters": {"categories": ["cs"]}}
    found = answer(client, "/v1/review", body, schemas.ReviewAnswer)
    assert found["results"]
    assert all(one["id"] < "2306" and one["categories"][0] != "hep-ex" for one in found["results"])


def test_related_to_bibtex_and_titles(client: TestClient) -> None:
    body = {"bib": BIB, "titles": [DIFFUSION[3], "Unheard of"], "k": 3}
    found = answer(client, "/v1/related", body, schemas.RelatedAnswer)
    assert [one["id"] for one in found["seeds"]] == ["2401.00001", "2401.00002", DIFFUSION[3]]
    assert found["unknown"] == ["other: Not held", "Unheard of"]
    assert len(found["results"]) == 3


def test_related_to_a_text_that_cites(client: TestClient) -> None:
    body = {"text": ABSTRACT, "known_references": DIFFUSION[8:10], "k": 3}
    assert len(answer(client, "/v1/related", body, schemas.RelatedAnswer)["results"]) == 3


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("/v1/gaps", {}, 422, "give the papers of the set in liked, bib or titles"),
        ("/v1/gaps", {"bib": "  "}, 422, "give the papers of the set in liked, bib or titles"),
        ("/v1/gaps", {"bib": "nothing"}, 400, "there is no entry in the BibTeX"),
        (
            "/v1/gaps",
            {"liked": ["2401.00999"]},
            400,
            "the library holds none of the works asked for: 2401.00999",
        ),
        ("/v1/gaps", {"liked": ["2401.00001"]}, 400, "give more of them, or ask for at least 1"),
        ("/v1/gaps", {"liked": ["2401.00001"], "at_least": 0}, 422, "at_least"),
        ("/v1/gaps", {"liked": ["2401.00001"], "order": "size"}, 422, "order"),
        ("/v1/gaps", {"liked": ["2401.00001"], "other": 1}, 422, "other"),
        ("/v1/gaps", {"liked": ["x"] * (MOST_SEEDS + 1)}, 422, "liked"),
        ("/v1/gaps", {"titles": ["\ud800"]}, 422, "has a lone surrogate"),
        ("/v1/gaps", {"bib": 3}, 422, "bib"),
        ("/v1/review", {}, 422, "abstract"),
        ("/v1/review", {"abstract": " "}, 422, "give the draft's abstract"),
        ("/v1/review", {"abstract": "x", "not_after": "2025-13"}, 422, "not_after"),
        ("/v1/review", {"abstract": "x", "bib": "nothing"}, 400, "there is no entry in the BibTeX"),
        ("/v1/related", {}, 422, "give at least one paper in liked, bib or titles, or a text"),
        ("/v1/related", {"titles": ["Unheard of"]}, 400, "none of the works asked for: Unheard of"),
        ("/v1/related", {"bib": "@" * 900, "titles": ["a" * 5_000]}, 422, "titles"),
    ],
)
def test_what_cannot_be_asked(
    client: TestClient, path: str, body: dict[str, Any], status: int, detail: str
) -> None:
    assert detail in refused(client, path, body, status)


def test_bibtex_that_is_too_large_is_refused_before_it_is_read(client: TestClient) -> None:
    got = client.post("/v1/gaps", json={"bib": "x" * (LARGEST_BIB + 1)})
    assert got.status_code in (413, 422)
    assert got.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/gaps", "/v1/review"])
def test_the_description_has_an_example_and_the_errors(client: TestClient, path: str) -> None:
    call = client.get("/v1/openapi.json").json()["paths"][path]["post"]
    assert {"200", "400", "422", "503"} <= set(call["responses"])
    problem = call["responses"]["400"]["content"]["application/problem+json"]["schema"]
    assert problem["title"] == "Problem"
    schema = call["requestBody"]["content"]["application/json"]["schema"]
    example = schema["examples"][0] | {"liked": ["2401.00001", "2401.00002"]}
    assert client.post(path, json=example).status_code == 200
    assert call["description"].endswith(".")
