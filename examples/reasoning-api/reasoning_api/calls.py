"""Model calls through the gateway, each said what it is for and part of the request's trace."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any

from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from opentelemetry.trace import Span, Tracer

from reasoning_api.telemetry import call_span

Messages = list[Any]


@dataclass(frozen=True, slots=True)
class Purpose:
    """Whose call it is. Phoenix filters by it, and LiteLLM adds up spending by it."""

    component: str
    operation: str


PASSTHROUGH = Purpose("passthrough", "chat")
STEP = Purpose("reasoning-agent", "step_generation")
SYNTHESIS = Purpose("reasoning-agent", "synthesis")
ROUTING = Purpose("routing-classifier", "auto_routing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls of one request.

    ``resources`` is closed when the request is over, and with it a streamed call and its span,
    however that came about. ``metadata`` is the caller's own.
    """

    client: AsyncOpenAI
    tracer: Tracer
    root: Span
    resources: AsyncExitStack
    metadata: Mapping[str, Any]

    async def whole(
        self,
        purpose: Purpose,
        path: str,
        *,
        model: str,
        messages: Messages,
        parameters: Mapping[str, Any],
    ) -> ChatCompletion:
        """One call, its reply in one piece. ``parameters`` are OpenAI's, as in the request."""
        with self._span(purpose) as headers:
            return await self.client.chat.completions.create(
                model=model,
                messages=messages,
                extra_headers=headers,
                extra_body={**parameters, "metadata": self._metadata(purpose, path)},
            )

    async def streamed(
        self,
        purpose: Purpose,
        path: str,
        *,
        model: str,
        messages: Messages,
        parameters: Mapping[str, Any],
    ) -> AsyncStream[ChatCompletionChunk]:
        """One call, its reply as it is made, with the tokens used at its end."""
        headers = self.resources.enter_context(self._span(purpose))
        stream = await self.client.chat.completions.create(
            model=model,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=headers,
            extra_body={**parameters, "metadata": self._metadata(purpose, path)},
        )
        return await self.resources.enter_async_context(stream)

    def _span(self, purpose: Purpose) -> AbstractContextManager[dict[str, str]]:
        return call_span(self.tracer, f"{purpose.component}/{purpose.operation}", self.root)

    def _metadata(self, purpose: Purpose, path: str) -> dict[str, Any]:
        return {
            **self.metadata,
            "component": purpose.component,
            "operation": purpose.operation,
            "routing_path": path,
            "tags": [f"component:{purpose.component}", f"op:{purpose.operation}"],
        }
