"""The compressions that file sources read, and how a test makes and tears them."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable, Mapping
from types import MappingProxyType

import zstandard


def _plain(data: bytes) -> bytes:
    return data


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)  # as the command does


PACKERS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {"plain": _plain, "gzip": gzip.compress, "xz": lzma.compress, "zstd": _zstd}
)
ARCHIVES = tuple(name for name in PACKERS if name != "plain")


def torn(packed: bytes) -> bytes:
    """An archive without its last bytes."""
    return packed[: -max(12, len(packed) // 20)]
