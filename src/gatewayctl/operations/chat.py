"""`chat`: one prompt through the gateway as a component, its reply and its trace.

Owns the order: span, request, reply, span's end, whatever happens in between. Must not
know terminals; the parts of a streamed reply are yielded as they arrive.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import (
    GatewayctlError,
    UnknownModel,
    VirtualKeyRefused,
)
from gatewayctl.gateway.chat import ChatRequest, Usage, send
from gatewayctl.operations.chat_plan import ChatAsk, ChatPlan, plan_chat
from gatewayctl.operations.virtual_keys import nearest
from gatewayctl.settings.model import Settings
from gatewayctl.tracing.client_spans import ClientSpan, ClientTracer

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

SPAN_NAME: Final = "gatewayctl chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A part of the reply, to be shown as it is."""

    text: str


@dataclass(frozen=True, kw_only=True)
class ChatReport:
    """A reply and where it came from.

    ``streamed`` tells that the reply was yielded in parts already. ``verified`` is None
    when nobody asked. ``latency_ms`` runs from sending the request to the reply's end.
    ``warnings`` are failures beside the reply, such as a trace that Phoenix did not take.
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
    verified: bool | None = None
    note: str | None = None
    warnings: tuple[str, ...] = ()
    broken_by: InitVar[GatewayctlError | None] = None

    def __post_init__(self, broken_by: GatewayctlError | None) -> None:
        object.__setattr__(self, "_problem", broken_by)

    @property
    def problem(self) -> GatewayctlError | None:
        """Why the reply is not whole, if it is not."""
        problem: GatewayctlError | None = self.__dict__["_problem"]
        return problem


@dataclass(slots=True, kw_only=True)
class _Reply:
    """What has arrived so far."""

    text: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Usage | None = None
    call_id: str | None = None


def chat(
    settings: Settings,
    gateway: GatewayClient,
    ask: ChatAsk,
    *,
    tracer: ClientTracer | None = None,
    environ: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Delta, None, ChatReport]:
    """Send one prompt; yields the reply's parts if it is streamed, returns the report.

    The span reaches Phoenix however the chat ends: with the reply, a refusal or Ctrl-C. A
    reply that breaks off comes back as a report with a problem. Raises what `plan_chat`
    raises, VirtualKeyRefused, UnknownModel, UpstreamRefused, UpstreamTimeout,
    GatewayDatabaseMissing, GatewayUnreachable, GatewayTimeout.
    """
    plan = plan_chat(settings, ask, environ)
    tracer = tracer or ClientTracer(gateway.http, settings.phoenix_url)
    span = tracer.start(SPAN_NAME, plan.span_attributes(), environ=environ)
    reply, broken_by, began = _Reply(), None, clock()
    try:
        yield from _received(gateway, plan, span, reply)
    except GatewayctlError as error:
        broken_by = _explained(error, settings, plan)
    except (KeyboardInterrupt, GeneratorExit):
        span.end("cancelled", why="interrupted")
        raise
    except BaseException:
        span.end("error", why="bug")
        raise
    latency_ms = round((clock() - began) * 1000, 1)
    _end(span, broken_by)
    if broken_by is not None and not reply.text:
        raise broken_by
    return _report(plan, reply, span, latency_ms, broken_by)


def _received(
    gateway: GatewayClient, plan: ChatPlan, span: ClientSpan, reply: _Reply
) -> Generator[Delta, None, None]:
    request = ChatRequest(
        model=plan.model,
        messages=plan.messages,
        metadata=plan.metadata,
        headers=span.headers(),
        stream=plan.stream,
        timeout=plan.timeout,
    )
    with send(gateway, plan.key, request) as answer:
        reply.call_id = answer.call_id
        for chunk in answer.chunks:
            reply.finish_reason = chunk.finish_reason or reply.finish_reason
            reply.usage = chunk.usage or reply.usage
            if chunk.text:
                reply.text.append(chunk.text)
                if plan.stream:
                    yield Delta(text=chunk.text)


def _explained(error: GatewayctlError, settings: Settings, plan: ChatPlan) -> GatewayctlError:
    """The error with what only this side knows: what is declared, where the key is from."""
    if isinstance(error, UnknownModel):
        declared = [model.name for model in settings.models]
        hint = nearest(plan.model, declared)
        if plan.model in declared:
            hint = f"{plan.key_env} may not use it, or the gateway runs with other settings:"
            hint += " see `gatewayctl models list` and `gatewayctl keys list`."
        return UnknownModel(f"The gateway has no model {plan.model!r} for this key.", hint=hint)
    if isinstance(error, VirtualKeyRefused):
        source = settings.origins.get(plan.key_env)
        origin = plan.key_env if source is None else f"{plan.key_env} ({source})"
        return VirtualKeyRefused(f"{error.message} It is the value of {origin}.", hint=error.hint)
    return error


def _end(span: ClientSpan, broken_by: GatewayctlError | None) -> None:
    if broken_by is None:
        span.end("ok")
    else:
        # The code alone: a provider's sentence may quote what was sent.
        span.end("error", why=broken_by.code)


def _report(
    plan: ChatPlan,
    reply: _Reply,
    span: ClientSpan,
    latency_ms: float,
    broken_by: GatewayctlError | None,
) -> ChatReport:
    failure = span.failure
    return ChatReport(
        reply="".join(reply.text),
        model=plan.model,
        component=plan.component,
        operation=plan.operation,
        routing_path=plan.routing_path,
        trace_id=span.trace_id,
        span_id=span.span_id,
        call_id=reply.call_id,
        finish_reason=reply.finish_reason,
        usage=reply.usage,
        latency_ms=latency_ms,
        key_env=plan.key_env,
        streamed=plan.stream,
        trace_exported=span.exported,
        note=plan.note,
        warnings=() if failure is None else (f"The trace is not complete: {failure}",),
        broken_by=broken_by,
    )
