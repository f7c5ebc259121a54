"""The command line's own spans: the root of every trace it starts.

Without them the parent of the gateway's spans would not exist. Owns ids, the W3C trace context and
the end of a span. A span never contains a secret. Must not know what a command does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final, Literal, cast

if "psutil" not in sys.modules:
    # The SDK's resource detectors, not used here, import psutil if they can: 21 ms of 99 for
    # importing the SDK (benchmarks/tracing.py). A module that is None here cannot be imported.
    sys.modules["psutil"] = cast("ModuleType", None)
    try:
        import_module("opentelemetry.sdk.resources")
    finally:
        del sys.modules["psutil"]

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    SpanKind,
    StatusCode,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gatewayctl.settings.model import PHOENIX_PROJECT
from gatewayctl.tracing.export import Destination, OtlpExporter

if TYPE_CHECKING:
    import httpx
    from opentelemetry.trace import Span

Attributes = Mapping[str, str | int | float | bool]
Outcome = Literal["ok", "error", "cancelled"]

SERVICE_NAME: Final = "gatewayctl"
INBOUND: Final = "gatewayctl.inbound"
"""Set on a root span that continues the trace of the calling program."""


class ClientTracer:
    """Creates client spans and sends each to the trace stores when it ends. One per process."""

    def __init__(
        self, http: httpx.Client, *destinations: Destination, project: str = PHOENIX_PROJECT
    ) -> None:
        self._exporter = OtlpExporter(http, *destinations)
        resource = Resource({"service.name": SERVICE_NAME, "openinference.project.name": project})
        # Always sampled, regardless of the environment: the operator requested this trace.
        provider = TracerProvider(resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._tracer = provider.get_tracer(SERVICE_NAME)

    def start(
        self,
        name: str,
        attributes: Attributes,
        *,
        environ: Mapping[str, str],
        parent: ClientSpan | None = None,
    ) -> ClientSpan:
        """Start a span of OpenInference kind CHAIN, under ``parent`` if given.

        Otherwise a W3C ``TRACEPARENT`` in ``environ`` is its parent, so that the trace of the
        calling program continues; a malformed one is ignored, as W3C requires.
        """
        inbound = {
            header: environ[header.upper()]
            for header in ("traceparent", "tracestate")
            if header.upper() in environ
        }
        context = (
            TraceContextTextMapPropagator().extract(inbound)
            if parent is None
            else set_span_in_context(parent.span)
        )
        continued = get_current_span(context).get_span_context().is_valid and parent is None
        span = self._tracer.start_span(
            name,
            context=context,
            kind=SpanKind.CLIENT,
            attributes={
                "openinference.span.kind": "CHAIN",
                **({INBOUND: True} if continued else {}),
                **attributes,
            },
        )
        return ClientSpan(span=span, exporter=self._exporter)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSpan:
    """A started span; ``end`` it exactly once."""

    span: Span
    exporter: OtlpExporter

    @property
    def trace_id(self) -> str | None:
        """32 hex digits, or None where OTEL_SDK_DISABLED turned tracing off."""
        context = self.span.get_span_context()
        return format_trace_id(context.trace_id) if context.is_valid else None

    @property
    def span_id(self) -> str | None:
        """16 hex digits, or None where tracing is off."""
        context = self.span.get_span_context()
        return format_span_id(context.span_id) if context.is_valid else None

    def headers(self) -> dict[str, str]:
        """The W3C headers that make the spans of the called service children of this one."""
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(self.span))
        return carrier

    def end(self, outcome: Outcome, *, why: str = "", attributes: Attributes | None = None) -> bool:
        """End the span and send it. True if every store accepted it; ``failure`` is why not."""
        for name, value in (attributes or {}).items():
            self.span.set_attribute(name, value)
        if outcome == "ok":
            self.span.set_status(StatusCode.OK)
        else:
            self.span.set_attribute("gatewayctl.outcome", outcome)
            self.span.set_status(StatusCode.ERROR, why or outcome)
        self.span.end()
        return self.exported

    @property
    def exported(self) -> bool:
        return self.trace_id is not None and self.exporter.sends and not self.exporter.failure

    @property
    def failure(self) -> str | None:
        """Why the last export failed."""
        return self.exporter.failure
