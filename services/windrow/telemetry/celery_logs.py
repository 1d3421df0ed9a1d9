"""Celery's programs log through our handler; what they would have set up beside it, they find set up."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery import current_app, signals
from celery.utils.log import get_logger


def take_over(level: int | str) -> None:
    """From now on no Celery program of this process sets up logging itself; once, before one starts."""
    signals.setup_logging.connect(_receiver(level), weak=False)


def _receiver(level: int | str) -> Callable[..., None]:
    def set_up(**_: Any) -> None:
        """What prints in a task becomes lines, too; and whoever adds handlers of their own is asked, as ever."""
        root = logging.getLogger()
        root.setLevel(level)
        conf = current_app.conf
        if conf.worker_redirect_stdouts:
            current_app.log.redirect_stdouts_to_logger(
                get_logger("celery.redirected"), loglevel=conf.worker_redirect_stdouts_level
            )
        said = {"sender": None, "loglevel": root.level, "logfile": None, "format": "", "colorize": False}
        signals.after_setup_logger.send(logger=root, **said)
        signals.after_setup_task_logger.send(logger=get_logger("celery.task"), **said)

    return set_up
