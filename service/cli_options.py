"""Options and arguments that several commands share."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from indexer.settings import Settings

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


def settings_of(library: str | None) -> Settings:
    """Settings from the environment, the library from the option where it is given."""
    environ = dict(os.environ)
    if library:
        environ["PAPERKIN_LIBRARY"] = library
    return Settings.from_environ(environ)


def now() -> datetime:
    """The clock of the command line."""
    return datetime.now(UTC)
