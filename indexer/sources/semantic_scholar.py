"""`semantic-scholar:`: citations from the Academic Graph of Semantic Scholar, asked for by arXiv id.

What is relied on (https://api.semanticscholar.org/api-docs/graph, and what its users report):

- `POST paper/batch?fields=…` with `{"ids": ["ARXIV:2106.15928", …]}` takes 500 ids and gives at most 10 MB and
  9,999 citations. It answers with a list in the order of the ids, null for a paper that it does not know, and with
  400 `{"error": "No valid paper ids given"}` where it knows none of them. Answers over the limit of citations came
  cut off without a word (allenai/s2-folks#199), large ones timed out with 504 (#58).
- The `references` of one paper stop at 1,000 there; `GET paper/ID/references?offset=…&limit=…` pages through them,
  limit at most 1,000, offset + limit under 10,000; the last page has no `next`.
- `references` is null, and `data` of a page too, where the publisher withholds the list. A reference that is no paper
  of the graph has the ids null.
- Errors are `{"error": …}` or `{"message": …, "code": "429"}`; a bad key is 403, which the session tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from urllib.parse import quote

import requests

from indexer.errors import SourceError
from indexer.papers import Citation, CitationBatch, PaperId, Rejected
from indexer.sources.answers import JsonService, Question, arxiv_id

MOST_PAPERS = 500  # in one question
MOST_REFERENCES = 9_999  # in one answer, and of one paper
# An answer this full is taken for one that was cut: the limit may count what the answer does not show.
FULL = 9_900
NESTED = 1_000  # references of one paper in an answer about many
PAGE = 1_000
# The share of `MOST_REFERENCES` that the next group is meant to fill. Known references differ by field, so groups of
# one size would be refused in one field and nearly empty in another.
_AIM = 0.7

_FIELDS = "externalIds,referenceCount,references.externalIds"
_NONE_KNOWN = "no valid paper ids"
_TOO_LARGE = re.compile("too large|too many|exceed|maximum|at most|limit", re.IGNORECASE)


class _TooMuch(Exception):
    """The group is too large for one answer."""


class _Unreadable(ValueError):
    """What is said of a paper cannot be read; its text is the reason that people read."""


@dataclass(slots=True)
class _Counts:
    """What the remarks tell."""

    references: int = 0
    elsewhere: int = 0  # references to works that are not on arXiv, or not known to be
    withheld: int = 0  # papers that are known, their references not


@dataclass(slots=True)
class _Gathered:
    """What a batch is made of."""

    citations: list[Citation] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    answered: list[PaperId] = field(default_factory=list)
    unknown: list[PaperId] = field(default_factory=list)
    long: list[PaperId] = field(
        default_factory=list
    )  # papers whose references must be asked for page by page

    def batch(self) -> CitationBatch:
        """Give it as a batch."""
        return CitationBatch(
            tuple(self.citations),
            tuple(self.rejected),
            answered=tuple(self.answered),
            unknown=tuple(self.unknown),
        )


class SemanticScholar:
    """A `CitationSource` over the Academic Graph; `base_url` ends in `/graph/v1`.

    The session carries the key of the operator as `x-api-key`, if there is one. There is no cursor: which papers
    were asked is in the library. An empty list of references is an answer, unless the paper is said to have some;
    that, and a list that is withheld, is `unknown`: it must not take back what was known before.
    """

    def __init__(self, name: str, base_url: str, session: requests.Session) -> None:
        self._name = name
        self._service = JsonService("Semantic Scholar", base_url, session)
        self._counts = _Counts()
        self._size = MOST_PAPERS

    @property
    def name(self) -> str:
        """The URL that opened the source."""
        return self._name

    @property
    def remarks(self) -> Sequence[str]:
        """How many references lead out of arXiv, and of how many papers they are not given."""
        counts, said = self._counts, []
        if counts.elsewhere:
            said.append(
                f"Semantic Scholar: {counts.elsewhere:,} of {counts.references:,} references left out, without an arXiv"
                " id"
            )
        if counts.withheld:
            said.append(
                f"Semantic Scholar: papers that it knows, their references withheld or unread: {counts.withheld:,}"
            )
        return said

    def batches(self, wanted: Iterable[PaperId], cursor: str | None = None) -> Iterator[CitationBatch]:  # noqa: ARG002 - progress is kept by the library
        """Ask for `wanted`, up to 500 papers at a time, fewer where they have more references than one answer holds."""
        self._counts, self._size = _Counts(), MOST_PAPERS
        total = len(wanted) if isinstance(wanted, Sized) else None
        papers, done = iter(wanted), 0
        group: tuple[PaperId, ...] = ()
        while group := group + tuple(islice(papers, max(0, self._size - len(group)))):
            part = group[: self._size]
            try:
                batch = self._ask(part)
            except _TooMuch:
                self._size = (len(part) + 1) // 2
                continue
            group = group[len(part) :]
            done += len(part)
            yield replace(batch, position=min(1.0, done / total) if total else None)

    def _ask(self, part: tuple[PaperId, ...]) -> CitationBatch:
        """Ask for a few papers; raise `_TooMuch` if two or more are too many."""
        gathered = _Gathered()
        try:
            self._read(part, self._items(part), gathered)
        except _TooMuch:
            if len(part) > 1:
                raise
            gathered.long = list(part)
        for paper in gathered.long:
            self._page_through(paper, gathered)
        return gathered.batch()

    def _items(self, part: tuple[PaperId, ...]) -> list[Any]:
        """What is said of each paper, in order; raise `_TooMuch` where it is more than one answer holds."""
        answer = self._service.ask(
            Question(
                "/paper/batch",
                {"fields": _FIELDS},
                {"ids": [_named(paper) for paper in part]},
                complaint=_complaint_of(part),
                heed=_heed_timeouts if len(part) > 1 else None,
            )
        )
        if answer.status == 200:
            items: list[Any] = answer.value
            return items
        if answer.status == 400 and _NONE_KNOWN in answer.words.lower():
            return [None] * len(part)
        if answer.status == 413 or (answer.status == 400 and _TOO_LARGE.search(answer.words)):
            raise _TooMuch
        raise self._service.refused(answer)

    def _read(self, part: tuple[PaperId, ...], items: list[Any], gathered: _Gathered) -> None:
        """Take what is said of each paper; raise `_TooMuch` where the answer is so full that it may be cut."""
        held = [len(item["references"]) for item in items if _has_list(item)]
        if sum(held) >= FULL:
            raise _TooMuch
        fitting = int(_AIM * MOST_REFERENCES * len(part) / max(1, sum(held)))
        self._size = max(1, min(MOST_PAPERS, fitting, self._size + self._size // 4 + 1))
        for paper, item in zip(part, items, strict=True):
            try:
                entries = references_in(item)
            except _Unreadable as error:
                gathered.rejected.append(
                    Rejected(f"{_named(paper)} in paper/batch", str(error), repr(item)[:1_000], paper)
                )
                continue
            if entries is not None and len(entries) >= NESTED:
                gathered.long.append(paper)
            elif entries is not None:
                self._take(paper, entries, gathered)
                gathered.answered.append(paper)
            else:
                self._counts.withheld += item is not None
                gathered.unknown.append(paper)

    def _take(self, paper: PaperId, entries: list[Any], gathered: _Gathered) -> None:
        """Take the references of a paper that lead to arXiv."""
        cited = [found for entry in entries if (found := cited_in(entry))]
        self._counts.references += len(entries)
        self._counts.elsewhere += len(entries) - len(cited)
        gathered.citations += [Citation(paper, one) for one in dict.fromkeys(cited) if one != paper]

    def _page_through(self, paper: PaperId, gathered: _Gathered) -> None:
        """Ask for the references of one paper page by page; where a page fails, those before it count."""
        offset: int | None = 0
        try:
            while offset is not None:
                page = self._page(paper, offset)
                if page is None:
                    gathered.unknown.append(paper)
                    return
                self._take(paper, page[0], gathered)
                offset = page[1]
        except SourceError as error:
            gathered.rejected.append(
                Rejected(f"references {offset:,} and on of {paper}", str(error), id=paper)
            )
        else:
            gathered.answered.append(paper)

    def _page(self, paper: PaperId, offset: int) -> tuple[list[Any], int | None] | None:
        """Ask for one page and where the next one starts; None if the paper or its list is not known."""
        limit = min(PAGE, MOST_REFERENCES - offset)
        if limit <= 0:
            raise SourceError(f"Semantic Scholar gives the first {MOST_REFERENCES:,} references only")
        answer = self._service.ask(
            Question(
                f"/paper/{quote(_named(paper), safe=':/')}/references",
                {"fields": "externalIds", "limit": limit, "offset": offset},
                complaint=lambda value: _page_complaint(value, offset),
            )
        )
        if answer.status == 404 and offset == 0:
            return None
        if answer.status != 200:
            raise self._service.refused(answer)
        if answer.value.get("data", ()) is None and offset == 0:
            self._counts.withheld += 1
            return None
        entries = [
            row.get("citedPaper") if isinstance(row, dict) else None for row in answer.value.get("data") or ()
        ]
        return entries, answer.value.get("next")


def references_in(item: Any) -> list[Any] | None:
    """Read the list of references of a paper as `paper/batch` and `paper/ID` give it; None where it is not known.

    Raise `ValueError` for what is no paper.
    """
    if item is None:
        return None
    if not isinstance(item, dict):
        raise _Unreadable(f"not a paper but a {type(item).__name__}")
    entries = item.get("references")
    if entries is None:
        return None
    if not isinstance(entries, list):
        raise _Unreadable(f"its references are no list but a {type(entries).__name__}")
    claimed = item.get("referenceCount")
    return None if not entries and isinstance(claimed, int) and claimed > 0 else entries


def cited_in(entry: Any) -> PaperId | None:
    """Read the arXiv id of a reference, from `ArXiv` or an arXiv `DOI` among its ids; None if it has none."""
    ids = entry.get("externalIds") if isinstance(entry, dict) else None
    if not isinstance(ids, dict):
        return None
    return arxiv_id(ids.get("ArXiv")) or arxiv_id(ids.get("DOI"))


def _named(paper: PaperId) -> str:
    return f"ARXIV:{paper}"


def _has_list(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("references"), list)


def _heed_timeouts(response: requests.Response) -> None:
    """End the asking where the service could not put the answer together in time: fewer papers may do."""
    if response.status_code == 504:
        response.close()
        raise _TooMuch


def _complaint_of(part: tuple[PaperId, ...]) -> Callable[[Any], str | None]:
    """Make the check that an answer has one item for each paper, in order.

    A paper may be answered with one of another arXiv id, that of a duplicate; in no case with one that was asked for
    in another place and answered otherwise there.
    """
    places = {paper: place for place, paper in enumerate(part)}

    def complaint(value: Any) -> str | None:
        if not isinstance(value, list):
            return f"a {type(value).__name__} where a list was due"
        if len(value) != len(part):
            return f"{len(value):,} papers where {len(part):,} were asked for"
        for paper, item in zip(part, value, strict=True):
            place = places.get(cited_in(item) or paper, -1)
            if place >= 0 and part[place] != paper and _key(value[place]) != _key(item):
                return f"papers in another order ({part[place]} where {paper} was due)"
        return None

    return complaint


def _key(item: Any) -> Any:
    return item.get("paperId") if isinstance(item, dict) else None


def _page_complaint(value: Any, offset: int) -> str | None:
    if not isinstance(value, dict) or not isinstance(value.get("data", []), list | None):
        return "no page of references"
    if offset and not value.get("data"):
        return f"no references from {offset:,} on, which the page before had promised"
    following = value.get("next")
    if following is not None and not (isinstance(following, int) and following > offset):
        return f"a page that is followed by the one at {following!r}"
    return None
