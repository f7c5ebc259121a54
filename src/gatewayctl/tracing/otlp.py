"""Spans as OTLP protobuf bytes, written directly.

The exporter library does the same and loads all of protobuf's runtime first, 65 ms that a
person would wait for after every reply; a test holds these bytes equal to the library's.
Owns what a client span has: names, times, scalar attributes, status. Events and links are
not written. Field numbers: opentelemetry-proto, trace/v1/trace.proto, stable since 1.0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_HAS_IS_REMOTE = 0x100
_IS_REMOTE = 0x200


def export_request(spans: Iterable[ReadableSpan]) -> bytes:
    """An ``ExportTraceServiceRequest`` with one resource and scope for each span."""
    return b"".join(_message(1, _resource_spans(span)) for span in spans)


def _resource_spans(span: ReadableSpan) -> bytes:
    scope = span.instrumentation_scope
    scoped = _message(1, _text(1, scope.name if scope else "")) + _message(2, _span(span))
    return _message(1, _attributes(1, span.resource.attributes)) + _message(2, scoped)


def _span(span: ReadableSpan) -> bytes:
    context, parent = span.get_span_context(), span.parent
    assert context is not None  # noqa: S101 - every span the SDK makes has one
    remote = _IS_REMOTE if parent is not None and parent.is_remote else 0
    state = ",".join(f"{key}={value}" for key, value in context.trace_state.items())
    return b"".join(
        (
            _bytes(1, context.trace_id.to_bytes(16)),
            _bytes(2, context.span_id.to_bytes(8)),
            _text(3, state),
            _bytes(4, parent.span_id.to_bytes(8)) if parent else b"",
            _text(5, span.name),
            _number(6, span.kind.value + 1),
            _tag(7, 1) + struct.pack("<Q", span.start_time or 0),
            _tag(8, 1) + struct.pack("<Q", span.end_time or 0),
            _attributes(9, span.attributes or {}),
            _message(15, _status(span)),
            _tag(16, 5) + struct.pack("<I", _HAS_IS_REMOTE | remote),
        )
    )


def _status(span: ReadableSpan) -> bytes:
    return _text(2, span.status.description or "") + _number(3, span.status.status_code.value)


def _attributes(field: int, attributes: Mapping[str, Any]) -> bytes:
    return b"".join(
        _message(field, _text(1, key) + _message(2, _any_value(value)))
        for key, value in attributes.items()
    )


def _any_value(value: str | bool | float) -> bytes:
    # Inside the oneof even a zero or an empty text is written.
    if isinstance(value, bool):
        return _tag(2, 0) + _varint(value)
    if isinstance(value, int):
        return _tag(3, 0) + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, float):
        return _tag(4, 1) + struct.pack("<d", value)
    return _message(1, value.encode())


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _message(field, value) if value else b""


def _number(field: int, value: int) -> bytes:
    return _tag(field, 0) + _varint(value) if value else b""


def _message(field: int, content: bytes) -> bytes:
    return _tag(field, 2) + _varint(len(content)) + content


def _tag(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
