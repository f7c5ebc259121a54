"""TLS in front of a PostgreSQL without it, as of a managed one: begun by libpq's SSLRequest."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


@contextmanager
def tls_front(port: int, certificate: Path) -> Iterator[int]:
    """Yield the port where TLS is required; what it carries goes on to ``port`` of loopback.

    ``certificate`` is a PEM file with the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    started: SimpleQueue[tuple[int, Callable[[], object]]] = SimpleQueue()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            if await reader.readexactly(8) == _SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
        writer.close()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        done, loop = asyncio.Event(), asyncio.get_running_loop()
        listening = int(server.sockets[0].getsockname()[1])
        started.put((listening, lambda: loop.call_soon_threadsafe(done.set)))
        async with server:
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    listening, stop = started.get(timeout=10)
    try:
        yield listening
    finally:
        stop()
        thread.join(timeout=10)
