"""Turn every error into its problem."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from psycopg import Error as PostgresError
from psycopg import InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from windrow.api import problems
from windrow.api.allow import allowed
from windrow.api.fixes import fix_of
from windrow.api.flaws import MAX_FLAWS, cut
from windrow.api.problems import Flaw, Problem
from windrow.core.coalescer import CoalescerFull
from windrow.core.errors import InvalidJob, LedgerUnavailable
from windrow.store.bad_row import is_schema_missing, refusal

logger = logging.getLogger(__name__)


def problem_of(error: Exception, request: Request | None = None) -> Problem:
    """The problem that tells a caller about `error`."""
    match error:
        case Problem():
            return error
        case InvalidJob():
            return problems.invalid_job(error)
        case LedgerUnavailable():
            # The answer to a commit may be what was lost: this must not promise that nothing happened.
            return problems.unavailable(_away(request))
        case OperationalError() | InterfaceError():
            # Asked again and again, and Postgres would not: a deadlock, a serialization failure.
            return problems.unavailable("The ledger is too busy: nothing was accepted, nothing was changed")
        case PostgresError() if is_schema_missing(error):
            return problems.unavailable(
                "The ledger has not the schema of this release: run `windrow migrate`"
            )
        case CoalescerFull():
            return problems.unavailable("Too many requests wait for the ledger: nothing was accepted")
        case RequestValidationError():
            return _invalid(error, request)
        case HTTPException():
            return _framework(error, request)
        case PostgresError() | UnicodeEncodeError() if (reason := refusal(error)) is not None:
            flaw = Flaw("", f"Postgres cannot keep it: {cut(reason)}", "Change the value that it names")
            return problems.invalid([flaw])
    return problems.internal()


def install(app: FastAPI) -> None:
    """Have `app` answer every error with its problem."""

    async def known(request: Request, error: Exception) -> Response:
        return problem_of(error, request).response(request.url.path)

    handler: Callable[[Request, Exception], Awaitable[Response]] = known
    for kind in (
        Problem,
        InvalidJob,
        LedgerUnavailable,
        CoalescerFull,
        RequestValidationError,
        HTTPException,
        PostgresError,
        UnicodeEncodeError,
        Exception,
    ):
        app.add_exception_handler(kind, handler)


def _away(request: Request | None) -> str:
    """What to do about a ledger that does not answer. Lanes, which are all below /v1, come without a request."""
    if request is None or request.url.path.startswith("/v1/"):
        return "The ledger does not answer: send it again; with an Idempotency-Key it cannot become two jobs"
    return "The ledger does not answer: look whether it was done, then send it again"


def _invalid(error: RequestValidationError, request: Request | None) -> Problem:
    flaws = []
    for one in error.errors()[:MAX_FLAWS]:
        place, *path = one["loc"]
        where = "".join(f"/{part}" for part in path)
        if place in ("query", "path", "header"):
            where = f"?{path[0]}" if place == "query" and path else ".".join(map(str, path))
        if one["type"] == "json_invalid":
            return problems.malformed(f"The body is not JSON: {one.get('ctx', {}).get('error', one['msg'])}")
        fix = fix_of(one["type"])
        if place == "body" and not path and request is not None and not _says_json(request):
            fix = "Send the header `Content-Type: application/json`"
        flaws.append(Flaw(where, cut(str(one["msg"])), fix))
    return problems.invalid(flaws)


def _says_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _framework(error: HTTPException, request: Request | None) -> Problem:
    if error.status_code == problems.NOT_FOUND:
        # The framework's own word for it says nothing; an app's route may say what is not there.
        said = None if error.detail == HTTPException(problems.NOT_FOUND).detail else str(error.detail)
        return problems.not_found(said or _nothing(request))
    if error.status_code == problems.METHOD_NOT_ALLOWED:
        return _other_method(error, request)
    if error.status_code == problems.TOO_LARGE and request is not None:
        # Which bound it was, only the body's reader knows.
        own = int(error.detail) if error.detail.isdigit() else None
        limit = own or request.app.state.services.settings.api_input_bytes
        return problems.too_large("The body", limit)
    if error.status_code == problems.TOO_SLOW and request is not None:
        return problems.too_slow(request.app.state.services.settings.api_body_seconds)
    return problems.generic(error.status_code, str(error.detail), error.headers)


def _nothing(request: Request | None) -> str:
    right = request.url.path.rstrip("/") if request is not None else ""
    if request is not None and right not in ("", request.url.path) and allowed(request.app.routes, right):
        return f"There is nothing at this path: it is {cut(right)}, without the slash at its end"
    return "There is nothing at this path"


def _other_method(error: HTTPException, request: Request | None) -> Problem:
    # The framework knows the methods of the first route that matches, and there may be several.
    allow = allowed(request.app.routes, request.url.path) if request else None
    method = request.method if request else "This method"
    return problems.method_not_allowed(method, allow or (error.headers or {}).get("Allow"))
