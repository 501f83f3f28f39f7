"""One pace for each service and machine: one request at a time, an interval between any two, pauses kept.

    FOLDER/NAME.queue   locked by the one who is next
    FOLDER/NAME.lock    locked by the one who asks, for the whole of the request
    FOLDER/NAME.json    when the last request ended, how long to pause, whether the service forbade more

Whoever asks holds the lock, so that there is one connection over all threads and processes; the lock of a killed
process is released by the system. The queue keeps one who asks again at once from overtaking those who wait.
A request is written down as under way before it starts. What is found under way, missing or unreadable counts as
a request that ends now: the wait may be too long, never too short.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from indexer.errors import SourceError
from indexer.sources.polite.state import (
    Block,
    Instant,
    Pause,
    State,
    decode,
    encode,
    pause_seconds,
    system_clock,
)

PATIENCE = 900.0  # seconds; a pause beyond it is told rather than slept through
_MOST_STATE = 65_536  # bytes


class Turn:
    """The right to make one request, for as long as the `with` block lasts."""

    def __init__(self, pace: Pace, state: State, url: str) -> None:
        self._pace = pace
        self._url = url
        self.state = state

    def succeeded(self) -> None:
        """Forget the refusals before: the service answers."""
        self.state = replace(self.state, strikes=0, pause=None)

    def cool_down(self, retry_after: float | None) -> None:
        """Leave the service alone, by the seconds that it asked for or longer with every refusal."""
        strikes = self.state.strikes + 1
        pause = Pause(self._pace.now(), pause_seconds(retry_after, strikes, self._pace.interval))
        self.state = replace(self.state, strikes=strikes, pause=pause)
        self._pace.save(self.state)

    def block(self) -> SourceError:
        """Ask nothing more until somebody has deleted the state; return the error that says so."""
        block = Block(self._url, self._pace.now().wall)
        self.state = replace(self.state, block=block)
        self._pace.save(self.state)
        return self._pace.blocked(block)


class Pace:
    """The pace of all requests to the service `name` from the machine that has `folder`, which is made if missing.

    `interval` is the time between the end of a request and the start of the next, in seconds. A pause of more
    than `patience` seconds raises `SourceError`. `waiting` is told, once for each reason, what is waited for.
    """

    def __init__(  # noqa: PLR0913  # who, how often and where; the rest has defaults
        self,
        name: str,
        interval: float,
        folder: Path,
        *,
        clock: Callable[[], Instant] = system_clock,
        sleep: Callable[[float], None] = time.sleep,
        patience: float = PATIENCE,
        waiting: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self.interval = interval
        self.now = clock
        self._sleep = sleep
        self.state_path = folder / f"{name}.json"
        self._patience = patience
        self._waiting = waiting
        self._told_of_queue = False

    @contextmanager
    def turn(self, url: str) -> Iterator[Turn]:
        """Wait until `url`, with keys masked, may be asked for, and let nobody else ask meanwhile.

        Raise `SourceError` if the service has forbidden more requests, if it wants to be left alone for longer
        than our patience, or if the state cannot be kept.
        """
        known = self._load()
        if _again_from(known, self.now()) == known:
            self._check(known, url)  # before queueing, so that nobody waits for nothing
        with self._alone():
            state = _again_from(self._load(), self.now())
            if state.pause:
                self.save(state)
            self._check(state, url)
            self._wait(state)
            turn = Turn(self, replace(state, ended=None, pause=None), url)
            self.save(turn.state)
            try:
                yield turn
            finally:
                self.save(replace(turn.state, ended=self.now()))

    def back_off(self, seconds: float, why: str) -> None:
        """Sleep between two tries; others may have their turn meanwhile."""
        self._tell(f"{why}; trying again in {seconds:g} s")
        self._sleep(seconds)

    def blocked(self, block: Block) -> SourceError:
        """Make the error for a service that forbade `block.url`."""
        return SourceError(
            f"{self.name} forbade {block.url} (HTTP 403) on {_local(block.since)}, and asking on would be read as an"
            f" attack, so nothing more is asked: write to arXiv (https://info.arxiv.org/help/contact.html), and once"
            f" that is settled delete {self.state_path}"
        )

    def save(self, state: State) -> None:
        """Replace the state on the disk at once; only for the holder of a turn."""
        draft = self.state_path.with_suffix(".json.tmp")
        try:
            draft.unlink(missing_ok=True)  # left by a killed process, of another user perhaps
            with draft.open("xb") as file:
                file.write(encode(state))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.state_path)
        except OSError as error:
            raise self._unusable(error) from error

    def _load(self) -> State:
        try:
            with self.state_path.open("rb") as file:
                return decode(file.read(_MOST_STATE))
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise self._unusable(error) from error

    def _check(self, state: State, url: str) -> None:
        if state.block:
            raise self.blocked(state.block)
        now = self.now()
        left = state.pause.left(now) if state.pause else 0.0
        if left > self._patience:
            raise SourceError(
                f"{self.name} is to be left alone until {_local(now.wall + left)} (it answered HTTP 429 or 503), so"
                f" {url} was not asked for; run the same command after that, it goes on from where it stopped"
            )

    def _wait(self, state: State) -> None:
        now = self.now()
        seconds = state.wait(self.interval, now)
        if state.pause and state.pause.left(now) > self.interval:
            self._tell(f"{self.name} asked for a pause; going on at {_local(now.wall + seconds)}")
        if seconds > 0:
            self._sleep(seconds)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        queue = self._lock(".queue")
        try:
            lock = self._lock(".lock")
        finally:
            _release(queue)  # the next in line now waits for the lock itself
        try:
            yield
        finally:
            _release(lock)

    def _lock(self, suffix: str) -> int:
        """Open the file anew and lock it: locks belong to open files, so threads exclude each other too."""
        path = self.state_path.with_suffix(suffix)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = _open(path)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._acquire(handle)
        except BaseException as error:
            os.close(handle)
            if isinstance(error, OSError):
                raise self._unusable(error) from error
            raise
        return handle

    def _acquire(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not self._told_of_queue:
                self._told_of_queue = True
                self._tell(f"waiting for another request to {self.name}, here or of another command, to end")
            fcntl.flock(handle, fcntl.LOCK_EX)

    def _tell(self, text: str) -> None:
        if self._waiting:
            self._waiting(text)

    def _unusable(self, error: OSError) -> SourceError:
        return SourceError(
            f"cannot keep the pace of {self.name} in {self.state_path.parent} ({error.strerror or error}); set"
            f" PAPERKIN_STATE to a folder that all who crawl from this machine may write"
        )


def _again_from(state: State, now: Instant) -> State:
    return replace(state, pause=state.pause and state.pause.again_from(now))


def _open(path: Path) -> int:
    flags = os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, os.O_RDWR | flags, 0o666)  # network file systems lock only what may be written
    except PermissionError:
        return os.open(path, os.O_RDONLY | flags, 0o666)  # the lock file of another user


def _release(handle: int) -> None:
    fcntl.flock(handle, fcntl.LOCK_UN)  # closing is not enough where a forked child has the file open too
    os.close(handle)


def _local(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
