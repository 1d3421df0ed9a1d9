"""Calls handed to the event loop from other threads."""

from __future__ import annotations

import os
import select
import threading

from windrow.worker.mailbox import Mailbox


class Hub:
    """As much of kombu's hub as the mailbox uses."""

    def __init__(self) -> None:
        self.fd = -1

    def add_reader(self, fd: int, callback: object) -> None:
        self.fd = fd


def test_no_call_is_lost_between_threads() -> None:
    mailbox, hub = Mailbox(), Hub()
    mailbox.attach(hub)
    got: list[int] = []

    def send(first: int) -> None:
        for number in range(first, first + 500):
            mailbox.post(got.append, number)

    senders = [threading.Thread(target=send, args=(k * 1000,)) for k in range(4)]
    for sender in senders:
        sender.start()
    while len(got) < 2000 and select.select([hub.fd], [], [], 5)[0]:
        mailbox.deliver()
    for sender in senders:
        sender.join()
    assert sorted(got) == sorted(k * 1000 + i for k in range(4) for i in range(500))
    mailbox.close()


def _fails() -> None:
    raise ValueError("on purpose")


def test_one_calls_error_does_not_stop_the_others() -> None:
    mailbox = Mailbox()
    got: list[int] = []
    mailbox.post(_fails)
    mailbox.post(got.append, 1)
    mailbox.deliver()
    assert got == [1]
    mailbox.close()


def test_waking_a_full_pipe_is_harmless() -> None:
    mailbox = Mailbox()
    for _ in range(100_000):
        mailbox.wake()
    mailbox.deliver()
    assert os.getpid()
    mailbox.close()
