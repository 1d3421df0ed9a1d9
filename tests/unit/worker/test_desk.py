"""The desk: what a worker holds, and how much more it may take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from windrow.core.job import Held, Outcome
from windrow.core.states import State
from windrow.worker.desk import Desk, Entry, Room
from windrow.worker.short_tasks import ShortTasks

HELD = Held(
    id="a", task="t", queue="q", token=7, input="[[], {}]", options=None, attempt=0, failures=0, max_attempts=3,
    retry_errors=False, retries=0, priority=0, hard_limit=None, soft_limit=None, parent_id=None, root_id=None,
    expires_at=None, alone=False,
)  # fmt: skip


class Ledger:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.claims: list[str] = []
        self.soon: list[bool] = []
        self.starts: list[str] = []
        self.outcomes: list[Outcome] = []

    def claim(self, job_id: str) -> None:
        self.claims.append(job_id)

    def started(self, job_id: str, token: int, moment: float) -> None:
        self.starts.append(job_id)

    def finished(self, outcome: Outcome, soon: bool = True) -> None:
        self.outcomes.append(outcome)
        self.soon.append(soon)


class Message:
    """A kombu message as far as the desk looks."""

    def __init__(self) -> None:
        self.acks = 0

    def ack(self) -> None:
        self.acks += 1


class World:
    """A desk for two children, with everything it talks to."""

    def __init__(self, ahead: int = 4) -> None:
        self.ledger = Ledger()
        self.sent: list[Entry] = []
        self.short = ShortTasks(0.1)
        self.back: list[str] = []
        self.desk = Desk(self.ledger, 2, ahead, self.short, self._send, lambda: None, self._give_back)
        self.messages: dict[str, Message] = {}

    def _send(self, entry: Entry) -> None:
        entry.request = object()
        self.sent.append(entry)

    def _give_back(self, entries: list[Entry]) -> None:
        self.back += [entry.job_id for entry in entries]

    def offer(self, *ids: str) -> None:
        for job_id in ids:
            message = self.messages.setdefault(job_id, Message())
            self.desk.offer(job_id, message)

    def claimed(self, *ids: str, asked: tuple[str, ...] | None = None, **changes: Any) -> None:
        self.desk.claimed(asked or ids, [replace(HELD, id=job_id, **changes) for job_id in ids])

    def end(self, entry: Entry) -> None:
        outcome = Outcome(
            entry.job_id, 7, State.SUCCEEDED, "succeeded", started_at=1.0, finished_at=1.001, result="1"
        )
        self.desk.ended(entry, outcome)

    def out(self) -> list[str]:
        return [entry.job_id for entry in self.sent]


@pytest.fixture
def world() -> World:
    return World()


def test_a_message_is_acked_only_when_the_outcome_is_saved(world: World) -> None:
    world.offer("a")
    world.claimed("a")
    world.end(world.sent[0])
    assert world.messages["a"].acks == 0
    world.desk.saved(["a"])
    assert world.messages["a"].acks == 1
    assert not world.desk.entries


def test_a_job_that_nobody_can_claim_is_acked_and_counted(world: World) -> None:
    world.offer("a", "b")
    world.claimed("b", asked=("a", "b"))
    assert world.messages["a"].acks == 1
    assert world.desk.dropped == 1
    assert world.out() == ["b"]


def test_jobs_of_unknown_length_are_taken_one_for_each_free_child(world: World) -> None:
    assert world.desk.room().free == 2
    world.offer("a", "b", "c")
    world.claimed("a", "b", "c")
    assert world.out() == ["a", "b"]
    assert world.desk.room().free == 0
    world.end(world.sent[0])
    assert world.out() == ["a", "b", "c"]


def test_short_tasks_are_taken_ahead_but_bounded(world: World) -> None:
    for _ in range(20):
        world.short.add("t", 0.001)
    assert world.desk.room().free + world.desk.room().ahead == 8
    world.offer(*"abcdefgh")
    world.claimed(*"abcdefgh")
    assert world.desk.room() == Room(0, 0)


def test_short_tasks_are_taken_half_a_desk_at_a_time(world: World) -> None:
    for _ in range(20):
        world.short.add("t", 0.001)
    world.offer(*"abcdefgh")
    world.claimed(*"abcdefgh")
    for entry in world.sent[:3]:
        world.end(entry)
    assert world.desk.room() == Room(0, 0)
    world.end(world.sent[3])
    assert world.desk.room() == Room(0, 4)


def test_a_suspect_runs_with_nobody_beside_it(world: World) -> None:
    world.offer("a", "poison", "c")
    world.claimed("a")
    world.claimed("poison", alone=True)
    world.claimed("c")
    assert world.out() == ["a"]
    assert world.desk.room().free == 0
    # What would die with it goes back first.
    assert world.back == ["c"]
    world.desk.left(1)
    world.end(world.sent[0])
    # Its outcome is not saved: a worker that died now would lose it.
    assert world.out() == ["a"]
    world.desk.saved(["a"])
    assert world.out() == ["a", "poison"]
    world.offer("d")
    world.claimed("d")
    world.end(world.sent[1])
    assert world.out() == ["a", "poison", "d"]


def test_two_suspects_that_were_claimed_together_do_not_share_one_death(world: World) -> None:
    world.offer("innocent", "poison")
    world.claimed("innocent", "poison", alone=True)
    assert world.back == ["poison"]
    # Not before the ledger has it back: a death now would be both of theirs.
    assert world.out() == []
    world.desk.left(1)
    assert world.out() == ["innocent"]


def test_a_suspect_waits_for_the_answer_to_a_claim_that_is_under_way(world: World) -> None:
    world.offer("poison", "b")
    world.claimed("poison", alone=True)
    assert world.out() == []
    world.claimed("b")
    assert world.back == ["b"]
    world.desk.left(1)
    assert world.out() == ["poison"]


def test_a_second_message_of_a_held_job_is_acked_with_the_first(world: World) -> None:
    second = Message()
    world.offer("a")
    world.desk.offer("a", second)
    world.claimed(asked=("a",))
    assert (world.messages["a"].acks, second.acks) == (1, 1)
    assert world.ledger.claims == ["a"]


def test_a_wake_up_for_the_next_attempt_is_not_lost_while_the_last_one_is_saved(world: World) -> None:
    next_message = Message()
    world.offer("a")
    world.claimed("a")
    world.end(world.sent[0])
    world.desk.offer("a", next_message)
    world.desk.saved(["a"])
    assert next_message.acks == 0
    assert world.ledger.claims == ["a", "a"]


def test_a_drain_sends_nothing_more_and_gives_back_what_no_child_has(world: World) -> None:
    world.offer("a", "b", "c")
    world.claimed("a", "b", "c")
    world.desk.draining = True
    assert [entry.job_id for entry in world.desk.withdraw()] == ["c"]
    world.end(world.sent[0])
    assert world.out() == ["a", "b"]
    assert world.desk.room().free == 0


def test_an_end_counts_once(world: World) -> None:
    world.offer("a")
    world.claimed("a")
    world.end(world.sent[0])
    world.end(world.sent[0])
    assert len(world.ledger.outcomes) == 1
    assert world.desk.busy == 0


def test_an_outcome_waits_for_others_only_while_more_jobs_are_here_than_children(world: World) -> None:
    world.offer("a", "b", "c", "d")
    world.claimed("a", "b", "c", "d")
    for entry in list(world.sent):
        world.end(entry)
    for entry in world.sent[2:]:
        world.end(entry)
    # While c and d waited for a child, their outcomes were to follow at once.
    assert world.ledger.soon == [False, False, True, True]
