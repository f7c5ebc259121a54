from __future__ import annotations

import logging

import httpx
import pytest

from gatewayctl.gateway.client import new_http_client
from tests.fakes.answers import refuse_connection

URL = "http://127.0.0.1:4000/key/list?size=1"


def test_every_request_is_logged_with_method_address_status_and_duration(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="gatewayctl")
    with new_http_client(httpx.MockTransport(lambda _: httpx.Response(404))) as http:
        http.get(URL)
        http.post(URL, json={"key": "sk-secret"}, headers={"Authorization": "Bearer sk-secret"})

    read, changed = caplog.records
    assert read.levelname == "DEBUG"
    assert read.getMessage().startswith(f"GET {URL}: 404 (")
    assert changed.levelname == "INFO"
    assert changed.getMessage().startswith(f"POST {URL}: 404 (")
    assert changed.getMessage().endswith(" ms)")
    assert "sk-secret" not in caplog.text


def test_a_request_without_an_answer_is_logged_with_its_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="gatewayctl")
    with (
        new_http_client(httpx.MockTransport(refuse_connection)) as http,
        pytest.raises(httpx.ConnectError),
    ):
        http.get(URL)

    assert caplog.records[0].getMessage().startswith(f"GET {URL}: ConnectError: ")
