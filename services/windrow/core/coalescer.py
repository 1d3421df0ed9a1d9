"""Gathering single items into batches on asyncio: whatever comes in while the previous flush is under way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")


class CoalescerFull(Exception):
    """More items wait than `max_pending`: the caller should come back later."""


class _Group(Generic[R]):
    """The items of one caller: one future for all of them."""

    __slots__ = ("future", "missing", "outcomes")

    def __init__(self, size: int, future: asyncio.Future[list[R | Exception]]) -> None:
        self.outcomes: list[R | Exception | None] = [None] * size
        self.missing = size
        self.future = future

    def put(self, index: int, outcome: R | Exception) -> None:
        self.outcomes[index] = outcome
        self.missing -= 1
        if not self.missing and not self.future.done():
            self.future.set_result(cast("list[R | Exception]", self.outcomes))


class Coalescer(Generic[T, R]):
    """Calls `flush` with up to `max_batch` items; it returns one result per item, in order.

    No timer: an item that finds no flush under way is flushed at once, with all others of the same turn of
    the loop. At most `parallel` flushes run; at most `max_pending` items wait. A batch that fails with an
    error for which `splits` is true is halved until the bad item stands alone; any other error is the
    outcome of each item of its batch. A caller that is cancelled takes its waiting items with it; those
    already in a flush are carried out.
    """

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[Sequence[R]]],
        max_batch: int,
        max_pending: int,
        *,
        parallel: int = 1,
        splits: Callable[[Exception], bool] = lambda exc: False,
    ) -> None:
        self._flush = flush
        self._max_batch = max_batch
        self._max_pending = max_pending
        self._parallel = parallel
        self._splits = splits
        self._pending: deque[tuple[T, _Group[R], int]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    async def submit(self, item: T) -> R:
        """Have `item` flushed and return its result; raises its error, or CoalescerFull."""
        (outcome,) = await self.submit_many([item])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def submit_many(self, items: Sequence[T]) -> list[R | Exception]:
        """Have all items flushed; an outcome per item, in order. Raises CoalescerFull: then none was taken."""
        if self._closed or len(self._pending) + len(items) > self._max_pending:
            raise CoalescerFull(f"{len(self._pending)} items wait")
        if not items:
            return []
        group: _Group[R] = _Group(len(items), asyncio.get_running_loop().create_future())
        self._pending.extend((item, group, index) for index, item in enumerate(items))
        if len(self._running) < self._parallel:
            self._start()
        return await group.future

    async def close(self, grace: float = 5.0) -> None:
        """Take no more; wait up to `grace` seconds for what waits, then fail the rest with CoalescerFull."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        while self._pending:
            _, group, index = self._pending.popleft()
            group.put(index, CoalescerFull("closed"))

    def _start(self) -> None:
        self._running.add(asyncio.get_running_loop().create_task(self._run()))

    async def _run(self) -> None:
        try:
            while self._pending:
                batch: list[tuple[T, _Group[R], int]] = []
                while self._pending and len(batch) < self._max_batch:
                    entry = self._pending.popleft()
                    if not entry[1].future.done():
                        batch.append(entry)
                if batch:
                    await self._flush_batch(batch)
        finally:
            # In the step that found nothing waiting: a done callback comes a turn later, and what is submitted
            # in between would start no flush, for one seems to be under way.
            self._running.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _flush_batch(self, batch: list[tuple[T, _Group[R], int]]) -> None:
        try:
            results = await self._flush([item for item, _, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"flush returned {len(results)} results for {len(batch)} items")
        except Exception as exc:
            if len(batch) > 1 and self._splits(exc):
                middle = len(batch) // 2
                await self._flush_batch(batch[:middle])
                await self._flush_batch(batch[middle:])
                return
            for _, group, index in batch:
                group.put(index, exc)
            return
        except BaseException:
            # The loop is going down: leave nobody waiting.
            for _, group, index in batch:
                group.put(index, CoalescerFull("stopped"))
            raise
        for (_, group, index), result in zip(batch, results, strict=True):
            group.put(index, result)
