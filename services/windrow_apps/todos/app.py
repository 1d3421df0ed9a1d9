"""What the platform needs to know of the todos app."""

from windrow.apps import DEFAULT_QUEUE, AppSpec

SPEC = AppSpec(
    name="todos",
    queue=DEFAULT_QUEUE,
    tasks="windrow_apps.todos.tasks",
    router="windrow_apps.todos.routes:router",
    paths=(
        "GET,POST /tasks",
        "GET /tasks/statistics",
        "POST /tasks/bulk-update",
        "POST /tasks/export",
        "GET /tasks/export-status/{task_id}",
        "GET /tasks/export-files/{task_id}",
        "GET /cache/status",
        "GET,PUT,PATCH,DELETE /tasks/{todo_id}",
    ),
    shared_routers=("windrow_apps.shared.health:router", "windrow_apps.shared.task_ids:router"),
    migrations="windrow_apps.todos.migrations",
    schedules="windrow_apps.todos.schedules:schedules",
)
