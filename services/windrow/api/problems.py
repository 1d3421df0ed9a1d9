"""What HTTP answers: the only file that knows status codes; every error is an RFC 9457 problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from windrow.api.problem import MEDIA_TYPE as MEDIA_TYPE
from windrow.api.problem import Flaw as Flaw
from windrow.api.problem import Problem as Problem
from windrow.core.errors import InvalidJob, RetiredTask, UnknownTask

OK = 200
CREATED = 201
ACCEPTED = 202
NO_CONTENT = 204
BAD_REQUEST = 400
UNAUTHENTICATED = 401
FORBIDDEN = 403
NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405
TOO_SLOW = 408
CONFLICT = 409
GONE = 410
TOO_LARGE = 413
INVALID = 422
TOO_MANY = 429
INTERNAL = 500
UNAVAILABLE = 503

#: Seconds after which a caller may ask again.
RETRY_AFTER_SECONDS = 2


def malformed(detail: str) -> Problem:
    """The body is no JSON."""
    fix = "Send one JSON document in UTF-8, e.g. with `curl --json`"
    return Problem(BAD_REQUEST, "malformed", "Malformed body", detail, flaws=[Flaw("", detail, fix)])


def bad_request(detail: str) -> Problem:
    """The request is no HTTP that this service reads."""
    return Problem(BAD_REQUEST, "bad-request", "Bad request", detail)


def unauthenticated(detail: str) -> Problem:
    """No key or token, or not one of ours."""
    return Problem(
        UNAUTHENTICATED,
        "unauthenticated",
        "Not authenticated",
        detail,
        headers={"WWW-Authenticate": 'Bearer realm="windrow"'},
    )


def missing_scope(scope: str) -> Problem:
    """The key or token is good for other things."""
    return Problem(
        FORBIDDEN,
        "missing-scope",
        "A scope is missing",
        f"This request needs a key or a token with the scope {scope!r}",
        headers={"WWW-Authenticate": f'Bearer realm="windrow", error="insufficient_scope", scope="{scope}"'},
        extra={"scope": scope},
    )


def unmapped_subject(subject: str) -> Problem:
    """The cluster knows the caller, and nobody gave it a scope."""
    return Problem(
        FORBIDDEN,
        "unmapped-subject",
        "The subject has no scopes",
        f"Nobody gave {subject!r} a scope: name it in WINDROW_API_SUBJECTS",
        headers={"WWW-Authenticate": 'Bearer realm="windrow", error="insufficient_scope"'},
        extra={"subject": subject},
    )


def not_found(what: str) -> Problem:
    """There is no such thing."""
    return Problem(NOT_FOUND, "not-found", "Not found", what)


def unknown_job(job_id: str) -> Problem:
    """No job ever had that id, as far as the ledger knows."""
    return Problem(NOT_FOUND, "unknown-job", "Unknown job", f"There is no job with the id {job_id!r}")


def unknown_task(error: UnknownTask) -> Problem:
    """No release declares the task."""
    return Problem(NOT_FOUND, "unknown-task", "Unknown task", str(error), flaws=[_flaw(error)])


def method_not_allowed(method: str, allow: str | None) -> Problem:
    """The path takes other methods."""
    return Problem(
        METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "Method not allowed",
        f"{method} is not possible here",
        headers={"Allow": allow} if allow else {},
    )


def wrong_state(state: str, wish: str, job_id: str) -> Problem:
    """The job's state forbids it."""
    return Problem(
        CONFLICT,
        "wrong-state",
        "The job's state forbids it",
        f"A job that is {state} cannot be {wish}",
        extra={"state": state, "job": f"/v1/jobs/{job_id}"},
    )


def not_finished(state: str, job_id: str) -> Problem:
    """The result is asked for before there is one."""
    return Problem(
        CONFLICT,
        "not-finished",
        "The job has not finished",
        f"The job is {state}: ask again, or wait with the header `Prefer: wait=30`",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        extra={"state": state, "job": f"/v1/jobs/{job_id}"},
    )


def no_result(state: str, error: str | None, job_id: str) -> Problem:
    """The job ended without one."""
    return Problem(
        CONFLICT,
        "no-result",
        "The job has no result",
        f"The job is {state}" + (f": {error}" if error else ""),
        extra={"state": state, "job": f"/v1/jobs/{job_id}"},
    )


def taken(what: str, job_id: str, state: str) -> Problem:
    """The unique key belongs to another job."""
    return Problem(
        CONFLICT,
        "unique-key-taken",
        "Another job has the unique key",
        what,
        headers={"Link": f'</v1/jobs/{job_id}>; rel="related"'},
        extra={"id": job_id, "state": state, "job": f"/v1/jobs/{job_id}"},
    )


def exists(what: str) -> Problem:
    """Something with that name is there already."""
    return Problem(CONFLICT, "exists", "It exists already", what)


def gone(job_id: str) -> Problem:
    """The job may have existed, but it would be past retention."""
    return Problem(
        GONE, "past-retention", "Past retention", f"A job with the id {job_id!r} would be past retention"
    )


def too_large(what: str, limit: int) -> Problem:
    """More bytes than are taken."""
    fix = "Store the data elsewhere and pass where it is"
    return Problem(
        TOO_LARGE,
        "too-large",
        "Too large",
        f"{what} is larger than {limit:,} bytes",
        flaws=[Flaw("", f"{what} is larger than {limit:,} bytes", fix)],
    )


def too_slow(seconds: float) -> Problem:
    """The body did not arrive in time."""
    detail = f"The body did not arrive within {seconds:g} seconds"
    fix = "Send the body without pauses, or send less at a time"
    # What still comes must not be read as the next request.
    return Problem(
        TOO_SLOW,
        "too-slow",
        "The body came too slowly",
        detail,
        flaws=[Flaw("", detail, fix)],
        headers={"Connection": "close"},
    )


def invalid(flaws: Sequence[Flaw]) -> Problem:
    """Well-formed, but not what the service takes."""
    first = flaws[0]
    where = f"{first.pointer}: " if first.pointer else ""
    more = f" (and {len(flaws) - 1} more)" if len(flaws) > 1 else ""
    return Problem(INVALID, "invalid", "Invalid request", f"{where}{first.message}{more}", flaws=flaws)


def invalid_job(error: InvalidJob) -> Problem:
    """The problem of a request that can never be accepted as it is."""
    if isinstance(error, RetiredTask):
        return Problem(INVALID, "retired-task", "Retired task", str(error), flaws=[_flaw(error)])
    if isinstance(error, UnknownTask):
        return unknown_task(error)
    return invalid([_flaw(error)])


def key_reused() -> Problem:
    """The Idempotency-Key came with another body before."""
    detail = "This Idempotency-Key was used with another body"
    fix = "Use a fresh key for each new request; repeat the very same body to repeat one"
    return Problem(
        INVALID,
        "idempotency-key-reused",
        "Idempotency-Key reused",
        detail,
        flaws=[Flaw("Idempotency-Key:", detail, fix)],
    )


def too_many_streams(limit: int) -> Problem:
    """Every event stream is taken."""
    return Problem(
        TOO_MANY,
        "too-many-streams",
        "Too many event streams",
        f"This server keeps at most {limit} event streams: wait with `Prefer: wait` instead",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def internal() -> Problem:
    """Our fault."""
    return Problem(
        INTERNAL, "internal", "Internal error", "Something broke here; the log of the API says what"
    )


def unavailable(detail: str) -> Problem:
    """Nothing can be kept or read at the moment; of a commit whose answer was lost nobody knows what it did."""
    return Problem(
        UNAVAILABLE,
        "unavailable",
        "Temporarily unavailable",
        detail,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def generic(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """Whatever else the framework refuses."""
    return Problem(status, f"http-{status}", "Refused", detail, headers=headers)


def _flaw(error: InvalidJob) -> Flaw:
    return Flaw(
        error.field, str(error), error.fix or "Change what the message names; /docs shows every field"
    )
