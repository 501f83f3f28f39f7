"""The pace: no request too early whatever happens, none that hangs, and what a service said is remembered."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import SourceError
from indexer.sources.polite.pace import Pace
from indexer.sources.polite.state import (
    DAY,
    Block,
    Instant,
    Pause,
    State,
    decode,
    encode,
    pause_seconds,
    retry_after_seconds,
    time_left,
)
from tests.fake_upstream import Upstream

ROOT = Path(__file__).parents[1]
URL = "https://oaipmh.arxiv.org/oai?verb=Identify"


class Clocks:
    """True time that passes only by sleeping, and the two clocks that show it, which may be set."""

    def __init__(self) -> None:
        self.true = 5_000.0
        self.monotonic_offset = 0.0
        self.wall_offset = 1_790_000_000.0
        self.slept: list[float] = []

    def now(self) -> Instant:
        return Instant(self.true + self.monotonic_offset, self.true + self.wall_offset)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.true += seconds

    def restart(self) -> None:
        self.monotonic_offset = -self.true


def a_pace(folder: Path, clocks: Clocks | None = None, interval: float = 3.0, **more: float) -> Pace:
    clocks = clocks or Clocks()
    return Pace("arxiv", interval, folder, clock=clocks.now, sleep=clocks.sleep, **more)  # type: ignore[arg-type]  # patience


def ask(pace: Pace, clocks: Clocks, seconds: float = 0.5) -> tuple[float, float]:
    """Make a request that takes `seconds`; return when it started and ended."""
    with pace.turn(URL):
        start = clocks.true
        clocks.true += seconds
    return start, clocks.true


class TestTimeLeft:
    instants = st.builds(Instant, st.floats(0, 1e9), st.floats(0, 4e9))

    @given(instants, st.floats(0, DAY), instants)
    def test_is_never_more_than_asked_for(self, began: Instant, seconds: float, now: Instant) -> None:
        assert 0 <= time_left(began, seconds, now) <= seconds

    @given(st.floats(0, 100), st.floats(0, 200), st.floats(-2 * DAY, 2 * DAY))
    def test_a_wall_clock_that_jumps_shortens_nothing(
        self, seconds: float, passed: float, jump: float
    ) -> None:
        began = Instant(1_000.0, 1e9)
        now = Instant(1_000.0 + passed, 1e9 + passed + jump)
        assert passed + time_left(began, seconds, now) >= seconds - 1e-6

    def test_a_restart_leaves_it_to_the_wall_clock(self) -> None:
        assert time_left(Instant(9_000.0, 1e9), 3.0, Instant(20.0, 1e9 + 1)) == 3.0
        assert time_left(Instant(10.0, 1e9), 3.0, Instant(12.0, 1e9 + 60)) == 1.0

    def test_of_a_folder_shared_with_another_machine_goes_by_the_wall_clock(self) -> None:
        assert time_left(Instant(10.0, 1e9), 3.0, Instant(9e6, 1e9 + 1)) == 2.0


events = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.floats(0, 10)),
        st.tuples(st.just("wall"), st.floats(-2 * DAY, 2 * DAY)),
        st.tuples(st.just("idle"), st.floats(0, 10)),
        st.tuples(st.just("restart"), st.just(0.0)),
        st.tuples(st.just("lose state"), st.just(0.0)),
        st.tuples(st.just("damage state"), st.just(0.0)),
    ),
    max_size=15,
)


class TestGap:
    @settings(max_examples=40)  # each writes files and waits for the disk
    @given(events)
    def test_is_kept_whatever_happens_and_never_waited_for_twice(
        self, tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, float]]
    ) -> None:
        folder, clocks = tmp_path_factory.mktemp("pace"), Clocks()
        last = None
        for event, amount in events:
            if event == "ask":
                start, end = ask(a_pace(folder, clocks), clocks, amount)
                assert last is None or start - last >= 3.0 - 1e-6
                last = end
            elif event == "wall":
                clocks.wall_offset += amount
            elif event == "idle":
                clocks.true += amount
            elif event == "restart":
                clocks.restart()
            elif event == "lose state":
                (folder / "arxiv.json").unlink(missing_ok=True)
            else:
                (folder / "arxiv.json").write_bytes(b'{"ended": {"monotonic"')
        assert all(seconds <= 3.0 for seconds in clocks.slept)

    def test_counts_from_the_end_of_a_request(self, tmp_path: Path) -> None:
        clocks = Clocks()
        _, end = ask(a_pace(tmp_path, clocks), clocks, 120.0)
        start, _ = ask(a_pace(tmp_path, clocks), clocks)
        assert start == pytest.approx(end + 3.0)

    def test_nobody_waits_after_a_long_silence(self, tmp_path: Path) -> None:
        clocks = Clocks()
        ask(a_pace(tmp_path, clocks), clocks)
        clocks.true += 60
        clocks.slept.clear()
        ask(a_pace(tmp_path, clocks), clocks)
        assert clocks.slept == []

    def test_a_request_that_fails_counts(self, tmp_path: Path) -> None:
        clocks = Clocks()
        with pytest.raises(KeyboardInterrupt), a_pace(tmp_path, clocks).turn(URL):
            raise KeyboardInterrupt
        clocks.slept.clear()
        ask(a_pace(tmp_path, clocks), clocks)
        assert clocks.slept == [3.0]

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x00" * 500,
            b"[]",
            b"null",
            b'{"ended": 7}',
            b'{"ended": {"monotonic": NaN, "wall": 1e999}}',
            b"[" * 60_000,
            b'{"ended": {"monotonic": true, "wall": -5}, "strikes": "9", "pause": {"seconds": 1e9}, "block": 1}',
        ],
    )
    def test_a_state_that_makes_no_sense_is_a_request_just_ended(
        self, tmp_path: Path, content: bytes
    ) -> None:
        clocks = Clocks()
        (tmp_path / "arxiv.json").write_bytes(content)
        ask(a_pace(tmp_path, clocks), clocks)
        assert clocks.slept == [3.0]


class TestState:
    instants = st.builds(Instant, st.floats(0, 1e9), st.floats(0, 4e9))
    states = st.builds(
        State,
        st.none() | instants,
        st.integers(0, 1_000),
        st.none() | st.builds(Pause, instants, st.floats(0, DAY)),
        st.none() | st.builds(Block, st.text(), st.floats(0, 4e9)),
    )

    @given(states)
    def test_comes_back_as_it_was(self, state: State) -> None:
        assert decode(encode(state)) == state

    @given(
        st.binary()
        | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
    )
    def test_is_read_from_anything(self, data: bytes) -> None:
        assert isinstance(decode(data), State)

    def test_a_block_survives_damage_beside_it(self) -> None:
        assert decode(b'{"ended": "x", "strikes": [], "block": {"url": "u", "since": 5}}').block == Block(
            "u", 5.0
        )


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "date", "seconds"),
        [
            ("120", None, 120.0),
            (" 2.5 ", None, 2.5),
            ("-7", None, -7.0),
            ("Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:58:59 GMT", 60.0),
            ("Fri, 31 Dec 1999 23:00:00 GMT", "Fri, 31 Dec 1999 23:58:59 GMT", -3539.0),
            ("Friday, 31-Dec-99 23:59:59 GMT", "Fri Dec 31 23:59:49 1999", 10.0),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None, None),
            ("Fri, 31 Dec 1999 23:59:59 GMT", "yesterday", None),
            ("soon", "Fri, 31 Dec 1999 23:58:59 GMT", None),
            ("1e9", None, None),
            ("nan", None, None),
            ("", None, None),
            (None, None, None),
        ],
    )
    def test_is_read_in_both_forms(self, value: str | None, date: str | None, seconds: float | None) -> None:
        assert retry_after_seconds(value, date) == seconds

    @given(st.text(), st.text())
    def test_is_read_from_anything(self, value: str, date: str) -> None:
        seconds = retry_after_seconds(value, date)
        assert seconds is None or isinstance(seconds, float)


class TestPauseSeconds:
    @given(st.none() | st.floats(allow_nan=False), st.integers(1, 10_000), st.floats(0, 60))
    def test_lies_between_the_interval_and_a_day(
        self, asked: float | None, strikes: int, interval: float
    ) -> None:
        assert interval <= pause_seconds(asked, strikes, interval) <= DAY

    @given(st.none() | st.floats(allow_nan=False), st.integers(1, 100), st.floats(0, 60))
    def test_never_shrinks_with_more_refusals(
        self, asked: float | None, strikes: int, interval: float
    ) -> None:
        assert pause_seconds(asked, strikes, interval) <= pause_seconds(asked, strikes + 1, interval)

    def test_doubles_from_half_a_minute_to_an_hour(self) -> None:
        assert [pause_seconds(None, strikes, 3.0) for strikes in (1, 2, 3, 7, 8, 99)] == [
            30, 60, 120, 1920, 3600, 3600,
        ]  # fmt: skip

    def test_does_what_the_service_asks(self) -> None:
        assert pause_seconds(45, 5, 3.0) == 45
        assert pause_seconds(1, 1, 3.0) == 3.0
        assert pause_seconds(1e6, 1, 3.0) == DAY

    @pytest.mark.parametrize("asked", [0.0, -3600.0])
    def test_is_not_hurried_by_a_service_that_refuses_again(self, asked: float) -> None:
        assert [pause_seconds(asked, strikes, 3.0) for strikes in (1, 2, 3)] == [3.0, 60.0, 120.0]


class TestCoolDown:
    def refuse(self, pace: Pace, asked: float | None = None) -> None:
        with pace.turn(URL) as turn:
            turn.cool_down(asked)

    def test_is_slept_through_by_whoever_asks_next(self, tmp_path: Path) -> None:
        clocks = Clocks()
        self.refuse(a_pace(tmp_path, clocks), 120)
        clocks.slept.clear()
        ask(a_pace(tmp_path, clocks), clocks)
        assert clocks.slept == [120.0]

    def test_longer_than_our_patience_is_told_with_its_end(self, tmp_path: Path) -> None:
        clocks = Clocks()
        self.refuse(a_pace(tmp_path, clocks), 7_200)
        until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(clocks.now().wall + 7_200))
        clocks.slept.clear()
        with pytest.raises(SourceError, match=f"left alone until {until}.*the same command"):
            ask(a_pace(tmp_path, clocks), clocks)
        assert clocks.slept == []
        ask(a_pace(tmp_path, clocks, patience=8_000.0), clocks)
        assert clocks.slept == [7_200.0]

    def test_grows_until_a_success(self, tmp_path: Path) -> None:
        clocks = Clocks()
        for _ in range(3):
            self.refuse(a_pace(tmp_path, clocks))
        assert clocks.slept == [3.0, 30.0, 60.0]
        with a_pace(tmp_path, clocks).turn(URL) as turn:
            turn.succeeded()
        self.refuse(a_pace(tmp_path, clocks))
        clocks.slept.clear()
        ask(a_pace(tmp_path, clocks), clocks)
        assert clocks.slept == [30.0]

    def test_is_announced(self, tmp_path: Path) -> None:
        clocks, told = Clocks(), list[str]()
        self.refuse(a_pace(tmp_path, clocks), 60)
        with Pace("arxiv", 3.0, tmp_path, clock=clocks.now, sleep=clocks.sleep, waiting=told.append).turn(
            URL
        ):
            pass
        assert told[0].startswith("arxiv asked for a pause; going on at ")

    @settings(max_examples=40)
    @given(
        st.floats(3, 3_600),
        st.lists(
            st.tuples(st.sampled_from(["idle", "wall", "restart", "try"]), st.floats(-DAY, DAY)), max_size=10
        ),
    )
    def test_is_prolonged_once_by_a_clock_and_never_shortened(
        self, tmp_path_factory: pytest.TempPathFactory, asked: float, events: list[tuple[str, float]]
    ) -> None:
        folder, clocks = tmp_path_factory.mktemp("pace"), Clocks()
        self.refuse(a_pace(folder, clocks), asked)
        began, jumps = clocks.true, 0
        for event, amount in events:
            if event == "idle":
                clocks.true += abs(amount) / 1_000
            elif event == "wall":
                clocks.wall_offset += amount
                jumps += 1
            elif event == "restart":
                clocks.restart()
                jumps += 1
            else:
                self.look(a_pace(folder, clocks, patience=0.0), clocks)
        idled = clocks.true - began
        start, _ = ask(a_pace(folder, clocks, patience=DAY), clocks)
        assert asked - 1e-3 <= start - began <= idled + asked + 1e-3
        if not jumps:
            assert start - began <= max(asked, idled) + 3.0 + 1e-3

    def look(self, pace: Pace, clocks: Clocks) -> None:
        """Come by too early: nothing is asked."""
        before = clocks.true
        pace.interval = 0.0
        try:
            with pace.turn(URL):
                pass
        except SourceError:
            assert clocks.true == before

    def test_ends_though_the_machine_restarts_after_a_long_time(self, tmp_path: Path) -> None:
        clocks = Clocks()
        clocks.true = 10 * DAY
        self.refuse(a_pace(tmp_path, clocks), 3_600)
        clocks.restart()
        for _ in range(4):
            with pytest.raises(SourceError):
                ask(a_pace(tmp_path, clocks), clocks)
            clocks.true += 850
        ask(a_pace(tmp_path, clocks), clocks)


class TestBlock:
    def test_stops_every_command_until_the_state_is_deleted(self, tmp_path: Path) -> None:
        clocks = Clocks()
        with a_pace(tmp_path, clocks).turn(URL) as turn:
            error = turn.block()
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(clocks.now().wall))
        for part in (URL, since, "attack", "write to arXiv", str(tmp_path / "arxiv.json")):
            assert part in str(error)
        clocks.true += 30 * DAY
        slept = len(clocks.slept)
        for _ in range(2):
            with pytest.raises(SourceError) as again:
                ask(a_pace(tmp_path, clocks), clocks)
            assert str(again.value) == str(error)
        assert len(clocks.slept) == slept
        (tmp_path / "arxiv.json").unlink()
        ask(a_pace(tmp_path, clocks), clocks)

    def test_concerns_one_service(self, tmp_path: Path) -> None:
        with a_pace(tmp_path).turn(URL) as turn:
            turn.block()
        with Pace("openalex", 0.0, tmp_path).turn("https://api.openalex.org") as other:
            assert other.state.block is None


class TestFolder:
    def test_is_made(self, tmp_path: Path) -> None:
        ask(a_pace(tmp_path / "state" / "paperkin"), Clocks())
        assert (tmp_path / "state" / "paperkin" / "arxiv.json").is_file()

    def test_that_cannot_be_written_is_named_with_its_setting(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(
            SourceError, match=r"cannot keep the pace of arxiv in .*file/state.*PAPERKIN_STATE"
        ):
            ask(a_pace(tmp_path / "file" / "state"), Clocks())

    def test_that_fills_up_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(SourceError, match=r"No space left on device.*PAPERKIN_STATE"):
            ask(a_pace(tmp_path), Clocks())


ASK = """
import sys, time
from pathlib import Path
from indexer.sources.polite.pace import Pace
from indexer.sources.polite.session import PoliteSession
folder, interval, url, times = sys.argv[1:]
session = PoliteSession(Pace("arxiv", float(interval), Path(folder)))
for _ in range(int(times)):
    session.get(url)
"""
HOLD = """
import sys, time
from pathlib import Path
from indexer.sources.polite.pace import Pace
print("started", flush=True)
with Pace("arxiv", 0.0, Path(sys.argv[1])).turn("https://export.arxiv.org/"):
    print("asking", flush=True)
    time.sleep(60)
"""


@contextmanager
def running(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `code`, for as long as the block lasts."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:  # noqa: S603  # ours
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def gaps_of_two_processes(folder: Path, interval: float, times: int) -> list[float]:
    """Ask a server from two processes at once; the gaps between the arrivals there."""
    with Upstream() as server:
        arguments = (ASK, folder, interval, server.url, times)
        with running(*arguments) as one, running(*arguments) as other:
            for process in (one, other):
                _, told = process.communicate(timeout=100)
                assert process.returncode == 0, told
        assert len(server.asked) == 2 * times
        assert server.most_connections == 1
        return server.gaps


class TestProcesses:
    def test_share_one_pace(self, tmp_path: Path) -> None:
        assert min(gaps_of_two_processes(tmp_path, 0.3, 4)) >= 0.3

    @pytest.mark.torture
    def test_share_the_pace_of_arxiv(self, tmp_path: Path) -> None:
        assert min(gaps_of_two_processes(tmp_path, 3.0, 4)) >= 3.0

    def test_a_killed_one_counts_as_a_request_that_ends_now(self, tmp_path: Path) -> None:
        with Pace("arxiv", 0.0, tmp_path).turn(URL):
            pass
        with running(HOLD, tmp_path) as process:
            assert [next_line(process), next_line(process)] == ["started", "asking"]
            process.kill()
            process.wait()
        clocks = Clocks()
        clocks.true = 1e7  # long after
        ask(a_pace(tmp_path, clocks), clocks)
        assert clocks.slept == [3.0]

    def test_one_that_waits_hears_an_interruption(self, tmp_path: Path) -> None:
        with Pace("arxiv", 0.0, tmp_path).turn(URL), running(HOLD, tmp_path) as process:
            assert next_line(process) == "started"
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=10)
            assert process.returncode != 0
            assert "KeyboardInterrupt" in told

    def test_one_that_waits_is_told_for_what(self, tmp_path: Path) -> None:
        told: list[str] = []
        pace = Pace("arxiv", 0.0, tmp_path, waiting=told.append)
        with running(HOLD, tmp_path) as process:
            assert [next_line(process), next_line(process)] == ["started", "asking"]
            threading.Timer(0.2, process.kill).start()
            with pace.turn(URL):
                assert process.poll() is not None
        assert told == ["waiting for another request to arxiv, here or of another command, to end"]


class TestThreads:
    def test_take_turns_without_overtaking(self, tmp_path: Path) -> None:
        order: list[str] = []
        inside = threading.Lock()

        def work(name: str) -> None:
            for _ in range(10):
                with Pace("arxiv", 0.0, tmp_path).turn(URL):
                    assert inside.acquire(blocking=False)
                    order.append(name)
                    time.sleep(0.005)
                    inside.release()

        threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(order) == 20
        both = order[order.index("b") if order[0] == "a" else order.index("a") :][: 2 * 8]
        assert sum(one != other for one, other in pairwise(both)) >= 13
