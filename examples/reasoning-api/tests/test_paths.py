"""The routing modes: their calls, components, traces and replies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conftest import KEY, SETTINGS, USAGE, World
from reasoning_api.settings import Settings

pytestmark = pytest.mark.anyio
CLASSIFIED = ("routing-classifier", "auto_routing", "auto")
STEP = ("reasoning-agent", "step_generation", "reasoning")
SYNTHESIS = ("reasoning-agent", "synthesis", "reasoning")
DIRECT = ("passthrough", "chat", "passthrough")


async def test_the_default_mode_is_passthrough(world: World) -> None:
    answer = await world.ask(model="mine", temperature=0.5)

    assert answer.status_code == 200
    assert answer.headers["x-routing-path"] == "passthrough"
    assert answer.json()["choices"][0]["message"]["content"] == "Hello from the gateway."
    assert answer.json()["usage"] == USAGE
    (body,) = world.gateway.bodies
    assert (body["model"], body["temperature"]) == ("mine", 0.5)
    assert body["messages"] == [{"role": "user", "content": "Why?"}]
    assert world.gateway.purposes == [DIRECT]


async def test_reasoning_makes_steps_in_json_mode_until_done_and_then_answers(world: World) -> None:
    answer = await world.ask("reasoning", model="mine", temperature=0.5)

    first, second, last = world.gateway.bodies
    assert world.gateway.purposes == [STEP, STEP, SYNTHESIS]
    assert [first["model"], second["model"], last["model"]] == ["thinker", "thinker", "mine"]
    assert first["response_format"] == second["response_format"] == {"type": "json_object"}
    assert "steps so far" not in str(first["messages"])
    assert "1. Think." in second["messages"][-1]["content"]
    assert "2. Think again." in last["messages"][-1]["content"]
    assert ("temperature" in first, last["temperature"]) == (False, 0.5)
    assert answer.json()["choices"][0]["message"]["content"] == "Hello from the gateway."
    assert answer.headers["x-routing-path"] == "reasoning"


async def test_auto_asks_the_classifier_for_an_answer_in_a_schema(world: World) -> None:
    answer = await world.ask("auto")

    body = world.gateway.bodies[0]
    schema = body["response_format"]["json_schema"]
    assert world.gateway.purposes == [CLASSIFIED, STEP, STEP, SYNTHESIS]
    assert (body["model"], schema["strict"]) == ("chooser", True)
    assert schema["schema"]["properties"]["route"]["enum"] == ["passthrough", "reasoning"]
    assert set(schema["schema"]["required"]) == {"route", "reason"}
    assert schema["schema"]["additionalProperties"] is False
    assert answer.headers["x-routing-path"] == "reasoning"


async def test_auto_uses_passthrough_if_the_classifier_chooses_it(world: World) -> None:
    world.gateway.route = '{"route": "passthrough", "reason": "It is simple."}'

    answer = await world.ask("auto")

    assert world.gateway.purposes == [CLASSIFIED, DIRECT]
    assert answer.headers["x-routing-path"] == "passthrough"
    assert world.traces.events() == {}


@pytest.mark.parametrize(
    "garbage", ["", "reasoning", "{}", '{"route": "nowhere", "reason": "?"}', "[1]", "null"]
)
async def test_an_invalid_answer_of_the_classifier_means_passthrough_and_an_event(
    world: World, garbage: str
) -> None:
    world.gateway.route = garbage

    answer = await world.ask("auto")

    assert (answer.status_code, answer.headers["x-routing-path"]) == (200, "passthrough")
    assert world.gateway.purposes == [CLASSIFIED, DIRECT]
    assert world.traces.events()["routing.fallback"]["path"] == "passthrough"


async def test_steps_end_at_the_limit(world: World) -> None:
    world.gateway.steps = ["On and on."] * 9

    await world.ask("reasoning")

    assert world.gateway.purposes == [STEP] * SETTINGS.max_steps + [SYNTHESIS]
    assert world.traces.events() == {"reasoning.step_limit": {"steps": SETTINGS.max_steps}}


async def test_an_invalid_step_ends_the_steps_with_an_event(
    world: World,
) -> None:
    world.gateway.step_text = "Well, let me think."

    answer = await world.ask("reasoning")

    assert answer.status_code == 200
    assert world.gateway.purposes == [STEP, SYNTHESIS]
    assert "reasoning.unreadable_step" in world.traces.events()


class TestWithOneModelForAll:
    @pytest.fixture
    def settings(self) -> Settings:
        return replace(SETTINGS, step_model=None, classifier_model=None)

    async def test_steps_and_classifier_use_the_requested_model(self, world: World) -> None:
        world.gateway.steps = ["Once."]

        await world.ask("auto", model="mine")
        await world.ask("auto")

        assert [body["model"] for body in world.gateway.bodies] == ["mine"] * 3 + ["big"] * 3


@pytest.mark.parametrize("mode", ["passthrough", "reasoning", "auto"])
async def test_a_request_is_one_tree_with_one_span_per_call(world: World, mode: str) -> None:
    answer = await world.ask(mode)

    traces = world.traces
    assert world.gateway.parents == traces.callers
    assert traces.root.name == f"reasoning-api {mode}"
    assert {span.parent.span_id for span in traces.calls if span.parent} == {
        traces.root.context.span_id
    }
    names = [f"{component}/{operation}" for component, operation, _ in world.gateway.purposes]
    assert [span.name for span in traces.calls] == names
    assert set(traces.statuses().values()) == {("OK", None)}
    assert {trace_id for trace_id, _ in traces.callers} == {answer.headers["x-trace-id"]}
    attributes = dict(traces.root.attributes or {})
    assert attributes["openinference.span.kind"] == "CHAIN"
    assert (attributes["input.value"], attributes["output.value"]) == (
        "Why?",
        "Hello from the gateway.",
    )
    assert (attributes["routing.mode"], attributes["routing.path"]) == (
        mode,
        answer.headers["x-routing-path"],
    )


async def test_the_trace_of_the_caller_is_continued(world: World) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}

    await world.http.post(
        "/v1/chat/completions",
        json={"messages": [{"role": "user", "content": "Why?"}]},
        headers=headers,
    )

    ((sent, span_id),) = world.gateway.parents
    assert (sent, span_id == "b7ad6b7169203331") == (trace_id, False)


async def test_a_caller_cannot_set_the_component(world: World) -> None:
    own = {"component": "other-component", "tags": ["component:other-component"], "ticket": "7"}

    await world.ask(metadata=own)

    (body,) = world.gateway.bodies
    assert body["metadata"]["ticket"] == "7"
    assert body["metadata"]["component"] == "passthrough"
    assert body["metadata"]["tags"] == ["component:passthrough", "op:chat"]


async def test_only_the_gateway_gets_the_key_of_the_application(world: World) -> None:
    await world.ask("auto")

    assert {r.headers["authorization"] for r in world.gateway.requests} == {f"Bearer {KEY}"}
    assert KEY not in "".join(span.to_json() for span in world.traces.spans)


class TestWithContentsHidden:
    @pytest.fixture
    def settings(self) -> Settings:
        return replace(SETTINGS, hide_inputs=True, hide_outputs=True)

    async def test_spans_contain_neither_question_nor_answer(self, world: World) -> None:
        await world.ask("reasoning")

        text = "".join(span.to_json() for span in world.traces.spans)
        assert "Why?" not in text
        assert "Hello" not in text


async def test_healthz_answers_without_a_span(world: World) -> None:
    answer = await world.http.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert world.traces.spans == []


async def test_content_parts_and_tools_are_passed_on(world: World) -> None:
    content: list[dict[str, Any]] = [{"type": "text", "text": "What is this?"}]

    await world.ask(messages=[{"role": "user", "content": content}], tools=[{"type": "function"}])

    (body,) = world.gateway.bodies
    assert body["messages"][0]["content"] == content
    assert body["tools"] == [{"type": "function"}]
