"""Seeds out of BibTeX, titles and ids: what is found, what is reported, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import SettingsError, SourceError, UnknownPaper
from indexer.library import Library
from indexer.papers import Author, PaperId
from service.answers import RelatedRequest
from service.seeds import (
    LARGEST_BIB,
    MOST_SEEDS,
    SeedList,
    none_held,
    read_bib,
    read_titles,
    related_to_seeds,
    resolve_seeds,
)
from tests.asking import library_of
from tests.builders import a_paper, an_id, some_versions
from tests.libraries import chain, three_topics

PAPERS = three_topics()
KIN = "Quarkonium thermodynamics beyond perturbative lattice expansions: gluon plasma viscosity"
CURIE = a_paper(
    501,
    month=2305,
    title=KIN,
    abstract="A collider measures hadrons.",
    doi="10.1103/PhysRevD.99.123",
)
WITHDRAWN = a_paper(
    502,
    month=2305,
    title="Superfluid helium turbulence inside rotating cryogenic microfluidic channels",
    versions=some_versions(1, withdrawn=(1,)),
    withdrawn=True,
)
OLD = a_paper(503, month=2305, id=PaperId.parse("hep-th/9711200"), title="The large N limit")
COMMON = [
    a_paper(
        600 + number,
        month=2306,
        title=f"Survey of limits of a survey of models and models of limits {number}",
        abstract="Models.",
        authors=(Author(f"Person{number}", "A."),),
    )
    for number in range(30)
]
# What its words find comes after all the others, which have them more often.
PLAIN = a_paper(
    690,
    month=2306,
    title="A survey of models and their limits",
    abstract="It has more to say of other matters than the others have, at length, and again at length.",
    authors=(Author("Plain", "A."),),
    versions=some_versions(1, withdrawn=(1,)),
    withdrawn=True,
)
NOW = date(2026, 8, 20)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    papers = [*PAPERS, CURIE, WITHDRAWN, OLD, *COMMON, PLAIN]
    with library_of(tmp_path_factory.mktemp("seeds"), papers, chain(PAPERS)) as opened:
        yield opened


def entry(key: str = "key", **fields: str) -> str:
    return (
        f"@article{{{key},\n"
        + ",\n".join(f"  {name} = {{{text}}}" for name, text in fields.items())
        + "\n}\n"
    )


def found(library: Library, bib: str) -> tuple[PaperId, ...]:
    return resolve_seeds(library, bib=bib, now=NOW).found


@pytest.mark.parametrize(
    "fields",
    [
        {"eprint": "2305.00501", "archiveprefix": "arXiv"},
        {"journal": "arXiv preprint arXiv:2305.00501v2"},
        {"url": "https://arxiv.org/abs/2305.00501"},
        {"title": "{" + KIN + "}", "author": "Curie, Marie and Noether, Emmy"},
        {"title": KIN.upper()},
        {"title": KIN.partition(":")[0], "author": "Marie Curie and Emmy Noether"},
        {"title": KIN.replace("plasma", "plazma"), "author": "Marie Curie and Emmy Noether"},
        {"title": KIN, "eprint": "2305.77777", "author": "Curie, Marie"},  # a slip in the id
        {"title": KIN.partition(":")[0], "doi": "https://doi.org/10.1103/physrevd.99.123"},
    ],
)
def test_an_entry_is_found_by_id_doi_or_title(library: Library, fields: dict[str, str]) -> None:
    assert found(library, entry(**fields)) == (CURIE.id,)


def test_a_withdrawn_paper_may_be_a_seed(library: Library) -> None:
    assert found(library, entry(title=WITHDRAWN.title)) == (WITHDRAWN.id,)


def test_a_word_that_the_title_held_lacks_leads_not_astray(library: Library) -> None:
    title = f"{WITHDRAWN.title}: expansions"  # one of its five rarest words is of another paper
    assert found(library, entry(title=title, author="Curie, Marie and Noether, Emmy")) == (WITHDRAWN.id,)


def test_a_title_of_common_words_is_found_as_a_phrase(library: Library) -> None:
    assert found(library, entry(title=PLAIN.title, author="A. Plain")) == (PLAIN.id,)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "Cooking with gas", "author": "Somebody Else"},
        {"title": "Quarkonium thermodynamics", "author": "Somebody Else"},
        {"title": KIN.replace("Quarkonium", "Charmonium"), "author": "Somebody Else"},
        {"title": "A survey of models and their limits", "author": "Nobody"},
        {"title": ""},
        {"title": "+"},
        {"note": "nothing"},
    ],
)
def test_what_is_not_held_is_reported_and_not_guessed(library: Library, fields: dict[str, str]) -> None:
    got = resolve_seeds(library, bib=entry("smith2020", **fields), now=NOW)
    assert got.found == ()
    title = " ".join(fields.get("title", "").split())
    assert got.unknown == (f"smith2020: {title}" if title else "smith2020",)


def test_titles_may_be_ids_addresses_or_whole_references(library: Library) -> None:
    got = resolve_seeds(
        library,
        titles=[
            KIN,
            "hep-th/9711200v3",
            "https://arxiv.org/abs/2301.00001",
            f"[7] M. Curie, E. Noether. {WITHDRAWN.title}. Journal of Helium 7, 2024.",
            "   ",
            "No such title anywhere",
            "2305.77777",
        ],
        now=NOW,
    )
    assert got.found == (CURIE.id, OLD.id, an_id(1, 2301), WITHDRAWN.id)
    assert got.unknown == ("No such title anywhere", "2305.77777")
    assert got.absent == (an_id(77777, 2305),)


def test_duplicates_collapse_and_the_order_stays(library: Library) -> None:
    bib = entry("a", title=KIN) + entry("b", eprint="2305.00501") + entry("c", eprint="2301.00001")
    got = resolve_seeds(library, bib=bib, titles=[KIN, "nothing", "nothing"], ids=["2301.00002"], now=NOW)
    assert got.found == (an_id(2, 2301), CURIE.id, an_id(1, 2301))
    assert got.unknown == ("nothing",)


def test_ids_that_are_none_are_reported_as_written(library: Library) -> None:
    got = resolve_seeds(library, ids=["2305.00501", "nonsense", "2305.99999", "x" * 500], now=NOW)
    assert got.found == (CURIE.id,)
    assert got.unknown == ("nonsense", "2305.99999", "x" * 197 + "...")
    assert got.absent == (an_id(99999, 2305),)


def test_broken_bibtex_loses_no_other_entry(library: Library) -> None:
    bib = "@article{bad, title={never closed\n" + entry("good", title=KIN) + "@article{}\n@misc{,}\n@"
    got = resolve_seeds(library, bib=bib, now=NOW)
    assert got.found == (CURIE.id,)
    assert "bad: never closed" in got.unknown


@given(text=st.text(max_size=200), inside=st.text(alphabet='{}",=@#\\ \na1', max_size=60))
def test_no_text_breaks_the_reader(library: Library, text: str, inside: str) -> None:
    bib = f"@article{{key, title = {{{inside}}}, {text}\n" + text
    got = resolve_seeds(library, bib=bib, titles=[text, inside], ids=[text], now=NOW)
    assert set(got.found) <= {paper.id for paper in (*PAPERS, CURIE, WITHDRAWN, OLD, *COMMON, PLAIN)}


@pytest.mark.parametrize("bib", ["", "   \n", "no BibTeX at all", "@comment{key, title={x}}"])
def test_a_text_without_an_entry_is_refused(library: Library, bib: str) -> None:
    with pytest.raises(SettingsError, match="there is no entry in the BibTeX"):
        resolve_seeds(library, bib=bib)


def test_too_much_is_refused(library: Library) -> None:
    with pytest.raises(SettingsError, match=r"2,001 entries of BibTeX are more than 2,000"):
        resolve_seeds(library, bib=entry() * (MOST_SEEDS + 1))
    with pytest.raises(SettingsError, match=r"2,001 titles are more than 2,000"):
        resolve_seeds(library, titles=["a title"] * (MOST_SEEDS + 1))
    with pytest.raises(SettingsError, match=r"2,001 ids are more"):
        resolve_seeds(library, ids=["2301.00001"] * (MOST_SEEDS + 1))
    with pytest.raises(SettingsError, match=r"the BibTeX has 2,000,001 bytes, more than 2,000,000"):
        resolve_seeds(library, bib="é" * (LARGEST_BIB // 2) + "x")


def test_related_to_seeds_joins_all_kinds(library: Library) -> None:
    request = RelatedRequest(liked=("2301.00001", "2305.99999"), k=5)
    answer = related_to_seeds(library, request, bib=entry("a", title=KIN) + entry("b"), titles=["nothing"])
    assert [one.id for one in answer.seeds] == [an_id(1, 2301), CURIE.id]
    assert answer.unknown == ("2305.99999", "b", "nothing")
    assert answer.results
    assert CURIE.id not in {one.paper.id for one in answer.results}


def test_related_without_lists_is_what_it_was(library: Library) -> None:
    with pytest.raises(UnknownPaper):
        related_to_seeds(library, RelatedRequest(liked=("2305.99999",)))


def test_a_text_is_enough_where_no_seed_is_held(library: Library) -> None:
    answer = related_to_seeds(library, RelatedRequest(text="neutrino flux", k=3), titles=["nothing"])
    assert len(answer.results) == 3
    assert answer.unknown == ("nothing",)


def test_nothing_held_at_all_is_an_error_that_names_what_was_asked_for(library: Library) -> None:
    with pytest.raises(SettingsError) as caught:
        related_to_seeds(library, RelatedRequest(), titles=["first", "second", "third", "fourth", "fifth"])
    expected = "the library holds none of the works asked for: first; second; third and 2 more; give others"
    assert str(caught.value) == expected
    assert str(none_held(SeedList(unknown=("one",)))).endswith("asked for: one; give others")


# --- files ------------------------------------------------------------------------------------------------


def test_files_are_read_in_whatever_encoding_they_have(tmp_path: Path) -> None:
    file = tmp_path / "refs.bib"
    for data in ("Müller".encode(), "Müller".encode("latin-1"), "\ufeffMüller".encode()):
        file.write_bytes(data)
        assert read_bib(file) == "Müller"


def test_a_list_of_titles_has_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "titles.txt"
    file.write_text("One title\r\n\n  Another  \n", encoding="utf-8")
    assert read_titles(file) == ("One title", "Another")
    file.write_text("\n \n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"there is no title in .*titles.txt; write one a line"):
        read_titles(file)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"the BibTeX file .*none.bib cannot be read \(No such file"):
        read_bib(tmp_path / "none.bib")
    with pytest.raises(SourceError, match=r"the list of titles .* cannot be read"):
        read_titles(tmp_path)
    file = tmp_path / "refs.bib"
    file.write_bytes(b"\x00\x01\x02")
    with pytest.raises(SourceError, match="is no BibTeX file: it is not text"):
        read_bib(file)
    file.write_bytes(b"x" * (LARGEST_BIB + 1))
    with pytest.raises(SettingsError, match="has more than 2,000,000 bytes; split it"):
        read_bib(file)


def test_a_real_survey_is_resolved_by_its_own_ids(shared: Path, library: Library) -> None:
    text = read_bib(shared / "fixtures" / "latex" / "survey-2509.08827.bib")
    got = resolve_seeds(library, bib=text, now=NOW)
    assert got.found == ()
    assert 880 <= len(got.unknown) <= 922
    assert len(got.absent) > 600
