"""Arrays on disk: plain .npy, never pickled, mapped for reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write one array as .npy; the caller fsyncs."""
    np.save(path, array, allow_pickle=False)


def map_array(path: Path) -> npt.NDArray[Any]:
    """Map an array that `save_array` wrote, read-only; pages are read when they are touched.

    A plain view, not a `np.memmap`: indexing that subclass costs microseconds each time, which a query does
    hundreds of times. Raises `OSError` or `ValueError` for a file that is none: unlike `np.load`, which has more
    errors and opens archives as well.
    """
    return np.asarray(np.lib.format.open_memmap(path, mode="r"))
