"""What beat can be told, each value with its unit and its reason; tests run the times at a fraction."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from windrow.apps import DEFAULT_APPS
from windrow.broker.address import BrokerSettings
from windrow.core.address_fields import DatabaseUrl, RedisUrl
from windrow.telemetry.settings import ProcessSettings


class BeatSettings(BrokerSettings, ProcessSettings):
    """Read once, when the scheduler starts, from WINDROW_* variables."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", extra="ignore")

    #: The ledger's PostgreSQL, libpq's `postgresql://…`; and Redis, `redis://…`, `rediss://…`.
    database_url: DatabaseUrl
    redis_url: RedisUrl
    #: Celery app whose beat_schedule counts, `pkg.mod:app`; empty: the schedules of the apps below do.
    celery_app: str = ""
    #: Apps whose schedules count, comma separated.
    apps: str = DEFAULT_APPS
    #: Queues of the apps' tasks where they are not the apps' own, `app=queue,app=queue`.
    app_queues: str = ""
    #: IANA time zone of the apps' schedules: when 09:00 is.
    timezone: str = "UTC"
    #: What `helm upgrade` changes: the newest release's declarations count.
    release: str = "dev"
    #: Server-side prepared statements; off behind PgBouncer in transaction mode.
    prepared_statements: bool = True
    #: Ledger connections that schedules and chores share.
    beat_connections: int = Field(3, ge=1, le=3)
    #: Messages a list may hold; the same in every door.
    window: int = Field(2000, ge=1)
    #: File whose mtime the scheduler's loop refreshes; probes read it. Empty: none.
    heartbeat_file: str = ""
    #: The workers' lease; given to a worker that the ledger knows only by its jobs.
    lease_seconds: float = Field(15.0, gt=0)

    #: Longest sleep between two looks at the schedules: how late a new one may be noticed.
    tick_seconds: float = Field(1.0, gt=0)
    #: Moments that are made up for after a time without beat; the latest count.
    catch_up: int = Field(1, ge=1, le=1000)
    #: Moments older than this many seconds are not made up for; unset: however old.
    catch_up_seconds: float | None = Field(None, gt=0)
    #: Seconds until a schedule that failed is tried again.
    schedule_retry_seconds: float = Field(60.0, gt=0)
    #: Seconds between two declarations of the app's beat_schedule; silent for three, another release may speak.
    declare_seconds: float = Field(180.0, gt=0)

    #: Longest sleep of promote. A nearer run_at wakes it, so this bounds only how late a lost wake-up is noticed.
    promote_seconds: float = Field(1.0, gt=0)
    #: Jobs that it moves at a time.
    promote_batch: int = Field(500, ge=1)
    #: Seconds between two looks of relay at the windows, unless low water wakes it.
    relay_seconds: float = Field(1.0, gt=0)
    #: Jobs that it sends at a time.
    relay_batch: int = Field(500, ge=1)
    #: A job sent so many seconds ago and still queued is compared with the broker.
    settle_after_seconds: float = Field(30.0, gt=0)
    #: Between two comparisons of one queue, over all beats: each reads all of its messages.
    settle_every_seconds: float = Field(30.0, gt=0)
    #: Between two looks for queues to compare.
    settle_seconds: float = Field(5.0, gt=0)
    #: Seconds between two looks for lapsed leases.
    rescue_seconds: float = Field(1.0, gt=0)
    #: A longer time without an answer from Postgres was an outage: leases could not be renewed in it.
    rescue_gap_seconds: float = Field(5.0, gt=0)
    #: Seconds between two looks for jobs that nobody took in time, and how many are ended at a time.
    expire_seconds: float = Field(1.0, gt=0)
    expire_batch: int = Field(500, ge=1)
    #: Seconds between two steps of the statistics: how old a scraped number may be.
    fold_seconds: float = Field(2.0, gt=0)
    #: Attempts that a step counts, and the pause while more wait: statistics that are behind hurry, but not at
    #: the cost of live jobs.
    fold_batch: int = Field(5000, ge=1)
    fold_pause_seconds: float = Field(0.1, ge=0)
    #: Seconds between two looks for what is old enough to be deleted.
    retain_seconds: float = Field(60.0, gt=0)
    #: Rows a delete takes at once, and the pause after it: history goes slowly, so that live jobs notice nothing.
    retain_batch: int = Field(1000, ge=1)
    retain_pause_seconds: float = Field(0.1, ge=0)
    #: Seconds that a job is kept after its end.
    retention_seconds: float = Field(7 * 86_400.0, gt=0)

    #: A row that made a statement fail is left out for so many seconds.
    quarantine_seconds: float = Field(60.0, gt=0)
    #: Seconds between two notes of a chore's success.
    record_seconds: float = Field(5.0, gt=0)
    #: Longest back-off of a chore that fails; under the gap, or rescue would take its own for an outage.
    failure_seconds: float = Field(3.0, gt=0)
    #: Seconds that the chores get to end on SIGTERM; one statement may take so long.
    stop_seconds: float = Field(10.0, gt=0)

    @property
    def heartbeat_path(self) -> Path | None:
        """Where the heartbeat goes."""
        return Path(self.heartbeat_file) if self.heartbeat_file else None
