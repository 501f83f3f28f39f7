"""What the commands of a machine know about a service, and what follows from it: pure, apart from its clock.

Times are kept by two clocks: one that runs steadily but starts anew with the machine, and the wall clock, which
may be set. The longer wait of the two counts, and never more than was asked for: a clock that jumps, or a
restart of the machine, costs one wait at the most; in a folder shared between machines the wall clock alone holds.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

DAY = 86_400.0
_FIRST_PAUSE = 30.0  # of a service that names none: 30 s, 1 min, 2 min, ...
_LONGEST_PAUSE = 3_600.0  # ... 1 h; overloads of arXiv last for hours
_LATEST = 2e11  # seconds since 1970: year 8307, which calendars can still show
_SECONDS = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)


class Instant(NamedTuple):
    """A moment by two clocks, in seconds: since the machine started, and since 1970."""

    monotonic: float
    wall: float


def system_clock() -> Instant:
    """Now; time asleep counts where the system offers a clock that knows it."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return Instant(time.clock_gettime(time.CLOCK_BOOTTIME), time.time())
    return Instant(time.monotonic(), time.time())


def time_left(began: Instant, seconds: float, now: Instant) -> float:
    """Seconds until `seconds` have passed since `began` by both clocks; from 0 to `seconds`."""
    passed = min(now.monotonic - began.monotonic, now.wall - began.wall)
    return min(max(seconds - passed, 0.0), seconds)


def retry_after_seconds(value: str | None, date: str | None) -> float | None:
    """Read a Retry-After header, in seconds or as a date that is compared with the response's own Date.

    None where there is none, or none that can be understood; negative for a date in the past. RFC 9110, 10.2.3.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    then, sent = _http_date(text), _http_date(date or "")
    return (then - sent).total_seconds() if then and sent else None


def pause_seconds(retry_after: float | None, strikes: int, interval: float) -> float:
    """Tell how long to leave a service alone that has refused `strikes` >= 1 requests in a row.

    What it asked for, from `interval` to a day. Where it named nothing, 30 s, doubled by every refusal up to an
    hour. Asked to come back at once, or in the past, by the interval first, then as if it had named nothing.
    """
    backed_off = max(interval, min(_FIRST_PAUSE * 2.0 ** (min(strikes, 9) - 1), _LONGEST_PAUSE))
    if retry_after is None:
        return backed_off
    if retry_after > 0:
        return max(interval, min(retry_after, DAY))
    return interval if strikes <= 1 else backed_off


@dataclass(frozen=True, slots=True)
class Pause:
    """Time that a service is left alone for."""

    began: Instant
    seconds: float

    def left(self, now: Instant) -> float:
        """Seconds still to wait."""
        return time_left(self.began, self.seconds, now)

    def again_from(self, now: Instant) -> Pause:
        """Start anew where a clock was set back or restarted, so that a jump prolongs the pause once only."""
        if now.monotonic >= self.began.monotonic and now.wall >= self.began.wall:
            return self
        return Pause(now, self.left(now))


@dataclass(frozen=True, slots=True)
class Block:
    """A request that the service forbade, and when (seconds since 1970)."""

    url: str
    since: float


@dataclass(frozen=True, slots=True)
class State:
    """What all commands of the machine know about a service; `ended` is None while a request is under way."""

    ended: Instant | None = None
    strikes: int = 0
    pause: Pause | None = None
    block: Block | None = None

    def wait(self, interval: float, now: Instant) -> float:
        """Seconds until the next request may start."""
        gap = interval if self.ended is None else time_left(self.ended, interval, now)
        return max(gap, self.pause.left(now) if self.pause else 0.0)


def encode(state: State) -> bytes:
    """Write a state as JSON."""
    pause = state.pause and {"began": state.pause.began._asdict(), "seconds": state.pause.seconds}
    block = state.block and {"url": state.block.url, "since": state.block.since}
    ended = state.ended and state.ended._asdict()
    value = {"ended": ended, "strikes": state.strikes, "pause": pause, "block": block}
    return json.dumps(value, indent=1).encode()


def decode(data: bytes) -> State:
    """Read a state; each part that is missing or makes no sense is as in a state of which nothing is known."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return State()
    if not isinstance(value, dict):
        return State()
    strikes = _number(value.get("strikes"), 0, 1_000)
    return State(
        ended=_instant(value.get("ended")),
        strikes=int(strikes) if strikes is not None else 0,
        pause=_pause(value.get("pause")),
        block=_block(value.get("block")),
    )


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _number(value: object, least: float, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if least <= value <= most and math.isfinite(value) else None


def _instant(value: Any) -> Instant | None:
    if not isinstance(value, Mapping):
        return None
    monotonic, wall = _number(value.get("monotonic"), 0, _LATEST), _number(value.get("wall"), 0, _LATEST)
    return Instant(monotonic, wall) if monotonic is not None and wall is not None else None


def _pause(value: Any) -> Pause | None:
    if not isinstance(value, Mapping):
        return None
    began, seconds = _instant(value.get("began")), _number(value.get("seconds"), 0, DAY)
    return Pause(began, seconds) if began and seconds is not None else None


def _block(value: Any) -> Block | None:
    if not isinstance(value, Mapping):
        return None
    since = _number(value.get("since"), 0, _LATEST)
    return Block(str(value.get("url")), since or 0.0)
