"""A gateway on a real port, for the load generator: it calls the upstream and adds a delay.

Where the upstream is, it looks up in the fake LiteLLM, as the real one does in its database.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.fakes.litellm import FakeLiteLLM, sha256


@dataclass(kw_only=True)
class BenchGateway:
    """``delay`` in seconds. Every ``failing``-th request is refused with 503, if it is not 0, and
    all after ``broken_after`` of them.
    """

    litellm: FakeLiteLLM
    port: int = 0
    delay: float = 0.0
    failing: int = 0
    broken_after: int | None = None
    requests: int = 0
    bodies: list[bytes] = field(default_factory=list)


@contextmanager
def serving(gateway: BenchGateway) -> Iterator[BenchGateway]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: otherwise the kernel delays the second one by 40 ms.
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            gateway.requests += 1
            gateway.bodies.append(body)
            key = self.headers["authorization"].removeprefix("Bearer ")
            if sha256(key) not in gateway.litellm.keys:
                return self._answer(401, b'{"error": {"message": "no such key"}}')
            if gateway.failing and gateway.requests % gateway.failing == 0:
                return self._answer(503, b'{"error": {"message": "overloaded"}}')
            if gateway.broken_after is not None and gateway.requests > gateway.broken_after:
                return self._answer(503, b'{"error": {"message": "overloaded"}}')
            time.sleep(gateway.delay)
            if not gateway.litellm.stored:
                # A model of the gateway itself, and not the temporary one.
                return self._answer(200, b'{"choices": [{}]}')
            return self._answer(*self._ask_upstream(body))

        def _ask_upstream(self, body: bytes) -> tuple[int, bytes]:
            url = urlsplit(gateway.litellm.stored[-1]["litellm_params"]["api_base"])
            upstream = http.client.HTTPConnection(url.hostname or "", url.port)
            upstream.request("POST", f"{url.path}/chat/completions", body)
            answer = upstream.getresponse()
            content = answer.read()
            upstream.close()
            return answer.status, content

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.send_header("x-litellm-overhead-duration-ms", "1.5")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    gateway.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
