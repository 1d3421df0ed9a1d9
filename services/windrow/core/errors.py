"""Everything that Windrow raises.

WindrowError
 ├─ InvalidJob            the request can never be accepted as it is
 │   ├─ UnknownTask       no release declares the task
 │   └─ RetiredTask       a release declared it once, none does now
 ├─ LedgerUnavailable     Postgres did not answer
 ├─ WorkerLost            a worker vanished while it ran the job
 └─ JobCancelled          raised inside a task whose job was cancelled
"""

from __future__ import annotations


class WindrowError(Exception):
    """Base of all."""


class InvalidJob(WindrowError):
    """The request can never be accepted as it is; `field` is a JSON pointer and `fix` says what to do."""

    def __init__(self, message: str, field: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.fix = fix


class UnknownTask(InvalidJob):
    """No release declares the task."""


class RetiredTask(InvalidJob):
    """No current release declares the task any more."""


class LedgerUnavailable(WindrowError):
    """Postgres did not answer in time: nothing was done, unless it was the answer to a commit that was lost."""


class WorkerLost(WindrowError):
    """A worker vanished while it ran the job; what a failed job's waiter is told, nothing raises it itself."""


class JobCancelled(BaseException):
    """Raised inside a task whose job was cancelled; a BaseException so that `except Exception` lets it pass."""
