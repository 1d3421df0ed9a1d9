"""POST /v1/jobs: the hot path."""

from __future__ import annotations

from collections.abc import Awaitable

from pydantic import TypeAdapter

from windrow.api.body import parse, read_body
from windrow.api.callers import JOBS_READ, JOBS_WRITE, check_scope, may
from windrow.api.direct import Call, Reply
from windrow.api.guarding import guard, judged
from windrow.api.prefer import applied, wished_wait
from windrow.api.problems import ACCEPTED, OK
from windrow.api.services import Services
from windrow.api.views import Receipt, job_fields, render
from windrow.broker.channels import Watch
from windrow.core.answer import new_key, with_key
from windrow.core.errors import LedgerUnavailable
from windrow.core.input import JobRequest
from windrow.core.job import NewJob
from windrow.core.record import JobRecord
from windrow.store.accept import Accepted

#: What surrounds the input in a body: names, tags, a few moments.
ENVELOPE_BYTES = 16 * 1024
#: Most jobs that somebody waits for have ended by then; the others are brought to the disk.
SOON_SECONDS = 0.05
_REQUEST: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)
_RECEIPT: TypeAdapter[Receipt] = TypeAdapter(Receipt)


async def submit(call: Call) -> Reply:
    """Keep a job: 202 once it is committed, or 200 when it finished within `Prefer: wait=N`."""
    services = call.services
    caller = await services.keyring.caller(call.header(b"authorization"))
    check_scope(caller, JOBS_WRITE)
    settings = services.settings
    limit = settings.api_input_bytes + ENVELOPE_BYTES
    announced = call.header(b"content-length")
    wish = parse(_REQUEST, await read_body(call.receive, announced, limit, settings.api_body_seconds))
    key = call.header(b"idempotency-key")
    job = await services.intake.job(wish, call.header(b"traceparent"))
    seconds = wished_wait(call.header(b"prefer"), settings.api_wait_seconds)
    if seconds is not None and not may(caller, JOBS_READ):
        # Whoever may only write is told that the job is kept, and nothing of what became of it.
        seconds = None
    if key is not None or wish.unique is not None:
        guarded = guard(job, wish, caller.id, key, settings.api_idempotency_seconds)
        receipt = judged(await services.acceptor.accept_guarded(guarded), job.task)
        if seconds is not None:
            record = await _read(services.waiting.finished(receipt.id, seconds))
            return _waited(receipt, record, seconds)
    elif seconds is not None:
        answer_key = new_key()
        async with services.waiting.watch(job.id, answer_key) as watch:
            receipt = _receipt(job, await services.acceptor.accept_early(with_key(job, answer_key)))
            record = await _end(services, watch, job, seconds)
        return _waited(receipt, record, seconds)
    else:
        receipt = _receipt(job, await services.acceptor.accept(job))
    return Reply(ACCEPTED, _RECEIPT.dump_json(receipt), (_location(receipt),))


def _receipt(job: NewJob, accepted: Accepted) -> Receipt:
    return Receipt(id=job.id, state=accepted.state, task=job.task, queue=job.queue)


async def _end(services: Services, watch: Watch, job: NewJob, seconds: float) -> JobRecord | None:
    """What became of a job that was accepted early; one that has not ended soon is brought to the disk first."""
    soon = min(seconds, SOON_SECONDS)
    record = await _read(services.waiting.final(watch, job.id, soon, new=True))
    if record is not None and record.state.is_final:
        # Whoever saved its end waited for the disk.
        return record
    await services.acceptor.keep(job)
    return await _read(services.waiting.final(watch, job.id, seconds - soon, new=True))


async def _read(waiting: Awaitable[JobRecord | None]) -> JobRecord | None:
    """What became of a job that is kept; None while the ledger does not answer: a 503 would have it sent twice."""
    try:
        return await waiting
    except LedgerUnavailable:
        return None


def _waited(receipt: Receipt, record: JobRecord | None, seconds: float) -> Reply:
    headers = (_location(receipt), *((k.lower().encode(), v.encode()) for k, v in applied(seconds).items()))
    if record is None or not record.state.is_final:
        return Reply(ACCEPTED, _RECEIPT.dump_json(receipt), headers)
    return Reply(OK, render(job_fields(record)).encode(), headers)


def _location(receipt: Receipt) -> tuple[bytes, bytes]:
    return b"location", b"/v1/jobs/" + receipt.id.encode()
