"""The way to one service: a local port, a ready pod behind it, and another pod when that one goes.

`kubectl port-forward` stays with one pod and ends with it. So connections are taken here, on ports
that stay, and passed to a kubectl of the pod that is ready now; those that run finish at the old
pod. Must not know how pods are watched.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gatewayctl.runtimes.kubernetes.forwarding.children import Child

_HOLD_SECONDS: Final = 10.0
"""How long a new connection waits for a pod that is about to be reached."""
_OPEN_SECONDS: Final = 15.0
_DRAIN_SECONDS: Final = 600.0
"""How long running connections may keep a kubectl of a pod that is replaced."""
_POLL_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 5.0
_CHUNK: Final = 2**16
# "Forwarding from 127.0.0.1:41235 -> 4000"
_FORWARDING: Final = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+) -> (\d+)")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod as the watch reports it; ``usable`` if it runs and is not being deleted."""

    name: str
    ready: bool
    usable: bool


class Tunnel:
    """A running `kubectl port-forward`; ``ports`` maps ports of the pod to local ones."""

    def __init__(self, pod: str, child: Child, ports: Mapping[int, int]) -> None:
        self.pod = pod
        self.ports = ports
        self.connections = 0
        self.child = child
        self.has_ended = False

    @classmethod
    async def open(cls, pod: str, remotes: Sequence[int], argv: Sequence[str]) -> Tunnel:
        """Start kubectl and wait until it listens. Raises OSError with what it complained about."""
        wanted = (f":{port}" for port in remotes)
        child = await Child.start(
            [*argv, "port-forward", "--address", "127.0.0.1", f"pod/{pod}", *wanted]
        )
        ports: dict[int, int] = {}
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                while len(ports) < len(remotes) and (line := await child.output.readline()):
                    if found := _FORWARDING.match(line):
                        ports[int(found[2])] = int(found[1])
        except TimeoutError:
            child.kill()
        if len(ports) < len(remotes):
            child.kill()
            raise OSError(await child.wait() or "kubectl port-forward did not start in time")
        return cls(pod, child, ports)

    async def retire(self) -> None:
        """End once the running connections have, or the pod is gone."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self.connections and not self.has_ended and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        self.child.kill()


class Route:
    """The local ports of one service, and the tunnel that they lead to now."""

    def __init__(self, service: str, remotes: Sequence[int], argv: Sequence[str], say: Say) -> None:
        self.service = service
        self._remotes = tuple(remotes)
        self._argv = argv
        self._say = say
        self._pods: Mapping[str, Pod] | None = None
        """None until they were listed once."""
        self._avoid: dict[str, float] = {}
        self._tunnel: Tunnel | None = None
        self._reached = False
        """A pod was, and it has not been said yet that none is left."""
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[asyncio.Task[None] | None] = set()

    async def update(self, pods: Mapping[str, Pod]) -> None:
        """Take over what the watch knows now."""
        self._pods = dict(pods)
        await self._announce()

    async def keep_open(self) -> None:
        """Keep a tunnel to a pod that is ready, until cancelled."""
        failures = 0
        while True:
            async with self._news:
                await self._news.wait_for(self._must_change)
            failures = 0 if await self._renew() else failures + 1
            if failures:
                await asyncio.sleep(min(_RETRY_SECONDS, _POLL_SECONDS * 2**failures))

    async def serve(self, port: int, reader: asyncio.StreamReader, writer: _Writer) -> None:
        """Pass one connection to the service's ``port``; close it where no pod can take it."""
        tunnel = await self._wait_for_tunnel()
        if tunnel is None:
            writer.transport.abort()
            return
        tunnel.connections += 1
        # asyncio itself refers to the streams of a connection weakly.
        self._connections.add(connection := asyncio.current_task())
        try:
            there = await asyncio.open_connection("127.0.0.1", tunnel.ports[port], limit=_CHUNK)
            await _splice((reader, writer), there)
        except OSError:
            writer.transport.abort()
        finally:
            tunnel.connections -= 1
            self._connections.discard(connection)

    def _choose(self) -> str | None:
        """The pod to use: the current one while it is as good as any."""
        now = time.monotonic()
        current = None if self._tunnel is None else self._tunnel.pod

        def rank(pod: Pod) -> tuple[bool, bool, bool, str]:
            avoided = self._avoid.get(pod.name, 0) > now
            return avoided, not pod.ready, pod.name != current, pod.name

        usable = [pod for pod in (self._pods or {}).values() if pod.usable]
        return min(usable, key=rank).name if usable else None

    def _must_change(self) -> bool:
        current = self._tunnel
        if current is None:
            return self._choose() is not None or self._reached
        return current.has_ended or current.pod != self._choose()

    async def _renew(self) -> bool:
        """Open a tunnel to the chosen pod in place of the current one; False if that fails."""
        chosen = self._choose()
        opened = None if chosen is None else await self._open(chosen)
        old, self._tunnel = self._tunnel, opened
        if chosen is None:
            self._reached = False
            self._say(f"{self.service}: no pod to forward to")
        if old is not None:
            self._start(old.retire())
        await self._announce()
        return opened is not None or chosen is None

    async def _open(self, pod: str) -> Tunnel | None:
        try:
            opened = await Tunnel.open(pod, self._remotes, self._argv)
        except OSError as error:
            self._avoid[pod] = time.monotonic() + _RETRY_SECONDS
            self._say(f"{self.service}: no port-forward to pod {pod}: {error}")
            return None
        self._reached = True
        self._say(f"{self.service}: forwarding to pod {pod}")
        self._start(self._follow(opened))
        return opened

    async def _follow(self, tunnel: Tunnel) -> None:
        # It also reads what kubectl prints for each connection, which would fill the pipe.
        reason = await tunnel.child.wait()
        tunnel.has_ended = True
        if tunnel is self._tunnel:
            self._say(f"{self.service}: the port-forward to pod {tunnel.pod} ended: {reason}")
        await self._announce()

    async def _wait_for_tunnel(self) -> Tunnel | None:
        """The tunnel, or None if no pod is there to wait for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_HOLD_SECONDS), self._news:
                await self._news.wait_for(
                    lambda: not self._must_change() and self._pods is not None
                )
                return self._tunnel
        return None

    async def _announce(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_Writer = asyncio.StreamWriter
_End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _splice(one: _End, other: _End) -> None:
    """Pass bytes both ways until one end closes or breaks, then close both."""
    copies = [
        asyncio.create_task(_copy(one[0], other[1])),
        asyncio.create_task(_copy(other[0], one[1])),
    ]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for copy in copies:
            copy.cancel()
        for _, writer in (one, other):
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
