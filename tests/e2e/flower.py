"""Flower as a person sees it: behind its password, and as a picture."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.e2e.door import open_door
from tests.e2e.release import Release
from tests.e2e.waiting import eventually

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGE_SECONDS = 60


def picture(release: Release, path: Path) -> int:
    """Draw its first page; how many workers it knows."""
    url = open_door(release.cluster, release.helm.release, "flower", "e2e-flower")
    secret = release.cluster.secret(f"{release.helm.release}-flower", "basic-auth")
    assert secret is not None
    name, _, password = secret.partition(":")
    with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        eventually("Flower is well", 60, lambda: _well(client))
        assert client.get("/workers").status_code == 401
        client.auth = httpx.BasicAuth(name, password)
        # Read-only: nothing of a worker can be changed.
        refused = client.post("/api/worker/shutdown/nobody", headers={"X-Requested-With": "XMLHttpRequest"})
        assert refused.status_code in (401, 403, 405), refused.status_code
        workers = eventually(
            "Flower knows workers", 90, lambda: client.get("/workers?json=1").json()["data"] or None
        )
        with _without_password(client) as page:
            _draw(page, path)
    return len(workers)


def _well(client: httpx.Client) -> bool:
    try:
        return client.get("/healthcheck").status_code == 200
    except httpx.TransportError:
        # The NodePort is a moment old.
        return False


def _draw(url: str, path: Path) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium to draw it with")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,640")
    wait = "--virtual-time-budget=8000"
    ran = subprocess.run(
        [browser, *flags, wait, f"--user-data-dir={path.parent}/browser", f"--screenshot={path}", url],
        capture_output=True,
        text=True,
        timeout=PAGE_SECONDS * 2,
    )
    assert path.exists(), ran.stderr[-2000:]


@contextmanager
def _without_password(client: httpx.Client) -> Iterator[str]:
    """A page of this machine's own that shows what `client` may see, for a command line is everybody's to read."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = client.get(self.path)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("content-type", "text/plain"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join(30)
