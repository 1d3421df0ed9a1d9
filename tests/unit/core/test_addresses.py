"""An address that can never work is refused by its form, and nothing of it is shown."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from windrow.beat.settings import BeatSettings
from windrow.cli.settings_error import settings_error
from windrow.core.addresses import check_database_url, check_redis_url

GOOD_DATABASE = [
    "postgresql://",
    "postgresql://x",
    "postgres://windrow:p%40ss%2Fw@db.example:5432/windrow?sslmode=verify-full",
    "postgresql://u:p@[::1]:5433/d",
    "postgresql://u@h1:5432,h2:5433,h3/d?target_session_attrs=primary",
    "postgresql:///d?host=/var/run/postgresql",
    "postgresql://%2Fvar%2Flib/d",
    "host=db dbname=windrow user=me",
]
BAD_DATABASE = [
    "",
    "db",
    "mysql://u:topsecret@h/d",
    "http://h/d",
    "//h/d",
    "postgresql://u:topsecret@h:port/d",
    "postgresql://u:topsecret@h:70000/d",
    "postgresql://u:topsecret@h:0/d",
    "postgresql://u:topsecret@h1:5432,h2:x/d",
    "postgresql://u:top/secret@h:5432/d",
    "postgresql://u:topsecret@my host/d",
    "postgresql://u:top#secret@h/d",
]
GOOD_REDIS = [
    "redis://",
    "redis://x",
    "redis://:p%3Aw@h:6379/0",
    "rediss://user:pw@h:6380/3?ssl_ca_certs=/etc/ca.crt",
    "redis://[fe80::1%25eth0]:6379",
    "unix:///run/redis.sock?db=1",
    "sentinel://u:p@a:26379;sentinel://b:26379/0?master_name=m",
]
BAD_REDIS = [
    "",
    "r",
    "amqp://u:topsecret@h//",
    "redis://:topsecret@h:abc/0",
    "redis://:topsecret@h:6379/zero",
    "redis://:topsecret@a b:6379/0",
    "redis://:top/secret@h:6379/0",
    "sentinel://:topsecret@a:26379",
    "sentinel://:topsecret@a:26379;b:26379?master_name=m",
    "sentinel://:topsecret@a:26379;sentinel://b:x?master_name=m",
]


@pytest.mark.parametrize("url", GOOD_DATABASE)
def test_what_libpq_takes_is_taken(url: str) -> None:
    assert check_database_url(url) == url


@pytest.mark.parametrize("url", GOOD_REDIS)
def test_what_the_broker_takes_is_taken(url: str) -> None:
    assert check_redis_url(url) == url


@pytest.mark.parametrize("url", BAD_DATABASE)
def test_a_database_that_nobody_can_reach_is_refused_in_one_line(url: str) -> None:
    assert said(database_url=url, redis_url="redis://h").startswith(
        "WINDROW_DATABASE_URL: the address cannot work: "
    )


@pytest.mark.parametrize("url", BAD_REDIS)
def test_a_broker_that_nobody_can_reach_is_refused_in_one_line(url: str) -> None:
    assert said(database_url="postgresql://h", redis_url=url).startswith(
        "WINDROW_REDIS_URL: the address cannot work: "
    )


def said(**urls: str) -> str:
    """What a door says about these settings."""
    with pytest.raises(ValidationError) as caught:
        BeatSettings.model_validate(urls)
    text = settings_error(caught.value)
    assert text is not None
    assert "\n" not in text
    assert "secret" not in text
    return text
