"""A server on loopback that answers what a test wants, well or badly, and writes down what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from types import TracebackType
from typing import Self

FAULTS = frozenset(
    {
        "",
        "trickle headers",  # a header line every 50 ms, without end
        "trickle body",  # a byte every 50 ms, as many as announced
        "cut",  # half of the body that Content-Length announced
        "cut chunk",  # a chunked body that ends in the middle of a chunk
        "cut chunks",  # a chunked body without its last, empty chunk
        "cut without length",  # half of the body, its length never announced
        "hang",  # nothing, for 5 s
        "hang up",  # the connection closed without a word
        "nonsense",  # no HTTP at all
        "stay",  # all is well, but the connection is kept open even if the client wants it closed
    }
)
PAUSE = 0.05  # seconds between two pieces of a trickle


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived; `at` is by `time.monotonic`, the same clock for all processes of the machine."""

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back, and what goes wrong with it; see `FAULTS`."""

    status: int = 200
    body: bytes = b"<answer/>"
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    delay: float = 0.0  # seconds before the first byte

    def __post_init__(self) -> None:
        assert self.fault in FAULTS


class Upstream:
    """Serves while its `with` block lasts: answers of a list in turn, the last for ever, or those of a function.

    `asked` holds the requests in the order of arrival, `most_connections` how many were ever open at once.
    """

    def __init__(self, answers: Answer | Sequence[Answer] | Callable[[Asked], Answer] = Answer()) -> None:
        self._answers = [answers] if isinstance(answers, Answer) else answers
        self._lock = threading.Lock()
        self.asked: list[Asked] = []
        self.open_connections = 0
        self.most_connections = 0
        self.stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def gaps(self) -> list[float]:
        """Seconds between the arrivals of any two requests."""
        times = [one.at for one in self.asked]
        return [later - earlier for earlier, later in pairwise(times)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()  # waits for the handlers

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            number = len(self.asked) - 1
        if callable(self._answers):
            return self._answers(asked)
        return self._answers[min(number, len(self._answers) - 1)]

    def count(self, step: int) -> None:
        with self._lock:
            self.open_connections += step
            self.most_connections = max(self.most_connections, self.open_connections)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    upstream: Upstream


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.upstream.count(+1)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.server.upstream.count(-1)

    def do_GET(self) -> None:
        at = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.upstream.answer(
            Asked(at, self.command, self.path, dict(self.headers.items()), body)
        )
        self.server.upstream.stopped.wait(answer.delay)
        with suppress(OSError):  # the client may go at any moment
            self._send(answer)

    do_POST = do_HEAD = do_GET  # noqa: N815  # names that http.server looks for

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name in http.server
        """Say nothing."""

    def _send(self, answer: Answer) -> None:
        if answer.fault in {"hang", "hang up", "nonsense"}:
            self.close_connection = True
            if answer.fault == "hang":
                self.server.upstream.stopped.wait(5)
            elif answer.fault == "nonsense":
                self.wfile.write(b"220 mail.example.org ESMTP\r\n")
            return
        self._send_head(answer)
        if self.command != "HEAD":
            self._send_body(answer)
        if answer.fault:
            self.close_connection = answer.fault != "stay"

    def _send_head(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in {"Date": self.date_time_string(), **answer.headers}.items():
            self.send_header(name, value)
        self.flush_headers()
        if answer.fault == "trickle headers":
            self._trickle(b"X-Patience: on\r\n" * 10_000, len(b"X-Patience: on\r\n"))
        if answer.fault.startswith("cut chunk"):
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.fault != "cut without length" and answer.status not in {204, 304}:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()

    def _send_body(self, answer: Answer) -> None:
        half = answer.body[: len(answer.body) // 2]
        match answer.fault:
            case "trickle body":
                self._trickle(answer.body, 1)
            case "cut" | "cut without length":
                self.wfile.write(half)
            case "cut chunk":
                self.wfile.write(b"%x\r\n%b" % (len(answer.body), half))
            case "cut chunks":
                self.wfile.write(b"%x\r\n%b\r\n" % (len(answer.body), answer.body))
            case _:
                self.wfile.write(answer.body)

    def _trickle(self, data: bytes, size: int) -> None:
        for start in range(0, len(data), size):
            self.wfile.write(data[start : start + size])
            if self.server.upstream.stopped.wait(PAUSE):
                return
