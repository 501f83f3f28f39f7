"""A toy embedder: words hashed into a few dimensions. Texts that share words are close; it counts what it embeds."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np

from indexer.tables import Vectors


class ToyEmbedder:
    """An `Embedder` without a model; `embedded` collects the texts of all calls, `batches` their numbers."""

    def __init__(self, name: str = "toy", width: int = 32) -> None:
        self.fingerprint = f"{name}@0/test/fp32"
        self.width = width
        self.embedded: list[str] = []
        self.batches: list[int] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        self.batches.append(len(texts))
        rows = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = 0.1  # an empty text has a direction too
            for word in re.findall(r"\w+", text.lower()):
                row[zlib.crc32(word.encode()) % self.width] += 1.0
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows
