"""A gateway that streams a given number of chunks as LiteLLM does, one event a chunk."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_WORD: Final = "token "
_AT_ONCE: Final = 100
"""Chunks in one write."""


@contextmanager
def serve_chunks(chunks: int) -> Iterator[int]:
    """Serve replies of that many words; yields the port. The model `reasoning` has no text."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer a chat completion."""
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("x-litellm-call-id", "growth")
            if request["stream"]:
                self._stream("reasoning_content" if request["model"] == "reasoning" else "content")
            else:
                message = {"role": "assistant", "content": _WORD * chunks}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                body = json.dumps({"choices": [choice]}).encode()
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def _stream(self, name: str) -> None:
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            several = _event({"index": 0, "delta": {name: _WORD}}) * _AT_ONCE
            for _ in range(chunks // _AT_ONCE):
                self.wfile.write(several)
            self.wfile.write(_event({"index": 0, "delta": {}, "finish_reason": "stop"}))
            self.wfile.write(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _event(choice: dict[str, Any]) -> bytes:
    body = {"id": "growth", "object": "chat.completion.chunk", "choices": [choice]}
    return _chunk(b"data: " + json.dumps(body).encode() + b"\n\n")


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"
