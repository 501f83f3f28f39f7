"""Refreshes the outputs that README.md shows: `python -m tests.readme` runs the commands beside them.

A block `<!-- run: COMMAND -->` is run on the sample library. A block `<!-- figures: COMMAND -->` is run only with
`--figures [WORD]` (those whose command has WORD), on the library that PAPERKIN_LIBRARY names; files and folders of
judgements are looked for in PAPERKIN_JUDGEMENTS. A block whose judgements are not there stays as it is, and each one
is kept as soon as it is done: all of them take an hour.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"<!-- (run|figures): (.+?) -->\n```\n(.*?)```\n<!-- end -->", re.DOTALL)
WIDTH = "110"
PATHS = {"--judgements", "--folder"}


def words_of(command: str) -> list[str]:
    """The words of a command behind `paperkin`, judgements looked for where they are."""
    words = shlex.split(command)
    assert words[0] == "paperkin", command
    folder = Path(os.environ.get("PAPERKIN_JUDGEMENTS", "."))
    named = [word in PATHS for word in words]
    return [str(folder / word) if path else word for word, path in zip(words[1:], named, strict=False)]


def absent(command: str) -> list[str]:
    """The judgements of a command that are not there."""
    words = words_of(command)
    return [path for word, path in pairwise(words) if word in PATHS and not Path(path).exists()]


def output_of(command: str, library: str) -> str:
    """What a command prints, at a fixed width."""
    environ = os.environ | {"PAPERKIN_LIBRARY": library, "COLUMNS": WIDTH, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(  # noqa: S603  # the commands that README.md names
        [sys.executable, "-m", "service.cli", *words_of(command)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        cwd=README.parent,
    )
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


def refreshed(text: str, kinds: set[str], library: str, having: str = "") -> str:
    """The README with the blocks of these kinds run anew whose commands have this word."""

    def run(block: re.Match[str]) -> str:
        kind, command, _ = block.groups()
        if kind not in kinds or having not in command:
            return block[0]
        return f"<!-- {kind}: {command} -->\n```\n{output_of(command, library)}```\n<!-- end -->"

    return BLOCK.sub(run, text)


def refresh_figures(readme: Path, library: str, having: str = "") -> list[str]:
    """Run the blocks of figures whose commands have this word, each kept when it is done; say what was left."""
    left = []
    for block in BLOCK.finditer(readme.read_text(encoding="utf-8")):
        kind, command, _ = block.groups()
        if kind != "figures" or having not in command:
            continue
        if missing := absent(command):
            left.append(f"left as it is: {command} ({missing[0]} is not there)")
            continue
        fresh = refreshed(block[0], {kind}, library)
        now = readme.read_text(encoding="utf-8")  # minutes later, it may have changed
        readme.write_text(now.replace(block[0], fresh), encoding="utf-8")
    return left


def main() -> None:
    if "--figures" in sys.argv:
        having = sys.argv[2] if len(sys.argv) > 2 else ""
        for sentence in refresh_figures(README, os.environ["PAPERKIN_LIBRARY"], having):
            sys.stderr.write(f"{sentence}\n")
        return
    from service.demo import run_demo

    with tempfile.TemporaryDirectory() as folder:
        settings = run_demo(Path(folder), lambda *_: None, lambda _: None)
        text = refreshed(README.read_text(encoding="utf-8"), {"run"}, settings.library)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
