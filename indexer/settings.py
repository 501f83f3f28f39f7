"""Settings: one frozen value, read from the environment once, passed down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import SettingsError

PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the library is and how it is built.

    - `library`: URL of the store, `sqlite:///PATH` (three slashes and a relative path, four for an absolute one);
      a plain path means SQLite. Derived files lie beside it, in `PATH.derived/`.
    - `index`: `faiss:` or `exact:` (numpy; the reference).
    - `model`: name of a sentence-transformers model or a folder that holds one.
    - `precision`: `fp32`, `bf16`, or `auto`: what the library was made with, else bf16 where the processor has
      it in hardware (twice as fast), else fp32.
    - `contact`: address of the operator, told to the services that are crawled.
    """

    library: str = "sqlite:///paperkin.db"
    index: str = "faiss:"
    model: str = "all-MiniLM-L6-v2"
    precision: str = "auto"
    contact: str | None = None

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise SettingsError(
                f"PAPERKIN_PRECISION={self.precision!r} is unknown; use one of {', '.join(PRECISIONS)}"
            )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read `PAPERKIN_LIBRARY`, `PAPERKIN_INDEX`, `PAPERKIN_MODEL`, `PAPERKIN_PRECISION`, `PAPERKIN_CONTACT`."""
        named = {
            field: value
            for field in cls.__dataclass_fields__
            if (value := environ.get(f"PAPERKIN_{field.upper()}", "").strip())
        }
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
