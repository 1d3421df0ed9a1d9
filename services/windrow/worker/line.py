"""The Unix socket between a prefork child and its main process: a child's only way to the ledger.

A call is one JSON line, so is its answer. The socket's folder is readable by this user only.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from windrow.core.chord_end import dump_chord, load_chord
from windrow.core.errors import InvalidJob, LedgerUnavailable
from windrow.core.job import NewChord, NewJob
from windrow.core.job_json import from_dict, to_dict
from windrow.worker.submitter import Submitter

CALL_TIMEOUT_SECONDS = 15.0


class Line:
    """A child's end: a `Submitter` over the socket, connected at first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    def submit(self, jobs: Sequence[NewJob], chords: Sequence[NewChord] = ()) -> None:
        """See Submitter."""
        self._call(
            "submit",
            jobs=[to_dict(job) for job in jobs],
            chords=[[dump_chord(chord), chord.grows] for chord in chords],
        )

    def metas(self, job_ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """See Submitter."""
        found: list[dict[str, Any] | None] = self._call("metas", job_ids=list(job_ids))
        return found

    def cancel(self, job_ids: Sequence[str]) -> None:
        """See Submitter."""
        self._call("cancel", job_ids=list(job_ids))

    def progress(self, job_id: str, state: str, meta: str) -> None:
        """See Submitter."""
        self._call("progress", job_id=job_id, state=state, meta=meta)

    def _call(self, method: str, **arguments: Any) -> Any:
        try:
            # Kept for the next call only once its answer is read: a cancel or a soft limit that comes in between
            # would leave this answer to whoever asks next.
            stream, self._local.stream = self._stream(), None
            stream.write(json.dumps([method, arguments]).encode() + b"\n")
            stream.flush()
            answer = stream.readline()
            if not answer:
                raise ConnectionError("the main process hung up")
            self._local.stream = stream
        except OSError as exc:
            raise LedgerUnavailable(f"The worker's main process does not answer: {exc}") from exc
        kind, value = json.loads(answer)
        if kind == "unavailable":
            raise LedgerUnavailable(value)
        if kind == "refused":
            raise InvalidJob(value)
        return value

    def _stream(self) -> Any:
        stream = getattr(self._local, "stream", None)
        if stream is None:
            # The stream holds the connection open: one that nobody keeps is closed.
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(CALL_TIMEOUT_SECONDS)
                connection.connect(str(self._path))
                stream = connection.makefile("rwb")
        return stream


class LineServer(socketserver.ThreadingUnixStreamServer):
    """The main process's end: a thread a child, each answering one call at a time from `submitter`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, path: Path, submitter: Submitter) -> None:
        super().__init__(str(path), _Handler)
        self.submitter = submitter
        self._thread = threading.Thread(target=self.serve_forever, name="windrow-line", daemon=True)

    def start(self) -> None:
        """Answer, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self.shutdown()
        self.server_close()


class _Handler(socketserver.StreamRequestHandler):
    server: LineServer

    def handle(self) -> None:
        for line in self.rfile:
            try:
                answer = ["ok", self._answer(line)]
            except LedgerUnavailable as exc:
                answer = ["unavailable", str(exc)]
            except Exception as exc:
                answer = ["refused", f"{type(exc).__name__}: {exc}"]
            try:
                self.wfile.write(json.dumps(answer).encode() + b"\n")
            except OSError:
                return

    def _answer(self, line: bytes) -> Any:
        method, arguments = json.loads(line)
        submitter = self.server.submitter
        if method == "submit":
            jobs = [from_dict(item) for item in arguments["jobs"]]
            return submitter.submit(
                jobs, [replace(load_chord(text), grows=grows) for text, grows in arguments["chords"]]
            )
        calls: dict[str, Callable[..., Any]] = {
            "metas": submitter.metas,
            "cancel": submitter.cancel,
            "progress": submitter.progress,
        }
        return calls[method](**arguments)
