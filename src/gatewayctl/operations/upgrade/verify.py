"""Verification that a release serves this project: keys are accepted, a chat, its trace, its rows.

Owns which calls are made; none of them costs money. Must not know releases, nor what happens when
the verification fails.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import GatewayctlError, NotVerified, Refused, Unreachable
from gatewayctl.operations.keys.values import read_current_values
from gatewayctl.operations.traces.probe import Tracing, has_probe_arrived, send_probe
from gatewayctl.operations.upgrade.baseline import (
    TABLES,
    Baseline,
    explain_loss,
    find_keys_to_try,
)
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.database import Database
from gatewayctl.settings.model import Secret, Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

_TRACE_SECONDS: Final = 10.0
_SUBJECT: Final = "verification"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeVerification:
    """``keys`` are the variables whose virtual keys the gateway accepts.

    ``model`` answered a chat; None without an offline model, or without a key that may use it.
    """

    keys: tuple[str, ...]
    model: str | None
    tracing: Tracing
    rows: Mapping[str, int]


def verify_upgrade(
    settings: Settings,
    gateway: GatewayClient,
    database: Database,
    *,
    before: Baseline,
    trace_seconds: float = _TRACE_SECONDS,
) -> Generator[Progress, None, UpgradeVerification]:
    """Check that every key is accepted, that one can chat, and that no row of ``before`` is lost.

    Waits ``trace_seconds`` for the trace; a missing one is no failure. Raises NotVerified.
    """
    yield Progress(subject=_SUBJECT, state="working", detail="keys, a chat, its trace")
    keys = find_keys_to_try(settings, database, before.keys)
    try:
        trace_id, model = _call_gateway(settings, gateway, keys)
    except (Refused, Unreachable) as error:
        raise NotVerified(f"LiteLLM runs, but the verification failed: {error.message}") from error
    if lost := explain_loss(settings, database, before):
        raise NotVerified(f"LiteLLM runs, but its database lost rows: {lost}.")
    found = database.rows()
    arrived = has_probe_arrived(settings, gateway, trace_id, timeout=trace_seconds)
    yield Progress(subject=_SUBJECT, state="ready", detail=_summarize(keys, model))
    return UpgradeVerification(
        keys=tuple(keys),
        model=model,
        tracing="verified" if arrived else "unverified",
        rows={table: found.get(table, 0) for table in TABLES},
    )


def _call_gateway(
    settings: Settings, gateway: GatewayClient, names: Sequence[str]
) -> tuple[str | None, str | None]:
    """Try each key and chat with one; returns the trace of the last call, and the model."""
    from gatewayctl.gateway.key_probe import probe_key

    values = read_current_values(settings)
    models_of: dict[str, tuple[str, ...]] = {}
    for name in names:
        try:
            models_of[name] = probe_key(gateway, values[name]).models
        except GatewayctlError as error:
            error.message = f"{name}: {error.message}"
            raise
    for name, models in models_of.items():
        for model in settings.served:
            if model.offline and model.name in models:
                return _send_chat(gateway, values[name], model.name), model.name
    return send_probe(gateway, settings.secrets.master_key), None


def _send_chat(gateway: GatewayClient, key: Secret, model: str) -> str:
    from gatewayctl.gateway.chat import ChatRequest, post_chat

    trace_id = secrets.token_hex(16)
    request = ChatRequest(
        model=model,
        messages=({"role": "user", "content": "Do you still answer?"},),
        headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"},
        stream=False,
        timeout=60,
    )
    with post_chat(gateway, key, request) as answer:
        for _ in answer.chunks:
            pass
    return trace_id


def _summarize(keys: Sequence[str], model: str | None) -> str:
    accepted = f"{len(keys)} virtual key{'' if len(keys) == 1 else 's'} accepted"
    return accepted if model is None else f"{accepted}, {model} answers"
