"""Which spans of a request LiteLLM sends, with OpenTelemetry's real SDK and LiteLLM's tree."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceFlags

from tests.fakes.callbacks_module import fake_litellm, run_callbacks

IN_SAMPLE, OUT_OF_SAMPLE = 1, (1 << 64) - 1
CALL = {"gen_ai.operation.name": "chat"}


class Ids(RandomIdGenerator, IdGenerator):
    """Every trace id ends in the given 64 bits, which decide about the sample."""

    def __init__(self, low: int) -> None:
        self._low = low

    def generate_trace_id(self) -> int:
        return super().generate_trace_id() >> 64 << 64 | self._low


class Gateway:
    """A LiteLLM with the callbacks of a project, as far as it makes spans."""

    def __init__(self, module: dict[str, Any], trace_id: int) -> None:
        self.module = module
        self.sent = InMemorySpanExporter()
        self.provider = TracerProvider(id_generator=Ids(trace_id))
        self.provider.add_span_processor(SimpleSpanProcessor(self.sent))
        self.tracer = self.provider.get_tracer("litellm")

    def request(
        self,
        *,
        parent: SpanContext | None = None,
        calls: tuple[StatusCode, ...] = (StatusCode.UNSET,),
        status: int = 200,
        call_ends_late: bool = False,
        inside: Callable[[], None] = lambda: None,
    ) -> None:
        """One request as LiteLLM traces it: POST, with auth, route and its calls below."""
        before = trace.set_span_in_context(
            trace.NonRecordingSpan(parent) if parent else trace.INVALID_SPAN
        )
        root = self.tracer.start_span("POST /v1/chat/completions", before, SpanKind.SERVER)
        below = trace.set_span_in_context(root)
        for name in ("auth /v1/chat/completions", "route demo"):
            self.tracer.start_span(name, below).end()
        with trace.use_span(root, end_on_exit=False):
            inside()
        made = [self.tracer.start_span("chat demo", below, SpanKind.CLIENT, CALL) for _ in calls]
        root.set_attribute("http.status_code", status)
        if call_ends_late:
            root.end()
        for span, code in zip(made, calls, strict=True):
            span.set_status(code)
            span.end()
        if not call_ends_late:
            root.end()

    def names(self) -> list[str]:
        return sorted(span.name.split()[0] for span in self.sent.get_finished_spans())

    def only(self) -> ReadableSpan:
        (span,) = self.sent.get_finished_spans()
        return span


Make = Callable[..., Gateway]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    fake_litellm(monkeypatch)

    def made(gateway_yaml: str = "", *, trace_id: int = IN_SAMPLE) -> Gateway:
        return Gateway(run_callbacks(tmp_path, monkeypatch, gateway_yaml), trace_id)

    return made


def remote(flags: int = TraceFlags.SAMPLED) -> SpanContext:
    """The span of a client that sent its trace context."""
    return SpanContext(
        0xA << 64 | OUT_OF_SAMPLE, 0xB, is_remote=True, trace_flags=TraceFlags(flags)
    )


@pytest.mark.parametrize(
    ("gateway_yaml", "names"),
    [
        ("", ["POST", "chat"]),
        ("profile: production", ["chat"]),
        ("tracing: {spans: all}", ["POST", "auth", "chat", "route"]),
        ("profile: production\ntracing: {spans: requests}", ["POST", "chat"]),
        ("tracing: {spans: calls}", ["chat"]),
    ],
)
@pytest.mark.parametrize("call_ends_late", [False, True])
def test_of_a_request_those_spans_are_sent_that_are_asked_for(
    make: Make, gateway_yaml: str, names: list[str], call_ends_late: bool
) -> None:
    gateway = make(gateway_yaml)

    gateway.request(call_ends_late=call_ends_late)

    assert gateway.names() == names


def test_a_call_alone_is_the_child_of_what_its_client_sent(make: Make) -> None:
    gateway = make("tracing: {spans: calls}")

    gateway.request(parent=remote())

    call = gateway.only()
    assert (call.parent, call.attributes) == (remote(), CALL)
    assert call.context.trace_id == remote().trace_id
    assert call.resource == gateway.provider.resource
    assert None not in (call.start_time, call.end_time)


@pytest.mark.parametrize(
    "request_",
    [
        {"calls": (StatusCode.ERROR, StatusCode.UNSET)},
        {"calls": (StatusCode.ERROR,)},
        {"calls": (), "status": 401},
    ],
)
@pytest.mark.parametrize("sample", ["1", "0"])
def test_a_request_that_fails_is_sent_whole(
    make: Make, request_: dict[str, Any], sample: str
) -> None:
    gateway = make(f"tracing: {{spans: calls, sample: {sample}}}", trace_id=OUT_OF_SAMPLE)

    gateway.request(**request_)

    calls = ["chat"] * len(request_["calls"])
    assert gateway.names() == ["POST", "auth", *calls, "route"]


@pytest.mark.parametrize("calls", [(), (StatusCode.UNSET, StatusCode.UNSET)])
def test_a_request_that_is_not_one_call_keeps_its_own_span(
    make: Make, calls: tuple[StatusCode, ...]
) -> None:
    gateway = make("tracing: {spans: calls}")

    gateway.request(calls=calls)

    assert gateway.names() == ["POST", *["chat"] * len(calls)]


def test_a_phase_with_spans_below_it_is_sent(make: Make) -> None:
    gateway = make("tracing: {spans: calls}")
    with gateway.tracer.start_as_current_span("POST /x", kind=SpanKind.SERVER):  # noqa: SIM117
        with gateway.tracer.start_as_current_span("auth /x"):
            gateway.tracer.start_span("guardrail pii").end()

    assert gateway.names() == ["POST", "auth", "guardrail"]


@pytest.mark.parametrize(
    ("trace_id", "parent", "is_sent"),
    [
        (IN_SAMPLE, None, True),
        (OUT_OF_SAMPLE, None, False),
        # Its client wants the trace, as `chat --verify` does.
        (OUT_OF_SAMPLE, remote(), True),
        (IN_SAMPLE, remote(TraceFlags.DEFAULT), False),
    ],
)
def test_the_sample_decides_where_the_client_does_not(
    make: Make, trace_id: int, parent: SpanContext | None, is_sent: bool
) -> None:
    gateway = make("tracing: {sample: 0.5}", trace_id=trace_id)

    gateway.request(parent=parent)

    assert bool(gateway.names()) == is_sent


@pytest.mark.parametrize("trace_id", [IN_SAMPLE, OUT_OF_SAMPLE])
def test_a_call_that_begins_after_its_request_ended_follows_it(make: Make, trace_id: int) -> None:
    gateway = make("tracing: {sample: 0.5, spans: requests}", trace_id=trace_id)
    roots: list[trace.Span] = []

    gateway.request(calls=(), inside=lambda: roots.append(trace.get_current_span()))
    below = trace.set_span_in_context(roots[0])
    gateway.tracer.start_span("chat demo", below, SpanKind.CLIENT, CALL).end()

    assert gateway.names() == (["POST", "chat"] if trace_id == IN_SAMPLE else [])


@pytest.mark.parametrize(("trace_id", "noted"), [(IN_SAMPLE, None), (OUT_OF_SAMPLE, False)])
def test_the_spend_log_says_that_a_call_is_out_of_the_sample(
    make: Make, trace_id: int, noted: bool | None
) -> None:
    gateway = make("tracing: {sample: 0.5}", trace_id=trace_id)
    data: dict[str, Any] = {"metadata": {"requester_metadata": {}}}
    hook = gateway.module["no_housekeeping"].async_pre_call_hook

    gateway.request(inside=lambda: asyncio.run(hook(None, None, data, "acompletion")))

    assert data["metadata"].get("spend_logs_metadata", {}).get("trace_sampled") == noted


def test_spans_that_never_end_do_not_hold_memory_or_other_spans(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = make("tracing: {spans: requests}")
    limits = gateway.module["SpanFilter"].on_start.__globals__
    monkeypatch.setitem(limits, "MAX_OPEN", 2)

    stuck = [gateway.tracer.start_span(f"stuck {number}") for number in range(5)]
    gateway.request()

    assert gateway.names() == ["POST", "chat"]
    stuck[-1].end()
    stuck[0].end()
    assert gateway.names() == ["POST", "chat", "stuck", "stuck"]


def test_what_has_ended_is_sent_at_the_end(make: Make) -> None:
    gateway = make("tracing: {spans: all}")
    root = gateway.tracer.start_span("POST /v1/chat/completions", kind=SpanKind.SERVER)
    gateway.tracer.start_span("auth /x", trace.set_span_in_context(root)).end()
    assert gateway.names() == []

    gateway.provider.shutdown()

    assert gateway.names() == ["auth"]


def test_an_image_without_opentelemetry_serves_calls(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    module = make("tracing: none").module
    data: dict[str, Any] = {"metadata": {"requester_metadata": {}}}

    asyncio.run(module["no_housekeeping"].async_pre_call_hook(None, None, data, "acompletion"))

    assert "spend_logs_metadata" not in data["metadata"]


def test_spans_that_end_in_several_threads_are_all_sent(make: Make) -> None:
    gateway = make("tracing: {spans: all}")
    count = 400
    before = sys.getswitchinterval()

    def end_call(root: trace.Span) -> None:
        below = trace.set_span_in_context(root)
        gateway.tracer.start_span("chat demo", below, SpanKind.CLIENT, CALL).end()

    # Each thread gets a microsecond at a time.
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for _ in range(count):
                root = gateway.tracer.start_span("POST /v1/chat/completions", kind=SpanKind.SERVER)
                for work in (partial(end_call, root), partial(end_call, root), root.end):
                    pool.submit(work)
    finally:
        sys.setswitchinterval(before)

    assert gateway.names() == ["POST"] * count + ["chat"] * 2 * count
