"""A number of workers that is kept: one that was killed is started again, as a cluster does it."""

from __future__ import annotations

from tests.promises.world import World
from tests.support.processes import Door


class Fleet:
    """Call `tend` as often as you look at something else."""

    def __init__(self, world: World, size: int, concurrency: int) -> None:
        self._world = world
        self._concurrency = concurrency
        self.deaths = 0
        self.workers: list[Door] = [self._start() for _ in range(size)]

    def tend(self) -> None:
        """Replace those that ended."""
        for index, worker in enumerate(self.workers):
            if worker.returncode is not None:
                self.deaths += 1
                self.workers[index] = self._start()

    def _start(self) -> Door:
        return self._world.worker(concurrency=self._concurrency, wait=False)
