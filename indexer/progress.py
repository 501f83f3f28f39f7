"""How far a step is: what the steps of the pipeline tell, and whoever shows it hears."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

Clock = Callable[[], datetime]


class Progress(Protocol):
    """Told how far a step is: `done` of `total` (None where nobody knows) in `unit`."""

    def __call__(self, step: str, done: float, total: float | None, unit: str = "") -> None:
        """Show it."""
        ...


def silent(step: str, done: float, total: float | None, unit: str = "") -> None:
    """Show nothing."""


def tell(progress: Progress, step: str, done: int, *, position: float | None, unit: str) -> None:
    """Tell how far a source is that knows its position (0 to 1) but not its size."""
    progress(step, done, done / position if position else None, unit)
