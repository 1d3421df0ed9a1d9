"""Tracing by OpenTelemetry's own SDK and exporter, which read their further settings from the OTEL_ variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

_KINDS = {"server": trace.SpanKind.SERVER, "consumer": trace.SpanKind.CONSUMER}
#: Milliseconds to send what waits at the end of a process: its receiver may be away.
CLOSE_MILLISECONDS = 3_000


class OtlpTracing:
    """See `traces.Tracing`. A provider that the process has already (a team's own) is used as it is."""

    def __init__(self, door: str) -> None:
        self._provider: TracerProvider | None = None
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            self._provider = TracerProvider(resource=_resource(door), shutdown_on_exit=False)
            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            # Spans that a task's own code makes go the same way.
            trace.set_tracer_provider(self._provider)
        self._tracer = trace.get_tracer("windrow", version("windrow"))
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(
        self, name: str, kind: str, parent: str | None, attributes: Mapping[str, AttributeValue]
    ) -> Iterator[_Said]:
        """See `traces.Tracing`."""
        context = self._propagator.extract({"traceparent": parent}) if parent else None
        with self._tracer.start_as_current_span(name, context, _KINDS[kind], attributes) as span:
            yield _Said(span)

    def close(self) -> None:
        """See `traces.Tracing`."""
        if self._provider is not None:
            self._provider.force_flush(CLOSE_MILLISECONDS)
            self._provider.shutdown()


class _Said:
    """See `traces.Span`."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def say(self, **attributes: AttributeValue) -> None:
        self._span.set_attributes({name.replace("__", "."): value for name, value in attributes.items()})

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, reason: str) -> None:
        self._span.set_status(trace.StatusCode.ERROR, reason)


def _resource(door: str) -> Resource:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word."""
    own = Resource({"service.name": f"windrow-{door}", "service.version": version("windrow")})
    return Resource.create().merge(own).merge(OTELResourceDetector().detect())
