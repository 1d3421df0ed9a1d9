"""The class of the parse task: whoever asked for a run is told how it ended."""

from collections.abc import Mapping
from typing import Any

from celery import Task

from windrow_apps.shared.notices import notify


class ToldTask(Task):
    """Celery calls these in the worker; what they submit is kept with the end of the task."""

    abstract = True

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Mapping[str, Any]) -> None:
        """Tell the caller, and the operator where successes are told."""
        numbers = ", ".join(f"{name}: {value}" for name, value in retval.items())
        self._tell("success", f"Parsing of {_range(kwargs)} is done", f"Job {task_id}. {numbers}.", kwargs)

    def on_failure(
        self, exc: Exception, task_id: str, args: Any, kwargs: Mapping[str, Any], einfo: Any
    ) -> None:
        """For good, retries included."""
        text = f"Job {task_id}. {type(exc).__name__}: {exc}"
        self._tell("failure", f"Parsing of {_range(kwargs)} failed", text, kwargs)

    def _tell(self, kind: str, subject: str, text: str, kwargs: Mapping[str, Any]) -> None:
        email, webhook = kwargs.get("notify_email") or "", kwargs.get("notify_webhook") or ""
        notify(kind, subject, text, email=email, webhook=webhook)


def _range(kwargs: Mapping[str, Any]) -> str:
    return f"pages {kwargs.get('start_id')} to {kwargs.get('end_id')}"
