"""Answers of an OAI-PMH server made values: envelopes, headers, and papers in the form `arXivRaw`. Pure.

Protocol: https://www.openarchives.org/OAI/openarchivesprotocol.html; form: http://arxiv.org/OAI/arXivRaw.xsd.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from lxml import etree

from indexer.errors import InvalidPaperId
from indexer.papers import Listing, Paper, PaperId, Rejected, Version
from indexer.plain_text import one_line
from indexer.sources.metadata import (
    canonical_categories,
    is_withdrawn,
    license_uri,
    rfc_822_moment,
    split_authors,
)
from indexer.sources.xml import BadXml, ForeignBody

FORMAT = "arXivRaw"
IDENTIFIER = "oai:arXiv.org:"  # and the id of the paper

_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_RAW = "{http://arxiv.org/OAI/arXivRaw/}"
_VERSION = re.compile(r"v?([1-9]\d{0,3})", re.ASCII)
_NO_SIZE = re.compile(r"0+ ?kb", re.IGNORECASE)
_WITHDRAWN = "I"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered on the day `served` (UTC, by its clock): `errors` by code, or the element of the verb."""

    served: date
    errors: Mapping[str, str]
    content: etree._Element | None


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a record: its identifier as it stands, and what of it can be read."""

    identifier: str
    id: PaperId | None
    datestamp: date | None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list, in its order; `token` asks for the next part, None after the last."""

    served: date
    headers: tuple[Header, ...]
    papers: tuple[Paper, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    token: str | None = None

    @property
    def listed(self) -> tuple[Listing, ...]:
        """The papers that are there, each with its datestamp."""
        return tuple(
            Listing(header.id, header.datestamp)
            for header in self.headers
            if header.id and header.datestamp and not header.deleted
        )

    @property
    def deleted(self) -> tuple[PaperId, ...]:
        """The papers that the server says are deleted."""
        return tuple(header.id for header in self.headers if header.id and header.deleted)


def read_answer(root: etree._Element, verb: str, url: str) -> Answer:
    """Read the envelope of an answer to `verb`.

    Raise `ForeignBody` where it is no OAI-PMH, `BadXml` where date or content are missing or of another verb.
    """
    if root.tag != f"{_OAI}OAI-PMH":
        raise ForeignBody(
            f"{url} answered with <{etree.QName(root).localname}>, which is no OAI-PMH; check PAPERKIN_OAI_PMH"
        )
    parts = {child.tag: child for child in root}
    served = _day(_text(parts.get(f"{_OAI}responseDate")))
    if served is None:
        raise BadXml(f"{url} answered without a readable responseDate; run it again later")
    errors = {
        child.get("code", ""): one_line(child.text or "") for child in root if child.tag == f"{_OAI}error"
    }
    content = parts.get(f"{_OAI}{verb}")
    if content is None and not errors:
        others = ", ".join(etree.QName(tag).localname for tag in parts if not str(tag).endswith("}request"))
        raise BadXml(f"{url} was asked for {verb} and answered with {others}; run it again later")
    return Answer(served, errors, content)


def earliest_datestamp(answer: Answer) -> date | None:
    """Give the day before which the server has nothing, from its answer to Identify."""
    if answer.content is None:
        return None
    return _day(_text(answer.content.find(f"{_OAI}earliestDatestamp")))


def read_page(answer: Answer, url: str) -> Page:
    """Read an answer to ListRecords, ListIdentifiers or GetRecord; a record that cannot be read is `rejected`."""
    headers: list[Header] = []
    papers: list[Paper] = []
    rejected: list[Rejected] = []
    token = ""
    for element in answer.content if answer.content is not None else ():
        if element.tag == f"{_OAI}record":
            header = _read_record(element, papers, rejected, f"record {len(headers) + 1} of {url}")
            headers.append(header)
        elif element.tag == f"{_OAI}header":
            headers.append(read_header(element))
        elif element.tag == f"{_OAI}resumptionToken":
            token = (element.text or "").strip()
    return Page(answer.served, tuple(headers), tuple(papers), tuple(rejected), token or None)


def _read_record(record: etree._Element, papers: list[Paper], rejected: list[Rejected], place: str) -> Header:
    header, metadata = Header("", None, None), None
    for part in record:
        if part.tag == f"{_OAI}header":
            header = read_header(part)
        elif part.tag == f"{_OAI}metadata":
            metadata = part
    if header.deleted:
        return header
    try:
        papers.append(_read_metadata(header, metadata))
    except _Unreadable as bad:
        where = header.identifier or place
        rejected.append(Rejected(where, str(bad), etree.tostring(record, encoding="unicode"), header.id))
    return header


class _Unreadable(ValueError):
    """A record that holds no usable paper; the text is the reason that people read."""


def _read_metadata(header: Header, metadata: etree._Element | None) -> Paper:
    raw = metadata[0] if metadata is not None and len(metadata) else None
    if raw is None or raw.tag != f"{_RAW}arXivRaw":
        found = "no metadata" if raw is None else f"<{etree.QName(raw).localname}>"
        raise _Unreadable(f"holds {found} instead of {FORMAT}")
    if header.id is None:
        raise _Unreadable(f"{header.identifier!r:.60} is no identifier of a paper")
    return read_paper(raw, header.id, header.identifier.removeprefix(IDENTIFIER))


def read_header(element: etree._Element) -> Header:
    """Read a header; what of it cannot be read is None."""
    identifier, datestamp = "", None
    for child in element:
        if child.tag == f"{_OAI}identifier":
            identifier = (child.text or "").strip()
        elif child.tag == f"{_OAI}datestamp":
            datestamp = _day(child.text or "")
    try:
        paper_id = PaperId.parse(identifier)
    except InvalidPaperId:
        paper_id = None
    return Header(identifier, paper_id, datestamp, element.get("status") == "deleted")


def read_paper(raw: etree._Element, paper_id: PaperId, name: str) -> Paper:
    """Make a paper of an `arXivRaw` element that its header calls `name`.

    acm-class is not read: arXiv's server prints the MSC class in it (its templates of 2025).
    """
    fields, versions = _fields(raw)
    _check_id(fields.get("id", ""), paper_id, name)
    license_name = license_uri(fields.get("license", ""))
    history = _versions(versions, license_name)
    abstract, comments = one_line(fields.get("abstract", "")), _optional(fields, "comments")
    return Paper(
        id=paper_id,
        title=one_line(fields.get("title", "")),
        abstract=abstract,
        authors=split_authors(fields.get("authors", "")),
        categories=canonical_categories(fields.get("categories", "")),
        license=license_name,
        versions=history,
        comments=comments,
        journal_ref=_optional(fields, "journal-ref"),
        doi=_optional(fields, "doi"),
        report_no=_optional(fields, "report-no"),
        submitter=_optional(fields, "submitter"),
        withdrawn=bool(history and history[-1].withdrawn) or is_withdrawn(comments, abstract),
    )


def _fields(raw: etree._Element) -> tuple[dict[str, str], list[etree._Element]]:
    """Take apart a record: texts by name, and the elements of its versions."""
    fields: dict[str, str] = {}
    versions: list[etree._Element] = []
    cut = len(_RAW)
    for child in raw:
        name = child.tag[cut:]
        if name == "version":
            versions.append(child)
        else:
            fields[name] = _text(child) if len(child) else child.text or ""
    return fields, versions


def _check_id(text: str, paper_id: PaperId, name: str) -> None:
    """Refuse a record whose header is of another paper."""
    if text == name:  # nearly always; reading it again would cost more than all other fields but the authors
        return
    try:
        other = PaperId.parse(text)
    except InvalidPaperId as error:
        raise _Unreadable(str(error) if text.strip() else "holds no id") from error
    if other != paper_id:
        raise _Unreadable(f"the header is of {paper_id}, the record of {other}")


def _optional(fields: dict[str, str], name: str) -> str | None:
    return one_line(fields.get(name, "")) or None


def _versions(elements: list[etree._Element], newest_license: str | None) -> tuple[Version, ...]:
    """Read the history: in order of number, each once; the licence told is that of the newest."""
    found: dict[int, Version] = {}
    for element in elements:
        number = _VERSION.fullmatch(element.get("version", "").strip())
        if number is None:
            continue
        version = _version(int(number[1]), {child.tag: child.text or "" for child in element})
        if version.number not in found or found[version.number].created is None:
            found[version.number] = version
    if not found:
        return ()
    newest = max(found)
    last = found[newest]
    found[newest] = Version(last.number, last.created, newest_license, last.withdrawn)
    return tuple(found[number] for number in sorted(found))


def _version(number: int, parts: dict[str, str]) -> Version:
    created = rfc_822_moment(parts.get(f"{_RAW}date", ""))
    kind = parts.get(f"{_RAW}source_type", "").strip()
    # The server rounds sizes down to kB and shows 0 for those that it does not know, so 0 alone says nothing. A
    # later version in TeX (which has no type) of under 1 kB is a note that the paper is withdrawn.
    empty = not kind and number > 1 and _NO_SIZE.fullmatch(parts.get(f"{_RAW}size", "").strip()) is not None
    return Version(number, created, withdrawn=_WITHDRAWN in kind or empty)


def _text(element: etree._Element | None) -> str:
    if element is None:
        return ""
    return "".join(map(str, element.itertext())) if len(element) else element.text or ""


@lru_cache(maxsize=16_384)
def _day(text: str) -> date | None:
    """Read a day, or the day of a moment; None if it is none."""
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None
