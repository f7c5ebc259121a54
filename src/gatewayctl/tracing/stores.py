"""The trace stores of the settings, as this process uses them: to send spans, and to ask for them.

Owns the choice of the store that is asked. Must not know what the spans are about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from gatewayctl.errors import TraceStoreNotQueryable
from gatewayctl.settings.declared.trace_stores import TraceStore
from gatewayctl.settings.model import PHOENIX_PROJECT, Settings
from gatewayctl.settings.sections.external import NO_PHOENIX
from gatewayctl.tracing.spans import SpanStore
from gatewayctl.transport import TransportFailure, request

if TYPE_CHECKING:
    from gatewayctl.tracing.client_spans import ClientTracer

_TIMEOUT: Final = httpx.Timeout(5, connect=2)


def open_span_store(settings: Settings, http: httpx.Client) -> SpanStore:
    """Return the Phoenix to ask for spans. Raises TraceStoreNotQueryable if there is none."""
    store = settings.asked_store
    if store is None:
        raise TraceStoreNotQueryable(explain_not_queryable(settings))
    return SpanStore(
        http, store.endpoint, project=store.project, headers=store.headers(settings.environment)
    )


def explain_not_queryable(settings: Settings) -> str:
    """Why no store can be asked for spans."""
    if settings.is_external:
        return f"No Phoenix of this gateway is known, so its traces cannot be read. {NO_PHOENIX}"
    names = ", ".join(store.name for store in settings.trace_stores)
    if not names:
        return "Traces cannot be asked for: gateway.yaml turns them off (tracing: none)."
    return f"{names} takes traces but cannot be asked which it has: only a Phoenix can."


def make_client_tracer(settings: Settings, http: httpx.Client) -> ClientTracer:
    """Return a tracer that sends the spans of this process to every declared store."""
    from gatewayctl.tracing.client_spans import ClientTracer
    from gatewayctl.tracing.export import Destination

    asked = settings.asked_store
    return ClientTracer(
        http,
        *(
            Destination(
                name="Phoenix" if store.kind == "phoenix" else f"The trace store {store.name}",
                url=store.endpoint,
                headers=store.headers(settings.environment),
            )
            for store in settings.trace_stores
        ),
        project=PHOENIX_PROJECT if asked is None else asked.project,
    )


def check_store(settings: Settings, store: TraceStore, http: httpx.Client) -> str | None:
    """Send an export without spans. Returns why it failed, None if the store accepted it."""
    try:
        answer = request(
            http,
            "POST",
            store.traces_url,
            content=b"",
            headers={
                "content-type": "application/x-protobuf",
                **store.headers(settings.environment),
            },
            timeout=_TIMEOUT,
        )
    except TransportFailure as failure:
        return f"does not answer ({failure.detail})"
    if answer.status in {401, 403}:
        return f"refuses the login (HTTP {answer.status})"
    if answer.status in {404, 405}:
        return f"takes no traces at {store.traces_url} (HTTP {answer.status})"
    # Some stores call an export without spans a bad request: they answer, and take the login.
    return f"answers HTTP {answer.status}" if answer.status >= 500 else None
