"""`references:PATH` over folders, archives and tables: who cites, which files count, what is refused."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path, PurePosixPath

import pytest

from indexer.errors import SourceError
from indexer.papers import CitationBatch, PaperId
from indexer.sources.references import References, Titles, Work, archives, folder
from indexer.sources.references.folder import paper_of

NOW = date(2026, 8, 20)
TITLES = Titles.build([Work(PaperId("1706.03762"), "Attention Is All You Need", ("Vaswani",), 2017)])
BBL = r"\begin{thebibliography}{1} \bibitem{a} A. Vaswani, \emph{Attention is all you need}. \end{thebibliography}"
BIB = "@article{malda, eprint={hep-th/9711200}}\n@article{unread, eprint={2001.00001}}\n"
TEX = r"\documentclass{article} We cite~\cite{malda}. \bibliography{refs}"


def batches(path: Path, cursor: str | None = None, titles: Titles = TITLES) -> list[CitationBatch]:
    return list(References(str(path), name=f"references:{path}", titles=titles, now=NOW).batches((), cursor))


def cited(path: Path) -> dict[str, list[str]]:
    """What each paper that was answered cites."""
    found: dict[str, list[str]] = {}
    for batch in batches(path):
        for paper in batch.answered:
            found[paper.value] = [pair.cited.value for pair in batch.citations if pair.citing == paper]
    return found


def rejected(path: Path) -> list[tuple[str, str]]:
    return [(bad.where, bad.reason) for batch in batches(path) for bad in batch.rejected]


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]  # one of the modes for writing
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("2506.02838.tex", "2506.02838"),
        ("x/2506.02838v1.bbl", "2506.02838"),
        ("2506.02838/sub/main.bbl", "2506.02838"),
        ("2506/2506.02838.gz", "2506.02838"),
        ("arXiv-2506.02838v2.tar.gz", "2506.02838"),
        ("hep-th_9901001.bib", "hep-th/9901001"),
        ("hep-th9901001.tar.gz", "hep-th/9901001"),
        ("hep-th/9901001/paper.tex", "hep-th/9901001"),
        ("math0611800v2.pdf", "math/0611800"),
        ("2506.02838/2001.00001.tex", "2506.02838"),
        ("paper/main.tex", None),
        ("2513.02838.tex", None),
    ],
)
def test_the_outermost_name_that_is_an_id_cites(path: str, expected: str | None) -> None:
    found = paper_of(PurePosixPath(path))
    assert (found and found[0].value) == expected


class TestFolders:
    def test_files_and_folders_of_several_papers(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            **{
                "2506.02838__main.bbl": BBL,
                "hep-th_9901001.tex": BBL,
                "2506.00001.txt": "[1] hep-th/9711200\n[2] x y z w q r",
            },
        )
        assert cited(tmp_path) == {
            "2506.00001": ["hep-th/9711200"],
            "2506.02838": ["1706.03762"],
            "hep-th/9901001": ["1706.03762"],
        }

    def test_it_tells_how_references_were_told(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            **{
                "2506.02838.bbl": BBL + r"\bibitem{b} hep-th/9711200",
                "2506.00001.txt": "A. One, Nothing that is known.",
            },
        )
        source = References(str(tmp_path), name="x", titles=TITLES, now=NOW)
        assert not source.remarks
        list(source.batches(()))
        assert source.remarks == (
            "of 3 references 1 name an arXiv id, 0 have the DOI and 1 the title of a paper of the library",
        )

    def test_a_single_file(self, tmp_path: Path) -> None:
        write(tmp_path, **{"2506.02838v3.bib": BIB})
        assert cited(tmp_path / "2506.02838v3.bib") == {"2506.02838": ["hep-th/9711200", "2001.00001"]}

    def test_the_bbl_counts_before_bibtex(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            **{"2506.02838__main.bbl": BBL, "2506.02838__main.tex": TEX, "2506.02838__refs.bib": BIB},
        )
        assert cited(tmp_path) == {"2506.02838": ["1706.03762"]}

    def test_the_bbl_of_a_template_does_not_count(self, tmp_path: Path) -> None:
        sample = BBL.replace("A. Vaswani", "hep-th/9711200")
        write(
            tmp_path,
            **{"2506.02838__main.bbl": BBL, "2506.02838__main.tex": TEX, "2506.02838__sample.bbl": sample},
        )
        assert cited(tmp_path) == {"2506.02838": ["1706.03762"]}

    def test_of_bibtex_beside_latex_only_what_is_cited(self, tmp_path: Path) -> None:
        write(tmp_path, **{"2506.02838__main.tex": TEX + "\n% \\cite{unread}", "2506.02838__refs.bib": BIB})
        assert cited(tmp_path) == {"2506.02838": ["hep-th/9711200"]}

    def test_nocite_star_is_all(self, tmp_path: Path) -> None:
        write(tmp_path, **{"2506.02838__main.tex": TEX + r"\nocite{*}", "2506.02838__refs.bib": BIB})
        assert cited(tmp_path) == {"2506.02838": ["hep-th/9711200", "2001.00001"]}

    def test_the_newest_version_counts(self, tmp_path: Path) -> None:
        write(tmp_path, **{"2506.02838v1.bib": BIB, "2506.02838v12.bbl": BBL, "2506.02838v2.bib": BIB})
        assert cited(tmp_path) == {"2506.02838": ["1706.03762"]}

    def test_a_paper_does_not_cite_itself(self, tmp_path: Path) -> None:
        write(tmp_path, **{"1706.03762.bbl": BBL + r"\bibitem{b} hep-th/9711200"})
        assert cited(tmp_path) == {"1706.03762": ["hep-th/9711200"]}

    def test_links_are_passed_over(self, tmp_path: Path) -> None:
        outside = write(tmp_path / "outside", secret=BBL) / "secret"
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "2506.02838.bbl").symlink_to(outside)
        assert batches(tmp_path / "in") == []


class TestRefused:
    def test_no_such_path(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="nowhere does not exist; name a folder"):
            References(str(tmp_path / "nowhere"), name="x", titles=TITLES)

    def test_a_file_of_no_paper(self, tmp_path: Path) -> None:
        write(tmp_path, **{"main.bbl": BBL})
        ((where, reason),) = rejected(tmp_path)
        assert where.endswith("main.bbl")
        assert "not known which paper cites" in reason

    @pytest.mark.parametrize(
        ("name", "data", "reason"),
        [
            ("2506.02838.tex", b"\0\1binary", "is not text"),
            ("2506.02838.tex", b"no bibliography at all", "no list of references was found in it"),
            ("2506.02838.tar.gz", b"\x1f\x8b broken", "the archive is damaged"),
            ("2506.02838.tar.gz", tar({"main.bbl": BBL.encode() * 500})[:300], "the archive is damaged"),
            ("2506.02838.zip", b"PK\3\4 broken", "the archive is damaged"),
        ],
    )
    def test_a_list_that_cannot_be_read_is_no_answer(
        self, tmp_path: Path, name: str, data: bytes, reason: str
    ) -> None:
        (tmp_path / name).write_bytes(data)
        write(tmp_path, **{"2506.00001.bbl": BBL})
        assert cited(tmp_path) == {"2506.00001": ["1706.03762"]}
        ((_, why),) = rejected(tmp_path)
        assert why.startswith(reason)

    def test_latin_1_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "2506.02838.bbl").write_bytes(BBL.replace("A. Vaswani", "É. Vaswani").encode("latin-1"))
        assert cited(tmp_path) == {"2506.02838": ["1706.03762"]}

    def test_long_files_are_left_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folder, "MAX_FILE", 10)
        write(tmp_path, **{"2506.02838.bbl": BBL})
        assert cited(tmp_path) == {}
        assert "longer than" in rejected(tmp_path)[0][1]


class TestArchives:
    @pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
    def test_an_e_print(self, tmp_path: Path, mode: str) -> None:
        (tmp_path / "hep-th9901001.tar.gz").write_bytes(
            tar({"ms.tex": TEX.encode(), "ms.bbl": BBL.encode(), "fig.png": b"\0"}, mode)
        )
        assert cited(tmp_path) == {"hep-th/9901001": ["1706.03762"]}

    def test_a_single_gzipped_source(self, tmp_path: Path) -> None:
        (tmp_path / "2506.02838v1.gz").write_bytes(gzip.compress(BBL.encode()))
        assert cited(tmp_path) == {"2506.02838": ["1706.03762"]}

    def test_a_zip(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "2506.02838.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("paper/main.bbl", BBL)
        assert cited(tmp_path / "2506.02838.zip") == {"2506.02838": ["1706.03762"]}

    def test_an_archive_of_archives(self, tmp_path: Path) -> None:
        files = {
            "2506/2506.00001.gz": gzip.compress(BBL.encode()),
            "2506/2506.00002.gz": tar({"main.tex": TEX.encode(), "refs.bib": BIB.encode()}),
            "2506/2506.00003.pdf": b"%PDF",
            "2506/2506.00004/main.bbl": BBL.encode(),
            "readme.txt": b"?",
        }
        (tmp_path / "arXiv_src_2506_001.tar").write_bytes(tar(files, "w"))
        expected = {
            "2506.00001": ["1706.03762"],
            "2506.00002": ["hep-th/9711200"],
            "2506.00004": ["1706.03762"],
        }
        assert cited(tmp_path) == cited(tmp_path / "arXiv_src_2506_001.tar") == expected
        assert [where.rpartition("/")[2] for where, _ in rejected(tmp_path)] == ["readme.txt"]

    def test_what_is_no_plain_file_is_passed_over(self, tmp_path: Path) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, kind in (
                ("a.bbl", tarfile.SYMTYPE),
                ("b.bbl", tarfile.LNKTYPE),
                ("c.bbl", tarfile.FIFOTYPE),
            ):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, "/etc/passwd"
                archive.addfile(member)
            member = tarfile.TarInfo("../../d.bbl")
            member.size = len(BBL)
            archive.addfile(member, io.BytesIO(BBL.encode()))
        (tmp_path / "2506.02838.tar").write_bytes(packed.getvalue())
        assert cited(tmp_path) == {"2506.02838": ["1706.03762"]}
        assert list(tmp_path.iterdir()) == [tmp_path / "2506.02838.tar"]

    def test_a_bomb_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archives, "MAX_UNPACKED", 1_000_000)
        (tmp_path / "2506.02838.tar.gz").write_bytes(
            tar({"fig.png": bytes(20_000_000), "main.bbl": BBL.encode()})
        )
        assert cited(tmp_path) == {}
        assert "unpacks to more than" in rejected(tmp_path)[0][1]

    def test_a_header_that_claims_gigabytes_is_refused(self, tmp_path: Path) -> None:
        header = tarfile.TarInfo("pax")
        header.type, header.size = tarfile.XHDTYPE, 8_000_000_000
        (tmp_path / "2506.02838.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1_024))
        assert "claims 8,000,000,000 bytes" in rejected(tmp_path)[0][1]


class TestTables:
    def test_json_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "refs.jsonl.gz"
        lines = [
            json.dumps(
                {
                    "citing": "2506.02838v1",
                    "references": ["A. Vaswani, Attention is all you need, 2017.", "none"],
                }
            ),
            json.dumps({"citing": "2506.00001", "references": []}),
            json.dumps({"citing": "2506.00002"}),
            "{",
        ]
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
        assert cited(path) == {"2506.02838": ["1706.03762"], "2506.00001": []}
        assert [where for where, _ in rejected(path)] == ["line 3", "line 4"]

    @pytest.mark.parametrize(
        "text",
        [
            'citing,reference\n2506.02838,"A. Vaswani,\nAttention is all you need."\n'
            "2506.00001,x\n2506.02838,hep-th/9711200\n",
            "2506.02838\tA. Vaswani, Attention is all you need.\n2506.00001\tx\n2506.02838\thep-th/9711200\n",
            "raw;n;citing_id\nA. Vaswani. Attention is all you need;1;2506.02838\n"
            "x;2;2506.00001\nhep-th/9711200;3;2506.02838\n",
        ],
    )
    def test_the_rows_of_a_paper_may_stand_anywhere(self, tmp_path: Path, text: str) -> None:
        path = write(tmp_path, **{"refs.csv": text}) / "refs.csv"
        assert cited(path) == {"2506.02838": ["1706.03762", "hep-th/9711200"], "2506.00001": []}

    def test_bad_rows_are_named(self, tmp_path: Path) -> None:
        path = write(tmp_path, **{"refs.tsv": "2506.02838\thep-th/9711200\nnothing\nmain\tx\n"}) / "refs.tsv"
        assert cited(path) == {"2506.02838": ["hep-th/9711200"]}
        assert [where for where, _ in rejected(path)] == ["line 2", "line 3"]


def _folder(root: Path) -> Path:
    return write(root / "f", **{f"2506.{number:05}.bbl": BBL for number in range(1, 251)})


def _lines(root: Path) -> Path:
    lines = [
        json.dumps({"citing": f"2506.{number:05}", "references": ["hep-th/9711200"]})
        for number in range(1, 251)
    ]
    return write(root, **{"refs.jsonl": "\n".join(lines)}) / "refs.jsonl"


@pytest.mark.parametrize("make", [_folder, _lines])
class TestResuming:
    def test_it_goes_on_after_the_cursor(self, tmp_path: Path, make: Callable[[Path], Path]) -> None:
        path = make(tmp_path)
        first, second, third = batches(path)
        assert [len(batch.answered) for batch in (first, second, third)] == [100, 100, 50]
        assert third.position == 1.0
        assert batches(path, first.cursor) == [second, third]
        assert batches(path, third.cursor) == []

    def test_other_files_or_titles_begin_anew(self, tmp_path: Path, make: Callable[[Path], Path]) -> None:
        path = make(tmp_path)
        *_, last = batches(path)
        assert len(batches(path, last.cursor, Titles.build([]))) == 3
        if path.is_dir():
            write(path, **{"2506.00001.bbl": BBL + "\n"})
        else:
            path.write_text(path.read_text() + "\n\n")
        assert len(batches(path, last.cursor)) == 3
        assert len(batches(path, "nonsense")) == 3
