"""What an application adds to its model calls, so that they are attributed to a component.

For programs that use the gateway: with the OpenAI SDK, sync or async, or any HTTP client::

    call = component_call("reasoning-agent", "synthesis")
    reply = client.chat.completions.create(model=…, messages=…, **call)

Owns metadata, tags and trace context. Imports nothing of gatewayctl, and OpenTelemetry's
interface only where the application itself has loaded it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, Final, TypedDict

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,99}")
_OURS: Final = frozenset({"component", "operation", "tags"})


class CallArguments(TypedDict):
    """Keyword arguments for the OpenAI SDK's ``create``: additions to body and headers."""

    extra_body: dict[str, Any]
    extra_headers: dict[str, str]


def component_call(
    component: str,
    operation: str = "chat",
    *,
    metadata: Mapping[str, Any] | None = None,
    tags: tuple[str, ...] = (),
) -> CallArguments:
    """Return the arguments to pass with ``**``: they attribute the call and join the current trace.

    ``component`` and ``operation`` consist of letters, digits, dots, hyphens and underscores, as in
    gateway.yaml; ``metadata`` and ``tags`` are the application's own. Call it for each request: the
    trace context is the current one. Raises ValueError for names that Phoenix's filters and
    LiteLLM's tags do not support.
    """
    for name in (component, operation):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a valid name of a component or an operation")
    own = dict(metadata or {})
    if taken := _OURS & own.keys():
        raise ValueError(f"metadata must not set {', '.join(sorted(taken))}")
    attributed = {
        **own,
        "component": component,
        "operation": operation,
        "tags": [*tags, f"component:{component}", f"op:{operation}"],
    }
    return {"extra_body": {"metadata": attributed}, "extra_headers": trace_headers()}


def trace_headers() -> dict[str, str]:
    """The W3C trace context of the current OpenTelemetry span; empty without one.

    OpenTelemetry is not imported in a program that does not use it.
    """
    if "opentelemetry" not in sys.modules:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier
