"""Serves any fake that answers httpx requests on a real socket on loopback.

For tests of whole processes, which cannot get a transport.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import trustme

Answer = Callable[[httpx.Request], httpx.Response]


@contextmanager
def listening(answer: Answer, *, certificate: trustme.LeafCert | None = None) -> Iterator[int]:
    """Serve ``answer`` while the block runs; yields the port. Streams are sent as they arrive.

    With a ``certificate`` it is https.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """No log on stderr."""

        def do_GET(self) -> None:
            self._respond()

        def do_POST(self) -> None:
            self._respond()

        def _respond(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            url = f"http://{self.headers['host']}{self.path}"
            request = httpx.Request(
                self.command, url, headers=dict(self.headers), content=self.rfile.read(length)
            )
            response = answer(request)
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                if name not in {"content-length", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for part in response.iter_raw() if not response.is_closed else [response.content]:
                    if part:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                        self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                # The client disconnected, which some tests do.
                self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(tls)
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
