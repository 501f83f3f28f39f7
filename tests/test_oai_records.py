from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.papers import Author, Listing, Paper, PaperId, Version
from indexer.sources.oai_pmh.records import earliest_datestamp, read_answer
from indexer.sources.snapshot import read_paper
from indexer.sources.xml import BadXml, ForeignBody, parse
from tests.oai_library import ENVELOPE, URL, a_page, the_paper
from tests.oai_model import OaiRecord, OaiVersion, build_records, recorded_records

V1 = datetime(2024, 1, 15, 12, tzinfo=UTC)


def a_history(*kinds: str | None, kilobytes: int = 20) -> tuple[OaiVersion, ...]:
    """Versions of these source types; None and a size of 0 are what the server says of a TeX note."""
    return tuple(
        OaiVersion(number, V1.replace(day=number), kilobytes if kind else 0, kind)
        for number, kind in enumerate(kinds, start=1)
    )


def withdrawals(record: OaiRecord) -> tuple[bool, list[bool]]:
    paper = the_paper(record)
    return paper.withdrawn, [version.withdrawn for version in paper.versions]


class TestOnePaper:
    def test_every_field_is_read(self) -> None:
        record = OaiRecord(
            id="math/0611800",
            versions=(OaiVersion(1, V1), OaiVersion(2, V1.replace(month=2))),
            title="Decay\n  of $\\alpha$ & < x >",
            authors="C. Bal\\'azs (Rome), E. Berger, Jr. and The ATLAS Collaboration",
            categories="math.MP math-ph hep-ph quant-ml",
            abstract="  One.\n  Two $a<b$.\n",
            license="https://creativecommons.org/licenses/by/4.0",
            comments="12 pages\n",
            report_no="CERN-1",
            journal_ref="Phys. Rev. D 76",
            doi="10.1103/x",
            submitter="P. Nadolsky",
            msc_class="14G40",
            acm_class="H.3.3",
        )
        by = "http://creativecommons.org/licenses/by/4.0/"
        assert the_paper(record) == Paper(
            id=PaperId("math/0611800"),
            title="Decay of $\\alpha$ & < x >",
            abstract="One. Two $a<b$.",
            authors=(
                Author("Balázs", "C."),
                Author("Berger", "E.", "Jr."),
                Author("ATLAS Collaboration"),
            ),
            categories=("math-ph", "hep-ph", "quant-ml"),
            license=by,
            versions=(Version(1, V1), Version(2, V1.replace(month=2), license=by)),
            comments="12 pages",
            report_no="CERN-1",
            journal_ref="Phys. Rev. D 76",
            doi="10.1103/x",
            submitter="P. Nadolsky",
        )

    def test_the_id_alone_is_enough(self) -> None:
        xml = OaiRecord("2401.00001").xml
        begin, end = xml.index("<submitter>"), xml.index("</arXivRaw>")
        assert a_page(xml[:begin] + xml[end:]).papers == (Paper(id=PaperId("2401.00001")),)

    def test_versions_come_in_order_and_each_once(self) -> None:
        history = tuple(OaiVersion(number, V1.replace(day=number)) for number in (3, 1, 2, 2))
        assert [
            version.number for version in the_paper(OaiRecord("2401.00001", versions=history)).versions
        ] == [1, 2, 3]

    @pytest.mark.parametrize("shown", ["Mon, 31 Feb 2024 12:00:00 GMT", "yesterday", ""])
    def test_a_date_that_is_none_is_unknown(self, shown: str) -> None:
        record = OaiRecord("2401.00001")
        page = a_page(record.xml.replace(record.versions[0].date, shown))
        assert page.papers[0].versions == (Version(1, None, license=record.license),)

    @pytest.mark.parametrize("number", ["v0", "2a", "", "v-1", "v12345"])
    def test_a_version_without_a_number_is_left_out(self, number: str) -> None:
        page = a_page(OaiRecord("2401.00001").xml.replace('version="v1"', f'version="{number}"'))
        assert page.papers[0].versions == ()

    def test_markup_in_a_text_loses_no_words(self) -> None:
        page = a_page(OaiRecord("2401.00001").xml.replace("A title", "H<sub>2</sub>O at work"))
        assert page.papers[0].title == "H2O at work"

    def test_an_id_with_a_subject_class_is_the_canonical_one(self) -> None:
        assert the_paper(OaiRecord("math.CA/0611800")).id == PaperId("math/0611800")


class TestWithdrawal:
    def test_the_type_of_the_last_version_says_it(self) -> None:
        assert withdrawals(OaiRecord("2401.00001", versions=a_history("D", "I"))) == (True, [False, True])
        assert withdrawals(OaiRecord("2401.00001", versions=a_history("AI"))) == (True, [True])

    def test_a_later_version_takes_it_back(self) -> None:
        assert withdrawals(OaiRecord("2401.00001", versions=a_history("D", "I", "D"))) == (
            False,
            [False, True, False],
        )

    def test_a_later_version_of_no_size_is_one(self) -> None:
        assert withdrawals(OaiRecord("2401.00001", versions=a_history("D", None))) == (True, [False, True])

    def test_a_size_that_the_server_does_not_know_is_none(self) -> None:
        assert withdrawals(OaiRecord("2401.00001", versions=a_history(None))) == (False, [False])
        assert withdrawals(OaiRecord("2401.00001", versions=a_history("D", "H", kilobytes=0))) == (
            False,
            [False, False],
        )

    def test_the_comments_alone_can_say_it(self) -> None:
        record = OaiRecord("2401.00001", comments="This paper has been withdrawn by the author")
        assert withdrawals(record) == (True, [False])

    def test_recorded_versions_are_told_as_arxiv_knows_them(self, shared: Path) -> None:
        import json

        path = shared / "fixtures/arxiv-versions.jsonl"
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        known = {(row["paper_id"], row["version"]): bool(row["is_withdrawn"]) for row in rows}
        told = {
            (paper.id.value, version.number): version.withdrawn
            for paper in a_page(*(record.xml for record in recorded_records(path))).papers
            for version in paper.versions
        }
        assert told == known


def as_a_snapshot_knows_it(paper: Paper) -> Paper:
    """Without what only this source tells."""
    versions = tuple(Version(version.number, version.created) for version in paper.versions)
    told = any(version.withdrawn for version in paper.versions[-1:])
    return replace(paper, versions=versions, withdrawn=paper.withdrawn and not told)


def assert_like_a_snapshot(records: list[OaiRecord]) -> None:
    page = a_page(*(record.xml for record in records))
    assert page.rejected == ()
    for record, paper in zip(records, page.papers, strict=True):
        expected = read_paper(record.as_snapshot())
        if paper.versions and paper.versions[-1].withdrawn:
            expected = replace(expected, withdrawn=False)
        assert as_a_snapshot_knows_it(paper) == expected


class TestLikeASnapshot:
    def test_recorded_papers(self, shared: Path) -> None:
        records = recorded_records(shared / "fixtures/arxiv-versions.jsonl")
        assert len(records) == 509
        assert_like_a_snapshot(records)

    def test_built_papers(self) -> None:
        assert_like_a_snapshot(build_records(500, seed=3))

    TEXT = st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    )

    @given(title=TEXT, authors=TEXT, abstract=TEXT, comments=TEXT, categories=TEXT)
    def test_any_texts(self, **texts: str) -> None:
        assert_like_a_snapshot([OaiRecord("2401.00001", **texts)])  # type: ignore[arg-type]  # names of real fields


class TestPages:
    def test_papers_come_with_their_datestamps(self) -> None:
        records = [OaiRecord(f"2401.{n:05}", date(2026, 1, n)) for n in (1, 2)]
        page = a_page(*(record.xml for record in records), "<resumptionToken>a%26b </resumptionToken>")
        assert page.listed == tuple(Listing(PaperId(one.id), one.datestamp) for one in records)
        assert page.token == "a%26b"  # noqa: S105  # of a list
        assert page.served == date(2026, 8, 20)
        assert page.deleted == ()

    @pytest.mark.parametrize("end", ["", "<resumptionToken/>", "<resumptionToken> \n</resumptionToken>"])
    def test_an_empty_token_is_the_end(self, end: str) -> None:
        assert a_page(OaiRecord("2401.00001").xml, end).token is None

    def test_a_deleted_record_is_no_paper(self) -> None:
        page = a_page(OaiRecord("2401.00001", deleted=True).xml)
        assert (page.papers, page.rejected, page.listed) == ((), (), ())
        assert page.deleted == (PaperId("2401.00001"),)

    def test_a_list_of_identifiers_is_read(self) -> None:
        headers = [OaiRecord("2401.00001").header_xml, OaiRecord("2401.00002", deleted=True).header_xml]
        page = a_page(*headers, verb="ListIdentifiers")
        assert [listing.id.value for listing in page.listed] == ["2401.00001"]
        assert [paper_id.value for paper_id in page.deleted] == ["2401.00002"]

    def test_a_moment_is_a_datestamp_too(self) -> None:
        record = OaiRecord("2401.00001", date(2026, 1, 2))
        page = a_page(record.xml.replace("2026-01-02", "2026-01-02T03:04:05Z"))
        assert page.listed == (Listing(PaperId("2401.00001"), date(2026, 1, 2)),)

    def test_a_paper_without_a_datestamp_is_not_listed(self) -> None:
        page = a_page(OaiRecord("2401.00001", date(2026, 1, 2)).xml.replace("2026-01-02", "soon"))
        assert len(page.papers) == 1
        assert page.listed == ()


class TestBrokenRecords:
    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            (
                "<id>2401.00001</id>",
                "<id>2401.00002</id>",
                "the header is of 2401.00001, the record of 2401.00002",
            ),
            ("<id>2401.00001</id>", "<id/>", "holds no id"),
            ("<id>2401.00001</id>", "<id>2401.1</id>", "not an arXiv identifier"),
            (
                "http://arxiv.org/OAI/arXivRaw/",
                "http://arxiv.org/OAI/arXiv/",
                "<arXivRaw> instead of arXivRaw",
            ),
        ],
    )
    def test_it_is_left_out_with_all_that_was_read(self, old: str, new: str, reason: str) -> None:
        page = a_page(OaiRecord("2401.00001").xml.replace(old, new), OaiRecord("2401.00003").xml)
        (rejected,) = page.rejected
        assert reason in rejected.reason
        assert rejected.where == "oai:arXiv.org:2401.00001"
        assert rejected.id == PaperId("2401.00001")
        assert "<title>A title</title>" in rejected.raw
        assert [paper.id.value for paper in page.papers] == ["2401.00003"]

    def test_a_header_that_names_no_paper(self) -> None:
        (rejected,) = a_page(
            OaiRecord("2401.00001").xml.replace("oai:arXiv.org:2401.00001", "oai:x:y")
        ).rejected
        assert (rejected.where, rejected.id) == ("oai:x:y", None)
        assert rejected.reason == "'oai:x:y' is no identifier of a paper"

    @pytest.mark.parametrize(
        "record", ["<record/>", "<record><metadata/></record>", "<record><header/></record>"]
    )
    def test_a_record_without_anything_is_told_by_its_place(self, record: str) -> None:
        (rejected,) = a_page(record).rejected
        assert rejected.where == f"record 1 of {URL}"
        assert rejected.reason == "holds no metadata instead of arXivRaw"


class TestEnvelopes:
    def test_errors_are_read(self) -> None:
        root = parse(ENVELOPE.format('<error code="noRecordsMatch">Nothing\n there</error>').encode(), URL)
        answer = read_answer(root, "ListRecords", URL)
        assert answer.errors == {"noRecordsMatch": "Nothing there"}
        assert answer.content is None

    def test_the_earliest_day_is_read(self) -> None:
        for text, day in (
            ("2005-09-16", date(2005, 9, 16)),
            ("2005-09-16T00:00:00Z", date(2005, 9, 16)),
            ("?", None),
        ):
            content = f"<Identify><earliestDatestamp>{text}</earliestDatestamp></Identify>"
            root = parse(ENVELOPE.format(content).encode(), URL)
            assert earliest_datestamp(read_answer(root, "Identify", URL)) == day

    def test_another_kind_of_xml_is_foreign(self) -> None:
        with pytest.raises(ForeignBody, match=r"ListRecords answered with <feed>, which is no OAI-PMH"):
            read_answer(parse(b'<feed xmlns="http://www.w3.org/2005/Atom"/>', URL), "ListRecords", URL)

    @pytest.mark.parametrize("day", ["", "yesterday", "2026-13-01"])
    def test_a_date_is_needed(self, day: str) -> None:
        body = ENVELOPE.format("<ListRecords/>").replace("2026-08-20T23:59:59Z", day)
        with pytest.raises(BadXml, match="without a readable responseDate"):
            read_answer(parse(body.encode(), URL), "ListRecords", URL)

    def test_the_answer_must_be_to_the_question(self) -> None:
        root = parse(ENVELOPE.format("<ListIdentifiers/>").encode(), URL)
        with pytest.raises(
            BadXml, match="was asked for ListRecords and answered with responseDate, ListIdentifiers"
        ):
            read_answer(root, "ListRecords", URL)
