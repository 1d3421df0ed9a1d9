"""Every door tells its log which passwords are its own."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from windrow.telemetry import logs
from windrow.telemetry.secrets import Redaction

STORES = {
    "WINDROW_DATABASE_URL": "postgresql://u:ledger-pass@localhost/w",
    "WINDROW_REDIS_URL": "redis://:signals-pass@localhost/0",
    "RABBITMQ_HOST": "localhost",
    "RABBITMQ_DEFAULT_USER": "u",
    "RABBITMQ_DEFAULT_PASS": "queues/pass",
    "WINDROW_SCALER_POOLS": '{"p": {"deployment": "p", "queues": ["q"], "concurrency": 1, "max": 1}}',
    "WINDROW_SCALER_NAMESPACE": "n",
}


class Configured(Exception):
    """Far enough."""


@pytest.mark.parametrize("door", ["api", "worker", "beat", "exporter", "scaler"])
def test_the_passwords_of_all_stores_stay_out_of_a_doors_log(
    door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in STORES.items():
        monkeypatch.setenv(name, value)
    told: dict[str, Any] = {}

    def configure(*_: Any, **options: Any) -> None:
        told.update(options)
        raise Configured

    monkeypatch.setattr(logs, "configure", configure)
    with pytest.raises(Configured):
        importlib.import_module(f"windrow.{door}.main").main([])
    redact = Redaction(told["secrets"])
    assert redact("ledger-pass signals-pass queues/pass queues%2Fpass") == "*** *** *** ***"
