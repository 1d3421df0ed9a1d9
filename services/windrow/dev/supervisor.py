"""Keeps the parts running: all ready or none, restarts, and an end in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from windrow.dev.child import Sink
from windrow.dev.draining import Draining
from windrow.dev.errors import PartFailed
from windrow.dev.guard import Guard
from windrow.dev.part import KeptPart, Part

POLL_SECONDS = 0.05
#: Between SIGQUIT, which hands running jobs back to the ledger, and SIGKILL, which leaves them to the rescue.
GIVE_BACK_SECONDS = 5.0


class Supervisor:
    """Runs parts as children of this process; single-threaded, told to look by `tick`."""

    def __init__(
        self,
        parts: Sequence[Part],
        guard: Guard,
        sink: Sink,
        say: Callable[[str], None],
        jobs: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`sink` gets the parts' lines, `say` what happens to the parts; `jobs` counts those that run."""
        self._kept = [KeptPart(part, guard, sink) for part in parts]
        self._say = say
        self._jobs = jobs

    @property
    def pids(self) -> dict[str, int]:
        """Process id by part, 0 for one that waits to start again."""
        return {kept.part.name: kept.pid for kept in self._kept}

    def start(self, timeout: float, cancelled: Callable[[], bool]) -> bool:
        """Start all at once and wait until each is ready; False when `cancelled()` meanwhile.

        Raises PartFailed when one ends, or is not ready within `timeout` seconds.
        """
        for kept in self._kept:
            try:
                kept.start()
            except OSError as error:
                raise PartFailed(f"{kept.part.name} cannot be started: {error}") from error
        deadline = time.monotonic() + timeout
        while not cancelled():
            for kept in self._kept:
                if not kept.pid:
                    raise PartFailed(f"{kept.obituary()}\nThe start is given up.")
                self._tell(kept)
            late = [kept.part.name for kept in self._kept if not kept.ready]
            if not late:
                return True
            if time.monotonic() > deadline:
                raise PartFailed(f"{', '.join(late)}: not ready within {timeout:g} s. The start is given up.")
            time.sleep(POLL_SECONDS)
        return False

    def tick(self) -> None:
        """Look at every part once and start again what died."""
        for kept in self._kept:
            self._tell(kept)

    def stop(self, hurry: Callable[[], bool]) -> None:
        """End all by stop order: SIGTERM, the drain, SIGQUIT for who gives work back, SIGKILL.

        `hurry()` leaves out the drain.
        """
        for order in sorted({kept.part.stop_order for kept in self._kept}, reverse=True):
            self._stop_together([kept for kept in self._kept if kept.part.stop_order == order], hurry)

    def _stop_together(self, group: list[KeptPart], hurry: Callable[[], bool]) -> None:
        running = [kept for kept in group if kept.pid]
        if running:
            self._say("stopping " + ", ".join(kept.part.name for kept in running))
        for kept in group:
            kept.ask_to_stop()
        began = time.monotonic()
        patience = {kept.part.name: kept.part.drain_seconds for kept in group}
        # Only who drains has jobs to wait for, and takes long enough to be asked about.
        drains = any(kept.part.gives_back for kept in running)
        draining = Draining(self._say, self._jobs) if drains else None
        while running:
            waited = time.monotonic() - began
            for kept in [kept for kept in running if not kept.pid]:
                running.remove(kept)
                self._say(f"{kept.part.name} ended after {waited:.1f} s")
            if draining is not None and running:
                names = [kept.part.name for kept in running]
                draining.look(names, max(patience[name] for name in names) - waited)
            for kept in running:
                name = kept.part.name
                if waited <= patience[name] and not (hurry() and patience[name] == kept.part.drain_seconds):
                    continue
                if kept.ask_to_give_back():
                    self._say(f"{name} did not end within {waited:.0f} s: it gives its work back")
                    patience[name] = waited + GIVE_BACK_SECONDS
                else:
                    self._say(f"{name} did not end within {waited:.0f} s: killed")
                    kept.kill()
            time.sleep(POLL_SECONDS)
        for kept in group:
            kept.kill()  # what a first process left behind

    def _tell(self, kept: KeptPart) -> None:
        try:
            news = kept.check()
        except OSError as error:
            news = f"{kept.part.name} cannot be started: {error}"
        if news:
            self._say(news)
