"""`chat`: one prompt through the gateway as a component, its reply and its trace.

Owns the order: span, request, reply, span's end, and then the proof. Must not know
terminals; the parts of a streamed reply are yielded as they arrive.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gatewayctl.operations.chat.call import Delta, Reply, call_model
from gatewayctl.operations.chat.plan import ChatInput, ChatPlan, plan_chat
from gatewayctl.operations.chat.report import ChatReport
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import Settings
from gatewayctl.tracing.client_spans import ClientSpan, ClientTracer
from gatewayctl.tracing.verify import Expectation

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

SPAN_NAME: Final = "gatewayctl chat"
Chatting = Generator[Delta | Progress, None, ChatReport]


def send_chat(
    settings: Settings,
    gateway: GatewayClient,
    ask: ChatInput,
    *,
    tracer: ClientTracer | None = None,
    environ: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Chatting:
    """Send one prompt; yields the reply's parts if it is streamed, returns the report.

    The span reaches Phoenix however the chat ends: with the reply, a refusal or Ctrl-C. A
    reply that breaks off comes back as a report with a problem. Raises what `plan_chat`
    raises, VirtualKeyRefused, UnknownModel, UpstreamRefused, UpstreamTimeout,
    GatewayDatabaseMissing, GatewayUnreachable, GatewayTimeout.
    """
    tracer = tracer or ClientTracer(gateway.http, settings.phoenix_url)
    if ask.route is not None:
        from gatewayctl.operations.chat.route import follow_route

        said, expected = yield from follow_route(
            settings, gateway, ask, tracer=tracer, environ=environ, clock=clock
        )
    else:
        said, expected = yield from _alone(settings, gateway, ask, tracer, environ, clock)
    if ask.verify is None or said.problem is not None:
        return said
    from gatewayctl.operations.traces.verification import wait_for_verification

    proof = yield from wait_for_verification(
        settings,
        gateway,
        said.trace_id,
        lambda _spans, _logs: expected,
        timeout=ask.verify,
        fresh=True,
        clock=clock,
        sleep=sleep,
    )
    return replace(said, verified=proof.verified, verification=proof, broken_by=None)


def _alone(
    settings: Settings,
    gateway: GatewayClient,
    ask: ChatInput,
    tracer: ClientTracer,
    environ: Mapping[str, str],
    clock: Callable[[], float],
) -> Generator[Delta, None, tuple[ChatReport, Expectation]]:
    """One call, and what its trace must hold."""
    plan = plan_chat(settings, ask, environ)
    span = tracer.start(
        SPAN_NAME, {**plan.span_attributes(), "gatewayctl.calls": 1}, environ=environ
    )
    reply = yield from call_model(settings, gateway, plan, span, clock=clock)
    if reply.broken_by is not None and not reply.parts:
        raise reply.broken_by
    expected = Expectation(
        trace_id=span.trace_id or "",
        client_spans=(span.span_id or "",),
        calls=(reply.expected(plan, span),),
        inbound="TRACEPARENT" in environ,
    )
    return _report(plan, reply, span), expected


def _report(plan: ChatPlan, reply: Reply, span: ClientSpan) -> ChatReport:
    failure = span.failure
    return ChatReport(
        reply=reply.text,
        model=plan.model,
        component=plan.component,
        operation=plan.operation,
        routing_path=plan.routing_path,
        trace_id=span.trace_id,
        span_id=span.span_id,
        call_id=reply.call_id,
        finish_reason=reply.finish_reason,
        usage=reply.usage,
        latency_ms=reply.latency_ms,
        key_env=plan.key_env,
        streamed=plan.stream,
        trace_exported=span.exported,
        note=plan.note,
        warnings=() if failure is None else (f"The trace is not complete: {failure}",),
        broken_by=reply.broken_by,
    )
