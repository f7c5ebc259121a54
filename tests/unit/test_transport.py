from __future__ import annotations

import logging
from collections.abc import Iterator

import httpx
import pytest

from gatewayctl.transport import (
    MAX_BYTES,
    TransportFailure,
    new_http_client,
    parse_json,
    request,
    translate_failures,
)
from tests.fakes.answers import refuse_connection

URL = "http://127.0.0.1:4000/x"
TIMEOUT = httpx.Timeout(5)
KEY = "k-9f8e7d6c5b4a"


class Body(httpx.SyncByteStream):
    def __init__(self, parts: Iterator[bytes]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[bytes]:
        return self.parts


def fail(answer: httpx.Response | Exception, timeout: httpx.Timeout = TIMEOUT) -> TransportFailure:
    def handle(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with (
        new_http_client(httpx.MockTransport(handle)) as http,
        pytest.raises(TransportFailure) as caught,
    ):
        request(http, "GET", URL, timeout=timeout)
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), "unreachable"),
        (httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version number"), "unreachable"),
        (httpx.ConnectTimeout("timed out"), "unreachable"),
        (httpx.UnsupportedProtocol("no http"), "unreachable"),
        (httpx.LocalProtocolError("Illegal header value"), "unreachable"),
        (httpx.InvalidURL("Invalid port"), "unreachable"),
        (UnicodeError("label empty or too long"), "unreachable"),
        (httpx.ReadTimeout("timed out"), "timeout"),
        (httpx.WriteTimeout("timed out"), "timeout"),
        (httpx.PoolTimeout("timed out"), "timeout"),
        (httpx.ReadError("Connection reset by peer"), "disconnected"),
        (httpx.WriteError("Broken pipe"), "disconnected"),
        (httpx.CloseError("closed"), "disconnected"),
        (httpx.ProxyError("no proxy"), "disconnected"),
        (httpx.RemoteProtocolError("Server disconnected without an answer"), "disconnected"),
        (httpx.RemoteProtocolError("peer closed connection (incomplete)"), "disconnected"),
        (httpx.RemoteProtocolError("illegal status line"), "invalid"),
        (httpx.DecodingError("Error -3 while decompressing"), "invalid"),
        (httpx.TooManyRedirects("20"), "disconnected"),
    ],
)
def test_each_failure_of_httpx_has_its_kind(error: Exception, kind: str) -> None:
    failure = fail(error)

    assert failure.kind == kind
    assert failure.detail
    assert "Errno" not in failure.detail


def test_every_class_of_httpx_that_a_request_can_raise_is_translated() -> None:
    def descendants(kind: type[Exception]) -> set[type[Exception]]:
        below = {child for each in kind.__subclasses__() for child in descendants(each)}
        return below | {kind}

    for kind in descendants(httpx.HTTPError) - {httpx.HTTPStatusError}:
        with pytest.raises(TransportFailure), translate_failures(TIMEOUT):
            raise kind("x")


def test_an_endless_answer_ends_at_the_limit() -> None:
    part = b" " * 2**20
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += len(part)
            yield part

    failure = fail(httpx.Response(200, stream=Body(endless())))

    assert (failure.kind, "longer than 64 MB" in failure.detail) == ("too_long", True)
    assert sent <= MAX_BYTES + 2 * len(part)


def test_an_answer_that_drips_ends_at_the_read_timeout() -> None:
    def drip() -> Iterator[bytes]:
        while True:
            yield b" "

    failure = fail(httpx.Response(200, stream=Body(drip())), httpx.Timeout(0.05))

    assert (failure.kind, failure.detail) == ("timeout", "no answer within 0.05 s")


def test_a_key_that_cannot_be_sent_is_not_in_the_failure() -> None:
    with new_http_client() as http, pytest.raises(TransportFailure) as caught:
        request(http, "GET", URL, timeout=TIMEOUT, headers={"Authorization": f"Bearer {KEY}\nü"})

    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b'"\xff"', b"9" * 9_000])
def test_a_body_that_is_not_json_is_none(body: bytes) -> None:
    assert parse_json(body) is None


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
