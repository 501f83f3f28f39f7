"""Reading ahead: the same items in the same order, one at most made beforehand, nothing left running."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from indexer.ahead import ReadAhead, close, make_next


def counted(made: list[int], count: int, fails_at: int | None = None) -> Generator[int]:
    for number in range(count):
        if number == fails_at:
            raise ValueError(f"item {number} is broken")
        made.append(number)
        yield number


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_order_and_end_are_those_of_the_items(ahead: int) -> None:
    items = ReadAhead(counted([], 5))
    read = []
    for item in items:
        read.append(item)
        for _ in range(ahead):
            make_next(items)
    assert read == [0, 1, 2, 3, 4]
    assert list(items) == []
    items.close()
    assert readers() == []


def test_one_at_most_is_made_beforehand_and_none_without_being_told() -> None:
    made: list[int] = []
    items = ReadAhead(counted(made, 5))
    assert (next(items), made) == (0, [0])
    items.make_next()
    items.make_next()
    assert next(items) == 1
    assert made == [0, 1]
    items.close()


def test_an_error_comes_where_its_item_would_have() -> None:
    items = ReadAhead(counted([], 5, fails_at=2))
    assert next(items) == 0
    items.make_next()
    assert next(items) == 1
    items.make_next()
    with pytest.raises(ValueError, match="item 2 is broken"):
        next(items)
    items.close()


def test_closing_waits_for_the_item_under_way_and_closes_the_items() -> None:
    going, closed = threading.Event(), []

    def slow() -> Generator[int]:
        try:
            yield 0
            going.wait(5)
            yield 1
        finally:
            closed.append(True)

    items = ReadAhead(slow())
    next(items)
    items.make_next()
    threading.Timer(0.05, going.set).start()
    close(items)
    assert (closed, readers()) == ([True], [])


def test_other_iterators_are_left_alone() -> None:
    plain, generator = iter([1, 2]), counted([], 2)
    make_next(plain)
    make_next(generator)
    assert (next(plain), next(generator)) == (1, 0)
    close(plain)
    close(generator)
    assert (list(plain), list(generator)) == ([2], [])
