"""HTTP for all that is crawled: in turn with everybody else on this machine, patient, bounded, and never pushy."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from enum import Enum, auto
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests import PreparedRequest, Response
from requests.auth import AuthBase, HTTPBasicAuth
from requests.exceptions import RequestException
from requests.utils import get_auth_from_url
from urllib3.exceptions import HTTPError

from indexer.errors import SettingsError, SourceError
from indexer.sources.polite.deadline import Deadline, WatchedAdapter
from indexer.sources.polite.faults import UNREACHABLE_TRIES, Fault, describe, masked
from indexer.sources.polite.pace import Pace, Turn
from indexer.sources.polite.state import retry_after_seconds

__all__ = ["PoliteSession", "masked"]

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 60.0  # seconds between two pieces of an answer
REDIRECTS = 3
_FIRST_BACK_OFF = 5.0
_LONGEST_BACK_OFF = 300.0
_PIECE = 65_536  # bytes
_PACKINGS = {"", "identity", "gzip", "x-gzip"}  # packings within each other multiply what a bomb needs
_PORTS = {"http": 80, "https": 443}
_MAIL = re.compile(r"[!-'*-;=?A-~]+@[!-'*-;=?A-~]+", re.ASCII)
_WEB = re.compile(r"https?://[!-'*-~]+", re.ASCII)


def user_agent(contact: str | None) -> str:
    """Name the program, and its operator where an e-mail or web address is given; else raise `SettingsError`."""
    try:
        product = f"paperkin/{version('paperkin')}"
    except PackageNotFoundError:  # run from a folder of its source
        product = "paperkin"
    if contact is None:
        return product
    if _WEB.fullmatch(contact):
        return f"{product} (+{contact})"
    if _MAIL.fullmatch(contact):
        return f"{product} (+mailto:{contact})"
    raise SettingsError(f"PAPERKIN_CONTACT={contact!r} is neither an e-mail nor a web address")


class Verdict(Enum):
    """What the status of a response means for the request."""

    ANSWER = auto()
    REDIRECT = auto()
    COOL_DOWN = auto()
    RETRY = auto()
    REFUSED = auto()


def judge(status: int, headers: Mapping[str, str]) -> Verdict:
    """Read the status line; every other 4xx is an answer that the caller may understand."""
    if status in {401, 403, 407}:
        return Verdict.REFUSED
    if status in {301, 302, 303, 307, 308} and "Location" in headers:
        return Verdict.REDIRECT
    if status in {429, 503}:
        return Verdict.COOL_DOWN
    if status == 408 or status >= 500:
        return Verdict.COOL_DOWN if "Retry-After" in headers else Verdict.RETRY
    return Verdict.ANSWER


def is_same_service(old: str, new: str) -> bool:
    """Whether a redirect stays with the server: the same host and port, or from http to https there."""
    try:
        before, after = urlsplit(old), urlsplit(new)
        ports = before.port or _PORTS.get(before.scheme), after.port or _PORTS.get(after.scheme)
    except ValueError:
        return False
    if before.hostname != after.hostname:
        return False
    if before.scheme == after.scheme:
        return ports[0] == ports[1]
    return (before.scheme, after.scheme) == ("http", "https") and (ports == (80, 443) or ports[0] == ports[1])


class PoliteSession(requests.Session):
    """A session whose requests wait their turn, are tried again where that helps, and come back whole and bounded.

    Every request identifies us (`contact`), takes at most `deadline` seconds and `max_bytes` bytes after
    decompression, and is made up to `tries` times. Answers are of status 2xx, 3xx without an address, or a 4xx
    that says something about the request; for all else `SourceError` is raised, which names the URL with keys
    masked. `block_on_403` is for arXiv, where a 403 means that everything has to stop. `headers` are sent with
    each request and never shown. Connections are closed after each request, as another process may be next.
    """

    connect_timeout = CONNECT_TIMEOUT
    read_timeout = READ_TIMEOUT

    def __init__(  # noqa: PLR0913  # all but the pace have defaults that suit most services
        self,
        pace: Pace,
        *,
        contact: str | None = None,
        deadline: float = 180.0,
        max_bytes: int = 50_000_000,
        tries: int = 6,
        block_on_403: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.pace = pace
        self.deadline = deadline
        self.max_bytes = max_bytes
        self.tries = tries
        self.block_on_403 = block_on_403
        self.auth = _AddressAuth()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._agent = user_agent(contact)
        self.headers.update({"Accept-Encoding": "gzip", "Connection": "close", **(headers or {})})
        for scheme in ("https://", "http://"):
            self.mount(scheme, WatchedAdapter())
        for name in ("urllib3.connectionpool", "urllib3.util.retry"):
            logging.getLogger(name).addFilter(_mask_record)

    def prepare_request(self, request: requests.Request) -> PreparedRequest:
        """Build the request; raise `SourceError` for an address that cannot be asked."""
        try:
            return super().prepare_request(request)
        except RequestException as error:
            raise SourceError(
                f"{masked(str(request.url))} cannot be asked for: {masked(str(error))}"
            ) from None

    def get_redirect_target(self, resp: Response) -> None:
        """Say that there is nothing to follow: requests would read bodies without bound; `send` follows itself."""

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """Make the request, and those that its redirects lead to, each in its turn."""
        kwargs |= {
            "allow_redirects": False,
            "stream": True,
            "timeout": (self.connect_timeout, self.read_timeout),
        }
        request = request.copy()
        request.headers["User-Agent"] = self._agent
        passed: list[Response] = []
        while True:
            response = self._persevere(request, kwargs)
            if judge(response.status_code, response.headers) is not Verdict.REDIRECT:
                response.history = passed
                return response
            passed.append(response)
            if len(passed) > REDIRECTS:
                raise SourceError(f"{masked(str(passed[0].url))} redirects more than {REDIRECTS} times")
            request = _redirected(request, response)

    def _persevere(self, request: PreparedRequest, kwargs: dict[str, Any]) -> Response:
        url, tried = masked(str(request.url)), 0
        while True:
            outcome = self._attempt(request, kwargs)
            if isinstance(outcome, Response):
                return outcome
            tried += 1
            if tried >= min(self.tries, outcome.tries or self.tries):
                break
            if not outcome.paced:
                self.pace.back_off(
                    min(_FIRST_BACK_OFF * 2 ** (tried - 1), _LONGEST_BACK_OFF), f"{url} {outcome.why}"
                )
        if outcome.tries == 1:
            raise SourceError(f"{url} {outcome.why}") from outcome.cause
        often = f"{tried} times" if tried > 1 else "once"
        raise SourceError(
            f"{url} {outcome.why} (tried {often}); try later, the same command goes on from where it stopped"
        ) from outcome.cause

    def _attempt(self, request: PreparedRequest, kwargs: dict[str, Any]) -> Response | Fault:
        """Make the request once; the connection is closed before the turn ends."""
        with self.pace.turn(masked(str(request.url))) as turn, Deadline(self.deadline) as deadline:
            try:
                with super().send(request, **kwargs) as response:
                    outcome = self._outcome(response, turn)
            except (RequestException, HTTPError, OSError) as error:
                outcome = describe(error)
            finally:
                self.close()
            if deadline.expired:
                return Fault(f"was not answered in full within {self.deadline:g} s", UNREACHABLE_TRIES)
            return outcome

    def _outcome(self, response: Response, turn: Turn) -> Response | Fault:
        status, url = response.status_code, masked(str(response.url))
        verdict = judge(status, response.headers)
        if verdict is Verdict.REFUSED:
            raise turn.block() if status == 403 and self.block_on_403 else self._refused(status, url)
        if verdict is Verdict.COOL_DOWN:
            turn.cool_down(
                retry_after_seconds(response.headers.get("Retry-After"), response.headers.get("Date"))
            )
        if verdict in {Verdict.COOL_DOWN, Verdict.RETRY}:
            return Fault(f"answered HTTP {status}", paced=verdict is Verdict.COOL_DOWN)
        body = b"" if verdict is Verdict.REDIRECT else self._body(response, url)
        response._content = body  # noqa: SLF001  # requests offers no other way to hand over what was read piece by piece
        turn.succeeded()
        return response

    def _body(self, response: Response, url: str) -> bytes:
        packing = response.headers.get("Content-Encoding", "").strip()
        if packing.lower() not in _PACKINGS:
            raise SourceError(
                f"{url} came packed as {packing!r}, though only gzip was asked for; check the base URL"
            )
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_content(_PIECE):
            size += len(piece)
            if size > self.max_bytes:
                raise SourceError(
                    f"{url} sent more than {self.max_bytes / 1e6:g} MB, which no honest answer has; check the base URL"
                )
            pieces.append(piece)
        return b"".join(pieces)

    def _refused(self, status: int, url: str) -> SourceError:
        if status == 407:
            return SourceError(
                f"the proxy wants a password for {url}; set HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"
            )
        if self.block_on_403:
            return SourceError(
                f"{url} wants a password (HTTP {status}), which arXiv does not; check the base URL"
            )
        setting = f"PAPERKIN_{self.pace.name.upper().replace('-', '_')}_KEY"
        return SourceError(
            f"{self.pace.name} refused {url} (HTTP {status}): the key is missing, wrong or expired; set {setting}"
        )


class _AddressAuth(AuthBase):
    """The name and password of the address itself, if any; being there, it keeps requests from reading .netrc."""

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        name, password = get_auth_from_url(str(r.url))
        return HTTPBasicAuth(name, password)(r) if name or password else r


def _redirected(request: PreparedRequest, response: Response) -> PreparedRequest:
    """Make the request that a redirect within the service asks for; raise `SourceError` for any other redirect."""
    old, status = str(response.url), response.status_code
    location = response.headers["Location"].encode("latin-1").decode("utf-8", "replace")
    try:
        new = urljoin(old, location)
    except ValueError:
        new = location
    if not is_same_service(old, new):
        raise SourceError(
            f"{masked(old)} redirects to {masked(new)}, which is not the same server; if that is where the"
            f" service is now, set the base URL to it (PAPERKIN_OAI_PMH, PAPERKIN_ARXIV_API, ...)"
        )
    if status in {301, 302, 303} and request.method not in {"GET", "HEAD"}:
        raise SourceError(
            f"{masked(old)} redirects a {request.method} to {masked(new)}; set the base URL to that"
        )
    following = request.copy()
    try:
        following.prepare_url(new, None)
    except RequestException as error:
        raise SourceError(f"{masked(old)} redirects to {masked(new)}, which is no address") from describe(
            error
        ).cause
    return following


def _mask_record(record: logging.LogRecord) -> bool:
    """Hide keys in what urllib3 logs of each request."""
    record.msg, record.args = masked(record.getMessage()), ()
    return True
