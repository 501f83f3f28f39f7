"""How far a harvest is, and where the next one begins: pure decisions over datestamps.

A datestamp has no time of day, so the last day reached may be half delivered, and more may come to it: whoever goes
on does so a day earlier. No date here is of our own clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is kept between two harvests.

    `begin`: where the next one begins (None: with everything); `reached`: the highest datestamp delivered; `served`:
    the day of the server's last answer; `ordered`: whether datestamps came in order in the harvest under way;
    `owed`: days that the server failed to list; `token`: the resumption token of the moment, for the record only.
    """

    begin: date | None = None
    reached: date | None = None
    served: date | None = None
    ordered: bool = True
    owed: tuple[date, ...] = ()
    token: str | None = None

    @classmethod
    def load(cls, text: str | None) -> Cursor:
        """Read what `dump` wrote; what cannot be read is no cursor, so that all is harvested anew."""
        try:
            kept = json.loads(text or "{}")
            return cls(
                begin=_read(kept.get("from")),
                reached=_read(kept.get("reached")),
                served=_read(kept.get("served")),
                ordered=bool(kept.get("ordered", True)),
                owed=tuple(date.fromisoformat(day) for day in kept.get("owed", ())),
                token=kept.get("token"),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def dump(self) -> str:
        """Write it as JSON."""
        kept = {
            "from": _written(self.begin),
            "reached": _written(self.reached),
            "served": _written(self.served),
            "ordered": self.ordered,
            "owed": [day.isoformat() for day in self.owed],
            "token": self.token,
        }
        return json.dumps(kept)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a harvest has seen: `begin` is where the list under way began, `first` and `high` are its outermost days.

    `last` is the highest datestamp of the list under way, with which order is checked; `before` is the cursor that
    the harvest began with: what that one had behind it stays done.
    """

    before: Cursor
    begin: date | None
    first: date | None = None
    high: date | None = None
    last: date | None = None
    served: date | None = None
    ordered: bool = True
    owed: frozenset[date] = frozenset()

    @classmethod
    def start(cls, before: Cursor, since: date | None) -> Progress:
        """Begin where the cursor says; `since` reaches back beyond it, and never leaves out what is due."""
        if before.served is None:
            begin = since
        elif since is None or before.begin is None:
            begin = before.begin
        else:
            begin = min(since, before.begin)
        return cls(before, begin, ordered=before.ordered, owed=frozenset(before.owed))

    def after(self, datestamps: Iterable[date], served: date) -> Progress:
        """Give the progress after a page that the server sent on the day `served`."""
        first, high, last, ordered = self.first, self.high, self.last, self.ordered
        for day in datestamps:
            if last is not None and day < last:
                ordered = False
            else:
                last = day
            first = day if first is None or day < first else first
            high = day if high is None or day > high else high
        later = served if self.served is None else max(self.served, served)
        return replace(self, first=first, high=high, last=last, ordered=ordered, served=later)

    @property
    def reached(self) -> date | None:
        """The highest datestamp seen; one that lies in the server's future counts as its today."""
        return min(self.high, self.served) if self.high and self.served else self.high

    @property
    def restart(self) -> date | None:
        """Where a list that broke off is taken up: a day before what was reached, if all before that was seen."""
        return self._a_day_back() if self.ordered else self.begin

    def _a_day_back(self) -> date | None:
        if self.reached is None:
            return self.begin
        bound = (
            self.begin or self.first
        )  # nothing that exists is older than the first of a list of everything
        return max(self.reached - DAY, bound) if bound else self.reached - DAY

    def anew(self, begin: date | None) -> Progress:
        """Give the progress at the start of another list."""
        return replace(self, begin=begin, last=None)

    def cursor(self, token: str | None = None, *, done: bool = False) -> Cursor:
        """Give what to keep now; `done` says that the harvest came to its end."""
        begin, reached = self._a_day_back() if done else self.restart, self.reached
        if self.before.begin is not None:
            begin = max(self.before.begin, begin) if begin else self.before.begin
        if self.before.reached is not None:
            reached = max(self.before.reached, reached) if reached else self.before.reached
        return Cursor(begin, reached, self.served, done or self.ordered, tuple(sorted(self.owed)), token)

    def position(self, until: date | None) -> float | None:
        """Estimate the share of the harvest that is behind, by days; below 1, for the last day is under way."""
        end = until or self.served
        if self.first is None or self.reached is None or end is None:
            return None
        days = (end - self.first).days + 1
        return min(max((self.reached - self.first).days / days, 0.0), 1.0) if days > 0 else None


def _read(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _written(day: date | None) -> str | None:
    return day.isoformat() if day else None
