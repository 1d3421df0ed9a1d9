"""An API server that does one thing, as Kubernetes does it: TokenReview over TLS, for callers with the right to."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import trustme

PATH = "/apis/authentication.k8s.io/v1/tokenreviews"
Json = dict[str, Any]


class TokenReviewServer:
    """Knows the tokens that `issue` made; `credentials` is the folder that a pod would have mounted."""

    def __init__(self, credentials: Path) -> None:
        self.credentials = credentials
        #: Every token that was asked about, and all answers with another status than 201.
        self.asked: list[str] = []
        self.refused: list[int] = []
        #: Changes the status that would be answered.
        self.twist: Callable[[Json], Json] = lambda status: status
        #: Answers wait for it.
        self.open = threading.Event()
        self.open.set()
        self._up = False
        self._known: dict[str, tuple[str, Sequence[str]]] = {}
        self.rotate("pod-token-1")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open.set()
        self.stop()

    def start(self, port: int = 0) -> None:
        """Listen, with a new certificate of a new authority that `credentials` names."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.credentials / "ca.crt"))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._http.socket = tls.wrap_socket(
            self._http.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self._up = True

    def stop(self) -> None:
        """Stop listening, and answer nothing more on connections that are open."""
        self._up = False
        self._http.shutdown()
        self._thread.join(5)
        self._http.server_close()

    def again(self) -> None:
        """Listen where it did before."""
        self.start(self._http.server_port)

    def rotate(self, pod_token: str) -> None:
        """Give the pod another token; the one before is good no longer."""
        self._pod_token = pod_token
        (self.credentials / "token").write_text(pod_token + "\n")

    def issue(self, subject: str, audiences: Sequence[str] = ("windrow",), **claims: Any) -> str:
        """A token of that subject, as TokenRequest makes it."""
        payload = json.dumps({"aud": list(audiences), "sub": subject, **claims}).encode()
        token = f"eyJhbGciOiJSUzI1NiJ9.{urlsafe_b64encode(payload).decode().rstrip('=')}.c2lnbmF0dXJl"
        self._known[token] = (subject, audiences)
        return token

    def revoke(self, token: str) -> None:
        """What deleting the token's pod does."""
        del self._known[token]

    def answer(self, path: str, authorization: str | None, body: bytes) -> tuple[int, Json]:
        """Status and body of a POST."""
        if authorization != f"Bearer {self._pod_token}":
            return 401, _failure(401, "Unauthorized")
        if path != PATH:
            return 404, _failure(404, "the server could not find the requested resource")
        review = json.loads(body)
        if (review["apiVersion"], review["kind"]) != ("authentication.k8s.io/v1", "TokenReview"):
            return 400, _failure(400, "the object provided is unrecognized")
        spec = review["spec"]
        self.asked.append(spec["token"])
        self.open.wait(10)
        status = self.twist(self._status(spec["token"], spec["audiences"]))
        return 201, {**review, "metadata": {"creationTimestamp": None}, "status": status}

    def _status(self, token: str, wanted: Sequence[str]) -> Json:
        known = self._known.get(token)
        if known is None:
            return {"user": {}, "error": "[invalid bearer token, service account token has been invalidated]"}
        subject, audiences = known
        both = [audience for audience in audiences if audience in wanted]
        if not both:
            error = f"token audiences {list(audiences)} is invalid for the target audiences {list(wanted)}"
            return {"user": {}, "error": f"[invalid bearer token, {error}]"}
        user = {
            "username": subject,
            "uid": "8a4c1f9e-0000-4000-8000-000000000000",
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "extra": {"authentication.kubernetes.io/pod-name": ["web-0"]},
        }
        return {"authenticated": True, "user": user, "audiences": both}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Seconds without a word; a stranger to TLS would block its thread for ever.
            timeout = 10
            # Head and body in one packet, or the client's acknowledgement is waited for.
            wbufsize = -1

            def do_POST(self) -> None:
                if not server._up:
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code, answer = server.answer(self.path, self.headers["Authorization"], body)
                if code != 201:
                    server.refused.append(code)
                content = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def handle(self) -> None:
                # A client that does not trust us, or gave up, is what some tests are about.
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def _failure(code: int, message: str) -> Json:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
