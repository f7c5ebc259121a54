"""`chat --route`: the request paths of an application, one model call per step.

One trace, one client span, one child span per step. Owns the steps of each path and their prompts;
components and prompts are declared in gateway.yaml. Must not know terminals.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from gatewayctl.errors import GatewayctlError, UpstreamRefused
from gatewayctl.files.json_text import parse_json
from gatewayctl.operations.chat.call import Delta, Reply, call_model
from gatewayctl.operations.chat.plan import ChatInput, plan_chat
from gatewayctl.operations.chat.report import Call, ChatReport, make_expectation, make_report
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings import reference
from gatewayctl.settings.model import Operation, Settings
from gatewayctl.tracing.client_spans import ClientSpan, ClientTracer
from gatewayctl.tracing.verify import Expectation

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient
    from gatewayctl.operations.models.provider_failure import ReadLog

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
    """A route in progress."""

    settings: Settings
    gateway: GatewayClient
    ask: ChatInput
    tracer: ClientTracer
    root: ClientSpan
    environ: Mapping[str, str]
    clock: Callable[[], float]
    read_log: ReadLog | None
    calls: list[Call] = field(default_factory=list)

    def step(self, which: tuple[str, str | None], ask: ChatInput) -> Stepping:
        """Make one call under a child span; raise its failure if no part of a reply arrived."""
        plan = plan_chat(self.settings, _make_step(self.settings, ask, which), self.environ)
        name = f"{plan.component}/{plan.operation}"
        span = self.tracer.start(
            name, plan.span_attributes(), environ=self.environ, parent=self.root
        )
        if not plan.stream:
            yield Progress(subject=name, state="working", detail=plan.model)
        reply = yield from call_model(
            self.settings, self.gateway, plan, span, clock=self.clock, read_log=self.read_log
        )
        self.calls.append(Call(plan=plan, span=span, reply=reply))
        if reply.broken_by is not None and not (plan.stream and reply.text):
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
    read_log: ReadLog | None = None,
) -> Generator[Delta | Progress, None, tuple[ChatReport, Expectation]]:
    """Follow the path; yield progress of each step and the parts of the last reply.

    Raises the errors of `send_chat`, before anything is sent if gateway.yaml lacks a component of
    the path, and UpstreamRefused for an answer that is not in the format its step needs.
    """
    for which in PATHS[str(ask.route)]:
        plan_chat(settings, _make_step(settings, ask, which), environ)
    root = tracer.start("gatewayctl chat", {"gatewayctl.route": str(ask.route)}, environ=environ)
    trip = _Trip(
        settings=settings, gateway=gateway, ask=ask, tracer=tracer, root=root, environ=environ,
        clock=clock, read_log=read_log,
    )  # fmt: skip
    start = clock()
    try:
        yield from _take_steps(trip)
    except GatewayctlError as error:
        _end(trip, "error", error.code)
        raise
    except (KeyboardInterrupt, GeneratorExit):
        _end(trip, "cancelled", "interrupted")
        raise
    except BaseException:
        _end(trip, "error", "bug")
        raise
    broken = trip.calls[-1].reply.broken_by
    _end(trip, "ok" if broken is None else "error", "" if broken is None else broken.code)
    latency_ms = round((clock() - start) * 1000, 1)
    return (
        make_report(root, trip.calls, latency_ms=latency_ms, route=ask.route),
        make_expectation(root, trip.calls, inbound="TRACEPARENT" in environ),
    )


def _take_steps(trip: _Trip) -> Generator[Delta | Progress, None, None]:
    path = str(trip.ask.route)
    if path == "auto":
        path = yield from _choose_path(trip)
        yield Progress(subject="route", state="ready", detail=path)
    ask = replace(trip.ask, routing_path=path)
    if path == "passthrough":
        yield from trip.step(PASSTHROUGH, ask)
        return
    thoughts: list[str] = []
    question = ask.prompt
    while len(thoughts) < trip.ask.max_steps:
        reply = yield from trip.step(STEP, replace(ask, prompt=_add_thoughts(question, thoughts)))
        answer = _parse_json(reply, STEP)
        thoughts.append(_require_string(answer, "step", STEP))
        if answer.get("done") is True:
            break
    yield from trip.step(SYNTHESIS, replace(ask, prompt=_add_thoughts(question, thoughts)))


def _choose_path(trip: _Trip) -> Generator[Delta | Progress, None, str]:
    reply = yield from trip.step(ROUTING, replace(trip.ask, routing_path="auto"))
    path = _require_string(_parse_json(reply, ROUTING), "route", ROUTING)
    if path not in {"passthrough", "reasoning"}:
        _refuse_answer(ROUTING, "its route is neither passthrough nor reasoning")
    return path


def _make_step(settings: Settings, ask: ChatInput, which: tuple[str, str | None]) -> ChatInput:
    """The input of a step, with the declared prompt or that of the reference stack."""
    component, operation = which
    declared = _find_operation(settings, component, operation)
    # The user's system message is about the reply, so only the last step gets it.
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


def _find_operation(settings: Settings, component: str, operation: str | None) -> Operation:
    """The declared operation, completed from the reference stack."""

    def of(components: tuple[Any, ...]) -> Operation:
        found = (each.operation(operation or "") for each in components if each.name == component)
        return next(found, Operation())

    declared, usual = of(settings.components), of(reference.COMPONENTS)
    return Operation(
        model=declared.model or usual.model,
        prompt=declared.prompt or usual.prompt,
        offline_model=declared.offline_model or usual.offline_model,
    )


def _add_thoughts(prompt: str, thoughts: list[str]) -> str:
    if not thoughts:
        return prompt
    steps = "\n".join(f"{number}. {thought}" for number, thought in enumerate(thoughts, 1))
    return f"{prompt}\n\nReasoning steps so far:\n{steps}"


def _parse_json(reply: Reply, which: tuple[str, str]) -> Mapping[str, Any]:
    fenced = _FENCE.match(reply.text)
    try:
        answer = parse_json(fenced.group(1) if fenced else reply.text)
    except ValueError:
        remark = reply.remark()
        _refuse_answer(which, "it is not JSON" if remark is None else f"it is not JSON. {remark}")
    if not isinstance(answer, dict):
        _refuse_answer(which, "it is not a JSON object")
    return answer


def _require_string(answer: Mapping[str, Any], name: str, which: tuple[str, str]) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value.strip():
        _refuse_answer(which, f"it has no {name!r}")
    return value


def _refuse_answer(which: tuple[str, str], why: str) -> NoReturn:
    raise UpstreamRefused(
        f"The model's answer to {which[0]}/{which[1]} cannot be used: {why.removesuffix('.')}.",
        hint="Use a model that can answer in JSON, or correct the prompt of that operation.",
    )


def _end(trip: _Trip, outcome: Any, why: str) -> None:
    trip.root.end(outcome, why=why, attributes={"gatewayctl.calls": len(trip.calls)})
