from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gatewayctl.errors import (
    GatewayUnreachable,
    UnknownModel,
    UpstreamRefused,
    UpstreamUnreachable,
    VirtualKeyMissing,
    VirtualKeyRefused,
)
from gatewayctl.gateway.chat import Usage
from gatewayctl.operations.chat.call import Delta
from gatewayctl.operations.chat.plan import ChatInput
from gatewayctl.operations.chat.report import ChatReport
from gatewayctl.operations.chat.send import send_chat
from gatewayctl.settings.model import Settings
from tests.fakes.driving import driven
from tests.fakes.litellm import FakeLiteLLM, event_stream, served
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.operations.chat.conftest import KEY


def send(
    settings: Settings, fake: FakeLiteLLM, *, environ: dict[str, str] | None = None, **options: Any
) -> tuple[list[str], ChatReport]:
    ticks = iter([10.0, 10.25])
    with served(fake) as gateway:
        ask = ChatInput(**{"prompt": "hi", **options})
        events, report = driven(
            send_chat(settings, gateway, ask, environ=environ or {}, clock=lambda: next(ticks))
        )
    return [event.text for event in events], report


def sent_spans(fake: FakeLiteLLM) -> list[Any]:
    """The spans that were posted to Phoenix."""
    bodies = [request.content for request in fake.requests if request.url.path == "/v1/traces"]
    messages = [ExportTraceServiceRequest.FromString(body) for body in bodies]
    return [message.resource_spans[0].scope_spans[0].spans[0] for message in messages]


def test_a_reply_is_yielded_as_it_arrives_and_reported_completely(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    parts, report = send(settings, fake)

    assert parts == ["Hello ", "there."]
    assert report.reply == "Hello there."
    assert report.usage == Usage(prompt_tokens=5, completion_tokens=7, total_tokens=12)
    assert (report.model, report.component, report.operation) == ("demo", "passthrough", "chat")
    assert (report.finish_reason, report.call_id, report.latency_ms) == ("stop", "call-1", 250.0)
    assert (report.verified, report.problem, report.warnings) == (None, None, ())


def test_a_fallback_is_reported_and_recorded_in_the_span(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    """In the headers that LiteLLM 1.106.2 sends with every reply."""
    headers = {
        "x-litellm-model-group": "gpt-4o",
        "x-litellm-attempted-retries": "2",
        "x-litellm-attempted-fallbacks": "1",
    }
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(
        200, content=event_stream("Hello"), headers=headers
    )

    _, report = send(settings, fake)

    assert (report.model, report.retries, report.fallback) == ("demo", 2, "gpt-4o")
    (span,) = sent_spans(fake)
    recorded = {each.key: each.value for each in span.attributes}
    assert recorded["gatewayctl.fallback"].string_value == "gpt-4o"
    assert recorded["gatewayctl.retries"].int_value == 2


def test_a_reply_that_is_not_streamed_is_not_yielded(settings: Settings, fake: FakeLiteLLM) -> None:
    parts, report = send(settings, fake, stream=False)

    assert parts == []
    assert (report.reply, report.streamed) == ("Hello there.", False)


def test_the_request_contains_metadata_and_the_context_of_the_span(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    _, report = send(settings, fake, component="reasoning-agent", operation="synthesis")

    body = fake.sent("/v1/chat/completions")
    assert body["metadata"]["component"] == "reasoning-agent"
    assert body["metadata"]["tags"] == ["component:reasoning-agent", "op:synthesis"]
    sent = next(r for r in fake.requests if r.url.path == "/v1/chat/completions")
    assert sent.headers["traceparent"].split("-")[1:3] == [report.trace_id, report.span_id]
    (span,) = sent_spans(fake)
    assert (span.trace_id.hex(), span.span_id.hex()) == (report.trace_id, report.span_id)
    assert report.trace_exported


def test_the_gateway_gets_the_virtual_key_and_phoenix_gets_no_key(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    send(settings, fake, prompt="hi")

    keys = {request.url.path: request.headers.get("authorization") for request in fake.requests}
    assert keys == {"/v1/chat/completions": f"Bearer {KEY}", "/v1/traces": None}
    traced = b"".join(r.content for r in fake.requests if r.url.path == "/v1/traces")
    assert KEY.encode() not in traced
    assert MASTER_KEY.encode() not in b"".join(request.content for request in fake.requests)


def test_the_trace_of_the_caller_is_continued(settings: Settings, fake: FakeLiteLLM) -> None:
    environ = {"TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-01"}

    _, report = send(settings, fake, environ=environ)

    assert report.trace_id == "a" * 32
    assert sent_spans(fake)[0].parent_span_id.hex() == "b" * 16


def test_if_phoenix_is_down_the_reply_comes_with_a_warning(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    def down(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    fake.phoenix = down

    _, report = send(settings, fake)

    assert report.reply == "Hello there."
    assert not report.trace_exported
    (warning,) = report.warnings
    assert warning.startswith("The trace is not complete: Phoenix does not answer at http://127")


def test_without_a_virtual_key_nothing_is_sent(tmp_path: Path, fake: FakeLiteLLM) -> None:
    settings = project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")

    with pytest.raises(VirtualKeyMissing):
        send(settings, fake)
    assert fake.requests == []


def test_a_refused_key_is_reported_with_its_variable_and_source(settings: Settings) -> None:
    with pytest.raises(VirtualKeyRefused, match=r"LITELLM_API_KEY \(\.env line 2\)") as caught:
        send(settings, FakeLiteLLM())

    assert "keys create" in caught.value.hint


def test_a_refused_key_of_an_undeclared_variable_is_reported_with_its_source(
    settings: Settings,
) -> None:
    source = r"It is the value of MY_KEY \(environment variable MY_KEY\)\.$"
    with pytest.raises(VirtualKeyRefused, match=source) as caught:
        send(settings, FakeLiteLLM(), key_env="MY_KEY", environ={"MY_KEY": "sk-mine-0123456789"})

    assert caught.value.hint == "Run `unset MY_KEY`."


def test_an_unknown_model_is_reported_with_the_nearest_declared_one(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    with pytest.raises(UnknownModel, match="'gpt-40'") as caught:
        send(settings, fake, model="gpt-40")

    assert caught.value.hint == "Choose a declared model (did you mean 'gpt-4o'?)."


def test_if_the_gateway_does_not_serve_a_declared_model_the_hint_points_to_both_lists(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    with pytest.raises(UnknownModel) as caught:
        send(settings, fake, model="o1-mini")

    assert "models list" in caught.value.hint
    assert "keys list" in caught.value.hint


def test_a_failed_chat_is_traced_with_its_error_code_only(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    with pytest.raises(UnknownModel):
        send(settings, fake, model="nope")

    (span,) = sent_spans(fake)
    assert (span.status.code, span.status.message) == (2, "unknown_model")


def broken_stream(*parts: bytes | Exception) -> httpx.SyncByteStream:
    class Broken(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for part in parts:
                if isinstance(part, Exception):
                    raise part
                yield part

    return Broken()


def test_an_interrupted_reply_is_reported_with_the_problem(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    error = {"error": {"message": "litellm.APIConnectionError: OpenAIException - boom"}}
    raw = event_stream("Hello ", done=False) + f"data: {json.dumps(error)}\n\n".encode()
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, content=raw)

    parts, report = send(settings, fake)

    assert parts == ["Hello "]
    assert report.reply == "Hello "
    assert isinstance(report.problem, UpstreamRefused)
    assert sent_spans(fake)[0].status.message == "upstream_refused"


def test_a_lost_connection_keeps_the_parts_that_arrived(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    stream = broken_stream(event_stream("Hello ", done=False), httpx.ReadError("reset"))
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, stream=stream)

    _, report = send(settings, fake)

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
    (span,) = sent_spans(fake)
    assert (span.status.code, span.status.message) == (2, "interrupted")


def test_closing_the_generator_sends_the_span_as_cancelled(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    with served(fake) as gateway:
        events = send_chat(settings, gateway, ChatInput(prompt="hi"), environ={})
        assert next(events) == Delta(text="Hello ")
        events.close()

    (span,) = sent_spans(fake)
    assert span.status.message == "interrupted"


def test_an_internal_error_still_ends_the_span(settings: Settings, fake: FakeLiteLLM) -> None:
    stream = broken_stream(event_stream("Hello ", done=False), ZeroDivisionError("bug"))
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, stream=stream)

    with pytest.raises(ZeroDivisionError):
        send(settings, fake)

    assert sent_spans(fake)[0].status.message == "bug"


def reply_of(*deltas: dict[str, Any], end: str) -> httpx.Response:
    choices = [{"index": 0, "delta": delta} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": end})
    events = [f"data: {json.dumps({'choices': [choice]})}\n\n" for choice in choices]
    return httpx.Response(200, text="".join((*events, "data: [DONE]\n\n")))


ASK = ChatInput(prompt="hi")
CALL = {"tool_calls": [{"function": {"name": "get_weather", "arguments": "{}"}}]}


@pytest.mark.parametrize(
    ("delta", "end", "warning"),
    [
        ({"reasoning_content": "hm"}, "length",
         ("The reply has no text, only reasoning: the token limit was reached"
         " (finish_reason length).")),
        ({"content": ""}, "content_filter",
         ("The reply has no text: the provider's content filter stopped it"
         " (finish_reason content_filter).")),
        ({"content": "half"}, "length",
         "The reply is cut off: the token limit was reached (finish_reason length)."),
        ({"refusal": "I can't."}, "stop",
         "The model refused to answer (finish_reason stop): I can't."),
        (CALL, "tool_calls",
         "The model calls get_weather, which chat does not run (finish_reason tool_calls)."),
        ({"content": None}, "stop", "The reply has no text (finish_reason stop)."),
    ],
)  # fmt: skip
def test_a_reply_without_text_or_cut_off_says_why_and_is_a_success(
    settings: Settings, fake: FakeLiteLLM, delta: dict[str, Any], end: str, warning: str
) -> None:
    fake.planted["/v1/chat/completions"] = lambda _: reply_of(delta, end=end)

    _, report = send(settings, fake)

    assert report.warnings == (warning,)
    assert (report.problem, report.finish_reason) == (None, end)
    assert report.reasoning == delta.get("reasoning_content")
    assert report.refusal == delta.get("refusal")
    assert report.tool_calls == (("get_weather",) if delta is CALL else ())


def test_a_provider_that_cannot_be_reached_has_the_cause_of_litellms_log(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    message = (
        "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error."
    )
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(
        500, json={"error": {"message": message}}, headers={"x-litellm-call-id": "call-9"}
    )
    log = "litellm_call_id=call-9\nsocket.gaierror: [Errno -2] Name or service not known\n"

    with (
        served(fake) as gateway,
        pytest.raises(UpstreamUnreachable, match="host name cannot be resolved"),
    ):
        driven(send_chat(settings, gateway, ASK, environ={}, read_log=lambda: log))


def test_the_deployment_and_an_answer_of_the_cache_are_reported_and_recorded(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    """In the headers that LiteLLM 1.108.14 sends."""
    headers = {"x-litellm-call-id": "call-1", "x-litellm-model-name": "openai/a"}

    def answer(**more: str) -> None:
        fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(
            200, content=event_stream("Hello"), headers={**headers, **more}
        )

    answer()
    _, called = send(settings, fake)
    answer(**{"x-litellm-cache-key": "0f1e"})
    _, cached = send(settings, fake)

    assert (called.deployment, called.cached) == ("openai/a", False)
    # The deployment in the header of an answer from the cache was not called.
    assert (cached.deployment, cached.cached) == (None, True)
    first, second = ({each.key: each.value for each in s.attributes} for s in sent_spans(fake))
    assert first["gatewayctl.deployment"].string_value == "openai/a"
    assert second["gatewayctl.cached"].bool_value


def test_a_reply_without_tokens_and_call_id_is_no_answer_of_a_model(
    settings: Settings, fake: FakeLiteLLM
) -> None:
    choice = {"index": 0, "message": {"content": "I cannot."}, "finish_reason": "content_filter"}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(
        200, json={"choices": [choice], "usage": usage}
    )

    _, report = send(settings, fake, stream=False)

    assert report.reply == "I cannot."
    assert "a guardrail answered in place of the model" in report.warnings[0]


def test_parameters_tags_and_attachments_are_sent(settings: Settings, fake: FakeLiteLLM) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}

    send(settings, fake, params={"temperature": 0}, tags=("batch",), attachments=(image,))

    body = fake.sent("/v1/chat/completions")
    assert (body["temperature"], body["stream"]) == (0, True)
    assert body["metadata"]["tags"] == ["batch", "component:passthrough", "op:chat"]
    assert body["messages"][-1]["content"][1] == image
