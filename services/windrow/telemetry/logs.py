"""One log for a door and everything in it: a JSON line an event, or a line for people; no secrets in either.

Everything that is logged through Python's logging goes through here, whoever logs: our own modules, Celery, uvicorn,
Alembic, a task's own code. What a line is about (a job, a trace) is asked for when it is written.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, TextIO

from windrow.telemetry import quiet
from windrow.telemetry.secrets import Redaction

#: What a line may be about, in this order; also taken from a record's `extra`.
FIELDS = ("job_id", "task", "attempt", "queue", "trace_id")
#: They log a line for each call, at INFO.
CHATTY = ("httpx", "httpcore", "psycopg.pool", "kubernetes.client.rest")
#: A door whose own settings are refused, and one that is stopped by an error, must not log megabytes.
MAX_CHARS = 32_000

Context = Callable[[], Mapping[str, Any]]
_NOTHING: Mapping[str, Any] = {}
# The standard library's: C code, and no library that draws for a terminal comes along into every child.
_encode = json.JSONEncoder(default=str).encode


def no_context() -> Mapping[str, Any]:
    """Of a door that is never inside of a job."""
    return _NOTHING


def configure(
    door: str,
    form: str,
    *,
    level: int | str = logging.INFO,
    context: Context = no_context,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> logging.Handler:
    """Have this process log as `form`, "json" or "console", to stderr; once a process. Returns the handler.

    `context` tells what the code that logs is about, as some of FIELDS; it must be cheap and raise nothing.
    `secrets` are URLs and words none of whose passwords may be written.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.__stderr__)
    redaction = Redaction(secrets)
    handler.setFormatter(
        JsonFormatter(door, context, redaction) if form == "json" else ConsoleFormatter(context, redaction)
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook, threading.excepthook = _uncaught, _uncaught_in_thread
    quiet.install()
    return handler


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends the process is a line like any other."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("windrow").critical(
        "%s ends this process", kind.__name__, exc_info=(kind, error, trace)
    )


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and args.exc_type is not SystemExit:
        name = args.thread.name if args.thread is not None else "a thread"
        trace = (args.exc_type, args.exc_value, args.exc_traceback)
        logging.getLogger("windrow").critical("%s ends %s", args.exc_type.__name__, name, exc_info=trace)


class _Formatter(logging.Formatter, ABC):
    def __init__(self, context: Context, redaction: Redaction) -> None:
        super().__init__()
        self._context = context
        self._redaction = redaction
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        return self._redaction(self._line(record))

    @abstractmethod
    def _line(self, record: logging.LogRecord) -> str:
        """The record as one line."""

    def _moment(self, record: logging.LogRecord) -> str:
        """UTC, ISO 8601; the second's text is made once a second."""
        second = int(record.created)
        known, text = self._second
        if second != known:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, text)
        return f"{text}.{int(record.msecs):03d}Z"

    def _about(self, record: logging.LogRecord) -> list[tuple[str, Any]]:
        own, context = record.__dict__, self._context()
        found = [(field, own.get(field) or context.get(field)) for field in FIELDS]
        return [(field, value) for field, value in found if value is not None]

    def _trace(self, record: logging.LogRecord) -> str | None:
        """The traceback, and the stack that was asked for."""
        parts = []
        if record.exc_info and record.exc_info[0] is not None:
            parts.append(self.formatException(record.exc_info))
        elif record.exc_text:
            parts.append(record.exc_text)
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return "\n".join(parts)[-MAX_CHARS:] or None


class JsonFormatter(_Formatter):
    """A JSON object a line: time, level, door, logger, event, what it is about, and the exception."""

    def __init__(self, door: str, context: Context, redaction: Redaction) -> None:
        super().__init__(context, redaction)
        self._door = door

    def _line(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self._moment(record),
            "level": record.levelname.lower(),
            "door": self._door,
            "logger": record.name,
            "event": record.getMessage()[:MAX_CHARS],
        }
        line.update(self._about(record))
        trace = self._trace(record)
        if trace is not None:
            line["exception"] = trace
        return _encode(line)


class ConsoleFormatter(_Formatter):
    """`time level event [logger] job_id=…`, and the traceback below."""

    def _line(self, record: logging.LogRecord) -> str:
        about = "".join(f" {field}={value}" for field, value in self._about(record))
        line = f"{self._moment(record)} {record.levelname:<7} {record.getMessage()} [{record.name}]{about}"
        trace = self._trace(record)
        return line if trace is None else f"{line}\n{trace}"
