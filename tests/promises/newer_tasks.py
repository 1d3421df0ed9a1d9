"""The tasks of the next release: all of the present ones, and one more."""

from __future__ import annotations

from celery import shared_task

import tests.promises.tasks


@shared_task(name="fresh")
def fresh() -> str:
    """Only the new release knows it."""
    return tests.promises.tasks.__name__
