"""POST /v1/jobs: the hot path."""

from __future__ import annotations

from fastapi import Request, Response
from pydantic import TypeAdapter

from windrow.api.auth import JOBS_WRITE, check_scope
from windrow.api.body import parse, read_body
from windrow.api.guarding import guard, judged
from windrow.api.prefer import applied, wished_wait
from windrow.api.problems import ACCEPTED, OK
from windrow.api.services import Services
from windrow.api.views import Receipt, answer, job_view, render
from windrow.core.input import JobRequest

#: What surrounds the input in a body: names, tags, a few moments.
ENVELOPE_BYTES = 16 * 1024
_REQUEST: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)


async def submit(request: Request) -> Response:
    """Keep a job: 202 once it is committed, or 200 when it finished within `Prefer: wait=N`."""
    services: Services = request.app.state.services
    headers = request.headers
    caller = await services.keyring.caller(headers.get("authorization"))
    check_scope(caller, JOBS_WRITE)
    body = await read_body(request, services.settings.api_input_bytes + ENVELOPE_BYTES)
    wish = parse(_REQUEST, body)
    key = headers.get("idempotency-key")
    job = await services.intake.job(wish, headers.get("traceparent"))
    if key is None and wish.unique is None:
        accepted = await services.acceptor.accept(job)
        receipt = Receipt(id=job.id, state=accepted.state, task=job.task, queue=job.queue)
    else:
        guarded = guard(job, wish, caller.id, key, services.settings.api_idempotency_seconds)
        receipt = judged(await services.acceptor.accept_guarded(guarded), job.task)
    seconds = wished_wait(headers.get("prefer"), services.settings.api_wait_seconds)
    return await _answer(services, receipt, seconds)


async def _answer(services: Services, receipt: Receipt, seconds: float | None) -> Response:
    location = {"Location": f"/v1/jobs/{receipt.id}"}
    if seconds is None:
        return Response(render(receipt), ACCEPTED, location, "application/json")
    record = await services.waiting.finished(receipt.id, seconds)
    if record is None or not record.state.is_final:
        return answer(receipt, ACCEPTED, location | applied(seconds))
    return answer(job_view(record), OK, location | applied(seconds))
