"""The README says what the program does: its commands exist, and its output is what they print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from service.cli import app
from tests.conftest import Demo
from tests.libraries import linked_topics
from tests.readme import BLOCK, README, refresh_figures, refreshed

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
    assert len(blocks) == 10
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


def test_figures_come_from_a_run_and_those_without_judgements_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = linked_topics(tmp_path).library
    (tmp_path / "here.tsv").write_text("2312.00033\t2311.00030\n")
    monkeypatch.setenv("PAPERKIN_JUDGEMENTS", str(tmp_path))
    commands = [
        f"paperkin evaluate citations --judgements {name}.tsv --systems minilm" for name in ("here", "gone")
    ]
    block = "<!-- figures: {} -->\n```\nold\n```\n<!-- end -->\n"
    readme = tmp_path / "README.md"
    readme.write_text("before\n" + "".join(block.format(command) for command in commands) + "after\n")
    left = refresh_figures(readme, library)
    assert left == [f"left as it is: {commands[1]} ({tmp_path / 'gone.tsv'} is not there)"]
    (_, _, here), (_, _, gone) = BLOCK.findall(readme.read_text())
    assert re.match(r"system +nDCG@20 .*\nminilm +\d\.\d{3} \[", here)
    assert gone == "old\n"
    assert readme.read_text().startswith("before\n<!-- figures: ")
    assert readme.read_text().endswith("<!-- end -->\nafter\n")
