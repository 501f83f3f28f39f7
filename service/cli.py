"""The command line: `paperkin COMMAND --help`. Exit codes: 0 done, 1 failed, 2 used wrongly."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

from indexer.errors import SettingsError
from service import asking, measuring, operating, teaching
from service.cli_options import (
    CategoryOption,
    CountOption,
    JsonOption,
    LibraryOption,
    LicenseOption,
    OpenLicenseOption,
    PaperArgument,
    PortOption,
    SinceOption,
    UntilOption,
    chosen,
    filters_of,
    settings_of,
)
from service.console import Bars, errors_in_one_line, print_text

if TYPE_CHECKING:
    from indexer.library import Library

app = typer.Typer(
    name="paperkin",
    help="Related arXiv papers, and why: crawl, embed, cluster, link and explain, on one machine.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help, which reads as well in a pipe
)


def _opened(library: str | None) -> Library:
    from indexer.library import open_library

    return open_library(settings_of(library))


for _command in (operating.crawl, operating.link, operating.update, operating.sync, operating.status):
    app.command()(_command)
app.add_typer(teaching.train)


@app.command()
def page(
    paper: PaperArgument,
    form: Annotated[str, typer.Option("--format", metavar="FORM", help="text, json or html.")] = "text",
    k: CountOption = 20,
    open_license: OpenLicenseOption = False,
    library: LibraryOption = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Print the page of a paper.

    Its summary, score, licence, abstract and related papers, newest first.
    """
    from service import pages, schemas
    from service.paper_page import paper_page

    renderers = {
        "text": pages.render_text,
        "html": pages.render_html,
        "json": schemas.page_json,
    }
    if form not in renderers:
        raise SettingsError(f"--format {form} is unknown; use {', '.join(renderers)}")
    with _opened(library) as opened:
        shown = paper_page(opened, paper, k=k, open_license=open_license)
        print_text(renderers["json" if json else form](shown))


@app.command()
def related(
    papers: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Papers you like.")] = None,
    disliked: Annotated[
        list[str] | None, typer.Option("--not", metavar="ID", help="A paper you do not; may be repeated.")
    ] = None,
    text: Annotated[str, typer.Option(metavar="TEXT", help="A free text to be related to.")] = "",
    k: CountOption = 20,
    ids_from: Annotated[
        Path | None,
        typer.Option("--ids-from", metavar="FILE", help="One id a line; each answered by itself."),
    ] = None,
    bib: asking.BibOption = None,
    titles: asking.TitlesOption = None,
    mode: Annotated[
        str,
        typer.Option(
            metavar="MODE", help="Evidence: fused, text, words, coupling, co-citation or references."
        ),
    ] = "fused",
    facet: Annotated[
        str,
        typer.Option(metavar="FACET", help="Compare abstracts by this alone: background, method or result."),
    ] = "",
    sort: Annotated[
        str,
        typer.Option(metavar="ORDER", help="Show by score, date (newest first) or influence (most cited)."),
    ] = "score",
    least: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="S",
            help="Least similarity; of results with .8, about 8 of 10 are cited by the query or with it.",
        ),
    ] = 0.0,
    diversity: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="D", help="How unlike each other, from 0 to 1.")
    ] = 0.0,
    topic: Annotated[
        str, typer.Option(metavar="TOPIC", help="Only of this topic and those below it, such as 3.2.")
    ] = "",
    category: CategoryOption = None,
    license: LicenseOption = None,  # noqa: A002  # the name of the option
    since: SinceOption = None,
    until: UntilOption = None,
    among: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rank these papers and no others; one id a line.")
    ] = None,
    not_newer: Annotated[
        bool, typer.Option("--not-newer", help="Leave out papers whose id's month is after the query's.")
    ] = False,
    as_of_seed: Annotated[
        bool, typer.Option("--as-of-seed", help="Answer as if papers newer than the query did not exist.")
    ] = False,
    text_only: Annotated[
        bool, typer.Option("--text-only", help="Ignore the query's own citations, in both directions.")
    ] = False,
    open_license: OpenLicenseOption = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Find papers related to papers or a text, with reasons."""
    from service.answers import Facet, Mode, RelatedRequest, Sort
    from service.listing import among_in, related_lines, related_to_each, warn_unknown
    from service.seeds import related_to_seeds

    if (papers or bib or titles) and ids_from is not None:
        raise SettingsError("give the papers either together or with --ids-from, not both")
    works, lines = asking.works_in(bib, titles)
    wishes = RelatedRequest(
        liked=tuple(papers or ()),
        disliked=tuple(disliked or ()),
        text=text,
        k=k,
        filters=filters_of(
            since=since, until=until, categories=category, licenses=license, open_license=open_license
        ),
        not_newer=not_newer,
        as_of_seed=as_of_seed,
        text_only=text_only,
        mode=chosen("--mode", mode, Mode),
        facet=chosen("--facet", facet, Facet) if facet else None,
        sort=chosen("--sort", sort, Sort),
        least=least,
        diversity=diversity,
        topic=topic,
        among=() if among is None else among_in(among),
    )
    with _opened(library) as opened:
        if ids_from is not None:
            related_to_each(opened, ids_from, wishes, as_json=json)
            return
        answer = related_to_seeds(opened, wishes, bib=works, titles=lines)
    warn_unknown(answer.unknown)
    related_lines(answer, as_json=json)


@app.command()
def search(
    text: Annotated[list[str], typer.Argument(metavar="TEXT...", help='Words; "a phrase" in quotes.')],
    k: CountOption = 20,
    open_license: OpenLicenseOption = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Find papers by the words of title, abstract and authors."""
    from indexer.tables import Filters
    from service.listing import search_lines
    from service.search import search as answer_of

    with _opened(library) as opened:
        filters = Filters(open_license=open_license)
        search_lines(answer_of(opened, " ".join(text), filters, limit=k), as_json=json)


@app.command()
def topics(
    topic: Annotated[str | None, typer.Argument(metavar="TOPIC", help="Such as 3 or 3.2.")] = None,
    k: CountOption = 20,
    open_license: OpenLicenseOption = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Show the tree of topics, or one topic with its papers."""
    from service import explore
    from service.listing import topic_lines, tree_lines

    with _opened(library) as opened:
        if topic is None:
            tree_lines(explore.topics(opened, open_license=open_license), as_json=json)
        else:
            answer = explore.topic(opened, topic, limit=k, open_license=open_license)
            topic_lines(answer, as_json=json)


@app.command()
def graph(
    paper: PaperArgument,
    to: Annotated[str | None, typer.Option(metavar="ID", help="Show a shortest path to this paper.")] = None,
    k: CountOption = 40,
    open_license: OpenLicenseOption = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Show the citations around a paper, or the path between two."""
    from service import explore
    from service.listing import graph_lines

    with _opened(library) as opened:
        start = explore.held(opened, paper)[1].id
        if to is None:
            around = explore.neighbourhood(opened, start, most=k, open_license=open_license)
            graph_lines(around, as_json=json)
        else:
            goal = explore.held(opened, to)[1].id
            chain = explore.path(opened, start, goal, open_license=open_license)
            graph_lines(chain, goal, as_json=json)


@app.command()
def serve(
    host: Annotated[str, typer.Option(metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: PortOption = 8000,
    library: LibraryOption = None,
) -> None:
    """Serve pages and REST until interrupted."""
    from service.serving import serve as run

    run(settings_of(library), host, port)


app.command()(asking.gaps)
app.command()(asking.review)
app.command()(measuring.evaluate)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the sample library goes.")] = Path(
        ".paperkin-demo"
    ),
    port: PortOption = 8000,
    once: Annotated[bool, typer.Option("--once", help="Stop after printing the page.")] = False,
) -> None:
    """Build the sample library, print a page, serve until interrupted."""
    from service.demo import run_demo

    page: list[str] = []
    with Bars() as bars:
        settings = run_demo(folder, bars, page.append)
    print_text("\n".join(page))  # once the bars are at rest
    if not once:
        from service.serving import serve as run

        run(settings, "127.0.0.1", port)


def main() -> None:
    """Run the command line; every error of ours is one line and an exit code."""
    with errors_in_one_line():
        command = get_command(app)
        # Not `app()`: it would tell errors and closed pipes in its own ways, with its own exit codes.
        with command.make_context("paperkin", sys.argv[1:]) as context:
            command.invoke(context)


if __name__ == "__main__":
    main()
