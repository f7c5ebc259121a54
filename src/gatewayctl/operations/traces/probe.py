"""Checks whether spans reach Phoenix from LiteLLM: one traced request that calls no model.

`GET /v1/models` with a trace context leaves two spans and no spend log. Owns the probe; a late
trace is not a failure. Must not know why it is sent.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.errors import GatewayctlError, PhoenixUnreachable
from gatewayctl.settings.model import Secret, Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

Tracing = Literal["verified", "unverified"]
_INTERVAL: Final = 0.1


def send_probe(gateway: GatewayClient, key: Secret | None) -> str | None:
    """Make LiteLLM trace a request. Returns its trace id, or None if LiteLLM did not accept it."""
    if key is None:
        return None
    trace_id = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    try:
        gateway.call("GET", "/v1/models", key=key, role="master", headers=headers)
    except GatewayctlError:
        return None
    return trace_id


def has_probe_arrived(
    settings: Settings,
    gateway: GatewayClient,
    trace_id: str | None,
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """True if Phoenix has the probe within ``timeout`` seconds."""
    from gatewayctl.tracing.spans import SpanQuery
    from gatewayctl.tracing.stores import open_span_store

    if trace_id is None or settings.asked_store is None:
        return False
    store = open_span_store(settings, gateway.http)
    deadline = clock() + timeout
    while True:
        try:
            if store.find(store.project, SpanQuery(trace_ids=(trace_id,), limit=1)):
                return True
        except PhoenixUnreachable:
            pass
        if clock() >= deadline:
            return False
        sleep(_INTERVAL)
