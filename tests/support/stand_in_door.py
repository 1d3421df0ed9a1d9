"""A door that is none: it starts, answers, drains and misbehaves on request, for tests of the supervisor.

`stand_in_door.py <name>`; in the environment STAND_IN_DIES names one that ends at once, STAND_IN_DEAF one that ignores
SIGTERM, STAND_IN_STUCK one that ignores SIGQUIT too.
"""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
from types import FrameType


class _Readyz(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # http.server names the method
        known = self.path == "/readyz"
        self.send_response(200 if known else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    name = sys.argv[1]
    say(f"{name} begins")
    if os.environ.get("STAND_IN_DIES") == name:
        say("these are my last words")
        raise SystemExit(3)
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    def quit(number: int, frame: FrameType | None) -> None:
        say(f"{name} gave back")
        if os.environ.get("STAND_IN_STUCK") != name:
            stopped.set()

    signal.signal(signal.SIGQUIT, quit)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ.get("STAND_IN_DEAF") == name else stop)
    # A child of its own, as a worker has: it must be gone too.
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    if name == "api":
        address = (os.environ["WINDROW_API_HOST"], int(os.environ["WINDROW_API_PORT"]))
        server = http.server.ThreadingHTTPServer(address, _Readyz)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    say(f"{name} child {child.pid}")
    say(f"{name} is ready")
    while not stopped.wait(0.05):
        pass
    say(f"{name} drained")


if __name__ == "__main__":
    main()
