"""The class of the mailroom's tasks: how each of them ends is logged, and told to whom it may concern."""

from __future__ import annotations

from typing import Any

from celery import Task

from windrow_apps.mailroom.errors import MailInFlight
from windrow_apps.shared.notices import notify

#: Of a mail: once and three times again, after 10, 20 and 40 seconds.
MAX_MAIL_RETRIES = 3
MAIL_RETRY_SECONDS = 10
#: When another job is sending the same mail.
LOOK_AGAIN_SECONDS = (1.0, 10.0, 30.0, 30.0)


class MailroomTask(Task):
    """Celery calls these in the worker; what they submit is kept with the end of the task."""

    abstract = True

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """`success`."""
        notify("success", f"{self.name} succeeded", f"Job {task_id} of {self.name} succeeded.")

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """`failure`: for good, retries included."""
        notify("failure", f"{self.name} failed", f"Job {task_id} of {self.name} failed: {_words(exc)}")

    def on_retry(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """`retry`: it failed for now."""
        text = f"Job {task_id} of {self.name} is tried again: {_words(exc)}"
        notify("retry", f"{self.name} is tried again", text)

    def mail_again(self, error: Exception) -> Exception:
        """What to raise so that a mail is tried again, or fails when that was often enough."""
        retries = self.request.retries or 0
        seconds = float(MAIL_RETRY_SECONDS * 2**retries)
        if isinstance(error, MailInFlight):
            # The other job is usually done in a moment. The last look waits for its claim to lapse: it may be dead.
            seconds = error.seconds + 1 if retries == MAX_MAIL_RETRIES - 1 else LOOK_AGAIN_SECONDS[retries]
        again: Exception = self.retry(exc=error, countdown=seconds, max_retries=MAX_MAIL_RETRIES, throw=False)
        return again


def _words(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}"[:1000]
