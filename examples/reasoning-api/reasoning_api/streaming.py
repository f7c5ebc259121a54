"""Replies that are sent as they are made, and work that ends when nobody waits for it."""

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

    Owns the request's resources: however the response ends, the call upstream ends with it, and
    the spans say how.
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
        """Until the stream has come to its end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(APIError, ClientGone):
            async with self._resources:
                await super().__call__(scope, receive, send)
                if self._failure is not None:
                    raise self._failure  # which the spans note as they end

    async def _events(self) -> AsyncIterator[str]:
        said: list[str] = []
        try:
            async for chunk in self._chunks:
                said += [choice.delta.content or "" for choice in chunk.choices]
                if chunk.choices or self._wants_usage:
                    yield f"data: {chunk.to_json(indent=None)}\n\n"
        except APIError as error:
            # The status is sent already: the failure can only be an event.
            self._failure = error
            _, body = upstream_failure(error, self._settings.api_key)
            yield f"data: {json.dumps(body)}\n\n"
        else:
            self._failure = None
            if not self._settings.hide_outputs:
                self._root.set_attribute("output.value", "".join(said))
            yield "data: [DONE]\n\n"


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to. Ends it, and raises ClientGone, when the caller hangs up first."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    # The body is read already: all that can still come is the end.
    while (await request.receive())["type"] != "http.disconnect":
        pass
