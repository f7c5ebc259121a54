from __future__ import annotations

from typing import Any

import httpx
import pytest

from gatewayctl.gateway.health import check_litellm

URL = "http://127.0.0.1:4000"


def check(answer: httpx.Response | Exception) -> tuple[str, str]:
    def handle(request: httpx.Request) -> httpx.Response:
        assert request.url == f"{URL}/health/readiness"
        assert "authorization" not in request.headers
        if isinstance(answer, Exception):
            raise answer
        return answer

    with httpx.Client(transport=httpx.MockTransport(handle)) as http:
        found = check_litellm(http, URL)
    return found.state, found.detail


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": "healthy", "db": "connected"}, "ready"),
        (200, {"status": "healthy", "db": "Not connected"}, "database_missing"),
        (503, {"status": "healthy", "db": "disconnected"}, "database_disconnected"),
        (503, {"status": "healthy", "db": "connected"}, "database_disconnected"),
        (200, {"status": "healthy", "db": "stalled"}, "database_disconnected"),
        (503, {"status": "shutting_down"}, "starting"),
        (200, {"status": "healthy"}, "other_service"),
        (200, {"db": "connected"}, "other_service"),
        (200, ["connected"], "other_service"),
        (404, {"detail": "Not Found"}, "other_service"),
    ],
)
def test_only_200_and_a_connected_database_is_ready(status: int, body: Any, expected: str) -> None:
    assert check(httpx.Response(status, json=body))[0] == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(200, text="<html>welcome</html>"), "other_service"),
        (httpx.Response(302, headers={"location": "/login"}), "other_service"),
        (httpx.ConnectError("Connection refused"), "unreachable"),
        (httpx.ConnectTimeout("timed out"), "unreachable"),
        (httpx.ReadTimeout("timed out"), "starting"),
        (httpx.ReadError("Connection reset by peer"), "starting"),
        (httpx.RemoteProtocolError("disconnected without an answer"), "starting"),
        (httpx.RemoteProtocolError("BadStatusLine: no proper HTTP"), "other_service"),
    ],
)
def test_each_answer_that_is_not_litellms_has_its_state(
    answer: httpx.Response | Exception, expected: str
) -> None:
    state, detail = check(answer)

    assert state == expected
    assert detail
