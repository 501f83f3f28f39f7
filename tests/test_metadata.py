import json
from pathlib import Path

import pytest

from indexer.papers import Author, Paper
from indexer.sources.metadata import canonical_categories, is_withdrawn, license_uri, split_authors
from indexer.sources.snapshot import read_paper


def the_paper(**fields: object) -> Paper:
    return read_paper(json.dumps({"id": "2401.00001"} | fields))


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("http://creativecommons.org/licenses/by/4.0/", "http://creativecommons.org/licenses/by/4.0/"),
        ("https://creativecommons.org/licenses/by/4.0", "http://creativecommons.org/licenses/by/4.0/"),
        ("https://www.creativecommons.org/licenses/by-nc-sa/4.0/deed.en",
         "http://creativecommons.org/licenses/by-nc-sa/4.0/"),
        ("https://creativecommons.org/licenses/by/4.0/legalcode", "http://creativecommons.org/licenses/by/4.0/"),
        ("HTTPS://CreativeCommons.org/publicdomain/zero/1.0/",
         "http://creativecommons.org/publicdomain/zero/1.0/"),
        ("http://creativecommons.org/licenses/publicdomain", "http://creativecommons.org/licenses/publicdomain/"),
        ("https://arxiv.org/licenses/assumed-1991-2003", "http://arxiv.org/licenses/assumed-1991-2003/"),
        (" http://arxiv.org/licenses/nonexclusive-distrib/1.0/ ",
         "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"),
        ("https://creativecommons.org/licenses/by-sa/2.5", "http://creativecommons.org/licenses/by-sa/2.5/"),
        ("https://example.org/mine", "https://example.org/mine"),
        ("https://creativecommons.org/licenses/by/4.0/x/y", "https://creativecommons.org/licenses/by/4.0/x/y"),
        ("CC-BY", "CC-BY"),
        ("  ", None),
    ],
)  # fmt: skip
def test_licences(text: str, uri: str | None) -> None:
    assert license_uri(text) == uri


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("cs.CV cs.LG", ("cs.CV", "cs.LG")),
        ("math.MP math-ph hep-th", ("math-ph", "hep-th")),
        ("cs.SY eess.SY", ("eess.SY",)),
        ("stat.ML stat.TH cs.LG stat.ML", ("stat.ML", "math.ST", "cs.LG")),
        ("cmp-lg", ("cs.CL",)),
        ("astro-ph cond-mat", ("astro-ph", "cond-mat")),
        ("cs.CV, cs.LG; quant-ph", ("cs.CV", "cs.LG", "quant-ph")),
        ("", ()),
    ],
)
def test_categories(text: str, categories: tuple[str, ...]) -> None:
    assert canonical_categories(text) == categories
    assert (
        the_paper(categories=text.split()).categories == the_paper(categories=text).categories == categories
    )


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("Marie Curie", [("Curie", "Marie", "")]),
        ("A. One, B. Two and C. Three", [("One", "A.", ""), ("Two", "B.", ""), ("Three", "C.", "")]),
        ("A. One, B. Two, and C. Three", [("One", "A.", ""), ("Two", "B.", ""), ("Three", "C.", "")]),
        ("A. One (1 and 2), B. Two (1) ((1) Rome, Italy, (2) Bonn)", [("One", "A.", ""), ("Two", "B.", "")]),
        ("A. One (Rome, B. Two", [("One", "A.", ""), ("Two", "B.", "")]),
        ("Ka{\\^a}niche, Tom\\`as", [("Kaâniche", "", ""), ("Tomàs", "", "")]),
        ("J\\\"urg~Diemand", [("Diemand", "Jürg", "")]),
        ("R. W. Heath, Jr. and N. J. Evans II", [("Heath", "R. W.", "Jr."), ("Evans", "N. J.", "II")]),
        ("Frank C. van den Bosch", [("van den Bosch", "Frank C.", "")]),
        ("P.Uttley", [("Uttley", "P.", "")]),
        ("D0 Collaboration: V. Abazov, et al", [("D0 Collaboration", "", ""), ("Abazov", "V.", "")]),
        ("The DELPHI Collaboration", [("DELPHI Collaboration", "", "")]),
        ("Anderson Sand, Andy Band", [("Sand", "Anderson", ""), ("Band", "Andy", "")]),
        ("  ,, and ", []),
    ],
)  # fmt: skip
def test_author_lines(line: str, names: list[tuple[str, str, str]]) -> None:
    authors = split_authors(line)
    assert [(author.keyname, author.forenames, author.suffix) for author in authors] == names
    assert the_paper(authors=line).authors == authors


def test_parsed_names_go_before_the_line() -> None:
    paper = the_paper(authors="X. Y", authors_parsed=[["", "", ""], ["Deng\\textsuperscript", "Yu"], [], 3])
    assert paper.authors == (Author("Deng", "Yu"),)
    assert the_paper(authors="X. Y", authors_parsed=[]).authors == (Author("Y", "X."),)


@pytest.mark.parametrize(
    ("comments", "abstract"),
    [
        ("This paper has been withdrawn", "We study."),
        ("Withdrawn", ""),
        ("withdrawn by arXiv administrators due to plagiarism", "We study."),
        ("paper withdrawn by author", "We study."),
        ("5 pages. This paper has been withdrawn by the author(s) due to some mistakes", ""),
        ("Under revision: withdrawn after persistent problems with Lemma 2.20", "We study."),
        ("This has been withdrawn by arXiv administrators due to an authorship dispute", ""),
        ("Therefore, we would like to withdraw the paper to address these concerns", "We study."),
        ("The author has decided to withdraw this version", "We study."),
        ("This submission has been removed by arXiv administrators", "We study."),
        (None, "This paper has been withdrawn by the authors."),
        (None, "This paper and abstract have been withdrawn."),
        (None, "This article has been withdrawn because it was merged with another."),
        (None, "paper withdrawn due to the possible error in numerical calculation"),
        ("12 pages", "We prove a bound. This paper has been withdrawn due to an error in Lemma 8."),
    ],
)
def test_withdrawn(comments: str | None, abstract: str) -> None:
    assert is_withdrawn(comments, abstract)
    assert the_paper(comments=comments, abstract=abstract).withdrawn


@pytest.mark.parametrize(
    ("comments", "abstract"),
    [
        (None, ""),
        ("12 pages", "We study a drug that was withdrawn from the market."),
        (None, "Withdrawn users are removed. This paper studies how."),
        (None, "This paper studies the right to withdraw data and withdrawn consent."),
        (None, "The data of papers withdrawn from arXiv are used. This article measures them."),
        (None, "This paper shows that an earlier claim, since withdrawn, was right."),
        ("This paper was withdrawn from the IJCAI 2025 proceedings", "We study."),
        ("Accepted to a workshop (withdrawn before presentation due to lack of funding)", "We study."),
        ("An earlier version of this paper has been withdrawn; this one is corrected", "We study."),
        ("This paper has not been withdrawn", "We study."),
        (None, "Cash withdrawn by the authorities is counted."),
        ("Appendix removed by the authors", "We study."),
    ],
)
def test_not_withdrawn(comments: str | None, abstract: str) -> None:
    assert not is_withdrawn(comments, abstract)


def test_withdrawals_of_real_versions(shared: Path) -> None:
    rows = [
        json.loads(line)
        for line in (shared / "fixtures/arxiv-versions.jsonl").read_text("utf-8").splitlines()
    ]
    told = [is_withdrawn(row["comments"], row["abstract"] or "") for row in rows]
    true = [bool(row["is_withdrawn"]) for row in rows]
    assert sum(a and not b for a, b in zip(told, true, strict=True)) == 0
    # One of the eleven says only that it is "under revision".
    assert sum(b and not a for a, b in zip(told, true, strict=True)) == 1
