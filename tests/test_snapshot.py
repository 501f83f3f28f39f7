import gzip
import io
import json
import lzma
import random
import tracemalloc
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import SourceError
from indexer.papers import Author, Paper, PaperId, Rejected, Version, Window
from indexer.sources import lines
from indexer.sources.lines import BadRecord
from indexer.sources.snapshot import BATCH, Snapshot, read_paper
from tests.contracts.source_contract import PaperSourceContract
from tests.packed import ARCHIVES, PACKERS, torn

FULL = {
    "id": "0704.0001",
    "submitter": "Pavel Nadolsky",
    "authors": "C. Bal\\'azs, E. L. Berger",
    "title": "Calculation of prompt diphoton production\n  at $\\sqrt{s}$",
    "comments": "37 pages, 15 figures",
    "journal-ref": "Phys.Rev.D76:013009,2007",
    "doi": "10.1103/PhysRevD.76.013009",
    "report-no": "ANL-HEP-PR-07-12",
    "categories": "hep-ph math.MP math-ph",
    "license": "https://arxiv.org/licenses/nonexclusive-distrib/1.0",
    "abstract": "  A fully differential calculation\nin perturbative QCD at 95% of $\\alpha_s$. ",
    "versions": [
        {"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"},
        {"version": "v2", "created": "Tue, 24 Jul 2007 20:10:27 GMT"},
    ],
    "update_date": "2008-11-26",
    "authors_parsed": [["Bal\\'azs", "C.", ""], ["Berger", "E. L.", "Jr.", "Argonne"]],
}


def a_line(number: int = 1, **fields: object) -> str:
    return json.dumps({"id": f"2401.{number:05}", "title": f"Paper {number}"} | fields)


def the_paper(**fields: object) -> Paper:
    return read_paper(json.dumps({"id": "2401.00001"} | fields))


def a_file(folder: Path, content: str | bytes, name: str = "papers.json") -> Snapshot:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Snapshot(str(path), name=f"snapshot:{path}")


def papers_of(source: Snapshot) -> list[Paper]:
    return [paper for batch in source.batches() for paper in batch.papers]


def rejected_of(source: Snapshot) -> list[Rejected]:
    return [rejected for batch in source.batches() for rejected in batch.rejected]


@cache
def a_snapshot(count: int = BATCH + 500) -> bytes:
    """Lines that compress badly, as real ones do, with a broken one among them."""
    dice = random.Random(0)
    rows = [a_line(number, abstract=dice.randbytes(300).hex()) for number in range(1, count + 1)]
    return "\n".join([*rows[:40], '{"id": "2401.', *rows[40:]]).encode() + b"\n"


@cache
def a_packed_snapshot(packing: str) -> bytes:
    return PACKERS[packing](a_snapshot())


@pytest.mark.parametrize("packing", PACKERS)
class TestContractOfSources(PaperSourceContract):
    expected = BATCH + 500

    @pytest.fixture
    def source(self, tmp_path: Path, packing: str) -> Snapshot:
        return a_file(tmp_path, a_packed_snapshot(packing), "whole")

    @pytest.fixture
    def torn(self, tmp_path: Path, packing: str) -> Snapshot:
        if packing == "plain":
            pytest.skip("a torn plain file is a file with a broken last line")
        return a_file(tmp_path, torn(a_packed_snapshot(packing)), "torn")


class TestOneRecord:
    def test_every_field_is_read(self) -> None:
        assert read_paper(json.dumps(FULL)) == Paper(
            id=PaperId("0704.0001"),
            title="Calculation of prompt diphoton production at $\\sqrt{s}$",
            abstract="A fully differential calculation in perturbative QCD at 95% of $\\alpha_s$.",
            authors=(Author("Balázs", "C."), Author("Berger", "E. L.", "Jr.")),
            categories=("hep-ph", "math-ph"),
            license="http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
            versions=(
                Version(1, datetime(2007, 4, 2, 19, 18, 42, tzinfo=UTC)),
                Version(2, datetime(2007, 7, 24, 20, 10, 27, tzinfo=UTC)),
            ),
            comments="37 pages, 15 figures",
            journal_ref="Phys.Rev.D76:013009,2007",
            doi="10.1103/PhysRevD.76.013009",
            report_no="ANL-HEP-PR-07-12",
            submitter="Pavel Nadolsky",
        )

    def test_the_id_alone_is_enough(self) -> None:
        assert read_paper('{"id": "hep-th/9901001v3"}') == Paper(id=PaperId("hep-th/9901001"))

    @pytest.mark.parametrize("wrong", [None, 3, 2.5, True, [], {}, [None], [[]], [3], {"a": []}, ""])
    @pytest.mark.parametrize("field", [field for field in FULL if field != "id"])
    def test_a_field_of_a_wrong_type_is_unknown(self, field: str, wrong: object) -> None:
        whole = read_paper(json.dumps(FULL))
        paper = read_paper(json.dumps(FULL | {field: wrong}))
        without = {name: value for name, value in FULL.items() if name != field}
        assert paper == read_paper(json.dumps(without))
        assert paper.id == whole.id

    @settings(
        deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )  # nested values; the first TeX loads a table
    @given(st.dictionaries(st.sampled_from([*FULL]), st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    )))  # fmt: skip
    def test_whatever_stands_in_the_fields_a_paper_comes_out(self, fields: dict[str, object]) -> None:
        paper = read_paper(json.dumps(fields | {"id": "2401.00001"}))
        for text in (
            paper.title,
            paper.abstract,
            paper.comments or "",
            *(name.name for name in paper.authors),
        ):
            assert text == " ".join(text.split())
            text.encode()

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("{}", "no id"),
            ('{"id": null}', "no id"),
            ('{"id": 704.001}', "the id is 704.001, not a string"),
            ('{"id": ["0704.0001"]}', "not a string"),
            ('{"id": "banana"}', "'banana' is not an arXiv identifier"),
            ('{"id": "0704.0001"', "not JSON"),
            ("[1]", "not an object but a list"),
            ("7", "not an object but a int"),
            ("[" * 100_000, "not JSON"),
            ("1" * 5000, "not JSON"),
        ],
    )
    def test_what_is_no_record_says_why(self, line: str, reason: str) -> None:
        with pytest.raises(BadRecord, match=reason):
            read_paper(line)

    def test_texts_lose_control_characters_and_surrogates(self) -> None:
        paper = the_paper(title="a\x00b\x07 \ud800c\u2028d\x85e", abstract="\ufeffx\ty")
        assert paper.title == "ab \ufffdc d e"
        assert paper.abstract == "x y"

    def test_tex_stays_raw(self) -> None:
        assert the_paper(title="An $\\mathbb{R}^n$-\\emph{thing}").title == "An $\\mathbb{R}^n$-\\emph{thing}"


class TestVersions:
    def test_they_come_in_order_and_once(self) -> None:
        history = [
            {"version": "v10", "created": "Tue, 24 Jul 2007 20:10:27 GMT"},
            {"version": "v2", "created": "soon"},
            {"version": "v2", "created": "Mon, 23 Jul 2007 20:10:27 GMT"},
            {"version": 1},
            {"version": "v0"},
            {"version": "vX"},
            {},
        ]
        versions = the_paper(versions=history).versions
        assert [version.number for version in versions] == [1, 2, 10]
        assert versions[0].created is None
        assert versions[1].created == datetime(2007, 7, 23, 20, 10, 27, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("Mon, 2 Apr 2007 19:18:42 GMT", datetime(2007, 4, 2, 19, 18, 42, tzinfo=UTC)),
            ("Mon, 02 Apr 2007 19:18:42 UT", datetime(2007, 4, 2, 19, 18, 42, tzinfo=UTC)),
            ("2 Apr 2007 19:18:42 +0000", datetime(2007, 4, 2, 19, 18, 42, tzinfo=UTC)),
            (
                "Mon, 2 Apr 2007 19:18:42 -0400",
                datetime(2007, 4, 2, 19, 18, 42, tzinfo=timezone(-timedelta(hours=4))),
            ),
            ("Mon, 2 Apr 2007 19:18:42 EST", datetime(2007, 4, 3, 0, 18, 42, tzinfo=UTC)),
            ("Mon, 2 Apr 2007 19:18:42", datetime(2007, 4, 2, 19, 18, 42, tzinfo=UTC)),
            ("Mon, 31 Feb 2007 19:18:42 GMT", None),
            ("Mon, 2 Xxx 2007 19:18:42 GMT", None),
            ("Mon, 2 Apr 2007 25:18:42 GMT", None),
            ("yesterday", None),
            ("", None),
            (None, None),
            (1175541522, None),
        ],
    )
    def test_dates(self, text: object, moment: datetime | None) -> None:
        (version,) = the_paper(versions=[{"version": "v1", "created": text}]).versions
        assert version.created == moment
        assert version.created is None or version.created.utcoffset() == timedelta(0)

    def test_midnight_of_the_ids_first_day_means_that_the_day_is_unknown(self) -> None:
        first = {"version": "v1", "created": "Mon, 01 Jan 2024 00:00:00 GMT"}
        assert not the_paper(versions=[first]).day_known
        assert the_paper(versions=[first]).submitted == datetime(2024, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        "version",
        [
            {"version": "v1", "created": "Mon, 01 Jan 2024 00:00:01 GMT"},
            {"version": "v1", "created": "Thu, 01 Feb 2024 00:00:00 GMT"},
            {"version": "v1", "created": "Tue, 02 Jan 2024 00:00:00 GMT"},
            {"version": "v2", "created": "Mon, 01 Jan 2024 00:00:00 GMT"},
        ],
    )
    def test_any_other_moment_is_known(self, version: dict[str, str]) -> None:
        assert the_paper(versions=[version]).versions[0].created is not None


class TestFiles:
    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n \t\n"])
    def test_line_ends_blank_lines_and_a_bom_do_not_matter(self, tmp_path: Path, end: str) -> None:
        content = "\ufeff\n" + a_line(1) + "\r\n\r\n   \n" + a_line(2) + end
        source = a_file(tmp_path, content)
        assert [paper.id.value for paper in papers_of(source)] == ["2401.00001", "2401.00002"]
        assert not rejected_of(source)

    def test_broken_lines_are_named_by_number_and_skipped(self, tmp_path: Path) -> None:
        content = b"\n".join([a_line(1).encode(), b"{", b"", b'{"id": "\xff"}', a_line(2).encode()])
        source = a_file(tmp_path, content)
        assert [paper.id.value for paper in papers_of(source)] == ["2401.00001", "2401.00002"]
        broken, encoding = rejected_of(source)
        assert broken.where == "line 2"
        assert broken.reason.startswith("not JSON")
        assert broken.raw == "{"
        assert encoding == Rejected("line 4", "not UTF-8 at byte 9", '{"id": "\ufffd"}')

    def test_a_file_of_broken_lines_comes_in_batches_too(self, tmp_path: Path) -> None:
        batches = list(a_file(tmp_path, "x\n" * (2 * BATCH + 1)).batches())
        assert [len(batch.rejected) for batch in batches] == [BATCH, BATCH, 1]

    def test_an_empty_file_holds_nothing(self, tmp_path: Path) -> None:
        for content in ("", gzip.compress(b"")):
            empty = a_file(tmp_path, content)
            (batch,) = empty.batches()
            assert (batch.papers, batch.rejected) == ((), ())
            assert list(empty.batches(batch.cursor)) == []

    def test_a_line_too_long_is_rejected_without_being_held(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "MAX_LINE", 1_000_000)
        row = b'{"id": "2401.00003", "abstract": "' + b"x" * 30_000_000 + b'"}'
        content = b"\n".join([a_line(1).encode(), row, a_line(2).encode(), row])
        source = a_file(tmp_path, lzma.compress(content, preset=0))
        tracemalloc.start()
        batches = list(source.batches())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert [paper.id.value for paper in batches[0].papers] == ["2401.00001", "2401.00002"]
        assert [rejected.where for rejected in batches[0].rejected] == ["line 2", "line 4"]
        assert batches[0].rejected[0].reason == "longer than 1 MB"
        assert peak < 20_000_000

    def test_the_name_says_nothing_about_the_compression(self, tmp_path: Path) -> None:
        source = a_file(tmp_path, lzma.compress(a_line(1).encode()), "papers.json.gz")
        assert len(papers_of(source)) == 1

    @pytest.mark.parametrize("packing", ARCHIVES)
    def test_archives_one_after_another_are_read_through(self, tmp_path: Path, packing: str) -> None:
        pack = PACKERS[packing]
        content = pack(f"{a_line(1)}\n{a_line(2)}".encode()) + b"\0" * 8 + pack(f"\n{a_line(3)}\n".encode())
        assert [paper.title for paper in papers_of(a_file(tmp_path, content))] == [
            "Paper 1",
            "Paper 2",
            "Paper 3",
        ]

    @pytest.mark.parametrize("packing", ARCHIVES)
    def test_a_truncated_archive_gives_every_whole_line_and_says_where(
        self, tmp_path: Path, packing: str
    ) -> None:
        packed = PACKERS[packing](a_snapshot(1000))
        batches = a_file(tmp_path, packed[: len(packed) // 2]).batches()
        papers = next(batches).papers
        with pytest.raises(SourceError) as caught:
            next(batches)
        message = str(caught.value)
        assert f"the {packing} archive is truncated" in message
        assert f"breaks off at line {len(papers) + 2}:" in message  # one line was broken, and one is torn
        assert str(tmp_path / "papers.json") in message

    @pytest.mark.parametrize("packing", ARCHIVES)
    def test_a_damaged_archive_says_so(self, tmp_path: Path, packing: str) -> None:
        packed = bytearray(PACKERS[packing](a_snapshot(1500)))
        middle = len(packed) // 2
        packed[middle : middle + 200] = bytes(200)
        source = a_file(tmp_path, bytes(packed))
        with pytest.raises(SourceError, match=f"the {packing} archive is damaged"):
            list(source.batches())

    @pytest.mark.parametrize(("head", "name"), [(b"PK\x03\x04", "zip"), (b"BZh9", "bzip2")])
    def test_an_archive_of_another_kind_is_named(self, tmp_path: Path, head: bytes, name: str) -> None:
        with pytest.raises(SourceError, match=f"it is a {name} archive; unpack it"):
            list(a_file(tmp_path, head + bytes(100)).batches())

    def test_a_changed_file_is_read_from_its_start(self, tmp_path: Path) -> None:
        (batch,) = a_file(tmp_path, a_line(1)).batches()
        source = a_file(tmp_path, a_line(1) + "\n" + a_line(2))
        assert [len(found.papers) for found in source.batches(batch.cursor)] == [2]
        assert [len(found.papers) for found in source.batches("nonsense")] == [2]

    def test_an_unchanged_file_is_not_read_again(self, tmp_path: Path) -> None:
        source = a_file(tmp_path, a_line(1))
        (batch,) = source.batches()
        assert list(source.batches(batch.cursor)) == []

    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        packed = io.BytesIO(gzip.compress(f"{a_line(1)}\n{a_line(2)}\n".encode()))
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=packed))
        (batch,) = Snapshot("-", name="snapshot:-").batches()
        assert len(batch.papers) == 2
        assert batch.cursor is None
        assert batch.position is None

    def test_memory_is_flat(self, tmp_path: Path) -> None:
        source = a_file(tmp_path, lzma.compress(a_snapshot(8 * BATCH), preset=0))
        tracemalloc.start()
        peaks = []
        for _ in source.batches():
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
        tracemalloc.stop()
        assert max(peaks[4:-1]) < 1.2 * max(peaks[:3])


def test_real_papers_are_read_without_loss(shared: Path) -> None:
    source = Snapshot(str(shared / "data/small/papers.jsonl.xz"), name="snapshot:small")
    papers, rejected = papers_of(source), rejected_of(source)
    assert len(papers) == 6196
    assert not rejected
    assert len({paper.id for paper in papers}) == 6196
    assert all(paper.title and paper.title == " ".join(paper.title.split()) for paper in papers)
    assert 0 < sum(paper.day_known for paper in papers) < 6196


class TestWindow:
    LINES = (
        '{"id": "2401.00001", "title": "A", "update_date": "2024-01-31"}\n'
        '{"id": "2401.00002", "title": "B", "update_date": "2024-02-01"}\n'
        '{"id": "2401.00003", "title": "C", "update_date": "2024-02-02"}\n'
        '{"id": "2401.00004", "title": "D", "update_date": "soon"}\n'
        '{"id": "2401.00005", "title": "E"}\n'
    )

    @pytest.mark.parametrize(
        ("since", "until", "expected"),
        [
            (None, None, "12345"),
            (date(2024, 2, 1), None, "2345"),
            (None, date(2024, 2, 1), "1245"),
            (date(2024, 2, 1), date(2024, 2, 1), "245"),
        ],
    )
    def test_only_papers_changed_on_its_days_or_nobody_knows_when(
        self, tmp_path: Path, since: date | None, until: date | None, expected: str
    ) -> None:
        path = tmp_path / "papers.jsonl"
        path.write_text(self.LINES)
        source = Snapshot(str(path), name="snapshot:x", window=Window(since, until))
        papers = [paper for batch in source.batches() for paper in batch.papers]
        assert "".join(str(paper.id)[-1] for paper in papers) == expected

    def test_it_has_a_cursor_of_its_own(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text(self.LINES)
        window = Window(date(2024, 2, 1), date(2024, 3, 1))
        source = Snapshot(str(tmp_path / "x"), name="snapshot:x", window=window)
        assert source.name == "snapshot:x?from=2024-02-01&until=2024-03-01"
        assert Snapshot(str(tmp_path / "x"), name="snapshot:x", window=Window()).name == "snapshot:x"

    def test_a_window_in_which_nothing_falls_is_done_all_the_same(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text(self.LINES.split('{"id": "2401.00004"')[0])
        source = Snapshot(str(tmp_path / "x"), name="snapshot:x", window=Window(date(2025, 1, 1)))
        (batch,) = source.batches()
        assert batch.papers == ()
        assert list(source.batches(batch.cursor)) == []
