"""`helm upgrade` to images with a migration and a task more, and back, under load."""

from __future__ import annotations

import pytest

from tests.e2e.figures import Figures
from tests.e2e.helm import pools
from tests.e2e.load import Load
from tests.e2e.platform import Job, now
from tests.e2e.release import Release
from tests.e2e.verdict import flaws
from tests.e2e.waiting import eventually


@pytest.mark.timeout(600)
def test_no_submit_fails_and_no_job_is_lost_or_doubled_by_an_upgrade_and_a_rollback(
    release: Release, figures: Figures
) -> None:
    platform, case = release.platform, "rolling upgrade and rollback under load"
    with Load(platform, queue="burst") as load:
        load.goes_on()
        began = now()
        release.helm.upgrade(*pools(release.images, release.subjects, following=True))
        release.ready()
        figures.add(case, "upgrade, until all is ready", now() - began)
        product = eventually("the new task is known", 60, lambda: _multiply(release))
        assert product["result"] == 42, product
        began = now()
        release.helm.rollback()
        release.ready()
        figures.add(case, "rollback, until all is ready", now() - began)
        load.goes_on()
    jobs = platform.ended(load.tag, len(load.accepted), 120)
    figures.add(case, "jobs accepted meanwhile", len(load.accepted))
    figures.add(case, "submits that failed", len(load.refused))
    assert load.refused == []
    assert not flaws(platform, jobs, load.accepted)


def _multiply(release: Release) -> Job | None:
    """Unknown until the pool's catalog Job has run."""
    body = {"task": "project.multiply", "input": {"x": 6, "y": 7}, "queue": "burst"}
    answer = release.platform.client.post("/v1/jobs", json=body)
    if answer.status_code == 404:
        return None
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]

    def ended() -> Job | None:
        job = release.platform.job(job_id)
        return job if job["state"] in ("succeeded", "failed") else None

    return eventually("the new task runs", 90, ended)
