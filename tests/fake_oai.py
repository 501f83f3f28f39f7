"""An OAI-PMH server in arXiv's form, over real HTTP: its records change while it is read, and it fails as told.

    python -m tests.fake_oai --records 50000 --page 2500 --faults all --port 0

prints its address. `/-/calm` then ends all faults, `/-/state` tells what happened, as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

from tests.oai_faults import Faults
from tests.oai_model import EARLIEST, TODAY, OaiRecord, build_records

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/'
    ' http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">\n'
)
_BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE OAI-PMH [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>\n<OAI-PMH>&c;</OAI-PMH>\n'
)
_HTML = (
    "<!DOCTYPE html>\n<html><head><title>Scheduled maintenance</title></head><body>Back soon</body></html>\n"
)
_LISTS = frozenset({"ListRecords", "ListIdentifiers"})
_ALLOWED = {
    "Identify": frozenset[str](),
    "ListSets": frozenset({"resumptionToken"}),
    "GetRecord": frozenset({"identifier", "metadataPrefix"}),
    "ListRecords": frozenset({"metadataPrefix", "from", "until", "set", "resumptionToken"}),
    "ListIdentifiers": frozenset({"metadataPrefix", "from", "until", "set", "resumptionToken"}),
}


@dataclass
class Reply:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None  # bytes of the body that are sent, all if None
    with_length: bool = True


class OaiFault(Exception):
    def __init__(self, code: str, text: str = "as the protocol defines it") -> None:
        self.code = code
        self.text = text
        super().__init__(code)


class FakeOai:
    """The server's records, clock, and faults; all may be changed while it is asked."""

    def __init__(
        self, records: Iterable[OaiRecord] = (), *, page: int = 100, identifiers: int | None = None
    ) -> None:
        self.page_sizes = {"ListRecords": page, "ListIdentifiers": identifiers or 8 * page}
        self.faults = Faults()
        self.now = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
        self.requests: list[dict[str, str]] = []
        self.times: list[float] = []  # monotonic, one for each request
        self.fired: Counter[str] = Counter()
        self.moved: list[str] = []
        self.url = ""
        self._records = {record.id: record for record in records}
        self._order = sorted((record.datestamp, record.id) for record in self._records.values())
        self._counts: Counter[str] = Counter()
        self._issued: dict[str, date] = {}  # tokens
        self._lock = threading.RLock()

    @property
    def records(self) -> list[OaiRecord]:
        """All records as they are now, in the order of the lists."""
        with self._lock:
            return [self._records[name] for _, name in self._order]

    def put(self, record: OaiRecord) -> None:
        """Add or replace a record."""
        with self._lock:
            self.drop(record.id)
            self._records[record.id] = record
            insort(self._order, (record.datestamp, record.id))

    def drop(self, name: str) -> None:
        """Take a record away without a trace."""
        with self._lock:
            old = self._records.pop(name, None)
            if old is not None:
                del self._order[bisect_left(self._order, (old.datestamp, old.id))]

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[FakeOai]:
        """Answer on loopback while the block lasts; `url` is the address."""
        server = _Server(("127.0.0.1", port), _handler(self))
        self.url = f"http://127.0.0.1:{server.server_address[1]}/oai"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def reply(self, query: str) -> Reply:
        """Answer the query of a URL, faults included."""
        with self._lock:
            given = parse_qs(query, keep_blank_values=True)
            params = {name: values[0] for name, values in given.items()}
            self.requests.append(params)
            self.times.append(time.monotonic())
            failing = self._failure()
            if failing is not None:
                return failing
            try:
                reply = Reply(
                    self._answer(params, repeated=any(len(values) > 1 for values in given.values()))
                )
            except OaiFault as fault:
                reply = Reply(self._envelope({}, f'<error code="{fault.code}">{fault.text}</error>'))
            except KeyError:
                return Reply(b"<html><title>500 Internal Server Error</title></html>", 500)
            if self._is_due("cut", self.faults.cut_every):
                reply.sent = len(reply.body) * 2 // 3
                reply.with_length = self.fired["cut"] % 2 == 0
            return reply

    def _is_due(self, name: str, every: int) -> bool:
        self._counts[name] += 1
        due = every > 0 and self._counts[name] % every == 0
        self.fired[name] += due
        return due

    def _failure(self) -> Reply | None:
        """Give what is answered instead of an answer, if anything."""
        if self.faults.down:
            return Reply(b"<html><title>500 Internal Server Error</title></html>", 500)
        if self._is_due("busy", self.faults.busy_every):
            soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
            return Reply(b"Retry", 503, {"Retry-After": "1" if self.fired["busy"] % 2 else soon})
        if self._is_due("html", self.faults.html_every):
            return Reply(_HTML.encode(), headers={"Content-Type": "text/html"})
        if self._is_due("doctype", self.faults.doctype_every):
            return Reply(_BOMB.encode())
        return None

    def _answer(self, params: dict[str, str], *, repeated: bool) -> bytes:
        if repeated:
            raise OaiFault("badArgument", "a repeated argument")
        verb = params.get("verb", "")
        if verb not in _ALLOWED:
            raise OaiFault("badVerb")
        arguments = {name: value for name, value in params.items() if name != "verb"}
        if not arguments.keys() <= _ALLOWED[verb]:
            raise OaiFault("badArgument", "unknown argument")
        if verb in _LISTS:
            return self._list(verb, arguments)
        if verb == "GetRecord":
            return self._get(arguments)
        content = self._identity() if verb == "Identify" else self._sets()
        return self._envelope(params, f"<{verb}>\n{content}</{verb}>")

    def _get(self, arguments: dict[str, str]) -> bytes:
        if arguments.keys() != _ALLOWED["GetRecord"]:
            raise OaiFault("badArgument", "missing argument")
        if arguments["metadataPrefix"] != "arXivRaw":
            raise OaiFault("cannotDisseminateFormat")
        record = self._records.get(arguments["identifier"].removeprefix("oai:arXiv.org:"))
        if record is None:
            raise OaiFault("idDoesNotExist")
        content = f"<GetRecord>\n{self._printed(record)}</GetRecord>"
        return self._envelope({"verb": "GetRecord"} | arguments, content)

    def _list(self, verb: str, arguments: dict[str, str]) -> bytes:
        skip = 0
        asked, token = arguments, arguments.get("resumptionToken")
        if token is not None:
            if len(arguments) > 1:
                raise OaiFault("badArgument", "resumptionToken is exclusive")
            asked, skip = self._of_token(verb, token)
        selected = self._selected(asked, pinned=self.faults.pinned and token is None)
        size = self.page_sizes[verb]
        page = [self._records[name] for _, name in selected[skip : skip + size]]
        if not page:
            raise OaiFault("noRecordsMatch")
        parts = [self._printed(record) for record in page] if verb == "ListRecords" else self._headers(page)
        if len(selected) > skip + size:
            parts.append(self._token(verb, asked, 0 if self.faults.repeating else skip + size))
        elif token is not None:
            parts.append("<resumptionToken/>\n")
        if self._is_due("move", self.faults.move_every) and len(self.moved) < self.faults.moves:
            self._move(page)
        return self._envelope({"verb": verb} | arguments, f"<{verb}>\n{''.join(parts)}</{verb}>")

    def _move(self, page: list[OaiRecord]) -> None:
        """Change a record that is being delivered: in a list that goes on, the next page begins one too late."""
        record = next((one for one in page if not one.deleted and one.datestamp < self.now.date()), None)
        if record is not None:
            self.moved.append(record.id)
            self.put(record.revised(self.now.date()))

    def _selected(self, asked: dict[str, str], *, pinned: bool) -> list[tuple[date, str]]:
        """Datestamps and ids of the records that a list is of, in order."""
        if "metadataPrefix" not in asked:
            raise OaiFault("badArgument", "metadataPrefix is missing")
        if asked["metadataPrefix"] != "arXivRaw":
            raise OaiFault("cannotDisseminateFormat")
        since, until = _a_day(asked.get("from")), _a_day(asked.get("until"))
        if (since and since < EARLIEST) or (until and until > self.now.date() + timedelta(days=1)):
            raise OaiFault("badArgument", "date out of range")
        if since and until and since > until:
            raise OaiFault("badArgument", "from is after until")
        if pinned and since and since.toordinal() % 4 == 0:
            self.fired["pinned"] += 1
            raise OaiFault("noRecordsMatch")
        begin = bisect_left(self._order, (since, "")) if since else 0
        end = bisect_left(self._order, (until + timedelta(days=1), "")) if until else len(self._order)
        chosen, wanted = self._order[begin:end], asked.get("set")
        if wanted is None:
            return chosen
        return [one for one in chosen if _is_in_set(self._records[one[1]].sets, wanted)]

    def _token(self, verb: str, asked: dict[str, str], skip: int) -> str:
        token = quote(urlencode({"verb": verb, **asked, "skip": skip}))
        self._issued[token] = self.now.date()
        midnight = self.now.date() + timedelta(days=1)
        return f'<resumptionToken expirationDate="{midnight}T00:00:00Z">{token}</resumptionToken>\n'

    def _of_token(self, verb: str, token: str) -> tuple[dict[str, str], int]:
        asked = dict(parse_qsl(unquote(token)))
        if asked.pop("verb", None) != verb or not asked.get("skip", "").isdecimal():
            raise OaiFault("badResumptionToken", "not a token of this list")
        # A token that this process did not give out is one of before its start: it is taken, as the server takes it.
        if self._issued.get(token, self.now.date()) != self.now.date():
            self.fired["midnight"] += 1
            raise OaiFault("badResumptionToken", "expired")
        if self._is_due("expire", self.faults.expire_every):
            raise OaiFault("badResumptionToken", "expired")
        return asked, int(asked.pop("skip"))

    def _printed(self, record: OaiRecord) -> str:
        if record.id in self.faults.broken:
            raise KeyError(record.categories)
        text = record.illegal_xml if self.faults.illegal and record.illegal else record.xml
        return text.replace("</title>", "</titel>") if record.id in self.faults.malformed else text

    def _headers(self, page: list[OaiRecord]) -> list[str]:
        for record in page:
            if record.id in self.faults.unlistable:
                raise KeyError(record.categories)
        return [f"{record.header_xml}\n" for record in page]

    def _identity(self) -> str:
        return (
            f"<repositoryName>arXiv</repositoryName>\n<baseURL>{self.url}</baseURL>\n<protocolVersion>2.0"
            "</protocolVersion>\n<adminEmail>help@arxiv.org</adminEmail>\n"
            f"<earliestDatestamp>{EARLIEST}</earliestDatestamp>\n<deletedRecord>persistent</deletedRecord>\n"
            "<granularity>YYYY-MM-DD</granularity>\n"
        )

    def _sets(self) -> str:
        found: set[str] = set()
        for record in self._records.values():
            for spec in record.sets:
                parts = spec.split(":")
                found |= {":".join(parts[:count]) for count in range(1, len(parts) + 1)}
        return "".join(
            f"<set><setSpec>{spec}</setSpec><setName>{spec}</setName></set>\n" for spec in sorted(found)
        )

    def _envelope(self, params: dict[str, str], content: str) -> bytes:
        at = self.now
        if self.faults.skewed:
            at += timedelta(days=(-2, 0, 2)[len(self.requests) % 3])
        given = "".join(f' {name}="{_attribute(value)}"' for name, value in params.items())
        text = (
            f"{_ENVELOPE}    <responseDate>{at:%Y-%m-%dT%H:%M:%SZ}</responseDate>\n"
            f"    <request{given}>{self.url}</request>\n{content}\n</OAI-PMH>\n"
        )
        return text.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=10_000)
def _is_in_set(sets: tuple[str, ...], wanted: str) -> bool:
    return any(one == wanted or one.startswith(f"{wanted}:") for one in sets)


def _attribute(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _a_day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise OaiFault("badArgument", "not YYYY-MM-DD") from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no error of the server's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it came


def _handler(fake: FakeOai) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/oai":
                time.sleep(fake.faults.delay)
                self._send(fake.reply(parts.query))
            elif parts.path in {"/-/calm", "/-/state"}:
                if parts.path == "/-/calm":
                    fake.faults = Faults()
                state = {"requests": len(fake.requests), "fired": dict(fake.fired), "moved": fake.moved}
                self._send(Reply(json.dumps(state).encode(), headers={"Content-Type": "application/json"}))
            else:
                self._send(Reply(b"<html><title>404 Not Found</title></html>", 404))

        def _send(self, reply: Reply) -> None:
            body = reply.body[: reply.sent]
            self.send_response(reply.status)
            for name, value in ({"Content-Type": "application/xml"} | reply.headers).items():
                self.send_header(name, value)
            if reply.with_length:
                self.send_header("Content-Length", str(len(reply.body)))
            if reply.sent is not None:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--page", type=int, default=2_500)
    parser.add_argument("--identifiers", type=int, default=20_000)
    parser.add_argument("--faults", choices=("none", "all"), default="none")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    fake = FakeOai(
        build_records(chosen.records, seed=chosen.seed), page=chosen.page, identifiers=chosen.identifiers
    )
    if chosen.faults == "all":
        fake.faults = Faults.all()
    with fake.serving(chosen.port):
        print(fake.url, flush=True)  # noqa: T201  # whoever started it waits for the address
        threading.Event().wait()


if __name__ == "__main__":
    main()
