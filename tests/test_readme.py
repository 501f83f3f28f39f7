"""The README says what the program does: its commands exist, and its output is what they print."""

from __future__ import annotations

import re

import typer.main

from service.cli import app
from tests.conftest import Demo
from tests.readme import BLOCK, README, refreshed

TEXT = README.read_text(encoding="utf-8")
COMMANDS = set(typer.main.get_group(app).commands)


def test_every_command_of_the_readme_exists_and_every_command_is_in_it() -> None:
    used = set(re.findall(r"(?:^|`|- )\s*paperkin ([a-z]+)", TEXT, re.MULTILINE))
    assert used - {"makes"} == COMMANDS


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:`|    )make ([a-z]+)", TEXT)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_block_of_output_is_filled() -> None:
    blocks = BLOCK.findall(TEXT)
    assert len(blocks) == 5
    assert all(output.strip() for _, _, output in blocks)


def test_the_output_shown_is_what_the_sample_library_gives(demo: Demo) -> None:
    fresh = refreshed(TEXT, {"run"}, demo.settings.library)

    def papers(text: str) -> list[set[str]]:
        """The papers of each block; similarities may differ in the last digit between processors."""
        return [
            set(re.findall(r"\b\d{4}\.\d{5}\b", output))
            for kind, _, output in BLOCK.findall(text)
            if kind == "run"
        ]

    assert papers(fresh) == papers(TEXT)
    assert papers(TEXT)[0]
