"""A company's forward proxy: it wants a login, and alone knows the addresses of some hosts.

CONNECT for https, absolute addresses for http. Every request is recorded.
"""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

USER = "me"
PASSWORD = "pa55word-of-the-proxy"


@dataclass(kw_only=True)
class ForwardProxy:
    """The running proxy. ``hosts`` maps ``name:port`` to the port on loopback that serves it."""

    port: int
    hosts: Mapping[str, int]
    seen: list[str] = field(default_factory=list)

    def url(self, host: str = "127.0.0.1") -> str:
        """Its address with the login, for a client that reaches it at ``host``."""
        return f"http://{USER}:{PASSWORD}@{host}:{self.port}"


@contextmanager
def proxying(hosts: Mapping[str, int], *, bind: str = "127.0.0.1") -> Iterator[ForwardProxy]:
    """Serve on a free port until the block ends."""
    server = ThreadingHTTPServer((bind, 0), _Handler)
    server.daemon_threads = True
    proxy = ForwardProxy(port=server.server_address[1], hosts=hosts)
    _Handler.proxies[proxy.port] = proxy
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    proxies: dict[int, ForwardProxy] = {}  # noqa: RUF012 - one table for all servers

    def log_message(self, *_: object) -> None:
        """No log on stderr."""

    def do_CONNECT(self) -> None:
        with self._target(self.path) as target:
            if target is not None:
                self.send_response(200)
                self.end_headers()
                self._relay(target)

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        with self._target(f"{url.hostname}:{url.port or 80}") as target:
            if target is None:
                return
            length = int(self.headers.get("content-length") or 0)
            kept = {n: v for n, v in self.headers.items() if not n.lower().startswith("proxy-")}
            lines = [f"{self.command} {url.path} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in {**kept, "Connection": "close"}.items()]
            head = "\r\n".join([*lines, "", ""]).encode("latin-1")
            target.sendall(head + self.rfile.read(length))
            self._relay(target)

    @contextmanager
    def _target(self, place: str) -> Iterator[socket.socket | None]:
        """A connection to the host; None after an answer that refuses it."""
        proxy = self.proxies[self.server.server_address[1]]  # type: ignore[index]
        proxy.seen.append(f"{self.command} {self.path}")
        self.close_connection = True
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        known = proxy.hosts.get(place)
        if self.headers.get("proxy-authorization") != f"Basic {login}":
            self.send_error(407)
        elif known is None:
            self.send_error(502)
        else:
            with socket.create_connection(("127.0.0.1", known)) as connection:
                yield connection
            return
        yield None

    def _relay(self, target: socket.socket) -> None:
        """Copy both ways until either side ends."""

        def copy(source: socket.socket, sink: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)

        self.wfile.flush()
        back = threading.Thread(target=copy, args=(target, self.connection), daemon=True)
        back.start()
        copy(self.connection, target)
        back.join()
