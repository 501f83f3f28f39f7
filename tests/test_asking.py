"""`gaps`, `review` and the seeds of `related` on the command line: what they print, and how they refuse."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import SettingsError
from service.asking import LARGEST_TEXT, month_of
from tests.builders import a_paper, cited
from tests.commands import failed, paperkin
from tests.libraries import TOPICS, build, chain, settings_in, three_topics
from tests.toy_embedder import ToyEmbedder

PAPERS = three_topics()
LAST = [paper.id for paper in PAPERS if paper.title.startswith("Diffusion")][-4:]
SHARED = "Their only common ancestor"
ABSTRACT = f"We ask about {TOPICS['diffusion']}."


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    settings = settings_in(tmp_path_factory.mktemp("asking"))
    papers = [*PAPERS, *(a_paper(number) for number in (1, 2, 3)), a_paper(4, title=SHARED)]
    links = [*chain(PAPERS), *cited((1, 4), (2, 4), (3, 4), (1, 999), (2, 999))]
    build(settings, papers, links)
    return settings.library


@pytest.fixture(autouse=True)
def toy_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that made the library, for the texts of drafts."""
    monkeypatch.setattr("indexer.embedding.load_embedder", lambda *_: ToyEmbedder())


@pytest.fixture
def bib(tmp_path: Path) -> Path:
    file = tmp_path / "refs.bib"
    file.write_text(
        "@misc{one, eprint={2401.00001}}\n@misc{two, eprint={2401.00002}}\n@book{other, title={Not held}}\n",
        encoding="utf-8",
    )
    return file


def test_gaps_are_listed_with_who_cites_them(library: str, bib: Path) -> None:
    ran = paperkin("gaps", "2401.00003", "--bib", bib, "--library", library)
    assert ran.code == 0
    assert ran.err == "paperkin: other: Not held is not in this library\n"
    kinship = "On the kinship of papers, part"
    assert ran.lines == [
        f"   3  2401.00004  {SHARED}",
        f"      cited by {kinship} 1; {kinship} 2; {kinship} 3 (3 papers of the library)",
        "   2  2401.00999  (not in this library)",
        f"      cited by {kinship} 1; {kinship} 2 (2 papers of the library)",
    ]


def test_gaps_as_json(library: str, bib: Path) -> None:
    words = ["gaps", "--bib", bib, "2401.00003", "--at-least", 2, "-k", 1, "--json", "--library", library]
    data = paperkin(*words).data
    assert (data["seeds"], data["at_least"], data["total"]) == (3, 2, 2)
    assert data["unknown"] == ["other: Not held"]
    assert [one["id"] for one in data["results"]] == ["2401.00004"]
    assert data["results"][0]["cited_by"][0] == {
        "id": "2401.00001",
        "title": "On the kinship of papers, part 1",
    }


def test_gaps_by_how_telling_they_are(library: str) -> None:
    words = ["gaps", *LAST, "--at-least", 1, "--json", "--library", library]
    by_count = paperkin(*words).data["results"]
    telling = paperkin(*words, "--sort", "telling").data["results"]
    assert {one["id"] for one in by_count} == {one["id"] for one in telling}


def test_only_open_works_where_asked(library: str, bib: Path) -> None:
    ran = paperkin("gaps", "--bib", bib, "--open-license", "--json", "--library", library)
    assert [one["id"] for one in ran.data["results"]] == ["2401.00004"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--category", "nowhere"], 0),
        (["--license", "urn:none"], 0),
        (["--since", "2024-02-01"], 0),
        (["--until", "2023-12-31"], 0),
        (["--since", "2024-01-01", "--until", "2024-01-31", "--category", "cs"], 1),
    ],
)
def test_filters_hold_for_gaps_and_review(library: str, tmp_path: Path, words: list[str], shown: int) -> None:
    asked = ["2401.00001", "2401.00002", "2401.00003", *words, "--json", "--library", library]
    (tmp_path / "draft").write_text(ABSTRACT)
    for command in (["gaps"], ["review", "--text", tmp_path / "draft"]):
        results = paperkin(*command, *asked).data["results"]
        assert [one["id"] for one in results].count("2401.00004") == shown


def test_gaps_tell_what_they_cannot_know(library: str) -> None:
    ran = paperkin("gaps", "2401.00001", "2401.00004", "--library", library)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines() == [
        "paperkin: only of 1 of 2 seeds it is known what they cite; `paperkin link` looks for more",
        "paperkin: there is no other work that at least 2 seeds cite",
    ]


def test_of_many_unknown_works_the_first_are_named(library: str, tmp_path: Path) -> None:
    titles = tmp_path / "titles.txt"
    lines = [f"Unheard of number {number}" for number in range(13)]
    titles.write_text("\n".join(["2401.00001", "2401.00002", *lines]), encoding="utf-8")
    ran = paperkin("gaps", "--titles", titles, "--library", library)
    assert len(ran.err.splitlines()) == 11
    assert ran.err.endswith("paperkin: nor are 3 more; --json lists them all\n")
    assert "2401.00004" in ran.out


def test_review_of_a_draft(library: str, tmp_path: Path) -> None:
    draft, titles = tmp_path / "draft.txt", tmp_path / "cited.txt"
    draft.write_text(f"A draft\n\n{ABSTRACT}", encoding="utf-8")
    titles.write_text(f"{LAST[0]}\nUnheard of\n", encoding="utf-8")
    words = ["review", str(LAST[1]), "--text", draft, "--titles", titles, "--library", library, "-k", 30]
    ran = paperkin(*words)
    assert ran.code == 0
    assert ran.err == "paperkin: Unheard of is not in this library\n"
    assert "      shares 1 of your references: Diffusion study number" in ran.out
    assert "      cited by 2 of your references: Diffusion study number" in ran.out
    shown = {line.split()[1] for line in ran.lines if line[:1].isdigit()}
    assert shown
    assert not shown & {str(LAST[0]), str(LAST[1])}
    data = paperkin(*words, "--json").data
    assert [one["id"] for one in data["results"]][:3] == [
        line.split()[1] for line in ran.lines if line[:1].isdigit()
    ][:3]
    assert {one["id"] for one in data["cited"]} == {str(LAST[0]), str(LAST[1])}
    assert all(one["findings"] for one in data["results"][:5])


def test_review_of_standard_input_up_to_a_month(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(ABSTRACT.encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    ran = paperkin("review", "--text", "-", "--not-after", "2023-05", "--json", "--library", library)
    ids = [one["id"] for one in ran.data["results"]]
    assert ids
    assert max(ids) < "2306"


def test_related_to_bibtex_and_titles(library: str, bib: Path, tmp_path: Path) -> None:
    titles = tmp_path / "titles.txt"
    titles.write_text(f"{LAST[0]}\n", encoding="utf-8")
    data = paperkin("related", "--bib", bib, "--titles", titles, "--json", "--library", library).data
    assert [one["id"] for one in data["seeds"]] == ["2401.00001", "2401.00002", str(LAST[0])]
    assert data["unknown"] == ["other: Not held"]
    assert data["results"]
    ran = paperkin("related", "--bib", bib, "-k", 1, "--library", library)
    assert ran.err == "paperkin: other: Not held is not in this library\n"
    assert len(ran.lines) == 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["gaps"], 2, "give the papers of the set: ids, --bib FILE or --titles FILE"),
        (["gaps", "2401.00001"], 2, "at least 2 seeds cannot be asked for where the library holds 1; "),
        (["gaps", "2401.00999"], 2, "the library holds none of the works asked for: 2401.00999; give others"),
        (["gaps", "2401.00001", "--at-least", "0"], 2, "invalid value for '--at-least'"),
        (["gaps", "2401.00001", "--sort", "size"], 2, "--sort size is unknown; use count or telling"),
        (["gaps", "--bib", "none.bib"], 1, "the BibTeX file none.bib cannot be read (No such file"),
        (["gaps", "--bib", "empty"], 2, "there is no entry in the BibTeX"),
        (["gaps", "--titles", "empty"], 2, "there is no title in empty; write one a line"),
        (["related", "--bib", "empty"], 2, "there is no entry in the BibTeX"),
        (["related", "--bib", "empty", "--ids-from", "empty"], 2, "give the papers either together or with"),
        (["review"], 2, "review needs the draft's title and abstract: --text FILE"),
        (["review", "--text", "none"], 1, "the draft in none cannot be read (No such file"),
        (["review", "--text", "empty"], 2, "there is no text in empty; write the draft's title"),
        (["review", "--text", "bytes"], 1, "the draft in bytes is not text; give its title and abstract"),
        (["review", "--text", "large"], 2, "the draft in large has more than 1,000,000 bytes"),
        (
            ["review", "--text", "good", "--not-after", "2025-13"],
            2,
            "'2025-13' is no month; write it as 2025-03",
        ),
        (["review", "--text", "good", "--bib", "bytes"], 1, "bytes is no BibTeX file: it is not text"),
    ],
)
def test_what_cannot_be_asked(
    library: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    contents: dict[str, Any] = {
        "empty": b"\n",
        "bytes": b"\0\1",
        "large": b"x" * (LARGEST_TEXT + 1),
        "good": b"A draft",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    assert failed(paperkin(*words, "--library", library), code).startswith(message)


def test_months() -> None:
    assert month_of(" 2025-03 ") == 202503
    for wrong in ("2025-3", "2025", "2025-00", "25-03", "2025-03-01", "٢٠٢٥-03"):
        with pytest.raises(SettingsError, match="is no month"):
            month_of(wrong)
