from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np

from indexer.catalogue import Catalogue
from indexer.ports import Filters, PaperTable


def a_catalogue() -> Catalogue:
    return Catalogue.of(
        PaperTable(
            keys=np.array([3, 5, 9], dtype=np.int64),
            months=np.array([202301, 202302, 202303], dtype=np.int32),
            days=np.array([date(2023, month, 10).toordinal() for month in (1, 2, 3)], dtype=np.int32),
            withdrawn=np.array([False, True, False]),
            categories=("cs.CL", "", "cs.CL"),
        )
    )


def test_rows_of_keys() -> None:
    assert a_catalogue().rows(np.array([9, 4, 3, 100])).tolist() == [2, -1, 0, -1]


def test_filters_by_date_month_and_withdrawal() -> None:
    catalogue = a_catalogue()
    assert catalogue.passing(Filters()).tolist() == [True, False, True]
    assert catalogue.passing(Filters(withdrawn=True)).all()
    assert catalogue.passing(Filters(not_after_month=202302, withdrawn=True)).tolist() == [True, True, False]
    assert catalogue.passing(Filters(since=date(2023, 3, 10))).tolist() == [False, False, True]
    assert catalogue.passing(Filters(until=date(2023, 3, 9))).tolist() == [True, False, False]


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    catalogue = a_catalogue()
    catalogue.save(tmp_path)
    loaded = Catalogue.load(tmp_path)
    assert loaded.categories == ("", "cs.CL")
    assert [loaded.categories[code] for code in loaded.category] == ["cs.CL", "", "cs.CL"]
    assert np.array_equal(loaded.keys, catalogue.keys)
    assert np.array_equal(loaded.days, catalogue.days)


def test_an_empty_catalogue_holds_nothing(tmp_path: Path) -> None:
    empty = np.zeros(0, dtype=np.int64)
    catalogue = Catalogue.of(
        PaperTable(empty, empty.astype(np.int32), empty.astype(np.int32), empty.astype(np.bool_), ())
    )
    catalogue.save(tmp_path)
    assert Catalogue.load(tmp_path).rows(np.array([1])).tolist() == [-1]
