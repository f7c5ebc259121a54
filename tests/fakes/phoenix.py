"""A stack that answers: LiteLLM, and Phoenix with the spans that its requests left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.fakes.answers import litellm_ready, phoenix_ready
from tests.fakes.litellm import FakeLiteLLM

SPANS = "/v1/projects/gateway/spans"
SPEND_LOGS = "/spend/logs/v2"
GATEWAY = "b" * 16


def healthy_stack(fake: FakeLiteLLM | None = None) -> FakeLiteLLM:
    """LiteLLM with its keys and Phoenix, both ready, behind one transport."""
    return FakePhoenix(litellm=fake or FakeLiteLLM()).litellm


def span(trace_id: str, span_id: str, parent: str | None, kind: str, **attributes: Any) -> Any:
    """A span as Phoenix's REST interface gives it; ``__`` in a name stands for a dot."""
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


@dataclass(kw_only=True)
class FakePhoenix:
    """Shows the traces of the requests that a FakeLiteLLM got, and its ledger of them.

    ``after`` is how many looks at a chat see nothing; ``missing`` are the spans that never
    arrive, out of ``client``, ``gateway`` and ``call``; ``calls`` is how many LLM spans there are.
    """

    litellm: FakeLiteLLM
    after: int = 0
    missing: frozenset[str] = frozenset()
    calls: int = 1
    component: str | None = "passthrough"
    looks: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        planted = self.litellm.planted
        planted["/health/readiness"] = litellm_ready
        planted["/healthz"] = phoenix_ready
        planted["/v1/models"] = self.models
        planted[SPANS] = self.spans
        planted[SPEND_LOGS] = self.spend_logs

    def models(self, request: httpx.Request) -> httpx.Response:
        """The master key may see every model; the fake knows virtual keys only."""
        if request.headers["authorization"] == f"Bearer {self.litellm.master}":
            data = [{"id": model} for model in self.litellm.models]
            return httpx.Response(200, json={"data": data, "object": "list"})
        return self.litellm._models(request)

    def spans(self, request: httpx.Request) -> httpx.Response:
        wanted = request.url.params.get("trace_id")
        sent = {self._context(one)[0]: one for one in self.litellm.requests if _traced(one)}
        found: list[Any] = []
        if wanted in sent:
            trace, client = self._context(sent[wanted])
            found = [span(trace, GATEWAY, client, "UNKNOWN")]
            if sent[wanted].url.path == "/v1/chat/completions":
                self.looks.append(request)
                found = self._chat(trace, client) if len(self.looks) > self.after else []
        headers = phoenix_ready().headers
        return httpx.Response(200, headers=headers, json={"data": found, "next_cursor": None})

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
        counted = {"llm__token_count__prompt": 5, "llm__token_count__completion": 7}
        told = {"litellm__call_id": "call-1", "llm__model_name": "demo", **counted, **metadata}
        made = {
            "client": [span(trace, client, None, "CHAIN")],
            "gateway": [span(trace, GATEWAY, client, "UNKNOWN")],
            "call": [
                span(trace, f"{n:016x}", GATEWAY, "LLM", metadata__operation="chat", **told)
                for n in range(self.calls)
            ],
        }
        return [one for name, spans in made.items() if name not in self.missing for one in spans]

    def _context(self, request: httpx.Request) -> tuple[str, str]:
        _, trace, client, _ = request.headers["traceparent"].split("-")
        return trace, client


def _traced(request: httpx.Request) -> bool:
    return "traceparent" in request.headers
