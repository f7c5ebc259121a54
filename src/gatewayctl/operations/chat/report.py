"""What a chat results in: the reply, each of its model calls, and the verification if requested.

Owns the report and the expectation of the calls, the same for one call and for a route.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING

from gatewayctl.errors import GatewayctlError
from gatewayctl.gateway.chat import Usage
from gatewayctl.operations.chat.call import Reply
from gatewayctl.operations.chat.plan import ChatPlan, Route
from gatewayctl.tracing.client_spans import ClientSpan
from gatewayctl.tracing.verify import Expectation

if TYPE_CHECKING:
    from gatewayctl.operations.traces.verification import TraceVerification


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One model call of a route; ``retries`` to ``cached`` as in ChatReport."""

    component: str
    operation: str
    model: str
    span_id: str | None
    call_id: str | None
    usage: Usage | None
    latency_ms: float
    finish_reason: str | None = None
    retries: int = 0
    fallback: str | None = None
    deployment: str | None = None
    cached: bool = False


@dataclass(frozen=True, kw_only=True)
class ChatReport:
    """A reply and where it came from.

    ``streamed``: the reply was already yielded in parts. ``verified`` is None if verification was
    not requested or is unknown (see ``verification``). ``latency_ms`` runs from sending the
    request to the end of the reply. On a route, ``component`` to ``usage`` are those of the last
    call, and ``steps`` has all calls. ``fallback`` is the model that answered in place of
    ``model``, ``retries`` how often LiteLLM repeated the call, and ``deployment`` what it called at
    last (its name in LiteLLM's notation); ``cached``: LiteLLM's cache answered, no provider.
    ``reasoning``, ``refusal`` and ``tool_calls`` (names of functions) came beside the reply, or
    instead of it. ``warnings`` say why a reply has no text or ends early, and what failed beside
    it, such as a trace that Phoenix did not accept.
    """

    reply: str
    model: str
    component: str
    operation: str
    routing_path: str | None
    trace_id: str | None
    span_id: str | None
    call_id: str | None
    finish_reason: str | None
    usage: Usage | None
    latency_ms: float
    key_env: str
    streamed: bool
    trace_exported: bool
    retries: int = 0
    fallback: str | None = None
    deployment: str | None = None
    cached: bool = False
    route: str | None = None
    steps: tuple[StepReport, ...] = ()
    verified: bool | None = None
    verification: TraceVerification | None = None
    note: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    broken_by: InitVar[GatewayctlError | None] = None

    def __post_init__(self, broken_by: GatewayctlError | None) -> None:
        object.__setattr__(self, "_problem", broken_by)

    @property
    def problem(self) -> GatewayctlError | None:
        """Why the reply is incomplete, or its trace not verified."""
        problem: GatewayctlError | None = self.__dict__["_problem"]
        if problem is None and self.verification is not None:
            return self.verification.problem
        return problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One finished model call under its client span."""

    plan: ChatPlan
    span: ClientSpan
    reply: Reply


def make_report(
    root: ClientSpan, calls: Sequence[Call], *, latency_ms: float, route: Route | None = None
) -> ChatReport:
    """Report the calls under one root span; a single call may be the root itself."""
    last = calls[-1]
    plan, reply = last.plan, last.reply
    failure = root.failure
    unexported = None if failure is None else f"The trace is not complete: {failure}"
    return ChatReport(
        reply=reply.text,
        model=plan.model,
        component=plan.component,
        operation=plan.operation,
        routing_path=plan.routing_path,
        trace_id=root.trace_id,
        span_id=root.span_id,
        call_id=reply.call_id,
        finish_reason=reply.finish_reason,
        usage=reply.usage,
        latency_ms=latency_ms,
        key_env=plan.key_env,
        streamed=plan.stream,
        trace_exported=root.exported,
        retries=reply.retries,
        fallback=reply.fallback,
        deployment=reply.deployment,
        cached=reply.cached,
        route=route,
        steps=() if route is None else tuple(map(_report_step, calls)),
        note=plan.note,
        reasoning=reply.reasoning or None,
        refusal=reply.refusal or None,
        tool_calls=reply.tool_calls,
        warnings=tuple(filter(None, (reply.remark(), unexported))),
        broken_by=reply.broken_by,
    )


def make_expectation(root: ClientSpan, calls: Sequence[Call], *, inbound: bool) -> Expectation:
    """What the trace must contain; ``inbound``: it continues a trace of the caller."""
    spans = dict.fromkeys(span.span_id or "" for span in (root, *(call.span for call in calls)))
    return Expectation(
        trace_id=root.trace_id or "",
        client_spans=tuple(spans),
        calls=tuple(call.reply.expected_call(call.plan, call.span) for call in calls),
        inbound=inbound,
    )


def _report_step(call: Call) -> StepReport:
    return StepReport(
        component=call.plan.component,
        operation=call.plan.operation,
        model=call.plan.model,
        span_id=call.span.span_id,
        call_id=call.reply.call_id,
        usage=call.reply.usage,
        latency_ms=call.reply.latency_ms,
        finish_reason=call.reply.finish_reason,
        retries=call.reply.retries,
        fallback=call.reply.fallback,
        deployment=call.reply.deployment,
        cached=call.reply.cached,
    )
