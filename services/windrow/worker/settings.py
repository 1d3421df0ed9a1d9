"""What a worker can be told, each value with its unit and its reason."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from windrow.apps import DEFAULT_APPS
from windrow.broker.address import BrokerSettings
from windrow.core.address_fields import DatabaseUrl, RedisUrl
from windrow.telemetry.settings import ProcessSettings


class WorkerSettings(BrokerSettings, ProcessSettings):
    """Read once, by `windrow.worker.main`, from WINDROW_* variables."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", extra="ignore")

    #: The ledger's PostgreSQL, libpq's `postgresql://…`; and Redis, `redis://…`, `rediss://…`.
    database_url: DatabaseUrl
    redis_url: RedisUrl
    #: Celery app to adopt, `pkg.mod:app`; empty: the apps below.
    celery_app: str = ""
    #: Built-in apps whose tasks this worker knows.
    apps: str = DEFAULT_APPS
    #: Queues of the apps' tasks where they are not the apps' own, `app=queue,app=queue`.
    app_queues: str = ""
    #: Its pool's name, which the ledger, metrics and the scaler know it by.
    pool: str = "default"
    #: Queues that it serves, comma separated.
    queues: str = "default"
    #: Those of them that also take full Celery messages from producers without a ledger, comma separated.
    foreign_queues: str = ""
    #: Jobs that it runs at the same time; default: the machine's CPUs.
    concurrency: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=1000)
    #: What `helm upgrade` changes; the newest release's declarations count.
    release: str = "dev"
    #: Seconds without renewal after which others may take over; renewed at a third of it.
    lease_seconds: float = Field(15.0, gt=0)
    #: Seconds that running jobs get after SIGTERM. Must leave 45 s of the pod's grace.
    drain_seconds: float = Field(330.0, gt=0)
    #: Seconds a task may run that states no limit of its own; + 30 <= drain_seconds.
    hard_limit_seconds: float = Field(300.0, gt=0)
    #: Seconds between asking a cancelled task to stop and killing its child.
    cancel_grace_seconds: float = Field(5.0, gt=0)
    #: Jobs a child may have waiting while tasks are short; 0 switches claiming ahead off.
    claim_ahead: int = Field(16, ge=0)
    #: Seconds; a task is short when its measured p95 is below.
    short_task_seconds: float = Field(0.1, gt=0)
    #: Server-side prepared statements; off behind PgBouncer in transaction mode.
    prepared_statements: bool = True
    #: Messages a list may hold; beyond it jobs wait in the ledger only.
    window: int = Field(2000, ge=1)
    #: File whose mtime the main loop refreshes; probes read it. Empty: none.
    heartbeat_file: str = ""
    #: Seconds between two touches of it.
    heartbeat_seconds: float = Field(5.0, gt=0)

    @property
    def queue_names(self) -> list[str]:
        """The queues served, in order of mention."""
        return [name.strip() for name in self.queues.split(",") if name.strip()]

    @property
    def foreign_queue_names(self) -> frozenset[str]:
        """The queues that take foreign messages."""
        return frozenset(name.strip() for name in self.foreign_queues.split(",") if name.strip())

    @property
    def heartbeat_path(self) -> Path | None:
        """Where the heartbeat goes."""
        return Path(self.heartbeat_file) if self.heartbeat_file else None


def worker_id() -> str:
    """A name that no other worker has or had: host, pid and some randomness."""
    return f"{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"
