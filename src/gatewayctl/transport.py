"""HTTP requests, bounded in time and size, and the one translation of httpx's failures.

Owns the exceptions of httpx: its clients (LiteLLM's, Phoenix's) see `TransportFailure` only. Must
not know who is asked, nor what the failure means for a command.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx

from gatewayctl.settings.masking import strip_keys

_LOGGER: Final = logging.getLogger(__name__)
MAX_BYTES: Final = 64 * 2**20
"""The longest answer that is read. A page of 1,000 spans with long prompts may be longer."""

FailureKind = Literal["unreachable", "timeout", "disconnected", "invalid", "too_long"]
# h11's and httpcore's words for a connection that ended too early; the rest is not HTTP.
_ENDED_EARLY: Final = ("disconnected", "closed connection", "incomplete")


class TransportFailure(Exception):
    """A request without a usable answer. ``detail`` is the system's reason, without any key.

    ``unreachable``: no connection (refused, unknown name, TLS). ``timeout``: connected, but no
    answer in time. ``disconnected``: the connection ended before the answer did. ``invalid``: the
    answer is not HTTP or cannot be decoded. ``too_long``: it is longer than MAX_BYTES.
    """

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.kind: Final = kind
        self.detail: Final = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A complete answer; ``headers`` by name in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def new_http_client(
    transport: httpx.BaseTransport | None = None, *, trust: ssl.SSLContext | None = None
) -> httpx.Client:
    """Create the HTTP client of the process: no redirects, no proxies from the environment.

    ``trust`` is what `trust_certificates` returns, for services with https. Tests pass a
    ``transport``, such as ``httpx.MockTransport``.
    """
    # A stack of one's own needs plain http to this machine only: an empty trust store refuses
    # every https server, and saves each command the 20 ms of reading the system's certificates.
    verify = trust or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(
        transport=_LoggedTransport(
            transport or httpx.HTTPTransport(verify=verify, trust_env=False)
        ),
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": "gatewayctl"},
    )


def trust_certificates(pem: str | None) -> ssl.SSLContext:
    """Trust these authorities instead of those of this machine (or of SSL_CERT_FILE)."""
    return ssl.create_default_context(cadata=pem)


class _LoggedTransport(httpx.BaseTransport):
    """Logs every request, without headers and body; a key in an address is masked by the handler.

    What changes something is logged as INFO, what only reads as DEBUG.
    """

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        level = logging.DEBUG if request.method == "GET" else logging.INFO
        began = time.monotonic()
        try:
            response = self._transport.handle_request(request)
        except httpx.HTTPError as error:
            self._log(level, request, f"{type(error).__name__}: {error}", began)
            raise
        self._log(level, request, str(response.status_code), began)
        return response

    def close(self) -> None:
        self._transport.close()

    def _log(self, level: int, request: httpx.Request, result: str, began: float) -> None:
        """Log the time to the head of the answer: a stream goes on after it."""
        took = (time.monotonic() - began) * 1000
        _LOGGER.log(level, "%s %s: %s (%.0f ms)", request.method, request.url, result, took)


def request(
    http: httpx.Client, method: str, url: str, *, timeout: httpx.Timeout, **options: Any
) -> HttpAnswer:
    """Send a request and read the whole answer. Raises TransportFailure."""
    with translate_failures(timeout), http.stream(method, url, timeout=timeout, **options) as found:
        body = read_body(found, timeout)
        return HttpAnswer(status=found.status_code, headers=found.headers, body=body)


@contextmanager
def translate_failures(timeout: httpx.Timeout) -> Iterator[None]:
    """Turn every failure of a request, or of reading its answer, into a TransportFailure."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise _translate(error, timeout) from None


def read_body(response: httpx.Response, timeout: httpx.Timeout) -> bytes:
    """Read an answer that must be complete within the read timeout.

    httpx limits the time between two parts only, and never the size. Raises TransportFailure.
    """
    end, parts, size = time.monotonic() + (timeout.read or 0), [], 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise TransportFailure("too_long", f"the answer is longer than {MAX_BYTES >> 20} MB")
        if time.monotonic() > end:
            raise TransportFailure("timeout", _late(timeout))
    return b"".join(parts)


def parse_json(body: bytes) -> Any:
    """Parse a body; None if it is not JSON, which no service answers a question with."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _translate(error: Exception, timeout: httpx.Timeout) -> TransportFailure:
    # A ConnectTimeout is a TimeoutException too.
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
        return TransportFailure("unreachable", _describe(error))
    if isinstance(error, httpx.InvalidURL | UnicodeError | httpx.LocalProtocolError):
        # Their messages may quote a header, and with it a key.
        return TransportFailure("unreachable", "the address or a header cannot be sent")
    if isinstance(error, httpx.TimeoutException):
        return TransportFailure("timeout", _late(timeout))
    if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError):
        early = any(word in str(error) for word in _ENDED_EARLY)
        return TransportFailure("disconnected" if early else "invalid", _describe(error))
    return TransportFailure("disconnected", _describe(error))


def _late(timeout: httpx.Timeout) -> str:
    return f"no answer within {timeout.read:g} s"


def _describe(error: Exception) -> str:
    """The message of the system, without the errno that httpx puts before it, and no key."""
    text = strip_keys(str(error)) or type(error).__name__
    return text.rpartition("] ")[2][:200]
