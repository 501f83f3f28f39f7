"""Refreshes the outputs that README.md shows: `python -m tests.readme` runs the commands beside them.

A block `<!-- run: COMMAND -->` is run on the sample library. A block `<!-- figures: COMMAND -->` is run only with
`--figures [WORD]` (those whose command has WORD), on the library that PAPERKIN_LIBRARY names; files and folders of
judgements are looked for in PAPERKIN_JUDGEMENTS.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"<!-- (run|figures): (.+?) -->\n```\n(.*?)```\n<!-- end -->", re.DOTALL)
WIDTH = "110"


def output_of(command: str, library: str) -> str:
    """What a command prints, at a fixed width."""
    words = shlex.split(command)
    assert words[0] == "paperkin", command
    folder = Path(os.environ.get("PAPERKIN_JUDGEMENTS", "."))
    named = [word in {"--judgements", "--folder"} for word in words]
    words = [str(folder / word) if path else word for word, path in zip(words[1:], named, strict=False)]
    environ = os.environ | {"PAPERKIN_LIBRARY": library, "COLUMNS": WIDTH, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(  # noqa: S603  # the commands that README.md names
        [sys.executable, "-m", "service.cli", *words],
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


def main() -> None:
    text = README.read_text(encoding="utf-8")
    if "--figures" in sys.argv:
        having = sys.argv[2] if len(sys.argv) > 2 else ""
        text = refreshed(text, {"figures"}, os.environ["PAPERKIN_LIBRARY"], having)
    else:
        from service.demo import run_demo

        with tempfile.TemporaryDirectory() as folder:
            settings = run_demo(Path(folder), lambda *_: None, lambda _: None)
            text = refreshed(text, {"run"}, settings.library)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
