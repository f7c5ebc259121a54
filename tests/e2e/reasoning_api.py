"""Checks the trace of a request to the example application, on any runtime.

Uses both over HTTP only, so it works for a local process and for a container.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from gatewayctl.settings.model import PHOENIX_PROJECT

Spans = list[dict[str, Any]]
DIRECT = ("passthrough", "chat")
REASONING = (("reasoning-agent", "step_generation"), ("reasoning-agent", "synthesis"))
EXPECTED = {
    "passthrough": ("passthrough", (DIRECT,)),
    "reasoning": ("reasoning", REASONING),
    # The offline classifier always chooses reasoning.
    "auto": ("reasoning", (("routing-classifier", "auto_routing"), *REASONING)),
}
"""By mode: the chosen path, and the calls on the model `demo`."""
REPLY = "This is the demo model of the gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One request that the application answered."""

    mode: str
    path: str
    trace_id: str
    text: str
    usage: dict[str, Any] | None


def wait_until_ready(app_url: str, *, timeout: float = 60) -> None:
    """Wait for the application's /healthz."""

    def is_ready() -> bool:
        try:
            return httpx.get(f"{app_url}/healthz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    assert _happens(is_ready, timeout), f"no application answers at {app_url}"


def ask(app_url: str, mode: str | None, *, stream: bool, **body: Any) -> Answer:
    """Send one question with that routing mode; it must be answered."""
    question = {"messages": [{"role": "user", "content": f"Why, by {mode}?"}], "stream": stream}
    if stream:
        question["stream_options"] = {"include_usage": True}
    headers = {} if mode is None else {"X-Routing-Mode": mode}
    answer = httpx.post(
        f"{app_url}/v1/chat/completions", json=question | body, headers=headers, timeout=60
    )
    assert answer.status_code == 200, answer.text
    text, usage = _read_stream(answer.text) if stream else _read_reply(answer.json())
    return Answer(
        mode=mode or "passthrough",
        path=answer.headers["x-routing-path"],
        trace_id=answer.headers["x-trace-id"],
        text=text,
        usage=usage,
    )


def verify(phoenix_url: str, answers: Iterable[Answer]) -> None:
    """Check that each request is one tree under the application's span, with the expected calls."""
    answers = list(answers)
    for each in answers:
        wait_for_spans(
            phoenix_url, each.trace_id, partial(_is_complete, len(EXPECTED[each.mode][1]))
        )
    time.sleep(1)  # for spans that must not exist
    for each in answers:
        _verify_one(phoenix_url, each)


def _is_complete(calls: int, spans: Spans) -> bool:
    return len(_models(spans)) >= calls and bool(_roots(spans))


def _verify_one(phoenix_url: str, answer: Answer) -> None:
    path, calls = EXPECTED[answer.mode]
    assert answer.path == path
    assert REPLY in answer.text
    assert answer.usage is not None
    assert answer.usage["total_tokens"] > 0

    spans = _read_spans(phoenix_url, answer.trace_id)

    (root,) = _roots(spans)
    assert (root["name"], root["status_code"]) == (f"reasoning-api {answer.mode}", "OK")
    known = {span["context"]["span_id"]: span for span in spans}
    assert [s["name"] for s in spans if s["parent_id"] and s["parent_id"] not in known] == []
    assert len(_models(spans)) == len(calls)
    for component in {component for component, _ in calls}:
        found = _models(_read_spans(phoenix_url, answer.trace_id, component))
        operations = sorted(span["attributes"]["metadata.operation"] for span in found)
        assert operations == sorted(operation for each, operation in calls if each == component)
        for span in found:
            operation = span["attributes"]["metadata.operation"]
            # The gateway's spans are under the span of this call.
            assert f"{component}/{operation}" in _names_above(span, known)


def wait_for_spans(
    phoenix_url: str, trace_id: str, is_complete: Callable[[Spans], object]
) -> Spans:
    """Wait until the spans of a trace are complete, and return them."""
    spans: Spans = []

    def read() -> object:
        spans[:] = _read_spans(phoenix_url, trace_id)
        return is_complete(spans)

    assert _happens(read, 30), spans
    return spans


def _read_reply(answer: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    return answer["choices"][0]["message"]["content"], answer.get("usage")


def _read_stream(text: str) -> tuple[str, dict[str, Any] | None]:
    events = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    parts = [choice["delta"].get("content") or "" for c in chunks for choice in c["choices"]]
    return "".join(parts), chunks[-1].get("usage")


def _read_spans(phoenix_url: str, trace_id: str, component: str | None = None) -> Spans:
    params = {"trace_id": trace_id, "limit": "1000"}
    if component is not None:
        params["attribute"] = f"metadata.component:{component}"
    url = f"{phoenix_url}/v1/projects/{PHOENIX_PROJECT}/spans"
    answer = httpx.get(url, params=params, timeout=30)
    if answer.status_code == 404:
        return []
    found: Spans = answer.raise_for_status().json()["data"]
    return found


def _roots(spans: Spans) -> Spans:
    return [span for span in spans if not span["parent_id"]]


def _models(spans: Spans) -> Spans:
    return [span for span in spans if span["span_kind"] == "LLM"]


def _names_above(span: dict[str, Any], known: dict[str, dict[str, Any]]) -> list[str]:
    names = []
    while (parent := known.get(span["parent_id"] or "")) is not None:
        names.append(parent["name"])
        span = parent
    return names


def _happens(happened: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
