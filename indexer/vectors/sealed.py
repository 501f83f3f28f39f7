"""Index files that notice damage: a payload, a JSON trailer with its length and CRC-32, and a footer.

FAISS reads a file with flipped bits or trailing garbage without complaint and writes one to a full disk in
silence, so its bytes never stand alone. Layout: payload; trailer (JSON, UTF-8); footer of 16 bytes, little
endian: magic `pkvector`, length of the trailer, CRC-32 of the trailer.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from indexer.errors import GenerationError

Fact = str | int | float

FORMAT = 1
_MAGIC = b"pkvector"
_FOOTER = struct.Struct("<8sII")
_BLOCK = 1 << 20
_MAX_TRAILER = 1 << 16


class Payload:
    """Where an index writes its bytes: counts and sums them, and keeps the first error for `save_sealed`.

    The error is kept, not raised at once, because an exception may not cross FAISS, which calls `write`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self.crc = 0
        self.error: OSError | None = None

    def write(self, data: bytes | memoryview) -> int:
        """Append `data`; how many bytes it has."""
        size = memoryview(data).nbytes
        if self.error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self.error = error
            self.size += size
            self.crc = zlib.crc32(data, self.crc)
        return size


def save_sealed(path: Path, facts: Mapping[str, Fact], write: Callable[[Payload], None]) -> None:
    """Write what `write` delivers to `path`, sealed with `facts`; raise `GenerationError` on a full disk."""
    try:
        with path.open("wb") as file:
            payload = Payload(file)
            write(payload)
            if payload.error is not None:
                raise payload.error
            sealed = {"format": FORMAT, "size": payload.size, "crc32": payload.crc, **facts}
            trailer = json.dumps(sealed, allow_nan=False).encode()
            file.write(trailer + _FOOTER.pack(_MAGIC, len(trailer), zlib.crc32(trailer)))
    except OSError as error:
        raise GenerationError(
            f"cannot write the vector index {path}: {error.strerror or error}; free space or check the disk"
        ) from error


def open_sealed(path: Path, kinds: tuple[str, ...]) -> dict[str, Fact]:
    """Check the whole file and give its facts, `size` (of the payload, which starts at byte 0) among them.

    Raise `GenerationError` unless every byte is as written and the fact `kind` is one of `kinds`.
    """
    try:
        with path.open("rb") as file:
            facts = _read_trailer(file)
            intact = facts is not None and _crc(file, int(facts["size"])) == facts["crc32"]
    except OSError as error:
        raise GenerationError(
            f"cannot read the vector index {path}: {error.strerror or error}; run `paperkin update`"
        ) from error
    if facts is None or not intact:
        raise GenerationError(f"the vector index {path} is damaged; run `paperkin update`")
    if facts["format"] != FORMAT or facts.get("kind") not in kinds:
        raise GenerationError(
            f"the vector index {path} is of kind {facts.get('kind')!r}, format {facts['format']}, and not "
            f"{' or '.join(map(repr, kinds))}, format {FORMAT}; run `paperkin update`"
        )
    return facts


def _read_trailer(file: BinaryIO) -> dict[str, Fact] | None:
    end = file.seek(0, 2)
    if end < _FOOTER.size:
        return None
    file.seek(end - _FOOTER.size)
    magic, length, crc = _FOOTER.unpack(file.read(_FOOTER.size))
    start = end - _FOOTER.size - length
    if magic != _MAGIC or length > _MAX_TRAILER or start < 0:
        return None
    file.seek(start)
    trailer = file.read(length)
    if zlib.crc32(trailer) != crc:
        return None
    facts: dict[str, Fact] = json.loads(trailer)
    return facts if facts["size"] == start else None


def _crc(file: BinaryIO, size: int) -> int:
    file.seek(0)
    crc, left = 0, size
    while left > 0 and (block := file.read(min(left, _BLOCK))):
        crc = zlib.crc32(block, crc)
        left -= len(block)
    return crc
