from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gatewayctl.tracing.client_spans import ClientTracer
from gatewayctl.tracing.export import Destination

URL = "http://127.0.0.1:6006"
TRACE, PARENT = "a" * 32, "b" * 16


@dataclass
class Sink:
    """A Phoenix that records requests and answers each with ``status``."""

    status: int = 200
    requests: list[httpx.Request] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.status)

    def message(self) -> ExportTraceServiceRequest:
        message: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(
            self.requests[-1].content
        )
        return message

    def span(self) -> Span:
        span: Span = self.message().resource_spans[0].scope_spans[0].spans[0]
        return span

    def attributes(self) -> dict[str, str]:
        return {pair.key: pair.value.string_value for pair in self.span().attributes}


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def tracer(sink: Sink) -> Iterator[ClientTracer]:
    with httpx.Client(transport=httpx.MockTransport(sink.answer)) as http:
        yield ClientTracer(http, Destination(url=URL))


def test_a_span_reaches_phoenix_when_it_ends(sink: Sink, tracer: ClientTracer) -> None:
    span = tracer.start("gatewayctl chat", {"gatewayctl.component": "a"}, environ={})
    assert sink.requests == []

    assert span.end("ok", attributes={"gatewayctl.more": "b"})

    assert [str(request.url) for request in sink.requests] == [f"{URL}/v1/traces"]
    assert sink.requests[0].headers["content-type"] == "application/x-protobuf"
    sent = sink.span()
    assert (sent.name, sent.kind) == ("gatewayctl chat", Span.SPAN_KIND_CLIENT)
    assert (sent.trace_id.hex(), sent.span_id.hex()) == (span.trace_id, span.span_id)
    assert sent.parent_span_id == b""
    assert sent.status.code == Status.STATUS_CODE_OK
    assert sink.attributes() == {
        "openinference.span.kind": "CHAIN",
        "gatewayctl.component": "a",
        "gatewayctl.more": "b",
    }


def test_the_span_is_in_the_project_of_the_gateway(sink: Sink, tracer: ClientTracer) -> None:
    tracer.start("x", {}, environ={}).end("ok")

    resource = sink.message().resource_spans[0].resource
    assert {pair.key: pair.value.string_value for pair in resource.attributes} == {
        "service.name": "gatewayctl",
        "openinference.project.name": "gateway",
    }


def test_the_header_makes_spans_of_the_gateway_children_of_the_client_span(
    tracer: ClientTracer,
) -> None:
    span = tracer.start("x", {}, environ={})
    header = span.headers()["traceparent"]
    span.end("ok")

    assert re.fullmatch(rf"00-{span.trace_id}-{span.span_id}-0[13]", header)


def test_each_span_without_a_parent_starts_a_new_trace(tracer: ClientTracer) -> None:
    first, second = (tracer.start("x", {}, environ={}) for _ in range(2))
    for span in (first, second):
        span.end("ok")

    assert first.trace_id != second.trace_id


@pytest.mark.parametrize("flags", ["00", "01"])
def test_the_trace_of_the_caller_is_continued_even_if_not_sampled(
    sink: Sink, tracer: ClientTracer, flags: str
) -> None:
    environ = {"TRACEPARENT": f"00-{TRACE}-{PARENT}-{flags}", "TRACESTATE": "x=1"}
    span = tracer.start("x", {}, environ=environ)
    assert span.headers()["traceparent"].startswith(f"00-{TRACE}-{span.span_id}-")
    assert span.headers()["traceparent"].endswith(("1", "3"))
    assert span.headers()["tracestate"] == "x=1"

    span.end("ok")

    assert (sink.span().trace_id.hex(), sink.span().parent_span_id.hex()) == (TRACE, PARENT)


@pytest.mark.parametrize("value", ["", "nonsense", f"00-{'0' * 32}-{PARENT}-01", "x" * 9000])
def test_a_malformed_traceparent_is_ignored(tracer: ClientTracer, value: str) -> None:
    span = tracer.start("x", {}, environ={"TRACEPARENT": value})
    span.end("ok")

    assert span.trace_id not in {None, "0" * 32}


@pytest.mark.parametrize("outcome", ["error", "cancelled"])
def test_a_failed_command_still_sends_its_span(
    sink: Sink, tracer: ClientTracer, outcome: str
) -> None:
    span = tracer.start("x", {}, environ={})
    assert span.end("error" if outcome == "error" else "cancelled", why="gateway_timeout")

    assert sink.span().status.code == Status.STATUS_CODE_ERROR
    assert sink.span().status.message == "gateway_timeout"
    assert sink.attributes()["gatewayctl.outcome"] == outcome


def test_a_span_that_phoenix_refuses_is_reported_not_raised(
    sink: Sink, tracer: ClientTracer
) -> None:
    sink.status = 503
    span = tracer.start("x", {}, environ={})

    assert not span.end("ok")
    assert span.failure == f"Phoenix at {URL} did not accept the trace (HTTP 503)."


def test_with_tracing_turned_off_there_are_no_ids_and_nothing_is_sent(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with httpx.Client(transport=httpx.MockTransport(sink.answer)) as http:
        span = ClientTracer(http, Destination(url=URL)).start("x", {}, environ={})
        assert (span.trace_id, span.span_id, span.headers()) == (None, None, {})
        assert not span.end("ok")

    assert sink.requests == []


def test_loading_the_sdk_does_not_import_psutil_and_does_not_prevent_it() -> None:
    code = (
        "import sys, gatewayctl.tracing.client_spans;"
        "assert 'psutil' not in sys.modules;"
        "import psutil; assert psutil.cpu_count()"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
