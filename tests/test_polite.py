"""HTTP against servers that behave badly: bounded in time and size, patient, and never giving a key away."""

from __future__ import annotations

import gzip
import logging
import socket
import subprocess
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import arxiv
import pytest
import requests

from indexer.errors import SettingsError, SourceError
from indexer.sources.polite import session as polite
from indexer.sources.polite.pace import Pace
from indexer.sources.polite.session import PoliteSession, is_same_service, masked, user_agent
from tests.builders import NOW, later
from tests.fake_upstream import Answer, Upstream

ROOT = Path(__file__).parents[1]
SECRET = "s3cret"  # noqa: S105  # of nobody
GOOD = Answer(body=b"<answer>whole</answer>")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


class Visitor:
    """A session whose waits are noted instead of slept through."""

    def __init__(self, folder: Path, name: str = "arxiv", patience: float = 900.0, **options: Any) -> None:
        self.slept: list[float] = []
        self.pace = Pace(name, 0.0, folder, sleep=self.slept.append, patience=patience)
        self.session = PoliteSession(self.pace, **options)
        self.session.read_timeout = 2.0

    def error(self, url: str, **options: Any) -> str:
        """What is said when the URL cannot be had."""
        with pytest.raises(SourceError) as raised:
            self.session.get(url, **options)
        return str(raised.value)


@pytest.fixture
def visitor(tmp_path: Path) -> Visitor:
    return Visitor(tmp_path)


class TestRequest:
    def test_brings_the_answer_whole(self, visitor: Visitor) -> None:
        with Upstream(GOOD) as server:
            response = visitor.session.get(f"{server.url}/oai", params={"verb": "Identify"})
        assert response.content == GOOD.body
        assert response.text == "<answer>whole</answer>"
        assert b"".join(response.iter_content(5)) == GOOD.body
        assert server.asked[0].path == "/oai?verb=Identify"

    def test_posts_json(self, visitor: Visitor) -> None:
        with Upstream(Answer(body=b"[null]")) as server:
            assert visitor.session.post(
                server.url, params={"fields": "title"}, json={"ids": ["x"]}
            ).json() == [None]
        assert (server.asked[0].method, server.asked[0].body) == ("POST", b'{"ids": ["x"]}')

    @pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 406, 410, 422])
    def test_leaves_to_the_caller_what_is_about_the_request(self, visitor: Visitor, status: int) -> None:
        with Upstream(Answer(status=status)) as server:
            response = visitor.session.get(server.url)
        assert response.status_code == status
        assert response.content == (b"" if status in {204, 304} else b"<answer/>")
        assert len(server.asked) == 1

    def test_unpacks_gzip(self, visitor: Visitor) -> None:
        with Upstream(Answer(body=gzip.compress(b"text"), headers={"Content-Encoding": "gzip"})) as server:
            assert visitor.session.get(server.url).content == b"text"
        assert server.asked[0].headers["Accept-Encoding"] == "gzip"

    def test_leaves_no_connection_open(self, visitor: Visitor) -> None:
        with Upstream(Answer(headers={"Connection": "keep-alive"})) as server:
            for _ in range(3):
                visitor.session.get(server.url)
            assert server.most_connections == 1
            assert {one.headers["Connection"] for one in server.asked} == {"close"}

    def test_leaves_no_connection_open_that_the_server_keeps(self, visitor: Visitor) -> None:
        with Upstream(Answer(fault="stay")) as server:
            visitor.session.get(server.url)
            end = time.monotonic() + 2
            while server.open_connections and time.monotonic() < end:
                time.sleep(0.01)
            assert server.open_connections == 0

    def test_goes_through_the_proxy_of_the_environment(
        self, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Upstream(GOOD) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)
            assert visitor.session.get("http://export.arxiv.org/api").content == GOOD.body
        assert proxy.asked[0].path == "http://export.arxiv.org/api"

    def test_of_the_arxiv_package_is_ours(self, visitor: Visitor) -> None:
        feed = b'<feed xmlns="http://www.w3.org/2005/Atom"></feed>'
        with Upstream([Answer(status=503), Answer(body=feed)]) as server:
            client = arxiv.Client(num_retries=0, delay_seconds=0)
            client._session = visitor.session
            client.query_url_format = f"{server.url}/api/query?{{}}"
            assert list(client.results(arxiv.Search("all:electron", max_results=1))) == []
        assert {one.headers["User-Agent"] for one in server.asked} == {user_agent(None)}
        assert len(server.asked) == 2

    def test_to_no_address_is_refused(self, visitor: Visitor) -> None:
        assert "ftp://export.arxiv.org" in visitor.error("ftp://export.arxiv.org/")
        assert "cannot be asked for" in visitor.error("http://")
        assert visitor.slept == []


class TestIdentity:
    def test_names_the_product_and_the_operator(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(polite, "version", lambda name: f"1.2.3-of-{name}")
        product = "paperkin/1.2.3-of-paperkin"
        assert user_agent(None) == product
        assert user_agent("a.b@c.org") == f"{product} (+mailto:a.b@c.org)"
        assert user_agent("https://c.org/bot") == f"{product} (+https://c.org/bot)"

    def test_is_known_without_an_installation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(_: str) -> str:
            raise PackageNotFoundError

        monkeypatch.setattr(polite, "version", missing)
        assert user_agent("a@b.c") == "paperkin (+mailto:a@b.c)"

    @pytest.mark.parametrize(
        "contact", ["", "me", "Jürgen <j@x.de>", "a@b.c\r\nX-Evil: 1", "(a@b.c)", "ftp://x.org"]
    )
    def test_needs_an_address(self, contact: str) -> None:
        with pytest.raises(SettingsError, match="PAPERKIN_CONTACT="):
            user_agent(contact)

    def test_cannot_be_overridden(self, tmp_path: Path) -> None:
        visitor = Visitor(tmp_path, contact="a@b.c")
        with Upstream() as server:
            visitor.session.get(server.url, headers={"user-agent": "arxiv.py/4.0.2", "X-More": "1"})
        assert server.asked[0].headers["User-Agent"] == user_agent("a@b.c")
        assert server.asked[0].headers["X-More"] == "1"

    def test_keeps_no_cookies(self, visitor: Visitor) -> None:
        with Upstream(Answer(headers={"Set-Cookie": "id=1; Path=/"})) as server:
            visitor.session.get(server.url)
            visitor.session.get(server.url)
        assert "Cookie" not in server.asked[1].headers

    def test_reads_no_netrc(self, visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        with Upstream() as server:
            requests.get(server.url, timeout=5)
            visitor.session.get(server.url)
        assert "Authorization" in server.asked[0].headers
        assert "Authorization" not in server.asked[1].headers


class TestRefusals:
    def test_are_waited_out_as_long_as_the_server_asks(self, visitor: Visitor) -> None:
        dated = {
            "Retry-After": format_datetime(later(1), usegmt=True),
            "Date": format_datetime(NOW, usegmt=True),
        }
        answers = [
            Answer(status=503, headers={"Retry-After": "45"}),
            Answer(status=429),
            Answer(status=502, headers={"Retry-After": "7"}),
            GOOD,
        ]
        with Upstream(answers) as server:
            assert visitor.session.get(server.url).content == GOOD.body
        assert visitor.slept == pytest.approx([45, 60, 7], abs=1)
        with Upstream(Answer(status=503, headers=dated)) as server:
            assert "left alone until" in visitor.error(server.url)
        assert len(server.asked) == 1

    def test_are_forgiven_by_a_success(self, visitor: Visitor) -> None:
        with Upstream([Answer(status=503), GOOD] * 2) as server:
            for _ in range(2):
                assert visitor.session.get(server.url).ok
        assert visitor.slept == pytest.approx([30, 30], abs=1)

    def test_are_remembered_by_the_next_command(self, tmp_path: Path) -> None:
        with Upstream([Answer(status=429, headers={"Retry-After": "600"}), GOOD]) as server:
            assert "HTTP 429" in Visitor(tmp_path, patience=0.0).error(server.url)
            second = Visitor(tmp_path, patience=0.0)
            assert "left alone until" in second.error(server.url)
            assert len(server.asked) == 1
            third = Visitor(tmp_path)
            assert third.session.get(server.url).content == GOOD.body
        assert third.slept == pytest.approx([600], abs=5)

    def test_of_a_server_in_trouble_are_backed_off_from(self, visitor: Visitor) -> None:
        with Upstream(Answer(status=500)) as server:
            assert f"{server.url}/oai answered HTTP 500 (tried 6 times)" in visitor.error(f"{server.url}/oai")
        assert len(server.asked) == 6
        assert visitor.slept == [5, 10, 20, 40, 80]

    @pytest.mark.parametrize("status", [408, 500, 502, 504, 520])
    def test_of_every_such_kind_are_tried_again(self, visitor: Visitor, status: int) -> None:
        with Upstream([Answer(status=status), GOOD]) as server:
            assert visitor.session.get(server.url).ok
        assert len(server.asked) == 2

    def test_by_403_stop_everything_at_arxiv(self, tmp_path: Path) -> None:
        with Upstream(Answer(status=403)) as server:
            said = Visitor(tmp_path, block_on_403=True).error(f"{server.url}/oai?verb=Identify")
            assert f"arxiv forbade {server.url}/oai?verb=Identify (HTTP 403)" in said
            assert str(tmp_path / "arxiv.json") in said
            assert Visitor(tmp_path, block_on_403=True).error(f"{server.url}/api") == said
        assert len(server.asked) == 1

    @pytest.mark.parametrize("status", [401, 403])
    def test_of_a_key_name_its_setting(self, tmp_path: Path, status: int) -> None:
        visitor = Visitor(tmp_path, "semantic-scholar", headers={"x-api-key": "s3cret"})
        with Upstream([Answer(status=status), GOOD]) as server:
            said = visitor.error(server.url)
            assert visitor.session.get(server.url).ok
        assert f"HTTP {status}" in said
        assert "PAPERKIN_SEMANTIC_SCHOLAR_KEY" in said
        assert server.asked[0].headers["x-api-key"] == "s3cret"
        assert "s3cret" not in said

    def test_of_a_proxy_name_it(self, visitor: Visitor) -> None:
        with Upstream(Answer(status=407)) as server:
            assert "set HTTPS_PROXY" in visitor.error(server.url)


class TestConnections:
    @pytest.mark.parametrize("fault", ["cut", "cut chunk", "cut chunks", "hang up", "nonsense"])
    def test_that_break_are_tried_again(self, visitor: Visitor, fault: str) -> None:
        with Upstream([Answer(body=b"x" * 200_000, fault=fault), GOOD]) as server:
            assert visitor.session.get(server.url).content == GOOD.body
        assert len(server.asked) == 2

    def test_that_always_break_are_given_up(self, visitor: Visitor) -> None:
        with Upstream(Answer(fault="cut")) as server:
            assert "broke the connection before its answer was complete (tried 6 times)" in visitor.error(
                server.url
            )
        assert len(server.asked) == 6

    def test_cut_without_a_length_cannot_be_told(self, visitor: Visitor) -> None:
        with Upstream(Answer(body=b"12345678", fault="cut without length")) as server:
            assert visitor.session.get(server.url).content == b"1234"

    def test_with_damaged_compression_are_tried_again(self, visitor: Visitor) -> None:
        broken = Answer(body=b"no gzip at all", headers={"Content-Encoding": "gzip"})
        with Upstream([broken, GOOD]) as server:
            assert visitor.session.get(server.url).content == GOOD.body
            assert len(server.asked) == 2

    def test_refused_are_few(self, visitor: Visitor) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            said = visitor.error(f"http://127.0.0.1:{closed.getsockname()[1]}/oai")
        assert "/oai is out of reach: the connection was refused (tried 4 times)" in said
        assert visitor.slept == [5, 10, 20]

    def test_to_an_unknown_host_are_few(self, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        assert "is out of reach: its host has no known address (tried 4 times)" in visitor.error(
            "https://arxiv.invalid/"
        )

    def test_without_an_answer_time_out(self, visitor: Visitor) -> None:
        visitor.session.read_timeout = 0.2
        with Upstream([Answer(fault="hang"), GOOD]) as server:
            assert visitor.session.get(server.url).content == GOOD.body
        with Upstream(Answer(fault="hang")) as server:
            assert "did not answer in time (tried 4 times)" in visitor.error(server.url)


@contextmanager
def trickling_handshake() -> Iterator[str]:
    """The address of a server that takes for ever over its part of the TLS handshake."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def serve() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    piece = b"\x16\x03\x03\x40\x00"  # a record of 16 kB is announced
                    try:
                        while not stop.wait(0.05):
                            connection.sendall(piece)
                            piece = b"\x02"
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.getsockname()[1]}/"
        finally:
            stop.set()
            thread.join()


class TestDeadline:
    @pytest.mark.parametrize("fault", ["trickle headers", "trickle body"])
    def test_ends_a_trickle(self, tmp_path: Path, fault: str) -> None:
        visitor = Visitor(tmp_path, deadline=0.4, tries=2)
        with Upstream(Answer(body=b"x" * 10_000, fault=fault)) as server:
            start = time.monotonic()
            said = visitor.error(server.url)
            assert 0.8 <= time.monotonic() - start < 3
            assert server.url in said
            assert "not answered in full within 0.4 s (tried 2 times)" in said

    def test_ends_a_handshake(self, tmp_path: Path) -> None:
        with trickling_handshake() as url:
            start = time.monotonic()
            assert "not answered in full within 0.4 s" in Visitor(tmp_path, deadline=0.4, tries=1).error(url)
            assert time.monotonic() - start < 3

    def test_leaves_others_alone(self, tmp_path: Path) -> None:
        visitor = Visitor(tmp_path, deadline=0.4)
        with Upstream([Answer(body=b"x" * 10_000, fault="trickle body"), Answer(delay=0.2)]) as server:
            assert visitor.session.get(server.url).content == b"<answer/>"

    def test_leaves_nothing_behind(self, visitor: Visitor) -> None:
        with Upstream() as server:
            visitor.session.get(server.url)
        timers = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
        for timer in timers:
            timer.join(1)
        assert not any(timer.is_alive() for timer in timers)


def bomb(megabytes: int) -> bytes:
    """Zeros, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()


MEASURE = """
import re, sys
from pathlib import Path
from indexer.errors import SourceError
from indexer.sources.polite.pace import Pace
from indexer.sources.polite.session import PoliteSession
session = PoliteSession(Pace("arxiv", 0.0, Path(sys.argv[1])))
try:
    session.get(sys.argv[2])
except SourceError as error:
    print(error)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


class TestSize:
    def test_is_limited(self, tmp_path: Path) -> None:
        visitor = Visitor(tmp_path, max_bytes=100_000)
        with Upstream([Answer(body=bytes(100_000)), Answer(body=bytes(100_001))]) as server:
            assert len(visitor.session.get(server.url).content) == 100_000
            assert f"{server.url}/ sent more than 0.1 MB" in visitor.error(server.url)
        assert len(server.asked) == 2

    def test_of_a_redirect_is_not_read(self, tmp_path: Path) -> None:
        visitor = Visitor(tmp_path, max_bytes=1_000, deadline=1.0)
        away = Answer(status=302, body=bytes(10_000_000), headers={"Location": "/new"}, fault="trickle body")
        with Upstream([away, GOOD]) as server:
            assert visitor.session.get(server.url).content == GOOD.body

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system tells no peak of memory")
    def test_of_a_bomb_is_bounded_in_memory(self, tmp_path: Path) -> None:
        body = bomb(200)
        assert len(body) < 200_000
        with Upstream(Answer(body=body, headers={"Content-Encoding": "gzip"})) as server:
            told = subprocess.run(  # noqa: S603  # ours
                [sys.executable, "-c", MEASURE, str(tmp_path), server.url],
                cwd=ROOT,
                capture_output=True,
                check=True,
                text=True,
            ).stdout.splitlines()
        assert f"{server.url}/ sent more than 50 MB" in told[0]
        assert int(told[1]) < 100_000

    @pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd"])
    def test_is_not_left_to_packings_that_were_not_asked_for(self, visitor: Visitor, encoding: str) -> None:
        with Upstream(Answer(body=gzip.compress(bomb(1)), headers={"Content-Encoding": encoding})) as server:
            assert f"{server.url}/ came packed as {encoding!r}" in visitor.error(server.url)
        assert len(server.asked) == 1


class TestRedirects:
    def test_within_the_server_are_followed_in_turn(self, visitor: Visitor) -> None:
        answers = [
            Answer(status=301, headers={"Location": "/new?verb=Identify"}),
            Answer(status=308, headers={"Location": "newer"}),
            GOOD,
        ]
        with Upstream(answers) as server:
            response = visitor.session.get(f"{server.url}/old")
        assert (response.content, response.url) == (GOOD.body, f"{server.url}/newer")
        assert [one.path for one in server.asked] == ["/old", "/new?verb=Identify", "/newer"]
        assert [one.status_code for one in response.history] == [301, 308]
        assert server.most_connections == 1

    @pytest.mark.parametrize(
        "elsewhere", ["https://evil.example/oai", "//evil.example/oai", "http://localhost:1/", "http://[/"]
    )
    def test_elsewhere_are_refused_with_both_addresses(self, visitor: Visitor, elsewhere: str) -> None:
        with Upstream(Answer(status=302, headers={"Location": elsewhere})) as server:
            said = visitor.error(f"{server.url}/oai")
        assert f"{server.url}/oai redirects to " in said
        assert elsewhere.lstrip("/") in said
        assert "set the base URL" in said
        assert len(server.asked) == 1

    def test_without_end_are_refused(self, visitor: Visitor) -> None:
        with Upstream(Answer(status=302, headers={"Location": "/"})) as server:
            assert "redirects more than 3 times" in visitor.error(server.url)
        assert len(server.asked) == 4

    def test_of_a_post_are_followed_only_as_a_post(self, visitor: Visitor) -> None:
        with Upstream([Answer(status=307, headers={"Location": "/new"}), GOOD]) as server:
            assert visitor.session.post(server.url, json=[1]).content == GOOD.body
        assert (server.asked[1].method, server.asked[1].body) == ("POST", b"[1]")
        with (
            Upstream(Answer(status=301, headers={"Location": "/new"})) as server,
            pytest.raises(SourceError, match="POST"),
        ):
            visitor.session.post(server.url, json=[1])

    @pytest.mark.parametrize(
        ("old", "new", "same"),
        [
            ("http://arxiv.org/a", "https://arxiv.org/b", True),
            ("http://arxiv.org:80/a", "https://arxiv.org:443/b", True),
            ("https://arxiv.org/a", "https://ARXIV.org:443/b", True),
            ("https://arxiv.org/a", "http://arxiv.org/a", False),
            ("https://arxiv.org/a", "https://arxiv.org:8443/a", False),
            ("https://arxiv.org/a", "https://arxiv.org.evil.example/a", False),
            ("https://arxiv.org/a", "https://arxiv.org@evil.example/a", False),
            ("https://arxiv.org/a", "https://arxiv.org:x/a", False),
            ("https://arxiv.org/a", "file:///etc/passwd", False),
        ],
    )
    def test_same_server(self, old: str, new: str, same: bool) -> None:  # noqa: FBT001  # a parameter of pytest
        assert is_same_service(old, new) is same


class TestSecrets:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            (
                "https://api.openalex.org/works?api_key=abc&per_page=5",
                "https://api.openalex.org/works?api_key=***&per_page=5",
            ),
            ("/works?filter=doi:1&API_KEY=a%20b#x", "/works?filter=doi:1&API_KEY=***#x"),
            ('"GET /works?api_key=abc HTTP/1.1" 200', '"GET /works?api_key=*** HTTP/1.1" 200'),
            ("http://me:pw@mirror.org/oai", "http://***@mirror.org/oai"),
            ("https://oai.org/?resumptionToken=a@b", "https://oai.org/?resumptionToken=a@b"),
        ],
    )
    def test_are_masked(self, text: str, shown: str) -> None:
        assert masked(text) == shown

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(status=400),
            Answer(status=500),
            Answer(status=429),
            Answer(status=401),
            Answer(status=403),
            Answer(fault="cut"),
            Answer(fault="nonsense"),
            Answer(body=bytes(2_000)),
            Answer(status=302, headers={"Location": f"http://evil.example/?api_key={SECRET}"}),
            Answer(status=302, headers={"Location": f"/?api_key={SECRET}"}),
        ],
    )
    def test_never_show(self, tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: Answer) -> None:
        visitor = Visitor(tmp_path, "openalex", max_bytes=1_000, headers={"x-api-key": SECRET}, tries=2)
        caplog.set_level(logging.DEBUG)
        with Upstream(answer) as server:
            self.look(visitor, server.url.replace("//", f"//me:{SECRET}@"))
        assert SECRET in server.asked[0].path
        assert server.asked[0].headers["Authorization"].startswith("Basic ")
        assert SECRET not in caplog.text + (tmp_path / "openalex.json").read_text()

    def test_are_masked_in_the_log_of_urllib3(
        self, visitor: Visitor, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        with Upstream() as server:
            self.look(visitor, server.url)
        assert '"GET /works?api_key=*** HTTP/1.1" 200' in caplog.text

    def test_never_show_where_nobody_listens(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.look(Visitor(tmp_path, "openalex"), f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert SECRET not in caplog.text

    def look(self, visitor: Visitor, url: str) -> None:
        told = ""
        try:
            visitor.session.get(f"{url}/works", params={"api_key": SECRET})
        except SourceError as error:
            told = "".join(traceback.format_exception(error))
        assert SECRET not in told
