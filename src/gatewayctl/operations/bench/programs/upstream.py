"""The upstream of `gatewayctl bench`: answers like OpenAI, after a set time and at a set rate.

A program of its own, so that its processor time counts neither as the load's nor as the gateway's.
Owns the wire format. Reads HTTP as LiteLLM and the load generator send it (a length, no chunks),
because a full HTTP server would cost more than the answer. Ends when its standard input does, so
none is left behind, however gatewayctl ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count, cycle
from typing import Any, Final

_LONGEST_BODY: Final = 16 * 2**20
_WORD: Final = "token "
PROMPT_TOKENS: Final = 8
_OBJECTS: Final = 250_000
"""About 80 MB: more than the caches of a processor."""
_OBJECTS_OF_A_UNIT: Final = 250
_UNITS_OF_A_DOCUMENT: Final = 3
_PAIR: Final = re.compile(r"(key|value)[- ](\d+)")
_DOCUMENT: Final = {
    "choices": [
        {"index": n, "message": {"role": "assistant", "content": _WORD * 40}} for n in range(12)
    ],
    "metadata": {f"key-{n}": f"value {n}" for n in range(60)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """How it answers. ``latency`` in seconds, until the answer or its first token.

    A stream has ``tokens`` chunks, one token each, ``interval`` seconds apart.
    """

    latency: float
    tokens: int
    interval: float


class Upstream:
    """One server on several addresses with the same port; ``requests`` counts what it answered."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._ids = count(1)
        # LiteLLM keeps one spend log for each id, also across runs.
        self._run = f"{time.time_ns():x}"
        self.requests = 0

    async def listen(self, addresses: Sequence[str]) -> int:
        """Listen on the first address at a free port, and on the others if they exist here."""
        server = await asyncio.start_server(self._serve, addresses[0], 0)
        port = int(server.sockets[0].getsockname()[1])
        for address in addresses[1:]:
            try:
                await asyncio.start_server(self._serve, address, port)
            except OSError as error:
                # The address of a bridge inside a virtual machine: there the engine forwards.
                sys.stderr.write(f"not listening on {address}: {error.strerror}\n")
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _read_length(head)
                body = await reader.readexactly(length)
                await self._answer(head, body, writer)
        except (
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ConnectionError,
            ValueError,
        ):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        if not head.startswith(b"POST ") or b"/chat/completions " not in head[:200]:
            writer.write(_whole(404, {"error": {"message": "only /chat/completions is served"}}))
            return await writer.drain()
        request = json.loads(body)
        due = time.monotonic() + self._answering.latency
        self.requests += 1
        made = {
            "id": f"chatcmpl-{self._run}-{next(self._ids)}",
            "created": int(time.time()),
            "model": request.get("model", "bench"),
        }
        await _sleep_until(due)
        if request.get("work"):
            do_work(int(request["work"]))
        if request.get("stream"):
            await self._stream(made, request, due, writer)
        else:
            writer.write(_whole(200, self._completion(made)))
            await writer.drain()
        return None

    def _completion(self, made: dict[str, Any]) -> dict[str, Any]:
        text = _WORD * self._answering.tokens
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**made, "object": "chat.completion", "choices": [choice], "usage": self._usage()}

    def _usage(self) -> dict[str, int]:
        tokens = self._answering.tokens
        return {
            "prompt_tokens": PROMPT_TOKENS,
            "completion_tokens": tokens,
            "total_tokens": PROMPT_TOKENS + tokens,
        }

    async def _stream(
        self,
        made: dict[str, Any],
        request: dict[str, Any],
        due: float,
        writer: asyncio.StreamWriter,
    ) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        made = {**made, "object": "chat.completion.chunk"}
        event = _event({**made, "choices": [_delta({"role": "assistant", "content": _WORD})]})
        for number in range(self._answering.tokens):
            # From the start of the stream: a late chunk does not delay those after it.
            await _sleep_until(due + number * self._answering.interval)
            writer.write(event)
            await writer.drain()
        end = _event({**made, "choices": [_delta({}, "stop")]})
        if (request.get("stream_options") or {}).get("include_usage"):
            end += _event({**made, "choices": [], "usage": self._usage()})
        writer.write(end + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()


def do_work(units: int) -> None:
    """Work as a gateway does, in Python: read objects all over a large heap, and some JSON.

    A gateway's objects are in no cache of the processor. So it gets slower than a loop does when
    other machines on the same processors, or other processes, use the memory.
    """
    objects = _objects_in_turn()
    for _ in range(units):
        for _ in range(_OBJECTS_OF_A_UNIT):
            found = next(objects)
            found["length"] = len(found["name"]) + found["number"] % 7
    text = json.dumps(_DOCUMENT)
    for _ in range(units // _UNITS_OF_A_DOCUMENT):
        parsed = json.loads(text)
        matched = [_PAIR.sub(r"\2\1", key + value) for key, value in parsed["metadata"].items()]
        text = json.dumps(parsed if matched else None)


@cache
def _objects_in_turn() -> Iterator[dict[str, Any]]:
    """Endlessly the same objects, in an order that is not that of their addresses."""
    objects = [{"name": f"key-{n}", "number": n, "length": 0} for n in range(_OBJECTS)]
    random.Random(1).shuffle(objects)  # noqa: S311 - not a secret
    # Else the garbage collector looks through them during an answer.
    gc.freeze()
    return cycle(objects)


def _read_length(head: bytes) -> int:
    """The length of the body. Raises ValueError for one that is none, or too long."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
            if not 0 <= length <= _LONGEST_BODY:
                raise ValueError(length)
            return length
    return 0


def _delta(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _whole(status: int, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    reason = "OK" if status == 200 else "Not Found"
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _event(body: dict[str, Any]) -> bytes:
    return _chunk(b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n")


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


async def _sleep_until(due: float) -> None:
    left = due - time.monotonic()
    if left > 0:
        await asyncio.sleep(left)


async def _run(options: dict[str, Any]) -> None:
    upstream = Upstream(
        Answering(
            latency=options["latency"], tokens=options["tokens"], interval=options["interval"]
        )
    )
    port = await upstream.listen(options["addresses"])
    _say({"port": port})
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        _say({"cpu_seconds": time.process_time(), "requests": upstream.requests})


def _say(body: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(body) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_run(json.loads(sys.stdin.readline())))
