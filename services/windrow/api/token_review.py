"""A TokenReview: the cluster's API server says whose a token is."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx
from pydantic import BaseModel, ValidationError

from windrow.api.tokens import NotReviewed

PATH = "/apis/authentication.k8s.io/v1/tokenreviews"


class _User(BaseModel):
    username: str = ""


class _Status(BaseModel):
    # What is false or empty may be left out.
    authenticated: bool = False
    audiences: list[str] = []
    user: _User = _User()


class _Reviewed(BaseModel):
    status: _Status


class TokenReviewer:
    """Asks the API server at `url` with the pod's own `credentials`, a folder with `token` and `ca.crt`."""

    def __init__(self, url: str, credentials: Path, audience: str, seconds: float) -> None:
        self._credentials = credentials
        self._audience = audience
        self._seconds = seconds
        # Trusts nobody yet, not even the authorities that the system knows.
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.AsyncClient(base_url=url, verify=self._tls, timeout=seconds, trust_env=False)

    async def review(self, token: str) -> str | None:
        """Whose `token` is, or None when it is not good for our audience. Raises NotReviewed."""
        spec = {"token": token, "audiences": [self._audience]}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._client.post(PATH, json=body, headers=self._credential())
        except (OSError, TimeoutError, httpx.HTTPError) as exc:
            raise NotReviewed(f"{type(exc).__name__}: {exc}") from exc
        if not answer.is_success:
            raise NotReviewed(f"the API server answers with {answer.status_code}")
        try:
            status = _Reviewed.model_validate_json(answer.content, strict=True).status
        except ValidationError:
            # Its words quote what they are about, which may be a token.
            raise NotReviewed("the answer is no TokenReview") from None
        # Without our audience among them, the token was meant for somebody else: for the API server itself, say.
        good = status.authenticated and self._audience in status.audiences
        return (status.user.username or None) if good else None

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    def _credential(self) -> dict[str, str]:
        """The pod's own token; it and the authority are replaced under a running pod, so they are read each time."""
        self._tls.load_verify_locations(self._credentials / "ca.crt")
        return {"Authorization": f"Bearer {(self._credentials / 'token').read_text().strip()}"}
