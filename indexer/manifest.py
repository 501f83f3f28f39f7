"""What a generation of derived files consists of, and its manifest as bytes that notice any change."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from indexer.errors import GenerationError

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"

FORMAT = 1
MANIFEST = "manifest.json"
MAX_MANIFEST = 1 << 20  # bytes; what is longer was not written here
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class DamageError(Exception):
    """Why a manifest or a generation cannot be trusted; told to people as part of a `GenerationError`."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Size in bytes and SHA-256 (hex) of a file of a generation."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileFacts:
        """Read a file for its facts."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(file.tell(), digest)


@dataclass(frozen=True, slots=True)
class Generation:
    """A complete generation: its folder `path`, its `files` by name, and the `facts` that its writer noted.

    `damage` is None where the published generation answers and all is well; else a sentence for people.
    """

    number: int
    path: Path
    created: datetime
    facts: Mapping[str, JSON]
    files: Mapping[str, FileFacts]
    damage: str | None = None
    seen: tuple[int, int, int] | None = field(default=None, repr=False)  # CURRENT.json when it was read

    def file(self, name: str) -> Path:
        """Where a file lies; raise `GenerationError` for one that this generation does not have."""
        if name not in self.files:
            raise GenerationError(
                f"generation {self.number} in {self.path} has no {name}; run `paperkin update`"
            )
        return self.path / name


def encode(generation: Generation) -> bytes:
    """Write a manifest, always the same bytes for the same content; raise `ValueError` for facts not JSON."""
    body = {
        "format": FORMAT,
        "generation": generation.number,
        "created": generation.created.isoformat(),
        "facts": generation.facts,
        "files": {name: asdict(facts) for name, facts in generation.files.items()},
    }
    content = json.dumps(body, allow_nan=False, sort_keys=True, separators=(",", ":"))
    body["sha256"] = hashlib.sha256(content.encode()).hexdigest()
    raw = (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()
    if len(raw) > MAX_MANIFEST:
        raise ValueError(f"a manifest of {len(raw)} bytes is too long: facts are for a few numbers and names")
    return raw


def decode(raw: bytes, path: Path) -> Generation:
    """Read a manifest of the generation in `path`; raise `DamageError` for a byte not by `encode`."""
    if not raw:
        raise DamageError("is empty")
    if len(raw) > MAX_MANIFEST:
        raise DamageError("is damaged: it is too long")
    try:
        body = json.loads(raw)
        written = body["format"]
        generation = _generation(body, path) if written == FORMAT else None
        unchanged = generation is None or encode(generation) == raw
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamageError("is damaged: it is no manifest") from error
    if generation is None:
        raise DamageError(f"is of format {written!r}, and this paperkin reads format {FORMAT}")
    if not unchanged:
        raise DamageError("is damaged: its SHA-256 does not fit")
    return generation


def check_files(generation: Generation) -> None:
    """Read every file of a generation; raise `DamageError` at the first that is not as its manifest says."""
    if not generation.path.is_dir():
        raise DamageError("its folder is missing")
    for name, expected in generation.files.items():
        path = generation.path / name
        try:
            size = path.stat().st_size
            found = FileFacts.of(path) if size == expected.size else None
        except OSError as error:
            raise DamageError(f"{name} cannot be read ({error.strerror or error})") from error
        if found is None:
            raise DamageError(f"{name} has {size} bytes instead of {expected.size}")
        if found != expected:
            raise DamageError(f"{name} is damaged: its SHA-256 is another")


def is_plain(name: str) -> bool:
    """Whether a file of a generation may bear this name."""
    return _NAME.fullmatch(name) is not None and name != MANIFEST


def _generation(body: Mapping[str, Any], path: Path) -> Generation:
    files = {name: FileFacts(**facts) for name, facts in body["files"].items()}
    number = body["generation"]
    if not all(map(is_plain, files)) or type(number) is not int or number < 1:
        raise ValueError("names of files or the number of the generation")
    return Generation(
        number=number,
        path=path,
        created=datetime.fromisoformat(body["created"]),
        facts=dict(body["facts"]),
        files=files,
    )
