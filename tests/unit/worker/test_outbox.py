"""The worker's outbox: nothing that is given to it ends its thread, and no signal is lost on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from windrow.broker.keys import BEAT_CHANNEL
from windrow.broker.message import Message
from windrow.broker.publish import Published
from windrow.core.job import NewJob
from windrow.worker.outbox import Outbox


class FakePublisher:
    """Remembers what it was given; breaks over a queue called `odd`."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.signals: list[tuple[str, str]] = []

    def publish(
        self, messages: Sequence[Message], finished: Any, events: Any, signals: Sequence[tuple[str, str]]
    ) -> Published:
        if any(message.queue == "odd" for message in messages):
            raise ValueError("a name that the broker's library cannot write")
        self.sent += [message.id for message in messages]
        self.signals += signals
        return Published()

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def outbox(publisher: FakePublisher) -> Iterator[Outbox]:
    outbox = Outbox(publisher)  # type: ignore[arg-type]
    outbox.start()
    yield outbox
    outbox.stop(10)
    assert not outbox.is_alive()


def _until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline, "nothing happened in 30 s"
        time.sleep(0.005)


def test_what_cannot_be_sent_keeps_nothing_else_from_being_sent(
    outbox: Outbox, publisher: FakePublisher
) -> None:
    outbox.send(jobs=[NewJob("a", "t", "odd")])
    _until(lambda: outbox.failures)
    outbox.send(jobs=[NewJob("b", "t", "q")])
    _until(lambda: publisher.sent == ["b"])


def test_a_signal_that_is_given_while_others_are_taken_is_sent(
    outbox: Outbox, publisher: FakePublisher
) -> None:
    class Watched(dict[tuple[str, str], None]):
        """Somebody signals the moment that it is read, and has a while to do so."""

        def __iter__(self) -> Iterator[tuple[str, str]]:
            taken = super().__iter__()
            other = threading.Thread(target=outbox.send, kwargs={"beat": "relay"})
            other.start()
            other.join(0.3)
            return iter(list(taken)[:1])

    outbox._signals = Watched({(BEAT_CHANNEL, "promote"): None})
    _until(lambda: len(publisher.signals) == 2)
    assert publisher.signals == [(BEAT_CHANNEL, "promote"), (BEAT_CHANNEL, "relay")]
