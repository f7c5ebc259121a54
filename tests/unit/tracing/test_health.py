from __future__ import annotations

import httpx
import pytest

from gatewayctl.tracing.health import PhoenixReadiness, check_phoenix

URL = "http://127.0.0.1:6006"
VERSION = {"x-phoenix-server-version": "20.26.1"}


def check(answer: httpx.Response | Exception) -> PhoenixReadiness:
    def handle(request: httpx.Request) -> httpx.Response:
        assert request.url == f"{URL}/healthz"
        if isinstance(answer, Exception):
            raise answer
        return answer

    with httpx.Client(transport=httpx.MockTransport(handle)) as http:
        return check_phoenix(http, URL)


def test_a_phoenix_that_answers_is_ready_and_has_a_version() -> None:
    found = check(httpx.Response(200, text="OK", headers=VERSION))

    assert found.ready
    assert found.version == "20.26.1"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (httpx.Response(503, headers=VERSION), "starting"),
        (httpx.Response(200, text="OK"), "other_service"),
        (httpx.Response(404, text="<html>"), "other_service"),
        (httpx.ConnectError("refused"), "unreachable"),
        (httpx.ConnectTimeout("timed out"), "unreachable"),
        (httpx.ReadTimeout("timed out"), "starting"),
        (httpx.ReadError("reset"), "starting"),
        (httpx.RemoteProtocolError("disconnected without an answer"), "starting"),
        (httpx.RemoteProtocolError("BadStatusLine: no proper HTTP"), "other_service"),
    ],
)
def test_each_reason_why_phoenix_is_not_ready_has_its_state(
    answer: httpx.Response | Exception, state: str
) -> None:
    found = check(answer)

    assert (found.state, found.ready) == (state, False)
    assert found.detail
