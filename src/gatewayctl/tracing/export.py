"""Sends spans to trace stores: OTLP over the process's own HTTP client.

Owns the requests. A span that cannot be sent never fails the operation it describes: the exporter
keeps the reason. Must not know what the spans are about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import httpx
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from gatewayctl.transport import TransportFailure, request

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_TIMEOUT: Final = httpx.Timeout(3, connect=1)
"""Seconds. The reply is already on the screen, and the prompt should return soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A trace store; ``name`` begins the sentence of a failure. Headers may hold credentials."""

    url: str
    name: str = "Phoenix"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)


class OtlpExporter(SpanExporter):
    """Posts spans to ``/v1/traces`` of each store; ``failure`` is why the last request failed.

    A store that fails does not keep the spans from the others. An answer of 200 means that a store
    accepted the spans, not that it has stored them.
    """

    def __init__(self, http: httpx.Client, *destinations: Destination) -> None:
        self._http = http
        self._destinations = destinations
        self.failure: str | None = None

    @property
    def sends(self) -> bool:
        return bool(self._destinations)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans. Failures of the network or of a store are kept in ``failure``."""
        if not self._destinations:
            return SpanExportResult.FAILURE
        # Imported here: protobuf is only needed once the reply is on the screen.
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        body = encode_spans(spans).SerializeToString()
        failures = [self._post(destination, body) for destination in self._destinations]
        self.failure = " ".join(filter(None, failures)) or None
        failed = self.failure is not None
        return SpanExportResult.FAILURE if failed else SpanExportResult.SUCCESS

    def _post(self, to: Destination, body: bytes) -> str | None:
        try:
            answer = request(
                self._http,
                "POST",
                f"{to.url}/v1/traces",
                content=body,
                headers={"Content-Type": "application/x-protobuf", **to.headers},
                timeout=_TIMEOUT,
            )
        except (TransportFailure, RuntimeError) as error:
            # RuntimeError: the client was closed before an interrupted span ended.
            return f"{to.name} does not answer at {to.url} ({error})."
        if 200 <= answer.status < 300:
            return None
        return f"{to.name} at {to.url} did not accept the trace (HTTP {answer.status})."
