"""What a caller's URL may reach: real servers on loopback, allowed and not."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

import pytest

from windrow_apps.shared import outbound
from windrow_apps.shared.outbound import (
    OutboundRefused,
    OutboundSettings,
    OutboundUnavailable,
    check_url,
    fetch,
    post,
)


class Handler(BaseHTTPRequestHandler):
    """`/redirect?<url>`, `/status/<n>`, `/bytes/<n>`, `/silent`, `/drip`, `/slow/<redirects>`, `/slow-headers`."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, bytes, dict[str, str]]] = []  # noqa: RUF012 - read by the tests

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, body, dict(self.headers)))
        name, _, rest = self.path[1:].partition("/" if "?" not in self.path else "?")
        if name == "redirect":
            self._say(302, b"", Location=unquote(rest, "latin-1"))
        elif name == "status":
            self._say(int(rest), b"no")
        elif name == "silent":
            self.server.over.wait(10)  # type: ignore[attr-defined]
        elif name == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(50):
                self.wfile.write(b"x")
                if self.server.over.wait(0.05):  # type: ignore[attr-defined]
                    return
        elif name == "slow":
            self.server.over.wait(0.3)  # type: ignore[attr-defined]
            self._say(302 if int(rest) else 200, b"", Location=f"/slow/{int(rest) - 1}")
        elif name == "slow-headers":
            for letter in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
                self.wfile.write(bytes([letter]))
                if self.server.over.wait(0.05):  # type: ignore[attr-defined]
                    return
        elif name == "chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(int(rest)):
                self.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        else:
            self._say(200, b"x" * int(rest or 0), **{"Content-Type": "text/csv"})

    do_POST = do_GET  # noqa: N815

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.over = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.over.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def asked() -> list[tuple[str, str, bytes, dict[str, str]]]:
    Handler.asked.clear()
    return Handler.asked


LOOPBACK = OutboundSettings(networks="127.0.0.0/8", step_seconds=2, total_seconds=3, max_bytes=5000)
PUBLIC = LOOPBACK.model_copy(update={"networks": ""})


def test_what_is_allowed_is_fetched_whole(site: str, asked: list[Any]) -> None:
    into = io.BytesIO()
    found = fetch(f"{site}/bytes/3000", into, LOOPBACK)
    assert (found.bytes, found.content_type, len(into.getvalue())) == (3000, "text/csv", 3000)
    assert asked[0][3]["Host"] == site.removeprefix("http://")


def test_a_name_that_leads_to_a_private_address_is_not_connected_to(
    site: str, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(site.rpartition(":")[2])
    answers: dict[str, list[str]] = {
        "evil.example.com": ["127.0.0.1"],
        "mixed.example.com": ["93.184.216.34", "127.0.0.1"],
    }

    looked_up: list[str] = []

    def resolve(host: str, port: int) -> list[Any]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers[host]]

    monkeypatch.setattr(outbound, "_resolve", resolve)
    for name in answers:
        with pytest.raises(OutboundRefused, match=f"{name} is not a public address"):
            fetch(f"http://{name}:{port}/bytes/1", io.BytesIO(), PUBLIC)
    assert asked == []
    # The name is looked up once, and what it said then is what is connected to.
    looked_up.clear()
    fetch(f"http://evil.example.com:{port}/bytes/1", io.BytesIO(), LOOPBACK)
    assert asked[0][3]["Host"] == f"evil.example.com:{port}"
    assert looked_up == ["evil.example.com"]


@pytest.mark.parametrize(
    "target", ["http://10.255.255.1/", "http://[::1]/", "file:///etc/passwd", "ftp://x.org/"]
)
def test_a_redirect_is_checked_like_the_first_address(site: str, asked: list[Any], target: str) -> None:
    with pytest.raises(OutboundRefused):
        fetch(f"{site}/redirect?{target}", io.BytesIO(), LOOPBACK)
    assert len(asked) == 1


def test_redirects_are_followed_but_not_for_ever(site: str, asked: list[Any]) -> None:
    into = io.BytesIO()
    assert fetch(f"{site}/redirect?/bytes/10", into, LOOPBACK).url == f"{site}/bytes/10"
    with pytest.raises(OutboundRefused, match="too often"):
        fetch(
            f"{site}/redirect?{site}/redirect", io.BytesIO(), LOOPBACK.model_copy(update={"max_redirects": 0})
        )


@pytest.mark.parametrize("path", ["/bytes/5001", "/chunks/6"])
def test_an_answer_has_at_most_so_many_bytes(site: str, path: str) -> None:
    into = io.BytesIO()
    with pytest.raises(OutboundRefused, match="longer than 5000 bytes"):
        fetch(site + path, into, LOOPBACK)
    assert len(into.getvalue()) <= 5000


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/status/404", OutboundRefused),
        ("/status/401", OutboundRefused),
        ("/status/503", OutboundUnavailable),
        ("/status/429", OutboundUnavailable),
        ("/silent", OutboundUnavailable),
        ("/drip", OutboundUnavailable),
        ("/slow/4", OutboundUnavailable),
        ("/slow-headers", OutboundUnavailable),
    ],
)
def test_what_may_come_later_is_told_from_what_may_not(site: str, path: str, kind: type[Exception]) -> None:
    quick = LOOPBACK.model_copy(update={"step_seconds": 0.5, "total_seconds": 0.8})
    with pytest.raises(kind):
        fetch(site + path, io.BytesIO(), quick)


def test_a_post_ends_in_time_however_slowly_it_is_answered(site: str) -> None:
    quick = LOOPBACK.model_copy(update={"total_seconds": 0.8})
    with pytest.raises(OutboundUnavailable):
        post(f"{site}/slow-headers", b"{}", {"Content-Length": "2"}, quick)


@pytest.mark.parametrize("target", ["http://[", "/bytes/\xe4", "http://127.0.0.1:99999/"])
def test_a_redirect_that_is_no_url_is_refused(site: str, target: str) -> None:
    with pytest.raises(OutboundRefused, match="URL"):
        fetch(f"{site}/redirect?{quote(target, safe=':/[', encoding='latin-1')}", io.BytesIO(), LOOPBACK)


@pytest.mark.parametrize(
    "url", ["https://example.com/\xe4", "https://m\xfcnchen.example/", "https://example.com/?q=漢"]
)
def test_a_url_with_letters_beyond_ascii_is_refused_before_it_is_asked(url: str) -> None:
    with pytest.raises(OutboundRefused, match="percent-encoded"):
        check_url(url, PUBLIC)


def test_nobody_there_and_no_such_name_are_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(OutboundUnavailable):
        fetch(f"http://127.0.0.1:{port}/", io.BytesIO(), LOOPBACK)
    with pytest.raises(OutboundUnavailable, match="no address"):
        fetch("http://nowhere.invalid/", io.BytesIO(), LOOPBACK)


def test_a_post_carries_its_body_and_follows_nothing(site: str, asked: list[Any]) -> None:
    assert post(f"{site}/bytes/1", b"{}", {"X-Own": "1", "Content-Length": "2"}, LOOPBACK) == 200
    method, _, body, headers = asked[0]
    assert (method, body, headers["X-Own"]) == ("POST", b"{}", "1")
    with pytest.raises(OutboundRefused, match="answered 302"):
        post(f"{site}/redirect?/bytes/1", b"{}", {"Content-Length": "2"}, LOOPBACK)
    with pytest.raises(OutboundRefused, match="not a public"):
        post(f"{site}/bytes/1", b"{}", {}, PUBLIC)
