"""The sample library: true ids, titles and citations, and abstracts that are ours."""

from __future__ import annotations

import json
import lzma
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from indexer.papers import Citation, Paper, PaperId
from indexer.plain_text import readable, sentences
from indexer.sources import open_citation_source, open_paper_source
from indexer.sources.snapshot import read_paper
from service.demo import SHOWN
from service.paper_page import SAMPLE_COMMENT

FOLDER = Path(__file__).parents[1] / "indexer" / "sample"

# Where the research data have another title for the same id than arXiv (https://arxiv.org/abs/ID).
OTHER_TITLES = {
    "1406.2661",  # "Generative Adversarial Nets" in print, "Networks" at arXiv
    "2301.12597",  # cut off after "Image Encoders" there
    "2310.08864",  # the collaboration's name stands behind the title there
}


@cache
def papers() -> dict[PaperId, Paper]:
    batches = list(open_paper_source(f"snapshot:{FOLDER / 'papers.jsonl'}").batches())
    assert [one for batch in batches for one in batch.rejected] == []
    found = [paper for batch in batches for paper in batch.papers]
    assert len({paper.id for paper in found}) == len(found) == 277
    return {paper.id: paper for paper in found}


@cache
def citations() -> list[Citation]:
    batches = list(open_citation_source(f"citations:{FOLDER / 'citations.tsv'}").batches([]))
    assert [one for batch in batches for one in batch.rejected] == []
    return [one for batch in batches for one in batch.citations]


def months(paper_id: PaperId) -> int:
    """The months since year 0."""
    return paper_id.month // 100 * 12 + paper_id.month % 100


def test_every_row_is_written_as_it_is_read() -> None:
    lines = (FOLDER / "papers.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(paper_id) for paper_id in papers()]


def test_no_field_that_a_reader_expects_is_empty() -> None:
    for paper in papers().values():
        assert paper.title
        assert paper.authors
        assert paper.categories
        assert not paper.withdrawn


def test_titles_are_unique_and_on_one_readable_line() -> None:
    titles = [readable(paper.title) for paper in papers().values()]
    assert [title for title, count in Counter(titles).items() if count > 1] == []
    assert [title for title in titles if re.search(r"[\\{}\n]|  ", title)] == []


def test_abstracts_are_ours_and_say_so() -> None:
    assert {paper.comments for paper in papers().values()} == {SAMPLE_COMMENT}


def test_abstracts_have_three_to_six_sentences() -> None:
    counts = {paper.id: len(sentences(readable(paper.abstract))) for paper in papers().values()}
    assert {paper_id: count for paper_id, count in counts.items() if not 3 <= count <= 6} == {}


def test_at_least_twelve_archives() -> None:
    archives = Counter(paper.categories[0].partition(".")[0] for paper in papers().values())
    assert len(archives) >= 12
    fields = {"cs", "stat", "math", "quant-ph", "hep-th", "astro-ph", "cond-mat", "q-bio", "econ"}
    assert fields <= {archive for archive, count in archives.items() if count >= 5}


def test_versions_are_not_older_than_the_id() -> None:
    for paper in papers().values():
        dates = [version.created for version in paper.versions if version.created]
        assert dates == sorted(dates)
        for moment in dates[:1]:
            first = moment.year * 12 + moment.month
            assert 0 <= months(paper.id) - first <= 1, paper.id  # sent on the last day, numbered on the next


def test_both_ends_of_every_citation_are_in_the_sample() -> None:
    assert len(set(citations())) == len(citations()) > 700
    assert [one for one in citations() if not {one.citing, one.cited} <= set(papers())] == []


def test_no_paper_cites_itself_or_what_came_long_after_it() -> None:
    assert [one for one in citations() if one.citing == one.cited] == []
    # A later version may cite what has appeared since; more than a year is a mistake.
    assert [one for one in citations() if months(one.cited) - months(one.citing) > 12] == []


def test_most_papers_are_linked() -> None:
    linked = {end for one in citations() for end in (one.citing, one.cited)}
    assert len(linked) > 0.85 * len(papers())


def test_the_paper_shown_first_is_there_with_its_versions() -> None:
    paper = papers()[PaperId(SHOWN)]
    assert paper.latest_version == 2
    assert len(paper.authors) == 17
    assert paper.license == "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"


# --- against the research data ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def originals(shared: Path) -> dict[PaperId, Paper]:
    """What the research data say of papers of the sample."""
    file = shared / "data" / "large" / "papers.jsonl.xz"
    if not file.is_file():
        pytest.skip(f"no research data: {file} is absent")
    wanted = {f'{{"id": "{paper_id}"' for paper_id in papers()}
    with lzma.open(file, "rt", encoding="utf-8") as lines:
        found = [read_paper(line) for line in lines if line.partition(",")[0] in wanted]
    assert len(found) > 100
    return {paper.id: paper for paper in found}


def runs(text: str, length: int = 8) -> set[tuple[str, ...]]:
    """All runs of words in a text."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def test_no_abstract_shares_eight_words_in_a_row_with_the_authors_text(
    originals: dict[PaperId, Paper],
) -> None:
    shared_runs = {
        paper_id: [" ".join(run) for run in runs(original.abstract) & runs(papers()[paper_id].abstract)]
        for paper_id, original in originals.items()
    }
    assert {paper_id: found for paper_id, found in shared_runs.items() if found} == {}


def test_titles_are_the_true_ones(originals: dict[PaperId, Paper]) -> None:
    def words(title: str) -> list[str]:
        return re.findall(r"\w+", title.lower())

    different = {
        str(paper_id)
        for paper_id, original in originals.items()
        if words(papers()[paper_id].title) != words(original.title)
    }
    assert different == OTHER_TITLES


def test_first_authors_are_the_true_ones(originals: dict[PaperId, Paper]) -> None:
    for paper_id, original in originals.items():
        if original.authors:
            assert papers()[paper_id].authors[0].keyname == original.authors[0].keyname, paper_id
