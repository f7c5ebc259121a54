"""A proxy on loopback that fails one request of a run, as networks do.

It runs between gatewayctl and the real LiteLLM. ``Fault`` sets which request fails, counted
from 1, and how; every other request is forwarded.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Literal

Kind = Literal[
    "refused",  # the connection is reset before LiteLLM gets the request
    "cut",  # the same, and for every later request
    "500",  # an error answer without LiteLLM
    "500-after",  # LiteLLM handles it, then an error answer
    "dropped",  # LiteLLM handles it, then the connection is reset
    "late",  # LiteLLM handles it, and its answer is too late
    "killed",  # gatewayctl is killed before LiteLLM gets the request
    "killed-after",  # LiteLLM handles it, then gatewayctl is killed
]
_BEFORE: Final = {"refused", "cut", "500", "killed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    at: int
    kind: Kind


@dataclass(kw_only=True)
class FaultProxy:
    """``seen`` are the requests so far, as ``POST /key/generate``.

    ``done_late`` is set when LiteLLM has handled the request that is answered too late.
    """

    target_port: int
    port: int = 0
    fault: Fault | None = None
    seen: list[str] = field(default_factory=list)
    victim: int | None = None
    victim_known: threading.Event = field(default_factory=threading.Event)
    done_late: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arm(self, fault: Fault | None) -> None:
        """Restart the count, and set the fault."""
        self.seen.clear()
        self.victim_known.clear()
        self.done_late.clear()
        self.fault = fault

    def aim(self, pid: int) -> None:
        """Set the process that a fault kills."""
        self.victim = pid
        self.victim_known.set()

    def due(self, number: int) -> Kind | None:
        if self.fault is None or number < self.fault.at:
            return None
        if number == self.fault.at or self.fault.kind == "cut":
            return self.fault.kind
        return None

    def kill(self) -> None:
        assert self.victim_known.wait(20)
        assert self.victim is not None
        os.kill(self.victim, signal.SIGKILL)


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultProxy

    def log_message(self, *_: object) -> None:
        """No log on stderr."""

    def do_GET(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.proxy.seen.append(f"{self.command} {self.path.partition('?')[0]}")
        kind = self.proxy.due(len(self.proxy.seen))
        answer = None if kind in _BEFORE else self._ask_litellm(body)
        if kind in {"killed", "killed-after"}:
            self.proxy.kill()
        if kind == "late":
            self.proxy.done_late.set()
            self.proxy.over.wait(5)
        if kind in {"500", "500-after"}:
            text = b'{"error": {"message": "planted", "type": "internal_server_error"}}'
            answer = (500, text)
        elif kind is not None:
            answer = None
        with contextlib.suppress(OSError):
            self._answer(answer)

    def _ask_litellm(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.target_port, timeout=30)
        try:
            dropped = {"connection", "accept-encoding"}
            headers = {k: v for k, v in self.headers.items() if k.lower() not in dropped}
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _answer(self, answer: tuple[int, bytes] | None) -> None:
        self.close_connection = True
        if answer is None:
            # A reset instead of a regular close.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            return
        status, text = answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()


@contextlib.contextmanager
def between(target_port: int) -> Iterator[FaultProxy]:
    """Run a proxy in front of a local port while the block runs."""
    proxy = FaultProxy(target_port=target_port)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        proxy.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.over.set()
            server.shutdown()
            thread.join()
