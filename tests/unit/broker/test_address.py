"""Which broker the environment names."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from windrow.broker.address import BrokerSettings, place

NAMED = {
    "RABBITMQ_HOST": "mq.example",
    "RABBITMQ_DEFAULT_USER": "me@home",
    "RABBITMQ_DEFAULT_PASS": "s/e:c?",
    "PORT_AMQP": "5673",
}


class Settings(BrokerSettings):
    """As a door's, which read WINDROW_*."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", extra="ignore")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMED, "PORT_WEB", "RABBITMQ_DEFAULT_VHOST", "WINDROW_BROKER_URL"):
        monkeypatch.delenv(name, raising=False)


def read(monkeypatch: pytest.MonkeyPatch, env: dict[str, str]) -> Any:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, ""),
        ({"RABBITMQ_DEFAULT_USER": "me", "PORT_AMQP": "5673"}, ""),
        (NAMED, "amqp://me%40home:s%2Fe%3Ac%3F@mq.example:5673/%2F"),
        ({**NAMED, "RABBITMQ_DEFAULT_VHOST": "jobs"}, "amqp://me%40home:s%2Fe%3Ac%3F@mq.example:5673/jobs"),
        ({**NAMED, "RABBITMQ_HOST": "::1"}, "amqp://me%40home:s%2Fe%3Ac%3F@[::1]:5673/%2F"),
        (
            {**NAMED, "WINDROW_BROKER_TLS": "true", "WINDROW_BROKER_CA": "/etc/ca.crt"},
            "amqps://me%40home:s%2Fe%3Ac%3F@mq.example:5673/%2F?ca=/etc/ca.crt",
        ),
        ({**NAMED, "WINDROW_BROKER_URL": "amqp://a:b@other:1/v"}, "amqp://a:b@other:1/v"),
    ],
)
def test_the_address(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], url: str) -> None:
    assert read(monkeypatch, env).amqp_url == url


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"RABBITMQ_HOST": "mq"}, "RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS"),
        ({"WINDROW_BROKER_URL": "redis://h:1/0"}, "WINDROW_REDIS_URL"),
        ({"WINDROW_BROKER_URL": "amqp:///v"}, "amqp://user:password@host"),
    ],
)
def test_what_names_no_broker_is_refused(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        read(monkeypatch, env)


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, {**NAMED, "WINDROW_BROKER_URL": "amqp://a:hidden@other:1/v"})
    assert "hidden" not in repr(settings)
    assert "s/e:c?" not in repr(settings)
    assert place(settings.amqp_url) == "other:1/v"
