"""TLS for PostgreSQL's client programs, which the embedded environment has without it.

A program connects to a port of loopback, and its bytes go on to the server over TLS, as libpq would
begin it. Owns the meaning of sslmode. Must not know which statements are sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import Final

from gatewayctl.errors import ExternalDatabaseUnusable
from gatewayctl.settings.declared.external_services import DatabaseUrl

# PostgreSQL's protocol 3.0: a length of 8 and the code of SSLRequest.
_SSL_REQUEST: Final = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
_SECONDS: Final = 10.0
_CHUNK: Final = 65536
_TLS: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation", "channel_binding")


@contextmanager
def open_tunnel(url: DatabaseUrl) -> Iterator[DatabaseUrl]:
    """Yield the URL of the near end of a tunnel, which is closed when the block ends.

    Raises ExternalDatabaseUnusable if there is no TLS connection to the server.
    """
    answers: SimpleQueue[int | Exception] = SimpleQueue()
    stop: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = SimpleQueue()
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(url, answers, stop)), name="tls-tunnel", daemon=True
    )
    thread.start()
    found = answers.get()
    if isinstance(found, Exception):
        raise ExternalDatabaseUnusable(_explain(found))
    kept = {name: value for name, value in url.parameters.items() if name not in _TLS}
    try:
        yield replace(url, host="127.0.0.1", port=found, parameters={**kept, "sslmode": "disable"})
    finally:
        loop, event = stop.get()
        loop.call_soon_threadsafe(event.set)
        thread.join(timeout=_SECONDS)


def make_context(url: DatabaseUrl) -> ssl.SSLContext:
    """What sslmode and sslrootcert ask for. Raises OSError for a file that cannot be read.

    As in libpq, ``require`` verifies nothing without a root certificate.
    """
    mode, root = url.parameters.get("sslmode"), url.parameters.get("sslrootcert")
    context = ssl.create_default_context(cafile=None if root in {None, "system"} else root)
    context.check_hostname = mode == "verify-full"
    if mode == "require" and root is None:
        context.verify_mode = ssl.CERT_NONE
    if certificate := url.parameters.get("sslcert"):
        context.load_cert_chain(certificate, url.parameters.get("sslkey"))
    return context


async def _serve(
    url: DatabaseUrl,
    answers: SimpleQueue[int | Exception],
    stop: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event]],
) -> None:
    try:
        context = make_context(url)
        # Once before anything relies on it, so that a failure has its own words.
        _, writer = await _connect(url, context)
        writer.close()
        server = await asyncio.start_server(
            lambda reader, writer: _relay(reader, writer, url, context), "127.0.0.1", 0
        )
    except (OSError, EOFError, TimeoutError) as error:
        answers.put(error)
        return
    done = asyncio.Event()
    stop.put((asyncio.get_running_loop(), done))
    answers.put(int(server.sockets[0].getsockname()[1]))
    async with server:
        await done.wait()


async def _connect(
    url: DatabaseUrl, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(_SECONDS):
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(_SSL_REQUEST)
        if await reader.readexactly(1) != b"S":
            writer.close()
            raise ConnectionError("the server does not support TLS, which sslmode= requires")
        await writer.start_tls(context, server_hostname=url.host)
    return reader, writer


async def _relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    url: DatabaseUrl,
    context: ssl.SSLContext,
) -> None:
    # A connection that ends in any way ends the program's, which reports it.
    with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.CancelledError):
        far_reader, far_writer = await _connect(url, context)
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
    writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _explain(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"the server does not answer within {_SECONDS:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    if isinstance(error, EOFError):
        return "the server closes the connection: it may not be PostgreSQL"
    return str(error)
