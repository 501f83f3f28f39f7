"""Pages for people: a paper as text and as HTML, and the HTML around it. Values in, a string out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from indexer.papers import Paper, Topic
from indexer.plain_text import one_line, readable, unaccent_tex
from indexer.tables import Filters
from service.answers import Mode, Named, PaperPage, Reason, Related, SearchAnswer, Sort, TopicAnswer
from service.paper_page import SAMPLE_COMMENT

DISCLAIMER = (
    "This list was made automatically, from the titles and abstracts of the papers in this library.",
    "Nothing on this page comes with a guarantee of its quality, and nobody takes responsibility for what "
    "follows from its use.",
)

# How a page calls the orders of its related papers and the evidence that finds them; the first is what it has unasked.
SORTS = {Sort.DATE: "Newest first", Sort.SCORE: "Closest first", Sort.INFLUENCE: "Most cited first"}
MODES = {
    Mode.FUSED: "All evidence",
    Mode.TEXT: "Text",
    Mode.WORDS: "Terms",
    Mode.COUPLING: "Shared references",
    Mode.COCITATION: "Cited together",
    Mode.REFERENCES: "Citations",
}

_HERE = Path(__file__).parent
_LICENSES = {
    "arxiv.org/licenses/nonexclusive-distrib/1.0": "arXiv non-exclusive",
    "arxiv.org/licenses/assumed-1991-2003": "arXiv assumed (1991–2003)",
    "creativecommons.org/publicdomain/zero/1.0": "CC0 1.0",
    "creativecommons.org/publicdomain/mark/1.0": "Public domain",
    "creativecommons.org/licenses/publicdomain": "Public domain",
}
_CREATIVE_COMMONS = re.compile(r"creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)")


def render_text(page: PaperPage) -> str:
    """The page of a paper as plain text, one field a line, its related papers at the end."""
    paper = page.paper
    title = title_of(paper)
    lines = [title]
    if paper.withdrawn:
        lines.append("*** WITHDRAWN: this paper has been withdrawn from arXiv. ***")
    lines += [
        f"- URL: {paper.id.url(page.version)}",
        f"- Date: {date_line(paper, page.version)}",
        f"- Title: {title}",
        f"- Authors: {', '.join(author_names(paper)) or 'not known to this library'}",
        f"- Abstract summary: {' '.join(page.summary) or 'none, for want of an abstract'}",
        f"- Score: {page.score:.1f}",
        f"- License: {one_line(paper.license or '') or 'not known'}",
        f"- Abstract: {readable(paper.abstract) or 'not known to this library'}",
        *_more_lines(page),
        "Related papers",
    ]
    for related in page.related:
        lines += _related_lines(related)
    if not page.related:
        lines.append(f"None{_limits(page)} were found in this library.")
    return "\n".join([*lines, *DISCLAIMER]) + "\n"


def _limits(page: PaperPage) -> str:
    """Which related papers alone were looked for, where not all were."""
    licenses = " that have an open licence" if page.open_license else ""
    return licenses + ("" if page.mode is Mode.FUSED else " by this evidence")


def _more_lines(page: PaperPage) -> list[str]:
    """What this library knows beyond the fields that every such page has."""
    lines = []
    if page.note:
        lines.append(f"- Note: {one_line(page.note)}")
    if page.same_work:
        lines.append(f"- Same work: {', '.join(f'arXiv:{one.id}' for one in page.same_work)}")
    if page.paper.categories:
        lines.append(f"- Categories: {', '.join(page.paper.categories)}")
    if page.topics:
        lines.append(f"- Topic: {' > '.join(topic.label for topic in page.topics)}")
    lines.append(
        f"- Citations: {page.reference_count} references known, {len(page.references)} of them in this library; "
        f"cited by {page.citation_count}"
    )
    return lines


def _related_lines(related: Related) -> list[str]:
    paper = related.paper
    withdrawn = " (WITHDRAWN)" if paper.withdrawn else ""
    return [
        f"- {title_of(paper)}{withdrawn} [{related.score:.1f}]",
        *related.summary,
        paper.id.url(),
        f"Similarity {related.similarity:.2f}: {one_line(related.because)}",
        f"arXiv Detail & Related papers ({time_stamp(paper)})",
    ]


def title_of(work: Paper | Named) -> str:
    """The title on one line, readable; a work whose title is not known is called by its id."""
    return readable(work.title) or f"arXiv:{work.id}"


def author_names(paper: Paper) -> list[str]:
    """The names of the authors as they are read."""
    return [name for author in paper.authors if (name := unaccent_tex(author.name))]


def date_line(paper: Paper, version: int | None) -> str:
    """When the version shown was submitted, as in e-mail (RFC 5322); the month alone where no day is known."""
    shown, day_known = _date_of(paper, version)
    return format_datetime(shown.astimezone(UTC), usegmt=True) if day_known else _month(shown)


def time_stamp(paper: Paper) -> str:
    """When the paper was first submitted, in ISO 8601; the month alone where the day is not known."""
    return paper.submitted.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ" if paper.day_known else "%Y-%m")


def _date_of(paper: Paper, version: int | None) -> tuple[datetime, bool]:
    """The date of a version (the newest for None), and whether its day is known."""
    created = {known.number: known.created for known in paper.versions}.get(version or 0)
    if created:
        return created, True
    if version in (None, paper.latest_version) and any(known.created for known in paper.versions):
        return paper.updated, True
    return paper.submitted, paper.day_known


def _month(when: datetime) -> str:
    return f"{when:%B %Y}"


def _day(paper: Paper) -> str:
    """When the paper was first submitted, for people: 18 March 2025."""
    when = paper.submitted.astimezone(UTC)
    return f"{when.day} {_month(when)}" if paper.day_known else _month(when)


def _version_day(paper: Paper, version: int | None) -> str:
    shown, day_known = _date_of(paper, version)
    return f"{shown.astimezone(UTC).day} {_month(shown)}" if day_known else _month(shown)


def license_name(uri: str | None) -> str:
    """The short name of a licence by its URI, as badges have it: CC BY 4.0; the URI itself if it is another."""
    if not uri:
        return "Licence not known"
    plain = re.sub(r"^https?://(www\.)?", "", uri.strip()).rstrip("/").lower()
    if found := _CREATIVE_COMMONS.match(plain):
        return f"CC {found[1].upper()} {found[2]}"
    return _LICENSES.get(plain, one_line(uri))


def _web_link(uri: str | None) -> str | None:
    """The address if it is one of the web: metadata may hold `javascript:` and worse."""
    return uri if uri and re.match(r"https?://[^\s]+$", uri) else None


def _here(work: Paper | Named) -> str:
    return f"/papers/{quote(str(work.id))}"


def _work_link(work: Named) -> str:
    """A work without a title is not held: its page is at arXiv."""
    return _here(work) if work.title else f"https://arxiv.org/abs/{quote(str(work.id))}"


def _marked(text: str, query: str) -> Markup:
    """The text with the words of the query in <mark>."""
    words = sorted(set(re.findall(r"\w{2,}", query)), key=len, reverse=True)[:20]
    if not words:
        return escape(text)
    found = re.compile(rf"\b({'|'.join(map(re.escape, words))})", re.IGNORECASE)
    parts = found.split(text)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )


def _coded(text: str) -> Markup:
    """The text with what is between backticks as <code>."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of one reason: its width in percent of the strongest one's, and whether it speaks against."""

    reason: Reason
    width: float
    against: bool


def _bars(reasons: tuple[Reason, ...]) -> list[Bar]:
    most = max((abs(reason.contribution) for reason in reasons), default=0.0) or 1.0
    return [
        Bar(reason, round(100 * abs(reason.contribution) / most, 1), reason.contribution < 0)
        for reason in reasons
    ]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    style = (_HERE / "static" / "style.css").read_text(encoding="utf-8")
    environment.globals.update(
        disclaimer=DISCLAIMER, style=style, style_version=sha256(style.encode()).hexdigest()[:12]
    )
    environment.filters.update(
        title=title_of,
        readable=readable,
        authors=author_names,
        day=_day,
        stamp=time_stamp,
        license=license_name,
        web_link=_web_link,
        here=_here,
        work_link=_work_link,
        marked=_marked,
        coded=_coded,
        bars=_bars,
    )
    return environment


def asked_for(*, open_license: bool) -> str:
    """The end of an address that leads on within what was asked for: only open licences, or nothing."""
    return "?open_license=true" if open_license else ""


def _render(template: str, *, open_license: bool = False, **values: Any) -> str:
    kept = asked_for(open_license=open_license)
    shown = _environment().get_template(template).render(open_license=open_license, kept=kept, **values)
    # Indentation is for the authors of templates: without it a page is a third smaller.
    return re.sub(r"\n\s+", "\n", shown)


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to show the related papers otherwise: what it is called, where it is, whether it is what is shown."""

    name: str
    address: str
    current: bool


def _address_of(page: PaperPage) -> str:
    """The end of the address of a page, which says what it shows beyond what every page does."""
    asked = {
        "mode": page.mode if page.mode is not Mode.FUSED else "",
        "sort": page.sort if page.sort is not Sort.DATE else "",
        "open_license": "true" if page.open_license else "",
    }
    return urlencode({name: value for name, value in asked.items() if value})


def _choices(page: PaperPage) -> dict[str, list[Choice]]:
    """The other evidence, the other orders, and the other licences that the page can have."""

    def choices(field: str, names: Mapping[Any, str]) -> list[Choice]:
        return [
            Choice(
                name,
                f"?{_address_of(replace(page, **{field: value}))}#related",
                getattr(page, field) == value,
            )
            for value, name in names.items()
        ]

    licenses = choices("open_license", {False: "All papers", True: "Open licences only"})
    return {"modes": choices("mode", MODES), "sorts": choices("sort", SORTS), "licenses": licenses}


def render_html(page: PaperPage, *, served: bool = False) -> str:
    """The page of a paper as HTML.

    It is a file that needs no server, its style inside and its links leading to arXiv, unless it is `served`.
    """
    return _render(
        "paper.html",
        page=page,
        paper=page.paper,
        related=page.related,
        choices=_choices(page),
        limits=_limits(page),
        address=_address_of(page),
        served=served,
        open_license=page.open_license,
        shown_day=_version_day(page.paper, page.version),
        summary_is_abstract=" ".join(page.summary) == readable(page.paper.abstract),
    )


def search_html(answer: SearchAnswer, filters: Filters, *, limit: int, offset: int) -> str:
    """The results of a search, with links to the page before and the page after."""
    asked = {
        "q": answer.query,
        "category": " ".join(filters.categories),
        "since": filters.since.isoformat() if filters.since else "",
        "until": filters.until.isoformat() if filters.until else "",
        "open_license": "true" if filters.open_license else "",
    }

    def page_at(start: int) -> str:
        return "/search?" + urlencode(
            {name: value for name, value in asked.items() if value} | {"offset": start}
        )

    return _render(
        "search.html",
        answer=answer,
        note=_note(found.paper for found in answer.results),
        asked=asked,
        open_license=filters.open_license,
        offset=offset,
        before=page_at(max(0, offset - limit)) if offset else None,
        after=page_at(offset + limit) if offset + limit < answer.total else None,
    )


def home_html(
    *, topics: Sequence[Topic], newest: Sequence[Paper], papers: int, open_license: bool = False
) -> str:
    """The front page: search, topics at the top of the tree, newest papers."""
    return _render(
        "home.html",
        topics=[topic for topic in topics if topic.level == 1],
        newest=newest,
        papers=papers,
        open_license=open_license,
        note=_note(newest),
    )


def topics_html(topics: Sequence[Topic], *, open_license: bool = False) -> str:
    """All topics as a tree."""
    children: dict[str, list[Topic]] = {}
    for topic in topics:
        children.setdefault(topic.parent, []).append(topic)
    return _render("topics.html", open_license=open_license, children=children)


def topic_html(answer: TopicAnswer) -> str:
    """One topic: where it stands, what is below it, the papers that stand for it."""
    return _render("topic.html", open_license=answer.open_license, answer=answer, note=_note(answer.papers))


def _note(papers: Iterable[Paper]) -> str | None:
    """What a reader must know of these papers: that the sample's abstracts are ours."""
    return next((paper.comments for paper in papers if paper.comments == SAMPLE_COMMENT), None)


def error_html(*, status: int, title: str, detail: str, nearest: Sequence[str] = ()) -> str:
    """What went wrong, and the way on."""
    return _render("error.html", status=status, title=title, detail=detail, nearest=nearest)


def api_html(operations: Sequence[dict[str, Any]]) -> str:
    """The calls of the REST interface (method, path, summary, description, parameters, example)."""
    return _render("api.html", operations=operations)
