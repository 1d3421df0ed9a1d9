"""Celery's beat scheduler on the ledger: schedules and their ticks are rows, and beat runs the chores beside them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celery.beat import Scheduler
from celery.utils.log import get_logger

from windrow.beat.chores.chore import Pass, Tools
from windrow.beat.chores.crew import Crew
from windrow.beat.chores.post import post
from windrow.beat.chores.runner import Note
from windrow.beat.declared import declaration
from windrow.beat.settings import BeatSettings
from windrow.core.errors import LedgerUnavailable
from windrow.store.declared import declare
from windrow.store.fire import fire
from windrow.store.schedules import due, note_failure
from windrow.telemetry.process_metrics import ProcessMetrics, serve

logger = get_logger(__name__)
_BATCH = 100


class LedgerScheduler(Scheduler):
    """`celery beat -S windrow.beat.scheduler:LedgerScheduler`; any number may run at once."""

    def __init__(self, app: Any, *args: Any, lazy: bool = False, **kwargs: Any) -> None:
        # Celery makes a lazy one only to print what it is: no settings, no connection.
        self._settings = None if lazy else app.conf.get("windrow_beat") or BeatSettings()
        self._crew: Crew | None = None
        self._metrics: ProcessMetrics | None = None
        self._declare_at = 0.0
        self._lazy_inputs: dict[str, Callable[[], str]] = {}
        self._in_tick = False
        self._failures = 0
        super().__init__(app, *args, lazy=lazy, **kwargs)

    def setup_schedule(self) -> None:
        """Start the chores; the ledger may still be away."""
        assert self._settings is not None
        self._heartbeat = self._settings.heartbeat_path
        if self._heartbeat is not None:
            # Raises: a beat that looks dead to its probe would be restarted for ever, for no reason told.
            self._heartbeat.touch()
        self._crew = Crew(self._settings)
        self._note = Note("schedules", self._crew.record, self._settings.record_seconds)
        self._crew.start()
        self._metrics = serve(
            self._settings.metrics_host,
            self._settings.metrics_port,
            {"chores_failing": ("Chores whose last pass failed.", self._crew.failing)},
        )

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Fire what is due; returns the seconds until the next look. Never raises: beat would end."""
        assert self._crew is not None
        assert self._settings is not None
        self._in_tick = True
        self._beat()
        try:
            if time.monotonic() >= self._declare_at:
                self._declare(self._crew.tools, self._settings)
            wait = self._fire_due(self._crew.tools, self._settings)
            self._failures = 0
            return wait
        except LedgerUnavailable as exc:
            self._failures += 1
            logger.warning("The ledger is away, schedules wait: %s", exc)
            self._note.failed(str(exc))
            ceiling = min(self._settings.failure_seconds, 0.5 * 2 ** min(self._failures, 10))
            return random.uniform(ceiling / 2, ceiling)
        except Exception as exc:
            logger.exception("The schedules could not be looked at")
            self._note.failed(f"{type(exc).__name__}: {exc}")
        finally:
            self._in_tick = False
        return self._settings.tick_seconds

    def close(self) -> None:
        """Celery calls it from its signal handler and again at the end."""
        if self._crew is None:
            return
        metrics, self._metrics = self._metrics, None
        if metrics is not None:
            metrics.stop()
        if self._crew.stop() and not self._in_tick:
            self._crew.close()

    @property
    def info(self) -> str:
        return "    . schedules -> the ledger"

    def _beat(self) -> None:
        """The loop turns, whether the ledger answers or not: probes see it by the file's time."""
        if self._heartbeat is not None:
            with suppress(OSError):
                self._heartbeat.touch()

    def _declare(self, tools: Tools, settings: BeatSettings) -> None:
        rows, self._lazy_inputs = declaration(self.app)
        for row in rows:
            if row.error is not None:
                logger.error("Schedule %s is refused: %s", row.id, row.error)
        # An empty declaration disables what this release no longer says; no app at all says nothing.
        if rows or settings.celery_app or settings.apps:
            done = tools.ledgers.run(declare, rows, settings.release, 3 * settings.declare_seconds)
            kept = set(done.kept).intersection(row.id for row in rows)
            if kept:
                logger.info("Kept as the API or a newer release has them: %s", ", ".join(sorted(kept)))
        self._declare_at = time.monotonic() + settings.declare_seconds

    def _fire_due(self, tools: Tools, settings: BeatSettings) -> float:
        ids, seconds = tools.ledgers.run(due, _BATCH, settings.schedule_retry_seconds)
        done, errors = 0, []
        for schedule_id in ids:
            self._beat()
            try:
                done += self._fire(tools, settings, schedule_id)
            except LedgerUnavailable:
                raise
            except Exception as exc:
                # One bad schedule never holds up the others.
                logger.error("Schedule %s cannot fire", schedule_id, exc_info=exc)
                errors.append(f"{schedule_id}: {exc}")
                tools.ledgers.run(note_failure, schedule_id, f"{type(exc).__name__}: {exc}")
        self._note.went(Pass(done, 0.0, errors))
        if len(ids) == _BATCH:
            return 0.0
        return min(settings.tick_seconds if seconds is None else seconds, settings.tick_seconds)

    def _fire(self, tools: Tools, settings: BeatSettings, schedule_id: str) -> int:
        made = self._lazy_inputs.get(schedule_id)
        fired = tools.ledgers.run(
            fire,
            schedule_id,
            settings.catch_up,
            settings.catch_up_seconds,
            None if made is None else made(),
        )
        for job_id in fired.job_ids:
            logger.info("Schedule %s made the job %s", schedule_id, job_id, extra={"job_id": job_id})
        post(tools, fired.queued)
        if fired.scheduled:
            tools.wake("promote")
        return len(fired.job_ids)
