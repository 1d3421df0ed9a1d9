"""The pydoc source as a child process, and the handle that ends it."""

import selectors
import subprocess
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Self

START_SECONDS = 20.0
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SourceProcess:
    """A running source. Whoever started it calls `stop`, or uses it in a `with`."""

    #: URL template for WINDROW_PARSE_SOURCE, e.g. `http://127.0.0.1:40123/{id}`.
    url: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        """End the process within a few seconds; harmless if it has ended."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_source(port: int = 0) -> SourceProcess:
    """Start the pydoc source on `port` (0: any free one) and wait until it listens.

    Raises RuntimeError if it does not; its own words are then on stderr.
    """
    process = subprocess.Popen(source_command(port), stdout=subprocess.PIPE, text=True)
    url = _first_line(process)
    if url.startswith("http://"):
        return SourceProcess(url, process)
    process.kill()
    process.communicate()
    raise RuntimeError(f"the pydoc source did not start; it said {url!r}")


def source_command(port: int) -> list[str]:
    """The command line, for a supervisor that starts and watches processes itself."""
    return [sys.executable, "-m", "windrow_apps.parse.pydoc_source", "--port", str(port)]


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(START_SECONDS):
            return ""
    return process.stdout.readline().strip()
