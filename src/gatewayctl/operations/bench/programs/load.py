"""The load generator of `gatewayctl bench`: closed loop or open loop, in a program of its own.

Why not a known tool: hey, wrk and h2load read no stream, so they know no time to the first token,
and they read no headers; hey and wrk count a request from when it was sent, so a server that stalls
looks fast (coordinated omission); none of them is part of Python, so a benchmark would depend on
what the machine has. Locust does all that, with a hundred times the processor time of a request.

Reads one JSON document per line with what to do, and answers with one line each; secrets come on
standard input only. Ends when its standard input does. Owns the schedule of requests.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from gatewayctl.operations.bench.programs.connection import Connection, Seen, Target

MOST_CONNECTIONS: Final = 512
"""Of an open loop without a limit of its own: below the 1,024 files that a process may open."""
_REASONS: Final = 3

Send = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many requests, and when. One of ``requests`` and ``seconds`` ends it.

    With ``rate`` (requests per second) it is an open loop: request n is due at n/rate, however
    long the others take. Otherwise each of ``concurrency`` clients sends its next request when the
    last one is answered.
    """

    requests: int | None
    seconds: float | None
    concurrency: int | None
    rate: float | None

    @property
    def length(self) -> float:
        """Seconds that an open loop takes, with the pause after its last request."""
        assert self.rate is not None  # noqa: S101 - only asked of an open loop
        return self.seconds or (self.requests or 0) / self.rate

    def due_times(self, start: float) -> Iterator[float]:
        """When each request of an open loop is due."""
        assert self.rate is not None  # noqa: S101 - only asked of an open loop
        number = 0
        while not self.is_over(number, number / self.rate):
            yield start + number / self.rate
            number += 1

    def is_over(self, sent: int, elapsed: float) -> bool:
        if self.requests is not None:
            return sent >= self.requests
        return elapsed >= (self.seconds or 0.0)


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Collects what was seen. Times in milliseconds."""

    samples: list[tuple[float, float | None, float | None, float | None]] = field(
        default_factory=list
    )
    errors: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    latest: float = 0.0
    """The most that a request was sent late because this program was busy."""

    def add(self, due: float, seen: Seen) -> None:
        """Count a request. Its latency begins when it was due, not when it was sent."""
        if seen.error:
            self.errors[seen.error] += 1
            if len(self.reasons) < _REASONS:
                self.reasons.setdefault(seen.error, seen.reason)
            return
        first = chunk = None
        if seen.first is not None and seen.last is not None:
            first = (seen.first - due) * 1000
            if seen.chunks > 1:
                chunk = (seen.last - seen.first) * 1000 / (seen.chunks - 1)
        self.samples.append(((seen.ended - due) * 1000, first, chunk, seen.overhead_ms))


async def run_load(target: Target, pace: Pace, timeout: float) -> dict[str, Any]:
    """Send the load and return samples, errors by kind, and this program's own processor time."""
    recorder, cpu, start = Recorder(), time.process_time(), time.monotonic()
    if pace.rate is None:
        await _closed_loop(target, pace, timeout, recorder)
    else:
        await _open_loop(target, pace, timeout, recorder)
    return {
        "samples": recorder.samples,
        "errors": dict(recorder.errors),
        "reasons": recorder.reasons,
        "late_ms": recorder.latest * 1000,
        "seconds": time.monotonic() - start,
        "cpu_seconds": time.process_time() - cpu,
    }


async def _closed_loop(target: Target, pace: Pace, timeout: float, recorder: Recorder) -> None:
    start, sent = time.monotonic(), 0

    async def client() -> None:
        nonlocal sent
        connection = Connection(target, timeout)
        while not pace.is_over(sent, time.monotonic() - start):
            sent += 1
            due = time.monotonic()
            recorder.add(due, await connection.request())
        connection.close()

    await asyncio.gather(*(client() for _ in range(pace.concurrency or 1)))


async def _open_loop(target: Target, pace: Pace, timeout: float, recorder: Recorder) -> None:
    free: list[Connection] = []
    slots = asyncio.Semaphore(pace.concurrency or MOST_CONNECTIONS)

    async def send(due: float) -> None:
        # Waiting for a connection counts: the request was due already.
        async with slots:
            connection = free.pop() if free else Connection(target, timeout)
            recorder.add(due, await connection.request())
            free.append(connection)

    start = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for due in pace.due_times(start):
            await asyncio.sleep(max(due - time.monotonic(), 0))
            recorder.latest = max(recorder.latest, time.monotonic() - due)
            tasks.create_task(send(due))
        # Else the next round would begin at once, and with it another rate than was asked for.
        await asyncio.sleep(max(start + pace.length - time.monotonic(), 0))
    for connection in free:
        connection.close()


def _read_order(line: str) -> tuple[Target, Pace, float]:
    order = json.loads(line)
    is_https = order["url"].startswith("https:")
    # Once, and not for each connection: reading the system's certificates takes 20 ms.
    trust = ssl.create_default_context(cadata=order["pem"]) if is_https else None
    target = Target(
        url=order["url"],
        headers=tuple((name, value) for name, value in order["headers"].items()),
        body=json.dumps(order["body"]).encode(),
        stream=bool(order["body"].get("stream")),
        trust=trust,
    )
    pace = Pace(
        requests=order["requests"],
        seconds=order["seconds"],
        concurrency=order["concurrency"],
        rate=order["rate"],
    )
    return target, pace, order["timeout"]


def end_with_parent(seconds: float = 0.5) -> None:
    """Exit when gatewayctl is gone: killed, it cannot say so, and a round may last for hours."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    end_with_parent()
    # What is loaded stays: collecting it again and again would be pauses in the measurement.
    gc.freeze()
    for line in sys.stdin:
        result = asyncio.run(run_load(*_read_order(line)))
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
