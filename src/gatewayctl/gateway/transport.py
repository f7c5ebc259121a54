"""HTTP/1.1 to this machine with the standard library, behind httpx's transport seam.

httpx's own transport loads httpcore, h11 and a trust store: 50 to 70 ms of a command that
lasts 300. Everything here is plain HTTP over loopback, one connection a request. Must not
know who is spoken to.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

_PART: Final = 65536
_OURS: Final = {b"connection", b"content-length", b"transfer-encoding"}


class PlainTransport(httpx.BaseTransport):
    """Sends each request over a connection of its own, and raises httpx's exceptions."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer with its body still to be read. Raises httpx.TransportError."""
        if request.url.scheme != "http":
            raise httpx.UnsupportedProtocol("only plain http is spoken here", request=request)
        timeouts = request.extensions.get("timeout", {})
        connection = http.client.HTTPConnection(
            request.url.host, request.url.port or 80, timeout=timeouts.get("connect")
        )
        try:
            _connect(connection)
            connection.sock.settimeout(timeouts.get("read"))
            response = _exchange(connection, request)
        except BaseException:
            connection.close()
            raise
        return httpx.Response(
            response.status,
            headers=response.getheaders(),
            stream=_Body(connection, response),
            extensions={"reason_phrase": response.reason.encode()},
        )


def _connect(connection: http.client.HTTPConnection) -> None:
    try:
        connection.connect()
    except TimeoutError as error:
        raise httpx.ConnectTimeout("timed out") from error
    except OSError as error:
        raise httpx.ConnectError(error.strerror or str(error)) from error


def _exchange(
    connection: http.client.HTTPConnection, request: httpx.Request
) -> http.client.HTTPResponse:
    body = request.read()
    with _named_failures():
        connection.putrequest(
            request.method,
            request.url.raw_path.decode("ascii"),
            skip_host=True,
            skip_accept_encoding=True,
        )
        for name, value in request.headers.raw:
            if name.lower() not in _OURS:
                connection.putheader(name, value)
        connection.putheader("Connection", "close")
        if body or request.method in {"POST", "PUT", "PATCH"}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        return connection.getresponse()


class _Body(httpx.SyncByteStream):
    """The body as it arrives; closing it hangs up."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        self._connection = connection
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _named_failures():
            while part := self._response.read1(_PART):
                yield part
            # http.client takes a body that ends early for a whole one.
            if self._response.length:
                raise http.client.IncompleteRead(b"", self._response.length)

    def close(self) -> None:
        self._response.close()
        self._connection.close()


@contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise httpx.ReadTimeout("timed out") from error
    except http.client.RemoteDisconnected as error:
        raise httpx.RemoteProtocolError("disconnected without an answer") from error
    except http.client.HTTPException as error:
        raise httpx.RemoteProtocolError(f"{type(error).__name__}: no proper HTTP") from error
    except OSError as error:
        raise httpx.ReadError(error.strerror or str(error)) from error
