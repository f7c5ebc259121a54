"""The application: an OpenAI-compatible endpoint that answers on one of two paths.

uvicorn --factory reasoning_api.app:create_app
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from openai import APIError, AsyncOpenAI, AsyncStream, DefaultAsyncHttpxClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, Tracer, format_trace_id

from reasoning_api.calls import Calls
from reasoning_api.errors import ClientGone, error_body, retry_after, upstream_failure
from reasoning_api.paths import Mode, Reply, answer
from reasoning_api.request import ChatRequest
from reasoning_api.settings import BadSettings, Settings
from reasoning_api.streaming import EventStream, cancel_if_gone
from reasoning_api.telemetry import new_provider, request_span

log = logging.getLogger("reasoning_api")
router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Objects that all requests of the process share."""

    settings: Settings
    client: AsyncOpenAI
    tracer: Tracer


def create_app(
    settings: Settings | None = None,
    *,
    http_client: DefaultAsyncHttpxClient | None = None,
    provider: TracerProvider | None = None,
) -> FastAPI:
    """Create the application, by default with settings from the environment."""
    settings = settings or _load_settings()
    provider = provider or new_provider(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings.traces_url is None:
            log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is not set: no trace is sent to Phoenix.")
        async with _new_client(settings, http_client) as client:
            tracer = provider.get_tracer("reasoning_api")
            app.state.shared = Shared(settings=settings, client=client, tracer=tracer)
            yield
        await asyncio.to_thread(provider.shutdown)  # sends the remaining spans

    # `request_span` creates the span of a request; FastAPI would create a second one.
    app = FastAPI(title="reasoning-api", lifespan=lifespan, telemetry={"tracing": False})
    app.add_exception_handler(RequestValidationError, _refuse_invalid)
    app.include_router(router)
    return app


def _load_settings() -> Settings:
    try:
        return Settings.from_environment(os.environ)
    except BadSettings as error:
        raise SystemExit(f"reasoning-api cannot start: {error}") from None


def _new_client(settings: Settings, http_client: DefaultAsyncHttpxClient | None) -> AsyncOpenAI:
    """Create the client of the process, which keeps its connections to the gateway open.

    It does not retry, because the gateway does.
    """
    return AsyncOpenAI(
        base_url=settings.base_url,
        api_key=settings.api_key,
        timeout=settings.timeout,
        max_retries=0,
        http_client=http_client,
    )


def _get_shared(request: Request) -> Shared:
    shared: Shared = request.app.state.shared
    return shared


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Report that this process is up; the gateway has its own health check."""
    return {"status": "ok"}


@router.post("/v1/chat/completions", response_model=None)
async def chat_completions(
    ask: ChatRequest,
    request: Request,
    shared: Annotated[Shared, Depends(_get_shared)],
    x_routing_mode: Annotated[Mode, Header()] = "passthrough",
) -> Response:
    """Answer OpenAI's chat completions, streamed or not, on the path of the routing mode."""
    headers: dict[str, str] = {}
    try:
        async with AsyncExitStack() as resources:
            name = f"reasoning-api {x_routing_mode}"
            root = resources.enter_context(request_span(shared.tracer, name, request.headers))
            headers["x-trace-id"] = format_trace_id(root.get_span_context().trace_id)
            _record_input(root, shared.settings, x_routing_mode, ask)
            calls = Calls(
                client=shared.client,
                tracer=shared.tracer,
                root=root,
                resources=resources,
                metadata=ask.metadata or {},
            )
            work = answer(calls, shared.settings, x_routing_mode, ask)
            path, reply = await cancel_if_gone(request, work)
            headers["x-routing-path"] = path
            return _make_response(reply, resources, root, shared.settings, ask, headers)
    except APIError as error:
        status, body = upstream_failure(error, shared.settings.api_key)
        name, trace_id = type(error).__name__, headers["x-trace-id"]
        log.warning("the gateway failed a call: %s, status %s, trace %s", name, status, trace_id)
        return JSONResponse(body, status, headers={**headers, **retry_after(error)})
    except ClientGone:
        return Response(status_code=499)  # the caller has disconnected


def _record_input(root: Span, settings: Settings, mode: Mode, ask: ChatRequest) -> None:
    root.set_attribute("routing.mode", mode)
    if not settings.hide_inputs:
        content = ask.messages[-1].get("content")
        root.set_attribute(
            "input.value", content if isinstance(content, str) else json.dumps(content)
        )


def _make_response(
    reply: Reply,
    resources: AsyncExitStack,
    root: Span,
    settings: Settings,
    ask: ChatRequest,
    headers: dict[str, str],
) -> Response:
    if isinstance(reply, AsyncStream):
        return EventStream(
            reply,
            resources.pop_all(),  # they stay open until the last chunk
            root,
            settings=settings,
            wants_usage=ask.wants_usage,
            headers={**headers, "cache-control": "no-cache", "x-accel-buffering": "no"},
        )
    if reply.choices and not settings.hide_outputs:
        root.set_attribute("output.value", reply.choices[0].message.content or "")
    return JSONResponse(reply.to_dict(), headers=headers)


async def _refuse_invalid(_: Request, error: Exception) -> Response:
    """Answer an invalid request as OpenAI does, instead of FastAPI's 422."""
    first: dict[str, Any] = cast("RequestValidationError", error).errors()[0]
    location = [] if first["type"] == "json_invalid" else [str(part) for part in first["loc"][1:]]
    param = "X-Routing-Mode" if location == ["x-routing-mode"] else ".".join(location) or None
    reason = first["msg"].removeprefix("Value error, ")
    message = f"{param}: {reason}" if param else reason
    body = error_body(message, kind="invalid_request_error", param=param, code="invalid_request")
    return JSONResponse(body, status_code=400)
