"""Records of one work (see `indexer.duplicates`): an answer shows one of them, a paper's page names the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from indexer.library import Derived
from indexer.tables import Keys

Mask = npt.NDArray[np.bool_]


def works_of(derived: Derived, keys: Keys) -> Keys:
    """The work of each paper, by the key of the record that stands for it: its own where it is alone or new."""
    rows = derived.catalogue.rows(keys)
    held = rows >= 0
    works = np.array(keys, dtype=np.int64)
    works[held] = derived.same_work[rows[held]]
    return works


def first_of_each(works: Keys) -> Mask:
    """Which entries are the first of their work, in the order given."""
    kept = np.zeros(len(works), dtype=np.bool_)
    kept[np.unique(works, return_index=True)[1]] = True
    return kept


def other_records(derived: Derived, key: int) -> list[int]:
    """The keys of the other records of a paper's work, ascending."""
    records = derived.once("records", lambda: _records(derived))
    work = int(works_of(derived, np.array([key]))[0])
    return [other for other in records.get(work, []) if other != key]


def is_shared(derived: Derived, keys: Keys) -> bool:
    """Whether one of the papers has a record beside it."""
    records = derived.once("records", lambda: _records(derived))
    return any(work in records for work in works_of(derived, keys).tolist())


def _records(derived: Derived) -> dict[int, list[int]]:
    """The records of each work that has more than one, by the key of the one that stands for it."""
    keys, works = np.asarray(derived.catalogue.keys), np.asarray(derived.same_work)
    shared = np.flatnonzero(np.isin(works, works[works != keys]))
    found: dict[int, list[int]] = {}
    for row in shared.tolist():
        found.setdefault(int(works[row]), []).append(int(keys[row]))
    return found
