from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.errors import GatewayUnreachable, PortTaken
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.demo import COMPONENT, MODEL, PROMPT, DemoReport, demo
from gatewayctl.operations.stack.up import UpReport
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import Settings
from tests.fakes.answers import refuse_connection
from tests.fakes.clock import FakeClock
from tests.fakes.driving import driven
from tests.fakes.litellm import FakeLiteLLM, event_stream, served
from tests.fakes.phoenix import SPANS, FakePhoenix, healthy_stack
from tests.fakes.projects import MASTER_KEY, project

KEY = "sk-virtual-dev-0123456789abcdef"
ENV = f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY={KEY}\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, env=ENV)


@pytest.fixture
def stack() -> FakeLiteLLM:
    fake = healthy_stack()
    fake.add(KEY, "litellm-dev")
    return fake


@pytest.fixture
def phoenix(stack: FakeLiteLLM) -> FakePhoenix:
    return FakePhoenix(litellm=stack)


@pytest.fixture
def gateway(stack: FakeLiteLLM) -> Iterator[GatewayClient]:
    with served(stack) as client:
        yield client


def brought_up() -> Generator[Progress, None, UpReport]:
    yield Progress(subject="litellm", state="ready")
    return UpReport(
        project="p",
        runtime="embedded",
        runtime_why="the test says so",
        changed=True,
        secrets_added=(),
        files=(),
        started=(),
        restarted=(),
        services=(),
        keys=None,
        gateway_url="http://127.0.0.1:4000",
        phoenix_url="http://127.0.0.1:6006",
        seconds=1.0,
    )


def told(
    settings: Settings, gateway: GatewayClient, clock: FakeClock | None = None
) -> tuple[list[Any], DemoReport]:
    clock = clock or FakeClock()
    return driven(demo(settings, gateway, brought_up(), clock=clock, sleep=clock.sleep))


def test_the_story_ends_with_the_span_of_its_own_call(
    settings: Settings, gateway: GatewayClient, phoenix: FakePhoenix
) -> None:
    seen, report = told(settings, gateway)

    assert report.problem is None
    assert (report.prompt, report.model, report.component) == (PROMPT, MODEL, COMPONENT)
    assert report.reply == "Hello there."
    assert (report.operation, report.spans, report.parent_found) == ("chat", 3, True)
    assert report.trace_url == f"http://127.0.0.1:6006/redirects/traces/{report.trace_id}"
    assert [event.subject for event in seen[:2]] == ["litellm", "chat"]
    assert (seen[-1].subject, seen[-1].state) == ("trace", "ready")


def test_the_trace_that_is_looked_for_is_the_one_that_was_sent(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM, phoenix: FakePhoenix
) -> None:
    _, report = told(settings, gateway)

    sent = next(r for r in stack.requests if r.url.path == "/v1/chat/completions")
    assert sent.headers["traceparent"].split("-")[1] == report.trace_id
    assert phoenix.queries[0].url.params["trace_id"] == report.trace_id


def test_the_call_names_its_component_and_uses_the_virtual_key(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM, phoenix: FakePhoenix
) -> None:
    told(settings, gateway)

    body = stack.sent("/v1/chat/completions")
    assert body["model"] == "demo"
    assert body["metadata"]["component"] == COMPONENT
    sent = next(r for r in stack.requests if r.url.path == "/v1/chat/completions")
    assert sent.headers["authorization"] == f"Bearer {KEY}"


def test_a_trace_that_takes_a_while_is_waited_for(
    settings: Settings, gateway: GatewayClient, phoenix: FakePhoenix
) -> None:
    phoenix.after = 3
    clock = FakeClock()

    seen, report = told(settings, gateway, clock)

    assert report.problem is None
    assert len(clock.naps) >= 3
    assert [event.detail for event in seen].count("0 spans so far") == 3


def test_the_keys_that_up_has_just_written_are_used(
    tmp_path: Path, gateway: GatewayClient, phoenix: FakePhoenix
) -> None:
    before = project(tmp_path / "p")

    def reload() -> Settings:
        return project(tmp_path / "p", env=ENV)

    clock = FakeClock()
    story = demo(before, gateway, brought_up(), clock=clock, sleep=clock.sleep, reload=reload)
    _, report = driven(story)

    assert report.problem is None


@pytest.mark.parametrize(
    ("missing", "component"),
    [
        ({"client", "gateway", "call"}, None),
        ({"call"}, None),
        ({"client"}, "passthrough"),
        ({"gateway"}, "passthrough"),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else "",
)
def test_a_trace_that_stays_incomplete_is_not_verified(
    missing: set[str],
    component: str | None,
    settings: Settings,
    gateway: GatewayClient,
    phoenix: FakePhoenix,
) -> None:
    phoenix.missing = frozenset(missing)

    seen, report = told(settings, gateway)

    assert report.component == component
    assert report.reply == "Hello there."
    assert report.problem is not None
    assert (report.problem.code, report.problem.exit_code) == ("not_verified", 7)
    assert report.trace_id in report.problem.message
    assert seen[-1].state == "failed"


def test_a_span_without_its_component_is_not_verified(
    settings: Settings, gateway: GatewayClient, phoenix: FakePhoenix
) -> None:
    phoenix.component = None

    _, report = told(settings, gateway)

    assert report.component is None
    assert report.problem is not None


def test_two_spans_for_one_call_are_not_verified(
    settings: Settings, gateway: GatewayClient, phoenix: FakePhoenix
) -> None:
    phoenix.calls = 2

    assert told(settings, gateway)[1].problem is not None


def test_a_phoenix_that_does_not_answer_leaves_it_open_and_is_no_bug(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM, phoenix: FakePhoenix
) -> None:
    stack.planted[SPANS] = refuse_connection
    clock = FakeClock()

    _, report = told(settings, gateway, clock)

    assert (report.reply, report.spans, report.component) == ("Hello there.", 0, None)
    assert report.problem is not None
    assert clock.now - 1000 == pytest.approx(30, abs=6)


def test_what_up_raises_ends_the_story(settings: Settings, gateway: GatewayClient) -> None:
    def fails() -> Generator[Progress, None, UpReport]:
        yield Progress(subject="environment", state="ready")
        raise PortTaken("Port 4000 is held.")

    with pytest.raises(PortTaken):
        driven(demo(settings, gateway, fails()))


def test_what_the_chat_raises_ends_the_story(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM, phoenix: FakePhoenix
) -> None:
    stack.planted["/v1/chat/completions"] = refuse_connection

    with pytest.raises(GatewayUnreachable):
        told(settings, gateway)


def test_an_interrupted_story_interrupts_up(settings: Settings, gateway: GatewayClient) -> None:
    ended: list[str] = []

    def endless() -> Generator[Progress, None, UpReport]:
        try:
            while True:
                yield Progress(subject="litellm", state="working")
        finally:
            ended.append("up")

    events = demo(settings, gateway, endless())
    next(events)
    events.close()

    assert ended == ["up"]


def test_a_reply_that_breaks_off_ends_the_demo_with_the_reason(
    settings: Settings, stack: FakeLiteLLM, gateway: GatewayClient
) -> None:
    cut = event_stream("Hel", done=False)
    stack.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, content=cut)

    with pytest.raises(GatewayUnreachable, match="ended the reply before it was complete"):
        driven(demo(settings, gateway, brought_up()))
