"""Tasks that log: `WINDROW_APPS=tests.support.telling_tasks:SPEC`."""

from __future__ import annotations

import logging
import os
import threading
import warnings

from celery import shared_task
from celery.utils.log import get_task_logger

from windrow.apps import AppSpec

SPEC = AppSpec("telling", "tests.support.telling_tasks")


@shared_task(name="tell")
def tell(order: int) -> None:
    """Log in every way that a task may."""
    logging.getLogger("shop").info("order %d is packed", order, extra={"weight": 3})
    get_task_logger(__name__).warning("order %d: \ud800 two\nlines", order)
    print(f"order {order} is printed")  # noqa: T201 - that is what is tested
    warnings.warn(f"order {order} warns", UserWarning, stacklevel=1)
    # What a careless task writes.
    logging.getLogger("shop").error("cannot reach %s", os.environ["WINDROW_DATABASE_URL"])
    logging.getLogger("shop").error("Authorization: Bearer %s", "wrk_0123456789ab_" + "x" * 43)


@shared_task(name="fall")
def fall(order: int) -> None:
    """Log, then fail."""
    logging.getLogger("shop").info("order %d falls", order)
    raise ValueError(f"order {order} is broken")


@shared_task(name="crash_a_thread")
def crash_a_thread() -> None:
    """A thread that ends badly."""
    thread = threading.Thread(target=fall.run, args=(9,), name="side")
    thread.start()
    thread.join()
