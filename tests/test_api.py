"""REST: every call of the interface on a small library, its limits, and its description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from indexer.papers import PaperId
from service import answers, schemas
from service.app import create_app
from tests.answer_builders import a_page
from tests.builders import a_paper
from tests.libraries import build, chain, settings_in, three_topics
from tests.toy_embedder import ToyEmbedder

OLD = PaperId.parse("hep-th/9711200")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service over three topics, the papers that the description gives as examples, and an old id."""
    settings = settings_in(tmp_path_factory.mktemp("api"))
    papers = three_topics()
    papers += [a_paper(3762, month=1706), a_paper(3385, month=1512), a_paper(4805, month=1810)]
    papers.append(replace(a_paper(77), id=OLD, title="The large N limit"))
    build(settings, papers, chain(papers))
    with TestClient(create_app(settings)) as client:
        yield client


def answer(client: TestClient, path: str, status: int = 200) -> Any:
    got = client.get(path)
    assert got.status_code == status, got.text
    expected = "application/json" if status == 200 else "application/problem+json"
    assert got.headers["content-type"] == expected
    return got.json()


def validated(model: type[BaseModel], data: Any) -> Any:
    """The data, if it is what the description says, field by field."""
    assert json.loads(model.model_validate(data).model_dump_json()) == data
    return data


def test_a_paper(client: TestClient) -> None:
    paper = validated(schemas.Paper, answer(client, "/v1/papers/2306.00017?k=4"))
    assert paper["id"] == "2306.00017"
    assert paper["version"] == 1
    assert paper["url"] == "http://arxiv.org/abs/2306.00017v1"
    assert paper["submitted"] == "2023-06-15T00:00:00Z"
    assert paper["authors"] == ["Marie Curie", "Emmy Noether"]
    assert len(paper["related"]) == 4
    dates = [one["submitted"] for one in paper["related"]]
    assert dates == sorted(dates, reverse=True)
    assert [one["id"] for one in paper["references"]]


@pytest.mark.parametrize(
    "written", ["2306.00017v1", "arXiv:2306.00017", "https://arxiv.org/abs/2306.00017v1"]
)
def test_ids_are_taken_as_people_write_them(client: TestClient, written: str) -> None:
    assert answer(client, f"/v1/papers/{written}")["id"] == "2306.00017"


@pytest.mark.parametrize("path", ["", "/related", "v1", "v1/related"])
def test_old_ids_with_a_slash(client: TestClient, path: str) -> None:
    shown = answer(client, f"/v1/papers/hep-th/9711200{path}")
    assert (shown["seeds"][0]["id"] if "related" in path else shown["id"]) == str(OLD)
    assert answer(client, "/v1/graph/hep-th/9711200")["centre"] == str(OLD)


def test_related_to_a_paper(client: TestClient) -> None:
    found = validated(schemas.RelatedAnswer, answer(client, "/v1/papers/2306.00017/related?k=5"))
    assert [one["id"] for one in found["seeds"]] == ["2306.00017"]
    similarities = [one["similarity"] for one in found["results"]]
    assert similarities == sorted(similarities, reverse=True)
    assert len(similarities) == 5
    for one in found["results"]:
        total = found["baseline"] + sum(reason["contribution"] for reason in one["reasons"])
        assert total == pytest.approx(one["relevance"], abs=0.01)
        assert one["because"]


def test_related_takes_filters(client: TestClient) -> None:
    found = answer(client, "/v1/papers/2306.00017/related?category=hep-ex&since=2023-03-01&until=2023-08-31")
    assert found["results"]
    for one in found["results"]:
        assert one["categories"] == ["hep-ex"]
        assert "2023-03" <= one["submitted"] < "2023-09"
    newer = answer(client, "/v1/papers/2306.00017/related?not_newer=true")["results"]
    assert all(one["id"] < "2307" for one in newer if "/" not in one["id"])


@pytest.mark.parametrize(
    ("mode", "signals"),
    [
        ("text", {"text"}),
        ("words", {"shared terms"}),
        ("coupling", {"shared references"}),
        ("co-citation", {"cited together"}),
        ("references", {"cites", "cited by"}),
    ],
)
def test_a_mode_goes_by_its_own_evidence(client: TestClient, mode: str, signals: set[str]) -> None:
    found = validated(schemas.RelatedAnswer, answer(client, f"/v1/papers/2306.00017/related?mode={mode}&k=4"))
    assert found["results"]
    assert {reason["signal"] for one in found["results"] for reason in one["reasons"]} <= signals
    posted = client.post("/v1/related", json={"liked": ["2306.00017"], "mode": mode, "k": 4}).json()
    assert posted == found


def test_results_are_sorted_as_asked(client: TestClient) -> None:
    def shown(sort: str) -> list[Any]:
        results: list[Any] = answer(client, f"/v1/papers/2306.00017/related?k=9&sort={sort}")["results"]
        return results

    dates = [one["submitted"] for one in shown("date")]
    assert dates == sorted(dates, reverse=True)
    cited = [len(answer(client, f"/v1/papers/{one['id']}")["cited_by"]) for one in shown("influence")]
    assert cited == sorted(cited, reverse=True)
    assert len({tuple(sorted(one["id"] for one in shown(by))) for by in ("score", "date", "influence")}) == 1


def test_the_least_similarity_leaves_out_what_is_below(client: TestClient) -> None:
    everything = answer(client, "/v1/papers/2306.00017/related?k=30")["results"]
    least = everything[len(everything) // 2]["similarity"] - 1e-4  # it is shown rounded
    kept = answer(client, f"/v1/papers/2306.00017/related?k=30&least={least}")["results"]
    assert [one["id"] for one in kept] == [one["id"] for one in everything if one["similarity"] >= least]
    assert 0 < len(kept) < len(everything)


def test_diversity_keeps_the_best_and_changes_the_rest(client: TestClient) -> None:
    seeds = {"liked": ["2306.00017", "2306.00016"], "k": 6}
    plain, spread = (
        [one["id"] for one in client.post("/v1/related", json=seeds | {"diversity": by}).json()["results"]]
        for by in (0, 1)
    )
    assert plain != spread
    assert len(set(spread)) == 6


def test_related_within_a_topic(client: TestClient) -> None:
    tree = answer(client, "/v1/topics")["topics"]
    for one in tree:
        members = answer(client, f"/v1/topics/{one['id']}?limit=100")["papers"]
        found = answer(client, f"/v1/papers/2306.00017/related?topic={one['id']}")["results"]
        assert {paper["id"] for paper in found} <= {paper["id"] for paper in members}
    body = {"liked": ["2306.00017"], "filters": {"topic": tree[0]["id"]}}
    assert client.post("/v1/related", json=body).json()["results"]


def test_a_topic_that_is_not_there(client: TestClient) -> None:
    problem = validated_problem(answer(client, "/v1/papers/2306.00017/related?topic=99", 404))
    assert problem["type"] == "urn:paperkin:unknown-topic"
    posted = client.post("/v1/related", json={"liked": ["2306.00017"], "filters": {"topic": "99"}})
    assert (posted.status_code, posted.json()["type"]) == (404, "urn:paperkin:unknown-topic")


def test_related_among_papers_ranks_these_and_no_others(client: TestClient) -> None:
    among = ["2301.00001", "2304.00011", "2307.00020", "2306.99999"]
    got = client.post("/v1/related", json={"liked": ["2306.00017"], "among": among})
    found = validated(schemas.RelatedAnswer, got.json())
    assert {one["id"] for one in found["results"]} == set(among[:3])
    assert found["results"][-1]["id"] == "2301.00001"  # about neutrinos
    assert found["unknown"] == ["2306.99999"]


def test_references_of_a_text_are_evidence(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.embedding.load_embedder", lambda *_: ToyEmbedder())
    body = {"text": "a study", "known_references": ["2304.00011", "2302.00005"], "mode": "coupling"}
    results = client.post("/v1/related", json=body).json()["results"]
    assert results[0]["reasons"][0]["signal"] == "shared references"
    assert not {"2304.00011", "2302.00005"} & {one["id"] for one in results}


@pytest.mark.parametrize("facet", ["background", "method", "result"])
def test_a_facet_compares_sentences(client: TestClient, facet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.embedding.load_embedder", lambda *_: ToyEmbedder())
    plain = answer(client, "/v1/papers/2306.00017/related?k=5")
    found = validated(
        schemas.RelatedAnswer, answer(client, f"/v1/papers/2306.00017/related?k=5&facet={facet}")
    )
    assert found["results"] != plain["results"]
    for one in found["results"]:
        total = found["baseline"] + sum(reason["contribution"] for reason in one["reasons"])
        assert total == pytest.approx(one["relevance"], abs=0.01)


def test_related_to_many_reports_unknown_ids(client: TestClient) -> None:
    wish = {"liked": ["2306.00017", "2306.99999", "nonsense"], "disliked": ["2301.00001"], "k": 3}
    got = client.post("/v1/related", json=wish)
    found = validated(schemas.RelatedAnswer, got.json())
    assert sorted(found["unknown"]) == ["2306.99999", "nonsense"]
    assert len(found["results"]) == 3


def test_related_to_a_text(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.embedding.load_embedder", lambda *_: ToyEmbedder())
    got = client.post("/v1/related", json={"text": "neutrino flux in a water detector", "k": 2})
    assert got.status_code == 200, got.text
    assert all("Neutrino" in one["title"] for one in got.json()["results"])


def test_search(client: TestClient) -> None:
    first = validated(schemas.SearchAnswer, answer(client, "/v1/search?q=neutrino+solar&limit=5"))
    assert first["total"] == 12
    second = answer(client, "/v1/search?q=neutrino+solar&limit=5&offset=5")
    ids = [one["id"] for one in first["results"] + second["results"]]
    assert len(set(ids)) == 10


def test_topics(client: TestClient) -> None:
    tree = validated(schemas.TopicList, answer(client, "/v1/topics"))
    assert tree["topics"]
    one = validated(schemas.TopicAnswer, answer(client, f"/v1/topics/{tree['topics'][0]['id']}?limit=3"))
    assert one["topic"] == tree["topics"][0]
    assert 1 <= len(one["papers"]) <= 3


def test_graph_and_path(client: TestClient) -> None:
    around = validated(schemas.GraphAnswer, answer(client, "/v1/graph/2306.00017"))
    assert "2306.00017" in [node["id"] for node in around["nodes"]]
    assert around["edges"]
    leads = validated(schemas.GraphAnswer, answer(client, "/v1/graph/2306.00017?to=2304.00011"))
    assert leads["path"][0] == "2306.00017"
    assert leads["path"][-1] == "2304.00011"


def test_health(client: TestClient) -> None:
    assert validated(schemas.Health, answer(client, "/v1/health")) == {
        "status": "ok",
        "papers": 40,
        "generation": 1,
    }


@pytest.mark.parametrize(
    ("path", "kind", "detail"),
    [
        ("/v1/papers/2306.99999", "unknown-paper", "2306.99999"),
        ("/v1/papers/2306.99999/related", "unknown-paper", "2306.99999"),
        ("/v1/papers/2306.0001", "invalid-paper-id", "2306.0001"),
        ("/v1/graph/2306.99999", "unknown-paper", "2306.99999"),
        ("/v1/graph/2306.00017?to=2306.99999", "unknown-paper", "2306.99999"),
    ],
)
def test_what_is_not_there_is_named_with_its_nearest(
    client: TestClient, path: str, kind: str, detail: str
) -> None:
    problem = validated_problem(answer(client, path, 404))
    assert problem["type"] == f"urn:paperkin:{kind}"
    assert detail in problem["detail"]
    assert problem["instance"] == path.partition("?")[0]
    assert problem["nearest"][0].startswith("2306.000")


def validated_problem(data: Any) -> Any:
    schemas.Problem.model_validate(data)
    return data


def test_other_things_that_are_not_there(client: TestClient) -> None:
    assert validated_problem(answer(client, "/v1/topics/99", 404))["type"] == "urn:paperkin:unknown-topic"
    assert validated_problem(answer(client, "/v1/nothing", 404))["title"] == "Not Found"
    refused = client.delete("/v1/related")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST"
    assert validated_problem(refused.json())["status"] == 405


@pytest.mark.parametrize(
    "path",
    [
        "/v1/papers/2306.00017?k=0",
        "/v1/papers/2306.00017/related?k=201",
        "/v1/papers/2306.00017/related?since=yesterday",
        "/v1/papers/2306.00017/related?mode=taste",
        "/v1/papers/2306.00017/related?facet=title",
        "/v1/papers/2306.00017/related?sort=oldest",
        "/v1/papers/2306.00017/related?least=1.1",
        "/v1/papers/2306.00017/related?least=nan",
        "/v1/papers/2306.00017/related?diversity=-0.1",
        f"/v1/papers/2306.00017/related?topic={'1' * 51}",
        f"/v1/papers/{'9' * 201}",
        "/v1/search",
        f"/v1/search?q={'a' * 1001}",
        "/v1/search?q=a&limit=201",
        "/v1/search?q=a&offset=1000000000",
        "/v1/graph/2306.00017?most=1000",
    ],
)
def test_limits_of_addresses(client: TestClient, path: str) -> None:
    problem = validated_problem(answer(client, path, 422))
    assert problem["errors"][0]["where"]
    assert problem["errors"][0]["message"] in problem["detail"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body"),
        ({"text": "  "}, "body"),
        ({"liked": ["1706.03762"] * 101}, "body.liked"),
        ({"liked": ["1" * 201]}, "body.liked.0"),
        ({"text": "a" * 20_001}, "body.text"),
        ({"text": "a", "k": 201}, "body.k"),
        ({"text": "a", "wish": 1}, "body.wish"),
        ({"text": "a", "mode": "taste"}, "body.mode"),
        ({"text": "a", "facet": "title"}, "body.facet"),
        ({"text": "a", "sort": "oldest"}, "body.sort"),
        ({"text": "a", "least": 1.1}, "body.least"),
        ({"text": "a", "diversity": -1}, "body.diversity"),
        ({"text": "a", "among": ["1706.03762"] * 1_001}, "body.among"),
        ({"text": "a", "known_references": ["1706.03762"] * 2_001}, "body.known_references"),
        ({"text": "a", "filters": {"topic": "1" * 51}}, "body.filters.topic"),
        ({"text": "\ud800"}, "body.text"),
        ({"text": "a", "filters": {"since": "soon"}}, "body.filters.since"),
    ],
)
def test_limits_of_bodies(client: TestClient, body: dict[str, Any], where: str) -> None:
    got = client.post("/v1/related", content=json.dumps(body), headers={"content-type": "application/json"})
    assert got.status_code == 422
    assert got.headers["content-type"] == "application/problem+json"
    assert validated_problem(got.json())["errors"][0]["where"] == where


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b'{"liked": NaN}'])
def test_bodies_that_are_no_json(client: TestClient, body: bytes) -> None:
    got = client.post("/v1/related", content=body, headers={"content-type": "application/json"})
    assert got.status_code in (400, 422)
    assert validated_problem(got.json())


def test_a_body_that_is_too_large_is_refused_before_it_is_read(client: TestClient) -> None:
    def in_pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 50_000

    for content in (b" " * 5_000_000, in_pieces()):
        got = client.post("/v1/related", content=content, headers={"content-type": "application/json"})
        assert got.status_code == 413
        assert validated_problem(got.json())["title"]
        assert "content-security-policy" in got.headers


def test_the_description_and_its_examples_are_true(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.embedding.load_embedder", lambda *_: ToyEmbedder())
    described = client.get("/v1/openapi.json").json()
    assert set(described["paths"]) == {
        "/v1/papers/{paper_id}",
        "/v1/papers/{paper_id}/related",
        "/v1/related",
        "/v1/gaps",
        "/v1/review",
        "/v1/search",
        "/v1/topics",
        "/v1/topics/{topic_id}",
        "/v1/graph/{paper_id}",
        "/v1/health",
    }
    for path, methods in described["paths"].items():
        for method, call in methods.items():
            assert call["description"]
            problem = call["responses"]["422"]["content"]["application/problem+json"]
            assert problem["schema"]["title"] == "Problem"
            reference = call["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
            address, query, bodies = _examples_of(path, call)
            for body in bodies:
                got = client.request(method, address, params=query, json=body)
                assert got.status_code == 200, (path, got.text)
                validated(getattr(schemas, reference.rpartition("/")[2]), got.json())


def test_every_choice_is_described_with_an_example(client: TestClient) -> None:
    described = client.get("/v1/openapi.json").json()
    asked = described["components"]["schemas"]["RelatedRequest"]["properties"]
    call = described["paths"]["/v1/papers/{paper_id}/related"]["get"]
    parameters = {one["name"]: one for one in call["parameters"]}
    for name, choices in (("mode", answers.Mode), ("facet", answers.Facet), ("sort", answers.Sort)):
        for told in (asked[name]["description"], parameters[name]["description"]):
            assert all(f"`{choice}`" in told for choice in choices), name
        assert asked[name]["examples"][0] in set(choices)
    for name in ("least", "diversity", "topic"):
        assert parameters[name]["description"]


def test_a_bibliography_of_two_megabytes_is_taken(client: TestClient) -> None:
    entry = "@article{key, title={Attention},\n  eprint={2306.00017}}\n"
    body = {"bib": entry + "%" * (1_999_999 - len(entry)), "k": 1}
    got = client.post("/v1/related", json=body)
    assert got.status_code == 200, got.text
    assert [one["id"] for one in got.json()["seeds"]] == ["2306.00017"]


def _examples_of(path: str, call: dict[str, Any]) -> tuple[str, dict[str, str], list[Any]]:
    query = {}
    for one in call.get("parameters", []):
        examples = one["schema"].get("examples", [])
        if one["in"] == "path":
            path = path.replace("{" + one["name"] + "}", examples[0])
        elif one["required"]:
            query[one["name"]] = examples[0]
    content = call.get("requestBody", {}).get("content", {}).get("application/json")
    return path, query, content["schema"]["examples"] if content else [None]


def test_examples_of_the_models_are_valid() -> None:
    checked = 0
    for model in vars(schemas).values():
        if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel:
            for example in model.model_json_schema().get("examples", []):
                validated_example = model.model_validate(example)
                assert validated_example
                checked += 1
    assert checked >= 5


def test_the_json_of_a_page_made_by_hand() -> None:
    data = validated(schemas.Paper, json.loads(schemas.page_json(a_page())))
    assert data["score"] == 62.89
    assert data["submitted"] == "2025-03-18T17:59:02Z"
    assert data["updated"] == "2025-03-23T15:07:54Z"
    assert [topic["id"] for topic in data["topics"]] == ["2", "2.1"]
    first = data["related"][0]
    assert list(first) == [
        *("id", "url", "title", "authors", "categories", "submitted", "day_known"),
        *("license", "open_license", "withdrawn"),
        *("similarity", "relevance", "score", "summary", "because", "reasons"),
    ]
    assert first["reasons"][2]["papers"][1] == {"id": "2401.00008", "title": ""}


def test_titles_and_names_are_readable_in_json() -> None:
    page = a_page(a_paper(title="The $\\alpha$-decay", abstract="One $x^2$."))
    data = json.loads(schemas.page_json(page))
    assert data["title"] == "The α-decay"
    assert "$" not in data["abstract"]
