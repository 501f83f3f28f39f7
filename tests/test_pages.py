"""Pages: the text page against the seed page's fields, both pages against golden files, hostile metadata."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.papers import Author, Paper, PaperId, Version
from indexer.tables import Filters
from service import pages
from service.answers import Found, Mode, Named, PaperPage, SearchAnswer, Sort, TopicAnswer
from service.pages import license_name, render_html, render_text
from tests.answer_builders import TOPICS, a_page, a_reason, a_related
from tests.builders import a_paper, an_id

GOLDEN = Path(__file__).with_name("golden")
FIELDS = ["URL", "Date", "Title", "Authors", "Abstract summary", "Score", "License", "Abstract"]

# --- one parser for the seed page and ours ------------------------------------------------------------------

_RELATED = re.compile(r"- (?P<title>.+?) \[(?P<score>[\d.]+)\]", re.DOTALL)
_STAMP = re.compile(r"^arXiv Detail & Related papers \((?P<stamp>[^)]+)\)", re.MULTILINE)


@dataclass(frozen=True)
class ParsedRelated:
    title: str
    score: float
    summary: list[str]
    stamp: str


@dataclass(frozen=True)
class ParsedPage:
    title: str
    fields: dict[str, str]
    related: list[ParsedRelated]
    disclaimer: str


def parse(text: str) -> ParsedPage:
    head, _, tail = text.partition("\nRelated papers\n")
    lines = head.splitlines()
    fields = {found[1]: found[2] for line in lines if (found := re.match(r"- ([A-Z][\w ]*?): (.*)", line))}
    *entries, disclaimer = re.split(r"(?<=\))(?: |\n)(?=- )|(?<=\))\n(?=This list)", tail)
    return ParsedPage(lines[0], fields, [_related(entry) for entry in entries], disclaimer)


def _related(entry: str) -> ParsedRelated:
    named, stamp = _RELATED.match(entry), _STAMP.search(entry)
    assert named, entry
    assert stamp, entry
    summary = entry[named.end() : stamp.start()].strip().splitlines()
    told = [line for line in summary if not re.match(r"Similarity |http", line)]
    return ParsedRelated(" ".join(named["title"].split()), float(named["score"]), told, stamp["stamp"])


@pytest.fixture
def seed_page(shared: Path) -> str:
    return (shared / "seed-page.txt").read_text(encoding="utf-8")


def test_text_page_has_the_fields_of_the_seed_page(seed_page: str) -> None:
    seed, ours = parse(seed_page), parse(render_text(a_page()))
    assert list(seed.fields) == FIELDS
    assert list(ours.fields)[: len(FIELDS)] == FIELDS
    for page in (seed, ours):
        assert page.title == page.fields["Title"]
        assert re.fullmatch(r"http://arxiv\.org/abs/\d{4}\.\d{5}v2", page.fields["URL"])
        assert page.fields["Date"] == "Sun, 23 Mar 2025 15:07:54 GMT"
        assert 0 <= float(page.fields["Score"]) <= 100
        assert page.fields["License"].startswith("http://")
        assert "automatically" in page.disclaimer
        assert "quality" in page.disclaimer
        assert "responsib" in page.disclaimer
        stamps = [one.stamp for one in page.related]
        assert stamps == sorted(stamps, reverse=True)
        for one in page.related:
            datetime.strptime(one.stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            assert one.title
            assert 0 <= one.score <= 100
            assert one.summary
    assert len(seed.related) == 17
    assert [len(one.summary) for one in ours.related] == [2, 2, 2]


# --- text ---------------------------------------------------------------------------------------------------


def golden(name: str, made: str) -> str:
    """The golden file; WRITE_GOLDEN=1 makes it anew."""
    path = GOLDEN / name
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(made, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def test_text_page_is_as_recorded() -> None:
    made = render_text(a_page(note="Sample library."))
    assert made == golden("page.txt", made)


def test_html_page_is_as_recorded() -> None:
    made = re.sub(r"\?v=[0-9a-f]+", "?v=0", render_html(a_page(note="Sample library."), served=True))
    assert made == golden("page.html", made)


def test_every_related_paper_says_how_similar_and_why() -> None:
    text = render_text(a_page())
    assert text.count("\nSimilarity 0.") == 3
    assert "Similarity 0.77: Its text is very close (cosine 0.71); shares the terms reward, dpo." in text


BARE = Paper(PaperId.parse("hep-th/9711200"))


def bare_page() -> PaperPage:
    return a_page(BARE, summary=(), topics=(), references=(), cited_by=(), related=(), reference_count=0)


def test_a_paper_that_has_nothing_but_an_id_says_so() -> None:
    text = render_text(bare_page())
    assert text.startswith(
        "arXiv:hep-th/9711200\n- URL: http://arxiv.org/abs/hep-th/9711200\n- Date: November 1997\n"
    )
    for line in (
        "- Authors: not known to this library",
        "- License: not known",
        "- Abstract: not known to this library",
        "None were found in this library.",
    ):
        assert line in text.splitlines()
    shown = render_html(bare_page(), served=True)
    for words in ("Authors not known", "Licence not known", "The abstract is not known", "November 1997"):
        assert words in shown


def test_the_date_is_that_of_the_version_shown() -> None:
    versions = (
        Version(1, datetime(2024, 1, 5, 10, tzinfo=UTC)),
        Version(2),
        Version(3, datetime(2024, 2, 6, 11, tzinfo=UTC)),
    )
    paper = a_paper(versions=versions)
    assert pages.date_line(paper, 1) == "Fri, 05 Jan 2024 10:00:00 GMT"
    assert pages.date_line(paper, 3) == "Tue, 06 Feb 2024 11:00:00 GMT"
    assert pages.date_line(paper, None) == "Tue, 06 Feb 2024 11:00:00 GMT"
    assert pages.date_line(paper, 2) == "Fri, 05 Jan 2024 10:00:00 GMT"
    assert pages.date_line(a_paper(versions=(Version(1),)), 1) == "January 2024"
    assert pages.time_stamp(a_paper(versions=())) == "2024-01"


def test_withdrawn_is_said_loudly() -> None:
    page = a_page(a_paper(withdrawn=True), related=(a_related(paper=a_paper(9, withdrawn=True)),))
    text = render_text(page)
    assert "*** WITHDRAWN" in text.splitlines()[1]
    assert "part 9 (WITHDRAWN) [" in text
    shown = render_html(page)
    assert 'role="alert"' in shown
    assert "withdrawn-mark" in shown


def test_titles_are_one_line_and_tex_is_readable() -> None:
    paper = a_paper(title="The $\\alpha$-decay of<n>Schr\\\"odinger's\n cats", abstract="One.<n>Two $x^2$.")
    page = a_page(paper, related=(a_related(paper=replace(paper, id=an_id(9))),))
    for shown in (render_text(page), render_html(page)):
        assert "<n>" not in shown
        assert "&lt;n&gt;" not in shown
        assert "α-decay of Schrödinger" in shown
        assert "$" not in shown
    assert render_text(page).splitlines()[0] == "The α-decay of Schrödinger's cats"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_metadata_keeps_the_lines_of_the_text_page(title: str, name: str) -> None:
    plain, odd = a_page(), a_page(a_paper(month=2503, title=title, authors=(Author(name),)))
    assert len(render_text(odd).splitlines()) == len(render_text(plain).splitlines())


# --- HTML ---------------------------------------------------------------------------------------------------

_VOID = {"meta", "link", "img", "input", "br", "hr", "rect"}


class Checked(HTMLParser):
    """Reads a page; fails on tags that do not match, inline style or script, addresses of other kinds."""

    def __init__(self, shown: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(shown)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.tags.append((tag, known))
        assert tag not in ("script", "iframe", "object", "embed")
        assert not [name for name in known if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action"):
            if name in known:
                assert re.match(r"https?://|/|\?|#", known[name] or ""), known
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def links(self) -> list[str]:
        return [known["href"] or "" for tag, known in self.tags if tag == "a"]


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'></title><b onclick='x'>"


def hostile_page() -> PaperPage:
    paper = a_paper(
        title=HOSTILE,
        abstract=HOSTILE,
        authors=(Author(HOSTILE),) * 40,
        categories=(HOSTILE,),
        license="javascript:alert(1)",
        comments=HOSTILE,
        journal_ref=HOSTILE,
        doi='10.1/"><script>',
    )
    reason = a_reason(text=HOSTILE, terms=(HOSTILE,), papers=(Named(an_id(8), HOSTILE),))
    return a_page(
        paper,
        summary=(HOSTILE,),
        note=HOSTILE,
        topics=(replace(TOPICS[0], label=HOSTILE),),
        references=(Named(an_id(5), HOSTILE),),
        related=(
            a_related(
                paper=replace(paper, id=an_id(9)), because=HOSTILE, summary=(HOSTILE,), reasons=(reason,)
            ),
        ),
    )


@pytest.mark.parametrize("served", [True, False])
def test_metadata_cannot_add_markup(served: bool) -> None:  # noqa: FBT001  # pytest's way
    page = hostile_page()
    checked = Checked(render_html(page, served=served))
    assert not [known for _, known in checked.tags if known.get("src") == "x"]
    assert "<script>alert(1)</script>" in "".join(checked.words)


def test_other_pages_cannot_be_given_markup_either() -> None:
    paper = hostile_page().paper
    topic = replace(TOPICS[0], label=HOSTILE, terms=(HOSTILE,))
    answer = SearchAnswer(f"script {HOSTILE}", (Found(paper, 50.0, 1.0, HOSTILE),), 41, 1)
    shown = [
        pages.search_html(answer, Filters(categories=(HOSTILE,)), limit=20, offset=20),
        pages.topic_html(TopicAnswer(topic, (topic,), (topic,), (paper,), 1)),
        pages.topics_html([topic]),
        pages.home_html(topics=[topic], newest=[paper], papers=1),
        pages.error_html(status=404, title=HOSTILE, detail=HOSTILE, nearest=[HOSTILE]),
    ]
    for page in shown:
        checked = Checked(page)  # which refuses what could run
        assert "<script>alert(1)</script>" in "".join(checked.words)


def test_related_titles_lead_to_their_pages_here_or_at_arxiv() -> None:
    page = a_page()
    ids = [one.paper.id for one in page.related]
    assert {f"/papers/{one}" for one in ids} <= set(Checked(render_html(page, served=True)).links())
    alone = Checked(render_html(page))
    assert {f"https://arxiv.org/abs/{one}" for one in ids} <= set(alone.links())
    assert not [link for link in alone.links() if link.startswith("/")]


def test_a_work_that_is_not_held_is_called_by_its_id_and_leads_to_arxiv() -> None:
    shown = render_html(a_page(), served=True)
    assert 'href="https://arxiv.org/abs/2401.00008"' in shown
    assert "arXiv:2401.00008" in shown


def test_order_of_related_papers() -> None:
    page = a_page()
    turned = replace(page, related=page.related[::-1], sort=Sort.SCORE)

    def numbers(shown: str) -> list[str]:
        return re.findall(r"<h3>.*?part (\d)", shown)

    assert numbers(render_html(page)) == ["4", "3", "2"]
    assert numbers(render_html(turned)) == ["2", "3", "4"]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("sort", list(Sort))
def test_every_way_to_show_related_papers_is_a_link_that_keeps_the_others(mode: Mode, sort: Sort) -> None:
    shown = Checked(render_html(a_page(mode=mode, sort=sort, open_license=True), served=True))
    offered = [
        dict(parse_qsl(link[1:].partition("#")[0])) for link in shown.links() if link.endswith("#related")
    ]
    current = {"mode": mode.value, "sort": sort.value, "open_license": "true"}

    def asks(link: dict[str, str]) -> dict[str, str]:
        return {"mode": "fused", "sort": "date", "open_license": "false"} | link

    changes = [
        {name: value for name, value in asks(link).items() if current[name] != value} for link in offered
    ]
    assert all(len(change) <= 1 for change in changes)
    assert {change["mode"] for change in changes if "mode" in change} == {one.value for one in Mode} - {
        mode.value
    }
    assert {change["sort"] for change in changes if "sort" in change} == {one.value for one in Sort} - {
        sort.value
    }
    assert {"open_license": "false"} in changes


def test_a_file_offers_no_choice_and_an_empty_page_the_way_back() -> None:
    assert "#related" not in "".join(Checked(render_html(a_page())).links())
    empty = render_html(a_page(related=(), mode=Mode.COUPLING), served=True)
    assert "No related papers by this evidence were found" in empty
    assert "?#related" in Checked(empty).links()
    assert "?#related" not in Checked(render_html(bare_page(), served=True)).links()
    assert "\nNone by this evidence were found in this library.\n" in render_text(
        a_page(related=(), mode=Mode.COUPLING)
    )


def test_three_thousand_authors_are_folded() -> None:
    page = a_page(a_paper(authors=tuple(Author(f"Name{number}") for number in range(3000))))
    shown = render_html(page)
    assert "and 2970 more" in shown
    assert "<summary>All 3000 authors</summary>" in shown
    assert len(shown) < 300_000


def test_a_page_needs_no_other_host_and_no_script() -> None:
    loaded = [
        known.get("href") or known.get("src")
        for tag, known in Checked(render_html(a_page(), served=True)).tags
        if tag in ("link", "img", "script") and known.get("rel") not in ("canonical", "alternate")
    ]
    assert loaded
    assert all(str(one).startswith("/static/") for one in loaded)
    style = (Path(pages.__file__).parent / "static" / "style.css").read_text(encoding="utf-8")
    assert "http" not in style
    assert "@import" not in style


def test_landmarks_and_headings() -> None:
    tags = [tag for tag, _ in Checked(render_html(a_page(), served=True)).tags]
    for tag in ("header", "nav", "main", "article", "dl", "details", "footer", "time"):
        assert tag in tags
    assert tags.count("h1") == 1
    assert tags.count("main") == 1


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("http://creativecommons.org/licenses/by/4.0/", "CC BY 4.0"),
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/", "CC BY-NC-SA 4.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("http://arxiv.org/licenses/nonexclusive-distrib/1.0/", "arXiv non-exclusive"),
        ("urn:else", "urn:else"),
        (None, "Licence not known"),
        ("", "Licence not known"),
    ],
)
def test_license_names(uri: str | None, name: str) -> None:
    assert license_name(uri) == name


def test_search_marks_words_and_leads_on() -> None:
    found = Found(a_paper(), 50.0, 1.0, "A kinship of <papers> & kin.")
    shown = pages.search_html(
        SearchAnswer("kin papers", (found,), 45, 1), Filters(categories=("cs.CL",)), limit=20, offset=20
    )
    assert "<mark>kin</mark>ship of &lt;<mark>papers</mark>&gt; &amp; <mark>kin</mark>." in shown
    assert 'href="/search?q=kin+papers&amp;category=cs.CL&amp;offset=40"' in shown
    assert 'href="/search?q=kin+papers&amp;category=cs.CL&amp;offset=0"' in shown
