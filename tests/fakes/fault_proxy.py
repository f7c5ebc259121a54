"""A proxy on loopback that fails at one request of a run, in the ways networks do.

Between gatewayctl and the real LiteLLM. ``Fault`` says at which request, counted from 1,
and how; every other request is passed on.
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
    "refused",  # the connection is reset, LiteLLM hears nothing
    "cut",  # so is this one, and every later one
    "500",  # an error instead of LiteLLM
    "500-after",  # LiteLLM does it, then an error
    "dropped",  # LiteLLM does it, then the connection is reset
    "late",  # LiteLLM does it, and its answer comes too late
    "killed",  # gatewayctl is killed, LiteLLM hears nothing
    "killed-after",  # LiteLLM does it, then gatewayctl is killed
]
_BEFORE: Final = {"refused", "cut", "500", "killed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    at: int
    kind: Kind


@dataclass(kw_only=True)
class FaultProxy:
    """``seen`` are the requests so far, as ``POST /key/generate``.

    ``done_late`` is set once LiteLLM has done what it answers too late.
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
        """Count anew, and fail as said."""
        self.seen.clear()
        self.victim_known.clear()
        self.done_late.clear()
        self.fault = fault

    def aim(self, pid: int) -> None:
        """The process to kill where the fault says so."""
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
        """Say nothing."""

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.proxy.seen.append(f"{self.command} {self.path.partition('?')[0]}")
        kind = self.proxy.due(len(self.proxy.seen))
        answer = None if kind in _BEFORE else self._forwarded(body)
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

    def _forwarded(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.target_port, timeout=30)
        try:
            left_out = {"connection", "accept-encoding"}
            headers = {k: v for k, v in self.headers.items() if k.lower() not in left_out}
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _answer(self, answer: tuple[int, bytes] | None) -> None:
        self.close_connection = True
        if answer is None:
            # A reset instead of an orderly end.
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
    """A proxy in front of a port of this machine, while the block runs."""
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
