"""The catalogue: months, days, categories of every paper as arrays, so that whole-library filters cost no query."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.arrays import map_array, save_array
from indexer.tables import Filters, Keys, PaperTable

_ARRAYS = ("keys", "months", "days", "withdrawn", "open_license", "category")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One row for each paper, ascending by key.

    `keys` int64 [n]; `months` int32 [n], YYYYMM of the id; `days` int32 [n], ordinal of the day of version 1;
    `withdrawn` bool [n], vanished papers too; `open_license` bool [n]; `category` int16 [n], index of the primary
    category in `categories` ("" is one).
    """

    keys: Keys
    months: npt.NDArray[np.int32]
    days: npt.NDArray[np.int32]
    withdrawn: npt.NDArray[np.bool_]
    open_license: npt.NDArray[np.bool_]
    category: npt.NDArray[np.int16]
    categories: tuple[str, ...]

    @classmethod
    def of(cls, table: PaperTable) -> Catalogue:
        """The catalogue of what the store holds."""
        names = tuple(sorted(set(table.categories) | {""}))
        code = {name: at for at, name in enumerate(names)}
        category = np.fromiter((code[name] for name in table.categories), np.int16, len(table.categories))
        return cls(
            keys=table.keys,
            months=table.months,
            days=table.days,
            withdrawn=table.withdrawn,
            open_license=table.open_license,
            category=category,
            categories=names,
        )

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, keys: Keys) -> npt.NDArray[np.int64]:
        """The row of each key, -1 for one that is not here."""
        if not len(self.keys):
            return np.full(len(keys), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, at, -1)

    def passing(self, filters: Filters) -> npt.NDArray[np.bool_]:
        """Which rows pass the filters that need no more than the catalogue: all but categories and licences by name."""
        mask = np.ones(len(self.keys), dtype=np.bool_) if filters.withdrawn else ~self.withdrawn
        if filters.not_after_month is not None:
            mask &= self.months <= filters.not_after_month
        if filters.since is not None:
            mask &= self.days >= filters.since.toordinal()
        if filters.until is not None:
            mask &= self.days <= filters.until.toordinal()
        if filters.open_license:
            mask &= self.open_license
        return mask

    def digest(self) -> str:
        """SHA-256 (hex) of all of it: two catalogues that answer alike have the same."""
        sha = hashlib.sha256(json.dumps(self.categories).encode())
        for name in _ARRAYS:
            sha.update(np.ascontiguousarray(getattr(self, name)).data)
        return sha.hexdigest()

    def save(self, folder: Path) -> None:
        """Write one `catalogue-*.npy` for each array and `catalogue.json`."""
        for name in _ARRAYS:
            save_array(folder / f"catalogue-{name}.npy", getattr(self, name))
        (folder / "catalogue.json").write_text(json.dumps({"categories": self.categories}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        """Map the files that `save` wrote."""
        arrays = {name: map_array(folder / f"catalogue-{name}.npy") for name in _ARRAYS}
        names = json.loads((folder / "catalogue.json").read_text(encoding="utf-8"))["categories"]
        return cls(**arrays, categories=tuple(names))
