from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import SourceError
from indexer.papers import Listing, PaperId, Window
from indexer.ports import ListedSource
from indexer.sources.oai_pmh.cursor import DAY, Cursor
from indexer.sources.oai_pmh.source import OaiPmh
from indexer.sources.polite.session import PoliteSession
from tests.fake_oai import FakeOai
from tests.oai_faults import Faults
from tests.oai_library import Library, Opened, asked, fill, hasty_session, papers_of, spread
from tests.oai_model import TODAY, OaiRecord, build_records


@pytest.fixture
def session(tmp_path: Path) -> PoliteSession:
    return hasty_session(tmp_path / "state")


@pytest.fixture
def fake() -> Iterator[FakeOai]:
    with FakeOai(page=10).serving() as server:
        yield server


@pytest.fixture
def opened(fake: FakeOai, session: PoliteSession) -> Opened:
    return Opened(fake, session)


class TestWholeHarvest:
    def test_every_record_comes_once(self, fake: FakeOai, opened: Opened) -> None:
        for record in build_records(200, seed=1):
            fake.put(record)
        source: ListedSource = opened()
        batches = list(source.batches())
        papers = [paper for batch in batches for paper in batch.papers]
        assert len(batches) == 20
        assert [paper.id.value for paper in papers] == [record.id for record in fake.records]
        assert {paper.id: paper for paper in papers} == papers_of(fake.records)
        assert [one for batch in batches for one in batch.listed] == [
            Listing(PaperId(record.id), record.datestamp) for record in fake.records
        ]
        assert not any(batch.rejected or batch.deleted for batch in batches)
        assert source.remarks == []

    def test_the_position_grows_to_the_end(self, fake: FakeOai, opened: Opened) -> None:
        spread(fake, 95)
        positions = [batch.position or 0.0 for batch in opened().batches()]
        assert positions == sorted(positions)
        assert 0 <= positions[0] < positions[-2] < positions[-1] == 1

    def test_one_format_is_asked_for_and_nothing_else(self, fake: FakeOai, opened: Opened) -> None:
        spread(fake, 15)
        list(opened("cs:cs:DL").batches())
        first, second = fake.requests
        assert first == {"verb": "ListRecords", "metadataPrefix": "arXivRaw", "set": "cs:cs:DL"}
        assert second.keys() == {"verb", "resumptionToken"}

    def test_a_set_is_what_is_in_it(self, fake: FakeOai, opened: Opened) -> None:
        for record in build_records(100, seed=2):
            fake.put(record)
        library = Library()
        library.crawl(opened("physics:hep-th"))
        assert library.papers == papers_of([one for one in fake.records if "hep-th" in one.categories])
        assert library.papers

    def test_deleted_records_are_told(self, fake: FakeOai, opened: Opened) -> None:
        records = fill(fake, "01-01", "01-02")
        fake.put(replace(records[0], deleted=True))
        (batch,) = opened().batches()
        assert batch.deleted == (PaperId("2401.00001"),)
        assert [paper.id.value for paper in batch.papers] == ["2401.00002"]

    def test_an_empty_server_has_nothing(self, opened: Opened) -> None:
        assert list(opened().batches()) == []


class TestIncrements:
    def test_the_next_begins_a_day_before_the_last_datestamp(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "01-01", "03-05")
        library = Library()
        library.crawl(opened())
        assert library.kept("from") == "2026-03-04"
        assert library.kept("reached") == "2026-03-05"
        assert library.kept("served") == TODAY.isoformat()
        fake.put(OaiRecord("2401.00009", date(2026, 3, 5)))
        fake.put(OaiRecord("2401.00010", date(2026, 4, 1)))
        (batch,) = library.crawl(opened())
        assert [paper.id.value for paper in batch.papers] == ["2401.00002", "2401.00009", "2401.00010"]
        assert asked(fake) == ["", "2026-03-04"]
        assert library.kept("from") == "2026-03-31"

    def test_nothing_new_changes_nothing(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "01-01", "03-05")
        library = Library()
        library.crawl(opened())
        before = library.state
        library.crawl(opened())
        assert library.state == before
        assert len(library.papers) == 2

    def test_a_datestamp_in_the_future_counts_as_of_today(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "03-05", "12-31")
        library = Library()
        library.crawl(opened())
        assert library.kept("from") == (TODAY - DAY).isoformat()
        assert library.listed[PaperId("2401.00002")] == date(2026, 12, 31)

    def test_a_clock_that_is_off_leaves_no_gap(self, fake: FakeOai, opened: Opened) -> None:
        library = Library()
        fake.faults = Faults(skewed=True)
        for number in range(1, 13):
            fake.now += DAY
            fake.put(OaiRecord(f"2401.{number:05}", fake.now.date()))
            library.crawl(opened())
        assert library.papers == papers_of(fake.records)
        assert len(fake.requests) < 60

    def test_a_cursor_that_cannot_be_read_is_none(self, fake: FakeOai, opened: Opened) -> None:
        spread(fake, 20)
        whole = list(opened().batches())
        for broken in ("", "{", "[]", "3", '{"from": "x"}', '{"owed": 3}'):
            assert list(opened().batches(broken)) == whole


class TestRestarts:
    @pytest.mark.parametrize("most", [1, 2, 5, 9])
    def test_a_new_process_lists_again_and_trusts_no_token(
        self, fake: FakeOai, opened: Opened, most: int
    ) -> None:
        records = spread(fake, 95)
        library = Library()
        library.crawl(opened(), most=most)
        reached = records[10 * most - 1].datestamp
        assert library.kept("token")
        library.crawl(opened())
        again = asked(fake)[most]
        assert again == max(reached - DAY, records[0].datestamp).isoformat()
        assert library.papers == papers_of(records)

    @settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(kills=st.lists(st.integers(1, 4), max_size=12), seed=st.integers(0, 99))
    def test_however_often_it_is_killed_nothing_is_lost(
        self, session: PoliteSession, kills: list[int], seed: int
    ) -> None:
        with FakeOai(build_records(60, seed=seed), page=5).serving() as fake:
            library = Library()
            for most in kills:
                library.crawl(OaiPmh("x", fake.url, session, set_spec=None, window=Window()), most=most)
            library.crawl(OaiPmh("x", fake.url, session, set_spec=None, window=Window()))
            assert library.papers == papers_of(fake.records)

    def test_without_order_it_starts_at_the_beginning(
        self, fake: FakeOai, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        records = spread(fake, 60)
        dice = [*records[30:], *records[:30]]
        order = [(record.datestamp, record.id) for record in dice]
        selected = fake._selected
        monkeypatch.setattr(
            fake, "_selected", lambda *args, **kwargs: sorted(selected(*args, **kwargs), key=order.index)
        )
        library = Library()
        library.crawl(opened(), most=4)
        assert library.kept("from") is None
        assert library.kept("ordered") is False
        library.crawl(opened(), most=2)  # all in order so far, and yet
        assert library.kept("from") is None
        library.crawl(opened())
        assert library.papers == papers_of(records)
        assert library.kept("from") == (records[-1].datestamp - DAY).isoformat()
        assert library.kept("ordered") is True


class TestTokens:
    def test_an_expired_one_is_replaced_within_the_run(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 95)
        fake.faults = Faults(expire_every=3)
        source, library = opened(), Library()
        library.crawl(source)
        assert library.papers == papers_of(records)
        assert fake.fired["expire"] > 2
        assert "a resumption token expired; the list was taken up from 2026-" in source.remarks[0]

    def test_midnight_passes(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 95)
        library = Library()
        reading = opened().batches()
        for _ in range(4):
            library.papers |= {paper.id: paper for paper in next(reading).papers}
        fake.now += DAY
        for batch in reading:
            library.papers |= {paper.id: paper for paper in batch.papers}
        assert fake.fired["midnight"] == 1
        assert library.papers == papers_of(records)

    def test_many_records_of_one_day_outlive_it(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, *["01-01"] * 95)
        library = Library()
        reading = opened().batches()
        for _ in range(7):
            next(reading)
        fake.now += DAY
        for batch in reading:
            library.papers |= {paper.id: paper for paper in batch.papers}
        assert len(library.papers) == 95

    def test_one_that_is_never_accepted_ends_the_run(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, *["01-01"] * 15)
        fake.faults = Faults(expire_every=1)
        with pytest.raises(
            SourceError, match=r"badResumptionToken .* the list got no further than 2026-01-01"
        ):
            list(opened().batches())
        assert len(fake.requests) < 12

    def test_one_that_repeats_itself_ends_the_run(self, fake: FakeOai, opened: Opened) -> None:
        spread(fake, 40)
        fake.faults = Faults(repeating=True)
        with pytest.raises(SourceError, match=r"skip%3D0' twice, which would never end"):
            list(opened().batches())
        assert len(fake.requests) < 5

    def test_an_empty_page_with_a_token_is_not_the_end(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 15)
        reply = fake.reply

        def hollow(query: str) -> object:
            answer = reply(query)
            if "resumptionToken" not in query:
                body = answer.body.decode()
                begin, end = body.index("<record>"), body.rindex("</record>")
                answer.body = (body[:begin] + body[end + len("</record>") :]).encode()
            return answer

        fake.reply = hollow  # type: ignore[assignment, method-assign]  # a server that sends an empty first page
        library = Library()
        library.crawl(opened())
        assert library.papers == papers_of(records[10:])


class TestNothingThere:
    def test_a_stale_answer_is_asked_around(self, fake: FakeOai, opened: Opened) -> None:
        pinned = next(TODAY - n * DAY for n in range(2, 7) if (TODAY - n * DAY).toordinal() % 4 == 0)
        fake.put(OaiRecord("2401.00001", pinned + DAY))
        fake.put(OaiRecord("2401.00003", pinned - 9 * DAY))
        library = Library()
        library.crawl(opened())
        fake.faults = Faults(pinned=True)
        fake.put(OaiRecord("2401.00002", TODAY))
        source = opened()
        library.crawl(source)
        assert asked(fake)[1:] == [pinned.isoformat(), (pinned - DAY).isoformat()]
        assert PaperId("2401.00002") in library.papers
        assert source.remarks == [f"a stale answer said that nothing is new since {pinned}"]

    def test_at_most_three_days_back(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "03-05")
        library = Library()
        library.crawl(opened())
        before = library.cursor
        fake.drop("2401.00001")
        source = opened()
        assert library.crawl(source) == []
        assert library.cursor == before
        assert asked(fake)[1:] == ["2026-03-05", "2026-03-04", "2026-03-03", "2026-03-02"]
        assert "noRecordsMatch" in source.remarks[0]
        assert "it had something since 2026-03-05 before" in source.remarks[0]

    def test_where_nothing_is_known_it_is_believed(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "03-05")
        source = opened(since=date(2026, 3, 6))
        assert list(source.batches()) == []
        assert len(fake.requests) == 1
        assert source.remarks == []


class TestWindows:
    def test_with_an_end_it_is_a_source_of_its_own(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "01-01", "01-31", "02-01", "02-02")
        source = opened(since=date(2026, 1, 2), until=date(2026, 2, 1))
        assert source.name == "oai-pmh:?from=2026-01-02&until=2026-02-01"
        library = Library()
        library.crawl(source)
        assert [paper_id.value for paper_id in library.papers] == ["2401.00002", "2401.00003"]
        library.crawl(source)
        assert asked(fake) == ["2026-01-02", "2026-01-31"]

    def test_a_beginning_is_where_the_first_harvest_begins(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "01-01", "01-31", "02-01")
        source = opened(since=date(2026, 1, 31))
        assert source.name == "oai-pmh:"
        library = Library()
        library.crawl(source)
        assert len(library.papers) == 2
        assert library.kept("from") == "2026-01-31"

    def test_a_later_beginning_goes_back_and_loses_no_ground(self, fake: FakeOai, opened: Opened) -> None:
        spread(fake, 95)
        library = Library()
        library.crawl(opened())
        done = library.state
        library.crawl(opened(since=TODAY - 20 * DAY), most=2)
        assert asked(fake)[-2] == (TODAY - 20 * DAY).isoformat()
        assert library.state | {"token": None} == done
        library.crawl(opened(since=TODAY - 20 * DAY))
        assert library.state == done

    def test_a_beginning_beyond_what_is_due_skips_nothing(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "01-01", "01-31", "02-10", "03-05")
        library = Library()
        library.crawl(opened(), most=1)
        library.cursor = replace(Cursor.load(library.cursor), begin=date(2026, 1, 30)).dump()
        library.crawl(opened(since=date(2026, 3, 1)))
        assert asked(fake)[-1] == "2026-01-30"

    def test_days_that_the_server_refuses_are_left_out(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "01-01", "03-05")
        library = Library()
        library.crawl(opened(since=date(1991, 8, 1), until=date(2031, 1, 1)))
        assert len(library.papers) == 2

    def test_other_arguments_that_it_refuses_are_told(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "01-01")
        with pytest.raises(
            SourceError, match=r"from=2026-02-02.* answered badArgument \(from is after until\)"
        ):
            list(opened(since=date(2026, 2, 2), until=date(2026, 2, 1)).batches())
