"""What the platform needs to know of the delays app."""

from windrow.apps import AppSpec

SPEC = AppSpec(
    name="delays",
    tasks="windrow_apps.delays.tasks",
    router="windrow_apps.delays.routes:router",
    paths=("POST /process",),
    # A queue of its own, one job at a time: its jobs occupy a process and must not keep others' from theirs.
    queue="delays",
    concurrency=1,
)
