"""How the API may be reached: by pages of other sites, and over TLS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from pydantic import ValidationError

from tests.integration.api.running import RunningApi
from windrow.api.settings import ApiSettings

PAGE = "https://app.example.com"


def preflight(api: RunningApi, origin: str, path: str = "/v1/jobs") -> httpx.Response:
    return api.client.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,idempotency-key",
        },
    )


def test_a_listed_page_may_call_and_read_every_route(start_api: Any) -> None:
    api: RunningApi = start_api(api_cors_origins=(PAGE,))
    allowed = preflight(api, PAGE)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert "idempotency-key" in allowed.headers["access-control-allow-headers"].lower()
    # A lane, a usual route, and an error: a page reads each.
    made = api.client.post("/v1/jobs", json={"task": "math.any"}, headers={"Origin": PAGE})
    assert made.headers["access-control-allow-origin"] == PAGE
    assert "location" in made.headers["access-control-expose-headers"].lower()
    for path in ("/v1/jobs", "/nowhere"):
        assert api.client.get(path, headers={"Origin": PAGE}).headers["access-control-allow-origin"] == PAGE


def test_any_other_page_may_not(start_api: Any) -> None:
    api: RunningApi = start_api(api_cors_origins=(PAGE,))
    assert "access-control-allow-origin" not in preflight(api, "https://evil.example").headers
    closed: RunningApi = start_api()
    assert "access-control-allow-origin" not in preflight(closed, PAGE).headers


@pytest.mark.parametrize("origin", ["*", "app.example.com", "https://app.example.com/", "null"])
def test_what_is_no_origin_is_said_at_start(origin: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        ApiSettings(database_url="postgresql://x", redis_url="redis://x", api_cors_origins=origin)


def test_the_api_speaks_tls_where_it_has_a_certificate(start_api: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    chain.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    api: RunningApi = start_api(api_tls_certificate=chain, api_tls_key=key)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    url = api.url.replace("http://", "https://")
    with httpx.Client(base_url=url, verify=trusting, timeout=30, trust_env=False) as client:
        assert client.get("/readyz").status_code == 200
        headers = {"Authorization": f"Bearer {api.key}"}
        assert client.post("/v1/jobs", json={"task": "math.any"}, headers=headers).status_code == 202
    with pytest.raises(httpx.HTTPError):
        api.client.get("/readyz")


def test_half_a_certificate_is_said_at_start(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="WINDROW_API_TLS_KEY"):
        ApiSettings(
            database_url="postgresql://x", redis_url="redis://x", api_tls_certificate=tmp_path / "tls.crt"
        )
