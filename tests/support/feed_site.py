"""A site with an RSS feed on a free port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape


@contextmanager
def feed_site(items: list[tuple[str, str]]) -> Iterator[str]:
    """The feed's address; `items` are title and text."""
    entries = "".join(
        f"<item><title>{escape(title)}</title><guid>{number}</guid><description>{escape(text)}</description></item>"
        for number, (title, text) in enumerate(items)
    )
    feed = f'<rss version="2.0"><channel><title>F</title><link>x</link>{entries}</channel></rss>'.encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
            self.send_header("Content-Length", str(len(feed)))
            self.end_headers()
            self.wfile.write(feed)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/rss"
        finally:
            server.shutdown()
            thread.join(10)
