"""ServiceAccount tokens beside API keys: a caller inside the cluster needs no secret from us."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.integration.api.running import RunningApi
from tests.integration.api.test_bad_input import problem
from tests.integration.api.token_review_server import TokenReviewServer

WEB = "system:serviceaccount:shop:web"
READER = "system:serviceaccount:shop:reader"
STRANGER = "system:serviceaccount:bank:web"
SUBJECTS = {WEB: ["jobs:write", "jobs:read"], READER: ["jobs:read"]}
JOB = {"task": "math.any"}


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[TokenReviewServer]:
    with TokenReviewServer(tmp_path) as server:
        yield server


@pytest.fixture
def start(start_api: Any, kube: TokenReviewServer) -> Any:
    """`start(api_token_cache_seconds=1)`: an API in that server's cluster."""

    def start(**settings: Any) -> RunningApi:
        api: RunningApi = start_api(
            api_token_audience="windrow",
            api_subjects=SUBJECTS,
            kubernetes_url=kube.url,
            kubernetes_credentials=kube.credentials,
            **settings,
        )
        return api

    return start


def until(api: RunningApi, token: str, status: int, seconds: float = 10) -> httpx.Response:
    """The first answer with that status."""
    deadline = time.monotonic() + seconds
    with api.client_with(token) as client:
        while (answer := client.get("/v1/jobs")).status_code != status and time.monotonic() < deadline:
            time.sleep(0.02)
    return answer


def test_a_pod_submits_with_its_token_and_reads_its_job(start: Any, kube: TokenReviewServer) -> None:
    api: RunningApi = start()
    with api.client_with(kube.issue(WEB, exp=time.time() + 3_600)) as client:
        made = client.post("/v1/jobs", json=JOB)
        assert made.status_code == 202
        assert client.get(made.headers["location"]).json()["state"] == "queued"
        batch = client.post("/v1/jobs:batchCreate", json={"jobs": [JOB] * 3})
        assert batch.json()["accepted"] == 3
    assert len(kube.asked) == 1


def test_many_requests_with_one_new_token_are_one_review(start: Any, kube: TokenReviewServer) -> None:
    api: RunningApi = start()
    kube.open.clear()
    with api.client_with(kube.issue(WEB)) as client, ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(client.post, "/v1/jobs", json=JOB) for _ in range(20)]
        deadline = time.monotonic() + 10
        while not kube.asked and time.monotonic() < deadline:
            time.sleep(0.01)
        # Whoever holds a key does not wait for the API server.
        assert api.client.post("/v1/jobs", json=JOB).status_code == 202
        kube.open.set()
        assert {answer.result().status_code for answer in answers} == {202}
    assert len(kube.asked) == 1


def test_a_token_that_is_not_good_for_us_is_401(start: Any, kube: TokenReviewServer) -> None:
    api: RunningApi = start(api_token_refused_seconds=0)
    forged = kube.issue(WEB)
    kube.revoke(forged)
    lying = kube.issue(WEB, audiences=["windrow", "vault"])
    kube._known[lying] = (WEB, ["vault"])
    for token in (forged, lying, kube.issue(WEB, audiences=["vault"])):
        with api.client_with(token) as client:
            for answer in (client.post("/v1/jobs", json=JOB), client.get("/v1/jobs")):
                problem(answer, 401, "unauthenticated")
                assert answer.headers["www-authenticate"].startswith("Bearer")
    # The last one is not even meant for us: it was not asked about.
    assert set(kube.asked) == {forged, lying}


@pytest.mark.parametrize(
    "status",
    [
        {"authenticated": True, "user": {"username": WEB}},
        {"authenticated": True, "user": {"username": WEB}, "audiences": []},
        {"authenticated": True, "user": {"username": WEB}, "audiences": ["https://kubernetes.default.svc"]},
        {"authenticated": False, "user": {"username": WEB}, "audiences": ["windrow"]},
        {"user": {"username": WEB}, "audiences": ["windrow"]},
        {"authenticated": True, "user": {}, "audiences": ["windrow"]},
    ],
)
def test_only_an_authenticated_subject_with_our_audience_is_let_in(
    start: Any, kube: TokenReviewServer, status: dict[str, Any]
) -> None:
    api: RunningApi = start()
    kube.twist = lambda _: status
    with api.client_with(kube.issue(WEB)) as client:
        problem(client.post("/v1/jobs", json=JOB), 401, "unauthenticated")


@pytest.mark.parametrize(
    "status", [{"authenticated": "yes"}, {"authenticated": True, "user": "web"}, {"audiences": 1}, None, []]
)
def test_an_answer_that_is_no_review_is_503(start: Any, kube: TokenReviewServer, status: Any) -> None:
    api: RunningApi = start()
    kube.twist = lambda _: status
    with api.client_with(kube.issue(WEB)) as client:
        problem(client.post("/v1/jobs", json=JOB), 503, "unavailable")


def test_a_subject_without_the_right_is_403_and_named(start: Any, kube: TokenReviewServer) -> None:
    api: RunningApi = start()
    with api.client_with(kube.issue(STRANGER)) as client:
        body = problem(client.post("/v1/jobs", json=JOB), 403, "unmapped-subject")
        assert body["subject"] == STRANGER
        assert STRANGER in body["detail"]
    with api.client_with(kube.issue(READER)) as client:
        assert client.get("/v1/jobs").status_code == 200
        assert problem(client.post("/v1/jobs", json=JOB), 403, "missing-scope")["scope"] == "jobs:write"


def test_a_token_does_not_outlive_its_pod_by_more_than_it_is_remembered(
    start: Any, kube: TokenReviewServer
) -> None:
    api: RunningApi = start(api_token_cache_seconds=0.3, api_token_refused_seconds=0.1)
    token = kube.issue(WEB)
    assert until(api, token, 200).status_code == 200
    kube.revoke(token)
    assert until(api, token, 401).status_code == 401
    # Nor is a refusal remembered for long.
    kube.issue(WEB)
    assert until(api, token, 200).status_code == 200


def test_without_the_api_server_a_new_token_is_503_and_everybody_else_goes_on(
    start: Any, kube: TokenReviewServer
) -> None:
    api: RunningApi = start()
    known, new = kube.issue(WEB), kube.issue(READER)
    assert until(api, known, 200).status_code == 200
    kube.stop()
    with api.client_with(new) as client:
        for answer in (client.get("/v1/jobs"), client.post("/v1/jobs", json=JOB)):
            problem(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
    with api.client_with(known) as client:
        assert client.post("/v1/jobs", json=JOB).status_code == 202
    assert api.client.post("/v1/jobs", json=JOB).status_code == 202
    # Back, with a certificate of another authority: the file of the pod follows.
    kube.again()
    assert until(api, new, 200).status_code == 200


def test_a_slow_api_server_is_503_and_asked_again(start: Any, kube: TokenReviewServer) -> None:
    api: RunningApi = start(api_token_review_seconds=1.0)
    kube.open.clear()
    with api.client_with(kube.issue(WEB)) as client:
        problem(client.post("/v1/jobs", json=JOB), 503, "unavailable")
        kube.open.set()
        deadline = time.monotonic() + 20
        # A review may take longer on a busy machine, too.
        while (
            answer := client.post("/v1/jobs", json=JOB)
        ).status_code == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert answer.status_code == 202


def test_the_pods_own_token_is_read_again_when_it_is_replaced(start: Any, kube: TokenReviewServer) -> None:
    api: RunningApi = start(api_token_cache_seconds=0)
    with api.client_with(kube.issue(WEB)) as client:
        assert client.post("/v1/jobs", json=JOB).status_code == 202
        kube.rotate("pod-token-2")
        assert client.post("/v1/jobs", json=JOB).status_code == 202
        (kube.credentials / "token").write_text("pod-token-1")
        # Our own token is refused: no verdict on the caller's.
        problem(client.post("/v1/jobs", json=JOB), 503, "unavailable")
    assert kube.refused == [401]


def test_an_api_server_of_another_authority_gets_no_token(start: Any, kube: TokenReviewServer) -> None:
    trustme.CA().cert_pem.write_to_path(str(kube.credentials / "ca.crt"))
    api: RunningApi = start()
    with api.client_with(kube.issue(WEB)) as client:
        problem(client.post("/v1/jobs", json=JOB), 503, "unavailable")
    assert kube.asked == []


def test_an_idempotency_key_belongs_to_the_subject(start: Any, kube: TokenReviewServer) -> None:
    api: RunningApi = start()
    headers = {"Idempotency-Key": "order-7"}

    def submit(token: str) -> str:
        with api.client_with(token) as client:
            return str(client.post("/v1/jobs", json=JOB, headers=headers).json()["id"])

    first = submit(kube.issue(WEB, jti="1"))
    assert submit(kube.issue(WEB, jti="2")) == first
    assert submit(api.key) != first


def test_no_token_is_ever_logged(
    start: Any, kube: TokenReviewServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        api: RunningApi = start(api_token_cache_seconds=0)
        tokens = [kube.issue(WEB), kube.issue(STRANGER)]
        for status in (lambda found: found, lambda found: {"authenticated": "yes"}):
            kube.twist = status
            for token in tokens:
                with api.client_with(token) as client:
                    client.post("/v1/jobs", json=JOB)
    assert "no TokenReview" in caplog.text
    for secret in (*tokens, "pod-token-1"):
        assert secret not in caplog.text
