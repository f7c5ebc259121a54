"""A proxy between LiteLLM and Phoenix that injects faults into OTLP requests.

A fault belongs to a trace id, so that other traces, also those of probes, pass unchanged; a fault
of ``EVERY`` applies to all traces.
"""

from __future__ import annotations

import gzip
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

EVERY = "every"
Fault = Callable[[Any], list[Any]]
"""Takes a span and returns the spans to forward instead."""


@dataclass(kw_only=True)
class FaultProxy:
    """``faults`` maps trace ids to faults; ``seen`` are the ids of all traces that arrived."""

    phoenix: str
    url: str = ""
    faults: dict[str, Fault] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    _held: list[bytes] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self) -> None:
        """Hold requests back from now on, as a slow network does."""
        with self._lock:
            self._held = []

    def release(self) -> None:
        """Forward the held requests in order, and all later ones at once."""
        with self._lock:
            held, self._held = self._held or [], None
            for body in held:
                self._forward(body)

    def take(self, body: bytes) -> None:
        """Apply the faults to an export request, then forward it to Phoenix or hold it."""
        request = ExportTraceServiceRequest.FromString(body)
        for spans in (scope.spans for each in request.resource_spans for scope in each.scope_spans):
            forwarded = []
            for span in spans:
                self.seen.add(span.trace_id.hex())
                fault = self.faults.get(span.trace_id.hex()) or self.faults.get(EVERY)
                forwarded += [span] if fault is None else fault(span)
            copies = [type(span).FromString(span.SerializeToString()) for span in forwarded]
            del spans[:]
            spans.extend(copies)
        with self._lock:
            if self._held is None:
                self._forward(request.SerializeToString())
            else:
                self._held.append(request.SerializeToString())

    def _forward(self, body: bytes) -> None:
        headers = {"content-type": "application/x-protobuf"}
        request = urllib.request.Request(f"{self.phoenix}/v1/traces", data=body, headers=headers)
        urllib.request.urlopen(request, timeout=30).read()


@contextmanager
def inject_faults(phoenix: str) -> Iterator[FaultProxy]:
    """Serve on a free loopback port until the block ends; ``url`` of the proxy has the path."""
    proxy = FaultProxy(phoenix=phoenix)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            try:
                proxy.take(body)
                status = 200
            except OSError:
                status = 503
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _is_model_call(span: Any) -> bool:
    return any(
        each.key == "openinference.span.kind" and each.value.string_value == "LLM"
        for each in span.attributes
    )


def drop_model_span(span: Any) -> list[Any]:
    return [] if _is_model_call(span) else [span]


def drop_gateway_root(span: Any) -> list[Any]:
    """Drop LiteLLM's root span, the ancestor of its other spans."""
    return [] if span.name.startswith("POST ") else [span]


def drop_all(_span: Any) -> list[Any]:
    return []


def set_wrong_parent(span: Any) -> list[Any]:
    if span.name.startswith("POST "):
        span.parent_span_id = bytes.fromhex("deadbeefdeadbeef")
    return [span]


def remove_parent(span: Any) -> list[Any]:
    """Make LiteLLM's root span a second root of the trace."""
    if span.name.startswith("POST "):
        span.parent_span_id = b""
    return [span]


def change_trace_id(span: Any) -> list[Any]:
    span.trace_id = bytes(byte ^ 0xFF for byte in span.trace_id)
    return [span]


def remove_component(span: Any) -> list[Any]:
    return [_change_attributes(span, lambda _: None)]


def change_component(span: Any) -> list[Any]:
    return [_change_attributes(span, lambda text: text.replace("passthrough", "other-component"))]


def duplicate_model_span(span: Any) -> list[Any]:
    if not _is_model_call(span):
        return [span]
    second = type(span).FromString(span.SerializeToString())
    second.span_id = bytes(byte ^ 0xFF for byte in span.span_id)
    return [span, second]


def _change_attributes(span: Any, change: Callable[[str], str | None]) -> Any:
    """Change the component in the span: in ``metadata``, a JSON string, or by its flat name."""
    changed = []
    for each in span.attributes:
        if each.key == "metadata" or each.key.endswith("metadata.component"):
            text = change(each.value.string_value)
            if text is None:
                continue
            each.value.string_value = text
        changed.append(type(each).FromString(each.SerializeToString()))
    del span.attributes[:]
    span.attributes.extend(changed)
    return span
