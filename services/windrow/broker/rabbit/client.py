"""Running operations on one AMQP connection from several threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from windrow.broker.errors import BrokerUnavailable
from windrow.broker.rabbit.link import FAILED, Link
from windrow.broker.rest import Rest

S = TypeVar("S")
T = TypeVar("T")


class RabbitClient(Generic[S]):
    """One connection, opened at first use, and again after a fork; `session` makes of a channel what operations get.

    A wait takes at most about `timeout` seconds; after a failure, calls fail at once for `rest` seconds.
    """

    def __init__(
        self, amqp_url: str, session: Callable[[Any], S], *, timeout: float = 2.0, rest: float = 0.5
    ) -> None:
        self._url = amqp_url
        self._make = session
        self._timeout = timeout
        self._rest = Rest(rest)
        #: A parent process's: kept, because to drop them would close its connections.
        self._inherited: list[Link] = []
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._link = Link(self._url, self._timeout)
        self._session: S | None = None

    def run(self, op: Callable[[S], T]) -> T:
        """`op(session)`; raises BrokerUnavailable when RabbitMQ does not answer or refuses.

        On a connection that was found dead it is run once more, on a new one: it must bear that.
        """
        if self._pid != os.getpid():
            self._inherited.append(self._link)
            self._begin()
        self._rest.check()
        if not self._lock.acquire(timeout=self._timeout * 2):
            raise BrokerUnavailable("RabbitMQ keeps another thread waiting")
        try:
            result = self._try(op)
        except FAILED as exc:
            self._link.drop()
            raise self._rest.failed(exc) from exc
        finally:
            self._lock.release()
        self._rest.succeeded()
        return result

    def _try(self, op: Callable[[S], T]) -> T:
        fresh = self._open()
        try:
            return self._run(op)
        except TimeoutError:
            raise
        except FAILED:
            self._link.drop()
            if fresh:
                raise
        self._open()
        return self._run(op)

    def _open(self) -> bool:
        fresh = self._link.open()
        if fresh:
            with self._link.bounded():
                self._session = self._make(self._link.channel)
        return fresh

    def _run(self, op: Callable[[S], T]) -> T:
        assert self._session is not None
        with self._link.bounded():
            return op(self._session)

    def close(self) -> None:
        """Close the connection; the next call opens one again."""
        if self._pid == os.getpid() and self._lock.acquire(timeout=self._timeout):
            try:
                self._link.close()
            finally:
                self._lock.release()
