"""What commands say on the terminal: progress on standard error, results on standard output, errors in one line."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from indexer.errors import PaperkinError

ERR = Console(stderr=True, highlight=False, soft_wrap=True)

_UNBOUNDED = 10_000  # columns
_OUTPUT_FAILED = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT}


class Bars:
    """A bar for each step, with rate and time left; silent where standard error is no terminal (cron)."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=ERR,
            redirect_stdout=False,  # rich would print results on standard error, where the bars are
            disable=not ERR.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}

    def __call__(self, step: str, done: float, total: float | None, unit: str = "") -> None:
        """Show that `done` of `total` is reached."""
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=total, count="", rate="")
            self._started[step] = time.monotonic()
        seconds = max(time.monotonic() - self._started[step], 1e-6)
        goal = "" if total is None else f" of {total:,.0f}"
        self._progress.update(
            self._tasks[step],
            completed=done,
            total=total,
            count=f"{done:,.0f}{goal} {unit}",
            rate=f"{done / seconds:,.0f}/s" if done and unit != "steps" else "",
        )

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


class Stopwatch:
    """Seconds since it was made, and the most memory that this process ever held."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._started

    @property
    def peak_megabytes(self) -> int:
        """The most memory that this process held, in megabytes (Linux counts kilobytes, macOS bytes)."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return int(peak / (1e6 if sys.platform == "darwin" else 1e3))

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.peak_megabytes:,} MB at most"


def print_json(value: Any) -> None:
    """One JSON document on one line, its letters escaped where the output's encoding lacks them."""
    ascii_only = "utf" not in (sys.stdout.encoding or "utf-8").lower()
    sys.stdout.write(json.dumps(value, ensure_ascii=ascii_only) + "\n")


def print_text(text: str) -> None:
    """Text as it is, without markup."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows of text under the first one as header; folded to a terminal's width, one line a row in a pipe."""
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, overflow="fold")
    for row in rows[1:]:
        table.add_row(*row)
    console = Console(highlight=False, markup=False, emoji=False)  # a label may have brackets
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNBOUNDED
    with console.capture() as captured:
        console.print(table)
    print_text("\n".join(line.rstrip() for line in captured.get().splitlines()))


def warn(sentence: str) -> None:
    """One line on standard error, whatever a name in the sentence is made of."""
    line = "".join(letter if letter.isprintable() else " " for letter in sentence)
    sys.stderr.write(f"paperkin: {line}\n")


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Turn our errors and an interruption into one line and an exit code; anything else is a bug and shows itself."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale without a letter is no reason to fail
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # now, where its failure can still be told
    except PaperkinError as error:
        warn(str(error))
        raise SystemExit(error.exit_code) from error
    except typer.Exit as ended:
        raise SystemExit(ended.exit_code) from ended
    except typer.TyperException as error:
        _tell_usage(error)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt as error:
        warn("interrupted; what was done is kept, the same command goes on from here")
        raise SystemExit(130) from error
    except OSError as error:
        if error.errno not in _OUTPUT_FAILED:
            raise
        _give_up_output()
        if error.errno == errno.EPIPE:  # the reader has what it wanted (`| head -1`): nothing more to say
            raise SystemExit(0) from error
        warn(f"cannot write ({error.strerror}); free some space and run the command again")
        raise SystemExit(1) from error


def _tell_usage(error: typer.TyperException) -> None:
    """What was used wrongly, and where it is explained; without any argument, the help itself."""
    context: typer.Context | None = getattr(error, "ctx", None)
    message = error.format_message()
    if "\n" in message:
        sys.stderr.write(message + "\n")
        return
    where = context.command_path if context else "paperkin"
    warn(f"{message[:1].lower()}{message[1:].rstrip('.')} (see `{where} --help`)")


def _give_up_output() -> None:
    """Lead standard output nowhere, so that the interpreter's last flush is quiet."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
