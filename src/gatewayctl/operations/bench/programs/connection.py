"""One HTTP/1.1 connection of the load generator, and what it saw of one chat completion.

h11 parses the protocol; httpx would cost a millisecond of processor time for each request, on the
machine that is measured. Owns when a request counts as failed, and the times of a stream.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import h11

OVERHEAD: Final = b"x-litellm-overhead-duration-ms"
_TEXT: Final = re.compile(rb'"content":\s*"[^"]')
_READ: Final = 2**16
_LONGEST_REASON: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to send, and what: the same bytes each time. ``trust`` is set for https only."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    stream: bool
    trust: ssl.SSLContext | None = None


@dataclass(slots=True, kw_only=True)
class Seen:
    """What the client saw of one request; times are of the monotonic clock, in seconds.

    ``error`` is the kind of its failure, empty if it succeeded, and ``reason`` the words of it.
    ``overhead_ms`` is what LiteLLM says that it added, None if it does not say.
    """

    ended: float = 0.0
    first: float | None = None
    last: float | None = None
    chunks: int = 0
    overhead_ms: float | None = None
    error: str = ""
    reason: str = ""


@dataclass(slots=True)
class _Body:
    """The body as it arrives. Only the end of a stream is kept."""

    stream: bool
    seen: Seen
    rest: bytes = b""
    done: bool = False
    kept: list[bytes] = field(default_factory=list)

    def add(self, data: bytes) -> None:
        if not self.stream:
            self.kept.append(data)
            return
        now = time.monotonic()
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: [DONE]"):
                self.done = True
            elif line.startswith(b'data: {"error"'):
                self.seen.error, self.seen.reason = "in_stream", _words(line)
            elif line.startswith(b"data:") and _TEXT.search(line):
                self.seen.first = self.seen.first or now
                self.seen.last = now
                self.seen.chunks += 1


class Connection:
    """A connection that is kept open between requests, and opened again after a failure."""

    def __init__(self, target: Target, timeout: float) -> None:
        self._target = target
        self._timeout = timeout
        url = urlsplit(target.url)
        self._host, self._path = url.hostname or "", url.path or "/"
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._head = [("Host", url.netloc.rpartition("@")[2]), *target.headers,
                      ("Content-Type", "application/json"),
                      ("Content-Length", str(len(target.body)))]  # fmt: skip
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._protocol = h11.Connection(h11.CLIENT)

    async def request(self) -> Seen:
        """Send one request and read its answer to the end. Failures are returned, not raised."""
        seen = Seen()
        try:
            async with asyncio.timeout(self._timeout):
                await self._exchange(seen)
        except TimeoutError:
            seen.error, seen.reason = "timeout", f"no whole answer within {self._timeout:g} s"
        except h11.RemoteProtocolError as error:
            seen.error, seen.reason = "invalid", str(error)
        except OSError as error:
            seen.error, seen.reason = "connection", error.strerror or str(error)
        seen.ended = time.monotonic()
        if seen.error:
            self.close()
        return seen

    async def _exchange(self, seen: Seen) -> None:
        reader, writer = await self._open()
        protocol = self._protocol
        writer.write(
            b"".join(
                filter(
                    None,
                    (
                        protocol.send(
                            h11.Request(method="POST", target=self._path, headers=self._head)
                        ),
                        protocol.send(h11.Data(data=self._target.body)),
                        protocol.send(h11.EndOfMessage()),
                    ),
                )
            )
        )
        status, body = 0, _Body(self._target.stream, seen)
        while not isinstance(event := await _next_event(protocol, reader), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
                seen.overhead_ms = _read_overhead(event)
                body.stream = self._target.stream and status == 200
            elif isinstance(event, h11.Data):
                body.add(bytes(event.data))
        _judge(seen, status, body)
        if protocol.our_state is h11.DONE and protocol.their_state is h11.DONE:
            protocol.start_next_cycle()
        else:
            self.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None and self._streams[0].at_eof():
            # Servers close a connection that was idle for some seconds: that is no failure.
            self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._host, self._port, ssl=self._target.trust
            )
            self._protocol = h11.Connection(h11.CLIENT)
        return self._streams

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _next_event(protocol: h11.Connection, reader: asyncio.StreamReader) -> object:
    ended = False
    try:
        while (event := protocol.next_event()) is h11.NEED_DATA:
            data = await reader.read(_READ)
            ended = not data
            protocol.receive_data(data)
    except h11.RemoteProtocolError:
        if ended:
            raise ConnectionResetError(None, "closed by the server") from None
        raise
    return event


def _read_overhead(response: h11.Response) -> float | None:
    found: Iterator[bytes] = (value for name, value in response.headers if name == OVERHEAD)
    try:
        return float(next(found))
    except (StopIteration, ValueError):
        return None


def _judge(seen: Seen, status: int, body: _Body) -> None:
    """A success is status 200 with the whole completion."""
    if status != 200:
        seen.error, seen.reason = f"status_{status}", _words(b"".join(body.kept))
    elif body.stream and not seen.error and not (body.done and seen.chunks):
        seen.error, seen.reason = "incomplete", "the stream ended without [DONE]"
    elif not body.stream and b'"choices"' not in (content := b"".join(body.kept)):
        seen.error, seen.reason = "invalid", _words(content)


def _words(content: bytes) -> str:
    return content[:_LONGEST_REASON].decode(errors="replace")
