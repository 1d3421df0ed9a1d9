"""`windrow api`: serve the HTTP API, configured by the environment."""

from __future__ import annotations

from windrow.api.app import create_app
from windrow.api.server import serve
from windrow.api.settings import ApiSettings
from windrow.api.tracing import TracedApi, trace_context
from windrow.telemetry import logs, traces


def main(argv: list[str]) -> int:
    """Serve until SIGTERM; `argv` is empty, for every setting is a WINDROW_ variable."""
    settings = ApiSettings()
    stores = (settings.database_url.get_secret_value(), settings.redis_url.get_secret_value())
    about = trace_context if settings.traces_endpoint else logs.no_context
    logs.configure("api", settings.log_format, context=about, secrets=(*stores, settings.amqp_url))
    tracing = traces.start("api", settings.traces_endpoint)
    app = create_app(settings)
    return serve(app, settings, app if tracing is None else TracedApi(app, tracing))
