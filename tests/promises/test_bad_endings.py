"""A task may end in any way it likes: the job fails with a clear reason, and the worker lives."""

from __future__ import annotations

import pytest

from tests.promises.ways import BOTH_WAYS
from tests.promises.world import World

pytestmark = pytest.mark.timeout(120)
#: Nobody is taken for dead here: a busy machine may hold a worker up for a second.
TIMES = {"WINDROW_LEASE_SECONDS": "15"}

#: Task and the start of its error; those that end their child are retried until max_attempts.
RAISES = {
    "poison.memory": "MemoryError: no room",
    "poison.sys_exit": "WorkerLostError: The task called sys.exit(3).",
    "poison.interrupt": "KeyboardInterrupt: ",
    "poison.recursion": "RecursionError: maximum recursion depth exceeded",
    "poison.result": "EncodeError: Object of type object is not JSON serializable",
    "poison.deep_result": "EncodeError: ",
    "poison.exception": "UnpickleableExceptionWrapper: Locked(",
}
ENDS_ITS_CHILD = {
    "poison.child": "WorkerLostError: ",
    "poison.exit": "WorkerLostError: ",
    "poison.crash": "WorkerLostError: ",
}


@BOTH_WAYS
def test_whatever_a_task_does_in_prefork_its_job_fails_clearly_and_the_worker_lives(world: World) -> None:
    world.beat()
    worker = world.worker(concurrency=4)
    names = RAISES | ENDS_ITS_CHILD
    ids = {name: world.submit(name, max_attempts=2)[0] for name in names}
    neighbours = world.submit("nap", 0.05, "fine", count=40)
    world.wait_final([*ids.values(), *neighbours])
    errors = {name: world.error(job_id) for name, job_id in ids.items()}
    assert {name: errors[name][: len(text)] for name, text in names.items()} == names
    assert {world.job(job_id)["state"] for job_id in ids.values()} == {"failed"}
    # A lost child is somebody's accident until proven otherwise; an exception is an answer.
    assert {name: world.outcomes(job_id) for name, job_id in ids.items()} == {
        **{name: ["failed"] for name in RAISES},
        **{name: ["lost", "lost"] for name in ENDS_ITS_CHILD},
    }
    assert {(row["state"], row["failures"], row["result"]) for row in world.jobs(neighbours)} == {
        ("succeeded", 0, '"fine"')
    }
    strange, large = world.submit("poison.surrogate"), world.submit("huge", 20)
    world.wait_state([*strange, *large], "succeeded")
    assert len(world.job(large[0])["result"]) == 20 * 1024 * 1024 + 2
    assert worker.returncode is None
    assert world.lost()[1] == 0


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_whatever_a_task_raises_beside_the_main_process_its_job_fails_clearly_and_the_worker_lives(
    world: World, pool: str
) -> None:
    worker = world.worker(pool=pool)
    ids = {name: world.submit(name)[0] for name in RAISES}
    neighbours = world.submit("nap", 0.01, "fine", count=20)
    world.wait_final([*ids.values(), *neighbours])
    errors = {name: world.error(job_id) for name, job_id in ids.items()}
    assert {name: errors[name][: len(text)] for name, text in RAISES.items()} == RAISES
    assert world.states(neighbours) == {"succeeded": 20}
    assert worker.returncode is None
