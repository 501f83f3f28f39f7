"""How far a search of arXiv's API is read: windows of submission dates, and the cursor that keeps them. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from indexer.papers import Window
from indexer.sources.arxiv_api.pages import Page

UNKNOWN = -1


@dataclass(slots=True)
class Span:
    """A window of submission dates, both minutes included (None: of all dates), and how far it is read.

    `total` is the number of its results as the server last told, or `UNKNOWN`.
    """

    since: datetime | None
    until: datetime | None
    total: int
    offset: int = 0

    def __str__(self) -> str:
        return (
            f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M}"
            if self.since and self.until
            else "all"
        )

    def state(self) -> list[Any]:
        """Give it as JSON has it."""
        return [
            self.since and self.since.isoformat(),
            self.until and self.until.isoformat(),
            self.total,
            self.offset,
        ]

    @classmethod
    def of(cls, state: list[Any]) -> Span:
        """Make it of its state."""
        since, until, total, offset = state
        return cls(_moment(since), _moment(until), int(total), int(offset))


@dataclass(slots=True)
class Run:
    """How far a search is: windows to do in order, those that failed, and the newest submission seen.

    `done` counts results since the run began.
    """

    todo: list[Span] = field(default_factory=list)
    failed: list[Span] = field(default_factory=list)
    newest: datetime | None = None
    done: int = 0

    @property
    def position(self) -> float:
        """The share of the results that is read."""
        left = sum(max(0, span.total - span.offset) for span in self.todo)
        return self.done / (self.done + left) if self.done else 0.0

    def begin(self, spans: list[Span]) -> None:
        """Start reading these windows."""
        self.todo, self.done = spans, 0

    def skip(self, results: int | None) -> None:
        """Leave out some results of the first window (None: all of it), which is read anew the next time."""
        span = self.todo[0]
        if not any((one.since, one.until) == (span.since, span.until) for one in self.failed):
            self.failed.append(Span(span.since, span.until, UNKNOWN))
        span.offset += span.total if results is None else results
        if results is None or span.offset >= span.total:
            self.todo.pop(0)

    def advance(self, page: Page, overlap: int) -> None:
        """Note that a page of the first window is read, which began `overlap` results early."""
        span = self.todo[0]
        reached = max(0, span.offset - overlap) + page.entries
        self.done += max(0, reached - span.offset)
        span.offset, span.total = reached, page.total
        if reached >= page.total:
            self.todo.pop(0)
        # A date in the future would keep everything before it from being read ever after.
        dates = [paper.submitted for paper in page.papers if paper.submitted <= page.moment]
        self.newest = max([*dates, *([self.newest] if self.newest else [])], default=None)

    def state(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "todo": [span.state() for span in self.todo],
            "failed": [span.state() for span in self.failed],
            "newest": self.newest and self.newest.isoformat(),
            "done": self.done,
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Run:
        """Make it of its state."""
        todo, failed = ([Span.of(span) for span in state[name]] for name in ("todo", "failed"))
        return cls(todo, failed, _moment(state["newest"]), int(state["done"]))


class Runs:
    """The state of a search for each window of days that it was narrowed to: what a cursor holds."""

    def __init__(self, runs: dict[str, Run]) -> None:
        self._runs = runs

    @classmethod
    def load(cls, cursor: str | None) -> Runs:
        """Read a cursor; one that cannot be read is void."""
        try:
            return cls({key: Run.of(state) for key, state in load(cursor).items()})
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls({})

    def of(self, window: Window) -> Run:
        """Give the run of a window, a new one if there is none."""
        return self._runs.setdefault(f"{window.since or ''}/{window.until or ''}", Run())

    def dump(self) -> str:
        """Give the cursor; a window that is closed and done is forgotten, to be read anew if asked for again."""
        return json.dumps(
            {
                key: run.state()
                for key, run in self._runs.items()
                if run.todo or run.failed or (run.newest and key.endswith("/"))
            }
        )


def load(cursor: str | None) -> dict[str, Any]:
    """Read a cursor as JSON; one that is none is void."""
    try:
        state = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
