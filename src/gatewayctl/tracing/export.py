"""Sends spans to Phoenix: OTLP over the process's own HTTP client.

Owns the request. A span that cannot be sent never fails the operation it describes: the exporter
keeps the reason. Must not know what the spans are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import httpx
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from gatewayctl.transport import TransportFailure, request

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_TIMEOUT: Final = httpx.Timeout(3, connect=1)
"""Seconds. The reply is already on the screen, and the prompt should return soon."""


class PhoenixExporter(SpanExporter):
    """Posts spans to Phoenix's ``/v1/traces``; ``failure`` is why the last request failed.

    Without a ``url`` nothing is sent. An answer of 200 means that Phoenix accepted the spans, not
    that it has stored them.
    """

    def __init__(self, http: httpx.Client, url: str) -> None:
        self._http = http
        self._url = url
        self.failure: str | None = None

    @property
    def sends(self) -> bool:
        return bool(self._url)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans. Failures of the network or of Phoenix are kept in ``failure``."""
        if not self._url:
            return SpanExportResult.FAILURE
        # Imported here: protobuf is only needed once the reply is on the screen.
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        self.failure = self._post(encode_spans(spans).SerializeToString())
        failed = self.failure is not None
        return SpanExportResult.FAILURE if failed else SpanExportResult.SUCCESS

    def _post(self, body: bytes) -> str | None:
        try:
            answer = request(
                self._http,
                "POST",
                f"{self._url}/v1/traces",
                content=body,
                headers={"Content-Type": "application/x-protobuf"},
                timeout=_TIMEOUT,
            )
        except (TransportFailure, RuntimeError) as error:
            # RuntimeError: the client was closed before an interrupted span ended.
            return f"Phoenix does not answer at {self._url} ({error})."
        if answer.status == 200:
            return None
        return f"Phoenix at {self._url} did not accept the trace (HTTP {answer.status})."
