"""Settings: one frozen value, read from the environment once, passed down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from indexer.errors import SettingsError

PRECISIONS = ("auto", "fp32", "bf16")
DEFAULT_MODEL = "paperkin-minilm"
ARXIV_INTERVAL = 3.0  # seconds; https://info.arxiv.org/help/api/tou.html


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the library is, how it is built, and how the services that it is built from are reached.

    - `library`: URL of the store, `sqlite:///PATH` (three slashes and a relative path, four for an absolute one);
      a plain path means SQLite. Derived files lie beside it, in `PATH.derived/`.
    - `index`: `faiss:` or `exact:` (numpy; the reference).
    - `model`: name of a sentence-transformers model, a folder that holds one, or an adapter (`*.safetensors`) to one.
    - `precision`: `fp32`, `bf16`, or `auto`: what the library was made with, else bf16 where the processor has
      it in hardware (twice as fast), else fp32.
    - `contact`: address of the operator, told to the services that are crawled.
    - `state`: folder where all commands of this machine keep when they last asked each service;
      `~/.local/state/paperkin` by default. Users of one machine who crawl must share it.
    - `oai_pmh`, `arxiv_api`, `rss`, `semantic_scholar`, `openalex`: base URLs, for mirrors and proxies.
    - `semantic_scholar_key`, `openalex_key`: the operator's keys there.
    - `arxiv_interval`: seconds between two requests to arXiv, at least 3; less is for servers on this machine.
    """

    library: str = "sqlite:///paperkin.db"
    index: str = "faiss:"
    model: str = DEFAULT_MODEL
    precision: str = "auto"
    contact: str | None = None
    state: str = "~/.local/state/paperkin"
    oai_pmh: str = "https://oaipmh.arxiv.org/oai"
    arxiv_api: str = "https://export.arxiv.org/api/query"
    rss: str = "https://rss.arxiv.org/rss"
    semantic_scholar: str = "https://api.semanticscholar.org/graph/v1"
    openalex: str = "https://api.openalex.org"
    semantic_scholar_key: str | None = field(default=None, repr=False)
    openalex_key: str | None = field(default=None, repr=False)
    arxiv_interval: float = ARXIV_INTERVAL

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise SettingsError(
                f"PAPERKIN_PRECISION={self.precision!r} is unknown; use one of {', '.join(PRECISIONS)}"
            )
        for name in ("oai_pmh", "arxiv_api", "rss", "semantic_scholar", "openalex"):
            _require_url(name, getattr(self, name))
        self._require_polite()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read every field from the variable of its name: `PAPERKIN_LIBRARY`, `PAPERKIN_OAI_PMH` and so on."""
        named: dict[str, Any] = {
            one.name: value
            for one in fields(cls)
            if (value := environ.get(f"PAPERKIN_{one.name.upper()}", "").strip())
        }
        if "arxiv_interval" in named:
            named["arxiv_interval"] = _seconds("PAPERKIN_ARXIV_INTERVAL", named["arxiv_interval"])
        return cls(**named)

    @property
    def store_path(self) -> Path:
        """The file of an SQLite library; raise `SettingsError` for the URL of another kind of store."""
        scheme, separator, rest = self.library.partition("://")
        if not separator:
            return Path(self.library)
        if scheme != "sqlite":
            raise SettingsError(
                f"unknown kind of library {scheme!r} in {self.library!r}; use sqlite:///PATH or a plain path"
            )
        path = rest.removeprefix("/")
        if not path:
            raise SettingsError(f"{self.library!r} names no file; use sqlite:///PATH")
        return Path(path)

    @property
    def derived_path(self) -> Path:
        """The folder of the derived files: index, graph, topics."""
        store = self.store_path
        return store.with_name(store.name + ".derived")

    @property
    def state_path(self) -> Path:
        """The folder where the commands of this machine agree on their pace."""
        return Path(self.state).expanduser()

    def _require_polite(self) -> None:
        """Refuse a pace that arXiv forbids, unless nobody but this machine is asked."""
        if self.arxiv_interval >= ARXIV_INTERVAL:
            return
        for url in (self.oai_pmh, self.arxiv_api, self.rss):
            if not _is_loopback(urlsplit(url).hostname or ""):
                raise SettingsError(
                    f"PAPERKIN_ARXIV_INTERVAL={self.arxiv_interval:g} is too short: {url} must not be asked more than"
                    f" once in {ARXIV_INTERVAL:g} s; leave it out"
                )


def _require_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"PAPERKIN_{name.upper()}={url!r} is no http(s) address without a query")


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise SettingsError(f"{name}={text!r} is no number of seconds")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
