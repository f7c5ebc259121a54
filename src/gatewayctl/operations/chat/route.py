"""`chat --route`: the request paths of an application, each step a call of its own.

One trace, one client span, one child span a step. Owns which steps a path has and what
each is asked; components and prompts are declared in gateway.yaml. Must not know terminals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from gatewayctl.errors import GatewayctlError, UpstreamRefused
from gatewayctl.operations.chat.call import Delta, Reply, call_model
from gatewayctl.operations.chat.plan import ChatInput, ChatPlan, plan_chat
from gatewayctl.operations.chat.report import ChatReport, StepReport
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings import reference
from gatewayctl.settings.model import Operation, Settings
from gatewayctl.tracing.client_spans import ClientSpan, ClientTracer
from gatewayctl.tracing.verify import Expectation, ExpectedCall

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

PASSTHROUGH: Final = ("passthrough", None)
STEP: Final = ("reasoning-agent", "step_generation")
SYNTHESIS: Final = ("reasoning-agent", "synthesis")
ROUTING: Final = ("routing-classifier", "auto_routing")
PATHS: Final = {
    "passthrough": (PASSTHROUGH,),
    "reasoning": (STEP, SYNTHESIS),
    "auto": (ROUTING, PASSTHROUGH, STEP, SYNTHESIS),
}

_JSON_MODE: Final = MappingProxyType({"type": "json_object"})
_ROUTE_SCHEMA: Final = MappingProxyType(
    {
        "type": "json_schema",
        "json_schema": {
            "name": "route",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {
                    "route": {"type": "string", "enum": ["passthrough", "reasoning"]},
                    "reason": {"type": "string"},
                },
                "required": ["route", "reason"],
                "additionalProperties": False,
            },
        },
    }
)
_FENCE: Final = re.compile(r"\A\s*```[a-z]*\n(.*?)\n?```\s*\Z", re.DOTALL)
Stepping = Generator[Delta | Progress, None, Reply]


@dataclass(slots=True, kw_only=True)
class _Trip:
    """A route under way."""

    settings: Settings
    gateway: GatewayClient
    ask: ChatInput
    tracer: ClientTracer
    root: ClientSpan
    environ: Mapping[str, str]
    clock: Callable[[], float]
    steps: list[tuple[ChatPlan, ClientSpan, Reply]] = field(default_factory=list)

    def step(self, which: tuple[str, str | None], ask: ChatInput) -> Stepping:
        """One call under a child span; raises what broke it if nothing was said."""
        plan = plan_chat(self.settings, _as_step(self.settings, ask, which), self.environ)
        name = f"{plan.component}/{plan.operation}"
        span = self.tracer.start(
            name, plan.span_attributes(), environ=self.environ, parent=self.root
        )
        if not plan.stream:
            yield Progress(subject=name, state="working", detail=plan.model)
        reply = yield from call_model(self.settings, self.gateway, plan, span, clock=self.clock)
        self.steps.append((plan, span, reply))
        if reply.broken_by is not None and not (plan.stream and reply.parts):
            raise reply.broken_by
        if not plan.stream:
            yield Progress(subject=name, state="ready", detail=plan.model)
        return reply


def follow_route(
    settings: Settings,
    gateway: GatewayClient,
    ask: ChatInput,
    *,
    tracer: ClientTracer,
    environ: Mapping[str, str],
    clock: Callable[[], float],
) -> Generator[Delta | Progress, None, tuple[ChatReport, Expectation]]:
    """Take the path; yields news of each step and the parts of the last reply.

    Raises what `chat` raises, before anything is sent where gateway.yaml lacks a component
    of the path, and UpstreamRefused for an answer that is not in the form its step needs.
    """
    for which in PATHS[str(ask.route)]:
        plan_chat(settings, _as_step(settings, ask, which), environ)
    root = tracer.start("gatewayctl chat", {"gatewayctl.route": str(ask.route)}, environ=environ)
    trip = _Trip(
        settings=settings, gateway=gateway, ask=ask, tracer=tracer, root=root, environ=environ,
        clock=clock,
    )  # fmt: skip
    began = clock()
    try:
        yield from _taken(trip)
    except GatewayctlError as error:
        _end(trip, "error", error.code)
        raise
    except (KeyboardInterrupt, GeneratorExit):
        _end(trip, "cancelled", "interrupted")
        raise
    except BaseException:
        _end(trip, "error", "bug")
        raise
    broken = trip.steps[-1][2].broken_by
    _end(trip, "ok" if broken is None else "error", "" if broken is None else broken.code)
    return _report(trip, round((clock() - began) * 1000, 1)), _expectation(trip)


def _taken(trip: _Trip) -> Generator[Delta | Progress, None, None]:
    path = str(trip.ask.route)
    if path == "auto":
        path = yield from _decided(trip)
        yield Progress(subject="route", state="ready", detail=path)
    ask = replace(trip.ask, routing_path=path)
    if path == "passthrough":
        yield from trip.step(PASSTHROUGH, ask)
        return
    thoughts: list[str] = []
    while len(thoughts) < trip.ask.max_steps:
        reply = yield from trip.step(STEP, replace(ask, prompt=_so_far(ask.prompt, thoughts)))
        answer = _in_json(reply, STEP)
        thoughts.append(_text(answer, "step", STEP))
        if answer.get("done") is True:
            break
    yield from trip.step(SYNTHESIS, replace(ask, prompt=_so_far(ask.prompt, thoughts)))


def _decided(trip: _Trip) -> Generator[Delta | Progress, None, str]:
    reply = yield from trip.step(ROUTING, replace(trip.ask, routing_path="auto"))
    path = _text(_in_json(reply, ROUTING), "route", ROUTING)
    if path not in {"passthrough", "reasoning"}:
        _invalid(ROUTING, "its route is neither passthrough nor reasoning")
    return path


def _as_step(settings: Settings, ask: ChatInput, which: tuple[str, str | None]) -> ChatInput:
    """What the step asks: the declared prompt, or that of the reference stack."""
    component, operation = which
    declared = _operation(settings, component, operation)
    # What the user wants the reply to be like is no matter of the steps before it.
    own = ask.system if which in {PASSTHROUGH, SYNTHESIS} else None
    form = {STEP: _JSON_MODE, ROUTING: _ROUTE_SCHEMA}.get((component, operation or ""))
    return replace(
        ask,
        component=component,
        operation=operation,
        system="\n\n".join(part for part in (declared.prompt, own) if part) or None,
        model=ask.model or declared.model,
        offline_model=declared.offline_model,
        response_format=form,
        stream=ask.stream and form is None,
        routing_path=ask.routing_path or component,
    )


def _operation(settings: Settings, component: str, operation: str | None) -> Operation:
    """The declared operation; what it leaves open is that of the reference stack."""

    def of(components: tuple[Any, ...]) -> Operation:
        found = (each.operation(operation or "") for each in components if each.name == component)
        return next(found, Operation())

    declared, usual = of(settings.components), of(reference.COMPONENTS)
    return Operation(
        model=declared.model or usual.model,
        prompt=declared.prompt or usual.prompt,
        offline_model=declared.offline_model or usual.offline_model,
    )


def _so_far(prompt: str, thoughts: list[str]) -> str:
    if not thoughts:
        return prompt
    steps = "\n".join(f"{number}. {thought}" for number, thought in enumerate(thoughts, 1))
    return f"{prompt}\n\nReasoning steps so far:\n{steps}"


def _in_json(reply: Reply, which: tuple[str, str]) -> Mapping[str, Any]:
    fenced = _FENCE.match(reply.text)
    try:
        answer = json.loads(fenced.group(1) if fenced else reply.text)
    except ValueError:
        _invalid(which, "it is not JSON")
    if not isinstance(answer, dict):
        _invalid(which, "it is no JSON object")
    return answer


def _text(answer: Mapping[str, Any], name: str, which: tuple[str, str]) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value.strip():
        _invalid(which, f"it has no {name!r}")
    return value


def _invalid(which: tuple[str, str], why: str) -> NoReturn:
    raise UpstreamRefused(
        f"The model's answer to {which[0]}/{which[1]} cannot be used: {why}.",
        hint="Use a model that can answer in JSON, or correct the prompt of that operation.",
    )


def _end(trip: _Trip, outcome: Any, why: str) -> None:
    trip.root.end(outcome, why=why, attributes={"gatewayctl.calls": len(trip.steps)})


def _expectation(trip: _Trip) -> Expectation:
    calls: list[ExpectedCall] = [reply.expected(plan, span) for plan, span, reply in trip.steps]
    spans = [trip.root.span_id or "", *(span.span_id or "" for _, span, _ in trip.steps)]
    return Expectation(
        trace_id=trip.root.trace_id or "",
        client_spans=tuple(spans),
        calls=tuple(calls),
        inbound="TRACEPARENT" in trip.environ,
    )


def _report(trip: _Trip, latency_ms: float) -> ChatReport:
    plan, _, reply = trip.steps[-1]
    failure = trip.root.failure
    return ChatReport(
        reply=reply.text,
        model=plan.model,
        component=plan.component,
        operation=plan.operation,
        routing_path=plan.routing_path,
        trace_id=trip.root.trace_id,
        span_id=trip.root.span_id,
        call_id=reply.call_id,
        finish_reason=reply.finish_reason,
        usage=reply.usage,
        latency_ms=latency_ms,
        key_env=plan.key_env,
        streamed=plan.stream,
        trace_exported=trip.root.exported,
        route=trip.ask.route,
        steps=tuple(_step(*each) for each in trip.steps),
        note=plan.note,
        warnings=() if failure is None else (f"The trace is not complete: {failure}",),
        broken_by=reply.broken_by,
    )


def _step(plan: ChatPlan, span: ClientSpan, reply: Reply) -> StepReport:
    return StepReport(
        component=plan.component,
        operation=plan.operation,
        model=plan.model,
        span_id=span.span_id,
        call_id=reply.call_id,
        usage=reply.usage,
        latency_ms=reply.latency_ms,
    )
