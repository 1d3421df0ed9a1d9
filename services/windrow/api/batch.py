"""POST /v1/jobs:batchCreate: up to 1,000 jobs in one request and one insert, an outcome for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from windrow.api.body import read_body
from windrow.api.callers import JOBS_WRITE, check_scope
from windrow.api.direct import Call, Reply
from windrow.api.errors import problem_of
from windrow.api.flaws import flaws_of, refusal
from windrow.api.guarding import guard, judged
from windrow.api.problems import ACCEPTED, Problem, invalid
from windrow.api.services import Services
from windrow.api.views import Receipt, render
from windrow.core.coalescer import CoalescerFull
from windrow.core.input import JobRequest, Strict
from windrow.core.job import NewJob
from windrow.core.states import State
from windrow.store.accept import Accepted
from windrow.store.guards import Verdict

MAX_JOBS = 1_000


class BatchRequest(Strict):
    """Many jobs at once."""

    jobs: list[JobRequest] = Field(min_length=1, max_length=MAX_JOBS)


class _LooseBatch(Strict):
    jobs: list[Any] = Field(min_length=1, max_length=MAX_JOBS)


class BatchOutcome(BaseModel):
    """What became of one job of a batch."""

    index: int
    status: int = Field(description="What a request of its own would have been answered with.")
    id: str | None = None
    state: State | None = None
    problem: dict[str, Any] | None = Field(None, description="An RFC 9457 problem, when it was refused.")


class BatchReceipt(BaseModel):
    """What became of a batch, in the order of its jobs."""

    accepted: int
    refused: int
    outcomes: list[BatchOutcome]


_BATCH: TypeAdapter[BatchRequest] = TypeAdapter(BatchRequest)
_LOOSE: TypeAdapter[_LooseBatch] = TypeAdapter(_LooseBatch)
_ITEM: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)

Outcome = NewJob | Accepted | Receipt | Exception


async def submit_batch(call: Call) -> Reply:
    """Keep many jobs: 202 with an outcome for each; a refused one does not keep the others out."""
    services = call.services
    caller = await services.keyring.caller(call.header(b"authorization"))
    check_scope(caller, JOBS_WRITE)
    settings = services.settings
    announced = call.header(b"content-length")
    body = await read_body(call.receive, announced, settings.api_batch_bytes, settings.api_body_seconds)
    trace, key = call.header(b"traceparent"), call.header(b"idempotency-key")
    wishes = _parse(body)
    outcomes: list[Outcome] = [await _job(services, wish, trace) for wish in wishes]
    plain: list[int] = []
    guarded: list[int] = []
    for index, (wish, outcome) in enumerate(zip(wishes, outcomes, strict=True)):
        if isinstance(outcome, NewJob) and isinstance(wish, JobRequest):
            (plain if key is None and wish.unique is None else guarded).append(index)
    await _accept(services, outcomes, plain)
    await _accept_guarded(services, outcomes, guarded, wishes, caller.id, key)
    return _answer(outcomes)


def _parse(body: bytes) -> Sequence[JobRequest | Problem]:
    """Each item as a request, or as the problem that it is. Raises the problem of the whole."""
    try:
        return _BATCH.validate_json(body).jobs
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)
        # Items have an index below `jobs`; everything else is about the whole.
        if any(len(error["loc"]) < 2 for error in errors):
            raise refusal(exc, body) from exc
    return [_parse_item(index, item) for index, item in enumerate(_LOOSE.validate_json(body).jobs)]


def _parse_item(index: int, item: Any) -> JobRequest | Problem:
    try:
        return _ITEM.validate_json(to_json(item, inf_nan_mode="constants"))
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)
        return invalid(flaws_of(errors, ("jobs", index)))


async def _job(services: Services, wish: JobRequest | Problem, trace: str | None) -> Outcome:
    if isinstance(wish, Problem):
        return wish
    try:
        return await services.intake.job(wish, trace)
    except Exception as exc:
        return exc


async def _accept(services: Services, outcomes: list[Outcome], which: Sequence[int]) -> None:
    jobs = [job for index in which if isinstance(job := outcomes[index], NewJob)]
    accepted = await services.acceptor.accept_many(jobs)
    for index, done in zip(which, accepted, strict=True):
        outcomes[index] = done


async def _accept_guarded(
    services: Services,
    outcomes: list[Outcome],
    which: Sequence[int],
    wishes: Sequence[JobRequest | Problem],
    caller: str,
    key: str | None,
) -> None:
    seconds = services.settings.api_idempotency_seconds
    ready = []
    for index in which:
        job, wish = outcomes[index], wishes[index]
        if isinstance(job, NewJob) and isinstance(wish, JobRequest):
            ready.append(guard(job, wish, caller, key, seconds, index))
    verdicts: Sequence[Verdict | Exception]
    try:
        verdicts = await services.acceptor.accept_guarded_many(ready)
    except CoalescerFull as exc:
        # Of these jobs alone: the plain ones are kept, and would be kept again if the whole were refused.
        verdicts = [exc] * len(ready)
    for index, item, verdict in zip(which, ready, verdicts, strict=True):
        try:
            outcomes[index] = verdict if isinstance(verdict, Exception) else judged(verdict, item.job.task)
        except Problem as problem:
            outcomes[index] = problem


def _answer(outcomes: Sequence[Outcome]) -> Reply:
    shown = [_outcome(index, outcome) for index, outcome in enumerate(outcomes)]
    refused = [problem_of(o) for o in outcomes if isinstance(o, Exception)]
    # When the ledger took nothing at all, the whole request may be sent again.
    if len(refused) == len(outcomes) and all(problem.status >= 500 for problem in refused):
        raise refused[0]
    receipt = {"accepted": len(outcomes) - len(refused), "refused": len(refused), "outcomes": shown}
    return Reply(ACCEPTED, render(receipt).encode())


def _outcome(index: int, outcome: Outcome) -> dict[str, Any]:
    """A BatchOutcome, as plain as it gets: there are a thousand of them in an answer."""
    if isinstance(outcome, Exception):
        problem = problem_of(outcome)
        return {
            "index": index,
            "status": problem.status,
            "id": None,
            "state": None,
            "problem": problem.body(),
        }
    state = None if isinstance(outcome, NewJob) else outcome.state
    return {"index": index, "status": ACCEPTED, "id": outcome.id, "state": state, "problem": None}
