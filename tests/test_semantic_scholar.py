"""Semantic Scholar: what is asked, what its answers mean, and what its limits and faults cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import SourceError
from indexer.papers import CitationBatch, PaperId
from indexer.sources.answers import arxiv_id, words_of
from indexer.sources.polite.pace import Pace
from indexer.sources.polite.session import PoliteSession
from indexer.sources.semantic_scholar import SemanticScholar, cited_in, references_in
from tests.builders import an_id
from tests.fake_semantic_scholar import (
    BASE,
    FakeSemanticScholar,
    Fault,
    Paper,
    a_page_of_html,
    an_entry,
    as_json,
    one_short,
    shifted,
    too_many_requests,
    truncated,
)
from tests.fake_upstream import Answer

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["2401.00001", "10.48550/arXiv.1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["references", "externalIds", "ArXiv", "DOI", "referenceCount", "error", "message"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[PoliteSession]:
    """A session as in production, whose waits take no time."""
    with PoliteSession(Pace("semantic-scholar", 0.0, tmp_path, sleep=lambda _: None)) as made:
        yield made


def read(fake: FakeSemanticScholar, session: PoliteSession, wanted: Any) -> list[CitationBatch]:
    """All batches of a source over the fake."""
    with fake.serving() as server:
        source = SemanticScholar("semantic-scholar:", server.url + BASE, session)
        return list(source.batches(wanted))


def pairs(batches: list[CitationBatch]) -> list[tuple[str, str]]:
    return [(str(one.citing), str(one.cited)) for batch in batches for one in batch.citations]


def answered(batches: list[CitationBatch]) -> list[PaperId]:
    return [paper for batch in batches for paper in batch.answered]


def unknown(batches: list[CitationBatch]) -> list[PaperId]:
    return [paper for batch in batches for paper in batch.unknown]


def a_paper_with(count: int) -> Paper:
    """A paper that has `count` references, all on arXiv."""
    return Paper(
        [an_entry(arxiv=str(an_id(number, 1900 + 1 + number // 90_000))) for number in range(1, count + 1)]
    )


def test_references_with_an_arxiv_id_or_doi_become_citations(session: PoliteSession) -> None:
    entries = [
        an_entry(arxiv="1706.03762", doi="10.1145/3477495"),
        an_entry(doi="10.48550/ARXIV.1409.0473"),
        an_entry(arxiv="hep-th/9901001"),
        an_entry(arxiv="math.CA/0611800v2"),
        an_entry(doi="10.1145/3477495.3531992"),
        an_entry(),
        an_entry(arxiv="1706.03762"),
        an_entry(arxiv="2401.00001"),
    ]
    fake = FakeSemanticScholar(
        {"2401.00001": Paper(entries), "cs/0502056": Paper([an_entry(arxiv="1706.03762")])}
    )
    with fake.serving() as server:
        source = SemanticScholar("semantic-scholar:", server.url + BASE, session)
        (batch,) = source.batches([an_id(1), PaperId("cs/0502056")])
    assert pairs([batch]) == [
        ("2401.00001", "1706.03762"),
        ("2401.00001", "1409.0473"),
        ("2401.00001", "hep-th/9901001"),
        ("2401.00001", "math/0611800"),
        ("cs/0502056", "1706.03762"),
    ]
    assert batch.answered == (an_id(1), PaperId("cs/0502056"))
    assert (batch.cursor, batch.position) == (None, 1.0)
    assert fake.groups == [["ARXIV:2401.00001", "ARXIV:cs/0502056"]]
    assert fake.fields == ["externalIds,referenceCount,references.externalIds"]
    assert source.remarks == ["Semantic Scholar: 2 of 9 references left out, without an arXiv id"]


def test_what_is_not_known_is_told_from_what_is_empty(session: PoliteSession) -> None:
    papers = {
        "2401.00002": Paper(None),
        "2401.00003": Paper([], claimed=17),
        "2401.00004": Paper([]),
        "2401.00005": a_paper_with(1),
    }
    batches = read(FakeSemanticScholar(papers), session, [an_id(number) for number in range(1, 6)])
    assert unknown(batches) == [an_id(1), an_id(2), an_id(3)]
    assert answered(batches) == [an_id(4), an_id(5)]


def test_a_group_of_unknown_papers_is_refused_and_all_are_unknown(session: PoliteSession) -> None:
    batches = read(FakeSemanticScholar({}), session, [an_id(1), an_id(2)])
    assert unknown(batches) == [an_id(1), an_id(2)]
    assert not answered(batches)


@pytest.mark.parametrize("how", ["cut without a word", "refused"])
def test_groups_shrink_until_no_reference_is_missing(session: PoliteSession, how: str) -> None:
    wanted = [an_id(number) for number in range(1, 801)]
    papers = {str(paper): a_paper_with(20 + number % 60) for number, paper in enumerate(wanted)}
    fake = FakeSemanticScholar(papers, refuses=how == "refused")
    batches = read(fake, session, wanted)
    assert answered(batches) == wanted
    assert len(pairs(batches)) == sum(len(paper.references or ()) for paper in papers.values())
    # What the first group taught holds for the rest: 50 references each, so 140 papers fill 0.7 of an answer.
    sizes = [len(group) for group in fake.groups]
    assert sizes[:3] == [500, 250, 125]
    assert all(130 <= size <= 150 for size in sizes[3:-1])


def test_the_size_of_a_group_grows_again(session: PoliteSession) -> None:
    papers = {str(an_id(number)): a_paper_with(900 if number <= 20 else 0) for number in range(1, 2_001)}
    fake = FakeSemanticScholar(papers)
    batches = read(fake, session, (an_id(number) for number in range(1, 2_001)))
    assert len(answered(batches)) == 2_000
    sizes = [len(group) for group in fake.groups]
    assert min(sizes) == 7  # 6,300 references
    assert max(sizes[10:-1]) > 250
    assert max(sizes) == 500


def test_groups_that_time_out_are_halved(session: PoliteSession) -> None:
    papers = {str(an_id(number)): a_paper_with(2) for number in range(1, 301)}
    fake = FakeSemanticScholar(papers, slow=100)
    batches = read(fake, session, [an_id(number) for number in range(1, 301)])
    assert answered(batches) == [an_id(number) for number in range(1, 301)]
    assert [len(group) for group in fake.groups] == [300, 150, 75, 94, 118, 59, 72]


def test_a_long_list_is_read_page_by_page(session: PoliteSession) -> None:
    fake = FakeSemanticScholar({"2401.00001": a_paper_with(2_345), "2401.00002": a_paper_with(3)})
    batches = read(fake, session, [an_id(1), an_id(2)])
    assert len(pairs(batches)) == len(set(pairs(batches))) == 2_348
    assert set(answered(batches)) == {an_id(1), an_id(2)}
    assert len(fake.groups) == 1


def test_a_single_paper_that_is_refused_as_too_large_is_read_page_by_page(session: PoliteSession) -> None:
    fake = FakeSemanticScholar({"hep-th/9901001": a_paper_with(1_200)}, cap=500, refuses=True)
    batches = read(fake, session, [PaperId("hep-th/9901001")])
    assert len(pairs(batches)) == 1_200
    assert answered(batches) == [PaperId("hep-th/9901001")]


@pytest.mark.parametrize("how", ["empty_pages", "failing_pages"])
def test_where_a_page_is_missing_the_paper_is_not_answered(session: PoliteSession, how: str) -> None:
    fake = FakeSemanticScholar({"2401.00001": a_paper_with(3_000), "2401.00002": a_paper_with(1)})
    setattr(fake, how, [1_000])
    batches = read(fake, session, [an_id(1), an_id(2)])
    assert len(pairs(batches)) == 1_001
    assert answered(batches) == [an_id(2)]
    assert not unknown(batches)
    (rejected,) = [one for batch in batches for one in batch.rejected]
    assert rejected.id == an_id(1)
    assert rejected.where == "references 1,000 and on of 2401.00001"
    assert "/paper/ARXIV:2401.00001/references" in rejected.reason


def test_a_list_beyond_what_is_given_is_not_answered(session: PoliteSession) -> None:
    batches = read(FakeSemanticScholar({"2401.00001": a_paper_with(10_500)}), session, [an_id(1)])
    assert len(pairs(batches)) == 9_999
    assert not answered(batches)
    assert "the first 9,999 references only" in batches[0].rejected[0].reason


def test_a_list_that_is_withheld_page_by_page_is_unknown(session: PoliteSession) -> None:
    fake = FakeSemanticScholar({"2401.00001": Paper([an_entry()] * 2_000)})
    fake.faults = [None, lambda _: as_json({"data": None, "citingPaperInfo": {}})]
    batches = read(fake, session, [an_id(1)])
    assert unknown(batches) == [an_id(1)]


@pytest.mark.parametrize(
    "fault",
    [truncated, a_page_of_html, one_short, shifted, too_many_requests("0"), too_many_requests()],
    ids=["truncated", "html", "one short", "another order", "429 with Retry-After", "429 without"],
)
def test_a_bad_answer_is_asked_for_again(session: PoliteSession, fault: Fault) -> None:
    papers = {str(an_id(number)): a_paper_with(number) for number in range(1, 6)}
    good = read(FakeSemanticScholar(papers), session, [an_id(number) for number in range(1, 6)])
    spoilt = read(
        FakeSemanticScholar(papers, faults=[fault, fault]), session, [an_id(number) for number in range(1, 6)]
    )
    assert spoilt == good


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (truncated, "broken JSON of"),
        (a_page_of_html, "a page of HTML instead of JSON"),
        (one_short, "4 papers where 5 were asked for"),
        (shifted, "papers in another order"),
        (lambda _: as_json({"data": []}), "a dict where a list was due"),
        (lambda _: Answer(200, b""), "nothing"),
        (lambda _: Answer(200, b"[" * 200_000), "broken JSON"),
    ],
    ids=["truncated", "html", "one short", "another order", "no list", "nothing", "nested"],
)
def test_answers_that_stay_bad_end_in_one_sentence(session: PoliteSession, fault: Fault, words: str) -> None:
    papers = {str(an_id(number)): a_paper_with(number) for number in range(1, 6)}
    fake = FakeSemanticScholar(papers, faults=[fault] * 3)
    with pytest.raises(SourceError, match=r"/graph/v1/paper/batch.* 3 times with .*later") as raised:
        read(fake, session, [an_id(number) for number in range(1, 6)])
    assert words in str(raised.value)


def test_what_came_before_a_break_is_delivered_first(session: PoliteSession) -> None:
    papers = {str(an_id(number)): a_paper_with(1) for number in range(1, 601)}
    fake = FakeSemanticScholar(papers, faults=[None, *[truncated] * 3])
    with fake.serving() as server:
        batches = SemanticScholar("semantic-scholar:", server.url + BASE, session).batches(
            [an_id(number) for number in range(1, 601)]
        )
        first = next(batches)
        assert len(first.answered) == 500
        assert first.position == pytest.approx(500 / 600)
        with pytest.raises(SourceError):
            next(batches)


def test_papers_are_taken_from_the_list_as_they_are_asked_for(session: PoliteSession) -> None:
    taken: list[int] = []

    def wanted() -> Iterator[PaperId]:
        for number in range(1, 5_000):
            taken.append(number)
            yield an_id(number)

    with FakeSemanticScholar({"2401.00001": a_paper_with(1)}).serving() as server:
        source = SemanticScholar("semantic-scholar:", server.url + BASE, session)
        (batch,) = islice(source.batches(wanted()), 1)
    assert len(taken) == 500
    assert batch.position is None


def test_a_wrong_key_is_told(tmp_path: Path) -> None:
    fake = FakeSemanticScholar({"2401.00001": a_paper_with(1)}, key="right")
    pace = Pace("semantic-scholar", 0.0, tmp_path)
    with PoliteSession(pace, headers={"x-api-key": "right"}) as session:
        assert answered(read(fake, session, [an_id(1)])) == [an_id(1)]
    with (
        PoliteSession(pace, headers={"x-api-key": "wrong"}) as session,
        pytest.raises(SourceError, match="PAPERKIN_SEMANTIC_SCHOLAR_KEY"),
    ):
        read(fake, session, [an_id(1)])


def test_a_refusal_is_told_in_the_words_of_the_service(session: PoliteSession) -> None:
    fault: Fault = lambda _: as_json({"error": "Unrecognized or unsupported fields: [references.x]"}, 400)  # noqa: E731
    with pytest.raises(
        SourceError, match=r"HTTP 400\): Unrecognized or unsupported fields: \[references\.x\]"
    ):
        read(FakeSemanticScholar({}, faults=[fault]), session, [an_id(1)])


def test_two_ids_of_one_paper_are_both_answered(session: PoliteSession) -> None:
    papers = {
        "2401.00001": Paper([an_entry(arxiv="1706.03762")], also="2401.00002"),
        "2401.00002": a_paper_with(0),
    }
    batches = read(FakeSemanticScholar(papers), session, [an_id(1), an_id(2)])
    assert answered(batches) == [an_id(1), an_id(2)]


def test_a_paper_that_cannot_be_read_is_rejected_alone(session: PoliteSession) -> None:
    fault: Fault = lambda answer: as_json(["surprise", json.loads(answer.body)[1], {"references": {}}])  # noqa: E731
    papers = {str(an_id(number)): a_paper_with(1) for number in range(1, 4)}
    (batch,) = read(FakeSemanticScholar(papers, faults=[fault]), session, [an_id(1), an_id(2), an_id(3)])
    assert batch.answered == (an_id(2),)
    assert [(one.id, one.reason) for one in batch.rejected] == [
        (an_id(1), "not a paper but a str"),
        (an_id(3), "its references are no list but a dict"),
    ]


@given(JSON)
def test_no_answer_breaks_the_parsers(value: Any) -> None:
    try:
        entries = references_in(value)
    except ValueError:
        entries = None
    assert entries is None or isinstance(entries, list)
    assert cited_in(value) is None or isinstance(cited_in(value), PaperId)
    assert isinstance(words_of(json.dumps(value).encode()), str)


@pytest.mark.parametrize("text", ["10.1145/3477495", "", "arXiv", "10.48550/other.1", None, 2401.00001])
def test_what_is_no_arxiv_id_is_none(text: object) -> None:
    assert arxiv_id(text) is None
