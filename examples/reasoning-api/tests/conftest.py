"""The application in this process, a fake gateway that tests control, and the recorded spans."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from openai import DefaultAsyncHttpxClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from reasoning_api.app import create_app
from reasoning_api.settings import Settings

KEY = "sk-application-0123456789abcdef"
USAGE = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
ROUTE = json.dumps({"route": "reasoning", "reason": "It needs several steps."})
SETTINGS = Settings(
    base_url="http://gateway/v1",
    api_key=KEY,
    model="big",
    step_model="thinker",
    classifier_model="chooser",
    traces_url="http://phoenix/v1/traces",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Chunks(httpx2.AsyncByteStream):
    """A streamed reply whose parts a test sends one by one; None ends it."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.closed = asyncio.Event()

    def send_text(self, text: str) -> None:
        self.send_chunk([{"index": 0, "delta": {"role": "assistant", "content": text}}])

    def send_chunk(self, choices: list[dict[str, Any]], **more: Any) -> None:
        chunk = {"id": "up-1", "object": "chat.completion.chunk", "created": 1, "model": "big"}
        self.send_raw({**chunk, "choices": choices, **more})

    def send_raw(self, data: dict[str, Any]) -> None:
        self.parts.put_nowait(f"data: {json.dumps(data)}\n\n".encode())

    def finish(self) -> None:
        self.send_chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        self.send_chunk([], usage=USAGE)
        self.parts.put_nowait(b"data: [DONE]\n\n")
        self.parts.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (part := await self.parts.get()) is not None:
            if isinstance(part, Exception):
                raise part
            yield part

    async def aclose(self) -> None:
        self.closed.set()


@dataclass
class Gateway(httpx2.AsyncBaseTransport):
    """The gateway as the OpenAI SDK sees it; it records each request.

    ``failures`` are answers by requested model. Replies that are not streamed wait for ``hold``.
    """

    requests: list[httpx2.Request] = field(default_factory=list)
    steps: list[str] = field(default_factory=lambda: ["Think.", "Think again."])
    route: str = ROUTE
    step_text: str | None = None
    failures: dict[str, httpx2.Response | Exception] = field(default_factory=dict)
    chunks: Chunks = field(default_factory=Chunks)
    hold: asyncio.Event | None = None
    was_cancelled: bool = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.requests.append(request)
        body = self.bodies[-1]
        failure = self.failures.get(body["model"])
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            return failure
        if body.get("stream"):
            head = {"content-type": "text/event-stream"}
            return httpx2.Response(200, headers=head, stream=self.chunks)
        if self.hold is not None:
            await self._wait(self.hold)
        return httpx2.Response(200, json=self._make_reply(body))

    async def _wait(self, hold: asyncio.Event) -> None:
        try:
            await hold.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise

    def _make_reply(self, body: dict[str, Any]) -> dict[str, Any]:
        message = {"role": "assistant", "content": self._choose_content(body)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        head = {"id": "up-1", "object": "chat.completion", "created": 1, "model": body["model"]}
        return {**head, "choices": [choice], "usage": USAGE}

    def _choose_content(self, body: dict[str, Any]) -> str:
        format_type = (body.get("response_format") or {}).get("type")
        if format_type == "json_schema":
            return self.route
        if format_type == "json_object":
            number = len([b for b in self.bodies if b["model"] == body["model"]])
            step = self.steps[min(number, len(self.steps)) - 1]
            answer = {"step": step, "done": number >= len(self.steps)}
            return self.step_text or json.dumps(answer)
        return "Hello from the gateway."

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.requests]

    @property
    def parents(self) -> list[tuple[str, str]]:
        """Trace id and parent span id of each request."""
        sent = [request.headers["traceparent"].split("-") for request in self.requests]
        return [(trace_id, span_id) for _, trace_id, span_id, _ in sent]

    @property
    def purposes(self) -> list[tuple[str, str, str]]:
        metadata = [body["metadata"] for body in self.bodies]
        return [(each["component"], each["operation"], each["routing_path"]) for each in metadata]


@dataclass
class Traces:
    """The finished spans of the application."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    @property
    def root(self) -> ReadableSpan:
        (root,) = [span for span in self.spans if span.parent is None]
        return root

    @property
    def calls(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.parent is not None]

    def statuses(self) -> dict[str, tuple[str, str | None]]:
        return {span.name: (span.status.status_code.name, span.status.description)
                for span in self.spans}  # fmt: skip

    def events(self) -> dict[str, dict[str, Any]]:
        return {event.name: dict(event.attributes or {}) for event in self.root.events}

    @property
    def failed(self) -> bool:
        return all(span.status.status_code is StatusCode.ERROR for span in self.spans)

    @property
    def callers(self) -> list[tuple[str, str]]:
        """Trace id and span id of each call."""
        found = [span.context for span in self.calls]
        return [(format_trace_id(each.trace_id), format_span_id(each.span_id)) for each in found]


@dataclass
class World:
    """The running application with its fake gateway and its spans."""

    app: FastAPI
    http: httpx2.AsyncClient
    gateway: Gateway
    traces: Traces

    async def ask(self, mode: str | None = None, **body: Any) -> httpx2.Response:
        headers = {} if mode is None else {"x-routing-mode": mode}
        question = {"messages": [{"role": "user", "content": "Why?"}], **body}
        return await self.http.post("/v1/chat/completions", json=question, headers=headers)


@pytest.fixture
async def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def settings() -> Settings:
    return SETTINGS


@pytest.fixture
async def world(gateway: Gateway, settings: Settings) -> AsyncIterator[World]:
    """Run the application with its lifespan, as a server does."""
    traces = Traces()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(traces.exporter))
    http_client = DefaultAsyncHttpxClient(transport=gateway)
    app = create_app(settings, http_client=http_client, provider=provider)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://app") as http,
    ):
        yield World(app=app, http=http, gateway=gateway, traces=traces)
