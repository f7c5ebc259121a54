"""Streams: parts as they arrive, usage, failures during a stream, callers that disconnect."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from caller import call_app

from conftest import KEY, USAGE, World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", ["passthrough", "reasoning", "auto"])
async def test_parts_are_passed_on_as_they_arrive(world: World, mode: str) -> None:
    chunks = world.gateway.chunks

    async with call_app(world.app, mode, stream=True) as caller:
        chunks.send_text("Hello")
        start = await caller.next()
        assert start["status"] == 200
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        # The gateway has not sent more than this yet.
        assert await caller.next_content() == "Hello"
        chunks.send_text(" there")
        assert await caller.next_content() == " there"
        assert not [span for span in world.traces.spans if span.parent is None]
        chunks.finish()
        assert (await caller.next_event())["choices"][0]["finish_reason"] == "stop"
        assert await caller.next_event() == "[DONE]"

    body = world.gateway.bodies[-1]
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert [each.get("stream", False) for each in world.gateway.bodies[:-1]] == [False] * (
        len(world.gateway.bodies) - 1
    )
    assert set(world.traces.statuses().values()) == {("OK", None)}
    assert (world.traces.root.attributes or {})["output.value"] == "Hello there"
    assert world.gateway.parents == world.traces.callers


async def test_the_synthesis_is_streamed(world: World) -> None:
    async with call_app(world.app, "reasoning", stream=True):
        world.gateway.chunks.finish()

    assert world.gateway.purposes[-1] == ("reasoning-agent", "synthesis", "reasoning")
    assert world.gateway.bodies[-1]["stream"] is True


@pytest.mark.parametrize("requested", [True, False])
async def test_the_usage_chunk_is_sent_only_if_requested(world: World, requested: bool) -> None:
    options = {"include_usage": requested}

    async with call_app(world.app, stream=True, stream_options=options) as caller:
        world.gateway.chunks.finish()
        await caller.next()
        await caller.next_event()
        last = await caller.next_event()

    assert (last["usage"] if requested else last) == (USAGE if requested else "[DONE]")


@pytest.mark.parametrize("mode", ["passthrough", "reasoning"])
async def test_a_disconnect_ends_the_upstream_call(world: World, mode: str) -> None:
    async with call_app(world.app, mode, stream=True) as caller:
        world.gateway.chunks.send_text("Hello")
        await caller.next()
        await caller.next()
        caller.disconnect()
        await asyncio.wait_for(world.gateway.chunks.closed.wait(), 10)

    assert world.traces.statuses()[f"reasoning-api {mode}"] == ("ERROR", "ClientGone")
    assert world.traces.calls[-1].status.description == "ClientGone"


async def test_a_disconnect_before_the_first_part_ends_the_upstream_call(world: World) -> None:
    world.gateway.hold = asyncio.Event()

    async with call_app(world.app, "reasoning", stream=True) as caller:
        while not world.gateway.requests:
            await asyncio.sleep(0)
        caller.disconnect()

    assert world.gateway.was_cancelled
    assert world.traces.failed
    assert world.traces.statuses()["reasoning-api reasoning"] == ("ERROR", "ClientGone")


async def test_a_disconnect_without_streaming_ends_the_upstream_call(world: World) -> None:
    world.gateway.hold = asyncio.Event()

    async with call_app(world.app) as caller:
        while not world.gateway.requests:
            await asyncio.sleep(0)
        caller.disconnect()

    assert world.gateway.was_cancelled
    assert world.traces.failed


async def test_a_failure_during_a_stream_is_an_event_and_recorded_by_the_span(world: World) -> None:
    async with call_app(world.app, stream=True) as caller:
        world.gateway.chunks.send_text("Hello")
        await caller.next()
        await caller.next()
        world.gateway.chunks.send_raw({"error": {"message": f"{KEY} is out", "code": "429"}})
        event = await caller.next_event()
        end = await caller.next()

    assert (event["error"]["message"], event["error"]["code"]) == ("… is out", "429")
    assert end == {"type": "http.response.body", "body": b"", "more_body": False}
    assert world.traces.failed
    assert world.gateway.chunks.closed.is_set()


async def test_a_connection_lost_during_a_stream_is_an_event(world: World) -> None:
    async with call_app(world.app, stream=True) as caller:
        world.gateway.chunks.send_text("Hello")
        await caller.next()
        await caller.next()
        world.gateway.chunks.parts.put_nowait(httpx2.RemoteProtocolError("cut"))
        event = await caller.next_event()

    assert event["error"]["code"] == "upstream_unreachable"
    assert world.traces.failed


async def test_a_refused_stream_has_the_status_of_the_refusal(world: World) -> None:
    world.gateway.failures["big"] = httpx2.Response(429, json={"error": {"message": "Slowly."}})

    async with call_app(world.app, stream=True) as caller:
        start = await caller.next()

    assert start["status"] == 429
    assert world.traces.failed
