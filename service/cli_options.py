"""Options and arguments that several commands share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from indexer.errors import SettingsError
from indexer.settings import Settings

if TYPE_CHECKING:
    from indexer.tables import Filters

Choice = TypeVar("Choice", bound=StrEnum)

LibraryOption = Annotated[
    str | None,
    typer.Option(
        "--library", metavar="URL", help="The library: sqlite:///PATH, or a path.", envvar="PAPERKIN_LIBRARY"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print problems only (for cron).")]
PaperArgument = Annotated[str, typer.Argument(metavar="ID", help="An arXiv id or URL.")]
CountOption = Annotated[int, typer.Option("-k", min=1, max=1_000, metavar="N", help="How many.")]
PortOption = Annotated[
    int, typer.Option(min=0, max=65_535, metavar="PORT", help="Port to listen on; 0 takes a free one.")
]
OpenLicenseOption = Annotated[
    bool, typer.Option("--open-license", help="Only papers that anyone may share and adapt.")
]
CategoryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--category",
        metavar="NAME",
        help="Only of this category, such as cs.CL or all of cs; may be repeated.",
    ),
]
LicenseOption = Annotated[
    list[str] | None,
    typer.Option("--license", metavar="URI", help="Only under exactly this licence; may be repeated."),
]
SinceOption = Annotated[
    datetime | None,
    typer.Option("--since", formats=["%Y-%m-%d"], metavar="DATE", help="Only papers of this day or later."),
]
UntilOption = Annotated[
    datetime | None,
    typer.Option("--until", formats=["%Y-%m-%d"], metavar="DATE", help="Only papers of this day or earlier."),
]


def settings_of(library: str | None) -> Settings:
    """Settings from the environment, the library from the option where it is given."""
    environ = dict(os.environ)
    if library:
        environ["PAPERKIN_LIBRARY"] = library
    return Settings.from_environ(environ)


def filters_of(
    *,
    since: datetime | None,
    until: datetime | None,
    categories: Sequence[str] | None,
    licenses: Sequence[str] | None,
    open_license: bool,
) -> Filters:
    """The filters that options ask for; `SettingsError` for days the wrong way round."""
    from indexer.tables import Filters

    first, last = window(since, until)
    return Filters(
        since=first,
        until=last,
        categories=tuple(categories or ()),
        licenses=tuple(licenses or ()),
        open_license=open_license,
    )


def window(since: datetime | None, until: datetime | None) -> tuple[date | None, date | None]:
    """The first and the last day that two options ask for; `SettingsError` where they are the wrong way round."""
    first, last = since.date() if since else None, until.date() if until else None
    if first and last and first > last:
        raise SettingsError(f"--since {first} is after --until {last}; give them the other way round")
    return first, last


def chosen(option: str, value: str, choices: type[Choice]) -> Choice:
    """The choice that an option's value names; `SettingsError` with all of them for another."""
    if value not in set(choices):
        *others, last = choices
        raise SettingsError(f"{option} {value} is unknown; use {', '.join(others)} or {last}")
    return choices(value)


def now() -> datetime:
    """The clock of the command line."""
    return datetime.now(UTC)
