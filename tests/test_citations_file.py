import json
from pathlib import Path

import pytest

from indexer.errors import SourceError
from indexer.papers import Citation, PaperId, Rejected
from indexer.sources.citations_file import BATCH, CitationsFile
from tests.contracts.source_contract import CitationSourceContract
from tests.packed import PACKERS, torn


def a_file(folder: Path, content: str | bytes, name: str = "citations") -> CitationsFile:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return CitationsFile(str(path), name=f"citations:{path}")


def pairs(source: CitationsFile) -> list[tuple[str, str]]:
    found = (citation for batch in source.batches(()) for citation in batch.citations)
    return [(citation.citing.value, citation.cited.value) for citation in found]


def rejected(source: CitationsFile) -> list[Rejected]:
    return [rejected for batch in source.batches(()) for rejected in batch.rejected]


def a_table(count: int = BATCH + 500) -> bytes:
    rows = [f"2401.{number:05}\t2312.{(number * 7919) % 99_991 + 1:05}\ts2" for number in range(1, count + 1)]
    return (
        "\n".join(["citing\tcited\tsource", *rows[:30], "2401.00001\tbanana\ts2", *rows[30:]]).encode()
        + b"\n"
    )


@pytest.mark.parametrize("packing", PACKERS)
class TestContractOfSources(CitationSourceContract):
    expected = BATCH + 500

    @pytest.fixture
    def source(self, tmp_path: Path, packing: str) -> CitationsFile:
        return a_file(tmp_path, PACKERS[packing](a_table()), "whole")

    @pytest.fixture
    def torn(self, tmp_path: Path, packing: str) -> CitationsFile:
        if packing == "plain":
            pytest.skip("a torn plain file is a file with a broken last line")
        return a_file(tmp_path, torn(PACKERS[packing](a_table())), "torn")


TWO = [("2401.00001", "hep-th/9901001"), ("2401.00002", "2401.00001")]


@pytest.mark.parametrize(
    "content",
    [
        "citing\tcited\tsource\n2401.00001\thep-th/9901001\ts2\n2401.00002\t2401.00001\toa\n",
        "2401.00001\thep-th/9901001\n2401.00002\t2401.00001",
        "citing,cited\r\n2401.00001,hep-th/9901001\r\n2401.00002,2401.00001\r\n",
        '"2401.00001","hep-th/9901001","a ""quoted"" source, with comma"\n2401.00002,2401.00001,x\n',
        "2401.00001;hep-th/9901001\n2401.00002;2401.00001\n",
        "2401.00001 hep-th/9901001\n2401.00002 2401.00001\n",
        "source,Cited,Citing\ns2,hep-th/9901001,2401.00001\ns2,2401.00001,2401.00002\n",
        "\ufeffciting\tcited\n\n# a comment\n2401.00001v3\tarXiv:hep-th/9901001\n2401.00002\t 2401.00001v1 \n",
        "# a comment, first\n2401.00001\thttps://arxiv.org/abs/hep-th/9901001\n2401.00002\t2401.00001\n",
        '{"citing": "2401.00001", "cited": "hep-th/9901001"}\n{"cited": "2401.00001", "citing": "2401.00002v1"}\n',
    ],
)
def test_formats(tmp_path: Path, content: str) -> None:
    source = a_file(tmp_path, content)
    assert pairs(source) == TWO
    assert not rejected(source)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2401.00001", "1 column where citing and cited are needed"),
        ("2401.00001\t", "'' is not an arXiv identifier"),
        ("2401.1\t2401.00002", "'2401.1' is not an arXiv identifier"),
        ("2401.00001v1\t2401.00001v2", "2401.00001 cites itself"),
    ],
)
def test_bad_rows_are_named_and_skipped(tmp_path: Path, row: str, reason: str) -> None:
    source = a_file(tmp_path, f"citing\tcited\n{row}\n2401.00001\t2401.00002\n")
    assert pairs(source) == [("2401.00001", "2401.00002")]
    (bad,) = rejected(source)
    assert bad.where == "line 2"
    assert reason in bad.reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "not JSON"),
        ("[1]", "not an object but a list"),
        ('{"citing": 2401.00001, "cited": "2401.00002"}', "as strings"),
        ('{"citing": "2401.00001"}', "as strings"),
    ],
)
def test_bad_json_is_named_and_skipped(tmp_path: Path, row: str, reason: str) -> None:
    good = json.dumps({"citing": "2401.00001", "cited": "2401.00002"})
    (bad,) = rejected(a_file(tmp_path, f"{good}\n{row}\n{good}\n"))
    assert bad.where == "line 2"
    assert reason in bad.reason


def test_a_first_line_that_is_no_header_is_a_row(tmp_path: Path) -> None:
    source = a_file(tmp_path, "banana\tcherry\n2401.00001\t2401.00002\n")
    assert [bad.where for bad in rejected(source)] == ["line 1"]
    assert pairs(source) == [("2401.00001", "2401.00002")]


def test_a_quote_that_never_closes_is_one_bad_row(tmp_path: Path) -> None:
    source = a_file(tmp_path, '2401.00001,2401.00002\n"2401.00001,2401.00003\n2401.00001,2401.00004\n')
    assert [bad.where for bad in rejected(source)] == ["line 2"]
    assert len(pairs(source)) == 2


def test_the_columns_are_known_after_any_cursor(tmp_path: Path) -> None:
    rows = "".join(f"s2,2312.00001,2401.{number:05}\n" for number in range(1, BATCH + 3))
    source = a_file(tmp_path, f"# made by hand\nsource,cited,citing\n{rows}")
    first, second = source.batches(())
    assert list(source.batches((), first.cursor)) == [second]
    assert second.citations[-1] == Citation(PaperId(f"2401.{BATCH + 2:05}"), PaperId("2312.00001"))


def test_what_is_wanted_is_ignored_by_a_file(tmp_path: Path) -> None:
    source = a_file(tmp_path, "2401.00001\t2401.00002\n")
    (batch,) = source.batches([PaperId("2401.00009")])
    assert batch.citations == (Citation(PaperId("2401.00001"), PaperId("2401.00002")),)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder"):
        CitationsFile(str(tmp_path), name="citations:x")


def test_real_citations_are_read_without_loss(shared: Path) -> None:
    path = shared / "data/small/citations.tsv.xz"
    source = CitationsFile(str(path), name="citations:small")
    assert len(pairs(source)) == 45_299
    assert not rejected(source)
