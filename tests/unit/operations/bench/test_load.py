"""The load generator against servers that stall, fail and break off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gatewayctl.operations.bench.programs.connection import Target
from gatewayctl.operations.bench.programs.load import Pace, run_load

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"choices": 1}'
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def load(serve: Serve, pace: Pace, *, stream: bool = False, timeout: float = 5) -> dict[str, Any]:
    """Send a load to a server of this test."""

    async def run() -> dict[str, Any]:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    await reader.readexactly(2)
                    await serve(reader, writer)
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        target = Target(url=f"http://127.0.0.1:{port}/x", headers=(), body=b"{}", stream=stream)
        result = await run_load(target, pace, timeout)
        server.close()
        return result

    return asyncio.run(run())


def pace(
    requests: int | None = 10,
    *,
    seconds: float | None = None,
    concurrency: int | None = 1,
    rate: float | None = None,
) -> Pace:
    return Pace(requests=requests, seconds=seconds, concurrency=concurrency, rate=rate)


def stalling_once(seconds: float) -> Serve:
    """A server that answers at once, but holds every answer while it stalls, from its third on."""
    state = {"requests": 0}
    gate = asyncio.Event()
    gate.set()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state["requests"] += 1
        if state["requests"] == 3:
            gate.clear()
            await asyncio.sleep(seconds)
            gate.set()
        await gate.wait()
        writer.write(OK)

    return serve


def test_an_open_loop_counts_the_time_that_requests_wait_for_a_stalled_server() -> None:
    found = load(stalling_once(0.5), pace(50, concurrency=None, rate=50))

    latencies = [sample[0] for sample in found["samples"]]
    assert len(latencies) == 50
    # Those that were due in the half second of the stall, each a little less late.
    assert sum(latency > 40 for latency in latencies) >= 15
    assert min(latencies) < 200
    assert max(latencies) > 450


def test_an_open_loop_with_one_connection_counts_the_wait_for_it() -> None:
    found = load(stalling_once(0.5), pace(50, concurrency=1, rate=50))

    assert sum(sample[0] > 40 for sample in found["samples"]) >= 15


def test_a_closed_loop_sees_a_stall_once_for_each_client() -> None:
    found = load(stalling_once(0.5), pace(50, concurrency=1))

    assert sum(sample[0] > 400 for sample in found["samples"]) == 1


@pytest.mark.parametrize(("requests", "seconds"), [(3, None), (None, 0.3)])
def test_an_open_loop_lasts_as_long_as_its_rate_says(
    requests: int | None, seconds: float | None
) -> None:
    """Its last request is followed by a pause, as each of the others is."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)

    found = load(serve, pace(requests, seconds=seconds, concurrency=None, rate=10))

    assert len(found["samples"]) == 3
    assert 0.3 <= found["seconds"] < 0.6


def test_a_load_of_some_seconds_ends_by_itself() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(OK)

    closed = load(serve, pace(None, seconds=0.2, concurrency=4))
    opened = load(serve, pace(None, seconds=0.2, concurrency=None, rate=50))

    assert closed["samples"]
    assert len(opened["samples"]) == 10


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\n{}", "status_429"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "invalid"),
        (b"what?\r\n\r\n", "invalid"),
    ],
)
def test_a_failure_is_counted_by_its_kind_and_has_no_latency(answer: bytes, kind: str) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    found = load(serve, pace(3))

    assert (found["errors"], found["samples"]) == ({kind: 3}, [])
    assert found["reasons"][kind]


def test_a_connection_that_is_closed_is_an_error_and_the_next_request_opens_another() -> None:
    count = {"requests": 0}

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count["requests"] += 1
        if count["requests"] == 2:
            writer.close()
        else:
            writer.write(OK)

    found = load(serve, pace(4))

    assert found["errors"] == {"connection": 1}
    assert found["reasons"] == {"connection": "closed by the server"}
    assert len(found["samples"]) == 3


def test_an_idle_connection_that_the_server_closed_is_opened_again() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        writer.close()

    found = load(serve, pace(4, concurrency=None, rate=5))

    assert (found["errors"], len(found["samples"])) == ({}, 4)


def test_an_answer_that_is_cut_off_is_a_connection_error() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:-2])
        await writer.drain()
        writer.close()

    assert load(serve, pace(2))["errors"] == {"connection": 2}


def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    async def serve(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)

    assert load(serve, pace(1), timeout=0.1)["errors"] == {"timeout": 1}


def test_nobody_who_listens_is_a_connection_error() -> None:
    target = Target(url="http://127.0.0.1:1/x", headers=(), body=b"{}", stream=False)

    found = asyncio.run(run_load(target, pace(2), 5))

    assert found["errors"] == {"connection": 2}


def test_a_stream_has_the_time_of_its_first_token_and_between_tokens() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'))
        for _token in range(3):
            await asyncio.sleep(0.05)
            writer.write(chunk(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'))
        await asyncio.sleep(0.05)
        writer.write(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    ((latency, first, each, _),) = load(serve, pace(1), stream=True)["samples"]

    assert 45 <= first < each + first < latency
    assert each >= 45


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', "incomplete"),
        (b'data: {"error": {"message": "boom"}}\n\n', "in_stream"),
    ],
)
def test_a_stream_that_breaks_off_or_holds_an_error_is_no_success(event: bytes, kind: str) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(event) + b"0\r\n\r\n")

    assert load(serve, pace(1), stream=True)["errors"] == {kind: 1}
