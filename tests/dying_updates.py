"""Updates that die: `python -m tests.dying_updates FOLDER=DEATH...` forks one for each library, and waits.

DEATH is `embed` (in the middle of the second chunk) or the number of the step of publishing before which it
strikes. Forked from one process that has the libraries loaded and runs no threads: a process each would take
a second to start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from indexer import updating
from indexer.tables import Vectors
from tests.failing_files import Step
from tests.libraries import settings_in, update
from tests.toy_embedder import ToyEmbedder

STATUS = 9
CHUNK = 8


class DyingEmbedder(ToyEmbedder):
    """Dies in the second call."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.batches:
            os._exit(STATUS)
        return super().embed(texts)


def die(folder: Path, death: str) -> None:
    """Update the library in a folder, and die on the way."""
    if death == "embed":
        update(settings_in(folder), DyingEmbedder())
    else:
        update(settings_in(folder), files=Step(int(death), lambda: os._exit(STATUS)))


def main(deaths: Sequence[str]) -> None:
    """Say which updates did not die as they should have."""
    for module in ("faiss", "sklearn.cluster", "indexer.topics"):
        import_module(module)
    updating.EMBEDDED_TOGETHER = CHUNK
    for folder, _, death in (one.partition("=") for one in deaths):
        if not (child := os.fork()):
            die(Path(folder), death)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != STATUS:
            sys.exit(f"the update of {folder} did not die at {death}")


if __name__ == "__main__":
    main(sys.argv[1:])
