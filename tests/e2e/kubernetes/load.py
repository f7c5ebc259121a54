"""Chats at a steady rate, whether or not the earlier ones are answered: an open loop.

As applications send them: over connections that are kept, but without their retries. Must not know
where they are sent.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

_PATIENCE: Final = 60.0
"""Seconds for one chat; the SDK of OpenAI waits ten minutes."""
CHAT: Final[dict[str, Any]] = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}


@dataclass(kw_only=True)
class Load:
    """What was sent and answered; ``failed`` has why, and when after the first chat.

    ``milliseconds`` count from when a chat was due.
    """

    rate: float
    sent: int = 0
    milliseconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def wait(self, seconds: float) -> None:
        """Let it run until so many seconds after its beginning."""
        time.sleep(max(self.began + seconds - time.monotonic(), 0))

    def __str__(self) -> str:
        marks = statistics.quantiles(self.milliseconds or [0.0, 0.0], n=100)
        return (
            f"{len(self.failed)} of {self.sent} chats failed in {self.seconds:.0f} s"
            f" ({self.sent / max(self.seconds, 1):.1f} a second, wanted {self.rate:g});"
            f" milliseconds until the answer: median {marks[49]:.0f}, p95 {marks[94]:.0f},"
            f" slowest {max(self.milliseconds, default=0):.0f}. {self.failed[:5]}"
        )


@contextmanager
def sending(url: str, key: str, *, rate: float) -> Iterator[Load]:
    """Send chats until the end of the block, and wait for the last answers."""
    load, stop = Load(rate=rate), threading.Event()
    sender = threading.Thread(target=lambda: asyncio.run(_send(load, url, key, stop)))
    sender.start()
    try:
        yield load
    finally:
        stop.set()
        sender.join()
        load.milliseconds.sort()


async def _send(load: Load, url: str, key: str, stop: threading.Event) -> None:
    headers = {"authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(
            base_url=url, headers=headers, timeout=_PATIENCE, trust_env=False
        ) as client,
        asyncio.TaskGroup() as chats,
    ):
        load.began = time.monotonic()
        while not stop.is_set():
            due = load.began + load.sent / load.rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            load.sent += 1
            chats.create_task(_chat(load, client, due))
        load.seconds = time.monotonic() - load.began


async def _chat(load: Load, client: httpx.AsyncClient, due: float) -> None:
    try:
        answer = await client.post("/v1/chat/completions", json=CHAT)
    except httpx.HTTPError as error:
        load.failed.append(f"{due - load.began:.1f} s: {error!r}")
        return
    if answer.status_code == 200:
        load.milliseconds.append((time.monotonic() - due) * 1000)
    else:
        load.failed.append(f"{due - load.began:.1f} s: {answer.status_code} {answer.text[:200]}")


def press(url: str, key: str, *, clients: int, seconds: float) -> float:
    """Chats a second that are answered when so many clients each wait for their last answer."""
    return asyncio.run(_press(url, key, clients, seconds))


async def _press(url: str, key: str, clients: int, seconds: float) -> float:
    headers = {"authorization": f"Bearer {key}"}
    until, answered = time.monotonic() + seconds, 0

    async def work() -> None:
        nonlocal answered
        # Each with a connection of its own, so that the pods share them.
        async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE, trust_env=False) as client:
            while time.monotonic() < until:
                answer = await client.post("/v1/chat/completions", headers=headers, json=CHAT)
                answered += answer.raise_for_status().is_success

    await asyncio.gather(*(work() for _ in range(clients)))
    return answered / seconds
