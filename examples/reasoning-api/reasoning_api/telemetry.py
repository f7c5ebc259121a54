"""The application's own spans: one for each request, and under it one for each model call.

They are the root of the tree that Phoenix shows: the gateway's spans hang from them. Spans are
passed on by hand and not as "the current span", because a streamed reply is sent by another task
than the one that began it.
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
    """Spans to Phoenix, in batches and in the background: a request never waits for them."""
    resource = Resource.create(
        {
            "service.name": settings.service_name,
            # Phoenix files a span by this.
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
    """The span of one request; it continues the caller's trace where the headers name one."""
    span = tracer.start_span(
        name,
        context=propagate.extract(headers),
        kind=SpanKind.SERVER,
        attributes={"openinference.span.kind": "CHAIN"},
    )
    with _ended(span):
        yield span


@contextmanager
def call_span(tracer: Tracer, name: str, parent: Span) -> Iterator[dict[str, str]]:
    """The span of one model call; gives the headers that make the gateway's spans its children."""
    span = tracer.start_span(
        name,
        context=set_span_in_context(parent),
        kind=SpanKind.CLIENT,
        attributes={"openinference.span.kind": "CHAIN"},
    )
    headers: dict[str, str] = {}
    propagate.inject(headers, context=set_span_in_context(span))
    with _ended(span):
        yield headers


@contextmanager
def _ended(span: Span) -> Iterator[None]:
    """End the span with the block. Of an exception it names the type only: texts quote keys."""
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
