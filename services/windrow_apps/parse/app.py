"""What the platform needs to know of the parse app."""

from windrow.apps import DEFAULT_QUEUE, AppSpec

SPEC = AppSpec(
    name="parse",
    queue=DEFAULT_QUEUE,
    tasks="windrow_apps.parse.tasks",
    router="windrow_apps.parse.routes:router",
    paths=("POST /parse", "DELETE /parse/{task_id}", "GET /parse/status/{task_id}"),
    migrations="windrow_apps.parse.migrations",
    schedules="windrow_apps.parse.schedules:schedules",
)
