"""Model calls through the gateway, each with its purpose and as part of the request's trace."""

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
    """Component and operation of a call: Phoenix filters by them, LiteLLM sums up spend by them."""

    component: str
    operation: str


PASSTHROUGH = Purpose("passthrough", "chat")
STEP = Purpose("reasoning-agent", "step_generation")
SYNTHESIS = Purpose("reasoning-agent", "synthesis")
ROUTING = Purpose("routing-classifier", "auto_routing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls of one request.

    ``resources`` is closed when the request ends in any way, and with it a streamed call and its
    span. ``metadata`` is the caller's own.
    """

    client: AsyncOpenAI
    tracer: Tracer
    root: Span
    resources: AsyncExitStack
    metadata: Mapping[str, Any]

    async def complete(
        self,
        purpose: Purpose,
        path: str,
        *,
        model: str,
        messages: Messages,
        parameters: Mapping[str, Any],
    ) -> ChatCompletion:
        """Make one call and return its complete reply; ``parameters`` are OpenAI's."""
        with self._span(purpose) as headers:
            return await self.client.chat.completions.create(
                model=model,
                messages=messages,
                extra_headers=headers,
                extra_body={**parameters, "metadata": self._metadata(purpose, path)},
            )

    async def stream(
        self,
        purpose: Purpose,
        path: str,
        *,
        model: str,
        messages: Messages,
        parameters: Mapping[str, Any],
    ) -> AsyncStream[ChatCompletionChunk]:
        """Make one call and return its reply as a stream that ends with the token usage."""
        headers = self.resources.enter_context(self._span(purpose))
        chunks = await self.client.chat.completions.create(
            model=model,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=headers,
            extra_body={**parameters, "metadata": self._metadata(purpose, path)},
        )
        return await self.resources.enter_async_context(chunks)

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
