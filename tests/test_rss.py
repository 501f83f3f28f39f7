"""arXiv's feeds: what they announce and on which day, and how a stale one is told from a quiet day."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import SettingsError, SourceError
from indexer.papers import Announcement, AnnouncementKind, Author, Completeness, PaperBatch, PaperId, Version
from indexer.sources import rss
from indexer.sources.polite.session import PoliteSession
from indexer.sources.rss import Issue, Rss, judge
from tests.builders import a_paper, an_id
from tests.fake_arxiv import RSS, Announced, FakeArxiv, a_feed, a_feed_error, a_session, an_item
from tests.fake_upstream import Answer, Upstream

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY = (date(2026, 8, day) for day in range(10, 16))
BY = "http://creativecommons.org/licenses/by/4.0/"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[PoliteSession]:
    """A session as in production, whose waits take no time."""
    with a_session(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def no_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server sends no date that can be read, so that the clock of the test counts."""
    monkeypatch.setattr("tests.fake_upstream._Handler.date_time_string", lambda *_: "")


def announced(number: int, kind: str = "new", **fields: object) -> Announced:
    """A paper as a feed knows it: no dates, no comments."""
    version = 1 if kind in {"new", "cross"} else 2
    paper = a_paper(number, versions=(Version(version, license=BY),))
    return replace(paper, **fields), kind  # type: ignore[arg-type]  # the test names real fields


def a_day(first: int, count: int = 5) -> list[Announced]:
    return [announced(number) for number in range(first, first + count)]


def read(
    feeds: dict[str, bytes],
    session: PoliteSession,
    *,
    today: date = WEDNESDAY,
    cursor: str | None = None,
    categories: str = "",
) -> tuple[list[PaperBatch], list[str], str | None]:
    """The batches of a crawl at 10:00 Eastern time, its remarks, and how it failed, if it did."""
    now = datetime(today.year, today.month, today.day, 14, tzinfo=UTC)
    named = categories or "+".join(feeds)
    batches: list[PaperBatch] = []
    with Upstream(FakeArxiv(feeds=feeds)) as server:
        source = Rss(f"rss:{named}", server.url + RSS, session, categories=named, clock=lambda: now)
        try:
            batches.extend(source.batches(cursor))
        except SourceError as error:
            return batches, source.remarks, str(error)
    return batches, source.remarks, None


def days(batches: Sequence[PaperBatch]) -> set[tuple[str, date]]:
    return {(one.category, one.day) for batch in batches for one in batch.announced}


class TestItems:
    def test_all_that_a_feed_knows_arrives(self, session: PoliteSession) -> None:
        full = announced(
            1,
            title="On $\\alpha$ < 1 & more",
            authors=(Author("van der Waals", "J. D."), Author("Curie", "Marie")),
            doi="10.1000/1",
            journal_ref="Nature 1 (2026) 2",
        )
        items = [full, announced(2, "cross"), announced(3, "replace"), announced(4, "replace-cross")]
        batches, remarks, failure = read({"cs.DL": a_feed("cs.DL", WEDNESDAY, items)}, session)
        assert (remarks, failure) == ([], None)
        (batch,) = batches
        assert batch.papers == tuple(paper for paper, _ in items)
        assert batch.completeness is Completeness.HINT
        assert (batch.rejected, batch.position) == ((), 1)
        assert batch.announced == (
            Announcement(an_id(1), 1, "cs.DL", AnnouncementKind.NEW, WEDNESDAY),
            Announcement(an_id(2), 1, "cs.DL", AnnouncementKind.CROSS, WEDNESDAY),
            Announcement(an_id(3), 2, "cs.DL", AnnouncementKind.REPLACE, WEDNESDAY),
            Announcement(an_id(4), 2, "cs.DL", AnnouncementKind.REPLACE_CROSS, WEDNESDAY),
        )

    def test_affiliations_and_licences_are_read(self, session: PoliteSession) -> None:
        paper, _ = announced(
            1, authors=(Author("Curie (Institut du Radium, Paris)", "Marie"), Author("Planck", "M."))
        )
        secure = replace(paper, license="https://creativecommons.org/licenses/by/4.0")
        (batch,), _, _ = read({"cs": a_feed("cs", WEDNESDAY, [(secure, "new")])}, session)
        assert batch.papers[0].authors == (Author("Curie", "Marie"), Author("Planck", "M."))
        assert batch.papers[0].license == batch.papers[0].versions[0].license == BY

    def test_old_ids_keep_their_archive(self, session: PoliteSession) -> None:
        (batch,), _, _ = read(
            {"math": a_feed("math", WEDNESDAY, [announced(1, "replace", id=PaperId("math/0611800"))])},
            session,
        )
        assert batch.announced[0].id == batch.papers[0].id == PaperId("math/0611800")

    def test_a_withdrawal_is_known(self, session: PoliteSession) -> None:
        item = announced(1, "replace", abstract="This paper has been withdrawn by the author.")
        (batch,), _, _ = read({"cs": a_feed("cs", WEDNESDAY, [item])}, session)
        assert batch.papers[0].withdrawn

    @pytest.mark.parametrize(
        ("old", "new", "where", "reason"),
        [
            ("oai:arXiv.org:2401.00002v1", "oai:arXiv.org:nonsense", "nonsense", "not an arXiv identifier"),
            ("2401.00002v1", "2401.00002", "2401.00002", "no version"),
            ("2401.00002", "2401.2", "2401.2", "not an arXiv identifier"),
        ],
    )
    def test_an_item_that_cannot_be_read_is_reported(
        self, session: PoliteSession, old: str, new: str, where: str, reason: str
    ) -> None:
        body = a_feed("cs.DL", WEDNESDAY, a_day(1, 3)).decode().replace(old, new)
        (batch,), _, failure = read({"cs.DL": body.encode()}, session)
        assert failure is None
        assert [paper.id for paper in batch.papers] == [an_id(1), an_id(3)]
        (rejected,) = batch.rejected
        assert rejected.where.startswith("cs.DL: ")
        assert where in rejected.where
        assert reason in rejected.reason
        assert "kinship number 2" in rejected.raw

    def test_an_item_without_anything_is_named_by_its_number(self, session: PoliteSession) -> None:
        body = a_feed("cs.DL", WEDNESDAY, a_day(1, 1), extra_items=["<item/>"])
        (batch,), _, _ = read({"cs.DL": body}, session)
        assert [rejected.where for rejected in batch.rejected] == ["cs.DL: item 2"]

    def test_an_unknown_kind_keeps_the_paper_and_is_told(self, session: PoliteSession) -> None:
        (batch,), remarks, _ = read(
            {"cs": a_feed("cs", WEDNESDAY, [*a_day(1, 1), announced(9, "absonly")])}, session
        )
        assert [paper.id for paper in batch.papers] == [an_id(1), an_id(9)]
        assert [one.id for one in batch.announced] == [an_id(1)]
        assert remarks == ["cs: papers announced in a way unknown here are kept: 1 as 'absonly'"]

    def test_the_kind_is_read_from_the_description_too(self, session: PoliteSession) -> None:
        item = an_item(*announced(1), WEDNESDAY).replace("<arxiv:announce_type>new</arxiv:announce_type>", "")
        (batch,), _, _ = read({"cs": a_feed("cs", WEDNESDAY, [], extra_items=[item])}, session)
        assert [one.kind for one in batch.announced] == [AnnouncementKind.NEW]

    def test_the_day_is_that_of_eastern_time(self, session: PoliteSession) -> None:
        body = a_feed("cs", WEDNESDAY, a_day(1, 1)).decode()
        body = body.replace("Wed, 12 Aug 2026 00:00:00 -0400", "Thu, 13 Aug 2026 03:59:59 GMT")
        (batch,), _, _ = read({"cs": body.encode()}, session)
        assert days([batch]) == {("cs", WEDNESDAY)}

    def test_items_keep_days_of_their_own(self, session: PoliteSession) -> None:
        (batch,), _, _ = read({"cs": a_feed("cs", WEDNESDAY, a_day(1, 1), item_day=TUESDAY)}, session)
        assert days([batch]) == {("cs", TUESDAY)}


class TestDays:
    def test_each_category_is_asked_and_judged_by_itself(self, session: PoliteSession) -> None:
        first = {"cs.AI": a_feed("cs.AI", TUESDAY, a_day(1)), "cs.CL": a_feed("cs.CL", TUESDAY, a_day(11))}
        batches, remarks, _ = read(first, session, today=TUESDAY)
        assert remarks == []
        assert days(batches) == {("cs.AI", TUESDAY), ("cs.CL", TUESDAY)}
        stale = {
            "cs.AI": a_feed("cs.AI", WEDNESDAY, a_day(1)),
            "cs.CL": a_feed("cs.CL", WEDNESDAY, a_day(21)),
        }
        batches, remarks, failure = read(stale, session, cursor=batches[-1].cursor)
        assert failure is None
        assert days(batches) == {("cs.CL", WEDNESDAY)}
        assert remarks == ["cs.AI: the feed of 2026-08-12 repeats that of 2026-08-11; come back later"]
        late = {"cs.AI": a_feed("cs.AI", WEDNESDAY, a_day(31)), "cs.CL": stale["cs.CL"]}
        batches, remarks, _ = read(late, session, cursor=batches[-1].cursor)
        assert days(batches) == {("cs.AI", WEDNESDAY)}
        assert remarks == ["cs.CL: nothing since the feed of 2026-08-12 read before"]

    def test_a_feed_that_repeats_most_of_another_repeats_it(self, session: PoliteSession) -> None:
        batches, _, _ = read({"cs": a_feed("cs", TUESDAY, a_day(1, 300))}, session, today=TUESDAY)
        body = a_feed("cs", WEDNESDAY, [*a_day(20, 281), *a_day(900, 10)])
        batches, (remark,), _ = read({"cs": body}, session, cursor=batches[-1].cursor)
        assert batches == []
        assert "repeats" in remark

    def test_a_feed_that_grew_on_its_day_is_read_again(self, session: PoliteSession) -> None:
        batches, _, _ = read({"cs": a_feed("cs", WEDNESDAY, a_day(1, 5))}, session)
        batches, remarks, _ = read(
            {"cs": a_feed("cs", WEDNESDAY, a_day(1, 6))}, session, cursor=batches[0].cursor
        )
        assert len(batches[0].announced) == 6
        assert remarks == []

    def test_days_between_two_feeds_are_told(self, session: PoliteSession) -> None:
        batches, _, _ = read({"cs": a_feed("cs", MONDAY, a_day(1))}, session, today=MONDAY)
        batches, remarks, _ = read(
            {"cs": a_feed("cs", THURSDAY, a_day(11))}, session, today=THURSDAY, cursor=batches[0].cursor
        )
        assert days(batches) == {("cs", THURSDAY)}
        assert remarks == [
            "cs: the feed of 2026-08-11, 2026-08-12 was not read: unless holidays, what was announced then is missing"
            " here"
        ]

    def test_an_empty_feed_on_a_saturday_is_a_saturday(self, session: PoliteSession) -> None:
        batches, _, _ = read({"cs": a_feed("cs", FRIDAY, a_day(1))}, session, today=FRIDAY)
        later, remarks, failure = read(
            {"cs": a_feed("cs", SATURDAY, [])}, session, today=SATURDAY, cursor=batches[0].cursor
        )
        assert (later, failure) == ([], None)
        assert remarks == ["cs: nothing announced on 2026-08-15 (Saturday)"]
        monday = MONDAY + timedelta(days=7)
        later, remarks, _ = read(
            {"cs": a_feed("cs", monday, a_day(11))}, session, today=monday, cursor=batches[0].cursor
        )
        assert days(later) == {("cs", monday)}
        assert remarks == []

    def test_a_feed_with_the_limit_of_papers_is_told_to_be_cut(
        self, session: PoliteSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rss, "MOST_ITEMS", 5)
        _, remarks, _ = read({"cs": a_feed("cs", WEDNESDAY, a_day(1, 5))}, session)
        assert remarks == [
            "cs: the feed ends at its limit of 5 papers, and others are missing; ask for smaller categories"
        ]

    def test_the_date_of_the_server_counts_before_the_clock(
        self, session: PoliteSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        served = format_datetime(datetime(2026, 8, 12, 14, tzinfo=UTC), usegmt=True)
        monkeypatch.setattr("tests.fake_upstream._Handler.date_time_string", lambda *_: served)
        feeds = {"cs": a_feed("cs", WEDNESDAY, a_day(1))}
        for wrong in (MONDAY, FRIDAY):
            batches, remarks, failure = read(feeds, session, today=wrong)
            assert (len(batches), remarks, failure) == (1, [], None)

    @pytest.mark.parametrize(
        "cursor", ["x", "[]", "3", '{"cs": 1}', '{"cs": ["soon", []]}', '{"cs": ["2026-08-11"]}']
    )
    def test_a_cursor_that_cannot_be_read_is_void(self, session: PoliteSession, cursor: str) -> None:
        batches, _, failure = read({"cs": a_feed("cs", WEDNESDAY, a_day(1))}, session, cursor=cursor)
        assert (len(batches), failure) == (1, None)

    def test_the_cursor_stays_small(self, session: PoliteSession) -> None:
        (batch,), _, _ = read({"cs": a_feed("cs", WEDNESDAY, a_day(1, 500))}, session)
        assert len(batch.cursor or "") < 1_000
        assert list(json.loads(batch.cursor or "")) == ["cs"]


ONE, OTHER = ("a1", "b2", "c3"), ("d4", "e5")


@pytest.mark.parametrize(
    ("day", "sketch", "before", "today", "fresh", "said"),
    [
        (WEDNESDAY, ONE, None, WEDNESDAY, True, ""),
        (
            WEDNESDAY,
            ONE,
            None,
            THURSDAY,
            True,
            "though 2026-08-13 is due: a holiday, or stale; come back later",
        ),
        (FRIDAY, ONE, None, SATURDAY, True, ""),
        (FRIDAY, ONE, None, SATURDAY + timedelta(days=2), True, "though 2026-08-17 is due"),
        (
            WEDNESDAY,
            (),
            None,
            WEDNESDAY,
            False,
            "nothing announced on 2026-08-12: a quiet day, a holiday, or stale",
        ),
        (SATURDAY, (), None, SATURDAY + timedelta(days=1), False, "nothing announced on 2026-08-16 (Sunday)"),
        (TUESDAY, OTHER, Issue(WEDNESDAY, ONE), WEDNESDAY, False, "older than that of 2026-08-12"),
        (WEDNESDAY, ONE, Issue(WEDNESDAY, ONE), WEDNESDAY, False, "nothing since the feed of 2026-08-12"),
        (WEDNESDAY, ONE, Issue(WEDNESDAY, ONE), THURSDAY, False, "though 2026-08-13 is due"),
        (THURSDAY, ONE, Issue(WEDNESDAY, ONE), THURSDAY, False, "repeats that of 2026-08-12"),
        (THURSDAY, OTHER, Issue(WEDNESDAY, ONE), THURSDAY, True, ""),
        (THURSDAY, OTHER, Issue(WEDNESDAY, ()), THURSDAY, True, ""),
        (THURSDAY, OTHER, Issue(TUESDAY, ONE), THURSDAY, True, "the feed of 2026-08-12 was not read"),
    ],
)
def test_a_feed_is_judged_by_its_day_and_by_what_it_repeats(
    day: date,
    sketch: tuple[str, ...],
    before: Issue | None,
    today: date,
    fresh: bool,  # noqa: FBT001  # a table
    said: str,
) -> None:
    verdict = judge(Issue(day, sketch), before, today)
    assert verdict.fresh == fresh
    assert bool(verdict.remarks) == bool(said)
    assert said in " ".join(verdict.remarks)


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400))
def test_the_share_of_two_feeds_is_estimated_well(shared: int, left: int, right: int) -> None:
    one = {f"s{number}" for number in range(shared)} | {f"l{number}" for number in range(left)}
    other = {f"s{number}" for number in range(shared)} | {f"r{number}" for number in range(right)}
    share = shared / max(1, shared + left + right)
    estimate = rss._share(rss._sketch(sorted(one)), rss._sketch(sorted(other)))
    assert estimate == pytest.approx(share, abs=0.3)  # 4.8 standard deviations of a sketch of 64


class TestFailures:
    def test_an_unknown_category_is_told_after_the_others(self, session: PoliteSession) -> None:
        feeds = {
            "cs.AI": a_feed("cs.AI", WEDNESDAY, a_day(1)),
            "cs.CL": a_feed("cs.CL", WEDNESDAY, a_day(11)),
        }
        batches, _, failure = read(feeds, session, categories="cs.AI+foo+cs.CL")
        assert days(batches) == {("cs.AI", WEDNESDAY), ("cs.CL", WEDNESDAY)}
        assert failure
        assert failure.endswith(
            "/rss/foo answers HTTP 400: Bad archive 'foo'. Valid archive names are: astro-ph, cond-mat, cs; correct the"
            " category, or check PAPERKIN_RSS"
        )

    def test_an_error_in_the_form_of_a_feed_is_told(self, session: PoliteSession) -> None:
        _, _, failure = read({"cs.XX": a_feed_error("cs.XX", "Bad subject class 'XX'.")}, session)
        assert failure
        assert "arXiv has no feed 'cs.XX'" in failure
        assert "Bad subject class 'XX'" in failure

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"<!DOCTYPE html><html><head><title>Busy</title></head></html>", "web page"),
            (
                b'<?xml version="1.0"?><rss version="2.0"><channel/></rss>',
                "no feed of arXiv, or an empty one",
            ),
            (b"<feed><entry/></feed>", "no feed of arXiv"),
            (a_feed("cs", WEDNESDAY, a_day(1))[:900], "broken XML"),
            (a_feed("cs", WEDNESDAY, a_day(1)).replace(b"2026", b"MMXXVI"), "without a date"),
            (a_feed("cs", THURSDAY, a_day(1)), "the date 2026-08-13, which is after 2026-08-12"),
        ],
    )
    def test_what_is_no_feed_fails_and_names_the_address(
        self, session: PoliteSession, body: bytes, said: str
    ) -> None:
        batches, _, failure = read({"cs": body}, session)
        assert batches == []
        assert failure
        assert said in failure
        assert "/rss/cs" in failure

    def test_a_broken_feed_is_asked_for_again(self, session: PoliteSession) -> None:
        body = a_feed("cs", WEDNESDAY, a_day(1))
        answers = [Answer(429), Answer(body=body[:900]), Answer(body=b"<html>"), Answer(body=body)]
        now = datetime(2026, 8, 12, 14, tzinfo=UTC)
        with Upstream(answers) as server:
            source = Rss("rss:cs", server.url + RSS, session, categories="cs", clock=lambda: now)
            (batch,) = source.batches()
        assert len(batch.papers) == 5
        assert [one.path for one in server.asked] == ["/rss/cs"] * 4

    def test_forbidden_characters_are_taken_out(self, session: PoliteSession) -> None:
        body = a_feed("cs", WEDNESDAY, a_day(1)).replace(b"kinship number 2", b"kinship\x0b number 2")
        (batch,), _, _ = read({"cs": body}, session)
        assert list(batch.papers) == [paper for paper, _ in a_day(1)]

    @pytest.mark.parametrize("categories", ["", "cs.AI++cs.CL", "cs.AI+", "cs/AI", "cs.AI cs.CL", "../cs"])
    def test_what_can_be_no_category_is_refused(self, session: PoliteSession, categories: str) -> None:
        with pytest.raises(SettingsError, match="names the category"):
            Rss("rss:x", "http://127.0.0.1", session, categories=categories, clock=lambda: datetime.now(UTC))

    def test_categories_are_spelled_as_arxiv_does_and_asked_for_once(self, session: PoliteSession) -> None:
        feeds = {
            name: a_feed(name, WEDNESDAY, a_day(1))
            for name in ("cs.AI", "cond-mat.str-el", "eess.SY", "hep-th")
        }
        batches, _, failure = read(
            feeds, session, categories="cs.ai+Cond-Mat.STR-EL+cs.SY+eess.SY+hep-th+cs.AI"
        )
        assert failure is None
        assert [batch.announced[0].category for batch in batches] == list(feeds)
        assert [batch.position for batch in batches] == [0.25, 0.5, 0.75, 1]
