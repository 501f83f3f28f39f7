"""Files of records, one to a line, plain or compressed: what the file sources share.

The compression is told by the first bytes, never by the name. A line that cannot be read is reported and
skipped; where the file itself breaks off, all complete lines before it are delivered first.
"""

from __future__ import annotations

import lzma
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Generic, Protocol, TypeVar

from indexer.errors import SourceError
from indexer.papers import Rejected

MAX_LINE = 10_000_000  # bytes; a record of 5,000 authors has about half a million
MAX_RAW = 100_000  # bytes of a line that cannot be read, which are kept to be looked at
_PLAIN_READ = 1 << 18
# Compressed bytes unpacked in one step. It bounds what a decompression bomb unfolds in memory at a time: zstd's
# densest block makes 128 KiB of 4 bytes (RFC 8878), so 16 MB; larger steps are not faster.
_PACKED_READ = 1 << 9
_XZ_MEMORY = 1 << 29  # `xz -9` needs 65 MB; a header may ask for 4 GB
_BOM = b"\xef\xbb\xbf"
_END = "end"

Record = TypeVar("Record")


class BadRecord(ValueError):
    """A line that holds no usable record; its text is the reason that people read."""


@dataclass(frozen=True, slots=True)
class Batch(Generic[Record]):
    """Records read together; `cursor` and `position` as in `PaperBatch`."""

    records: tuple[Record, ...]
    rejected: tuple[Rejected, ...]
    cursor: str | None
    position: float | None


@dataclass(slots=True)
class _Pending(Generic[Record]):
    """What has been read since the last batch."""

    records: list[Record] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.records) + len(self.rejected)

    def batch(self, cursor: str | None, position: float | None) -> Batch[Record]:
        """Give what is there as a batch, and start a new one."""
        made = Batch(tuple(self.records), tuple(self.rejected), cursor, position)
        self.records, self.rejected = [], []
        return made

    def take(self, read: Callable[[str], Record | None], number: int, line: bytes | None) -> None:
        """Read one line (None: too long) into it."""
        if line == b"":
            return
        try:
            record = read(_decoded(line))
        except BadRecord as bad:
            raw = (line or b"")[:MAX_RAW].decode("utf-8", "replace")
            self.rejected.append(Rejected(f"line {number}", str(bad), raw))
        else:
            if record is not None:
                self.records.append(record)


class LineFile:
    """A file of records, one to a line, named by a path; `-` is the standard input, which is read once.

    Raise `SourceError` if there is no such file.
    """

    def __init__(self, path: str) -> None:
        self._standard_input = path == "-"
        self._path = Path(path).expanduser()
        self._label = "the standard input" if self._standard_input else str(self._path)
        # A pipe can be read but has no size, and nothing to go back to.
        self.regular = not self._standard_input and self._path.is_file()
        if not self._standard_input and (not self._path.exists() or self._path.is_dir()):
            problem = "is a folder" if self._path.is_dir() else "does not exist"
            raise SourceError(f"{self._label} {problem}; name a file of records, one to a line")

    def batches(
        self, read: Callable[[str], Record | None], *, size: int, cursor: str | None = None
    ) -> Iterator[Batch[Record]]:
        """Deliver what `read` makes of each line, `size` records (good and bad) at a time.

        `read` returns None for a line without a record (a header) and raises `BadRecord` for one that is
        broken. Of the lines that `cursor` has done it sees those up to the first record, so that it can learn
        the format; the others are passed over. A cursor of a file that has changed since is void. Raise
        `SourceError` where the file breaks off, after the last batch.
        """
        stamp = self._stamp()
        done = _lines_done(cursor, stamp)
        if done is None:
            return
        pending, learned = _Pending[Record](), _Pending[Record]()
        with self._open() as raw:
            lines = _Lines(raw)
            for line in lines:
                if lines.number > done:
                    if len(pending) >= size:
                        yield pending.batch(_cursor(lines.number - 1, stamp), self._position(raw))
                    pending.take(read, lines.number, line)
                elif not learned.records:
                    learned.take(read, lines.number, line)
            if pending or not lines.failure:  # the end is told even where nothing was left, or nothing wanted
                yield pending.batch(
                    _cursor(lines.number if lines.failure else _END, stamp), self._position(raw)
                )
        if lines.failure:
            raise SourceError(
                f"{self._label} breaks off at line {lines.number + 1}: {lines.failure}; "
                f"the {lines.number:,} lines before it were read"
            ) from lines.failure.__cause__

    def _open(self) -> AbstractContextManager[BinaryIO]:
        if self._standard_input:
            return nullcontext(sys.stdin.buffer)
        try:
            return self._path.open("rb", buffering=_PLAIN_READ)
        except OSError as error:
            raise SourceError(f"cannot open {self._label}: {error.strerror}") from error

    def _stamp(self) -> str | None:
        """Tell this state of the file from another: its size and its time of change."""
        if not self.regular:
            return None
        try:
            found = self._path.stat()
        except OSError as error:
            raise SourceError(f"cannot read {self._label}: {error.strerror}") from error
        return f"{found.st_size}/{found.st_mtime_ns}"

    def _position(self, raw: BinaryIO) -> float | None:
        if not self.regular:
            return None
        return min(1.0, raw.tell() / max(1, self._path.stat().st_size))


def _cursor(line: int | str, stamp: str | None) -> str | None:
    return None if stamp is None else f"{line}/{stamp}"


def _lines_done(cursor: str | None, stamp: str | None) -> int | None:
    """How many lines the cursor has behind it, None if all; 0 if it is of another state of the file."""
    line, _, of = (cursor or "").partition("/")
    if stamp is None or of != stamp:
        return 0
    if line == _END:
        return None
    return int(line) if line.isdecimal() else 0


def _decoded(line: bytes | None) -> str:
    if line is None:
        raise BadRecord(f"longer than {MAX_LINE // 1_000_000} MB")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise BadRecord(f"not UTF-8 at byte {error.start + 1}") from error


class _Lines:
    """The lines of a file, empty where blank; once they end, `failure` says why if it broke off."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.number = 0
        self.failure: _BrokenOff | None = None

    def __iter__(self) -> Iterator[bytes | None]:
        try:
            for line in _cut(_blocks(self._raw)):
                self.number += 1
                if line is None:
                    yield None
                    continue
                bare = (line.removeprefix(_BOM) if self.number == 1 else line).strip(b" \r")
                yield bare if bare.strip() else b""
        except _BrokenOff as broken:
            self.failure = broken


def _cut(blocks: Iterator[bytes]) -> Iterator[bytes | None]:
    """Cut blocks at newlines; a line over `MAX_LINE` is None and never held, a torn last one is left out."""
    pieces: list[bytes] = []
    held = 0
    for block in blocks:
        *complete, rest = block.split(b"\n")
        for part in complete:
            yield None if held + len(part) > MAX_LINE else b"".join((*pieces, part))
            pieces.clear()
            held = 0
        held += len(rest)
        if held > MAX_LINE:
            pieces.clear()
        elif rest:
            pieces.append(rest)
    if held:
        yield None if held > MAX_LINE else b"".join(pieces)


class _BrokenOff(Exception):
    """The file cannot be read any further."""


class _Decompressor(Protocol):
    """One stream of an archive, as zlib, lzma and zstandard all have it."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _gzip() -> tuple[_Decompressor, type[Exception]]:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS), zlib.error


def _xz() -> tuple[_Decompressor, type[Exception]]:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY), lzma.LZMAError


def _zstd() -> tuple[_Decompressor, type[Exception]]:
    import zstandard  # late: 20 ms that most starts of the command line need not pay

    return zstandard.ZstdDecompressor().decompressobj(), zstandard.ZstdError


_FORMATS = (
    (re.compile(rb"\x1f\x8b"), "gzip", _gzip),
    (re.compile(rb"\xfd7zXZ\x00"), "xz", _xz),
    (
        re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
        "zstd",
        _zstd,
    ),  # or a skippable frame, RFC 8878
)
_NOT_OURS = ((b"PK\x03\x04", "zip"), (b"BZh", "bzip2"), (b"7z\xbc\xaf", "7-Zip"))


def _blocks(raw: BinaryIO) -> Iterator[bytes]:
    """Deliver what a file holds, uncompressed; raise `_BrokenOff` where it cannot go on."""
    head = _read(raw, _PACKED_READ)
    for magic, name in _NOT_OURS:
        if head.startswith(magic):
            raise _BrokenOff(f"it is a {name} archive; unpack it, or pipe its content in with - as the path")
    for pattern, name, make in _FORMATS:
        if pattern.match(head):
            yield from _unpacked(raw, head, name, make)
            return
    while head:
        yield head
        head = _read(raw, _PLAIN_READ)


def _unpacked(
    raw: BinaryIO, packed: bytes, name: str, make: Callable[[], tuple[_Decompressor, type[Exception]]]
) -> Iterator[bytes]:
    """Deliver what an archive holds: one stream or several, which zeros may pad."""
    stream, damage = make()
    while packed or (packed := _read(raw, _PACKED_READ)):
        if stream.eof:
            packed = packed.lstrip(b"\0")
            if not packed:
                continue
            stream, damage = make()
        try:
            yield stream.decompress(packed)
        except damage as error:
            raise _BrokenOff(f"the {name} archive is damaged ({error})") from error
        packed = stream.unused_data if stream.eof else b""
    if not stream.eof:
        raise _BrokenOff(f"the {name} archive is truncated")


def _read(raw: BinaryIO, size: int) -> bytes:
    try:
        return raw.read(size)
    except OSError as error:
        raise _BrokenOff(f"it cannot be read ({error.strerror})") from error
