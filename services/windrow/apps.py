"""What an app is to the platform, and what the platform is to an app's routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol

from windrow.core.errors import InvalidJob, LedgerUnavailable, RetiredTask, UnknownTask
from windrow.core.record import JobRecord as Job
from windrow.core.states import State

__all__ = [
    "AppSpec",
    "InvalidJob",
    "Job",
    "Jobs",
    "LedgerUnavailable",
    "RetiredTask",
    "State",
    "UnknownTask",
    "find_app",
]


class Jobs(Protocol):
    """Submit jobs and look at them, from an app's routes."""

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
        tags: Sequence[str] = (),
    ) -> Job:
        """Keep a job and return it once it is committed; `delay` is in seconds and wins over `run_at`.

        Raises UnknownTask, RetiredTask or InvalidJob when it can never be accepted as it is, and
        LedgerUnavailable when nothing could be saved; the API's door turns each into its problem.
        """
        ...

    async def get(self, job_id: str) -> Job | None:
        """The job with its progress, result and last error, or None when there is none with that id.

        Raises LedgerUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class AppSpec:
    """An app: its tasks, its routes and its tables. Paths, not objects, so that each door imports only its part."""

    #: What WINDROW_APPS and WINDROW_OPEN_APPS call it.
    name: str
    #: Module whose import declares the Celery tasks.
    tasks: str
    #: `module:function`, called with `Jobs`, returns a fastapi.APIRouter; None: no routes.
    router: str | None = None
    #: Package with `NNNN_*.sql` files that create its tables; each may run again.
    migrations: str | None = None


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
