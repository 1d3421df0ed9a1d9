"""The schedules of the apps that come with us, as beat declares them."""

from __future__ import annotations

import pytest

from windrow.apps import DEFAULT_APPS
from windrow.beat.declared import declaration
from windrow.beat.main import load_app
from windrow.beat.settings import BeatSettings


@pytest.fixture
def settings() -> BeatSettings:
    return BeatSettings(
        database_url="postgresql://nobody@localhost/none",
        redis_url="redis://localhost",
        apps=DEFAULT_APPS,
        app_queues="mailroom=mail",
        timezone="Europe/Berlin",
    )


def test_every_schedule_of_the_apps_can_be_kept(settings: BeatSettings) -> None:
    rows = {row.id: row for row in declaration(load_app(settings)).rows}
    assert rows.keys() >= {"mailroom.daily-report", "mailroom.cleanup"}
    assert {name.partition(".")[0] for name in rows} <= set(DEFAULT_APPS.split(","))
    assert {row.error for row in rows.values()} == {None}
    report = rows["mailroom.daily-report"]
    assert (report.spec, report.timezone, report.queue) == ("0 9 * * *", "Europe/Berlin", "mail")


def test_a_schedule_without_a_priority_lets_others_go_first(settings: BeatSettings) -> None:
    # Celery's 0 is Redis' first; ours is the last.
    assert {row.priority for row in declaration(load_app(settings)).rows} == {0}
