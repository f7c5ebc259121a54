"""What proves that a release serves this project: keys that open, a chat, its trace, rows kept.

Owns which calls are made; none of them costs money. Must not know releases, nor what to do when
the proof fails.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import GatewayctlError, NotVerified, Refused, Unreachable
from gatewayctl.operations.backup.credentials import find_usable_keys
from gatewayctl.operations.keys.values import read_current_values
from gatewayctl.operations.traces.probe import Tracing, has_probe_arrived, send_probe
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.databases import Database
from gatewayctl.settings.model import Secret, Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

TABLES: Final = ("LiteLLM_VerificationToken", "LiteLLM_SpendLogs")
"""Whose rows people would miss."""
_LEDGER: Final = (
    'select migration_name from "_prisma_migrations" '
    "where finished_at is not null and rolled_back_at is null order by 1;"
)
_TRACE_SECONDS: Final = 10.0
_SUBJECT: Final = "proof"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What LiteLLM's database held before a change of release."""

    ledger: tuple[str, ...]
    keys: tuple[str, ...]
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeVerification:
    """What was proven. ``keys`` are variables whose virtual keys open the gateway.

    ``model`` answered a chat; None where no model answers offline or no key is there to ask with.
    """

    keys: tuple[str, ...]
    model: str | None
    tracing: Tracing
    rows: Mapping[str, int]


def read_baseline(settings: Settings, database: Database) -> Baseline:
    """Look into LiteLLM's database; its server has to run."""
    found = database.rows()
    return Baseline(
        ledger=applied_migrations(database),
        keys=tuple(find_usable_keys(database, "", read_current_values(settings)))
        if TABLES[0] in found
        else (),
        rows={table: found.get(table, 0) for table in TABLES},
    )


def applied_migrations(database: Database) -> tuple[str, ...]:
    """The migrations that are applied; none in an empty database."""
    return database.ask(_LEDGER) if "_prisma_migrations" in database.rows() else ()


def verify_upgrade(
    settings: Settings,
    gateway: GatewayClient,
    database: Database,
    *,
    keys: Sequence[str],
    rows: Mapping[str, int],
    trace_seconds: float = _TRACE_SECONDS,
) -> Generator[Progress, None, UpgradeVerification]:
    """Every key opens, one chats, nothing is lost. Raises NotVerified, naming what is not so."""
    yield Progress(subject=_SUBJECT, state="working", detail="keys, a chat, its trace")
    try:
        trace_id, model = _called(settings, gateway, keys)
    except (Refused, Unreachable) as error:
        raise NotVerified(f"LiteLLM runs, and the proof fails: {error.message}") from error
    found = database.rows()
    lost = {table: count for table, count in rows.items() if found.get(table, 0) < count}
    if lost:
        said = ", ".join(f"{t} has {found.get(t, 0)} rows of {n}" for t, n in lost.items())
        raise NotVerified(f"LiteLLM runs, and its database lost rows: {said}.")
    there = has_probe_arrived(settings, gateway, trace_id, timeout=trace_seconds)
    yield Progress(subject=_SUBJECT, state="ready", detail=_said(keys, model))
    return UpgradeVerification(
        keys=tuple(keys),
        model=model,
        tracing="verified" if there else "unverified",
        rows={table: found.get(table, 0) for table in TABLES},
    )


def _called(
    settings: Settings, gateway: GatewayClient, names: Sequence[str]
) -> tuple[str | None, str | None]:
    """The trace of the last call, and the model that answered a chat."""
    from gatewayctl.gateway.key_probe import probe_key

    values = read_current_values(settings)
    opened: dict[str, tuple[str, ...]] = {}
    for name in names:
        if name not in values:
            continue
        try:
            opened[name] = probe_key(gateway, values[name]).models
        except GatewayctlError as error:
            error.message = f"{name}: {error.message}"
            raise
    for name, models in opened.items():
        for model in settings.served:
            if model.offline and model.name in models:
                return _chat(gateway, values[name], model.name), model.name
    return send_probe(gateway, settings.secrets.master_key), None


def _chat(gateway: GatewayClient, key: Secret, model: str) -> str:
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


def _said(keys: Sequence[str], model: str | None) -> str:
    opening = f"{len(keys)} virtual key{'' if len(keys) == 1 else 's'} open"
    return opening if model is None else f"{opening}, {model} answers"
