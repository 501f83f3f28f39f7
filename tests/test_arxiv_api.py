"""arXiv's Atom API: all that a search has is read, however badly it is answered, and nothing is believed too soon."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import arxiv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import InvalidPaperId, SettingsError, SourceError
from indexer.papers import Author, Completeness, Paper, PaperBatch, PaperId, Version, Window
from indexer.sources.arxiv_api.pages import AtomApi, Refused
from indexer.sources.arxiv_api.source import OVERLAP, ArxivApi, Limits
from indexer.sources.polite.session import PoliteSession
from tests.fake_arxiv import (
    API,
    FakeArxiv,
    Query,
    Spoil,
    a_session,
    a_web_page,
    an_entry,
    an_error,
    atom,
    empty,
    empty_first_page,
    only,
    short_by,
    status,
    submitted,
    times,
    truncated,
)
from tests.fake_upstream import Answer, Upstream

ALL = Window()
SMALL = Limits(page=10, window=25, ids=5)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[PoliteSession]:
    """A session as in production, whose waits take no time."""
    with a_session(tmp_path) as made:
        yield made


@contextmanager
def over(
    fake: FakeArxiv, session: PoliteSession, query: str = "cat:cs.DL", window: Window = ALL
) -> Iterator[ArxivApi]:
    """The source over a fake, with small pages and windows."""
    with Upstream(fake) as server:
        yield ArxivApi(f"arxiv:{query}", server.url + API, session, query=query, window=window, limits=SMALL)


def read(source: ArxivApi, cursor: str | None = None) -> tuple[list[PaperBatch], str | None]:
    """All batches, and how the reading failed, if it did."""
    batches: list[PaperBatch] = []
    try:
        batches.extend(source.batches(cursor))
    except SourceError as error:
        return batches, str(error)
    return batches, None


def papers_of(batches: list[PaperBatch]) -> dict[PaperId, Paper]:
    return {paper.id: paper for batch in batches for paper in batch.papers}


def by_id(papers: list[Paper]) -> dict[PaperId, Paper]:
    return {paper.id: paper for paper in papers}


def some(count: int) -> list[Paper]:
    return [submitted(number) for number in range(1, count + 1)]


class TestPapers:
    def test_all_that_the_api_knows_arrives(self, session: PoliteSession) -> None:
        paper = submitted(
            1,
            title="Escaped <b> & $\\alpha$",
            authors=(Author("van der Waals", "J. D."), Author("ATLAS Collaboration")),
            comments="12 pages",
            journal_ref="Nature 1 (2026) 2",
            doi="10.1000/1",
            versions=(
                Version(1, datetime(2026, 1, 2, tzinfo=UTC)),
                Version(3, datetime(2026, 2, 3, tzinfo=UTC)),
            ),
        )
        with over(FakeArxiv([paper]), session) as source:
            (batch,) = source.batches()
        assert batch.papers == (paper,)
        assert (batch.position, batch.completeness, batch.rejected, source.remarks) == (
            1,
            Completeness.PARTIAL,
            (),
            [],
        )

    def test_old_ids_and_withdrawals_are_known(self, session: PoliteSession) -> None:
        paper = submitted(
            1, id=PaperId("hep-th/9901001"), comments="This paper has been withdrawn by the authors"
        )
        with over(FakeArxiv([paper]), session) as source:
            (batch,) = source.batches()
        assert batch.papers == (replace(paper, withdrawn=True),)

    def test_classes_of_other_schemes_are_no_categories(self, session: PoliteSession) -> None:
        paper = submitted(1, categories=("cs.SY", "math.NA", "q-bio.QM", "astro-ph", "cond-mat.str-el"))
        others = ["I.2.11", "68T50", "F.2.2; I.2.7", "Primary 05C35", "cs.SY"]
        fake = FakeArxiv(
            [paper], [lambda query, _: atom([an_entry(paper, extra_categories=others)], query, total=1)]
        )
        with over(fake, session) as source:
            (batch,) = source.batches()
        assert batch.papers[0].categories == ("eess.SY", "math.NA", "q-bio.QM", "astro-ph", "cond-mat.str-el")

    @pytest.mark.parametrize(
        ("spoilt", "reason", "known"),
        [
            (
                lambda entry: entry.replace("<published>2026", "<published>soon 2026"),
                "published is 'soon",
                True,
            ),
            (lambda entry: entry.replace("updated>", "revised>"), "updated is ''", True),
            (
                lambda entry: entry.replace("2401.00002v1</id>", "2401.2v1</id>"),
                "not an arXiv identifier",
                False,
            ),
            (lambda entry: entry.replace("<id>", "<ID>").replace("</id>", "</ID>"), "no id", False),
        ],
    )
    def test_an_entry_that_cannot_be_read_is_reported_and_stops_nothing(
        self,
        session: PoliteSession,
        spoilt: Callable[[str], str],
        reason: str,
        known: bool,  # noqa: FBT001  # a table
    ) -> None:
        papers = some(3)

        def spoil(_: Query, answer: Answer) -> Answer:
            entry = an_entry(papers[1])
            return replace(answer, body=answer.body.replace(entry.encode(), spoilt(entry).encode()))

        with over(FakeArxiv(papers, [spoil]), session) as source:
            batches, failure = read(source)
        assert failure is None
        assert papers_of(batches) == by_id([papers[0], papers[2]])
        (rejected,) = batches[0].rejected
        assert reason in rejected.reason
        assert "kinship number 2" in rejected.raw
        assert rejected.id == (papers[1].id if known else None)

    def test_forbidden_characters_are_taken_out_and_told(self, session: PoliteSession) -> None:
        papers = some(2)

        def spoil(_: Query, answer: Answer) -> Answer:
            return replace(answer, body=answer.body.replace(b"kinship number 2", b"kinship\x0b number\x00 2"))

        with over(FakeArxiv(papers, [spoil]), session) as source:
            batches, _ = read(source)
        assert papers_of(batches) == by_id(papers)
        assert source.remarks == ["2 characters that XML forbids were taken out of a page of arXiv's"]


class TestSearch:
    def test_a_small_search_is_read_page_by_page(self, session: PoliteSession) -> None:
        fake = FakeArxiv([*some(23), submitted(99, categories=("hep-th",))])
        with over(fake, session) as source:
            batches, failure = read(source)
        assert failure is None
        assert papers_of(batches) == by_id(some(23))
        assert [batch.position for batch in batches] == [
            pytest.approx(share) for share in (10 / 23, 19 / 23, 1)
        ]
        assert [(query.start, query.size, query.dates) for query in fake.queries] == [
            (0, 1, None), (0, 10, None), (9, 10, None), (18, 10, None)
        ]  # fmt: skip

    def test_a_large_search_is_read_in_windows_and_none_is_too_large(self, session: PoliteSession) -> None:
        papers = some(120)
        fake = FakeArxiv(papers)
        with over(fake, session) as source:
            batches, failure = read(source)
        assert failure is None
        assert papers_of(batches) == by_id(papers)
        assert source.remarks == []
        pages = [query for query in fake.queries if query.size > 1]
        assert all(query.dates and len(fake.found(query)) <= SMALL.window for query in pages)
        assert batches[-1].position == 1

    def test_the_operator_is_named_and_not_the_package(self, session: PoliteSession) -> None:
        with Upstream(FakeArxiv(some(1))) as server:
            list(ArxivApi("arxiv:x", server.url + API, session, query="x", window=ALL).batches())
        (agent,) = {one.headers["User-Agent"] for one in server.asked}
        assert agent.startswith("paperkin")
        assert "a@b.org" in agent

    def test_after_any_cursor_the_rest_comes(self, session: PoliteSession) -> None:
        papers = some(60)
        with over(FakeArxiv(papers), session) as source:
            batches, _ = read(source)
            assert len(batches) > 4
            for index, batch in enumerate(batches[:-1]):
                later, failure = read(source, batch.cursor)
                assert failure is None
                assert papers_of([*batches[: index + 1], *later]) == by_id(papers)
                assert len(later) <= len(batches) - index - 1

    def test_the_next_crawl_reads_on_from_two_weeks_before_the_newest(self, session: PoliteSession) -> None:
        old, week = some(20), timedelta(days=7)
        newest = old[-1].submitted
        with over(FakeArxiv(old), session) as source:
            batches, _ = read(source)
        held = submitted(50, first=newest - OVERLAP + week)
        new = submitted(51, first=newest + week)
        fake = FakeArxiv([*old, held, new, submitted(52, first=newest - OVERLAP - 2 * week)])
        with over(fake, session) as source:
            later, failure = read(source, batches[-1].cursor)
        assert failure is None
        assert set(papers_of(later)) == {paper.id for paper in [*old, held, new]}
        starts = {query.dates and query.dates[0] for query in fake.queries}
        assert starts == {None, newest - OVERLAP}

    def test_a_date_in_the_future_does_not_hide_what_comes_before_it(self, session: PoliteSession) -> None:
        papers = [*some(5), submitted(6, versions=(Version(1, datetime(2099, 1, 1, tzinfo=UTC)),))]
        with over(FakeArxiv(papers), session) as source:
            batches, _ = read(source)
        (state,) = json.loads(batches[-1].cursor or "").values()
        assert datetime.fromisoformat(state["newest"]) == papers[4].submitted

    @pytest.mark.parametrize(
        ("window", "numbers"),
        [
            (Window(date(2026, 1, 3)), range(48, 73)),
            (Window(None, date(2026, 1, 2)), range(1, 48)),
            (Window(date(2026, 1, 2), date(2026, 1, 2)), range(24, 48)),
            (Window(date(2027, 1, 1)), range(0)),
        ],
    )
    def test_it_can_be_narrowed_to_days(self, session: PoliteSession, window: Window, numbers: range) -> None:
        with over(FakeArxiv(some(72)), session, window=window) as source:
            batches, failure = read(source)
        assert failure is None
        assert papers_of(batches) == by_id([submitted(number) for number in numbers])

    def test_a_narrowed_crawl_moves_no_other(self, session: PoliteSession) -> None:
        papers = some(72)
        narrow = Window(date(2026, 1, 2), date(2026, 1, 2))
        with over(FakeArxiv(papers), session, window=narrow) as source:
            narrowed, _ = read(source)
        assert json.loads(narrowed[-1].cursor or "") == {}  # asked for again, it is read again
        with over(FakeArxiv(papers), session) as source:
            whole, _ = read(source, narrowed[-1].cursor)
        assert papers_of(whole) == by_id(papers)
        fake = FakeArxiv(papers)
        with over(fake, session, window=narrow) as source:
            _, failure = read(source, whole[3].cursor)
            assert failure is None
            cursor = list(source.batches(whole[3].cursor))[-1].cursor
        with over(fake, session) as source:
            later, _ = read(source, cursor)
        assert papers_of([*whole[:4], *later]) == by_id(papers)

    @pytest.mark.parametrize(
        "cursor", ["", "x", "[]", "17", '{"/": 3}', '{"/": {"todo": [[1]]}}', '{"/": {}}']
    )
    def test_a_cursor_that_cannot_be_read_is_void(self, session: PoliteSession, cursor: str) -> None:
        with over(FakeArxiv(some(3)), session) as source:
            batches, _ = read(source, cursor)
        assert papers_of(batches) == by_id(some(3))

    def test_nothing_found_is_said(self, session: PoliteSession) -> None:
        fake = FakeArxiv(some(3))
        with over(fake, session, "cat:hep-th") as source:
            assert read(source) == ([], None)
        assert source.remarks == ["arXiv finds nothing for cat:hep-th"]
        assert len(fake.queries) == 3

    def test_more_than_can_be_read_within_a_minute_fails_and_the_rest_is_read(
        self, session: PoliteSession
    ) -> None:
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        crowd = [submitted(100 + number, versions=(Version(1, moment),)) for number in range(30)]
        with over(FakeArxiv([*some(20), *crowd]), session) as source:
            batches, failure = read(source)
        assert set(by_id(some(20))) <= set(papers_of(batches))
        assert failure
        assert "more than 25 results within a minute" in failure


def lie_about_halves(query: Query, answer: Answer) -> Answer:
    """Windows that end early are empty, when asked how much they have."""
    if query.dates and query.dates[1] < datetime(2026, 1, 2, 12, tzinfo=UTC) and b"<entry>" in answer.body:
        return empty(query, answer)
    return answer


def pages(spoil: Spoil) -> Spoil:
    """Spoil pages and not what only asks how many results there are."""
    return lambda query, answer: spoil(query, answer) if query.size > 1 else answer


class TestFaults:
    FAULTS: Mapping[str, Callable[[], Spoil]] = MappingProxyType(
        {
            "429 without Retry-After": lambda: times(2, status(429)),
            "500": lambda: times(3, status(500)),
            "an empty first page": lambda: times(1, empty_first_page),
            "empty first answers": lambda: times(2, empty),
            "empty pages": lambda: times(4, pages(empty)),
            "short pages": lambda: times(5, short_by(1)),
            "very short pages": lambda: times(5, short_by(9)),
            "a page that is short by its place and size": lambda: only(9, 10, short_by(2)),
            "a page that is empty by its place and size": lambda: only(9, 10, empty),
            "a page that fails by its place and size": lambda: only(9, 10, status(500)),
            "truncated XML": lambda: times(2, truncated),
            "HTML": lambda: times(2, a_web_page),
            "windows that hide their papers": lambda: times(2, lie_about_halves),
        }
    )

    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("count", [23, 40])
    def test_everything_is_read_all_the_same(self, session: PoliteSession, fault: str, count: int) -> None:
        seen = 0

        def counted(query: Query, answer: Answer) -> Answer:
            nonlocal seen
            spoiled = spoil(query, answer)
            seen += spoiled is not answer
            return spoiled

        spoil = self.FAULTS[fault]()
        fake = FakeArxiv(some(count), [counted])
        with over(fake, session) as source:
            batches, failure = read(source)
        assert failure is None
        assert seen or (fault.startswith("windows") and count == 23)
        assert papers_of(batches) == by_id(some(count))

    @settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.sampled_from(["", "", "", "empty", "short", "429", "cut", "html"]), max_size=40))
    def test_any_faults_that_end_lose_nothing(self, tmp_path: Path, faults: list[str]) -> None:
        todo = iter(faults)
        kinds: dict[str, Spoil] = {
            "empty": empty, "short": short_by(1), "429": status(429), "cut": truncated, "html": a_web_page
        }  # fmt: skip

        def spoil(query: Query, answer: Answer) -> Answer:
            kind = next(todo, "")
            return kinds[kind](query, answer) if kind else answer

        cursor: str | None = None
        kept: dict[PaperId, Paper] = {}
        for _ in range(60):
            with a_session(tmp_path) as session, over(FakeArxiv(some(28), [spoil]), session) as source:
                batches, failure = read(source, cursor)
            kept |= papers_of(batches)
            cursor = batches[-1].cursor if batches else cursor
            if failure is None and (batches or cursor):
                break
        else:
            pytest.fail("the crawl never ends")
        assert kept == by_id(some(28))

    @pytest.mark.parametrize(("count", "phantoms"), [(60, {30}), (23, {2, 20})])
    def test_a_page_that_stays_short_fails_its_window_and_nothing_else(
        self, session: PoliteSession, count: int, phantoms: set[int]
    ) -> None:
        papers = some(count)

        def spoil(_: Query, answer: Answer) -> Answer:
            body = answer.body
            for number in phantoms:
                body = body.replace(an_entry(papers[number]).encode(), b"")
            return replace(answer, body=body)

        fake = FakeArxiv(papers, [spoil])
        with over(fake, session) as source:
            batches, failure = read(source)
            assert papers_of(batches) == by_id(
                [paper for number, paper in enumerate(papers) if number not in phantoms]
            )
            assert failure
            assert "no whole answer to cat:cs.DL" in failure
            assert len(json.loads(batches[-1].cursor or "")["/"]["failed"]) == 1
            fake.spoils.clear()
            later, failure = read(source, batches[-1].cursor)
        assert failure is None
        assert {papers[number].id for number in phantoms} <= set(papers_of(later))
        assert json.loads(later[-1].cursor or "")["/"]["failed"] == []

    def test_results_that_are_known_are_never_believed_gone(self, session: PoliteSession) -> None:
        fake = FakeArxiv(some(5))
        with over(fake, session) as source:
            batches, _ = read(source)
            fake.spoils.append(empty)
            later, failure = read(source, batches[-1].cursor)
        assert later == []
        assert failure
        assert "no results, where there were some before" in failure

    def test_a_service_that_is_broken_is_not_asked_for_ever(self, session: PoliteSession) -> None:
        fake = FakeArxiv(some(200))
        fake.spoils.append(pages(short_by(1)))
        with over(fake, session) as source:
            _, failure = read(source)
        assert failure
        assert len(fake.queries) < 100

    @pytest.mark.parametrize("spoil", [truncated, a_web_page])
    def test_what_is_never_a_feed_fails_and_names_the_address(
        self, session: PoliteSession, spoil: Spoil
    ) -> None:
        with over(FakeArxiv(some(5), [spoil]), session) as source:
            batches, failure = read(source)
        assert batches == []
        assert failure
        assert API in failure

    def test_an_overload_that_lasts_keeps_what_was_read(self, session: PoliteSession) -> None:
        fake = FakeArxiv(some(23))
        fake.spoils.append(lambda query, answer: Answer(500) if query.start >= 9 else answer)
        with over(fake, session) as source:
            batches, failure = read(source)
            assert len(papers_of(batches)) == 10
            assert failure
            assert "500" in failure
            fake.spoils.clear()
            later, failure = read(source, batches[-1].cursor)
        assert failure is None
        assert papers_of([*batches, *later]) == by_id(some(23))

    def test_403_stops_everything(self, session: PoliteSession) -> None:
        fake = FakeArxiv(some(5), [status(403)])
        with over(fake, session) as source:
            _, failure = read(source)
        assert failure
        assert "403" in failure
        assert len(fake.queries) == 1

    def test_papers_that_vanish_while_pages_are_read_shift_nothing_out(self, session: PoliteSession) -> None:
        papers = some(23)
        fake = FakeArxiv(list(papers))
        with over(fake, session) as source:
            reading = source.batches()
            batches = [next(reading)]
            del fake.papers[3]
            batches += list(reading)
        assert papers_of(batches) == by_id(papers)

    @pytest.mark.parametrize("code", [200, 400])
    def test_an_error_feed_is_an_error_in_arxivs_own_words(self, session: PoliteSession, code: int) -> None:
        fake = FakeArxiv(some(5), [lambda *_: an_error("bad_query", "unbalanced quotation", code)])
        with over(fake, session, 'ti:"graph') as source:
            batches, failure = read(source)
        assert batches == []
        assert failure
        assert "unbalanced quotation" in failure
        assert 'search_query=ti:"graph' in failure
        assert len(fake.queries) == 1

    def test_what_the_api_refuses_without_a_reason_is_told(self, session: PoliteSession) -> None:
        with over(FakeArxiv(some(5), [status(406)]), session) as source:
            _, failure = read(source)
        assert failure
        assert "HTTP 406" in failure
        assert "PAPERKIN_ARXIV_API" in failure

    def test_beyond_30000_the_fake_refuses_as_arxiv_does(self, session: PoliteSession) -> None:
        with Upstream(FakeArxiv(some(5))) as server, pytest.raises(Refused, match="no more than 30000"):
            AtomApi(server.url + API, session).page(arxiv.Search("x", max_results=None), 30_000, 10)


class TestIds:
    def test_ids_are_looked_up_in_groups_each_once(self, session: PoliteSession) -> None:
        papers = [*some(11), submitted(12, id=PaperId("hep-th/9901001"))]
        names = [*(f"arXiv:{paper.id}v1" for paper in papers), str(papers[0].id)]
        fake = FakeArxiv(papers)
        with over(fake, session, ", ".join(names)) as source:
            batches, failure = read(source)
        assert failure is None
        assert papers_of(batches) == by_id(papers)
        assert [len(query.ids) for query in fake.queries] == [5, 5, 2]
        assert [batch.position for batch in batches] == [5 / 12, 10 / 12, 1]
        assert batches[-1].cursor is None
        with over(fake, session, ", ".join(names)) as source:
            assert list(source.batches(batches[0].cursor)) == batches[1:]

    def test_ids_that_are_missing_are_asked_for_again_and_then_told(self, session: PoliteSession) -> None:
        fake = FakeArxiv(some(2), [times(1, short_by(1))])
        with over(fake, session, "2401.00001,2401.00002,0808.0539,2401.00077") as source:
            batches, failure = read(source)
        assert failure is None
        assert papers_of(batches) == by_id(some(2))
        assert [query.ids for query in fake.queries][1] == ("0808.0539", "2401.00002", "2401.00077")
        assert source.remarks == ["arXiv knows no 0808.0539, 2401.00077"]

    def test_an_id_that_the_api_calls_wrong_spoils_no_other(self, session: PoliteSession) -> None:
        fake = FakeArxiv(some(4), refused_ids=frozenset({"2401.00003"}))
        with over(fake, session, ",".join(str(paper.id) for paper in some(4))) as source:
            (batch,) = source.batches()
        assert set(by_id(list(batch.papers))) == {paper.id for paper in some(4)} - {PaperId("2401.00003")}
        (rejected,) = batch.rejected
        assert (str(rejected.id), rejected.reason) == ("2401.00003", "incorrect id format for 2401.00003")

    def test_a_list_with_something_else_in_it_is_refused(self, session: PoliteSession) -> None:
        with pytest.raises(InvalidPaperId, match=r"24011\.2"):
            ArxivApi("arxiv:x", "http://127.0.0.1/", session, query="2401.00001,24011.2", window=ALL)
        with pytest.raises(SettingsError, match="names no papers"):
            ArxivApi("arxiv:", "http://127.0.0.1/", session, query=" ", window=ALL)


def recorded(shared: Path) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text("utf-8")) for path in sorted((shared / "fixtures/arxiv-api").glob("*.json"))
    ]


class TestRecordedAnswers:
    def test_every_one_is_read(self, session: PoliteSession, shared: Path) -> None:
        answers = recorded(shared)
        assert len(answers) == 20
        for answer in answers:
            query = Query.of(answer["url"])
            search = arxiv.Search(query.query, list(query.ids), max_results=None)
            body = answer["body"].encode()
            with Upstream(Answer(answer["status_code"], body)) as server:
                api = AtomApi(server.url + API, session)
                if query.ids == ("abc",):
                    with pytest.raises(Refused, match="incorrect id format for abc"):
                        api.page(search, query.start, query.size)
                    continue
                page = api.page(search, query.start, query.size)
            assert page.rejected == ()
            assert len(page.papers) == page.entries == body.count(b"<entry>")
            assert all(paper.title and paper.abstract and paper.authors for paper in page.papers)
            assert all(paper.categories and paper.day_known for paper in page.papers)
            assert page.moment.year == 2026
            assert page.total == (214_881 if query.query else len(page.papers))
