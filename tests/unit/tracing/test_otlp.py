"""The bytes are held equal to those of OpenTelemetry's own encoder."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gatewayctl.tracing.otlp import export_request

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
VALUES = (
    TEXT
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=True)
)
PARENTS = st.sampled_from(
    [
        {},
        {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
        {"traceparent": f"00-{'a' * 32}-{'b' * 16}-03", "tracestate": "x=1,y=2"},
    ]
)


@given(
    name=TEXT,
    kind=st.sampled_from(SpanKind),
    status=st.sampled_from(StatusCode),
    attributes=st.dictionaries(TEXT.filter(bool), VALUES, max_size=5),
    resource=st.dictionaries(TEXT.filter(bool), TEXT, max_size=3),
    parent=PARENTS,
)
def test_a_span_is_encoded_as_the_library_encodes_it(
    name: str,
    kind: SpanKind,
    status: StatusCode,
    attributes: dict[str, str | bool | int | float],
    resource: dict[str, str],
    parent: dict[str, str],
) -> None:
    provider = TracerProvider(resource=Resource(resource), shutdown_on_exit=False)
    span = provider.get_tracer("gatewayctl").start_span(
        name,
        context=TraceContextTextMapPropagator().extract(parent),
        kind=kind,
        attributes=attributes,
    )
    span.set_status(status, "why" if status is StatusCode.ERROR else None)
    span.end()
    assert isinstance(span, ReadableSpan)

    assert export_request([span]) == encode_spans([span]).SerializeToString()


def test_a_span_that_has_not_ended_can_be_encoded() -> None:
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("open")
    assert isinstance(span, Span)

    assert b"open" in export_request([span])
