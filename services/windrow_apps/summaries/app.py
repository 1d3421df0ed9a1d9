"""What the platform needs to know of the summaries app."""

from windrow.apps import DEFAULT_QUEUE, AppSpec

SPEC = AppSpec(
    name="summaries",
    tasks="windrow_apps.summaries.tasks",
    router="windrow_apps.summaries.routes:router",
    paths=(
        "POST /api/articles",
        "POST /api/articles/import",
        "GET /api/articles/{article_id}",
        "POST /api/summarization/enqueue",
        "POST /api/summarization/enqueue-batch",
        "GET /api/summarization/status/{job_id}",
        "GET /api/summarization/queue-info",
    ),
    migrations="windrow_apps.summaries.migrations",
    queue=DEFAULT_QUEUE,
    # Language models cost money: these routes are never open.
    key_header="X-API-Key",
)
