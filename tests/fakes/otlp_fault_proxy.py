"""A liar between LiteLLM and Phoenix: it takes OTLP over HTTP, spoils it, and passes it on.

A fault belongs to a trace id, so that other traces, probes among them, pass untouched;
the fault of ``EVERY`` trace spoils them all.
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
Spoil = Callable[[Any], list[Any]]
"""One span in, the spans to pass on out."""


@dataclass(kw_only=True)
class FaultProxy:
    """``faults`` maps a trace id to what happens to its spans; ``seen`` are all that came."""

    phoenix: str
    url: str = ""
    faults: dict[str, Spoil] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    _held: list[bytes] | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def hold(self) -> None:
        """Keep everything from now on, as a slow network does."""
        with self._turn:
            self._held = []

    def release(self) -> None:
        """Pass on what was kept, in its order, and all that comes."""
        with self._turn:
            held, self._held = self._held or [], None
            for body in held:
                self._pass_on(body)

    def take(self, body: bytes) -> None:
        """Spoil an export request and pass the rest on to Phoenix, or keep it."""
        request = ExportTraceServiceRequest.FromString(body)
        for spans in (scope.spans for each in request.resource_spans for scope in each.scope_spans):
            kept = []
            for span in spans:
                self.seen.add(span.trace_id.hex())
                spoil = self.faults.get(span.trace_id.hex()) or self.faults.get(EVERY)
                kept += [span] if spoil is None else spoil(span)
            copies = [type(span).FromString(span.SerializeToString()) for span in kept]
            del spans[:]
            spans.extend(copies)
        with self._turn:
            if self._held is None:
                self._pass_on(request.SerializeToString())
            else:
                self._held.append(request.SerializeToString())

    def _pass_on(self, body: bytes) -> None:
        headers = {"content-type": "application/x-protobuf"}
        passed = urllib.request.Request(f"{self.phoenix}/v1/traces", data=body, headers=headers)
        urllib.request.urlopen(passed, timeout=30).read()


@contextmanager
def lying(phoenix: str) -> Iterator[FaultProxy]:
    """Serve on a free port of loopback until the block ends; ``url`` has the path."""
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
            """Say nothing."""

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


def model_span_dropped(span: Any) -> list[Any]:
    return [] if _is_model_call(span) else [span]


def middle_span_dropped(span: Any) -> list[Any]:
    """LiteLLM's own root, from which everything else of it hangs."""
    return [] if span.name.startswith("POST ") else [span]


def all_lost(_span: Any) -> list[Any]:
    return []


def wrong_parent(span: Any) -> list[Any]:
    if span.name.startswith("POST "):
        span.parent_span_id = bytes.fromhex("deadbeefdeadbeef")
    return [span]


def parent_taken_away(span: Any) -> list[Any]:
    """A root of its own inside the same trace."""
    if span.name.startswith("POST "):
        span.parent_span_id = b""
    return [span]


def new_trace_id(span: Any) -> list[Any]:
    span.trace_id = bytes(byte ^ 0xFF for byte in span.trace_id)
    return [span]


def component_missing(span: Any) -> list[Any]:
    return [_attributes(span, lambda _: None)]


def component_wrong(span: Any) -> list[Any]:
    return [_attributes(span, lambda text: text.replace("passthrough", "somebody-else"))]


def two_model_spans(span: Any) -> list[Any]:
    if not _is_model_call(span):
        return [span]
    second = type(span).FromString(span.SerializeToString())
    second.span_id = bytes(byte ^ 0xFF for byte in span.span_id)
    return [span, second]


def _attributes(span: Any, change: Callable[[str], str | None]) -> Any:
    """Everything that says the component: ``metadata`` is a JSON text or a flat name."""
    kept = []
    for each in span.attributes:
        if each.key == "metadata" or each.key.endswith("metadata.component"):
            text = change(each.value.string_value)
            if text is None:
                continue
            each.value.string_value = text
        kept.append(type(each).FromString(each.SerializeToString()))
    del span.attributes[:]
    span.attributes.extend(kept)
    return span
