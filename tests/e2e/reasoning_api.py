"""What a request to the example application must leave in Phoenix, whatever runs the stack.

Speaks to the application and to Phoenix over HTTP only, so the same holds for an application
that is a process of this machine and for one in a container.
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
THOUGHT = (("reasoning-agent", "step_generation"), ("reasoning-agent", "synthesis"))
EXPECTED = {
    "passthrough": ("passthrough", (DIRECT,)),
    "reasoning": ("reasoning", THOUGHT),
    # The offline classifier sends everything there.
    "auto": ("reasoning", (("routing-classifier", "auto_routing"), *THOUGHT)),
}
"""By mode: the path taken, and the calls made on the model `demo`."""
REPLY = "This is the demo model of the gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that the application answered."""

    mode: str
    path: str
    trace_id: str
    text: str
    usage: dict[str, Any] | None


def wait_until_it_serves(app_url: str, *, timeout: float = 60) -> None:
    """Until the application says so itself."""

    def serves() -> bool:
        try:
            return httpx.get(f"{app_url}/healthz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    assert _soon(serves, timeout), f"nothing serves at {app_url}"


def ask(app_url: str, mode: str | None, *, stream: bool, **body: Any) -> Asked:
    """One question on the path that the header names; expects an answer."""
    asked = {"messages": [{"role": "user", "content": f"Why, by {mode}?"}], "stream": stream}
    if stream:
        asked["stream_options"] = {"include_usage": True}
    headers = {} if mode is None else {"X-Routing-Mode": mode}
    answer = httpx.post(
        f"{app_url}/v1/chat/completions", json=asked | body, headers=headers, timeout=60
    )
    assert answer.status_code == 200, answer.text
    text, usage = _streamed(answer.text) if stream else _whole(answer.json())
    return Asked(
        mode=mode or "passthrough",
        path=answer.headers["x-routing-path"],
        trace_id=answer.headers["x-trace-id"],
        text=text,
        usage=usage,
    )


def prove(phoenix_url: str, asked: Iterable[Asked]) -> None:
    """Each request is one tree under the application's span, its calls found by component."""
    requests = list(asked)
    for each in requests:
        spans_when(phoenix_url, each.trace_id, partial(_all_there, len(EXPECTED[each.mode][1])))
    time.sleep(1)  # for any too many
    for each in requests:
        _prove(phoenix_url, each)


def _all_there(calls: int, spans: Spans) -> bool:
    return len(_models(spans)) >= calls and bool(_roots(spans))


def _prove(phoenix_url: str, asked: Asked) -> None:
    path, calls = EXPECTED[asked.mode]
    assert asked.path == path
    assert REPLY in asked.text
    assert asked.usage is not None
    assert asked.usage["total_tokens"] > 0

    spans = _spans(phoenix_url, asked.trace_id)

    (root,) = _roots(spans)
    assert (root["name"], root["status_code"]) == (f"reasoning-api {asked.mode}", "OK")
    known = {span["context"]["span_id"]: span for span in spans}
    assert [s["name"] for s in spans if s["parent_id"] and s["parent_id"] not in known] == []
    assert len(_models(spans)) == len(calls)
    for component in {component for component, _ in calls}:
        found = _models(_spans(phoenix_url, asked.trace_id, component))
        said = sorted(span["attributes"]["metadata.operation"] for span in found)
        assert said == sorted(operation for each, operation in calls if each == component)
        for span in found:
            operation = span["attributes"]["metadata.operation"]
            # The gateway's spans hang from the span of the very call.
            assert f"{component}/{operation}" in _names_above(span, known)


def spans_when(phoenix_url: str, trace_id: str, enough: Callable[[Spans], object]) -> Spans:
    """The spans of a trace as soon as there are enough of them."""
    assert _soon(lambda: enough(_spans(phoenix_url, trace_id)), 30), _spans(phoenix_url, trace_id)
    return _spans(phoenix_url, trace_id)


def _whole(answer: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    return answer["choices"][0]["message"]["content"], answer.get("usage")


def _streamed(text: str) -> tuple[str, dict[str, Any] | None]:
    events = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    parts = [choice["delta"].get("content") or "" for c in chunks for choice in c["choices"]]
    return "".join(parts), chunks[-1].get("usage")


def _spans(phoenix_url: str, trace_id: str, component: str | None = None) -> Spans:
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


def _soon(happened: Callable[[], object], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True
