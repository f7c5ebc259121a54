"""A small OpenAI-compatible server on loopback: the provider behind the gateway in tests.

The model selects the answer (``say-401`` refuses with 401, ``say-hang`` never answers, ``flaky``
fails at the first try of each call, ``only-reasoning`` has no text). Every request is recorded, so
that tests can check which key arrived. Chat completions, /responses, embeddings and rerank.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme

REPLY = ("Hello", " from", " upstream", ".")
INSTEAD_OF_TEXT: dict[str, tuple[dict[str, Any], str]] = {
    "only-reasoning": ({"reasoning_content": "Let me think."}, "length"),
    "only-refusal": ({"refusal": "I can't help."}, "stop"),
    "only-tools": (
        {"tool_calls": [{"index": 0, "id": "call-1", "type": "function",
                         "function": {"name": "get_weather", "arguments": "{}"}}]},
        "tool_calls",
    ),
}  # fmt: skip
"""A message, and how it ends."""
REFUSALS = {
    "say-context": "This model's maximum context length is 8 tokens.",
    "say-policy": "Your request was rejected as a result of our safety system.",
}
_CODES = {"say-context": "context_length_exceeded", "say-policy": "content_policy_violation"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request that arrived."""

    authorization: str
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass(kw_only=True)
class Upstream:
    """The running server: its address, and its requests."""

    url: str
    requests: list[Seen] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def of_model(self, model: str) -> list[Seen]:
        """The requests for one model."""
        return [seen for seen in self.requests if seen.body.get("model") == model]


@contextmanager
def serving(
    host: str = "127.0.0.1", *, certificate: trustme.LeafCert | None = None
) -> Iterator[Upstream]:
    """Serve on a free port until the block ends; by default on loopback only, without TLS."""
    server = ThreadingHTTPServer((host, 0), _Handler)
    server.daemon_threads = True
    scheme = "http"
    if certificate is not None:
        scheme, tls = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(tls)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    upstream = Upstream(url=f"{scheme}://127.0.0.1:{server.server_address[1]}/v1")
    _Handler.upstreams[server.server_address[1]] = upstream
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        upstream.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _new_id() -> str:
    """Each reply needs its own id: LiteLLM's spend logs merge replies with the same one."""
    return f"up-{uuid.uuid4()}"


def _content(body: dict[str, Any]) -> str:
    """The reply; for a JSON schema a route, in JSON mode a step, the second one with ``done``."""
    form = (body.get("response_format") or {}).get("type")
    if form == "json_schema":
        return json.dumps({"route": "reasoning", "reason": "It asks for thought."})
    if form == "json_object":
        second = "steps so far" in str(body.get("messages"))
        return json.dumps({"step": "Think again." if second else "Think.", "done": second})
    return "".join(REPLY)


def _is_first_try(upstream: Upstream, body: dict[str, Any]) -> bool:
    """True for every other request of this content: another test's calls do not count."""
    same = [seen for seen in upstream.of_model("flaky") if seen.body == body]
    return len(same) % 2 == 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstreams: dict[int, Upstream] = {}  # noqa: RUF012 - one table for all servers

    def do_POST(self) -> None:
        upstream = self.upstreams[self.server.server_address[1]]  # type: ignore[index]
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        seen = Seen(
            authorization=self.headers.get("authorization", ""),
            body=body,
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        upstream.requests.append(seen)
        model = str(body.get("model", ""))
        if model == "say-hang":
            upstream.released.wait(30)
        elif model in REFUSALS:
            error = {"message": REFUSALS[model], "type": "refused", "code": _CODES[model]}
            self._json(400, {"error": error})
        elif model.startswith("say-"):
            self._refuse(int(model.removeprefix("say-")))
        elif model == "flaky" and _is_first_try(upstream, body):
            self._refuse(500)
        elif self.path.endswith("/embeddings"):
            vector = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
            usage = {"prompt_tokens": 7, "total_tokens": 7}
            self._json(200, {"object": "list", "model": model, "data": [vector], "usage": usage})
        elif "rerank" in self.path or "documents" in body:
            found = [{"index": 0, "relevance_score": 0.5}]
            self._json(200, {"id": _new_id(), "results": found, "meta": {}})
        elif self.path.endswith("/responses"):
            self._respond(model, stream=bool(body.get("stream")))
        elif body.get("stream"):
            self._stream(model, slow=model == "slow")
        else:
            self._reply(model, _content(body), body.get("tools") or [])

    def _refuse(self, status: int) -> None:
        text = f"upstream says {status}"
        self._json(status, {"error": {"message": text, "type": "refused", "code": str(status)}})

    def _reply(self, model: str, content: str, tools: list[dict[str, Any]]) -> None:
        message, end = INSTEAD_OF_TEXT.get(model, ({"content": content}, "stop"))
        if tools:
            called = {"name": tools[0]["function"]["name"], "arguments": "{}"}
            call = {"id": _new_id(), "type": "function", "function": called}
            message, end = {"tool_calls": [call]}, "tool_calls"
        message = {"role": "assistant", "content": None} | message
        choice = {"index": 0, "message": message, "finish_reason": end}
        answer = {"id": _new_id(), "object": "chat.completion", "created": int(time.time())}
        self._json(200, answer | {"model": model, "choices": [choice], "usage": USAGE})

    def _respond(self, model: str, *, stream: bool) -> None:
        text = {"type": "output_text", "text": "".join(REPLY), "annotations": []}
        message = {"type": "message", "id": _new_id(), "status": "completed", "role": "assistant"}
        done = {
            "id": _new_id(),
            "object": "response",
            "created_at": int(time.time()),
            "status": "completed",
            "model": model,
            "output": [{**message, "content": [text]}],
            "tools": [],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "usage": {"input_tokens": 7, "output_tokens": 4, "total_tokens": 11},
        }
        if not stream:
            self._json(200, done)
            return
        self._start_stream()
        begun = {**done, "status": "in_progress", "output": [], "usage": None}
        for number, (kind, response) in enumerate({"created": begun, "completed": done}.items()):
            self._send(
                {"type": f"response.{kind}", "response": response, "sequence_number": number}
            )

    def _start_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

    def _stream(self, model: str, *, slow: bool) -> None:
        self._start_stream()
        deltas: list[dict[str, Any]] = [{"content": part} for part in REPLY * (20 if slow else 1)]
        end = "stop"
        if model in INSTEAD_OF_TEXT:
            message, end = INSTEAD_OF_TEXT[model]
            deltas = [message]
        for delta in deltas:
            self._event(model, [{"index": 0, "delta": {"role": "assistant"} | delta}])
            time.sleep(0.2 if slow else 0)
        self._event(model, [{"index": 0, "delta": {}, "finish_reason": end}])
        self._event(model, [], usage=USAGE)
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, model: str, choices: list[dict[str, Any]], **more: Any) -> None:
        event = {"id": _new_id(), "object": "chat.completion.chunk", "created": int(time.time())}
        self._send(event | {"model": model, "choices": choices} | more)

    def _send(self, event: dict[str, Any]) -> None:
        try:
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def _json(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: object) -> None:
        """No log on stderr."""
