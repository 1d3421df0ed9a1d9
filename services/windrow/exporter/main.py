"""`windrow exporter`: serve Prometheus metrics, configured by the environment."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from windrow.exporter.collector import WindrowCollector
from windrow.exporter.server import serve
from windrow.exporter.settings import ExporterSettings
from windrow.exporter.world import World
from windrow.telemetry import logs


def main(argv: list[str]) -> int:
    """Serve until SIGTERM; `argv` is empty, for every setting is a WINDROW_ variable."""
    settings = ExporterSettings()
    secrets = (settings.database_url, settings.redis_url, settings.amqp_url)
    logs.configure("exporter", settings.log_format, secrets=secrets)
    world = World(settings)
    registry = CollectorRegistry()
    registry.register(WindrowCollector(world.look, settings.exception_names))
    try:
        return serve(registry, settings.exporter_host, settings.exporter_port)
    finally:
        world.close()
