"""API keys: made by the command, hashed at rest, ended by expiry and by revocation."""

from __future__ import annotations

import json
import time
from typing import Any

import psycopg
import pytest

from tests.integration.api.running import RunningApi, make_key
from windrow.api.auth import new_key
from windrow.api.keys import main


def keys(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *argv: str
) -> Any:
    """What `windrow keys <argv> -o json` prints."""
    monkeypatch.setenv("WINDROW_DATABASE_URL", api.database_url)
    assert main([*argv, "-o", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_made_key_works_and_only_its_hash_is_kept(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = keys(
        api,
        monkeypatch,
        capsys,
        "create",
        "--name",
        "ci",
        "--scopes",
        "jobs:write, jobs:read",
        "--expires",
        "1h",
    )
    assert made["key"].startswith(f"wrk_{made['id']}_")
    assert made["expires_at"]
    with api.client_with(made["key"]) as client:
        assert client.post("/v1/jobs", json={"task": "math.any"}).status_code == 202
    with psycopg.connect(api.database_url) as connection:
        kept = connection.execute(
            "SELECT k::text FROM windrow.api_keys k WHERE id = %s", (made["id"],)
        ).fetchone()
    assert kept is not None
    assert made["key"].split("_")[2] not in kept[0]
    listed = {key["id"]: key for key in keys(api, monkeypatch, capsys, "list")}
    assert listed[made["id"]]["scopes"] == ["jobs:write", "jobs:read"]
    assert "key" not in listed[made["id"]]


def test_an_expired_key_is_401(api: RunningApi) -> None:
    with api.client_with(make_key(api.database_url, "admin", expires_in=-1)) as client:
        assert client.get("/v1/jobs").status_code == 401


def test_a_revoked_key_works_no_longer_than_it_is_remembered(
    start_api: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api: RunningApi = start_api(api_key_cache_seconds=0.2)
    assert api.client.get("/v1/jobs").status_code == 200
    keys(api, monkeypatch, capsys, "revoke", api.key.split("_")[1])
    time.sleep(0.25)
    assert api.client.get("/v1/jobs").status_code == 401


def test_another_secret_behind_a_known_id_is_401(api: RunningApi) -> None:
    with api.client_with(api.key[:-8] + "AAAAAAAA") as client:
        assert client.get("/v1/jobs").status_code == 401


def test_without_auth_everything_is_open(start_api: Any) -> None:
    api: RunningApi = start_api(api_auth=False)
    with api.client_with(None) as client:
        assert client.post("/v1/jobs", json={"task": "math.any"}).status_code == 202


@pytest.mark.parametrize(
    "argv",
    [["create", "--name", "x"], ["create", "--name", "x", "--scopes", "root"], ["create", "--name", "\n", "--scopes",
      "admin"], ["create", "--name", "x", "--scopes", "admin", "--expires", "soon"], []],
)  # fmt: skip
def test_a_wrong_command_is_usage(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2


def test_revoking_an_unknown_key_fails(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDROW_DATABASE_URL", api.database_url)
    assert main(["revoke", "nope"]) == 1


def test_a_key_from_elsewhere_is_kept_once_and_works(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, key, _ = new_key()
    monkeypatch.setenv("WINDROW_API_KEY", key)
    for _ in range(2):
        kept = keys(api, monkeypatch, capsys, "ensure", "--name", "helm", "--scopes", "admin")
        assert kept["valid"]
    with api.client_with(key) as client:
        assert client.get("/v1/jobs").status_code == 200


def test_a_key_from_elsewhere_that_was_revoked_stays_revoked(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, key, _ = new_key()
    monkeypatch.setenv("WINDROW_API_KEY", key)
    made = keys(api, monkeypatch, capsys, "ensure", "--name", "helm", "--scopes", "admin")
    keys(api, monkeypatch, capsys, "revoke", made["id"])
    assert not keys(api, monkeypatch, capsys, "ensure", "--name", "helm", "--scopes", "admin")["valid"]


@pytest.mark.parametrize("text", ["", "wrk_short_key", "nonsense"])
def test_what_is_no_key_is_not_kept(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.setenv("WINDROW_DATABASE_URL", api.database_url)
    monkeypatch.setenv("WINDROW_API_KEY", text)
    assert main(["ensure", "--name", "helm", "--scopes", "admin"]) == 2
    assert "is no key" in capsys.readouterr().err


def test_another_key_under_a_known_id_is_refused(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key_id, key, _ = new_key()
    monkeypatch.setenv("WINDROW_API_KEY", key)
    keys(api, monkeypatch, capsys, "ensure", "--name", "helm", "--scopes", "admin")
    monkeypatch.setenv("WINDROW_API_KEY", f"wrk_{key_id}_{'x' * 43}")
    assert main(["ensure", "--name", "helm", "--scopes", "admin"]) == 1
    assert "another key" in capsys.readouterr().err
