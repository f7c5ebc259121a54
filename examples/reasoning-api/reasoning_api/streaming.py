"""Streamed replies, and work that is cancelled when the caller disconnects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar

from openai import APIError, AsyncStream
from openai.types.chat import ChatCompletionChunk
from opentelemetry.trace import Span
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from reasoning_api.errors import ClientGone, upstream_failure
from reasoning_api.settings import Settings

T = TypeVar("T")


class EventStream(StreamingResponse):
    """Server-sent events of chat completion chunks.

    Owns the request's resources: in whatever way the response ends, it ends the upstream call and
    the spans record the outcome.
    """

    def __init__(
        self,
        chunks: AsyncStream[ChatCompletionChunk],
        resources: AsyncExitStack,
        root: Span,
        *,
        settings: Settings,
        wants_usage: bool,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(self._events(), media_type="text/event-stream", headers=headers)
        self._chunks = chunks
        self._resources = resources
        self._root = root
        self._settings = settings
        self._wants_usage = wants_usage
        self._failure: Exception | None = ClientGone()
        """Why the stream ended early; None once it is complete."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(APIError, ClientGone):
            async with self._resources:
                await super().__call__(scope, receive, send)
                if self._failure is not None:
                    raise self._failure  # recorded by the spans when they end

    async def _events(self) -> AsyncIterator[str]:
        texts: list[str] = []
        try:
            async for chunk in self._chunks:
                texts += [choice.delta.content or "" for choice in chunk.choices]
                if chunk.choices or self._wants_usage:
                    yield f"data: {chunk.to_json(indent=None)}\n\n"
        except APIError as error:
            # The status was already sent, so the failure can only be an event.
            self._failure = error
            _, body = upstream_failure(error, self._settings.api_key)
            yield f"data: {json.dumps(body)}\n\n"
        else:
            self._failure = None
            if not self._settings.hide_outputs:
                self._root.set_attribute("output.value", "".join(texts))
            yield "data: [DONE]\n\n"


async def cancel_if_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of the work; cancel it and raise ClientGone if the caller disconnects."""
    task = asyncio.ensure_future(work)
    disconnect = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait({task, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        task.cancel()
        disconnect.cancel()
        await asyncio.gather(task, disconnect, return_exceptions=True)


async def _wait_for_disconnect(request: Request) -> None:
    # The body was already read, so only the disconnect can follow.
    while (await request.receive())["type"] != "http.disconnect":
        pass
