"""The command that measures: `paperkin evaluate NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.errors import SettingsError
from indexer.settings import Settings
from service.cli_options import JsonOption, LibraryOption, settings_of
from service.console import Bars, print_json, print_table, print_text, warn

if TYPE_CHECKING:
    from service.evaluation.command import Options
    from service.evaluation.figures import Printed

NAMES = ("citations", "grades", "profiles", "search", "all", "self", "speed", "references")


def evaluate(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{', '.join(NAMES[:-1])} or {NAMES[-1]}.")],
    judgements: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="For citations a file of lines query<TAB>relevant; for grades, profiles and search the folder of a"
            " set; for all a folder of sets.",
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Citations with what they mean, for references.")
    ] = None,
    systems: Annotated[
        str, typer.Option(metavar="NAMES", help="Comma separated; the last is compared with each other one.")
    ] = "minilm,bm25,hybrid,related",
    as_of: Annotated[
        bool, typer.Option("--as-of", help="Hide papers newer than the query, as evidence too.")
    ] = False,
    references: Annotated[
        str, typer.Option(metavar="HOW", help="half: tell half of a query's references, ask for the others.")
    ] = "none",
    scores: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The TREC run of another system, to compare with.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the last system's rankings as a TREC run.")
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            envvar="PAPERKIN_WORK",
            help="Keep the libraries made of judged sets here, so that a second run embeds nothing.",
        ),
    ] = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Measure how good or how fast answers are.

    citations and self measure the library at hand, self without judgements: it foresees what its own newest papers
    cite. grades, profiles and search make a library of the papers of a judged set.
    """
    from service.evaluation.command import Options

    if references not in {"none", "half"}:
        raise SettingsError(f"--references {references} is unknown; use half")
    if references == "half" and name not in {"citations", "self"}:
        raise SettingsError(f"--references half is for citations and self; evaluate {name} has no references")
    options = Options(
        systems=tuple(system.strip() for system in systems.split(",")),
        as_of=as_of,
        half_known=references == "half",
        run=run,
        scores=scores,
        work=work,
    )
    path = folder if name == "references" else judgements
    reports, missing = _evaluated(name, settings_of(library), path, options)
    _tell(name, reports, missing, as_json=json)


def _evaluated(
    name: str, settings: Settings, path: Path | None, options: Options
) -> tuple[list[Printed], list[str]]:
    """The reports, and what could not be measured."""
    from service.evaluation import command

    with Bars() as bars:
        if name == "speed":
            return [command.evaluate_speed(settings, bars)], []
        if name == "self":
            return [command.evaluate_self(settings, options, bars)], []
        named = _needed(name, path)
        if name == "references":
            return [command.evaluate_references(settings, named, bars)], []
        if name == "citations":
            return [command.evaluate_citations(settings, named, options, bars)], []
        if name == "all":
            if options.run or options.scores:
                raise SettingsError("--run and --scores are for one set; name it instead of all")
            return command.evaluate_all(settings, named, options, bars)
        return [command.evaluate_set(name, named, settings, options, bars)], []


def _needed(name: str, path: Path | None) -> Path:
    if name not in NAMES:
        raise SettingsError(f"there is no evaluation {name!r}; use {', '.join(NAMES[:-1])} or {NAMES[-1]}")
    if path is None:
        option = {"citations": "--judgements FILE", "references": "--folder FOLDER"}
        raise SettingsError(f"evaluate {name} needs {option.get(name, '--judgements FOLDER')}")
    return path


def _tell(name: str, reports: list[Printed], missing: list[str], *, as_json: bool) -> None:
    for sentence in missing:
        warn(sentence)
    if as_json:
        sets = {report.title: report.as_json() for report in reports}
        print_json({"sets": sets, "missing": missing} if name == "all" else reports[0].as_json())
        return
    for report in reports:
        if report.title:
            print_text(report.title)
        print_table(report.rows)
        print_text(report.footnote + ("\n" if report is not reports[-1] else ""))
