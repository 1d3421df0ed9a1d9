"""The catalog in memory: what may be submitted, and which queues are paused. No task's body is ever imported."""

from __future__ import annotations

import asyncio
import logging
from difflib import get_close_matches
from typing import NamedTuple

from windrow.api.input_check import InputCheck
from windrow.core.errors import LedgerUnavailable, RetiredTask, UnknownTask
from windrow.core.task import Task
from windrow.store import catalog, queues
from windrow.store.async_ledger import AsyncLedger

logger = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One task, ready to check inputs with."""

    task: Task
    retired: bool
    check: InputCheck | None


class Catalog:
    """Read again every `seconds`, and at once when somebody asks for a task that it does not know."""

    def __init__(self, ledger: AsyncLedger, seconds: float) -> None:
        self._ledger = ledger
        self._seconds = seconds
        self._entries: dict[str, Entry] = {}
        self._checks: dict[str, InputCheck] = {}
        self._read = asyncio.Lock()
        self._reads = 0
        self._failure: LedgerUnavailable | None = None
        self.paused: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Refresh for ever; while the ledger is away the last catalog serves."""
        while True:
            try:
                await self.refresh()
            except LedgerUnavailable:
                pass
            except Exception:
                # The loop must outlive whatever it meets, a schema that is yet to come for one.
                logger.exception("The catalog could not be read")
            await asyncio.sleep(self._seconds)

    async def refresh(self) -> None:
        """Read the catalog as it is at some moment after this call; callers meanwhile share one read."""
        # The read that is under way may have begun too early for this caller: the next one serves it.
        wanted = self._reads + (2 if self._read.locked() else 1)
        async with self._read:
            if self._reads < wanted:
                try:
                    await self._load()
                    self._failure = None
                except LedgerUnavailable as exc:
                    self._failure = exc
                self._reads += 1
            if self._failure is not None:
                # Shared as well: a hundred who each wait for their own time-out would wait for one another.
                raise LedgerUnavailable(str(self._failure))

    async def _load(self) -> None:
        rows = await self._ledger.run(catalog.read)
        self.paused = frozenset(await self._ledger.run(queues.paused))
        schemas = {row.task.input_schema for row in rows} - {None}
        # A schema that did not change keeps its compiled check.
        self._checks = {s: self._checks.get(s) or InputCheck(s) for s in schemas if s}
        self._entries = {
            row.task.name: Entry(
                row.task, row.retired_at is not None, self._checks.get(row.task.input_schema or "")
            )
            for row in rows
        }

    async def find(self, name: str) -> Entry:
        """The task called `name`. Raises UnknownTask with near names, RetiredTask, LedgerUnavailable."""
        entry = self._entries.get(name)
        if entry is None or entry.retired:
            await self.refresh()
            entry = self._entries.get(name)
        if entry is None:
            raise UnknownTask(f"No release declares the task {name!r}", "/task", self._advice(name))
        if entry.retired:
            raise RetiredTask(
                f"No current release declares the task {name!r} any more", "/task", self._advice(name)
            )
        return entry

    def _advice(self, name: str) -> str:
        live = [known for known, entry in self._entries.items() if not entry.retired]
        near = get_close_matches(name[:255], live, n=3)
        if near:
            return "Did you mean " + " or ".join(repr(known) for known in near) + "?"
        return (
            "GET /v1/tasks lists the tasks"
            if live
            else "No task is declared: start a worker, or sync the catalog"
        )
