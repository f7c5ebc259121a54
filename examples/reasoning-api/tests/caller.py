"""A caller of the application that reads a reply as it arrives, and can disconnect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

Message = MutableMapping[str, Any]


@dataclass
class Caller:
    """One request, sent by ASGI directly: HTTP test clients wait for the complete reply."""

    app: FastAPI
    mode: str
    body: dict[str, Any]
    incoming: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    outgoing: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)

    async def run(self) -> None:
        content = json.dumps({"messages": [{"role": "user", "content": "Why?"}], **self.body})
        self.incoming.put_nowait({"type": "http.request", "body": content.encode()})
        headers = [(b"content-type", b"application/json"), (b"x-routing-mode", self.mode.encode())]
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1", "method": "POST", "scheme": "http", "root_path": "",
            "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions",
            "query_string": b"", "headers": headers, "client": None, "server": ("app", 80),
        }  # fmt: skip
        await self.app(scope, self.incoming.get, self._send)

    async def _send(self, message: Message) -> None:
        self.outgoing.put_nowait(message)

    async def next(self) -> Message:
        return await asyncio.wait_for(self.outgoing.get(), 10)

    async def next_event(self) -> Any:
        """The data of the next event: JSON, or ``[DONE]`` at the end of the stream."""
        text: str = (await self.next())["body"].decode().removeprefix("data: ").strip()
        return text if text == "[DONE]" else json.loads(text)

    async def next_content(self) -> str:
        content: str = (await self.next_event())["choices"][0]["delta"]["content"]
        return content

    def disconnect(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})


@asynccontextmanager
async def call_app(app: FastAPI, mode: str = "passthrough", **body: Any) -> AsyncIterator[Caller]:
    """Run a request; wait for its end at the end of the block."""
    caller = Caller(app=app, mode=mode, body=body)
    task = asyncio.create_task(caller.run())
    try:
        yield caller
        await asyncio.wait_for(task, 10)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
