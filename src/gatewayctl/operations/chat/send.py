"""The verb chat: send a prompt through the gateway as a component, with its reply and its trace.

Owns the order: span, request, reply, end of the span, verification. Must not know terminals; the
parts of a streamed reply are yielded as they arrive.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gatewayctl.operations.chat.call import Delta, call_model
from gatewayctl.operations.chat.plan import ChatInput, plan_chat
from gatewayctl.operations.chat.report import Call, ChatReport, make_expectation, make_report
from gatewayctl.operations.chat.route import follow_route
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import Settings
from gatewayctl.tracing.client_spans import ClientTracer
from gatewayctl.tracing.stores import make_client_tracer
from gatewayctl.tracing.verify import Expectation

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient
    from gatewayctl.operations.models.provider_failure import ReadLog

SPAN_NAME: Final = "gatewayctl chat"
Chatting = Generator[Delta | Progress, None, ChatReport]


def send_chat(
    settings: Settings,
    gateway: GatewayClient,
    ask: ChatInput,
    *,
    tracer: ClientTracer | None = None,
    read_log: ReadLog | None = None,
    environ: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Chatting:
    """Send one prompt; yield the parts of a streamed reply and return the report.

    The span reaches the trace stores however the chat ends: with the reply, a refusal or Ctrl-C. An
    interrupted reply is a report with a problem. Raises the errors of `plan_chat`,
    VirtualKeyRefused, UnknownModel, UpstreamRefused, UpstreamTimeout, UpstreamUnreachable (with the
    cause in LiteLLM's log, if `read_log` is given), GatewayDatabaseMissing, GatewayUnreachable,
    GatewayTimeout.
    """
    tracer = tracer or make_client_tracer(settings, gateway.http)
    send = _send_one if ask.route is None else follow_route
    report, expected = yield from send(
        settings, gateway, ask, tracer=tracer, environ=environ, clock=clock, read_log=read_log
    )
    if ask.verify is None or report.problem is not None:
        return report
    from gatewayctl.operations.traces.verification import wait_for_verification

    verification = yield from wait_for_verification(
        settings,
        gateway,
        report.trace_id,
        lambda _spans, _logs: expected,
        timeout=ask.verify,
        fresh=True,
        clock=clock,
        sleep=sleep,
    )
    return replace(
        report, verified=verification.verified, verification=verification, broken_by=None
    )


def _send_one(
    settings: Settings,
    gateway: GatewayClient,
    ask: ChatInput,
    *,
    tracer: ClientTracer,
    environ: Mapping[str, str],
    clock: Callable[[], float],
    read_log: ReadLog | None = None,
) -> Generator[Delta | Progress, None, tuple[ChatReport, Expectation]]:
    """One call, whose span is the root of the client's part of the trace."""
    plan = plan_chat(settings, ask, environ)
    span = tracer.start(
        SPAN_NAME, {**plan.span_attributes(), "gatewayctl.calls": 1}, environ=environ
    )
    reply = yield from call_model(settings, gateway, plan, span, clock=clock, read_log=read_log)
    if reply.broken_by is not None and not reply.text:
        raise reply.broken_by
    calls = [Call(plan=plan, span=span, reply=reply)]
    expected = make_expectation(span, calls, inbound="TRACEPARENT" in environ)
    return make_report(span, calls, latency_ms=reply.latency_ms), expected
