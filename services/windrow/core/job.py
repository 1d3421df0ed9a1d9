"""A job as it is asked for, as a worker holds it, and as it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from windrow.core.states import State

DEFAULT_MAX_ATTEMPTS = 3
DEFAULT_QUEUE = "default"


# Not frozen, though nobody changes one: to make a frozen one takes thrice as long, and a batch makes a thousand.
@dataclass(unsafe_hash=True, slots=True)
class NewJob:
    """One request to run a task, complete and valid: what the ledger inserts."""

    #: Also the Celery task id; UUIDv7 unless the caller brought one.
    id: str
    task: str
    queue: str
    #: JSON text of `[args, kwargs]`, as kombu's JSON encodes it.
    input: str = "[[], {}]"
    #: 0-9, 9 first.
    priority: int = 0
    #: Not before this moment; None: now.
    run_at: datetime | None = None
    #: Seconds after the ledger's now; wins over run_at.
    delay: float | None = None
    expires_at: datetime | None = None
    #: Seconds after the ledger's now; wins over expires_at.
    expires_in: float | None = None
    #: Failures (exceptions if retry_errors, lost workers always) after which the job is failed.
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    #: Whether an exception is retried; without it only a lost worker is.
    retry_errors: bool = False
    #: Seconds; None: the pool's.
    hard_limit: float | None = None
    soft_limit: float | None = None
    parent_id: str | None = None
    root_id: str | None = None
    replay_of: str | None = None
    #: JSON text of what Celery carries beside the input: callbacks, errbacks, chain, chord, group,
    #: group_index, headers, ignore_result, shadow, retries, ...; and our own: retry (backoff), traceparent.
    options: str | None = None
    tags: tuple[str, ...] = ()
    #: Waits for something else (a chord's body that replaced a task); nobody queues it but that.
    blocked: bool = False
    #: Celery's `request.retries`, of a message that was already retried elsewhere.
    retries: int = 0


@dataclass(frozen=True, slots=True)
class ChordPart:
    """One finished header member of a chord."""

    chord_id: str
    #: Position of its result in the body's first argument.
    index: int
    #: JSON text of the result; None when the member failed.
    result: str | None
    #: JSON text of the error when the member failed: `failure_json()`.
    error: str | None = None


@dataclass(frozen=True, slots=True)
class NewChord:
    """A chord to count down; its body's jobs are known beforehand and wait as text."""

    id: str
    size: int
    #: Jobs freed by the last part; RESULTS_MARK inside their input stands for the list of results.
    body: tuple[NewJob, ...]
    #: Chords that the body opens itself: a body that is, or begins with, a chord.
    chords: tuple[NewChord, ...] = ()
    #: JSON text of a `core.chord_end.Plan`; None: a flat list of results, one body.
    plan: str | None = None
    #: `size` more parts for a chord that exists (Task.add_to_chord).
    grows: bool = False


#: A JSON string that no user's text contains; the ledger replaces it, quotes and all.
RESULTS_MARK = "\x02windrow:chord-results\x03"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt did not succeed."""

    #: Exception class, e.g. `ValueError`.
    cls: str
    message: str
    module: str = "builtins"
    traceback: str | None = None
    #: JSON text of the exception's args, for AsyncResult.
    args: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A claimed job, as the claim returned it to the worker."""

    id: str
    task: str
    queue: str
    token: int
    input: str
    options: str | None
    #: Starts so far; this run will be attempt + 1.
    attempt: int
    failures: int
    max_attempts: int
    retry_errors: bool
    #: Celery's `request.retries`.
    retries: int
    priority: int
    hard_limit: float | None
    soft_limit: float | None
    parent_id: str | None
    root_id: str | None
    expires_at: datetime | None
    #: Was lost with its worker more than once: runs with nobody beside it.
    alone: bool

    @property
    def may_retry(self) -> bool:
        """Whether one more exception is followed by another attempt."""
        return self.retry_errors and self.may_run_again

    @property
    def may_run_again(self) -> bool:
        """Whether one more failure leaves an attempt."""
        return self.failures + 1 < self.max_attempts


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended, with everything that must be saved in the same transaction."""

    job_id: str
    token: int
    #: succeeded, failed, cancelled, retrying, queued (given back), or blocked (replaced: a job of its id follows).
    state: State
    #: In attempts: succeeded, failed, retried, lost, timed_out, cancelled, released, rejected or ignored.
    outcome: str
    #: Whether the attempt began; a job given back before its start costs nothing.
    started: bool = True
    started_at: float | None = None
    finished_at: float | None = None
    #: JSON text.
    result: str | None = None
    failure: Failure | None = None
    #: Seconds until a retrying job is due.
    delay: float | None = None
    #: Whether it counts against max_attempts.
    counts: bool = False
    #: New `[args, kwargs]` of a retry with changed arguments, or of a replaced task.
    input: str | None = None
    #: New options, e.g. with the next `retries`.
    options: str | None = None
    retries: int | None = None
    #: The job becomes another task in place (Task.replace).
    replaced_by: NewJob | None = None
    #: Ids of jobs this attempt submitted, for AsyncResult.children.
    children: str | None = None
    jobs: tuple[NewJob, ...] = ()
    chords: tuple[NewChord, ...] = ()
    parts: tuple[ChordPart, ...] = ()
    #: Somebody waits for the job's end; `core.answer` says what for.
    answer_key: str | None = None
    #: Saved as failed with this failure, without a run: the later steps of a failed chain.
    failed: tuple[NewJob, ...] = ()
