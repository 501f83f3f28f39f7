"""Reading ahead: the next batch is made in a thread while the one before is being stored."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")


class ReadAhead(Iterator[Item], Generic[Item]):
    """An iterator over `items` that makes the next one beforehand when it is told that there is time for it.

    Order, errors and the end are those of `items`, and at most one item waits. It is for items that are made of
    what lies at hand: whoever stops iterating waits for the one under way.
    """

    def __init__(self, items: Generator[Item]) -> None:
        self._items = items
        self._reader: ThreadPoolExecutor | None = None
        self._coming: Future[Item] | None = None

    def __next__(self) -> Item:
        coming, self._coming = self._coming, None
        return next(self._items) if coming is None else coming.result()

    def make_next(self) -> None:
        """Begin to make the next item in a thread, unless it is being made already."""
        if self._reader is None:
            self._reader = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        if self._coming is None:
            self._coming = self._reader.submit(next, self._items)

    def close(self) -> None:
        """Give back the thread and what `items` hold."""
        if self._reader is not None:
            self._reader.shutdown()
        self._items.close()


def make_next(items: Iterator[object]) -> None:
    """Let items that can be read ahead be so; others come when they are asked for."""
    if isinstance(items, ReadAhead):
        items.make_next()


def close(items: Iterator[object]) -> None:
    """Give back what items hold that may be left before their end: threads, files, connections."""
    if isinstance(items, ReadAhead | Generator):
        items.close()
