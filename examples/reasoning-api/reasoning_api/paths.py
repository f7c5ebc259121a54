"""The routing modes: passthrough, reasoning, and auto, which chooses between the two."""

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
    """The answer of a step_generation call."""

    step: str = Field(min_length=1)
    done: bool = False


class Route(BaseModel):
    """The classifier's answer; its JSON schema is part of the call."""

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
    """Answer the request; return the chosen path and the reply, a stream if requested.

    Raises openai.APIError if a call of the gateway fails.
    """
    path = await _choose_path(calls, settings, ask) if mode == "auto" else mode
    calls.root.set_attribute("routing.path", path)
    if path == "passthrough":
        return path, await _answer_caller(calls, PASSTHROUGH, path, settings, ask, ask.messages)
    steps = await _generate_steps(calls, settings, ask)
    messages = [_system(SYNTHESIS_PROMPT), *ask.messages, *_list_steps(steps)]
    return path, await _answer_caller(calls, SYNTHESIS, path, settings, ask, messages)


async def _choose_path(calls: Calls, settings: Settings, ask: ChatRequest) -> Path:
    """Ask the classifier; passthrough if its answer does not match the schema."""
    model = settings.classifier_model or ask.model or settings.model
    messages = [_system(ROUTING_PROMPT), *ask.messages]
    reply = await calls.complete(
        ROUTING, "auto", model=model, messages=messages, parameters=ROUTE_SCHEMA
    )
    try:
        return Route.model_validate_json(_read_text(reply)).route
    except ValidationError:
        reason = "the classifier's answer does not match its schema"
        calls.root.add_event("routing.fallback", {"path": "passthrough", "reason": reason})
        return "passthrough"


async def _generate_steps(calls: Calls, settings: Settings, ask: ChatRequest) -> list[str]:
    """Generate reasoning steps until the model is done or the limit is reached."""
    model = settings.step_model or ask.model or settings.model
    steps: list[str] = []
    while len(steps) < settings.max_steps:
        messages = [_system(STEP_PROMPT), *ask.messages, *_list_steps(steps)]
        reply = await calls.complete(
            STEP, "reasoning", model=model, messages=messages, parameters=JSON_MODE
        )
        try:
            step = Step.model_validate_json(_read_text(reply))
        except ValidationError:
            calls.root.add_event("reasoning.unreadable_step", {"steps": len(steps)})
            return steps
        steps.append(step.step)
        if step.done:
            return steps
    calls.root.add_event("reasoning.step_limit", {"steps": len(steps)})
    return steps


async def _answer_caller(
    calls: Calls,
    purpose: Purpose,
    path: Path,
    settings: Settings,
    ask: ChatRequest,
    messages: Messages,
) -> Reply:
    """Make the call whose reply the caller gets, with the caller's parameters."""
    call = calls.stream if ask.stream else calls.complete
    return await call(
        purpose,
        path,
        model=ask.model or settings.model,
        messages=messages,
        parameters=ask.parameters,
    )


def _system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def _list_steps(steps: list[str]) -> Messages:
    if not steps:
        return []
    lines = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return [{"role": "user", "content": f"Reasoning steps so far:\n{lines}"}]


def _read_text(reply: ChatCompletion) -> str:
    return (reply.choices[0].message.content or "") if reply.choices else ""
