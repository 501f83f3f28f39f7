from __future__ import annotations

from pathlib import Path

import pytest

from indexer.errors import SettingsError
from indexer.settings import Settings


def test_environment_is_read_once_and_blank_means_default() -> None:
    settings = Settings.from_environ({"PAPERKIN_LIBRARY": "sqlite:////data/x.db", "PAPERKIN_MODEL": "  "})
    assert settings.store_path == Path("/data/x.db")
    assert settings.derived_path == Path("/data/x.db.derived")
    assert settings.model == Settings().model


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///here.db", "here.db"),
        ("sqlite:////abs/there.db", "/abs/there.db"),
        ("plain/path.db", "plain/path.db"),
    ],
)
def test_library_urls(url: str, path: str) -> None:
    assert Settings(library=url).store_path == Path(path)


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite:///", "sqlite://"])
def test_library_urls_that_cannot_be_used_are_named(url: str) -> None:
    with pytest.raises(SettingsError, match="sqlite:///PATH") as caught:
        _ = Settings(library=url).store_path
    assert url in str(caught.value) or url.split(":", maxsplit=1)[0] in str(caught.value)


def test_unknown_precision_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="auto, fp32, bf16"):
        Settings(precision="int4")
