"""Publishing with a disk that fails, or a process that dies, at the Nth step.

Run as `python -m tests.failing_files ROOT N` it publishes and dies; it imports little, to start fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from indexer.generations import JSON, Draft, Files, Generation, Generations

NAMES = ("graph.npy", "index.bin")


class Step(Files):
    """Calls `act` before the Nth step that changes the disk; `steps` are all, as verb and name."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.at, self.act = at, act
        self.steps: list[tuple[str, str]] = []

    def _step(self, verb: str, path: Path) -> None:
        self.steps.append((verb, path.name))
        if len(self.steps) == self.at:
            self.act()

    def make_folder(self, path: Path) -> None:
        self._step("make", path)
        super().make_folder(path)

    def write(self, path: Path, data: bytes) -> None:
        self._step("write", path)
        super().write(path, data[: len(data) // 2])
        self._step("write the rest of", path)
        super().write(path, data)

    def sync(self, path: Path) -> None:
        self._step("sync", path)
        super().sync(path)

    def move(self, source: Path, target: Path) -> None:
        self._step("move", target)
        super().move(source, target)

    def link(self, source: Path, target: Path) -> None:
        self._step("link", target)
        super().link(source, target)

    def remove(self, path: Path) -> None:
        self._step("remove", path)
        for inside in sorted(path.iterdir())[:1] if path.is_dir() else []:
            inside.unlink()
        self._step("remove the rest of", path)
        super().remove(path)


def content(number: int, name: str) -> bytes:
    return f"{name} of {number} ".encode() * 500


def write(number: int) -> Callable[[Draft], Mapping[str, JSON]]:
    """Fill a draft with the files of `NAMES` and facts that tell the number."""

    def fill(draft: Draft) -> Mapping[str, JSON]:
        for name in NAMES:
            (draft.path / name).write_bytes(content(number, name))
        return {"revision": number, "fingerprint": "minilm", "counts": {"papers": 10 * number}}

    return fill


def publish(root: Path, *numbers: int, files: Files | None = None) -> Generation:
    """Publish one generation after the other; give the last."""
    generations = Generations(root, files)
    for number in numbers:
        generation = generations.publish(write(number), now=datetime(2026, 8, number, tzinfo=UTC))
    return generation


if __name__ == "__main__":
    publish(Path(sys.argv[1]), 4, files=Step(int(sys.argv[2]), lambda: os._exit(9)))
