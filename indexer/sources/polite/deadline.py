"""An end for requests that trickle: timeouts of sockets start anew with every byte, this one does not.

A timer shuts the connection down, wherever the request is: in the handshake, the headers or the body. Only the
search for the server's address cannot be cut short; the system bounds it.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """Shuts down the connections that are opened in this `with` block when `seconds` have passed."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._token = _DEADLINE.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        _DEADLINE.reset(self._token)
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def watch(self, connection: socket.socket) -> None:
        """Take care of a new connection, by a handle of its own: TLS takes the first one over."""
        with self._lock:
            self._connections.append(connection.dup())
            if self.expired:
                _shut_down(connection)

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for connection in self._connections:
                _shut_down(connection)


class WatchedAdapter(HTTPAdapter):
    """Opens connections that the deadline in force knows of."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of the server, made to open watched connections; those of SOCKS proxies stay as they are."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if pool.ConnectionCls is HTTPConnection:
            pool.ConnectionCls = _Connection
        elif pool.ConnectionCls is HTTPSConnection:
            pool.ConnectionCls = _TlsConnection
        return pool


_DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def _watched(connection: socket.socket) -> socket.socket:
    deadline = _DEADLINE.get()
    if deadline is not None:
        deadline.watch(connection)
    return connection


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):  # closed by the other side already
        connection.shutdown(socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _watched(super()._new_conn())


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _watched(super()._new_conn())
