from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from indexer.errors import SourceError
from indexer.papers import Listing, PaperId, Window
from indexer.sources.oai_pmh.cursor import DAY, Cursor
from indexer.sources.oai_pmh.source import OaiPmh
from indexer.sources.polite.session import PoliteSession
from indexer.sources.xml import ForeignBody
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


class TestBodies:
    @pytest.mark.parametrize("every", [2, 3])
    def test_cut_ones_are_asked_for_again(self, fake: FakeOai, opened: Opened, every: int) -> None:
        records = spread(fake, 95)
        fake.faults = Faults(cut_every=every)
        library = Library()
        library.crawl(opened())
        assert library.papers == papers_of(records)
        assert fake.fired["cut"] > 3
        assert library.rejected == {}

    def test_illegal_characters_are_left_out_and_told(self, fake: FakeOai, opened: Opened) -> None:
        for number, bad in enumerate(("\x08", "", "&#0;", "\ufffe"), start=1):
            fake.put(OaiRecord(f"2401.{number:05}", illegal=bad))
        fake.faults = Faults(illegal=True)
        source, library = opened(), Library()
        library.crawl(source)
        assert library.papers == papers_of(fake.records)
        assert source.remarks == [
            f"{fake.url}?verb=ListRecords&metadataPrefix=arXivRaw held 3 characters that XML forbids;"
            " they were left out"
        ]

    @pytest.mark.parametrize(
        ("faults", "said"),
        [
            (Faults(html_every=1), r"answered with a web page \('Scheduled maintenance'\)"),
            (Faults(doctype_every=1), "document type declaration"),
        ],
    )
    def test_what_is_no_xml_for_good_ends_the_run(
        self, fake: FakeOai, opened: Opened, faults: Faults, said: str
    ) -> None:
        spread(fake, 15)
        fake.faults = faults
        with pytest.raises(ForeignBody, match=said) as caught:
            list(opened().batches())
        assert fake.url in str(caught.value)
        assert len(fake.requests) == 4

    def test_what_is_no_xml_once_is_asked_for_again(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 95)
        fake.faults = Faults(html_every=4, doctype_every=5)
        library = Library()
        library.crawl(opened())
        assert library.papers == papers_of(records)

    def test_another_address_is_told(self, fake: FakeOai, session: PoliteSession) -> None:
        wrong = OaiPmh("x", fake.url + "2", session, set_spec=None, window=Window())
        with pytest.raises(
            SourceError, match=r"/oai2\?verb=.* answered with status 404; check PAPERKIN_OAI_PMH"
        ):
            list(wrong.batches())
        assert fake.requests == []

    def test_a_busy_server_is_waited_for(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 45)
        fake.faults = Faults(busy_every=2)
        library = Library()
        library.crawl(opened())
        assert library.papers == papers_of(records)

    def test_a_server_that_is_down_leaves_the_cursor(self, fake: FakeOai, opened: Opened) -> None:
        spread(fake, 45)
        library = Library()
        library.crawl(opened(), most=2)
        before = library.cursor
        fake.faults = Faults(down=True)
        with pytest.raises(SourceError, match="verb=ListRecords"):
            library.crawl(opened())
        assert library.cursor == before
        fake.faults = Faults()
        library.crawl(opened())
        assert len(library.papers) == 45


BAD = "2401.00042"


class TestFailingRecords:
    """Papers 1 to 95, four a day; the server fails at number 42."""

    @pytest.mark.parametrize("faults", [Faults(broken=frozenset({BAD})), Faults(malformed=frozenset({BAD}))])
    def test_one_is_left_out_and_all_others_come(self, fake: FakeOai, opened: Opened, faults: Faults) -> None:
        records = spread(fake, 95)
        fake.faults = faults
        source, library = opened(), Library()
        library.crawl(source)
        assert library.papers == papers_of([record for record in records if record.id != BAD])
        assert list(library.rejected) == [f"oai:arXiv.org:{BAD}"]
        assert library.kept("from") == (records[-1].datestamp - DAY).isoformat()
        assert library.kept("owed") == []
        assert [request["identifier"] for request in fake.requests if request["verb"] == "GetRecord"].count(
            f"oai:arXiv.org:{BAD}"
        ) in {4, 6}
        assert any("taken up day by day" in remark for remark in source.remarks)

    def test_it_is_kept_as_it_came(self, fake: FakeOai, opened: Opened) -> None:
        spread(fake, 95)
        fake.faults = Faults(malformed=frozenset({BAD}))
        (rejected,) = [bad for batch in opened().batches() for bad in batch.rejected]
        assert rejected.id == PaperId(BAD)
        assert "identifier=oai%3AarXiv.org%3A2401.00042" in rejected.reason
        assert "broken XML" in rejected.reason
        assert "</titel>" in rejected.raw

    def test_healed_it_comes(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 95)
        fake.faults = Faults(broken=frozenset({records[-1].id}))
        library = Library()
        library.crawl(opened())
        fake.faults = Faults()
        library.crawl(opened())
        assert library.papers == papers_of(records)

    @pytest.mark.parametrize("most", [1, 3, 5, 6, 7, 9])
    def test_killed_on_the_way_nothing_is_lost(self, fake: FakeOai, opened: Opened, most: int) -> None:
        records = spread(fake, 95)
        fake.faults = Faults(broken=frozenset({BAD, "2401.00043", "2401.00060"}))
        library = Library()
        library.crawl(opened(), most=most)
        library.crawl(opened())
        assert library.papers.keys() == papers_of(records).keys() - {
            PaperId(f"2401.000{n}") for n in (42, 43, 60)
        }

    def test_a_day_that_cannot_even_be_listed_is_owed(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 95)
        day = records[41].datestamp
        fake.faults = Faults(broken=frozenset({BAD}), unlistable=frozenset({BAD}))
        library = Library()
        library.crawl(opened())
        missing = {record.id for record in records} - {paper_id.value for paper_id in library.papers}
        assert missing <= {record.id for record in records if record.datestamp == day}
        assert list(library.rejected) == [f"records of {day}"]
        assert library.kept("owed") == [day.isoformat()]
        library.crawl(opened())
        assert library.kept("owed") == [day.isoformat()]
        fake.faults = Faults()
        library.crawl(opened())
        assert library.papers == papers_of(records)
        assert library.kept("owed") == []
        requests = len(fake.requests)
        library.crawl(opened())
        assert len(fake.requests) == requests + 1

    def test_of_a_long_day_only_the_rest_is_asked_for(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, *["01-01"] * 25)
        fake.faults = Faults(broken=frozenset({"2401.00023"}))
        library = Library()
        library.crawl(opened())
        assert len(library.papers) == 24
        single = {request["identifier"] for request in fake.requests if request["verb"] == "GetRecord"}
        assert single == {f"oai:arXiv.org:2401.000{number}" for number in range(21, 26)}

    def test_a_failure_that_passes_costs_little(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 600)
        library = Library()
        reading = opened().batches()
        library.papers |= {paper.id: paper for paper in next(reading).papers}
        fake.faults = Faults(broken=frozenset({records[12].id}))
        original = fake._answer

        def healed(params: dict[str, str], **kwargs: bool) -> bytes:
            if params["verb"] == "Identify":
                fake.faults = Faults()
            return original(params, **kwargs)

        fake._answer = healed  # type: ignore[method-assign]  # it heals while we look
        for batch in reading:
            library.papers |= {paper.id: paper for paper in batch.papers}
        assert library.papers == papers_of(records)
        assert len(fake.requests) < 60 + 30

    def test_one_among_the_first_of_all(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "01-01", "01-02", "01-03")
        fake.faults = Faults(broken=frozenset({"2401.00001"}))
        library = Library()
        library.crawl(opened())
        assert [paper_id.value for paper_id in library.papers] == ["2401.00002", "2401.00003"]
        assert len(fake.requests) < 120

    def test_one_within_a_window(self, fake: FakeOai, opened: Opened) -> None:
        fill(fake, "01-01", "01-02", "01-03", "01-03", "01-04")
        fake.faults = Faults(broken=frozenset({"2401.00003", "2401.00005"}))
        library = Library()
        library.crawl(opened(since=date(2026, 1, 2), until=date(2026, 1, 3)))
        assert [paper_id.value for paper_id in library.papers] == ["2401.00002", "2401.00004"]

    def test_a_record_that_moves_meanwhile_hides_no_days(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 95)
        fake.faults = Faults(broken=frozenset({BAD}))
        original = fake._get

        def moving(arguments: dict[str, str]) -> bytes:
            other = fake._records["2401.00043"]
            if other.datestamp < TODAY:
                fake.put(other.revised(TODAY))
            return original(arguments)

        fake._get = moving  # type: ignore[method-assign]  # the neighbour is revised while records are asked for
        library = Library()
        batches = library.crawl(opened())
        one_by_one = next(batch for batch in batches if batch.rejected)
        assert Cursor.load(one_by_one.cursor).reached == records[41].datestamp
        assert len(library.papers) == 94


class TestLists:
    def test_everything_is_listed(self, fake: FakeOai, opened: Opened) -> None:
        for record in build_records(200, seed=4):
            fake.put(record)
        fake.put(replace(fake.records[7], deleted=True))
        source = opened(since=TODAY)  # whatever the window
        batches = list(source.identifiers())
        listed = [one for batch in batches for one in batch.listed]
        assert listed == [Listing(PaperId(one.id), one.datestamp) for one in fake.records if not one.deleted]
        assert [one for batch in batches for one in batch.deleted] == [PaperId(fake.records[7].id)]
        assert batches[-1].position == 1
        assert len(fake.requests) == 3
        assert asked(fake, "ListIdentifiers") == ["", "+", "+"]

    def test_it_goes_on_after_any_batch(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 300)
        batches = list(opened().identifiers())
        for index, batch in enumerate(batches):
            rest = {one.id.value for later in opened().identifiers(batch.cursor) for one in later.listed}
            done = {one.id.value for earlier in batches[: index + 1] for one in earlier.listed}
            assert rest | done == {record.id for record in records}

    def test_tokens_expire(self, fake: FakeOai, opened: Opened) -> None:
        records = spread(fake, 500)
        fake.faults = Faults(expire_every=3, cut_every=4)
        listed = {one.id.value for batch in opened().identifiers() for one in batch.listed}
        assert listed == {record.id for record in records}

    def test_nothing_is_never_taken_for_the_whole(self, fake: FakeOai, opened: Opened) -> None:
        with pytest.raises(SourceError, match="noRecordsMatch"):
            list(opened().identifiers())
        spread(fake, 300)
        batch = next(opened().identifiers())
        fake._order.clear()
        with pytest.raises(SourceError, match="noRecordsMatch"):
            list(opened().identifiers(batch.cursor))

    def test_a_list_with_a_hole_is_none(self, fake: FakeOai, opened: Opened) -> None:
        spread(fake, 300)
        fake.faults = Faults(unlistable=frozenset({"2401.00200"}))
        with pytest.raises(SourceError, match="verb=ListIdentifiers"):
            list(opened().identifiers())


class TestSingleRecords:
    def test_each_comes_by_itself(self, fake: FakeOai, opened: Opened) -> None:
        fake.put(OaiRecord("hep-th/9901001", date(2026, 1, 2)))
        fake.put(OaiRecord("2401.00002", deleted=True))
        fake.faults = Faults(malformed=frozenset({"2401.00003"}))
        fake.put(OaiRecord("2401.00003"))
        ids = [PaperId(name) for name in ("hep-th/9901001", "2401.00002", "2401.00003", "2401.00004")]
        there, deleted, broken, gone = opened().records(ids)
        assert [paper.id for paper in there.papers] == [ids[0]]
        assert there.listed == (Listing(ids[0], date(2026, 1, 2)),)
        assert (deleted.papers, deleted.deleted) == ((), (ids[1],))
        assert (broken.papers, broken.rejected[0].id, broken.deleted) == ((), ids[2], ())
        assert (gone.papers, gone.deleted, gone.rejected) == ((), (ids[3],), ())

    def test_a_server_that_is_down_has_deleted_nothing(self, fake: FakeOai, opened: Opened) -> None:
        fake.faults = Faults(down=True)
        with pytest.raises(SourceError, match="verb=GetRecord"):
            list(opened().records([PaperId("2401.00001")]))


class TestMovingRecords:
    def test_what_falls_between_two_pages_is_found_by_the_list(self, fake: FakeOai, opened: Opened) -> None:
        spread(fake, 95)
        fake.faults = Faults(move_every=1, moves=5)
        source, library = opened(), Library()
        library.crawl(source)
        assert len(library.papers) == 90  # positions moved five times
        listed = {one.id: one.datestamp for batch in source.identifiers() for one in batch.listed}
        missing = [paper_id for paper_id, day in listed.items() if library.listed.get(paper_id) != day]
        for batch in source.records(missing):
            library.papers |= {paper.id: paper for paper in batch.papers}
        assert library.papers == papers_of(fake.records)


class TestEverythingAtOnce:
    @pytest.mark.parametrize("seed", range(3))
    def test_the_library_ends_as_without_faults(self, session: PoliteSession, seed: int) -> None:
        fake = FakeOai(build_records(600, seed=seed), page=30)
        fake.faults = Faults.all()
        with fake.serving():
            library = Library()
            for round_number in range(6):
                source = OaiPmh("x", fake.url, session, set_spec=None, window=Window())
                library.crawl(source, most=4 + round_number * 5)
            library.crawl(OaiPmh("x", fake.url, session, set_spec=None, window=Window()))
            source = OaiPmh("x", fake.url, session, set_spec=None, window=Window())
            fake.faults.move_every = 0
            listed = {one.id: one.datestamp for batch in source.identifiers() for one in batch.listed}
            missing = [paper_id for paper_id, day in listed.items() if library.listed.get(paper_id) != day]
            for batch in source.records(missing):
                library.papers |= {paper.id: paper for paper in batch.papers}
        assert library.papers == papers_of(fake.records)
        assert library.rejected == {}
        assert len(missing) < 60
        assert {name for name, count in fake.fired.items() if count} >= {
            *("expire", "busy", "cut", "html", "move")
        }


def test_the_server_runs_by_itself(session: PoliteSession) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "tests.fake_oai", "--records", "300", "--page", "90", "--faults", "all"]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:  # noqa: S603  # our own
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            source = OaiPmh("x", url, session, set_spec=None, window=Window(until=TODAY))
            assert sum(len(batch.papers) for batch in source.batches()) >= 290
            state = session.get(url.replace("/oai", "/-/calm")).json()
            assert state["requests"] >= 4
        finally:
            process.kill()
