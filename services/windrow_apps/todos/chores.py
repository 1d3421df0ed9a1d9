"""What the schedules run: each owner's rows in short transactions, of which every one may be the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from windrow_apps.shared.database import DatabaseSettings, run
from windrow_apps.shared.ops import Op
from windrow_apps.todos import chore_store
from windrow_apps.todos.reminders import Send
from windrow_apps.todos.settings import TodoSettings
from windrow_apps.todos.store import keep_reminders

T = TypeVar("T")

APP = "todos"
#: A reminder that its route is about to submit is left to it.
UNKEPT_AFTER = timedelta(minutes=1)
#: Tells the cache whose answers are void; for tidiness only.
Forget = Callable[[Sequence[str]], None]


class Chores:
    """The chores on one database. `now` stands for the database's clock in each of them."""

    def __init__(self, database: DatabaseSettings, settings: TodoSettings, forget: Forget) -> None:
        self._database = database
        self._settings = settings
        self._forget = forget

    def check_overdue(self, send: Send, now: datetime | None = None) -> dict[str, int]:
        """Mark what is past its deadline, tell the owners, and submit reminders that nobody has submitted."""
        moment = self._now(now)
        batch = self._settings.batch
        overdue, told = 0, list[str]()
        for owner in self._owners(lambda after: chore_store.due_owners(moment, after, batch)):
            overdue += self._all(partial(chore_store.mark_overdue, owner, moment, batch))
            told.append(owner)
        self._forget(told)
        return {"overdue": overdue, "owners": len(told), "reminders": self._submit_unkept(send, moment)}

    def count_days(self, owner: str | None = None, now: datetime | None = None) -> dict[str, int]:
        """Count today's to-dos, of one owner or of all; returns how many owners, and for how many it was news."""
        moment = self._now(now)
        counted = news = 0
        after = ""
        while True:
            owners, new = self._run(chore_store.count_day(moment, owner, after, self._settings.batch))
            if not owners:
                return {"owners": counted, "changed": news}
            self._forget(new)
            counted, news, after = counted + len(owners), news + len(new), owners[-1]

    def clean_up(self, now: datetime | None = None) -> dict[str, int]:
        """Delete what is kept no longer; returns how much of each kind."""
        moment = self._now(now)
        keep, batch = self._settings, self._settings.batch
        before = moment - timedelta(days=keep.keep_completed_days)
        deleted, touched = 0, list[str]()
        for owner in self._owners(lambda after: chore_store.done_owners(before, after, batch)):
            deleted += self._all(partial(chore_store.delete_done, owner, before, batch))
            touched.append(owner)
        self._forget(touched)
        days = {
            "exports": keep.keep_exports_days,
            "notices": keep.keep_notices_days,
            "bulk_runs": keep.keep_exports_days,
            "days": keep.keep_statistics_days,
        }
        old = {
            table: self._all(partial(chore_store.delete_old, table, moment, count, batch))
            for table, count in days.items()
        }
        return {"tasks": deleted, **old}

    def _submit_unkept(self, send: Send, moment: datetime) -> int:
        sent, after = 0, 0
        while rows := self._run(
            chore_store.unkept(after, moment - UNKEPT_AFTER, self._settings.batch),
        ):
            send(rows)
            self._run(keep_reminders(rows))
            sent, after = sent + len(rows), rows[-1].id
        return sent

    def _owners(self, batch: Callable[[str], Op[list[str]]]) -> Iterator[str]:
        after = ""
        while owners := self._run(batch(after)):
            yield from owners
            after = owners[-1]

    def _all(self, batch: Callable[[], Op[int]]) -> int:
        """Repeat until a batch is not full."""
        total = 0
        while True:
            count = self._run(batch())
            total += count
            if count < self._settings.batch:
                return total

    def _now(self, now: datetime | None) -> datetime:
        return now or self._run(chore_store.now())

    def _run(self, op: Op[T]) -> T:
        return run(self._database, APP, op)
