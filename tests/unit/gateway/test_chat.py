from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.errors import (
    GatewayRefused,
    GatewayTimeout,
    GatewayUnreachable,
    UpstreamRefused,
    UpstreamTimeout,
    VirtualKeyRefused,
)
from gatewayctl.gateway.chat import ChatRequest, Chunk, Usage, post_chat
from gatewayctl.settings.model import Secret
from tests.fakes.litellm import FakeLiteLLM, event_stream, served

KEY = Secret("sk-app-0123456789abcdef")
STREAMED = ChatRequest(model="demo", messages=({"role": "user", "content": "hi"},))
WHOLE = ChatRequest(model="demo", messages=({"role": "user", "content": "hi"},), stream=False)


class Parts(httpx.SyncByteStream):
    """A body in the given parts, which may end with a failure."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part


def reply_with(*parts: bytes | Exception) -> FakeLiteLLM:
    fake = FakeLiteLLM()
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, stream=Parts(*parts))
    return fake


def receive(fake: FakeLiteLLM, request: ChatRequest = STREAMED) -> list[Chunk]:
    with served(fake) as gateway, post_chat(gateway, KEY, request) as answer:
        return list(answer.chunks)


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def test_the_request_asks_for_usage_at_the_end_of_the_stream() -> None:
    request = ChatRequest(
        model="demo", messages=({"role": "user", "content": "hi"},), metadata={"component": "a"}
    )

    assert request.body() == {
        "model": "demo",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "metadata": {"component": "a"},
    }


def test_a_stream_yields_its_text_finish_reason_and_usage() -> None:
    fake = FakeLiteLLM()
    fake.add(KEY.reveal(), "app")
    with served(fake) as gateway, post_chat(gateway, KEY, STREAMED) as answer:
        chunks = list(answer.chunks)

        assert answer.call_id == "call-1"
    assert text_of(chunks) == "Hello there."
    assert [chunk.finish_reason for chunk in chunks] == [None, None, "stop", None]
    assert chunks[-1].usage == Usage(prompt_tokens=5, completion_tokens=7, total_tokens=12)


def test_a_reply_that_is_not_streamed_is_one_chunk() -> None:
    fake = FakeLiteLLM()
    fake.add(KEY.reveal(), "app")

    assert receive(fake, WHOLE) == [
        Chunk(
            text="Hello there.",
            finish_reason="stop",
            usage=Usage(prompt_tokens=5, completion_tokens=7, total_tokens=12),
        )
    ]


def test_trace_headers_are_sent() -> None:
    fake = FakeLiteLLM()
    fake.add(KEY.reveal(), "app")
    request = ChatRequest(model="demo", messages=(), headers={"traceparent": "00-a-b-01"})

    receive(fake, request)

    assert fake.requests[-1].headers["traceparent"] == "00-a-b-01"


@given(st.lists(st.text(min_size=1), max_size=5), st.data())
def test_a_stream_reads_the_same_wherever_the_network_cuts_it(
    texts: list[str], data: st.DataObject
) -> None:
    raw = event_stream(*texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    parts = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]

    assert text_of(receive(reply_with(*parts))) == "".join(texts)


def test_a_line_separator_inside_the_json_does_not_end_a_line() -> None:
    body = json.dumps(
        {"choices": [{"delta": {"content": "a\u2028b\x85c"}, "finish_reason": "stop"}]},
        ensure_ascii=False,
    )

    assert text_of(receive(reply_with(f"data: {body}\n\ndata: [DONE]\n\n".encode()))) == (
        "a\u2028b\x85c"
    )


def test_comments_blank_lines_and_carriage_returns_are_not_events() -> None:
    raw = event_stream("hi").replace(b"\n", b"\r\n")

    assert text_of(receive(reply_with(b": ping\r\n\r\n" + raw))) == "hi"


def test_an_error_event_in_the_stream_is_the_providers_refusal() -> None:
    event = {
        "error": {"message": "litellm.APIConnectionError: OpenAIException - boom", "code": "500"}
    }
    raw = event_stream("Hello ", done=False) + f"data: {json.dumps(event)}\n\n".encode()
    seen: list[str] = []

    with (
        served(reply_with(raw)) as gateway,
        pytest.raises(UpstreamRefused, match="boom"),
        post_chat(gateway, KEY, STREAMED) as answer,
    ):
        seen.extend(chunk.text for chunk in answer.chunks)

    assert seen == ["Hello "]


def test_a_providers_timeout_in_the_stream_is_a_timeout() -> None:
    message = "litellm.APIConnectionError: OpenAIException - Timeout on reading data from socket"
    raw = f"data: {json.dumps({'error': {'message': message, 'code': '500'}})}\n\n".encode()

    with pytest.raises(UpstreamTimeout):
        receive(reply_with(raw))


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (b"", GatewayUnreachable),
        (httpx.RemoteProtocolError("incomplete"), GatewayUnreachable),
        (httpx.ReadError("reset"), GatewayUnreachable),
        (httpx.ReadTimeout("timed out"), GatewayTimeout),
        (b"data: {broken\n\n", GatewayRefused),
    ],
)
def test_a_stream_that_breaks_off_is_not_a_complete_reply(
    end: bytes | Exception, expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        receive(reply_with(event_stream("Hello ", done=False), end))


def test_a_finished_stream_without_its_last_line_is_complete() -> None:
    raw = event_stream("Hello").replace(b"data: [DONE]\n\n", b"")

    assert text_of(receive(reply_with(raw))) == "Hello"


def test_a_refused_key_is_reported_as_the_virtual_key() -> None:
    with pytest.raises(VirtualKeyRefused):
        receive(FakeLiteLLM())


@pytest.mark.parametrize("body", [b'{"choices": []}', b"[]", b"no json"])
def test_a_reply_of_another_shape_is_an_error(body: bytes) -> None:
    with pytest.raises(GatewayRefused, match="answered without"):
        receive(reply_with(body), WHOLE)


def test_a_reply_without_text_or_usage_is_empty_not_zero() -> None:
    chunks = receive(reply_with(b'{"choices": [{"message": {"content": null}}]}'), WHOLE)

    assert chunks == [Chunk(text="", finish_reason=None, usage=None)]


def stream_of(*deltas: dict[str, object], end: str) -> bytes:
    choices = [{"index": 0, "delta": delta} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": end})
    events = [json.dumps({"choices": [choice]}) for choice in choices]
    return "".join(f"data: {event}\n\n" for event in (*events, "[DONE]")).encode()


CALL = {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
MORE_OF_THE_CALL = {"index": 0, "function": {"arguments": "{}"}}


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (
            STREAMED,
            stream_of(
                {"role": "assistant", "reasoning_content": "Let me "},
                {"reasoning_content": "think."},
                {"refusal": "I can't."},
                {"tool_calls": [CALL]},
                {"tool_calls": [MORE_OF_THE_CALL]},
                end="length",
            ),
        ),
        (
            WHOLE,
            json.dumps(
                {
                    "choices": [
                        {
                            "message": {
                                "content": None,
                                "reasoning_content": "Let me think.",
                                "provider_specific_fields": {"refusal": "I can't."},
                                "tool_calls": [CALL],
                            },
                            "finish_reason": "length",
                        }
                    ]
                }
            ).encode(),
        ),
    ],
)
def test_what_comes_instead_of_a_text_is_read(request_: ChatRequest, body: bytes) -> None:
    chunks = receive(reply_with(body), request_)

    assert text_of(chunks) == ""
    assert "".join(chunk.reasoning for chunk in chunks) == "Let me think."
    assert "".join(chunk.refusal for chunk in chunks) == "I can't."
    assert [name for chunk in chunks for name in chunk.tool_calls] == ["get_weather"]
    assert chunks[-1].finish_reason == "length"


@pytest.mark.parametrize(
    "event",
    [b'{"choices": 7}', b'{"choices": [7]}', b'{"choices": [{"delta": [1]}]}', b"null", b"["],
)
def test_an_event_of_another_shape_is_refused(event: bytes) -> None:
    with pytest.raises(GatewayRefused, match="answered without"):
        receive(reply_with(b"data: " + event + b"\n\n"))


def test_an_event_that_does_not_end_is_refused() -> None:
    with pytest.raises(GatewayUnreachable, match="does not end"):
        receive(reply_with(b"data: ", *(b"x" * 2**20 for _ in range(9))))
