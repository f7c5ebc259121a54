"""The application's own spans: one for each request, and under it one for each model call.

They are the root of the tree in Phoenix, with the gateway's spans below. Spans are passed as
arguments, not as "the current span", because a streamed reply is sent by another task than the one
that started it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context

from reasoning_api.settings import Settings


def new_provider(settings: Settings) -> TracerProvider:
    """Create a provider that sends spans to Phoenix in the background, in batches."""
    resource = Resource.create(
        {
            "service.name": settings.service_name,
            # The project in Phoenix.
            "openinference.project.name": settings.phoenix_project,
        }
    )
    provider = TracerProvider(resource=resource)
    if settings.traces_url:
        exporter = OTLPSpanExporter(endpoint=settings.traces_url, timeout=5)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    return provider


@contextmanager
def request_span(tracer: Tracer, name: str, headers: Mapping[str, str]) -> Iterator[Span]:
    """Span of one request, which continues the caller's trace if the headers have one."""
    span = tracer.start_span(
        name,
        context=propagate.extract(headers),
        kind=SpanKind.SERVER,
        attributes={"openinference.span.kind": "CHAIN"},
    )
    with _end_with_block(span):
        yield span


@contextmanager
def call_span(tracer: Tracer, name: str, parent: Span) -> Iterator[dict[str, str]]:
    """Span of one model call; yield the headers that make the gateway's spans its children."""
    span = tracer.start_span(
        name,
        context=set_span_in_context(parent),
        kind=SpanKind.CLIENT,
        attributes={"openinference.span.kind": "CHAIN"},
    )
    headers: dict[str, str] = {}
    propagate.inject(headers, context=set_span_in_context(span))
    with _end_with_block(span):
        yield headers


@contextmanager
def _end_with_block(span: Span) -> Iterator[None]:
    """End the span with the block; of a failure record only the type: messages may quote keys."""
    try:
        yield
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(StatusCode.ERROR, type(error).__name__)
        raise
    else:
        span.set_status(StatusCode.OK)
    finally:
        span.end()
