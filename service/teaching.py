"""The commands that learn from the library: `paperkin train NAME`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from service.cli_options import JsonOption, LibraryOption, settings_of
from service.console import Bars, print_json, print_table, print_text

train = typer.Typer(
    name="train",
    help="Learn from the library's own citations.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@train.callback()
def _train() -> None:
    """Learn from the library's own citations."""  # keeps a sole command a command with a name


@train.command()
def embedding(
    output: Annotated[Path, typer.Option(metavar="FILE", help="The adapter to write, *.safetensors.")],
    minutes: Annotated[
        float,
        typer.Option(min=0.01, max=10_000, metavar="N", help="How long to train; measuring comes on top."),
    ] = 60.0,
    exclude: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Ids never to be used (judgements: first column); may be repeated."
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m"], metavar="YYYY-MM", help="Last month to learn from; by default all but a fifth."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of all that is drawn.")] = 0,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu or cuda.")] = "auto",
    rank: Annotated[
        int, typer.Option(min=0, max=4_096, metavar="N", help="Of the factors; 0 keeps all changes in full.")
    ] = 64,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Tune the embedding model on citations; write an adapter.

    On a processor in an hour, on a GPU in minutes. Ctrl-C keeps the best so far.
    """
    from service.training.command import Wishes, train_embedding

    wishes = Wishes(
        output=output,
        minutes=minutes,
        exclude=tuple(exclude or ()),
        until=until.year * 100 + until.month if until else None,
        seed=seed,
        device=device,
        rank=rank,
    )
    with Bars() as bars:
        report = train_embedding(settings_of(library), wishes, bars)
    if json:
        print_json(report.as_json())
    else:
        print_text("\n".join(report.lines()))


@train.command()
def ranking(
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the ranking goes; by default beside the library's index."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of all that is drawn.")] = 0,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Learn what makes papers related.

    From what the library's newest papers cite; the server uses it from the next request on.
    """
    from indexer.library import open_library
    from service.learned import trained_path
    from service.training.ranking import train_ranking
    from service.training.report import ranking_rows, write_ranking

    with Bars() as bars, open_library(settings_of(library)) as opened:
        trained = train_ranking(opened, progress=bars, seed=seed)
        path = output or trained_path(opened)
        write_ranking(trained.model, path)
    if json:
        print_json(dict(trained.model.facts) | {"output": str(path)})
    else:
        print_table(ranking_rows(trained))
        print_text(f"wrote {path}; removing it brings back the ranking that came with paperkin")
