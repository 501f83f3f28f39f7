"""What commands say: bars for people only, tables for pipes, and every failure in one line."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import time

import pytest
import typer
from rich.console import Console

from indexer import errors
from service import console
from service.console import Bars, Stopwatch, errors_in_one_line, print_json, print_table, print_text, warn
from tests.commands import Ran, failed


def ended_by(error: BaseException) -> Ran:
    """How a command ends in which this is raised."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            with errors_in_one_line():
                raise error
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


# --- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (errors.UnknownPaper("2306.99999"), 1, "arXiv:2306.99999 is not in this library"),
        (errors.InvalidPaperId("x"), 2, "'x' is not an arXiv identifier"),
        (errors.SettingsError("no such index"), 2, "no such index"),
        (errors.ModelError("no such model"), 1, "no such model"),
        (errors.ServingError("no such port"), 1, "no such port"),
        (errors.SourceError("two\nlines\x1b[31m"), 1, "two lines [31m"),
        (KeyboardInterrupt(), 130, "interrupted; what was done is kept"),
        (typer.BadParameter("must be odd"), 2, "invalid value: must be odd (see `paperkin --help`)"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "cannot write (No space left on device)"),
    ],
)
def test_a_failure_is_one_line_and_its_exit_code(error: BaseException, code: int, sentence: str) -> None:
    assert sentence in failed(ended_by(error), code)


@pytest.mark.parametrize(("error", "code"), [(BrokenPipeError(errno.EPIPE, "x"), 0), (typer.Exit(3), 3)])
def test_ends_that_need_no_words(error: BaseException, code: int) -> None:
    assert ended_by(error) == (code, "", "")


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError(errno.EACCES, "a bug")])
def test_a_bug_shows_itself(error: Exception) -> None:
    with pytest.raises(type(error), match="a bug"), errors_in_one_line():
        raise error


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_letters_that_the_output_lacks_are_escaped(encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    title = {"title": "Schrödinger ☃ \udcff"}
    with contextlib.redirect_stdout(stream), errors_in_one_line():
        print_json(title)
        print_text("a ☃")
    stream.seek(0)
    first, second = stream.read().splitlines()
    assert json.loads(first) == title
    assert second == ("a ☃" if encoding == "utf-8" else r"a \u2603")


def test_a_warning_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    warn("left out\nline 3")
    assert capsys.readouterr() == ("", "paperkin: left out line 3\n")


# --- results ----------------------------------------------------------------------------------------------

ROWS = [("name", "what"), ("a", "long " * 50 + "end"), ("a longer name", "[bold]as it is[/bold]")]


def test_a_table_in_a_pipe_has_one_line_for_each_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table([ROWS[0], ("a", "long " * 50 + "end"), ("a longer name", "short")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["name           what", "a              " + "long " * 50 + "end", "a longer name  short"]


def test_a_table_is_folded_where_the_width_is_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_table(ROWS[:2])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 60


def test_texts_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_text("[bold] {x}")
    print_text("ended\n")
    assert capsys.readouterr().out == "[bold] {x}\nended\n"
    print_table(ROWS[::2])
    assert "[bold]as it is[/bold]" in capsys.readouterr().out


# --- progress ---------------------------------------------------------------------------------------------


def bars(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    """What bars write on standard error."""
    stream = io.StringIO()
    monkeypatch.setattr(console, "ERR", Console(file=stream, force_terminal=terminal, width=100))
    with Bars() as shown:
        shown("embed", 0, 1000, "papers")
        shown("embed", 500, 1000, "papers")
        shown("crawl", 1200, None, "papers")
        print_text("a result")
    return stream.getvalue()


def test_bars_show_count_and_goal_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = bars(monkeypatch, terminal=True)
    assert "500 of 1,000 papers" in shown
    assert "1,200 papers" in shown
    assert "/s" in shown
    assert "a result" not in shown
    assert capsys.readouterr().out == "a result\n"


def test_bars_are_silent_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bars(monkeypatch, terminal=False) == ""


def test_a_stopwatch_counts_seconds_and_memory() -> None:
    watch = Stopwatch()
    time.sleep(0.01)
    assert 0.01 <= watch.seconds < 5
    assert 10 < watch.peak_megabytes < 100_000
    assert str(watch).endswith(" MB at most")
