"""What the platform needs to know of the mailroom app."""

from windrow.apps import DEFAULT_QUEUE, AppSpec

MIB = 1024 * 1024
#: Bytes of an upload, with what surrounds it.
UPLOAD_BYTES = 32 * MIB

SPEC = AppSpec(
    name="mailroom",
    queue=DEFAULT_QUEUE,
    tasks="windrow_apps.mailroom.tasks",
    router="windrow_apps.mailroom.routes:router",
    paths=(
        "POST /tasks/email",
        "POST /tasks/process",
        "POST /tasks/report",
        "GET /tasks/active/list",
        "GET,DELETE /tasks/{task_id:uuid}",
        "GET /reports/{report_id}.pdf",
        "GET /",
    ),
    shared_routers=("windrow_apps.shared.health:router", "windrow_apps.shared.task_ids:router"),
    migrations="windrow_apps.mailroom.migrations",
    schedules="windrow_apps.mailroom.schedules:schedules",
    body_bytes={"/tasks/process": UPLOAD_BYTES},
)
