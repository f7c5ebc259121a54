"""The three ways a request is answered: passthrough, reasoning, and auto, which chooses."""

from __future__ import annotations

from typing import Any, Literal

from openai import AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reasoning_api.calls import PASSTHROUGH, ROUTING, STEP, SYNTHESIS, Calls, Messages, Purpose
from reasoning_api.request import ChatRequest
from reasoning_api.settings import Settings

Mode = Literal["passthrough", "reasoning", "auto"]
Path = Literal["passthrough", "reasoning"]
Reply = ChatCompletion | AsyncStream[ChatCompletionChunk]

STEP_PROMPT = (
    "You reason about the user's request one step at a time. Answer with one JSON object and"
    ' nothing else: {"step": the next step of your reasoning, in a sentence or two, "done":'
    " true if no further step is needed, otherwise false}."
)
SYNTHESIS_PROMPT = (
    "Answer the user's request, using the reasoning steps you are given. Do not repeat the"
    " steps; give the answer they lead to."
)
ROUTING_PROMPT = (
    "You decide how a request is answered. Choose passthrough for what one direct reply"
    " answers, and reasoning for what needs several steps of thought. Answer with one JSON"
    ' object: {"route": "passthrough" or "reasoning", "reason": why, in one sentence}.'
)


class Step(BaseModel):
    """What a call of step_generation answers."""

    step: str = Field(min_length=1)
    done: bool = False


class Route(BaseModel):
    """What the classifier answers; its JSON schema goes with the call."""

    model_config = ConfigDict(extra="forbid")

    route: Path
    reason: str


JSON_MODE = {"response_format": {"type": "json_object"}}
ROUTE_SCHEMA = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "route", "strict": True, "schema": Route.model_json_schema()},
    }
}


async def answer(
    calls: Calls, settings: Settings, mode: Mode, ask: ChatRequest
) -> tuple[Path, Reply]:
    """The path that was taken, and the reply: a stream if the request asks for one.

    Raises openai.APIError where the gateway does not answer as it should.
    """
    path = await _chosen(calls, settings, ask) if mode == "auto" else mode
    calls.root.set_attribute("routing.path", path)
    if path == "passthrough":
        return path, await _reply(calls, PASSTHROUGH, path, settings, ask, ask.messages)
    steps = await _steps(calls, settings, ask)
    messages = [_system(SYNTHESIS_PROMPT), *ask.messages, *_so_far(steps)]
    return path, await _reply(calls, SYNTHESIS, path, settings, ask, messages)


async def _chosen(calls: Calls, settings: Settings, ask: ChatRequest) -> Path:
    """What the classifier says, or passthrough, where it says nothing that can be used."""
    model = settings.classifier_model or ask.model or settings.model
    messages = [_system(ROUTING_PROMPT), *ask.messages]
    reply = await calls.whole(
        ROUTING, "auto", model=model, messages=messages, parameters=ROUTE_SCHEMA
    )
    try:
        return Route.model_validate_json(_text(reply)).route
    except ValidationError:
        why = "the classifier's answer does not have the form that was asked for"
        calls.root.add_event("routing.fallback", {"path": "passthrough", "reason": why})
        return "passthrough"


async def _steps(calls: Calls, settings: Settings, ask: ChatRequest) -> list[str]:
    """The steps of thought: as many as the model wants, up to the limit."""
    model = settings.step_model or ask.model or settings.model
    steps: list[str] = []
    while len(steps) < settings.max_steps:
        messages = [_system(STEP_PROMPT), *ask.messages, *_so_far(steps)]
        reply = await calls.whole(
            STEP, "reasoning", model=model, messages=messages, parameters=JSON_MODE
        )
        try:
            step = Step.model_validate_json(_text(reply))
        except ValidationError:
            calls.root.add_event("reasoning.unreadable_step", {"steps": len(steps)})
            return steps
        steps.append(step.step)
        if step.done:
            return steps
    calls.root.add_event("reasoning.step_limit", {"steps": len(steps)})
    return steps


async def _reply(
    calls: Calls,
    purpose: Purpose,
    path: Path,
    settings: Settings,
    ask: ChatRequest,
    messages: Messages,
) -> Reply:
    """The call whose reply the caller gets, with the parameters the caller gave."""
    call = calls.streamed if ask.stream else calls.whole
    return await call(
        purpose,
        path,
        model=ask.model or settings.model,
        messages=messages,
        parameters=ask.parameters,
    )


def _system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def _so_far(steps: list[str]) -> Messages:
    if not steps:
        return []
    lines = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return [{"role": "user", "content": f"Reasoning steps so far:\n{lines}"}]


def _text(reply: ChatCompletion) -> str:
    return (reply.choices[0].message.content or "") if reply.choices else ""
