import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from indexer.errors import SettingsError, SourceError
from indexer.sources import open_citation_source, open_paper_source


def test_a_source_carries_the_url_that_opened_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text('{"id": "2401.00001"}')
    assert open_paper_source(f"snapshot:{path}").name == f"snapshot:{path}"
    assert open_citation_source(f"citations:{path}").name == f"citations:{path}"
    (batch,) = open_paper_source(f"snapshot:{path}").batches()
    assert len(batch.papers) == 1


@pytest.mark.parametrize("url", ["banana:x", "papers.json", "snapshot:", "", "citations:x", "snapshot", ":x"])
def test_what_names_no_source_of_papers_is_told_the_known_ones(url: str) -> None:
    with pytest.raises(SettingsError, match=r"names no source of papers; known are .*snapshot:PATH"):
        open_paper_source(url)


@pytest.mark.parametrize("url", ["banana:x", "snapshot:x", "citations:"])
def test_what_names_no_source_of_citations_is_told_the_known_ones(url: str) -> None:
    with pytest.raises(SettingsError, match=r"names no source of citations; known are .*citations:PATH"):
        open_citation_source(url)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    with pytest.raises(SourceError, match=r"missing\.json does not exist"):
        open_paper_source(f"snapshot:{missing}")
    with pytest.raises(SourceError, match=r"missing\.json does not exist"):
        open_citation_source(f"citations:{missing}")


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}")
    source = open_paper_source(f"snapshot:{path}")
    path.unlink()
    with pytest.raises(SourceError, match=r"cannot read .*x\.json"):
        list(source.batches())


def test_a_pipe_is_read_as_it_comes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text('{"id": "2401.00001"}\n'))
    writer.start()
    (batch,) = open_paper_source(f"snapshot:{pipe}").batches()
    writer.join()
    assert len(batch.papers) == 1
    assert batch.cursor is None
    assert batch.position is None


def test_the_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.json").write_text('{"id": "2401.00001"}')
    assert list(open_paper_source("snapshot:~/x.json").batches())


def test_opening_sources_loads_nothing_heavy() -> None:
    heavy = ("torch", "faiss", "sklearn", "scipy", "networkx", "pylatexenc", "zstandard")
    code = f"import sys, indexer.sources; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert done.stdout.strip() == "[]"
