from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from indexer.catalogue import Catalogue
from indexer.tables import Filters, PaperTable


def a_catalogue() -> Catalogue:
    return Catalogue.of(
        PaperTable(
            keys=np.array([3, 5, 9], dtype=np.int64),
            months=np.array([202301, 202302, 202303], dtype=np.int32),
            days=np.array([date(2023, month, 10).toordinal() for month in (1, 2, 3)], dtype=np.int32),
            withdrawn=np.array([False, True, False]),
            open_license=np.array([True, True, False]),
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


def test_only_open_licences_on_demand() -> None:
    catalogue = a_catalogue()
    assert catalogue.passing(Filters(open_license=True)).tolist() == [True, False, False]
    assert catalogue.passing(Filters(open_license=True, withdrawn=True)).tolist() == [True, True, False]


def test_the_digest_sees_every_column() -> None:
    catalogue = a_catalogue()
    others = [
        replace(catalogue, withdrawn=~catalogue.withdrawn),
        replace(catalogue, open_license=~catalogue.open_license),
        replace(catalogue, days=catalogue.days + np.int32(1)),
    ]
    assert len({one.digest() for one in (catalogue, a_catalogue(), *others)}) == 4


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    catalogue = a_catalogue()
    catalogue.save(tmp_path)
    loaded = Catalogue.load(tmp_path)
    assert loaded.categories == ("", "cs.CL")
    assert [loaded.categories[code] for code in loaded.category] == ["cs.CL", "", "cs.CL"]
    assert np.array_equal(loaded.keys, catalogue.keys)
    assert np.array_equal(loaded.days, catalogue.days)
    assert loaded.open_license.tolist() == [True, True, False]
    assert loaded.digest() == catalogue.digest()


def test_an_empty_catalogue_holds_nothing(tmp_path: Path) -> None:
    empty = np.zeros(0, dtype=np.int64)
    days, flags = empty.astype(np.int32), empty.astype(np.bool_)
    catalogue = Catalogue.of(PaperTable(empty, days, days, flags, flags, ()))
    catalogue.save(tmp_path)
    assert Catalogue.load(tmp_path).rows(np.array([1])).tolist() == [-1]
