"""Streams: parts as they come, usage, failures half way, callers that hang up."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from streamed import calling

from conftest import KEY, USAGE, World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", ["passthrough", "reasoning", "auto"])
async def test_parts_are_passed_on_as_they_arrive(world: World, mode: str) -> None:
    chunks = world.gateway.chunks

    async with calling(world.app, mode, stream=True) as caller:
        chunks.say("Hello")
        start = await caller.next()
        assert start["status"] == 200
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        # The gateway has said no more than this yet.
        assert await caller.content() == "Hello"
        chunks.say(" there")
        assert await caller.content() == " there"
        assert not [span for span in world.traces.spans if span.parent is None]
        chunks.finish()
        assert (await caller.event())["choices"][0]["finish_reason"] == "stop"
        assert await caller.event() == "[DONE]"

    asked = world.gateway.bodies[-1]
    assert (asked["stream"], asked["stream_options"]) == (True, {"include_usage": True})
    assert [body.get("stream", False) for body in world.gateway.bodies[:-1]] == [False] * (
        len(world.gateway.bodies) - 1
    )
    assert set(world.traces.statuses().values()) == {("OK", None)}
    assert (world.traces.root.attributes or {})["output.value"] == "Hello there"
    assert world.gateway.parents == world.traces.callers


async def test_the_synthesis_is_what_is_streamed(world: World) -> None:
    async with calling(world.app, "reasoning", stream=True):
        world.gateway.chunks.finish()

    assert world.gateway.purposes[-1] == ("reasoning-agent", "synthesis", "reasoning")
    assert world.gateway.bodies[-1]["stream"] is True


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_chunk_of_usage_is_for_callers_that_asked_for_it(
    world: World, wanted: bool
) -> None:
    options = {"include_usage": wanted}

    async with calling(world.app, stream=True, stream_options=options) as caller:
        world.gateway.chunks.finish()
        await caller.next()
        await caller.event()
        last = await caller.event()

    assert (last["usage"] if wanted else last) == (USAGE if wanted else "[DONE]")


@pytest.mark.parametrize("mode", ["passthrough", "reasoning"])
async def test_a_caller_that_hangs_up_ends_the_call_upstream(world: World, mode: str) -> None:
    async with calling(world.app, mode, stream=True) as caller:
        world.gateway.chunks.say("Hello")
        await caller.next()
        await caller.next()
        caller.hang_up()
        await asyncio.wait_for(world.gateway.chunks.closed.wait(), 10)

    assert world.traces.statuses()[f"reasoning-api {mode}"] == ("ERROR", "ClientGone")
    assert world.traces.calls[-1].status.description == "ClientGone"


async def test_a_caller_that_hangs_up_before_a_word_was_said_ends_it_too(world: World) -> None:
    world.gateway.held = asyncio.Event()

    async with calling(world.app, "reasoning", stream=True) as caller:
        while not world.gateway.requests:
            await asyncio.sleep(0)
        caller.hang_up()

    assert world.gateway.hung_up
    assert world.traces.failed
    assert world.traces.statuses()["reasoning-api reasoning"] == ("ERROR", "ClientGone")


async def test_a_caller_of_a_whole_reply_may_hang_up_as_well(world: World) -> None:
    world.gateway.held = asyncio.Event()

    async with calling(world.app) as caller:
        while not world.gateway.requests:
            await asyncio.sleep(0)
        caller.hang_up()

    assert world.gateway.hung_up
    assert world.traces.failed


async def test_a_failure_half_way_is_an_event_and_the_span_says_so(world: World) -> None:
    async with calling(world.app, stream=True) as caller:
        world.gateway.chunks.say("Hello")
        await caller.next()
        await caller.next()
        world.gateway.chunks.raw({"error": {"message": f"{KEY} is out", "code": "429"}})
        event = await caller.event()
        end = await caller.next()

    assert (event["error"]["message"], event["error"]["code"]) == ("… is out", "429")
    assert end == {"type": "http.response.body", "body": b"", "more_body": False}
    assert world.traces.failed
    assert world.gateway.chunks.closed.is_set()


async def test_a_connection_that_breaks_half_way_is_an_event(world: World) -> None:
    async with calling(world.app, stream=True) as caller:
        world.gateway.chunks.say("Hello")
        await caller.next()
        await caller.next()
        world.gateway.chunks.parts.put_nowait(httpx2.RemoteProtocolError("cut"))
        event = await caller.event()

    assert event["error"]["code"] == "upstream_unreachable"
    assert world.traces.failed


async def test_a_stream_that_is_refused_has_the_status_of_the_refusal(world: World) -> None:
    world.gateway.failures["big"] = httpx2.Response(429, json={"error": {"message": "Slowly."}})

    async with calling(world.app, stream=True) as caller:
        start = await caller.next()

    assert start["status"] == 429
    assert world.traces.failed
