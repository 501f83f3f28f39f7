from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InvalidPaperId
from indexer.papers import Author, Paper, PaperId, Version

OLD_ARCHIVES = """
acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas cond-mat cs dg-ga funct-an
gr-qc hep-ex hep-lat hep-ph hep-th math math-ph mtrl-th nlin nucl-ex nucl-th patt-sol physics plasm-ph q-alg q-bio
quant-ph solv-int supr-con
""".split()


PREFIXES = (
    "",
    "arXiv:",
    "arxiv: ",
    "http://arxiv.org/abs/",
    "https://export.arxiv.org/pdf/",
    "doi:10.48550/arXiv.",
)


@st.composite
def new_ids(draw: st.DrawFn) -> str:
    year = draw(st.integers(7, 90))
    month = draw(st.integers(4 if year == 7 else 1, 12))
    digits = 5 if year >= 15 else 4
    return f"{year:02}{month:02}.{draw(st.integers(1, 10**digits - 1)):0{digits}}"


@st.composite
def old_ids(draw: st.DrawFn) -> str:
    year, month = draw(
        st.tuples(st.integers(92, 99) | st.integers(0, 6), st.integers(1, 12))
        | st.tuples(st.just(91), st.integers(7, 12))
        | st.tuples(st.just(7), st.integers(1, 3))
    )
    return f"{draw(st.sampled_from(OLD_ARCHIVES))}/{year:02}{month:02}{draw(st.integers(1, 999)):03}"


@given(new_ids() | old_ids())
def test_a_canonical_id_reads_as_itself(text: str) -> None:
    identifier = PaperId.parse(text)
    assert str(identifier) == identifier.value == text
    assert PaperId.parse(str(identifier)) == identifier


@given(
    new_ids() | old_ids(),
    st.integers(1, 9999) | st.none(),
    st.sampled_from(PREFIXES),
    st.sampled_from(["", " ", ".pdf", "/", "?context=cs", "#here", " [cs.CV]"]),
)  # fmt: skip
def test_what_people_paste_reads_as_the_same(text: str, version: int | None, before: str, after: str) -> None:
    suffix = f"v{version}" if version else ""
    assert PaperId.parse_versioned(f"{before}{text}{suffix}{after}") == (PaperId(text), version)


@given(st.text(max_size=30) | st.text(alphabet="0123456789.v/arXivhep-th[]? ", max_size=25))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        identifier = PaperId.parse(text)
    except InvalidPaperId:
        return
    assert PaperId.parse(str(identifier)) == identifier
    assert str(identifier).isascii()


@pytest.mark.parametrize(
    ("text", "canonical", "version"),
    [
        ("0704.0001", "0704.0001", None),
        ("1412.9999", "1412.9999", None),
        ("1501.00001", "1501.00001", None),
        ("2503.14504v2", "2503.14504", 2),
        ("2503.14504V12", "2503.14504", 12),
        ("hep-th/9108001", "hep-th/9108001", None),
        ("hep-th/9107001", "hep-th/9107001", None),
        ("hep-th/0703001v1", "hep-th/0703001", 1),
        ("HEP-TH/9901001", "hep-th/9901001", None),
        ("math.CA/0611800", "math/0611800", None),
        ("math.GT/0309136v2", "math/0309136", 2),
        ("cond-mat.mtrl-sci/0301001", "cond-mat/0301001", None),
        ("physics.bio-ph/0605087", "physics/0605087", None),
        ("cs.AI/0001001", "cs/0001001", None),
        ("arXiv:2503.14504v2 [cs.CV]", "2503.14504", 2),
        ("arXiv:math.CA/0611800v1", "math/0611800", 1),
        ("oai:arXiv.org:hep-th/9901001", "hep-th/9901001", None),
        ("10.48550/arXiv.2503.14504", "2503.14504", None),
        ("https://doi.org/10.48550/arXiv.hep-th/9901001", "hep-th/9901001", None),
        ("https://arxiv.org/abs/2503.14504v1?context=cs.CV", "2503.14504", 1),
        ("https://www.arxiv.org/pdf/2503.14504v1.pdf", "2503.14504", 1),
        ("https://arxiv.org/pdf/hep-th/9901001v3", "hep-th/9901001", 3),
        ("https://arxiv.org/html/2503.14504v1/#S3", "2503.14504", 1),
        ("arxiv.org/abs/2503.14504/", "2503.14504", None),
        ("http://de.arxiv.org/abs/hep-th/9901001", "hep-th/9901001", None),
        ("https://arxiv.org/e-print/2503.14504", "2503.14504", None),
        ("/2503.14504", "2503.14504", None),
        ("hep-th//9901001", "hep-th/9901001", None),
        (" 2503.14504\n", "2503.14504", None),
    ],
)
def test_forms_of_identifiers(text: str, canonical: str, version: int | None) -> None:
    assert PaperId.parse_versioned(text) == (PaperId(canonical), version)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v2",
        "banana",
        "2503.1450",  # five digits since 2015
        "2503.145040",
        "1412.00001",  # four before
        "1501.0001",
        "0704.0000",  # there is no number 0
        "2503.00000",
        "hep-th/9901000",
        "2500.00001",  # nor month 0 or 13
        "2513.00001",
        "hep-th/9913001",
        "0703.0001",  # the new form began in April 2007
        "9901.0001",
        "hep-th/0704001",  # where the old one ended
        "hep-th/9106001",  # having begun in July 1991
        "hep-th/9001001",
        "2503.14504v0",
        "2503.14504v02",
        "2503.14504v10000",
        "2503.14504 v2",
        "2503.14504v2v3",
        "9901001",
        "foo/9901001",  # no such archive
        "stat/0611800",  # an archive that is younger than the old form
        "hep/9901001",
        "th/9901001",
        "hep-th.hep-ph.x/9901001",
        "hep-th/99010011",
        "２５０３.14504",  # digits, but not ours
        "٢٥٠٣.14504",
        "https://arxiv.org/list/cs.CV/2503",
        "https://example.org/abs/2503.14504",
        "https://notarxiv.org/abs/2503.14504",
        "2503.14504\n2503.14505",
        "2503.14504, 2503.14505",
        "704.001",
    ],
)
def test_what_is_no_identifier_is_refused(text: str) -> None:
    with pytest.raises(InvalidPaperId) as caught:
        PaperId.parse(text)
    assert caught.value.text == text


@pytest.mark.parametrize(
    ("text", "month"),
    [("0704.0001", 200704), ("2503.14504", 202503), ("hep-th/9108001", 199108), ("hep-th/0001001", 200001)],
)
def test_the_month_of_an_id(text: str, month: int) -> None:
    identifier = PaperId.parse(text)
    assert identifier.month == month
    assert identifier.first_day == date(month // 100, month % 100, 1)


def test_the_address_of_a_version() -> None:
    assert PaperId("2503.14504").url(2) == "http://arxiv.org/abs/2503.14504v2"
    assert PaperId("hep-th/9901001").url() == "http://arxiv.org/abs/hep-th/9901001"


def test_a_paper_of_unknown_day_counts_as_of_the_first_of_its_month() -> None:
    paper = Paper(PaperId("2503.14504"), versions=(Version(1), Version(2)))
    assert not paper.day_known
    assert paper.submitted == paper.updated == datetime(2025, 3, 1, tzinfo=UTC)
    assert paper.latest_version == 2
    assert Paper(PaperId("2503.14504")).latest_version is None


def test_the_newest_version_dates_the_update() -> None:
    first, second = datetime(2025, 3, 18, tzinfo=UTC), datetime(2025, 3, 23, tzinfo=UTC)
    paper = Paper(PaperId("2503.14504"), versions=(Version(1, first), Version(2, second)))
    assert (paper.submitted, paper.updated) == (first, second)
    assert paper.day_known


def test_names_are_read_in_their_order() -> None:
    assert Author("Heath", "Robert W.", "Jr.").name == "Robert W. Heath Jr."
    assert Author("CDF Collaboration").name == "CDF Collaboration"
