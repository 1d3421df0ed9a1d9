"""`windrow api`: serve the HTTP API, configured by the environment."""

from __future__ import annotations

from windrow.api.app import create_app
from windrow.api.server import serve
from windrow.api.settings import ApiSettings
from windrow.telemetry import quiet


def main(argv: list[str]) -> int:
    """Serve until SIGTERM; `argv` is empty, for every setting is a WINDROW_ variable."""
    settings = ApiSettings()
    quiet.install()
    return serve(create_app(settings), settings)
