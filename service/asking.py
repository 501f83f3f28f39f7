"""Commands that ask about a set of papers: `gaps` and `review`."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from indexer.errors import SettingsError, SourceError
from service.cli_options import (
    CategoryOption,
    CountOption,
    JsonOption,
    LibraryOption,
    LicenseOption,
    OpenLicenseOption,
    SinceOption,
    UntilOption,
    chosen,
    filters_of,
    settings_of,
)

LARGEST_TEXT = 1_000_000  # bytes of a draft
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")

BibOption = Annotated[
    Path | None,
    typer.Option("--bib", metavar="FILE", help="A BibTeX file; its works are found by id, DOI or title."),
]
TitlesOption = Annotated[
    Path | None,
    typer.Option("--titles", metavar="FILE", help="Titles, ids or whole references, one a line."),
]


def gaps(
    papers: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Papers of the set, by arXiv id or URL.")
    ] = None,
    bib: BibOption = None,
    titles: TitlesOption = None,
    at_least: Annotated[
        int | None,
        typer.Option(
            "--at-least",
            min=1,
            metavar="N",
            help="How many of the set must cite a work: 2 unless told, in a long list one in fifty.",
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="ORDER",
            help="count: what most of them cite first; telling: what everybody cites comes later.",
        ),
    ] = "count",
    category: CategoryOption = None,
    license: LicenseOption = None,  # noqa: A002  # the name of the option
    since: SinceOption = None,
    until: UntilOption = None,
    k: CountOption = 20,
    open_license: OpenLicenseOption = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Find what several papers of a set cite and the set lacks.

    The set is given by ids, a BibTeX file, a list of titles, or all of them. Works that the library does not hold are
    shown by their ids.
    """
    from indexer.library import open_library
    from service.answers import GapOrder, GapsRequest
    from service.gaps import gaps as answer_of
    from service.listing import gaps_lines

    order = chosen("--sort", sort, GapOrder)
    filters = filters_of(
        since=since, until=until, categories=category, licenses=license, open_license=open_license
    )
    text, lines = works_in(bib, titles)
    wishes = GapsRequest(
        liked=tuple(papers or ()),
        bib=text,
        titles=lines,
        at_least=at_least,
        order=order,
        k=k,
        filters=filters,
    )
    if not (papers or bib or titles):
        raise SettingsError("give the papers of the set: ids, --bib FILE or --titles FILE")
    with open_library(settings_of(library)) as opened:
        gaps_lines(answer_of(opened, wishes), as_json=json)


def review(
    papers: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Papers that the draft cites, beside the files.")
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            "--text", metavar="FILE", help="The draft's title and abstract; - reads standard input."
        ),
    ] = None,
    bib: BibOption = None,
    titles: TitlesOption = None,
    not_after: Annotated[
        str,
        typer.Option("--not-after", metavar="YYYY-MM", help="Leave out papers whose id's month is later."),
    ] = "",
    category: CategoryOption = None,
    license: LicenseOption = None,  # noqa: A002  # the name of the option
    since: SinceOption = None,
    until: UntilOption = None,
    k: CountOption = 20,
    open_license: OpenLicenseOption = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Find papers that a draft should perhaps cite and does not.

    What a reviewer would ask for: near the draft by its text, and by what its references cite and are cited with. Give
    its title and abstract with --text, and what it cites with --bib.
    """
    from indexer.library import open_library
    from service.answers import ReviewRequest
    from service.gaps import review as answer_of
    from service.listing import review_lines

    if text is None:
        raise SettingsError(
            "review needs the draft's title and abstract: --text FILE, or --text - for standard input"
        )
    filters = filters_of(
        since=since, until=until, categories=category, licenses=license, open_license=open_license
    )
    filters = replace(filters, not_after_month=month_of(not_after) if not_after else None)
    works, lines = works_in(bib, titles)
    wishes = ReviewRequest(
        abstract=_draft(text), liked=tuple(papers or ()), bib=works, titles=lines, k=k, filters=filters
    )
    with open_library(settings_of(library)) as opened:
        review_lines(answer_of(opened, wishes), as_json=json)


def works_in(bib: Path | None, titles: Path | None) -> tuple[str | None, tuple[str, ...]]:
    """The text of a BibTeX file and the lines of a list of titles, of those that are given."""
    from service.seeds import read_bib, read_titles

    return (None if bib is None else read_bib(bib)), (() if titles is None else read_titles(titles))


def month_of(text: str) -> int:
    """A month as ids have it, YYYYMM, of `2025-03`; `SettingsError` for anything else."""
    found = _MONTH.fullmatch(text.strip())
    if not found:
        raise SettingsError(f"{text!r} is no month; write it as 2025-03")
    return int(found[1]) * 100 + int(found[2])


def _draft(path: Path) -> str:
    """The text of a draft, from a file or standard input."""
    from indexer.sources.references.reading import NotText, decoded

    name = "standard input" if str(path) == "-" else str(path)
    try:
        if name == "standard input":
            data = sys.stdin.buffer.read(LARGEST_TEXT + 1)
        else:
            with path.open("rb") as file:
                data = file.read(LARGEST_TEXT + 1)
        text = decoded(data)
    except OSError as error:
        raise SourceError(f"the draft in {name} cannot be read ({error.strerror})") from error
    except NotText as error:
        raise SourceError(
            f"the draft in {name} is not text; give its title and abstract as plain text"
        ) from error
    if len(data) > LARGEST_TEXT:
        raise SettingsError(
            f"the draft in {name} has more than {LARGEST_TEXT:,} bytes; its abstract is enough"
        )
    if not text.strip():
        raise SettingsError(f"there is no text in {name}; write the draft's title and abstract there")
    return text
