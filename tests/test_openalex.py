"""OpenAlex: from DOIs to works and from works back to arXiv ids, within its budget and in spite of its holes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import SourceError
from indexer.papers import CitationBatch, PaperId
from indexer.sources import openalex
from indexer.sources.answers import arxiv_ids
from indexer.sources.openalex import OpenAlex, names_in, number_of, references_of
from indexer.sources.polite.pace import Pace
from indexer.sources.polite.session import PoliteSession
from tests.builders import an_id
from tests.fake_openalex import FakeOpenAlex, Fault, a_page_of_html, a_work, too_fast, truncated
from tests.fake_upstream import Answer

KEY = "sesame-5/1"
ATTENTION, OLD = PaperId("1706.03762"), PaperId("hep-th/9901001")
JSON = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["https://openalex.org/W7", "oai:arXiv.org:1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "ids", "doi", "locations", "landing_page_url", "referenced_works"]), inner
        )
    ),
    max_leaves=12,
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[PoliteSession]:
    """A session as in production, whose waits take no time."""
    with PoliteSession(Pace("openalex", 0.0, tmp_path, sleep=lambda _: None)) as made:
        yield made


def read(
    fake: FakeOpenAlex, session: PoliteSession, wanted: Any, **options: Any
) -> tuple[list[CitationBatch], OpenAlex]:
    """All batches of a source over the fake, and the source."""
    with fake.serving() as server:
        source = OpenAlex("openalex:", server.url, session, **({"key": KEY} | options))
        return list(source.batches(wanted)), source


def pairs(batches: list[CitationBatch]) -> set[tuple[str, str]]:
    found = [(str(one.citing), str(one.cited)) for batch in batches for one in batch.citations]
    assert len(found) == len(set(found))
    return set(found)


def test_references_are_followed_to_arxiv(session: PoliteSession) -> None:
    works = [
        a_work(1, "2401.00001", references=[2, 3, 4, 5, 6, 1]),
        a_work(2, "1706.03762"),
        a_work(3, doi="10.1145/3477495"),
        a_work(4, "hep-th/9901001", doi="10.1023/a:1026654312961"),
        a_work(5, landing="https://arxiv.org/pdf/math.CA/0611800v2"),
        a_work(6, "2402.00045", landing="https://example.org/1"),
    ]
    fake = FakeOpenAlex(works)
    (batch,), source = read(fake, session, [an_id(1)])
    assert pairs([batch]) == {
        ("2401.00001", "1706.03762"),
        ("2401.00001", "hep-th/9901001"),
        ("2401.00001", "math/0611800"),
        ("2401.00001", "2402.00045"),
    }
    assert batch.answered == (an_id(1),)
    assert (batch.unknown, batch.rejected, batch.cursor, batch.position) == ((), (), None, 1.0)
    assert fake.filters == [["10.48550/arxiv.2401.00001"], ["W2", "W3", "W4", "W5", "W6"]]
    assert len(fake.queries) == 2  # the empty last page of a list is not paid for
    assert fake.queries[0] == {
        "filter": "doi:10.48550/arxiv.2401.00001",
        "select": "id,doi,ids,locations,referenced_works",
        "per_page": "100",
        "cursor": "*",
        "api_key": KEY,
    }
    assert source.remarks == ["OpenAlex: 1 of 6 references left out, without an arXiv id"]


def test_100_papers_and_100_works_are_asked_for_at_a_time(session: PoliteSession) -> None:
    wanted = [an_id(number) for number in range(1, 251)]
    works = [
        a_work(number, str(paper), references=[1_000 + number, 2_000])
        for number, paper in enumerate(wanted, 1)
    ]
    works += [a_work(1_000 + number, str(an_id(number, 1901))) for number in range(1, 251)]
    works += [a_work(2_000, "1706.03762")]
    fake = FakeOpenAlex(works)
    batches, _ = read(fake, session, wanted)
    assert [paper for batch in batches for paper in batch.answered] != []
    assert {paper for batch in batches for paper in batch.answered} == set(wanted)
    assert len(pairs(batches)) == 500
    assert [len(values) for values in fake.filters] == [
        100,
        100,
        1,
        100,
        100,
        50,
        50,
    ]  # W2000 is asked for once
    assert [batch.position for batch in batches] == [0.4, 0.8, 1.0]


@pytest.mark.parametrize("counts", ["counted", "not counted"])
def test_pages_are_followed_to_their_end(session: PoliteSession, counts: str) -> None:
    wanted = [an_id(number) for number in range(1, 31)]
    works = [a_work(number, str(paper), references=[99]) for number, paper in enumerate(wanted, 1)]
    fake = FakeOpenAlex([*works, a_work(99, "1706.03762")], page_size=7, counts=counts == "counted")
    (batch,), _ = read(fake, session, iter(wanted))
    assert set(batch.answered) == set(wanted)
    assert batch.position is None
    assert len(fake.queries) == (5 + 1 if fake.counts else 6 + 2)


def test_works_with_one_doi_are_one(session: PoliteSession) -> None:
    works = [
        a_work(1, "2401.00001", references=[3]),
        a_work(2, "2401.00001", references=[4, 3]),
        a_work(3, "1706.03762"),
        a_work(4, "hep-th/9901001"),
    ]
    (batch,), _ = read(FakeOpenAlex(works), session, [an_id(1)])
    assert pairs([batch]) == {("2401.00001", "1706.03762"), ("2401.00001", "hep-th/9901001")}
    assert batch.answered == (an_id(1),)


def test_a_work_that_went_into_its_journal_is_found_alone(session: PoliteSession) -> None:
    works = [a_work(1, doi="10.1145/3477495", references=[2]), a_work(2, "1706.03762")]
    fake = FakeOpenAlex(works, merged={"10.48550/arxiv.2401.00001": 1})
    (batch,), _ = read(fake, session, [an_id(1), an_id(2)])
    assert pairs([batch]) == {("2401.00001", "1706.03762")}
    assert batch.answered == (an_id(1),)
    assert batch.unknown == (an_id(2),)
    assert fake.singles == ["10.48550/arxiv.2401.00001", "10.48550/arxiv.2401.00002"]


def test_papers_are_not_asked_for_alone_where_many_are_missing(session: PoliteSession) -> None:
    wanted = [an_id(number) for number in range(1, 5)]
    fake = FakeOpenAlex([])
    (batch,), _ = read(fake, session, wanted, singles=3)
    assert batch.unknown == tuple(wanted)
    assert not fake.singles


def test_an_empty_list_is_a_hole_and_no_answer(session: PoliteSession) -> None:
    (batch,), source = read(FakeOpenAlex([a_work(1, "1706.03762")]), session, [ATTENTION])
    assert batch.unknown == (ATTENTION,)
    assert not batch.answered
    assert source.remarks == ["OpenAlex: papers that it knows without any reference, taken for holes: 1"]


def test_works_that_are_gone_are_counted_and_asked_for_once(session: PoliteSession) -> None:
    works = [a_work(number, str(an_id(number)), references=[7_777, 7_778, 500]) for number in range(1, 151)]
    fake = FakeOpenAlex([*works, a_work(500, "1706.03762")])
    batches, source = read(fake, session, [an_id(number) for number in range(1, 151)])
    assert len([paper for batch in batches for paper in batch.answered]) == 150
    assert len(pairs(batches)) == 150
    assert fake.filters[1] == ["W7777", "W7778", "W500"]
    assert len(fake.filters) == 3
    assert "OpenAlex: works that are referred to but not there any more: 2" in source.remarks


def test_only_so_many_works_are_remembered(session: PoliteSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openalex, "REMEMBERED", 3)
    works = [a_work(number, str(an_id(number)), references=[1_000 + number, 500]) for number in range(1, 151)]
    works += [a_work(1_000 + number, str(an_id(number, 1901))) for number in range(1, 151)]
    works += [a_work(500, "1706.03762")]
    batches, source = read(FakeOpenAlex(works), session, [an_id(number) for number in range(1, 151)])
    assert len(pairs(batches)) == 300
    assert len(source._remembered) == 3


def test_what_is_cited_again_and_again_is_remembered_longest(
    session: PoliteSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openalex, "REMEMBERED", 4)
    monkeypatch.setattr(openalex, "MOST_VALUES", 1)
    works = [a_work(number, str(an_id(number)), references=[500, 1_000 + number]) for number in range(1, 11)]
    fake = FakeOpenAlex([*works, a_work(500, "1706.03762")])
    batches, _ = read(fake, session, [an_id(number) for number in range(1, 11)])
    assert len(pairs(batches)) == 10
    assert fake.filters.count(["W500"]) == 1


def test_a_list_that_lacks_works_answers_for_no_paper_that_needs_them(session: PoliteSession) -> None:
    works = [a_work(1, "2401.00001", references=[3]), a_work(2, "2401.00002", references=[3])]
    batches, _ = read(
        FakeOpenAlex([*works, a_work(3, "1706.03762")], losing=1), session, [an_id(1), an_id(2)]
    )
    assert not pairs(batches)
    assert [batch.answered + batch.unknown for batch in batches] == [()]
    reasons = [one.reason for batch in batches for one in batch.rejected]
    assert reasons == [
        "OpenAlex told of 2 works and gave 1; the next run asks again",
        "OpenAlex told of 1 works and gave 0; the next run asks again",
    ]


def test_a_spent_budget_ends_the_run_and_is_told(session: PoliteSession) -> None:
    wanted = [an_id(number) for number in range(1, 301)]
    works = [a_work(number, str(paper), references=[9_999]) for number, paper in enumerate(wanted, 1)]
    fake = FakeOpenAlex([*works, a_work(9_999, "1706.03762")], budget=0.00035)
    with fake.serving() as server:
        batches = OpenAlex("openalex:", server.url, session, key=KEY).batches(wanted)
        assert len(next(batches).answered) == len(next(batches).answered) == 100
        with pytest.raises(
            SourceError, match=r"budget of the day is spent.*00:00 UTC.*goes on from there$"
        ) as raised:
            next(batches)
        assert "sesame" not in str(raised.value)
        assert len(str(raised.value)) < 450
        asked = len(server.asked)
        fake.budget = 1.0
        # Nothing was noted down that would hold the next run back.
        assert list(OpenAlex("openalex:", server.url, session, key=KEY).batches(wanted[:1]))
        assert len(server.asked) == asked + 2


def test_a_budget_spent_in_the_middle_of_a_group_keeps_what_is_known(session: PoliteSession) -> None:
    works = [a_work(1, "2401.00001", references=[3]), a_work(2, "2401.00002", references=range(100, 250))]
    works += [a_work(3, "1706.03762")] + [
        a_work(number, str(an_id(number, 1901))) for number in range(100, 250)
    ]
    fake = FakeOpenAlex(works[::-1], budget=0.00025)
    with fake.serving() as server:
        batches = OpenAlex("openalex:", server.url, session).batches([an_id(1), an_id(2)])
        batch = next(batches)
        with pytest.raises(SourceError, match="PAPERKIN_OPENALEX_KEY"):
            next(batches)
    assert batch.answered == (an_id(1),)
    assert len(batch.citations) == 100
    assert not batch.unknown


@pytest.mark.parametrize(
    "fault", [truncated, a_page_of_html, too_fast], ids=["truncated", "html", "too fast"]
)
def test_a_bad_answer_is_asked_for_again(session: PoliteSession, fault: Fault) -> None:
    works = [a_work(1, "2401.00001", references=[2]), a_work(2, "1706.03762")]
    (batch,), _ = read(FakeOpenAlex(works, faults=[fault, None, fault, fault]), session, [an_id(1)])
    assert pairs([batch]) == {("2401.00001", "1706.03762")}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (truncated, "broken JSON of"),
        (a_page_of_html, "a page of HTML instead of JSON"),
        (lambda _: Answer(200, b'{"results": []}'), "no page of works"),
    ],
    ids=["truncated", "html", "no page"],
)
def test_answers_that_stay_bad_end_in_one_sentence_without_the_key(
    session: PoliteSession, fault: Fault, words: str
) -> None:
    with pytest.raises(SourceError, match=r"/works\?.* 3 times with .*later") as raised:
        read(FakeOpenAlex([a_work(1, "2401.00001")], faults=[fault] * 3), session, [an_id(1)])
    assert words in str(raised.value)
    assert "sesame" not in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_wrong_key_is_told_and_not_shown(session: PoliteSession) -> None:
    with pytest.raises(SourceError, match="PAPERKIN_OPENALEX_KEY") as raised:
        read(FakeOpenAlex([], key="another"), session, [an_id(1)])
    assert "sesame" not in str(raised.value)


def test_who_stays_away_is_named_shortly_and_without_the_key(session: PoliteSession) -> None:
    fake = FakeOpenAlex([], faults=[lambda _: Answer(500)] * 6)
    with pytest.raises(SourceError, match="HTTP 500") as raised:
        read(fake, session, [an_id(number) for number in range(1, 101)])
    assert "sesame" not in str(raised.value)
    assert len(str(raised.value)) < 450


def test_a_refusal_is_told_in_the_words_of_the_service(session: PoliteSession) -> None:
    body = b'{"error": "Invalid query parameters error.", "message": "Unknown filter field: sesame-5/1"}'
    with pytest.raises(
        SourceError, match=r"HTTP 400\): Invalid query parameters error.*Unknown filter"
    ) as raised:
        read(FakeOpenAlex([], faults=[lambda _: Answer(400, body)]), session, [an_id(1)])
    assert "sesame" not in str(raised.value)


def test_who_asks_without_a_key_says_who_and_is_told_of_keys(session: PoliteSession) -> None:
    fake = FakeOpenAlex([])
    _, source = read(fake, session, [an_id(1)], key=None, contact="a@example.org")
    assert {query["mailto"] for query in fake.queries} == {"a@example.org"}
    assert "PAPERKIN_OPENALEX_KEY" in source.remarks[0]


def test_papers_are_taken_from_the_list_as_they_are_asked_for(session: PoliteSession) -> None:
    wanted = (an_id(number) for number in range(1, 5_000))
    with FakeOpenAlex([]).serving() as server:
        next(OpenAlex("openalex:", server.url, session, key=KEY).batches(wanted))
    assert next(wanted) == an_id(101)


@pytest.mark.parametrize(
    ("headers", "body", "spent"),
    [
        ({"X-RateLimit-Remaining-USD": "0.0005", "X-RateLimit-Cost-Required-USD": "0.001"}, b"", "spent"),
        ({"X-RateLimit-Remaining-USD": "$0.5", "X-RateLimit-Cost-Required-USD": "$0.001"}, b"", ""),
        ({"X-RateLimit-Remaining": "4", "X-RateLimit-Credits-Required": "10"}, b"", "spent"),
        ({"Retry-After": "81471"}, b"", "spent"),
        ({"Retry-After": "1"}, b"", ""),
        ({"Retry-After": "Wed, 21 Oct 2020 07:28:00 GMT"}, b"{}", ""),
        ({}, b'{"error": "Rate limit exceeded", "message": "Insufficient budget."}', "spent"),
        ({}, b'{"error": "Rate limit exceeded"}', ""),
    ],
)
def test_a_spent_budget_is_told_from_haste(
    session: PoliteSession, headers: dict[str, str], body: bytes, spent: str
) -> None:
    fake = FakeOpenAlex(
        [a_work(1, "2401.00001", references=[1])], faults=[lambda _: Answer(429, body, headers)]
    )
    if spent:
        with pytest.raises(SourceError, match="budget of the day is spent"):
            read(fake, session, [an_id(1)])
        assert len(fake.queries) == 1
    else:
        (batch,), _ = read(fake, session, [an_id(1)])
        assert batch.answered == (an_id(1),)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("https://openalex.org/W2741809807", 2741809807),
        ("W7", 7),
        ("https://openalex.org/works/w7", 7),
        ("https://openalex.org/A7", None),
        ("W", None),
        ("W" + "9" * 30, None),
        (7, None),
        (None, None),
    ],
)
def test_numbers_of_works(text: object, number: int | None) -> None:
    assert number_of(text) == number


@given(st.dictionaries(st.sampled_from(["id", "ids", "doi", "locations", "referenced_works"]), JSON))
def test_no_work_breaks_the_parsers(work: dict[str, Any]) -> None:
    assert all(isinstance(one, PaperId) for one in arxiv_ids(names_in(work)))
    assert all(isinstance(one, int) for one in references_of(work))


def test_old_ids_are_asked_for_by_their_doi(session: PoliteSession) -> None:
    works = [a_work(1, doi="10.1/1", references=[2]), a_work(2, "1706.03762")]
    fake = FakeOpenAlex(works, merged={"10.48550/arxiv.hep-th/9901001": 1})
    (batch,), _ = read(fake, session, [OLD])
    assert batch.answered == (OLD,)
    assert next(itertools.chain(*fake.filters)) == "10.48550/arxiv.hep-th/9901001"
