"""What every door can be told about its own telemetry."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, Field
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
