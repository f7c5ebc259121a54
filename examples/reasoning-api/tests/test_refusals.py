"""Failures in OpenAI's format, with the right status and without secrets."""

from __future__ import annotations

import logging
from typing import Any

import httpx2
import pytest

from conftest import KEY, World

pytestmark = pytest.mark.anyio


def refusal(status: int, message: str, **headers: str) -> httpx2.Response:
    body = {"error": {"message": message, "type": "refused", "param": None, "code": str(status)}}
    return httpx2.Response(status, json=body, headers=headers)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_a_refusal_of_the_gateway_is_passed_on_with_its_status(
    world: World, status: int
) -> None:
    world.gateway.failures["big"] = refusal(status, "Not now.", **{"retry-after": "7"})

    answer = await world.ask()

    assert answer.status_code == status
    assert answer.json() == {
        "error": {"message": "Not now.", "type": "refused", "param": None, "code": str(status)}
    }
    assert answer.headers["retry-after"] == "7"
    assert world.traces.failed
    assert len(world.gateway.requests) == 1  # only the gateway retries


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_reported_without_the_message_of_the_gateway(
    world: World, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    world.gateway.failures["big"] = refusal(status, f"Received API Key = {KEY}, Key Hash = abc")

    with caplog.at_level(logging.DEBUG):
        answer = await world.ask()

    assert answer.status_code == status
    assert "refused the application's key" in answer.json()["error"]["message"]
    assert "abc" not in answer.text
    assert KEY not in answer.text + _log_text(caplog)
    assert KEY not in "".join(span.to_json() for span in world.traces.spans)


async def test_a_key_in_another_message_is_not_passed_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.gateway.failures["big"] = refusal(500, f"cannot use {KEY}")

    with caplog.at_level(logging.DEBUG):
        answer = await world.ask()

    assert answer.json()["error"]["message"] == "cannot use …"
    assert KEY not in _log_text(caplog)
    assert answer.headers["x-trace-id"] in caplog.text
    assert KEY not in "".join(span.to_json() for span in world.traces.spans)


def _log_text(caplog: pytest.LogCaptureFixture) -> str:
    return " ".join(record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (httpx2.ReadTimeout("late"), 504, "upstream_timeout"),
        (httpx2.ConnectTimeout("late"), 504, "upstream_timeout"),
        (httpx2.ConnectError("refused"), 502, "upstream_unreachable"),
        (httpx2.Response(500, text="<html>oops</html>"), 500, None),
    ],
)
async def test_a_failure_of_the_connection_has_its_own_status(
    world: World, failure: Any, status: int, code: str | None
) -> None:
    world.gateway.failures["big"] = failure

    answer = await world.ask()

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]
    assert world.traces.failed


@pytest.mark.parametrize(
    ("mode", "failing", "calls"), [("auto", "chooser", 1), ("reasoning", "thinker", 1)]
)
async def test_a_refused_intermediate_call_ends_the_request(
    world: World, mode: str, failing: str, calls: int
) -> None:
    world.gateway.failures[failing] = refusal(429, "Slowly.")

    answer = await world.ask(mode)

    assert answer.status_code == 429
    assert len(world.gateway.requests) == calls
    assert world.traces.failed


async def test_an_unknown_mode_is_a_bad_request_without_calls(world: World) -> None:
    answer = await world.ask("psychic")

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error["param"]) == ("invalid_request_error", "X-Routing-Mode")
    assert "'passthrough', 'reasoning' or 'auto'" in error["message"]
    assert world.gateway.requests == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages.0"),
        ({"stream": "perhaps"}, "stream"),
        ({"metadata": "x"}, "metadata"),
        ({"api_base": "http://elsewhere"}, None),
        ({"mock_response": "free"}, None),
    ],
)
async def test_an_invalid_body_is_refused(
    world: World, body: dict[str, Any], param: str | None
) -> None:
    answer = await world.ask(**body)

    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (
        400, "invalid_request_error", param,
    )  # fmt: skip
    assert world.gateway.requests == []


async def test_invalid_json_is_refused(world: World) -> None:
    answer = await world.http.post(
        "/v1/chat/completions", content="{", headers={"content-type": "application/json"}
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] is None
