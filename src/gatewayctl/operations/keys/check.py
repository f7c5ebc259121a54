"""`keys check`: checks each key with real calls; with ``fix`` differences are fixed first.

A key is ok if its secret may list models, is refused on management routes, and is in LiteLLM
as gateway.yaml declares it. No model is called, so it costs nothing. Owns the result. Must not
know terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gatewayctl.errors import Drift, GatewayctlError, Refused, VirtualKeyRefused
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.key_probe import KeyProbe, is_management_refused, probe_key
from gatewayctl.operations.keys.list import KeyRow, KeyState, join_keys
from gatewayctl.operations.keys.plan import KeyStep, KnownKeys, plan_keys
from gatewayctl.operations.keys.sync import KeysSyncReport, apply_sync
from gatewayctl.operations.keys.values import is_plausible_key, read_current_values
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """One key and the result of its calls; None if there is no secret to call with.

    ``authenticates``: LiteLLM accepts the secret. ``management_refused``: LiteLLM refuses it on
    management routes. ``differs``: what is not as declared. ``reason``: why it is not ``ok``.
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
    """Each declared key, and each other key of ours in .env; ``fixed`` are the repairs."""

    keys: tuple[KeyCheck, ...]
    fixed: tuple[KeyStep, ...]
    warnings: tuple[str, ...] = ()

    @property
    def problem(self) -> GatewayctlError | None:
        failed = [check for check in self.keys if not check.ok]
        if not failed:
            return None
        reasons = "; ".join(f"{check.alias}: {check.reason}" for check in failed)
        return Drift(
            f"{len(failed)} of {len(self.keys)} keys failed the check: {reasons}.",
            hint="Try `gatewayctl keys check --fix`; see also `gatewayctl keys rotate`.",
        )


def check_keys(
    settings: Settings,
    gateway: GatewayClient,
    *,
    fix: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> KeysCheckReport:
    """Check every key; ``fix`` first runs `keys sync` without pruning.

    Raises MasterKeyMissing, MasterKeyRefused, GatewayDatabaseMissing, GatewayUnreachable
    and, with ``fix``, Locked. A key that is refused is a row, not an exception.
    """
    if not fix:
        return KeysCheckReport(keys=_check_all(settings, gateway, now()), fixed=())
    with change_project(settings, "keys check --fix") as record:
        synced = apply_sync(settings, gateway, prune=False, dry_run=False, now=now)
        report = _add_fix_errors(synced, _check_all(settings, gateway, now()))
        record.problem = report.problem
        record.subject = " ".join(key.alias for key in report.fixed if key.alias)
    return report


def _add_fix_errors(synced: KeysSyncReport, keys: tuple[KeyCheck, ...]) -> KeysCheckReport:
    """The checks after the fix; those that still fail get the error of their fix as reason."""
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
    # By the alias that the key has now: the step of a rotation has the alias it will get.
    steps = {
        each.step.alias if each.key is None else each.key.alias: each.step
        for each in reversed(plan_keys(known))
    }
    rows = join_keys(settings, keys, now=now).own
    return tuple(
        _check(gateway, row, steps[row.alias], values)
        for row in rows
        if row.declared
        # The new key of a declared alias has no step of its own: the step of the alias covers it.
        or (row.in_env and row.alias in steps and row.state not in {"retiring", "unfinished"})
    )


def _check(
    gateway: GatewayClient, row: KeyRow, step: KeyStep, values: Mapping[str, Secret]
) -> KeyCheck:
    secret = values.get(row.env) if row.env else None
    probe, refusal, management_refused = _probe(gateway, secret)
    reason = _find_reason(row, step, refusal, management_refused)
    return KeyCheck(
        alias=row.alias,
        env=row.env,
        declared=row.declared,
        state=row.state,
        ok=reason is None,
        authenticates=None if secret is None else probe is not None,
        management_refused=management_refused,
        models=() if probe is None else probe.models,
        differs=step.changes,
        latency_ms=None if probe is None else probe.latency_ms,
        reason=reason,
    )


def _probe(
    gateway: GatewayClient, secret: Secret | None
) -> tuple[KeyProbe | None, Refused | None, bool | None]:
    """Call with the secret: the result or the refusal, and whether management is refused."""
    if secret is None:
        return None, None, None
    if not is_plausible_key(secret):
        return None, VirtualKeyRefused("It does not start with sk-."), None
    try:
        probe = probe_key(gateway, secret)
        return probe, None, is_management_refused(gateway, secret)
    except Refused as refusal:
        return None, refusal, None


def _find_reason(
    row: KeyRow, step: KeyStep, refusal: Refused | None, management_refused: bool | None
) -> str | None:
    """Why the key is not ok, the most serious cause first; None if it is."""
    state = f"its state is {row.state}"
    if management_refused is False:
        return f"{row.env} may call management routes"
    if step.drift:
        return step.reason or "; ".join(step.changes) or state
    if refusal is not None:
        return refusal.message.removesuffix(".")
    return None if row.state == "ok" else state
