"""Files in archives, read into memory and never written: tar (also gzip, bzip2, xz), zip, single gzip files.

Only plain files count: links, devices and whatever else a tar can hold are passed over. Sizes are bounded before
anything is read: that of a file by `MAX_FILE`, that of an archive unpacked by `MAX_UNPACKED`, the number of files by
`MAX_FILES`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

MAX_FILE = 32_000_000  # bytes; the longest `.bbl` of arXiv has under one million
MAX_UNPACKED = 4_000_000_000  # bytes of a compressed archive, figures that are passed over included
MAX_FILES = 200_000  # the headers stay in memory, 1 kB each

_SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar", ".zip", ".gz", ".bz2", ".xz")
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,  # a zip with a password, or of a method that Python lacks
    ValueError,
)


class BadArchive(ValueError):
    """An archive that cannot be read, or not any further; its text is the reason that people read."""


@dataclass(frozen=True, slots=True)
class File:
    """A file: its path inside the archive or folder, and its content, None where it is longer than `MAX_FILE`."""

    path: PurePosixPath
    data: bytes | None


def is_archive(name: str) -> bool:
    """Whether a name is that of an archive or a compressed file."""
    return name.lower().endswith(_SUFFIXES)


def bare_name(name: str) -> str:
    """The name without the endings of archives."""
    ending = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)]


def files_in(raw: BinaryIO, name: str, wanted: Callable[[PurePosixPath], bool]) -> Iterator[File]:
    """Deliver the files of an archive whose paths are `wanted`, in order; a single gzip file is one, by its bare name.

    Raise `BadArchive` where it cannot go on.
    """
    try:
        yield from _files_in(raw, name, wanted)
    except BadArchive:
        raise
    except _DAMAGE as error:
        raise BadArchive(f"the archive is damaged ({error or type(error).__name__})") from error


def _files_in(raw: BinaryIO, name: str, wanted: Callable[[PurePosixPath], bool]) -> Iterator[File]:
    head = raw.read(6)
    raw.seek(0)
    if head.startswith(b"PK"):
        yield from _zip(raw, wanted)
        return
    stream = _decompressed(raw, head)
    plain = _Bounded(stream, MAX_UNPACKED if stream is not raw else None)
    first = plain.read(tarfile.BLOCKSIZE)
    plain.seek(0)
    if _is_tar(first):
        yield from _tar(plain, wanted)
    else:
        path = PurePosixPath(bare_name(name))
        if wanted(path):
            data = plain.read(MAX_FILE + 1)
            yield File(path, data if len(data) <= MAX_FILE else None)


def _decompressed(raw: BinaryIO, head: bytes) -> BinaryIO:
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]  # it reads and seeks as a BinaryIO does
    if head.startswith(b"BZh"):
        return bz2.BZ2File(raw)  # type: ignore[return-value]  # as above
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(raw)  # type: ignore[return-value]  # as above
    return raw


def _is_tar(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class _Bounded(io.RawIOBase):
    """What an archive unpacks to, as far as it is allowed to: a header may claim gigabytes, a bomb have them."""

    def __init__(self, raw: BinaryIO, most: int | None) -> None:
        self._raw = raw
        self._most = most

    def read(self, size: int = -1) -> bytes:
        """Read that many bytes."""
        if not 0 <= size <= MAX_FILE + 1:
            raise BadArchive(f"a part of it claims {size:,} bytes")
        self._check(self._raw.tell() + size)
        return self._raw.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._check(offset)
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._raw.tell()

    def _check(self, place: int) -> None:
        if self._most is not None and place > self._most:
            raise BadArchive(f"it unpacks to more than {self._most / 1_000_000_000:g} GB")


def _tar(plain: _Bounded, wanted: Callable[[PurePosixPath], bool]) -> Iterator[File]:
    with tarfile.open(fileobj=plain, mode="r:") as archive:
        for number, member in enumerate(archive):
            if number >= MAX_FILES:
                raise BadArchive(f"it holds more than {MAX_FILES:,} files")
            path = PurePosixPath(member.name)
            if not member.isreg() or member.issparse() or not wanted(path):
                continue
            content = archive.extractfile(member) if member.size <= MAX_FILE else None
            yield File(path, content.read(MAX_FILE) if content else None)


def _zip(raw: BinaryIO, wanted: Callable[[PurePosixPath], bool]) -> Iterator[File]:
    with zipfile.ZipFile(raw) as archive:
        members = archive.infolist()
        if len(members) > MAX_FILES:
            raise BadArchive(f"it holds more than {MAX_FILES:,} files")
        left = MAX_UNPACKED
        for member in members:
            path = PurePosixPath(member.filename)
            if member.is_dir() or _is_link(member) or not wanted(path):
                continue
            left -= min(member.file_size, MAX_FILE)
            if left < 0:
                raise BadArchive(f"it unpacks to more than {MAX_UNPACKED / 1_000_000_000:g} GB")
            if member.file_size > MAX_FILE:
                yield File(path, None)
                continue
            with archive.open(member) as content:
                data = content.read(MAX_FILE + 1)
            yield File(path, data if len(data) <= MAX_FILE else None)


def _is_link(member: zipfile.ZipInfo) -> bool:
    return member.external_attr >> 28 == 0o12
