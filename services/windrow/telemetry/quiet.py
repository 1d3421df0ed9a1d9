"""A store that is away is said once, and again now and then: not at every attempt."""

from __future__ import annotations

import logging
import re
import threading
import time

#: Seconds between two lines that say the same.
EVERY_SECONDS = 30.0
MAX_KEPT = 256
#: Loggers that tell of every attempt to reach a store.
NOISY = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
    "psycopg.pool",
    "celery.worker.consumer.consumer",
    "windrow.api.catalog",
    "windrow.api.catalog",
    "windrow.beat.scheduler",
    "windrow.broker.channels",
    "windrow.broker.outage",
    "windrow.worker.caller",
    "windrow.worker.lease",
    "windrow.worker.ledger_thread",
    "windrow.worker.outbox",
)
_NUMBER = re.compile(r"\d+")


class Quiet(logging.Filter):
    """Lets one warning or error of a kind through in EVERY_SECONDS; the next one tells how many were left out.

    Of a kind are those that differ in their numbers only.
    """

    def __init__(self, seconds: float = EVERY_SECONDS) -> None:
        super().__init__()
        self._seconds = seconds
        self._lock = threading.Lock()
        #: Kind -> (when it was last let through, how many were left out since).
        self._kept: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        text = record.getMessage()
        kind = (record.name, _NUMBER.sub("#", text))
        now = time.monotonic()
        with self._lock:
            at, left_out = self._kept.get(kind, (-self._seconds, 0))
            if now - at < self._seconds:
                self._kept[kind] = (at, left_out + 1)
                return False
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[kind] = (now, 0)
        if left_out:
            record.msg, record.args = f"{text} ({left_out} more like it in {now - at:.0f} s)", ()
        return True


def install() -> None:
    """Quieten the loggers of NOISY; once a process."""
    quiet = Quiet()
    for name in NOISY:
        logging.getLogger(name).addFilter(quiet)
