"""Gathering single items into batches."""

from __future__ import annotations

import asyncio

import pytest

from windrow.core.coalescer import Coalescer, CoalescerFull


class Flusher:
    """Doubles numbers; `poison` items fail their whole batch; waits for `gate`."""

    def __init__(self, poison: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.batches: list[list[int]] = []
        self.poison = poison
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = self.most_running = 0

    async def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        await self.gate.wait()
        self.running -= 1
        if self.poison & set(items):
            raise ValueError("poison")
        return [item * 2 for item in items]


def test_what_comes_in_the_same_turn_goes_in_one_batch() -> None:
    async def main() -> None:
        flush = Flusher()
        coalescer = Coalescer(flush, max_batch=100, max_pending=100)
        assert await asyncio.gather(*(coalescer.submit(n) for n in range(32))) == [n * 2 for n in range(32)]
        assert [len(batch) for batch in flush.batches] == [32]

    asyncio.run(main())


def test_items_gather_while_a_flush_is_under_way_and_go_in_batches_of_at_most_max_batch() -> None:
    async def main() -> None:
        flush = Flusher()
        flush.gate.clear()
        coalescer = Coalescer(flush, max_batch=10, max_pending=100)
        first = asyncio.create_task(coalescer.submit(0))
        await asyncio.sleep(0.01)
        rest = [asyncio.create_task(coalescer.submit(n)) for n in range(1, 26)]
        await asyncio.sleep(0.01)
        flush.gate.set()
        await asyncio.gather(first, *rest)
        assert [len(batch) for batch in flush.batches] == [1, 10, 10, 5]
        assert flush.most_running == 1

    asyncio.run(main())


def test_what_comes_the_moment_a_flush_has_ended_is_flushed_too() -> None:
    async def main() -> None:
        coalescer = Coalescer(Flusher(), max_batch=10, max_pending=10)
        # In one task: its next step follows the flush's last one with nothing in between.
        assert [await coalescer.submit(n) for n in range(3)] == [0, 2, 4]

    asyncio.run(asyncio.wait_for(main(), 10))


def test_at_most_k_flushes_run_in_parallel() -> None:
    async def main() -> None:
        flush = Flusher()
        flush.gate.clear()
        coalescer = Coalescer(flush, max_batch=1, max_pending=100, parallel=3)
        tasks = []
        for n in range(10):
            tasks.append(asyncio.create_task(coalescer.submit(n)))
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert flush.running == 3
        flush.gate.set()
        assert await asyncio.gather(*tasks) == [n * 2 for n in range(10)]
        assert flush.most_running == 3

    asyncio.run(main())


def test_one_poisoned_item_of_32_fails_alone() -> None:
    async def main() -> None:
        flush = Flusher({13})
        coalescer = Coalescer(flush, 100, 100, splits=lambda exc: isinstance(exc, ValueError))
        results = await asyncio.gather(*(coalescer.submit(n) for n in range(32)), return_exceptions=True)
        assert [n for n, result in enumerate(results) if isinstance(result, ValueError)] == [13]
        assert [r for n, r in enumerate(results) if n != 13] == [n * 2 for n in range(32) if n != 13]
        assert len(flush.batches) <= 1 + 2 * 5

    asyncio.run(main())


def test_an_error_that_splitting_cannot_cure_is_everybodys() -> None:
    async def main() -> None:
        flush = Flusher({13})
        coalescer = Coalescer(flush, 100, 100)
        results = await asyncio.gather(*(coalescer.submit(n) for n in range(32)), return_exceptions=True)
        assert all(isinstance(result, ValueError) for result in results)
        assert len(flush.batches) == 1

    asyncio.run(main())


def test_many_items_of_one_caller_get_an_outcome_each() -> None:
    async def main() -> None:
        coalescer = Coalescer(Flusher({1}), 100, 100, splits=lambda exc: True)
        outcomes = await coalescer.submit_many([0, 1, 2])
        assert outcomes[0] == 0
        assert isinstance(outcomes[1], ValueError)
        assert outcomes[2] == 4
        assert await coalescer.submit_many([]) == []

    asyncio.run(main())


def test_a_full_list_refuses_at_once_and_takes_nothing() -> None:
    async def main() -> None:
        flush = Flusher()
        flush.gate.clear()
        coalescer = Coalescer(flush, max_batch=1, max_pending=2)
        running = asyncio.create_task(coalescer.submit(0))
        await asyncio.sleep(0.01)
        waiting = [asyncio.create_task(coalescer.submit(n)) for n in (1, 2)]
        await asyncio.sleep(0)
        with pytest.raises(CoalescerFull):
            await coalescer.submit(3)
        flush.gate.set()
        await asyncio.gather(running, *waiting)
        assert [3] not in flush.batches

    asyncio.run(main())


def test_a_cancelled_caller_takes_its_waiting_item_along_and_disturbs_nobody() -> None:
    async def main() -> None:
        flush = Flusher()
        flush.gate.clear()
        coalescer = Coalescer(flush, max_batch=10, max_pending=10)
        in_flush = asyncio.create_task(coalescer.submit(0))
        await asyncio.sleep(0.01)
        waiting, other = (asyncio.create_task(coalescer.submit(n)) for n in (1, 2))
        await asyncio.sleep(0.01)
        in_flush.cancel()
        waiting.cancel()
        await asyncio.sleep(0)
        flush.gate.set()
        assert await other == 4
        assert flush.batches == [[0], [2]]

    asyncio.run(main())


def test_closing_carries_out_what_waits_and_refuses_more() -> None:
    async def main() -> None:
        coalescer = Coalescer(Flusher(), 10, 10)
        waiting = asyncio.create_task(coalescer.submit(1))
        await asyncio.sleep(0)
        await coalescer.close()
        assert await waiting == 2
        with pytest.raises(CoalescerFull):
            await coalescer.submit(2)

    asyncio.run(main())
