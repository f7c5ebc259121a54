from __future__ import annotations

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from gatewayctl.tracing.export import Destination, OtlpExporter

URL = "http://127.0.0.1:6006"


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("timed out"),
        httpx.RemoteProtocolError("disconnected"),
    ],
)
def test_if_phoenix_does_not_answer_the_reason_is_kept_not_raised(failure: Exception) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise failure

    with httpx.Client(transport=httpx.MockTransport(fail)) as http:
        exporter = OtlpExporter(http, Destination(url=URL))

        assert exporter.export([]) is SpanExportResult.FAILURE
    assert exporter.failure is not None
    assert URL in exporter.failure


def test_if_the_client_is_closed_the_reason_is_kept_not_raised() -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as http:
        exporter = OtlpExporter(http, Destination(url=URL))
    spans: list[ReadableSpan] = []

    assert exporter.export(spans) is SpanExportResult.FAILURE


def test_a_later_success_clears_the_reason() -> None:
    answers = iter([httpx.Response(503), httpx.Response(200)])
    with httpx.Client(transport=httpx.MockTransport(lambda _: next(answers))) as http:
        exporter = OtlpExporter(http, Destination(url=URL))

        assert exporter.export([]) is SpanExportResult.FAILURE
        assert exporter.export([]) is SpanExportResult.SUCCESS
    assert exporter.failure is None
