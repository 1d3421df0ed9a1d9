"""`windrow migrate` as the step between the servers and the parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from windrow.dev.child import Child, Sink
from windrow.dev.errors import PartFailed
from windrow.dev.guard import Guard

MIGRATE_SECONDS = 120.0


def run_migration(
    argv: tuple[str, ...], env: Mapping[str, str], guard: Guard, sink: Sink, cancelled: Callable[[], bool]
) -> None:
    """Run it to its end; stop it when `cancelled()`. Raises PartFailed when it fails or takes too long."""
    child = Child("migrate", argv, env, sink, guard=guard)
    child.wait_for(cancelled, MIGRATE_SECONDS)
    if child.returncode is None:
        child.stop()
    child.reap()
    if not cancelled() and child.returncode != 0:
        last = "".join(f"\n    {line}" for line in child.tail)
        raise PartFailed(f"migrate ended with {child.returncode}; its last lines:{last}")
