"""Chat completions through LiteLLM, streamed or not.

Owns the request as data and the parsing of server-sent events. Must not know
components, spans or terminals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import httpx

from gatewayctl import transport
from gatewayctl.errors import GatewayUnreachable
from gatewayctl.gateway import refusals
from gatewayctl.gateway.client import CALL_ID, GatewayClient, rows_of
from gatewayctl.settings.model import Secret

_LONGEST_EVENT: Final = 8 * 2**20
"""Bytes; an event holds a few words."""
CACHE_KEY: Final = "x-litellm-cache-key"
"""A header that LiteLLM sends with an answer from its cache only."""
DEPLOYMENT: Final = "x-litellm-model-name"
Message = Mapping[str, Any]
"""``{"role": "user", "content": "…"}``; the content is a list if it has an image or a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One request. ``headers`` carry the trace context.

    ``timeout``: seconds without data. ``response_format``: OpenAI's JSON mode or JSON schema.
    ``params`` are other parameters of the request, such as ``temperature``.
    """

    model: str
    messages: tuple[Message, ...]
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    stream: bool = True
    timeout: float = 630
    response_format: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def body(self) -> dict[str, Any]:
        """The JSON to post; a stream is asked to end with its usage."""
        body: dict[str, Any] = {
            **self.params,
            "model": self.model,
            "messages": [dict(message) for message in self.messages],
            "stream": self.stream,
            "metadata": dict(self.metadata),
        }
        if self.stream:
            body["stream_options"] = {"include_usage": True}
        if self.response_format is not None:
            body["response_format"] = dict(self.response_format)
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A part of a reply; a reply that is not streamed is one chunk.

    ``reasoning``, ``refusal`` and ``tool_calls`` (names of functions) come beside the text, or
    instead of it.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[str, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply that has started: LiteLLM's call id, and the chunks as they arrive.

    ``fallback`` is the model group that answers in place of the requested one, after ``retries``.
    ``deployment`` is what it called, in LiteLLM's notation; nothing if ``cached``.
    """

    call_id: str | None
    chunks: Iterator[Chunk]
    retries: int = 0
    fallback: str | None = None
    deployment: str | None = None
    cached: bool = False


@contextmanager
def post_chat(gateway: GatewayClient, key: Secret, request: ChatRequest) -> Iterator[Answer]:
    """Post the request; the chunks of the answer can be read inside the block.

    Raises VirtualKeyRefused, UnknownModel, UpstreamRefused, UpstreamTimeout,
    GatewayUnreachable or GatewayTimeout: before the block, or from ``chunks`` when the
    reply breaks off.
    """
    timeout = httpx.Timeout(request.timeout, connect=5)
    with gateway.open(
        "POST",
        "/v1/chat/completions",
        key=key,
        role="virtual",
        json=request.body(),
        headers=request.headers,
        timeout=timeout,
    ) as response:
        chunks = (
            _read_stream(gateway, response)
            if request.stream
            else _read_whole(gateway, response, timeout)
        )
        cached = CACHE_KEY in response.headers
        yield Answer(
            cached=cached,
            # With an answer from the cache it is the one that would have been called.
            deployment=None if cached else response.headers.get(DEPLOYMENT),
            call_id=response.headers.get(CALL_ID),
            chunks=chunks,
            retries=_count_attempts(response, "retries"),
            fallback=response.headers.get("x-litellm-model-group")
            if _count_attempts(response, "fallbacks")
            else None,
        )


def _count_attempts(response: httpx.Response, kind: str) -> int:
    count = response.headers.get(f"x-litellm-attempted-{kind}", "")
    return int(count) if count.isdecimal() else 0


def _read_whole(
    gateway: GatewayClient, response: httpx.Response, timeout: httpx.Timeout
) -> Iterator[Chunk]:
    body = _parse_object(gateway, transport.read_body(response, timeout))
    with gateway.expecting("a completion"):
        choice = rows_of(body, "choices")[0]
        chunk = _parse_chunk(choice, choice["message"], body)
    yield chunk


def _read_stream(gateway: GatewayClient, response: httpx.Response) -> Iterator[Chunk]:
    finished = False
    for event in _split_events(response.iter_bytes()):
        if event == b"[DONE]":
            return
        body = _parse_object(gateway, event)
        if "error" in body:
            refusal = refusals.parse_refusal_data(500, body)
            raise gateway.translate_refusal(refusal, "virtual", response)
        with gateway.expecting("a part of a completion"):
            choice: Mapping[str, Any] = next(iter(body.get("choices") or ()), {})
            chunk = _parse_chunk(choice, choice.get("delta") or {}, body)
        finished = finished or chunk.finish_reason is not None
        yield chunk
    if not finished:
        raise GatewayUnreachable(
            f"LiteLLM at {gateway.base_url} ended the reply before it was complete.",
            hint="See `gatewayctl logs litellm`. The partial reply was kept.",
        )


def _split_events(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the ``data:`` fields of a stream of server-sent events.

    Splits at \\n only: text readers also split at characters such as U+2028, which the JSON
    may contain.
    """
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > _LONGEST_EVENT:
            raise transport.TransportFailure("invalid", "an event of the stream does not end")
        for line in lines:
            if line.startswith(b"data:"):
                yield line.removeprefix(b"data:").strip()
    if rest.startswith(b"data:"):
        yield rest.removeprefix(b"data:").strip()


def _parse_object(gateway: GatewayClient, text: bytes) -> dict[str, Any]:
    body = transport.parse_json(text)
    if not isinstance(body, dict):
        raise gateway.unexpected_answer("valid JSON")
    return body


def _parse_chunk(
    choice: Mapping[str, Any], message: Mapping[str, Any], body: Mapping[str, Any]
) -> Chunk:
    """Parse a choice and its message or delta, as LiteLLM 1.106.2 sends them."""
    # LiteLLM moves the refusal of a whole reply there, but not that of a stream.
    fields = message.get("provider_specific_fields") or {}
    reason = choice.get("finish_reason")
    return Chunk(
        text=_string(message.get("content")),
        reasoning=_string(message.get("reasoning_content")),
        refusal=_string(message.get("refusal")) or _string(fields.get("refusal")),
        tool_calls=_parse_tool_calls(message),
        finish_reason=None if reason is None else str(reason),
        usage=_parse_usage(body.get("usage")),
    )


def _parse_tool_calls(message: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the called functions; in a stream the first part of each call has it."""
    functions = [call.get("function") or {} for call in message.get("tool_calls") or ()]
    functions.append(message.get("function_call") or {})
    return tuple(str(function["name"]) for function in functions if function.get("name"))


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _parse_usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict) or usage.get("total_tokens") is None:
        return None
    return Usage(
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        total_tokens=int(usage["total_tokens"]),
    )
