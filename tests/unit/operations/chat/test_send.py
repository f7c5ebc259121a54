from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gatewayctl.errors import (
    GatewayUnreachable,
    UnknownModel,
    UpstreamRefused,
    VirtualKeyMissing,
    VirtualKeyRefused,
)
from gatewayctl.gateway.chat import Usage
from gatewayctl.operations.chat.call import Delta
from gatewayctl.operations.chat.plan import ChatInput
from gatewayctl.operations.chat.report import ChatReport
from gatewayctl.operations.chat.send import send_chat
from gatewayctl.settings.model import Settings
from tests.fakes.litellm import FakeLiteLLM, event_stream, served
from tests.fakes.projects import MASTER_KEY, project

KEY = "sk-app-0123456789abcdef"
ENV = f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY={KEY}\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, env=ENV)


@pytest.fixture
def fake() -> FakeLiteLLM:
    made = FakeLiteLLM()
    made.add(KEY, "litellm-dev")
    return made


def drive(events: Generator[Any, None, ChatReport]) -> tuple[list[str], ChatReport]:
    parts: list[str] = []
    while True:
        try:
            parts.append(next(events).text)
        except StopIteration as done:
            return parts, done.value


def say(
    settings: Settings, fake: FakeLiteLLM, *, environ: dict[str, str] | None = None, **asked: Any
) -> tuple[list[str], ChatReport]:
    ticks = iter([10.0, 10.25])
    with served(fake) as gateway:
        ask = ChatInput(**{"prompt": "hi", **asked})
        return drive(
            send_chat(settings, gateway, ask, environ=environ or {}, clock=lambda: next(ticks))
        )


def exported(fake: FakeLiteLLM) -> list[Any]:
    """The spans that were posted to Phoenix."""
    bodies = [request.content for request in fake.requests if request.url.path == "/v1/traces"]
    messages = [ExportTraceServiceRequest.FromString(body) for body in bodies]
    return [message.resource_spans[0].scope_spans[0].spans[0] for message in messages]


def test_a_reply_is_yielded_as_it_arrives_and_reported_whole(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    parts, report = say(settings, fake)

    assert parts == ["Hello ", "there."]
    assert report.reply == "Hello there."
    assert report.usage == Usage(prompt_tokens=5, completion_tokens=7, total_tokens=12)
    assert (report.model, report.component, report.operation) == ("demo", "passthrough", "chat")
    assert (report.finish_reason, report.call_id, report.latency_ms) == ("stop", "call-1", 250.0)
    assert (report.verified, report.problem, report.warnings) == (None, None, ())


def test_a_whole_reply_is_not_yielded(settings: Settings, fake: FakeLiteLLM) -> None:
    parts, report = say(settings, fake, stream=False)

    assert parts == []
    assert (report.reply, report.streamed) == ("Hello there.", False)


def test_the_request_carries_metadata_and_the_span_that_is_then_sent(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    _, report = say(settings, fake, component="reasoning-agent", operation="synthesis")

    body = fake.sent("/v1/chat/completions")
    assert body["metadata"]["component"] == "reasoning-agent"
    assert body["metadata"]["tags"] == ["component:reasoning-agent", "op:synthesis"]
    sent = next(r for r in fake.requests if r.url.path == "/v1/chat/completions")
    assert sent.headers["traceparent"].split("-")[1:3] == [report.trace_id, report.span_id]
    (span,) = exported(fake)
    assert (span.trace_id.hex(), span.span_id.hex()) == (report.trace_id, report.span_id)
    assert report.trace_exported


def test_the_gateway_gets_the_virtual_key_and_phoenix_none(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    say(settings, fake, prompt="hi")

    keys = {request.url.path: request.headers.get("authorization") for request in fake.requests}
    assert keys == {"/v1/chat/completions": f"Bearer {KEY}", "/v1/traces": None}
    traced = b"".join(r.content for r in fake.requests if r.url.path == "/v1/traces")
    assert KEY.encode() not in traced
    assert MASTER_KEY.encode() not in b"".join(request.content for request in fake.requests)


def test_a_callers_trace_goes_on(settings: Settings, fake: FakeLiteLLM) -> None:
    environ = {"TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-01"}

    _, report = say(settings, fake, environ=environ)

    assert report.trace_id == "a" * 32
    assert exported(fake)[0].parent_span_id.hex() == "b" * 16


def test_a_phoenix_that_is_down_is_a_warning_beside_the_reply(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    def down(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    fake.phoenix = down

    _, report = say(settings, fake)

    assert report.reply == "Hello there."
    assert not report.trace_exported
    (warning,) = report.warnings
    assert warning.startswith("The trace is not complete: Phoenix does not answer at http://127")


def test_nothing_is_sent_before_everything_is_decided(tmp_path: Path, fake: FakeLiteLLM) -> None:
    settings = project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")

    with pytest.raises(VirtualKeyMissing):
        say(settings, fake)
    assert fake.requests == []


def test_a_refused_key_names_its_variable_and_where_it_came_from(settings: Settings) -> None:
    with pytest.raises(VirtualKeyRefused, match=r"LITELLM_API_KEY \(\.env line 2\)") as caught:
        say(settings, FakeLiteLLM())

    assert "keys create" in caught.value.hint


def test_a_refused_key_of_a_variable_nobody_declared_is_named_all_the_same(
    settings: Settings,
) -> None:
    with pytest.raises(VirtualKeyRefused, match=r"It is the value of MY_KEY\.$"):
        say(settings, FakeLiteLLM(), key_env="MY_KEY", environ={"MY_KEY": "sk-mine-0123456789"})


def test_an_unknown_model_lists_the_declared_ones(settings: Settings, fake: FakeLiteLLM) -> None:
    with pytest.raises(UnknownModel, match="'gpt-40'") as caught:
        say(settings, fake, model="gpt-40")

    assert caught.value.hint == "Choose a declared model (did you mean 'gpt-4o'?)."


def test_a_declared_model_the_gateway_does_not_serve_points_to_both_lists(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    with pytest.raises(UnknownModel) as caught:
        say(settings, fake, model="o1-mini")

    assert "models list" in caught.value.hint
    assert "keys list" in caught.value.hint


def test_a_failed_chat_is_traced_with_its_code_and_without_words(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    with pytest.raises(UnknownModel):
        say(settings, fake, model="nope")

    (span,) = exported(fake)
    assert (span.status.code, span.status.message) == (2, "unknown_model")


def breaking(*parts: bytes | Exception) -> httpx.SyncByteStream:
    class Broken(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for part in parts:
                if isinstance(part, Exception):
                    raise part
                yield part

    return Broken()


def test_a_reply_that_breaks_off_keeps_what_came_and_says_why(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    error = {"error": {"message": "litellm.APIConnectionError: OpenAIException - boom"}}
    raw = event_stream("Hello ", done=False) + f"data: {json.dumps(error)}\n\n".encode()
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, content=raw)

    parts, report = say(settings, fake)

    assert parts == ["Hello "]
    assert report.reply == "Hello "
    assert isinstance(report.problem, UpstreamRefused)
    assert exported(fake)[0].status.message == "upstream_refused"


def test_a_connection_that_is_cut_keeps_what_came(settings: Settings, fake: FakeLiteLLM) -> None:
    stream = breaking(event_stream("Hello ", done=False), httpx.ReadError("reset"))
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, stream=stream)

    _, report = say(settings, fake)

    assert report.reply == "Hello "
    assert isinstance(report.problem, GatewayUnreachable)


def test_ctrl_c_while_waiting_sends_the_span_as_cancelled(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    class Stopped(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield event_stream("Hello ", done=False)
            raise KeyboardInterrupt

    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, stream=Stopped())
    parts: list[str] = []

    with served(fake) as gateway, pytest.raises(KeyboardInterrupt):
        parts.extend(
            delta.text
            for delta in send_chat(settings, gateway, ChatInput(prompt="hi"), environ={})
            if isinstance(delta, Delta)
        )

    assert parts == ["Hello "]
    (span,) = exported(fake)
    assert (span.status.code, span.status.message) == (2, "interrupted")


def test_a_reader_that_goes_away_hangs_up_and_sends_the_span_as_cancelled(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    with served(fake) as gateway:
        events = send_chat(settings, gateway, ChatInput(prompt="hi"), environ={})
        assert next(events) == Delta(text="Hello ")
        events.close()

    (span,) = exported(fake)
    assert span.status.message == "interrupted"


def test_a_bug_in_between_still_ends_the_span(settings: Settings, fake: FakeLiteLLM) -> None:
    stream = breaking(event_stream("Hello ", done=False), ZeroDivisionError("bug"))
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, stream=stream)

    with pytest.raises(ZeroDivisionError):
        say(settings, fake)

    assert exported(fake)[0].status.message == "bug"
