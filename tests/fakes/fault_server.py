"""A server on loopback that answers every request with one fault, byte by byte as it was planned.

It stands in the place of LiteLLM or Phoenix. Unlike a fake transport it makes httpx fail by itself,
so that a failure nobody thought of is found too.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.fakes.litellm import event_stream

_PHOENIX = b"x-phoenix-server-version: 20.26.1\r\n"


def answer(body: bytes, status: str = "200 OK", headers: bytes = b"") -> bytes:
    """A complete answer, with the header that Phoenix is known by."""
    length = f"Content-Length: {len(body)}\r\n".encode()
    return b"HTTP/1.1 " + status.encode() + b"\r\n" + _PHOENIX + headers + length + b"\r\n" + body


def _json(data: object, status: str = "200 OK") -> bytes:
    return answer(json.dumps(data).encode(), status, b"Content-Type: application/json\r\n")


def _chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + _PHOENIX + b"Transfer-Encoding: chunked\r\n\r\n" + body


def _stream(*events: bytes) -> bytes:
    return answer(b"".join(b"data: " + event + b"\n\n" for event in events))


_ERROR = {"error": {"message": "planted", "type": "x", "param": None, "code": None}}
_WRONG_ROW = {"context": 1, "metadata": "x", "spend": "x", "litellm_params": [], "expires": {}}
_HELLO = event_stream("Hello")

NO_ANSWER = {
    # Closed after the request, with or without a reset.
    "closed": b"",
    "reset": b"",
    "silent": b"",
    "silent_after_headers": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "tls": b"\x15\x03\x01\x00\x02\x02\x46",
    "bad_status": b"HTTP/1.1 abc OK\r\n\r\n",
    "bad_header": b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "long_header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
    "cut_header": b"HTTP/1.1 200 OK\r\nContent-Le",
    "cut_body": b"HTTP/1.1 200 OK\r\n" + _PHOENIX + b'Content-Length: 500\r\n\r\n{"data": [',
    "cut_chunk": _chunked(b"20\r\nhalf"),
    "bad_chunk": _chunked(b"zz\r\n"),
    "bad_gzip": answer(b"not gzip", headers=b"Content-Encoding: gzip\r\n"),
    "redirect": answer(b"", "302 Found", b"Location: http://192.0.2.1/\r\n"),
    "bad_redirect": answer(b"", "302 Found", b"Location: http://[::bad/\r\n"),
}
NOT_JSON = {
    "empty": answer(b""),
    "no_content": b"HTTP/1.1 204 No Content\r\n" + _PHOENIX + b"\r\n",
    "html": answer(b"<html>welcome</html>"),
    # httpx reports no error at the end of half a compressed body.
    "cut_gzip": answer(gzip.compress(b"{}" * 99)[:30], headers=b"Content-Encoding: gzip\r\n"),
    "deep": answer(b"[" * 100_000),
    "not_utf8": answer(b'{"a": "\xff\xfe'),
    "long_number": answer(b'{"status": ' + b"9" * 9_000 + b"}"),
}
WRONG_SHAPE = {
    "null": _json(None),
    "list": _json([]),
    "object": _json({}),
    "string": _json("yes"),
    "number": _json(7),
    "wrong_types": _json(
        {"data": 7, "keys": {}, "info": "x", "choices": {}, "status": [], "db": 1}
    ),
    "wrong_rows": _json(
        {
            **{name: [_WRONG_ROW] for name in ("data", "keys")},
            "info": _WRONG_ROW,
            "choices": [_WRONG_ROW],
            "token": 1,
            "key": 1,
        }
    ),
    "rows_of_null": _json({"data": [None], "keys": [None], "choices": [None]}),
    "infinity": answer(b'{"data": [{"total_tokens": Infinity}], "keys": [], "total_pages": NaN}'),
    "cut_stream": answer(_HELLO[: _HELLO.index(b"\n\n") + 2]),
    "stream_of_text": _stream(b"hello"),
    "stream_of_null": _stream(b"null"),
    "stream_of_wrong_choices": _stream(b'{"choices": 7}'),
    "stream_of_wrong_deltas": _stream(b'{"choices": [{"delta": [1]}]}'),
    "stream_of_an_error": _stream(json.dumps(_ERROR).encode()),
}
REFUSED = {
    f"status_{status}": _json(_ERROR, f"{status} Reason")
    for status in (400, 401, 403, 404, 409, 422, 429, 500, 503)
} | {
    "echo": b"",
    "html_502": answer(b"<html><h1>502 Bad Gateway</h1></html>", "502 Bad Gateway"),
    "text_500": answer(b"Internal Server Error", "500 Internal Server Error"),
    "shutting_down": _json({"status": "shutting_down"}, "503 Unavailable"),
}
FAULTS = NO_ANSWER | NOT_JSON | WRONG_SHAPE | REFUSED
OF_EACH_KIND = (
    *("closed", "silent", "ssh", "bad_gzip", "html", "wrong_rows", "cut_stream", "status_404"),
)
"""One for each way of failing; the others differ from these in httpx only."""


@dataclass(kw_only=True)
class FaultServer:
    """The running server; ``fault`` is what it does now, by its name in ``FAULTS``."""

    port: int
    fault: str = "closed"
    over: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            request = _read_request(connection)
            if self.fault == "echo":
                # A service that quotes the key that it refuses.
                words = request.decode("latin-1").split()
                quoted = [word for word in words if word.startswith("sk-")]
                message = f"Invalid key {' '.join(quoted)}"
                connection.sendall(_json({"error": {"message": message}}, "401 Unauthorized"))
            else:
                connection.sendall(FAULTS[self.fault])
            if self.fault.startswith("silent"):
                self.over.wait(5)
            if self.fault == "reset":
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def _read_request(connection: socket.socket) -> bytes:
    text = b""
    while b"\r\n\r\n" not in text:
        part = connection.recv(65536)
        if not part:
            break
        text += part
    return text


@contextmanager
def failing() -> Iterator[FaultServer]:
    """Run a server that fails every request while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = FaultServer(port=listener.getsockname()[1])
        threads: list[threading.Thread] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while not server.over.is_set():
                    connection, _ = listener.accept()
                    thread = threading.Thread(target=server.serve, args=(connection,), daemon=True)
                    thread.start()
                    threads.append(thread)

        main = threading.Thread(target=accept, daemon=True)
        main.start()
        try:
            yield server
        finally:
            server.over.set()
            listener.shutdown(socket.SHUT_RDWR)
            main.join()
            for thread in threads:
                thread.join()


class FaultyPart(httpx.BaseTransport):
    """Sends the requests that ``is_faulty`` to a fault server, and others to a fake.

    Those wait a moment only, whatever the command would.
    """

    def __init__(
        self,
        server: FaultServer,
        healthy: httpx.BaseTransport,
        is_faulty: Callable[[httpx.URL], bool],
    ) -> None:
        self._server = server
        self._healthy = healthy
        self._is_faulty = is_faulty
        self._sockets = httpx.HTTPTransport(trust_env=False, verify=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self._is_faulty(request.url):
            return self._healthy.handle_request(request)
        request.url = request.url.copy_with(port=self._server.port)
        request.extensions["timeout"] = {"connect": 5, "read": 0.1, "write": 5, "pool": 5}
        return self._sockets.handle_request(request)

    def close(self) -> None:
        self._sockets.close()
