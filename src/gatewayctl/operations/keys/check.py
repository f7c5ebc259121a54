"""`keys check`: each key proved with real calls; with ``fix`` what differs is put right first.

A key is proved when its secret opens the models, is refused on management routes, and is
in LiteLLM as gateway.yaml declares it. No model is called, so it costs nothing. Owns the
verdict. Must not know terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from gatewayctl.errors import Drift, GatewayctlError, Refused, VirtualKeyRefused
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.key_probe import KeyProbe, is_management_refused, probe_key
from gatewayctl.operations.keys.list import KeyRow, KeyState, join_keys
from gatewayctl.operations.keys.plan import Action, KeyStep, KnownKeys, plan_keys
from gatewayctl.operations.keys.sync import KeysSyncReport, SyncedKey, apply_sync
from gatewayctl.operations.keys.values import is_plausible_key, read_current_values
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings

_DIFFERING: Final[frozenset[Action]] = frozenset(
    {"create", "register", "replace", "move", "finish", "update", "conflict", "blocked"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """One key and its proof; None where no call could be made, as there is no secret.

    ``authenticates``: LiteLLM accepts the secret. ``management_refused``: it opens no
    management route. ``differs``: what is not as declared. ``reason``: in words, why it is
    not ``ok``.
    """

    alias: str | None
    env: str | None
    declared: bool
    state: KeyState
    ok: bool
    authenticates: bool | None
    management_refused: bool | None
    models: tuple[str, ...]
    differs: tuple[str, ...]
    latency_ms: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysCheckReport:
    """Each declared key, and each other of ours that .env holds; ``fixed`` are the repairs."""

    keys: tuple[KeyCheck, ...]
    fixed: tuple[SyncedKey, ...]
    warnings: tuple[str, ...] = ()

    @property
    def problem(self) -> GatewayctlError | None:
        failed = [check for check in self.keys if not check.ok]
        if not failed:
            return None
        said = "; ".join(f"{check.alias}: {check.reason}" for check in failed)
        return Drift(
            f"{len(failed)} of {len(self.keys)} keys are not as they should be: {said}.",
            hint="`gatewayctl keys check --fix` puts right what can be; see also `keys rotate`.",
        )


def check_keys(
    settings: Settings,
    gateway: GatewayClient,
    *,
    fix: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> KeysCheckReport:
    """Prove every key; ``fix`` first does what `keys sync` does without pruning.

    Raises MasterKeyMissing, MasterKeyRefused, GatewayDatabaseMissing, GatewayUnreachable
    and, with ``fix``, Locked. A key that is refused is a row, not an exception.
    """
    if not fix:
        return KeysCheckReport(keys=_check_all(settings, gateway, now()), fixed=())
    with change_project(settings, "keys check --fix") as record:
        synced = apply_sync(settings, gateway, prune=False, dry_run=False, now=now)
        report = _add_fix_errors(synced, _check_all(settings, gateway, now()))
        record.problem = report.problem
    return report


def _add_fix_errors(synced: KeysSyncReport, keys: tuple[KeyCheck, ...]) -> KeysCheckReport:
    """The checks after the fix, those that still fail with what fixing them said."""
    errors = {key.alias: key.error for key in synced.keys if key.error}
    return KeysCheckReport(
        keys=tuple(
            replace(key, reason=errors.get(key.alias, key.reason)) if not key.ok else key
            for key in keys
        ),
        fixed=tuple(key for key in synced.keys if key.done),
        warnings=synced.warnings,
    )


def _check_all(settings: Settings, gateway: GatewayClient, now: datetime) -> tuple[KeyCheck, ...]:
    keys = tuple(litellm.iterate_keys(gateway, require_master_key(settings)))
    values = read_current_values(settings)
    known = KnownKeys(settings=settings, keys=keys, values=values, now=now)
    # By the alias of the key: the step of a rotation bears the alias the key is to get.
    steps = {
        each.step.alias if each.key is None else each.key.alias: each.step
        for each in reversed(plan_keys(known))
    }
    rows = join_keys(settings, keys, now=now).own
    return tuple(
        _check(gateway, row, steps[row.alias], values)
        for row in rows
        if row.declared
        # A new key whose alias is declared has no step of its own: that of the alias covers it.
        or (row.in_env and row.alias in steps and row.state not in {"retiring", "unfinished"})
    )


def _check(
    gateway: GatewayClient, row: KeyRow, step: KeyStep, values: Mapping[str, Secret]
) -> KeyCheck:
    secret = values.get(row.env) if row.env else None
    proof, refusal, closed = _probe(gateway, secret)
    reason = _find_reason(row, step, refusal, closed)
    return KeyCheck(
        alias=row.alias,
        env=row.env,
        declared=row.declared,
        state=row.state,
        ok=reason is None,
        authenticates=None if secret is None else proof is not None,
        management_refused=closed,
        models=() if proof is None else proof.models,
        differs=step.changes,
        latency_ms=None if proof is None else proof.latency_ms,
        reason=reason,
    )


def _probe(
    gateway: GatewayClient, secret: Secret | None
) -> tuple[KeyProbe | None, Refused | None, bool | None]:
    """What the calls said: the proof or the refusal, and whether management is closed."""
    if secret is None:
        return None, None, None
    if not is_plausible_key(secret):
        return None, VirtualKeyRefused("It does not begin with sk-."), None
    try:
        proof = probe_key(gateway, secret)
        return proof, None, is_management_refused(gateway, secret)
    except Refused as refusal:
        return None, refusal, None


def _find_reason(
    row: KeyRow, step: KeyStep, refusal: Refused | None, closed: bool | None
) -> str | None:
    """Why the key is not as it should be, the gravest first; None if it is."""
    if closed is False:
        return f"{row.env} opens management routes"
    if step.action in _DIFFERING:
        return step.reason or "; ".join(step.changes) or f"it is {row.state}"
    if refusal is not None:
        return refusal.message.removesuffix(".")
    return None if row.state == "ok" else f"it is {row.state}"
