"""What commands say on the terminal: progress on standard error, results on standard output, errors in one line."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from indexer.errors import PaperkinError

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


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
            transient=False,
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
    """One JSON document on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")) + "\n")


def print_text(text: str) -> None:
    """Text as it is, without markup."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows of text under the first one as header."""
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, overflow="fold")
    for row in rows[1:]:
        table.add_row(*row)
    OUT.print(table)


def warn(sentence: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"paperkin: {sentence}\n")


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Turn our errors and an interruption into one line and an exit code; anything else is a bug and shows itself."""
    try:
        yield
    except PaperkinError as error:
        warn(str(error))
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt as error:
        warn("interrupted; what was done is kept, the same command goes on from here")
        raise SystemExit(130) from error
    except BrokenPipeError as error:
        sys.stderr.close()  # the reader of our output has gone: nothing more to say
        raise SystemExit(0) from error
