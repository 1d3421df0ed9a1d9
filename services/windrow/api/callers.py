"""Who asks, and what may they do."""

from __future__ import annotations

from typing import NamedTuple

from windrow.api.problems import missing_scope

JOBS_READ = "jobs:read"
JOBS_WRITE = "jobs:write"
QUEUES_WRITE = "queues:write"
SCHEDULES_WRITE = "schedules:write"
#: Every scope in one.
ADMIN = "admin"
SCOPES = {
    JOBS_READ: "see jobs, tasks, queues, schedules and workers",
    JOBS_WRITE: "submit, cancel, retry and replay jobs",
    QUEUES_WRITE: "pause and resume queues",
    SCHEDULES_WRITE: "create, change, pause, trigger and delete schedules",
    ADMIN: "everything",
}


class Caller(NamedTuple):
    """The owner of a request's key or token."""

    #: The key's id, the token's subject, or "anonymous" where neither is asked for.
    id: str
    scopes: frozenset[str]


ANONYMOUS = Caller("anonymous", frozenset({ADMIN}))


def may(caller: Caller, scope: str) -> bool:
    """Whether `caller` has the scope, or every one."""
    return scope in caller.scopes or ADMIN in caller.scopes


def check_scope(caller: Caller, scope: str) -> None:
    """Raises the 403 problem when `caller` may not."""
    if not may(caller, scope):
        raise missing_scope(scope)
