from __future__ import annotations

from pathlib import Path

import httpx

from gatewayctl.operations.traces.probe import has_probe_arrived, send_probe
from gatewayctl.settings.model import Secret
from tests.fakes.answers import refuse_connection
from tests.fakes.clock import FakeClock
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.operations.traces.test_verification import as_row
from tests.unit.tracing.test_verify import CLIENT

MASTER = Secret(MASTER_KEY)
SPANS = "/v1/projects/gateway/spans"


def test_a_probe_is_a_sampled_request_that_calls_no_model() -> None:
    fake = FakeLiteLLM()
    fake.planted["/v1/models"] = lambda _: httpx.Response(200, json={"data": []})
    with served(fake) as gateway:
        trace_id = send_probe(gateway, MASTER)

    (sent,) = fake.requests
    assert (sent.method, sent.url.path) == ("GET", "/v1/models")
    assert sent.headers["traceparent"].split("-")[1::2] == [trace_id, "01"]


def test_without_a_key_or_a_gateway_there_is_no_probe() -> None:
    fake = FakeLiteLLM()
    fake.planted["/v1/models"] = refuse_connection
    with served(fake) as gateway:
        assert send_probe(gateway, None) is None
        assert send_probe(gateway, MASTER) is None


def test_a_probe_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    fake, clock = FakeLiteLLM(), FakeClock()
    headers = {"x-phoenix-server-version": "20"}
    rows = [as_row(CLIENT)]

    def after(seconds: float) -> None:
        fake.planted[SPANS] = lambda _: httpx.Response(
            200, headers=headers, json={"data": rows if clock.now >= 1000 + seconds else []}
        )

    with served(fake) as gateway:
        settings = project(tmp_path)
        for seconds, there in ((0.5, True), (50, False)):
            clock.now = 1000
            after(seconds)
            assert there is has_probe_arrived(
                settings, gateway, "a" * 32, timeout=2, clock=clock, sleep=clock.sleep
            )
        assert not has_probe_arrived(
            settings, gateway, None, timeout=2, clock=clock, sleep=clock.sleep
        )


def test_a_phoenix_that_does_not_answer_shows_no_probe(tmp_path: Path) -> None:
    fake, clock = FakeLiteLLM(), FakeClock()
    fake.planted[SPANS] = refuse_connection
    with served(fake) as gateway:
        there = has_probe_arrived(
            project(tmp_path), gateway, "a" * 32, timeout=1, clock=clock, sleep=clock.sleep
        )

    assert not there
