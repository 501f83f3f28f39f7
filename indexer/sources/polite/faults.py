"""Why a request failed, in our own words: those of the libraries quote the URL, keys included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from socket import gaierror
from ssl import SSLCertVerificationError, SSLError
from types import MappingProxyType

from requests.exceptions import (
    ContentDecodingError,
    InvalidSchema,
    InvalidURL,
    ProxyError,
    RequestException,
    Timeout,
)
from urllib3.exceptions import TimeoutError as PoolTimeout

UNREACHABLE_TRIES = (
    4  # of a server that does not answer at all: 35 s of back-off, then the operator should know
)

_SECRETS = re.compile(
    r"(?P<before>[?&](?:api[_-]?key|key|access[_-]?token|token|secret|password)=)[^&\s\"'#)]*"
    r"|(?P<scheme>https?://)[^/?#@\s\"']*@",
    re.IGNORECASE,
)

_KINDS = MappingProxyType(
    {
        SSLCertVerificationError: (
            1,
            "has a certificate that is not trusted; name yours in REQUESTS_CA_BUNDLE",
        ),
        gaierror: (UNREACHABLE_TRIES, "is out of reach: its host has no known address"),
        ConnectionRefusedError: (UNREACHABLE_TRIES, "is out of reach: the connection was refused"),
        ProxyError: (UNREACHABLE_TRIES, "is out of reach: the proxy (HTTPS_PROXY) does not let us through"),
        Timeout: (UNREACHABLE_TRIES, "did not answer in time"),
        PoolTimeout: (UNREACHABLE_TRIES, "did not answer in time"),
        SSLError: (UNREACHABLE_TRIES, "broke the encrypted connection"),
        ContentDecodingError: (None, "sent a body that cannot be decompressed"),
        InvalidURL: (1, "is no address that can be asked"),
        InvalidSchema: (1, "is no address that can be asked"),
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a try failed; how often at most to try what fails so (None: as often as anything), and what it came from.

    `paced` says that the pace holds the next try back.
    """

    why: str
    tries: int | None = None
    paced: bool = False
    cause: BaseException | None = None


def masked(text: str) -> str:
    """Hide keys and passwords in the addresses that a text holds."""
    return _SECRETS.sub(
        lambda found: f"{found['before']}***" if found["before"] else f"{found['scheme']}***@", text
    )


def describe(error: BaseException) -> Fault:
    """Say why a connection failed."""
    causes = list(_causes(error))
    system = (one for one in causes if isinstance(one, OSError) and not isinstance(one, RequestException))
    cause = next(system, None)  # says what the system found wrong, and holds no URL
    for kind, (tries, why) in _KINDS.items():
        if any(isinstance(one, kind) for one in causes):
            return Fault(why, tries, cause=cause)
    return Fault("broke the connection before its answer was complete", cause=cause)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was made from, as far as the libraries tell: they differ in how."""
    todo: list[object] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [*one.args, one.__cause__, getattr(one, "reason", None)]
