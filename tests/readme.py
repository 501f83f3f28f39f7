"""Refreshes the outputs that README.md shows: `python -m tests.readme` runs the commands beside them.

A block `<!-- run: COMMAND -->` is run on the sample library. A block `<!-- figures: COMMAND -->` is run only with
`--figures`, on the library that PAPERKIN_LIBRARY names; a judgements file is looked for in PAPERKIN_JUDGEMENTS.
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
    folder = os.environ.get("PAPERKIN_JUDGEMENTS", ".")
    words = [str(Path(folder, word)) if word.endswith(".tsv") else word for word in words[1:]]
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


def refreshed(text: str, kinds: set[str], library: str) -> str:
    """The README with the blocks of these kinds run anew."""

    def run(block: re.Match[str]) -> str:
        kind, command, _ = block.groups()
        if kind not in kinds:
            return block[0]
        return f"<!-- {kind}: {command} -->\n```\n{output_of(command, library)}```\n<!-- end -->"

    return BLOCK.sub(run, text)


def main() -> None:
    text = README.read_text(encoding="utf-8")
    if "--figures" in sys.argv:
        text = refreshed(text, {"figures"}, os.environ["PAPERKIN_LIBRARY"])
    else:
        from service.demo import run_demo

        with tempfile.TemporaryDirectory() as folder:
            settings = run_demo(Path(folder), lambda *_: None, lambda _: None)
            text = refreshed(text, {"run"}, settings.library)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
