"""What an app is to the platform, and what the platform is to an app's routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from windrow.core.errors import InvalidJob, LedgerUnavailable, RetiredTask, UnknownTask
from windrow.core.record import JobRecord as Job
from windrow.core.states import State

__all__ = [
    "DEFAULT_APPS",
    "DEFAULT_QUEUE",
    "AppSpec",
    "Cancelled",
    "InvalidJob",
    "Job",
    "Jobs",
    "LedgerUnavailable",
    "QueueInfo",
    "RetiredTask",
    "State",
    "UnknownTask",
    "WorkerInfo",
    "app_queues",
    "find_app",
    "find_apps",
    "schedules_of",
    "task_routes",
]

#: WINDROW_APPS where nobody sets it.
DEFAULT_APPS = "parse,todos,mailroom,summaries,delays"
DEFAULT_QUEUE = "default"


class Cancelled(NamedTuple):
    """What a cancel found and left; both the same when the job's state forbade it."""

    before: State
    after: State


class WorkerInfo(NamedTuple):
    """A worker that serves."""

    name: str
    pool: str
    queues: Sequence[str]
    #: Jobs that it can run at once, and does.
    concurrency: int
    busy: int
    draining: bool


class QueueInfo(NamedTuple):
    """A queue and its live jobs, by state."""

    name: str
    paused: bool
    queued: int
    running: int
    scheduled: int
    retrying: int


class Jobs(Protocol):
    """Submit jobs and look at them, from an app's routes. Every call raises LedgerUnavailable when Postgres is away."""

    async def submit(
        self,
        task: str,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        queue: str | None = None,
        priority: int | None = None,
        run_at: datetime | None = None,
        delay: float | None = None,
        expires_at: datetime | None = None,
        time_limit: float | None = None,
        max_attempts: int | None = None,
        tags: Sequence[str] = (),
        job_id: str | None = None,
    ) -> Job:
        """Keep a job and return it once it is committed; `delay` is in seconds and wins over `run_at`.

        `time_limit` is in seconds, for one attempt. With `max_attempts` an exception is retried, with full jitter. When
        the ledger has a job with `job_id`, nothing is added and that one is returned, whatever its task: compare it.

        Raises UnknownTask, RetiredTask or InvalidJob when it can never be accepted as it is, and
        LedgerUnavailable when nothing could be saved; the API's door turns each into its problem.
        """
        ...

    async def submit_many(
        self,
        task: str,
        inputs: Sequence[Mapping[str, Any]],
        *,
        queue: str | None = None,
        priority: int | None = None,
        tags: Sequence[str] = (),
        job_ids: Sequence[str] | None = None,
    ) -> list[Job]:
        """Keep a job for each of `inputs` (keyword arguments); all are checked before any is kept.

        `job_ids` and errors as in `submit`. Many share a commit, but not always all: more than WINDROW_API_BATCH_MAX,
        or those of a queue that is full. After LedgerUnavailable some may be kept; with `job_ids` a repetition is safe.
        """
        ...

    async def get(self, job_id: str) -> Job | None:
        """The job with its progress, result and last error, or None when there is none with that id."""
        ...

    async def get_many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """Those of the jobs that exist, by id, in one read."""
        ...

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        """The job as soon as it is final, or as it is after `seconds`: no thread and no connection waits with it."""
        ...

    async def cancel(self, job_id: str, *, running: bool = True) -> Cancelled | None:
        """Cancel the job: at once when it waits, as soon as its worker has stopped it when it runs; None: no such job.

        Without `running` a job that has started is left alone.
        """
        ...

    async def find(
        self,
        *,
        task: str | None = None,
        tag: str | None = None,
        states: Sequence[State] | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """At most `limit` jobs, the newest first; without results, errors and progress."""
        ...

    async def workers(self) -> list[WorkerInfo]:
        """The workers that serve: they have renewed their lease and have not ended."""
        ...

    async def broker(self) -> bool:
        """Whether the broker, Redis or RabbitMQ, answers: without it jobs are kept and start later."""
        ...

    async def queues(self) -> list[QueueInfo]:
        """Every queue that has a pool, a task or a job."""
        ...


@dataclass(frozen=True, slots=True)
class AppSpec:
    """An app: its tasks, its routes and its tables. Paths, not objects, so that each door imports only its part."""

    #: What WINDROW_APPS and WINDROW_OPEN_APPS call it. Its tasks are named `<name>.…`.
    name: str
    #: Module whose import declares the Celery tasks.
    tasks: str
    #: `module:function`, called with `Jobs`, returns a fastapi.APIRouter; None: no routes. A lifespan of the router
    #: runs with the API's.
    router: str | None = None
    #: What that router takes, `METHOD,METHOD /path`: where an app of DEFAULT_APPS is off, these say so.
    paths: tuple[str, ...] = ()
    #: Routers that several apps bring and one API has once: `/health`, say. Mounted after the apps' own.
    shared_routers: tuple[str, ...] = ()
    #: Package with `NNNN_*.sql` files that create its tables; each may run again.
    migrations: str | None = None
    #: `module:function` without parameters that returns entries like Celery's `beat_schedule`.
    schedules: str | None = None
    #: Queue of its tasks where WINDROW_APP_QUEUES names no other; None: the first queue of the pool that declares them.
    #: One that is not `default` has a worker of its own in `windrow up`.
    queue: str | None = None
    #: Jobs at a time of that worker; None: as many as cores.
    concurrency: int | None = None
    #: Header that carries the API key; such routes want one even where the app is open. None: `Authorization`.
    key_header: str | None = None
    #: Bytes of a request's body by exact path, where they are not WINDROW_API_INPUT_BYTES.
    body_bytes: Mapping[str, int] = field(default_factory=dict)


def find_app(name: str) -> AppSpec:
    """The app `windrow_apps.<name>.app:SPEC`, or `module:object` when `name` has a colon. Raises LookupError."""
    module, _, attribute = name.partition(":")
    if not attribute:
        module, attribute = f"windrow_apps.{name}.app", "SPEC"
    try:
        spec = getattr(import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError) as exc:
        raise LookupError(f"there is no app {name!r}: {exc}") from exc
    if not isinstance(spec, AppSpec):
        raise LookupError(f"{module}:{attribute} is not a windrow.apps.AppSpec")
    return spec


def find_apps(names: str) -> list[AppSpec]:
    """The apps of a comma-separated list, in its order. Raises LookupError."""
    return [find_app(name.strip()) for name in names.split(",") if name.strip()]


def app_queues(text: str) -> dict[str, str]:
    """WINDROW_APP_QUEUES, `app=queue,app=queue`. Raises LookupError for what is not written like that."""
    queues = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, queue = (part.strip() for part in item.partition("="))
        if not (name and equals and queue):
            raise LookupError(f"WINDROW_APP_QUEUES is app=queue,app=queue: {item!r} is not")
        queues[name] = queue
    return queues


def task_routes(specs: Sequence[AppSpec], queues: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Celery's `task_routes` for the tasks of these apps; `queues` by app wins over an app's own."""
    chosen = {spec.name: queues.get(spec.name, spec.queue) for spec in specs}
    return {f"{name}.*": {"queue": queue} for name, queue in chosen.items() if queue is not None}


def schedules_of(specs: Sequence[AppSpec]) -> dict[str, Any]:
    """The schedules of these apps as one `beat_schedule`, each named `<app>.…`."""
    entries: dict[str, Any] = {}
    for spec in specs:
        if spec.schedules is not None:
            module, _, function = spec.schedules.partition(":")
            own = getattr(import_module(module), function)()
            entries |= {f"{spec.name}.{name}": entry for name, entry in own.items()}
    return entries
