from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.errors import UnknownComponent, UpstreamRefused
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.chat.call import Delta
from gatewayctl.operations.chat.plan import ChatInput
from gatewayctl.operations.chat.report import ChatReport
from gatewayctl.operations.chat.send import send_chat
from gatewayctl.settings.model import Settings
from tests.fakes.driving import driven
from tests.fakes.litellm import FakeLiteLLM, event_stream, served
from tests.fakes.projects import project
from tests.unit.operations.chat.conftest import ENV


class Model:
    """Answers each call with the next of ``answers``; records the requests."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.bodies: list[dict[str, Any]] = []
        self.parents: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        self.parents.append(request.headers["traceparent"])
        answer = self.answers.pop(0)
        headers = {"x-litellm-call-id": f"call-{len(self.bodies)}"}
        if body["stream"]:
            return httpx.Response(200, headers=headers, content=event_stream(answer))
        reply = {"choices": [{"message": {"content": answer}, "finish_reason": "stop"}]}
        return httpx.Response(200, headers=headers, json=reply)

    def metadata(self, name: str) -> list[Any]:
        return [body["metadata"].get(name) for body in self.bodies]


@pytest.fixture
def gateway(fake: FakeLiteLLM) -> Iterator[GatewayClient]:
    with served(fake) as client:
        yield client


def run_route(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, answers: Model, **options: Any
) -> tuple[list[Any], ChatReport]:
    fake.planted["/v1/chat/completions"] = answers
    ask = ChatInput(**{"prompt": "Why?", "model": "gpt-4o", **options})
    return driven(send_chat(settings, gateway, ask, environ={}))


def step(text: str, *, done: bool) -> str:
    return json.dumps({"step": text, "done": done})


def test_passthrough_is_one_streamed_call(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    model = Model("Because.")

    events, report = run_route(settings, gateway, fake, model, route="passthrough")

    assert events == [Delta(text="Because.")]
    assert model.metadata("component") == model.metadata("routing_path") == ["passthrough"]
    assert (report.reply, report.route, len(report.steps)) == ("Because.", "passthrough", 1)


def test_reasoning_continues_until_the_model_is_done(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    model = Model(step("first", done=False), step("second", done=True), "So.")

    events, report = run_route(settings, gateway, fake, model, route="reasoning")

    assert model.metadata("operation") == ["step_generation", "step_generation", "synthesis"]
    assert model.metadata("routing_path") == ["reasoning"] * 3
    assert [body.get("response_format", {}).get("type") for body in model.bodies] == [
        "json_object",
        "json_object",
        None,
    ]
    assert "1. first\n2. second" in model.bodies[2]["messages"][-1]["content"]
    assert [body["stream"] for body in model.bodies] == [False, False, True]
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "So."
    assert [each.call_id for each in report.steps] == ["call-1", "call-2", "call-3"]


def test_max_steps_limits_the_reasoning(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    model = Model(*[step("on", done=False)] * 2, "Enough.")

    _, report = run_route(settings, gateway, fake, model, route="reasoning", max_steps=2)

    assert (report.reply, len(report.steps)) == ("Enough.", 3)


@pytest.mark.parametrize(
    ("path", "operations"),
    [
        ("passthrough", ["auto_routing", "chat"]),
        ("reasoning", ["auto_routing", "step_generation", "synthesis"]),
    ],
)
def test_auto_lets_the_classifier_decide(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, path: str, operations: list[str]
) -> None:
    decision = json.dumps({"route": path, "reason": "r"})
    model = Model(decision, *([step("s", done=True)] if path == "reasoning" else []), "Well.")

    _, report = run_route(settings, gateway, fake, model, route="auto")

    assert model.metadata("operation") == operations
    assert model.bodies[0]["response_format"]["json_schema"]["strict"] is True
    assert (report.routing_path, report.route) == (path, "auto")


def test_every_step_has_its_own_span_in_one_trace(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    model = Model(json.dumps({"route": "passthrough", "reason": "r"}), "Well.")

    _, report = run_route(settings, gateway, fake, model, route="auto")

    assert {parent.split("-")[1] for parent in model.parents} == {report.trace_id}
    sent = [parent.split("-")[2] for parent in model.parents]
    assert sent == [each.span_id for each in report.steps]
    assert report.span_id not in sent
    posted = [request for request in fake.requests if request.url.path == "/v1/traces"]
    assert len(posted) == 3


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("sure, reasoning it is", "it is not JSON"),
        ("", r"it is not JSON\. The reply has no text \(finish_reason stop\)\.$"),
        ("[" * 100_000, "it is not JSON"),
        ("[1]", "it is not a JSON object"),
        ("{}", "it has no 'route'"),
        ('{"route": "elsewhere"}', "neither passthrough nor reasoning"),
    ],
)
def test_an_answer_in_another_format_is_refused_with_the_reason(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, answer: str, why: str
) -> None:
    with pytest.raises(UpstreamRefused, match=why) as caught:
        run_route(settings, gateway, fake, Model(answer), route="auto")

    assert "routing-classifier/auto_routing" in caught.value.message
    assert "JSON" in caught.value.hint


def test_json_in_a_code_fence_is_accepted(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    model = Model(f"```json\n{step('s', done=True)}\n```", "So.")

    assert run_route(settings, gateway, fake, model, route="reasoning")[1].reply == "So."


def test_the_parts_of_the_demo_model_answer_where_json_is_required(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    parts = settings.models[-1].parts
    model = Model(parts["demo-classifier"], parts["demo-step"], "So.")

    run_route(settings, gateway, fake, model, route="auto", model="demo")

    assert [body["model"] for body in model.bodies] == ["demo-classifier", "demo-step", "demo"]


def test_an_undeclared_component_is_refused_before_anything_is_sent(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    settings = project(tmp_path / "own", "components: {passthrough: ~}\n", env=ENV)
    model = Model()

    with pytest.raises(UnknownComponent, match="routing-classifier"):
        run_route(settings, gateway, fake, model, route="auto")

    assert model.bodies == []


def test_a_declared_model_and_prompt_are_used_unless_options_override_them(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    settings = project(
        tmp_path / "own",
        "components:\n  reasoning-agent:\n    operations:\n"
        "      step_generation: {model: gpt-4o-mini, prompt: Own prompt in JSON.}\n"
        "      synthesis:\n",
        env=ENV,
    )

    model = Model(step("s", done=True), "So.")
    run_route(settings, gateway, fake, model, route="reasoning", model=None)
    assert model.bodies[0]["model"] == "gpt-4o-mini"
    assert model.bodies[0]["messages"][0]["content"] == "Own prompt in JSON."

    model = Model(step("s", done=True), "So.")
    run_route(settings, gateway, fake, model, route="reasoning", model="gpt-4o", system="Rhyme.")
    assert [body["model"] for body in model.bodies] == ["gpt-4o"] * 2
    assert "Rhyme." in model.bodies[1]["messages"][0]["content"]
    assert "Rhyme." not in model.bodies[0]["messages"][0]["content"]
