"""One AMQP connection with one channel: how it is opened, bounded in time, and dropped."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from amqp import Connection
from amqp.exceptions import AMQPError

#: What a RabbitMQ that is away, restarting or refusing leads to; py-amqp meets attributes that are gone, too.
FAILED = (AMQPError, OSError, AttributeError)


class Link:
    """Connects at `open`; for one thread at a time."""

    def __init__(self, url: str, timeout: float, *, heartbeat: float = 0.0) -> None:
        """`timeout`: seconds to connect, and for each answer inside `bounded`. `heartbeat`: seconds, 0 for none."""
        parts = urlsplit(url)
        self._tls = parts.scheme == "amqps"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (5671 if self._tls else 5672)
        self._user = unquote(parts.username or "guest")
        self._password = unquote(parts.password or "guest")
        self._vhost = unquote(parts.path[1:]) or "/"
        self._ca = next(iter(parse_qs(parts.query).get("ca", [])), None)
        self._timeout = timeout
        self._heartbeat = heartbeat
        self.connection: Any = None
        self.channel: Any = None

    def __repr__(self) -> str:
        return f"<Link {self._host}:{self._port}/{self._vhost}>"

    def open(self) -> bool:
        """Connect unless connected; whether it just did. Raises FAILED."""
        if self.channel is not None and self.channel.is_open and self.connection.connected:
            return False
        self.drop()
        self.connection = Connection(
            host=f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}",
            userid=self._user,
            password=self._password,
            login_method="PLAIN",
            virtual_host=self._vhost,
            ssl=self._verified() if self._tls else False,
            connect_timeout=self._timeout,
            heartbeat=self._heartbeat,
            client_properties={"connection_name": "windrow"},
        )
        try:
            self.connection.connect()
            with self.bounded():
                self.channel = self.connection.channel()
        except BaseException:
            self.drop()
            raise
        return True

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Inside, each wait for the server takes no longer than the timeout."""
        transport = self.connection.transport
        # Not `having_timeout`: on a connection that was dropped inside, its end would hide what happened.
        transport.sock.settimeout(self._timeout)
        try:
            yield
        finally:
            with suppress(*FAILED):
                transport.sock.settimeout(None)

    def drop(self) -> None:
        """Forget the connection; nobody is told."""
        connection, self.connection, self.channel = self.connection, None, None
        if connection is not None:
            with suppress(*FAILED):
                connection.collect()

    def close(self) -> None:
        """Say goodbye, within the timeout."""
        if self.connection is not None:
            with suppress(*FAILED), self.bounded():
                self.connection.close()
        self.drop()

    def _verified(self) -> dict[str, Any]:
        return {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": self._ca, "server_hostname": self._host}
