"""What holds for every test: no network but loopback, no hub, and contracts that explain their failures."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import pytest

from indexer.settings import Settings

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports huggingface_hub
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
pytest.register_assert_rewrite("tests.contracts", "tests.commands")
hypothesis.settings.register_profile("any machine", deadline=None)  # a busy machine is slow, not wrong
hypothesis.settings.load_profile("any machine")

_LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0"}  # noqa: S104  # compared, not listened on


class Demo(NamedTuple):
    """The folder of the demo, the settings of its library, and the page that it printed."""

    folder: Path
    settings: Settings
    page: str


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches beyond this machine fails, and says where to."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in _LOOPBACK:
            raise AssertionError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own PAPERKIN_ settings change no test, nor do its proxies and the width of its terminal."""
    for name in (
        "COLUMNS",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("PAPERKIN_") and name != "PAPERKIN_SHARED"]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """What `paperkin demo` makes: the sample library with the true model, once for all tests (10 s); read only."""
    from service.demo import run_demo

    page: list[str] = []
    folder = tmp_path_factory.mktemp("demo")
    return Demo(folder, run_demo(folder, lambda *_: None, page.append), "\n".join(page))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of research data, where there is one."""
    folder = Path(os.environ.get("PAPERKIN_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip("no research data: PAPERKIN_SHARED is not set and ../shared is absent")
    return folder
