"""Running the command line: in this process for its words and exit codes, in one of its own for signals and pipes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from service.cli import main

ROOT = Path(__file__).parents[1]


class Ran(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its output as one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """Its output, line by line."""
        return self.out.splitlines()


def paperkin(*words: object) -> Ran:
    """Run a command in this process."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["paperkin", *map(str, words)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        code: object = 0
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv = before
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue())


def failed(ran: Ran, code: int) -> str:
    """The sentence of a command that failed as promised: this exit code, one line on standard error, no output."""
    assert ran.code == code, ran
    assert ran.out == ""
    assert ran.err.startswith("paperkin: ")
    assert ran.err.endswith("\n")
    assert ran.err.count("\n") == 1, ran.err
    return ran.err.removeprefix("paperkin: ").removesuffix("\n")


def command(*words: object) -> list[str]:
    """The words that run a command in a process of its own."""
    return [sys.executable, "-m", "service.cli", *map(str, words)]


def process(*words: object, **options: Any) -> subprocess.Popen[str]:
    """Start a command in a process of its own, its streams piped unless `options` say otherwise."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    # Unbuffered, a command meets a full or closed output earlier than it does in a shell.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen(  # noqa: S603  # our own
        command(*words),
        cwd=ROOT,
        env=environ,
        text=True,
        preexec_fn=_interruptible,  # noqa: PLW1509  # takes no lock that a thread could hold
        **(streams | options),
    )


def _interruptible() -> None:
    """Hear Ctrl-C: what a shell starts in the background ignores it, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
