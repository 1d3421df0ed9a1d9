"""HTTP to addresses that a caller names: public ones only, bounded in time, bytes and redirects.

Names are resolved here, each address is checked, and the connection goes to the address that was checked: a name
that changes its mind between the check and the connection, or a redirect, reaches nothing else.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import httpcore
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from windrow_apps.shared.deadline_stream import DeadlineStream, seconds_left

MIB = 1024 * 1024
USER_AGENT = "windrow/1"
MAX_URL_CHARACTERS = 2000
REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Statuses that say "come again later".
NOT_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class OutboundError(Exception):
    """A request to somebody else's address did not end well; the message is safe to show."""


class OutboundRefused(OutboundError):
    """It may not be asked, or what it answers cannot be used: again would not help."""


class OutboundUnavailable(OutboundError):
    """It does not answer, or not now."""


class OutboundSettings(BaseSettings):
    """Where callers may send a worker, and for how long. Each field is read from `WINDROW_OUTBOUND_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_OUTBOUND_", frozen=True, extra="ignore")

    #: Networks that may be reached although they are not public: `10.1.2.0/24,192.168.7.9`. Public ones always may.
    networks: str = ""
    #: Seconds to open a connection, and to wait for the next bytes.
    step_seconds: float = Field(default=10, gt=0, le=60)
    #: Seconds for everything, redirects included.
    total_seconds: float = Field(default=60, gt=0, le=600)
    #: Bytes of an answer.
    max_bytes: int = Field(default=32 * MIB, ge=1024, le=1024 * MIB)
    #: Redirects that are followed; each is checked like the first address.
    max_redirects: int = Field(default=5, ge=0, le=20)

    @field_validator("networks")
    @classmethod
    def _networks(cls, text: str) -> str:
        _parsed(text)
        return text

    @property
    def allowed(self) -> tuple[Network, ...]:
        """`networks`, parsed."""
        return _parsed(self.networks)


def outbound_settings() -> OutboundSettings:
    """Read the settings now; for entry points."""
    return OutboundSettings()


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer whose body was written to a file."""

    #: Where it came from in the end.
    url: str
    content_type: str
    bytes: int


def check_url(url: str, settings: OutboundSettings) -> None:
    """Refuse what no request may be sent to, by its text alone. Raises OutboundRefused."""
    if len(url) > MAX_URL_CHARACTERS:
        raise OutboundRefused(f"a URL has at most {MAX_URL_CHARACTERS} characters")
    if not url.isascii():
        raise OutboundRefused(
            "the URL has letters beyond ASCII: write them percent-encoded, in a host as punycode"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise OutboundRefused(f"not a URL: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise OutboundRefused("the URL must begin with http:// or https://")
    if not host or any(character.isspace() or ord(character) < 32 for character in url):
        raise OutboundRefused("the URL has no host, or a space in it")
    if parts.username is not None or parts.password is not None:
        raise OutboundRefused("a URL with a user name or a password is not asked")
    if port == 0:
        raise OutboundRefused("the URL has no port that could be asked")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost"):
            _check_address("127.0.0.1", host, settings.allowed)
        return
    _check_address(str(address), host, settings.allowed)


def fetch(url: str, into: BinaryIO, settings: OutboundSettings) -> Fetched:
    """GET `url` and write its body to `into`. Raises OutboundRefused or OutboundUnavailable."""
    with _pool(settings) as pool:
        for _ in range(settings.max_redirects + 1):
            check_url(url, settings)
            try:
                with pool.stream("GET", url, headers=_headers({}), extensions=_timeouts(settings)) as answer:
                    target = _header(answer, b"location")
                    if answer.status in REDIRECTS and target:
                        url = _joined(url, target)
                        continue
                    _check_status(answer.status, url)
                    size = _write(answer, into, settings.max_bytes)
                    return Fetched(url, _header(answer, b"content-type"), size)
            except _TROUBLE as error:
                raise OutboundUnavailable(f"{_site(url)}: {_words(error)}") from error
    raise OutboundRefused(f"{_site(url)} redirects too often")


def post(url: str, body: bytes, headers: Mapping[str, str], settings: OutboundSettings) -> int:
    """POST `body` and return the status, which is 2xx; redirects are refused. Raises as `fetch` does."""
    check_url(url, settings)
    with _pool(settings) as pool:
        try:
            with pool.stream(
                "POST", url, headers=_headers(headers), content=body, extensions=_timeouts(settings)
            ) as answer:
                _check_status(answer.status, url)
                return answer.status
        except _TROUBLE as error:
            raise OutboundUnavailable(f"{_site(url)}: {_words(error)}") from error


_TROUBLE = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError)


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to an address that was checked, never to a name; all of it ends at `deadline`."""

    def __init__(self, allowed: tuple[Network, ...], deadline: float) -> None:
        self._allowed = allowed
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        found = list(dict.fromkeys(str(each[4][0]) for each in _resolve(host, port)))
        for address in found:
            # One private address among public ones is a trick, not a mirror.
            _check_address(address, host, self._allowed)
        error: Exception = OSError(f"{host} has no address")
        for address in found[:4]:
            left = seconds_left(self._deadline, timeout)
            try:
                stream = self._plain.connect_tcp(address, port, left, local_address, socket_options)
                return DeadlineStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                error = refused
        raise error


def _resolve(host: str, port: int) -> list[tuple[object, object, object, object, tuple[object, ...]]]:
    try:
        return [*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (socket.gaierror, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} has no address") from error


def _pool(settings: OutboundSettings) -> httpcore.ConnectionPool:
    """For one call: its seconds begin now."""
    backend = _CheckedBackend(settings.allowed, time.monotonic() + settings.total_seconds)
    return httpcore.ConnectionPool(max_connections=1, network_backend=backend, proxy=None)


def _check_address(address: str, host: str, allowed: tuple[Network, ...]) -> None:
    own = ipaddress.ip_address(address.partition("%")[0])
    # What a translator on the way would unpack counts as what it becomes.
    inner = _inner(own)
    if any(each.version == inner.version and inner in each for each in allowed):
        return
    if not inner.is_global or inner.is_multicast:
        raise OutboundRefused(f"{host} is not a public address")


def _inner(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError as error:
        raise OutboundRefused(f"{_site(url)} redirects to what is no URL: {error}") from None


def _write(answer: httpcore.Response, into: BinaryIO, limit: int) -> int:
    if (_header(answer, b"content-encoding") or "identity") != "identity":
        raise OutboundRefused("the answer is compressed, which was not asked for")
    announced = _header(answer, b"content-length")
    size = int(announced) if announced.isdigit() else 0
    if size <= limit:
        size = 0
        for piece in answer.iter_stream():
            size += len(piece)
            if size > limit:
                break
            into.write(piece)
    if size > limit:
        raise OutboundRefused(f"the answer is longer than {limit} bytes")
    return size


def _check_status(status: int, url: str) -> None:
    if 200 <= status < 300:
        return
    kind = OutboundUnavailable if status in NOT_NOW else OutboundRefused
    raise kind(f"{_site(url)} answered {status}")


def _headers(more: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        ("User-Agent", USER_AGENT),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        *more.items(),
    ]


def _timeouts(settings: OutboundSettings) -> dict[str, dict[str, float]]:
    return {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), settings.step_seconds)}


def _header(answer: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in answer.headers if key.lower() == name), "")


def _site(url: str) -> str:
    # A path or a query may carry somebody's token.
    return urlsplit(url).netloc


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _parsed(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
