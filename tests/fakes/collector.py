"""A plain OTLP collector: it takes spans over HTTP, and cannot be asked for any."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(kw_only=True)
class Collector:
    """``spans`` are names of spans by trace id, ``headers`` those of every request so far."""

    port: int
    spans: dict[str, list[str]] = field(default_factory=dict)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def names(self, trace_id: str) -> set[str]:
        """The names of the spans of a trace so far."""
        return set(self.spans.get(trace_id, ()))

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take an export request; returns the status of the answer."""
        if path != "/v1/traces":
            return 404
        self.headers.append({name.lower(): value for name, value in headers.items()})
        for each in ExportTraceServiceRequest.FromString(body).resource_spans:
            for span in (span for scope in each.scope_spans for span in scope.spans):
                self.spans.setdefault(span.trace_id.hex(), []).append(span.name)
        return 200


@contextmanager
def collecting(host: str = "127.0.0.1") -> Iterator[Collector]:
    """A collector on a free port until the end of the block."""
    collector = Collector(port=0)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """No log on stderr."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            packed = self.headers.get("content-encoding") == "gzip"
            plain = gzip.decompress(body) if packed else body
            self.send_response(collector.take(self.path, dict(self.headers), plain))
            self.end_headers()

    with ThreadingHTTPServer((host, 0), Handler) as server:
        collector.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
