"""Spans to Phoenix: OTLP over the process's own HTTP client.

Owns the post. A span that cannot be sent never fails what it describes:
the exporter keeps the reason. Must not know what the spans are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import httpx
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_TIMEOUT: Final = httpx.Timeout(3, connect=1)
"""Seconds. The reply is on the screen already, and the prompt should come back."""


class PhoenixExporter(SpanExporter):
    """Posts spans to Phoenix's ``/v1/traces``; ``failure`` says why the last post failed.

    An answer of 200 means that Phoenix took the spans, not that it has stored them yet.
    """

    def __init__(self, http: httpx.Client, url: str) -> None:
        self._http = http
        self._url = url
        self.failure: str | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans; never raises for what the network or Phoenix does."""
        # Here and not above: protobuf is needed when the reply is on the screen already.
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        self.failure = self._post(encode_spans(spans).SerializeToString())
        failed = self.failure is not None
        return SpanExportResult.FAILURE if failed else SpanExportResult.SUCCESS

    def _post(self, body: bytes) -> str | None:
        try:
            response = self._http.post(
                f"{self._url}/v1/traces",
                content=body,
                headers={"Content-Type": "application/x-protobuf"},
                timeout=_TIMEOUT,
            )
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            # RuntimeError: the client was closed before an interrupted span ended.
            return f"Phoenix does not answer at {self._url} ({type(error).__name__})."
        if response.status_code == 200:
            return None
        return f"Phoenix at {self._url} did not take the trace (HTTP {response.status_code})."
