"""What the scaler can be told."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from windrow.scaler.settings import ScalerSettings

POOL = {"deployment": "w", "queues": ["a", "b"], "concurrency": 4, "max": 10}


def settings(monkeypatch: pytest.MonkeyPatch, pools: object) -> ScalerSettings:
    for name, value in {
        "DATABASE_URL": "postgresql://",
        "REDIS_URL": "redis://",
        "SCALER_NAMESPACE": "here",
        "SCALER_POOLS": json.dumps(pools),
    }.items():
        monkeypatch.setenv(f"WINDROW_{name}", value)
    return ScalerSettings()


def test_pools_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = settings(monkeypatch, {"default": POOL}).scaler_pools["default"]
    assert (pool.deployment, pool.queues, pool.concurrency, pool.max) == ("w", ("a", "b"), 4, 10)
    assert pool.scaled_object == ""


@pytest.mark.parametrize(
    "change",
    [{"concurrency": 0}, {"max": 0}, {"queues": []}, {"deployment": ""}, {"maximum": 3}],
    ids=lambda change: next(iter(change)),
)
def test_a_pool_that_makes_no_sense_is_refused(
    change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises((ValidationError, SettingsError)):
        settings(monkeypatch, {"default": {**POOL, **change}})


def test_a_scaler_without_pools_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((ValidationError, SettingsError)):
        settings(monkeypatch, {})
