from __future__ import annotations

from pathlib import Path

import httpx

from gatewayctl.operations.traces.probe import has_probe_arrived, send_probe
from gatewayctl.settings.model import Secret
from tests.fakes.answers import refuse_connection
from tests.fakes.clock import FakeClock
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.phoenix import SPANS, spans_page
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.traces import CLIENT, TRACE, as_row

MASTER = Secret(MASTER_KEY)


def test_a_probe_is_a_sampled_request_that_calls_no_model() -> None:
    fake = FakeLiteLLM()
    fake.planted["/v1/models"] = lambda _: httpx.Response(200, json={"data": []})
    with served(fake) as gateway:
        trace_id = send_probe(gateway, MASTER)

    (sent,) = fake.requests
    assert (sent.method, sent.url.path) == ("GET", "/v1/models")
    assert sent.headers["traceparent"].split("-")[1::2] == [trace_id, "01"]


def test_without_a_key_or_a_gateway_no_probe_is_sent() -> None:
    fake = FakeLiteLLM()
    fake.planted["/v1/models"] = refuse_connection
    with served(fake) as gateway:
        assert send_probe(gateway, None) is None
        assert send_probe(gateway, MASTER) is None


def test_waiting_for_a_probe_ends_at_the_timeout(tmp_path: Path) -> None:
    fake, clock = FakeLiteLLM(), FakeClock()

    def arrive_after(seconds: float) -> None:
        fake.planted[SPANS] = lambda _: spans_page(
            *([as_row(CLIENT)] if clock.now >= 1000 + seconds else [])
        )

    with served(fake) as gateway:
        settings = project(tmp_path)
        for seconds, expected in ((0.5, True), (50, False)):
            clock.now = 1000
            arrive_after(seconds)
            assert expected is has_probe_arrived(
                settings, gateway, TRACE, timeout=2, clock=clock, sleep=clock.sleep
            )
        assert not has_probe_arrived(
            settings, gateway, None, timeout=2, clock=clock, sleep=clock.sleep
        )


def test_while_phoenix_does_not_answer_no_probe_has_arrived(tmp_path: Path) -> None:
    fake, clock = FakeLiteLLM(), FakeClock()
    fake.planted[SPANS] = refuse_connection
    with served(fake) as gateway:
        arrived = has_probe_arrived(
            project(tmp_path), gateway, TRACE, timeout=1, clock=clock, sleep=clock.sleep
        )

    assert not arrived
