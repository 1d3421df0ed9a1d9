"""The project's app: what `celery -A` is given."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("shop", include=["tests.conformance.project.tasks", "tests.conformance.project.hard"])
app.conf.update(
    broker_url=os.environ.get("SHOP_BROKER_URL", "redis://localhost:6379/0"),
    result_backend=os.environ.get("SHOP_RESULT_URL", "redis://localhost:6379/1"),
    task_default_queue="shop",
    task_routes={"shop.routed": {"queue": "shop-side"}},
    result_extended=True,
    result_expires=3600,
    broker_connection_retry_on_startup=True,
    task_allow_error_cb_on_chord_header=False,
    worker_hijack_root_logger=False,
    beat_schedule={
        "every-second": {"task": "shop.tick", "schedule": 1.0, "args": ("beat",)},
    },
)
