"""What every door can be told about its own telemetry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, Field
from pydantic_settings import BaseSettings


class TelemetrySettings(BaseSettings):
    """The base of each door's settings; read with them."""

    #: "json": one object a line, for machines; "console": for people.
    log_format: Literal["console", "json"] = "console"
    #: Where spans go, OTLP over HTTP; empty: nothing is traced. The other OTEL_ variables are read by its library.
    traces_endpoint: str = Field(
        "",
        validation_alias=AliasChoices(
            "traces_endpoint", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
        ),
    )


def _off_when_empty(value: object) -> object:
    return 0 if value == "" else value


class ProcessSettings(TelemetrySettings):
    """Of a door that has no HTTP server of its own."""

    #: Where this process's own figures answer, CPU, memory and the like; 0 or empty: nowhere.
    metrics_port: Annotated[int, BeforeValidator(_off_when_empty)] = Field(0, ge=0, le=65_535)
    metrics_host: str = "127.0.0.1"
