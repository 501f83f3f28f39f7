"""The nouns of the system: frozen values that import nothing of ours but the errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from indexer.errors import InvalidPaperId

# The archives that gave out ids until March 2007 (https://info.arxiv.org/help/arxiv_identifier.html); those
# opened later (stat, q-fin, eess, econ) have ids of the new form only.
_OLD_ARCHIVES = re.compile(
    "acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs|"
    "dg-ga|funct-an|gr-qc|hep-(?:ex|lat|ph|th)|math|math-ph|mtrl-th|nlin|nucl-(?:ex|th)|patt-sol|physics|"
    "plasm-ph|q-alg|q-bio|quant-ph|solv-int|supr-con"
)

# ASCII, because \d would take digits of other scripts, whose ids would be other strings for the same paper.
_FORM = re.compile(
    r"""
    (?:https?://)?
    (?: (?:[a-z-]+\.)?arxiv\.org/(?:abs|pdf|html|format|src|e-print)/
      | (?:doi:\s*|(?:dx\.|www\.)?doi\.org/)?10\.48550/ )?
    (?:oai:)? (?:arxiv(?:\.org)?[:.]\s*)? /?
    (?: (?P<month>\d{4})\.(?P<number>\d{4,5})
      | (?P<archive>[a-z]+(?:-[a-z]+)?)(?:\.[a-z-]{2,})?//?(?P<old_month>\d{4})(?P<old_number>\d{3}) )
    (?:v(?P<version>[1-9]\d{0,3}))?
    (?:\.pdf)? /? (?:[?\#].*)? (?:\s*\[[a-z.-]+\])?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class PaperId:
    """A canonical arXiv identifier without version: `2503.14504` or `hep-th/9901001`.

    Build one with `parse`, which accepts what people paste: URLs, `arXiv:` prefixes, versions, old ids
    with a subject class (`math.CA/0611800`, whose canonical form drops it).
    """

    value: str

    @classmethod
    def parse(cls, text: str) -> PaperId:
        """Read an identifier, leaving its version out; raise `InvalidPaperId` for anything else."""
        return cls.parse_versioned(text)[0]

    @classmethod
    def parse_versioned(cls, text: str) -> tuple[PaperId, int | None]:
        """Read an identifier and its version (None where the text names none)."""
        found = _FORM.fullmatch(text.strip())
        canonical = found and _canonical(found)
        if not (found and canonical):
            raise InvalidPaperId(text)
        return cls(canonical), int(found["version"]) if found["version"] else None

    @property
    def month(self) -> int:
        """The month in which the id was given out, as the number YYYYMM."""
        digits = self.value.rpartition("/")[2]
        year = int(digits[:2])
        return ((1900 if year >= 91 else 2000) + year) * 100 + int(digits[2:4])

    @property
    def first_day(self) -> date:
        """The first day of `month`: the date of a paper whose exact day is not known."""
        return date(self.month // 100, self.month % 100, 1)

    def url(self, version: int | None = None) -> str:
        """Give the address of the abstract page at arXiv, of the newest version unless one is named."""
        return f"http://arxiv.org/abs/{self.value}" + (f"v{version}" if version else "")

    def __str__(self) -> str:
        return self.value


def _canonical(found: re.Match[str]) -> str | None:
    """Give the canonical form of what has the right shape; None if arXiv cannot have given it out."""
    old = found["archive"] is not None
    month, number = (found["old_month"], found["old_number"]) if old else (found["month"], found["number"])
    if not ("01" <= month[2:] <= "12" and int(number)):
        return None
    if old:
        archive = found["archive"].lower()
        possible = _OLD_ARCHIVES.fullmatch(archive) and (month >= "9107" or month <= "0703")
        return f"{archive}/{month}{number}" if possible else None
    digits = 5 if month >= "1501" else 4
    return f"{month}.{number}" if "0704" <= month < "9101" and len(number) == digits else None


@dataclass(frozen=True, slots=True)
class Author:
    """A name as arXiv splits it; a collaboration stands in `keyname` alone."""

    keyname: str
    forenames: str = ""
    suffix: str = ""

    @property
    def name(self) -> str:
        """The name as it is read: forenames, keyname, suffix."""
        return " ".join(part for part in (self.forenames, self.keyname, self.suffix) if part)


# The licences that let anyone share and adapt, for any purpose (https://opendefinition.org/licenses/): those with
# NC or ND do not.
OPEN_LICENSES = frozenset(
    f"http://creativecommons.org/{name}/"
    for name in (
        *(
            f"licenses/{kind}/{version}"
            for kind in ("by", "by-sa")
            for version in ("1.0", "2.0", "2.5", "3.0", "4.0")
        ),
        "publicdomain/zero/1.0",
        "publicdomain/mark/1.0",
        "licenses/publicdomain",
    )
)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a paper; `created` is None where only the month of the id is known.

    `license` is the URI that was seen while this version was the newest (sources tell the newest one's only),
    None where none was; `withdrawn` says that the version has no text but the note that it is withdrawn.
    """

    number: int
    created: datetime | None = None
    license: str | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Paper:
    """What arXiv says of a paper. Every field but the id may be empty, as in real metadata.

    `categories` has the primary one first; `license` is arXiv's URI, None where unknown; `versions` are in
    order of number. Texts keep their TeX, on one line.
    """

    id: PaperId
    title: str = ""
    abstract: str = ""
    authors: tuple[Author, ...] = ()
    categories: tuple[str, ...] = ()
    license: str | None = None
    versions: tuple[Version, ...] = ()
    comments: str | None = None
    journal_ref: str | None = None
    doi: str | None = None
    report_no: str | None = None
    submitter: str | None = None
    withdrawn: bool = False
    vanished: bool = False  # arXiv no longer lists it; told by the store, never by a record

    @property
    def latest_version(self) -> int | None:
        """The number of the newest version known, or None."""
        return self.versions[-1].number if self.versions else None

    @property
    def submitted(self) -> datetime:
        """When version 1 was submitted (UTC); the first day of the id's month where that is not known."""
        known = self.versions[0].created if self.versions else None
        return known or datetime.combine(self.id.first_day, datetime.min.time(), UTC)

    @property
    def updated(self) -> datetime:
        """When the newest version was submitted (UTC); `submitted` where that is not known."""
        known = self.versions[-1].created if self.versions else None
        return known or self.submitted

    @property
    def day_known(self) -> bool:
        """Whether the day of version 1 is known, and not just the month of the id."""
        return bool(self.versions and self.versions[0].created)

    @property
    def open_license(self) -> bool:
        """Whether its licence lets anyone share and adapt it, for any purpose."""
        return self.license in OPEN_LICENSES

    @property
    def text(self) -> str:
        """The text that stands for the paper in embedding and search: title and abstract."""
        return f"{self.title}\n\n{self.abstract}".strip()


@dataclass(frozen=True, slots=True, order=True)
class Citation:
    """`citing` has `cited` in its list of references."""

    citing: PaperId
    cited: PaperId


class ChangeKind(StrEnum):
    """What storing a paper did."""

    NEW = "new"
    REVISED = "revised"  # the embedded text changed: everything derived must catch up
    METADATA = "metadata"  # anything else changed
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """What storing one paper did; `withdrawn` says that it made the paper a withdrawn one."""

    id: PaperId
    kind: ChangeKind
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class CitationChanges:
    """What storing citations did: pairs new to the library, and pairs that no source gives any more."""

    new: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that a source could not read: where it stands ("line 17"), why, and what was read, as it came.

    `id` is the paper that it speaks of, where that much can be told.
    """

    where: str
    reason: str
    raw: str = ""
    id: PaperId | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A source has this paper, last changed there on `datestamp` (which need not be a day of a version)."""

    id: PaperId
    datestamp: date


class AnnouncementKind(StrEnum):
    """How arXiv announced a paper, in the words of its feeds."""

    NEW = "new"
    CROSS = "cross"
    REPLACE = "replace"
    REPLACE_CROSS = "replace-cross"


@dataclass(frozen=True, slots=True)
class Announcement:
    """arXiv announced `version` of a paper in `category` on `day` (of arXiv's Eastern time)."""

    id: PaperId
    version: int
    category: str
    kind: AnnouncementKind
    day: date


class Completeness(StrEnum):
    """How much records of a source say of a paper.

    A `HINT` cuts and leaves out (a feed): it never overwrites what a record of the same version said. What a
    `PARTIAL` record leaves empty is not known. What a `WHOLE` record leaves empty is empty.
    """

    HINT = "hint"
    PARTIAL = "partial"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class PaperBatch:
    """Papers that a source delivers together and that are stored in one transaction.

    `cursor` is where to go on after this batch (None: nowhere, start afresh); `position` is the share of the
    source read so far, 0 to 1, None where the source cannot know. `listed` has the papers of the batch with the
    source's datestamps, where it gives any; `deleted` are papers that the source says are gone.
    """

    papers: tuple[Paper, ...]
    rejected: tuple[Rejected, ...] = ()
    cursor: str | None = None
    position: float | None = None
    listed: tuple[Listing, ...] = ()
    deleted: tuple[PaperId, ...] = ()
    announced: tuple[Announcement, ...] = ()
    completeness: Completeness = Completeness.PARTIAL


@dataclass(frozen=True, slots=True)
class ListingBatch:
    """Part of the list of everything that a source has; `cursor` and `position` as in `PaperBatch`."""

    listed: tuple[Listing, ...]
    deleted: tuple[PaperId, ...] = ()
    cursor: str | None = None
    position: float | None = None


@dataclass(frozen=True, slots=True)
class CitationBatch:
    """Citations that a source delivers together; see `PaperBatch`.

    `answered` are the papers whose whole list of references, as this source knows it, is in the batch: a pair
    that the source gave before and that is not there any more is gone. `unknown` are papers that it was asked
    for and does not know.
    """

    citations: tuple[Citation, ...]
    rejected: tuple[Rejected, ...] = ()
    cursor: str | None = None
    position: float | None = None
    answered: tuple[PaperId, ...] = ()
    unknown: tuple[PaperId, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """The days that a crawl is narrowed to, both included; None leaves that end open."""

    since: date | None = None
    until: date | None = None

    def __bool__(self) -> bool:
        return self.since is not None or self.until is not None

    def __contains__(self, day: date) -> bool:
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)

    def __str__(self) -> str:
        days = {"from": self.since, "until": self.until}
        return "&".join(f"{name}={day.isoformat()}" for name, day in days.items() if day)


@dataclass(frozen=True, slots=True)
class Topic:
    """A node of the taxonomy.

    `id` is a path of numbers (`3`, `3.2`), `parent` the id above ("" at the top), `label` a short phrase,
    `terms` the three to five that tell the topic from its siblings, best first, `size` the number of papers
    in it and below.
    """

    id: str
    parent: str
    label: str
    terms: tuple[str, ...]
    size: int

    @property
    def level(self) -> int:
        """Depth in the tree: 1 for a topic at the top."""
        return self.id.count(".") + 1


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a paper stands in the taxonomy: its deepest topic and how sure that is, 0 to 1."""

    topic: str
    confidence: float
