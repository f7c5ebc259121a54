"""Phoenix beside a FakeLiteLLM: it has the spans of the requests that LiteLLM got."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.fakes.answers import litellm_ready, phoenix_ready
from tests.fakes.litellm import FakeLiteLLM
from tests.fakes.phoenix_policy import FakePolicy

SPANS = "/v1/projects/gateway/spans"
SPEND_LOGS = "/spend/logs/v2"
GATEWAY = "b" * 16


def healthy_stack(fake: FakeLiteLLM | None = None) -> FakeLiteLLM:
    """LiteLLM with its keys and Phoenix, both ready, behind one transport."""
    return FakePhoenix(litellm=fake or FakeLiteLLM()).litellm


def span(trace_id: str, span_id: str, parent: str | None, kind: str, **attributes: Any) -> Any:
    """A span as Phoenix's REST API returns it; ``__`` in a name stands for a dot."""
    return {
        "context": {"trace_id": trace_id, "span_id": span_id},
        "parent_id": parent,
        "name": "chat demo",
        "span_kind": kind,
        "status_code": "OK",
        "status_message": "",
        "attributes": {name.replace("__", "."): value for name, value in attributes.items()},
        "start_time": "2026-11-23T14:00:00+00:00",
        "end_time": "2026-11-23T14:00:01+00:00",
    }


def spans_page(*rows: Any) -> httpx.Response:
    """Phoenix's answer with these spans, the last page."""
    headers = phoenix_ready().headers
    return httpx.Response(200, headers=headers, json={"data": rows, "next_cursor": None})


@dataclass(kw_only=True)
class FakePhoenix:
    """Returns the traces and spend logs of the requests that a FakeLiteLLM got.

    ``after`` is the number of queries for a chat that find nothing; ``missing`` are the spans that
    never arrive (``client``, ``gateway``, ``call``); ``calls`` is the number of LLM spans of a
    chat; ``queries`` records the queries for chats. ``policy`` is the retention of traces.
    """

    litellm: FakeLiteLLM
    after: int = 0
    missing: frozenset[str] = frozenset()
    calls: int = 1
    component: str | None = "passthrough"
    queries: list[httpx.Request] = field(default_factory=list)
    policy: FakePolicy = field(default_factory=FakePolicy)

    def __post_init__(self) -> None:
        planted = self.litellm.planted
        planted["/health/readiness"] = litellm_ready
        planted["/healthz"] = phoenix_ready
        planted["/v1/models"] = self.models
        planted[SPANS] = self.spans
        planted["/graphql"] = self.policy.answer
        planted[SPEND_LOGS] = self.spend_logs

    def models(self, request: httpx.Request) -> httpx.Response:
        """List every model for the master key; FakeLiteLLM only answers virtual keys."""
        if request.headers["authorization"] == f"Bearer {self.litellm.master}":
            data = [{"id": model} for model in self.litellm.models]
            return httpx.Response(200, json={"data": data, "object": "list"})
        return self.litellm._models(request)

    def spans(self, request: httpx.Request) -> httpx.Response:
        trace_id = request.url.params.get("trace_id")
        sent = {self._context(each)[0]: each for each in self.litellm.requests if _is_traced(each)}
        found: list[Any] = []
        if trace_id in sent:
            trace, client = self._context(sent[trace_id])
            found = [span(trace, GATEWAY, client, "UNKNOWN")]
            if sent[trace_id].url.path == "/v1/chat/completions":
                self.queries.append(request)
                found = self._chat(trace, client) if len(self.queries) > self.after else []
        return spans_page(*found)

    def spend_logs(self, request: httpx.Request) -> httpx.Response:
        row = {
            "litellm_call_id": "call-1",
            "session_id": request.url.params.get("session_id"),
            "model_group": "demo",
            "request_tags": ["component:passthrough", "op:chat"],
            "prompt_tokens": 5,
            "completion_tokens": 7,
            "total_tokens": 12,
            "spend": 0.0,
            "status": "success",
        }
        return httpx.Response(200, json={"data": [row], "total_pages": 1})

    def _chat(self, trace: str, client: str) -> list[Any]:
        metadata = {} if self.component is None else {"metadata__component": self.component}
        tokens = {"llm__token_count__prompt": 5, "llm__token_count__completion": 7}
        values = {"litellm__call_id": "call-1", "llm__model_name": "demo", **tokens, **metadata}
        spans = {
            "client": [span(trace, client, None, "CHAIN")],
            "gateway": [span(trace, GATEWAY, client, "UNKNOWN")],
            "call": [
                span(trace, f"{n:016x}", GATEWAY, "LLM", metadata__operation="chat", **values)
                for n in range(self.calls)
            ],
        }
        return [each for name in spans if name not in self.missing for each in spans[name]]

    def _context(self, request: httpx.Request) -> tuple[str, str]:
        _, trace, client, _ = request.headers["traceparent"].split("-")
        return trace, client


def _is_traced(request: httpx.Request) -> bool:
    return "traceparent" in request.headers
