"""arXiv ids and DOIs in references: every form that occurs, and what only looks like one."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.sources.references.identifiers import arxiv_ids, clean_doi, dois, eprint_id

NOW = date(2026, 8, 20)


def ids(text: str) -> list[str]:
    return [paper.value for paper in arxiv_ids(text, NOW)]


@pytest.mark.parametrize(
    "text",
    [
        "arXiv:1706.03762",
        "arXiv preprint arXiv:1706.03762, 2017.",
        "arXiv preprint arXiv::1706.03762",
        "arXiv: 1706.03762v5 [cs.CL] 6 Dec 2017",
        "ARXIV:1706.03762",
        "arXiv e-prints, art. arXiv:1706.03762",
        "arXiv e-prints, 1706.03762",
        "arXiv (1706.03762)",
        "CoRR, abs/1706.03762",
        "CoRR abs/1706.03762 (2017)",
        "\\emph{CoRR}, abs/1706.03762, 2017.",
        "https://arxiv.org/abs/1706.03762v7",
        "http://arxiv.org/pdf/1706.03762.pdf",
        "https://export.arxiv.org/abs/1706.03762",
        "https://www.arxiv.org/html/1706.03762v2",
        "https://ar5iv.labs.arxiv.org/html/1706.03762",
        "https://huggingface.co/papers/1706.03762",
        "URL https://arxiv. org/abs/1706.03762",
        "doi:10.48550/arXiv.1706.03762",
        "https://doi.org/10.48550/ARXIV.1706.03762",
        r"\href{https://arxiv.org/abs/1706.03762}{\path{arXiv:1706.03762}}",
        r"\href {http://arxiv.org/abs/1706.03762} {arXiv:1706.03762 [cs.CL]}",
        r"[\href{https://arxiv.org/abs/1706.03762}{{\ttfamily 1706.03762}}]",
        r"\eprint{1706.03762} in the collection of arXiv:\allowbreak1706.03762",
        r"arXiv:\penalty0 1706.03762",
        "JHEP 01 (2017) 1 [1706.03762]",
        "JHEP 01 (2017) 1 [1706.03762 [hep-th]]",
        "Phys. Rev. D 96 (2017) 1, 1706.03762 [hep-th].",
        "arXiv:1706.\n   03762",
        "arXiv:1706. 03762",
        "arXiv:cs.CL/1706.03762",
        "DBLP:journals/corr/abs-1706-03762",
        "arXiv:1706.03762.",
        "(arXiv:1706.03762)",
    ],
)
def test_forms_of_the_new_scheme(text: str) -> None:
    assert ids(text) == ["1706.03762"]


@pytest.mark.parametrize(
    "text",
    [
        "Phys. Rev. D 59, 046004 (1999) [hep-th/9803131]",
        "hep-th/9803131v2.",
        "arXiv:hep-th/9803131",
        "http://arxiv.org/abs/hep-th/9803131",
        r"\eprint{hep-th/9803131}",
        r"{\tt hep-th/9803131}",
        "hep-\nth/9803131",
        "hep-th/\n9803131",
        r"hep-th\slash 9803131",
        "hep–th/9803131",
        "HEP-TH/9803131",
        "[arXiv:9803131 [hep-th]]",
    ],
)
def test_forms_of_the_old_scheme(text: str) -> None:
    assert ids(text) == ["hep-th/9803131"]


def test_a_subject_class_is_left_out() -> None:
    assert ids("see math.AG/0611800 and cond-mat.str-el/0301001") == ["math/0611800", "cond-mat/0301001"]


def test_several_ids_each_once() -> None:
    assert ids("arXiv:1706.03762; hep-th/9803131; https://arxiv.org/abs/1706.03762v2") == [
        "1706.03762",
        "hep-th/9803131",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "CERN-TH/98-131, SLAC-PUB-1706.03762",
        "Nature 1706.0376",
        "pp. 1706.1234-1706.1250",
        "tel. 555.1706.03762",
        "arXiv:1713.03762",  # no such month
        "arXiv:2609.00001",  # not yet
        "arXiv:9912.00001",
        "arXiv:1706.0376",  # five digits since 2015
        "arXiv:1203.01234",  # four before
        "arXiv:1706.037621",
        "arXiv:1706.00000",
        "hep-th/9813131",
        "hep-th/0803131",  # the old scheme ended in March 2007
        "hep-th/980313",
        "cs/9803131234",
        "bioRxiv: 2024.07.12.603234",
        "PsyArXiv 1706.03762",
        "10.1109/ETFA54631.2023.10275547",
        "https://doi.org/10.1016/j.knosys.2025.114065",
        "10.1088/physics/9803131",
        "version 1706.03762 of the software",
        "Comment on arXiv:1706.03762",
        "A reply to “arXiv:1706.03762",
        "",
    ],
)
def test_what_is_no_id(text: str) -> None:
    assert ids(text) == []


@pytest.mark.parametrize(
    ("value", "archives", "expected"),
    [
        ("1706.03762", [""], "1706.03762"),
        ("1706.03762v3", ["arXiv"], "1706.03762"),
        ("arXiv:1706.03762", [], "1706.03762"),
        ("https://arxiv.org/pdf/1706.03762", [], "1706.03762"),
        ("hep-th/9803131", ["arXiv"], "hep-th/9803131"),
        ("9803131", ["arXiv", "hep-th"], "hep-th/9803131"),
        ("9803131", ["hep-th"], "hep-th/9803131"),
        ("0611800", ["arXiv", "math.AG"], "math/0611800"),
        ("9803131", ["arXiv"], None),
        ("PMC1234567", [""], None),
    ],
)
def test_eprint_fields(value: str, archives: list[str], expected: str | None) -> None:
    found = eprint_id(value, archives, NOW)
    assert (found and found.value) == expected


def test_dois_are_cleaned_and_arxivs_own_are_left_out() -> None:
    text = (
        r"doi:10.1007/978-3-540-24632-9\_31. https://doi.org/10.1000/ABC(1), and 10.48550/arXiv.1706.03762."
    )
    assert dois(text) == ("10.1007/978-3-540-24632-9_31", "10.1000/abc(1)")
    assert clean_doi("https://doi.org/10.1145/3617680 ") == "10.1145/3617680"


@given(st.text(alphabet="arxiv:corabs/.0123456789 [](){}\\hep-th\n", max_size=300))
def test_whatever_is_read_is_an_id_of_the_past(text: str) -> None:
    assert all(paper.month <= 202608 for paper in arxiv_ids(text, NOW))
