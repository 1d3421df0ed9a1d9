"""What `windrow up` says about servers that are not its own."""

from pathlib import Path
from typing import cast

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
