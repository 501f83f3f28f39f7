"""Records as arXiv's OAI-PMH server keeps them, their XML in `arXivRaw`, and builders of many.

Form: http://arxiv.org/OAI/arXivRaw.xsd, and the templates of the server of 2025, its faults included (acm-class prints
the MSC class; a size of under 1 kB, or an unknown one, is shown as 0kb).
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from html import escape
from pathlib import Path

EARLIEST = date(2005, 9, 16)
TODAY = date(2026, 8, 20)
_RAW = (
    '<arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://arxiv.org/OAI/arXivRaw/ http://arxiv.org/OAI/arXivRaw.xsd">'
)
_SOURCE_TYPES = {
    "pdftex": "D",
    "tex": None,
    "pdf": None,
    "withdrawn": "I",
    "html": "H",
    "ps": "P",
    "docx": "X",
}
# archive of a category: its group, where that has another name (https://info.arxiv.org/help/oa/index.html)
_OWN_GROUP = frozenset({"cs", "math", "stat", "econ", "eess", "q-bio", "q-fin"})


@dataclass(frozen=True)
class OaiVersion:
    number: int
    submitted: datetime
    kilobytes: int = 20
    source_type: str | None = "D"

    @property
    def date(self) -> str:
        return self.submitted.strftime("%a, %d %b %Y %H:%M:%S GMT")

    def xml(self) -> str:
        parts = {"date": self.date, "size": f"{self.kilobytes}kb", "source_type": self.source_type}
        return f'<version version="v{self.number}">{_elements(parts)}</version>'


@dataclass(frozen=True)
class OaiRecord:
    """`illegal` is put into the abstract by a server that sends what XML forbids; it is no part of the record."""

    id: str
    datestamp: date = TODAY
    versions: tuple[OaiVersion, ...] = (OaiVersion(1, datetime(2024, 1, 15, 12, tzinfo=UTC)),)
    title: str = "A title"
    authors: str = "Marie Curie, Emmy Noether"
    categories: str = "cs.DL cs.IR"
    abstract: str = "An abstract."
    submitter: str = "Emmy Noether"
    license: str | None = "http://creativecommons.org/licenses/by/4.0/"
    comments: str | None = None
    report_no: str | None = None
    journal_ref: str | None = None
    doi: str | None = None
    msc_class: str | None = None
    acm_class: str | None = None
    deleted: bool = False
    illegal: str = ""

    @property
    def identifier(self) -> str:
        return f"oai:arXiv.org:{self.id}"

    @cached_property
    def sets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(set_spec(category) for category in self.categories.split()))

    @cached_property
    def header_xml(self) -> str:
        status = ' status="deleted"' if self.deleted else ""
        sets = "".join(f"\n        <setSpec>{escape(one)}</setSpec>" for one in self.sets)
        return (
            f"<header{status}>\n        <identifier>{self.identifier}</identifier>\n        "
            f"<datestamp>{self.datestamp.isoformat()}</datestamp>{sets}\n    </header>"
        )

    @cached_property
    def xml(self) -> str:
        return self._record_xml("")

    @cached_property
    def illegal_xml(self) -> str:
        return self._record_xml(self.illegal)

    def _record_xml(self, illegal: str) -> str:
        metadata = "" if self.deleted else f"\n<metadata>{self._metadata(illegal)}</metadata>"
        return f"<record>\n    {self.header_xml}{metadata}\n</record>\n"

    def _metadata(self, illegal: str) -> str:
        required = {"id": self.id, "submitter": self.submitter}
        rest = {
            "title": self.title,
            "authors": self.authors,
            "categories": self.categories,
            "comments": self.comments,
            "report-no": self.report_no,
            "acm-class": self.acm_class and self.msc_class,
            "msc-class": self.msc_class,
            "journal-ref": self.journal_ref,
            "doi": self.doi,
            "license": self.license,
        }
        versions = "\n".join(version.xml() for version in self.versions)
        abstract = f"\n<abstract>{escape(self.abstract, quote=False)}{illegal}</abstract>"
        return f"\n{_RAW}\n{_elements(required)}\n{versions}\n{_elements(rest)}{abstract}\n</arXivRaw>\n"

    def as_snapshot(self) -> str:
        """The line of the metadata snapshot that says the same."""
        return json.dumps(
            {
                "id": self.id,
                "submitter": self.submitter,
                "authors": self.authors,
                "title": self.title,
                "comments": self.comments,
                "journal-ref": self.journal_ref,
                "doi": self.doi,
                "report-no": self.report_no,
                "categories": self.categories,
                "license": self.license,
                "abstract": self.abstract,
                "versions": [
                    {"version": f"v{version.number}", "created": version.date} for version in self.versions
                ],
            }
        )

    def revised(self, day: date) -> OaiRecord:
        """The same paper after a new version of that day."""
        last = self.versions[-1]
        submitted = datetime.combine(day, time(9), UTC)
        version = OaiVersion(last.number + 1, submitted, last.kilobytes + 1, "D")
        return replace(
            self,
            datestamp=day,
            versions=(*self.versions, version),
            title=f"{self.title} (revised)",
            comments=None,
        )


def _elements(values: Mapping[str, str | None]) -> str:
    return "\n".join(
        f"<{name}>{escape(value, quote=False)}</{name}>" for name, value in values.items() if value
    )


def set_spec(category: str) -> str:
    """`cs.AI` is in `cs:cs:AI`, `hep-th` in `physics:hep-th`, `astro-ph.GA` in `physics:astro-ph:GA`."""
    archive, _, subject = category.partition(".")
    group = archive if archive in _OWN_GROUP else "physics"
    return ":".join(part for part in (group, archive, subject) if part)


_WORDS = (
    "graph kernel entropy lattice neutrino manifold boson learning transport spectral Bayesian sparse quantum galaxy"
    " convex operator flow diffusion language protein market phase cluster vacuum symmetric robust stochastic tensor"
).split()
_TEX = (
    "$\\alpha$-decay",
    "SU(2)$_L$",
    "$a < b$",
    "R&D",
    'na\\"ive',
    "Šemrl's",
    "$\\mathcal{N}=4$",
    "β-model",
)
_NAMES = (
    "Marie Curie",
    "E. Noether",
    "Bal\\'azs Nagy",
    "J. van der Berg (Leiden)",
    "S. Ramanujan, Jr.",
    "Łukasz Wójcik",
    "M. Pe\\~na-Garc\\'ia",
    "The ATLAS Collaboration",
    "Q. Li",
    "H. O'Neill",
    "Wei-Chen Hsu (1 and 2)",
)
_CATEGORIES = (
    "cs.LG",
    "cs.LG stat.ML",
    "hep-th",
    "math.MP math-ph",
    "cs.SY eess.SY",
    "astro-ph",
    "q-bio.NC",
    "econ.GN",
    "quant-ph cs.IT math.IT",
    "cond-mat.mtrl-sci",
)
_LICENSES = (
    "http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
    "http://creativecommons.org/licenses/by/4.0/",
    "http://creativecommons.org/licenses/by-nc-nd/4.0/",
    "http://creativecommons.org/publicdomain/zero/1.0/",
    None,
)
_ILLEGAL = ("\x08", "&#x1F;", "\x0b\x0c", "&#0;", "\ufffe")


def build_records(count: int, *, seed: int = 0, until: date = TODAY) -> list[OaiRecord]:
    """That many records, varied as arXiv's are: ids of all forms, withdrawals, aliases, unknown categories."""
    dice = random.Random(seed)
    numbers: Counter[str] = Counter()
    return [_a_record(dice, numbers, until) for _ in range(count)]


def _a_record(dice: random.Random, numbers: Counter[str], until: date) -> OaiRecord:
    year, month = dice.randint(1992, until.year - 2), dice.randint(1, 12)
    versions, withdrawal = _history(dice, datetime(year, month, dice.randint(1, 28), tzinfo=UTC))
    changed = max(versions[-1].submitted.date(), EARLIEST)
    if dice.random() < 0.97:  # what was never changed since has the server's first day
        changed += timedelta(days=dice.randint(0, min(1500, (until - changed).days)))
    unknown = " quant-ml" if dice.random() < 0.01 else ""
    return OaiRecord(
        id=_an_id(dice, numbers, year, month),
        datestamp=changed,
        versions=versions,
        title=" ".join(["On", *dice.choices(_WORDS, k=5), dice.choice(_TEX)]),
        authors=dice.choice((", ", " and ")).join(dice.choices(_NAMES, k=dice.randint(1, 6))),
        categories=dice.choice(_CATEGORIES) + unknown,
        abstract="  "
        + "\n".join(" ".join(dice.choices(_WORDS, k=11)) for _ in range(dice.randint(1, 14)))
        + "\n",
        submitter=dice.choice(_NAMES),
        license=dice.choice(_LICENSES),
        comments=withdrawal or dice.choice((None, "12 pages,\n  3 figures", "v2: typos & a sign")),
        report_no=dice.choice((None, None, "CERN-TH/2001-123")),
        journal_ref=dice.choice((None, None, "Phys. Rev. D 76 (2007) 013009")),
        doi=dice.choice((None, None, "10.1103/PhysRevD.76.013009")),
        msc_class=dice.choice((None, "14G40; 11G20")),
        acm_class=dice.choice((None, "H.3.3")),
        illegal=dice.choice(_ILLEGAL) if dice.random() < 0.005 else "",
    )


def _an_id(dice: random.Random, numbers: Counter[str], year: int, month: int) -> str:
    stem = f"{year % 100:02}{month:02}"
    if (year, month) < (2007, 4):
        archive = dice.choice(("hep-th", "math", "astro-ph", "cond-mat"))
        numbers[archive + stem] += 1
        return f"{archive}/{stem}{numbers[archive + stem]:03}"
    numbers[stem] += 1
    return f"{stem}.{numbers[stem]:0{5 if year >= 2015 else 4}}"


def _history(dice: random.Random, first: datetime) -> tuple[tuple[OaiVersion, ...], str | None]:
    """Versions, and the comment where the paper is withdrawn."""
    versions: list[OaiVersion] = []
    for number in range(1, dice.choice((1, 1, 1, 2, 2, 3, 5)) + 1):
        first += timedelta(seconds=dice.randint(1, 10_000_000))
        versions.append(
            OaiVersion(number, first, dice.randint(1, 3000), dice.choice(("D", None, "H", "DS", "P")))
        )
    fate = dice.random()
    if fate < 0.02:  # withdrawn, and for half of them taken back
        versions.append(OaiVersion(len(versions) + 1, first + timedelta(days=3), 0, "I"))
        if fate < 0.01:
            versions.append(OaiVersion(len(versions) + 1, first + timedelta(days=9), 31, "D"))
            return tuple(versions), None
        return tuple(versions), "Withdrawn by the author: Lemma 2 is wrong"
    return tuple(versions), "This paper has been withdrawn" if fate < 0.025 else None


def recorded_records(path: Path) -> list[OaiRecord]:
    """The records that the server would make of rows of arXiv's own table of versions."""
    rows: dict[str, list[dict[str, object]]] = {}
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        rows.setdefault(str(row["paper_id"]), []).append(row)
    return [_recorded(several) for several in rows.values()]


def _recorded(rows: list[dict[str, object]]) -> OaiRecord:
    versions = tuple(
        OaiVersion(
            int(str(row["version"])),
            datetime.fromisoformat(str(row["created"])).replace(tzinfo=UTC),
            int(str(row["source_size"] or 0)) // 1024,
            _SOURCE_TYPES[str(row["source_format"])],
        )
        for row in sorted(rows, key=lambda row: int(str(row["version"])))
    )
    current = {
        name: None if value is None else str(value)
        for name, value in next(row for row in rows if row["is_current"]).items()
    }
    return OaiRecord(
        id=current["paper_id"] or "",
        datestamp=datetime.fromisoformat(current["updated"] or str(TODAY)).date(),
        versions=versions,
        title=current["title"] or "",
        authors=current["authors"] or "",
        categories=current["abs_categories"] or "",
        abstract=current["abstract"] or "",
        license=current["license"],
        comments=current["comments"],
        report_no=current["report_num"],
        journal_ref=current["journal_ref"],
        doi=current["doi"],
        msc_class=current["msc_class"],
        acm_class=current["acm_class"],
    )
