"""What `windrow up` says about servers that are not its own."""

from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr

from windrow.dev.errors import DevError
from windrow.dev.guard import Guard
from windrow.dev.settings import UpSettings
from windrow.dev.stores import Stores

#: Nothing is started, so nobody need watch it.
NOBODY = cast("Guard", None)


def test_a_server_that_the_environment_names_is_told_without_its_password(tmp_path: Path) -> None:
    said: list[str] = []
    settings = UpSettings(
        up_folder=tmp_path, database_url="postgresql://me:secret@db.example:5433/jobs", redis_url=None
    )
    stores = Stores(settings, NOBODY, said.append)
    assert said == ["postgres: WINDROW_DATABASE_URL names db.example:5433/jobs; none is started here"]
    assert stores.database_url == settings.database_url


def test_nothing_is_said_of_servers_of_its_own(tmp_path: Path) -> None:
    said: list[str] = []
    Stores(UpSettings(up_folder=tmp_path, database_url=None, redis_url=None), NOBODY, said.append)
    assert said == []


def test_the_password_of_a_rabbitmq_that_the_environment_names_is_not_told(tmp_path: Path) -> None:
    said: list[str] = []
    settings = UpSettings(up_folder=tmp_path, broker_url=SecretStr("amqp://me:secret@mq.example:5672/jobs"))
    stores = Stores(settings, NOBODY, said.append)
    assert said[-1] == "rabbitmq: the environment names mq.example:5672/jobs; none is started here"
    assert stores.amqp_url == "amqp://me:secret@mq.example:5672/jobs"
    assert stores.management_url == ""


def test_a_broker_that_is_asked_for_is_started_and_another_than_the_environment_names_is_refused(
    tmp_path: Path,
) -> None:
    stores = Stores(UpSettings(up_folder=tmp_path, broker="rabbitmq"), NOBODY, lambda _: None)
    assert "rabbitmq" in stores.servers.pids
    with pytest.raises(DevError, match="unset one of them"):
        Stores(
            UpSettings(up_folder=tmp_path, broker="redis", broker_url=SecretStr("amqp://me:secret@mq/")),
            NOBODY,
            lambda _: None,
        )
