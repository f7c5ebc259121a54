"""`keys check`: checks each key with real calls; with ``fix`` differences are fixed first.

A key is ok if its secret may list models, is refused on management routes, and is in LiteLLM
as gateway.yaml declares it. No model is called, so it costs nothing. Owns the result. Must not
know terminals.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gatewayctl.errors import Drift, GatewayctlError, PartlyDone, Refused, VirtualKeyRefused
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.key_probe import KeyProbe, is_management_refused, probe_key
from gatewayctl.operations.keys.list import KeyRow, KeyState, join_keys
from gatewayctl.operations.keys.plan import CHANGES, KeyStep, KnownKeys, load_known_keys, plan_keys
from gatewayctl.operations.keys.sync import KeysSyncReport, apply_sync
from gatewayctl.operations.keys.values import is_plausible_key
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.settings.model import Secret, Settings
from gatewayctl.settings.overrides import advise_unset, warn_overrides


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """One key and the result of its calls; None if there is no secret to call with.

    ``authenticates``: LiteLLM accepts the secret. ``management_refused``: LiteLLM refuses it on
    management routes. ``differs``: what is not as declared. ``reason``: why it is not ``ok``, and
    ``remedy`` what helps, as a sentence.
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
    remedy: str | None


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
        remedies = dict.fromkeys(check.remedy for check in failed if check.remedy)
        message = f"{len(failed)} of {len(self.keys)} keys failed the check: {reasons}."
        return Drift(message, hint=" ".join(remedies))


def check_keys(
    settings: Settings,
    gateway: GatewayClient,
    *,
    fix: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> KeysCheckReport:
    """Check every key of .env; ``fix`` first runs `keys sync` without pruning.

    Raises MasterKeyMissing, MasterKeyRefused, GatewayDatabaseMissing, GatewayUnreachable
    and, with ``fix``, Locked and SecretOverridden. A key that is refused is a row, not an
    exception.
    """
    if not fix:
        warnings = warn_overrides(settings, [key.env for key in settings.keys])
        checks = _check_all(settings, gateway, now())
        return KeysCheckReport(keys=checks, fixed=(), warnings=warnings)
    with change_project(settings, "keys check --fix") as record:
        synced = apply_sync(settings, gateway, prune=False, dry_run=False, now=now)
        report = _add_fix_errors(synced, _check_all(settings, gateway, now()))
        record.problem = report.problem
        record.subject = " ".join(key.alias for key in report.fixed if key.alias)
    return report


def _add_fix_errors(synced: KeysSyncReport, keys: tuple[KeyCheck, ...]) -> KeysCheckReport:
    """The checks after the fix; those that still fail get the error of their fix as reason."""
    errors = {key.alias: key.error for key in synced.keys if key.error and key.action in CHANGES}
    return KeysCheckReport(
        keys=tuple(
            replace(key, reason=errors[key.alias].removesuffix("."), remedy=PartlyDone.remedy)
            if not key.ok and key.alias in errors
            else key
            for key in keys
        ),
        fixed=tuple(key for key in synced.keys if key.done),
        warnings=synced.warnings,
    )


def _check_all(settings: Settings, gateway: GatewayClient, now: datetime) -> tuple[KeyCheck, ...]:
    known = load_known_keys(settings, gateway, now=now)
    # By the alias that the key has now: the step of a rotation has the alias it will get.
    steps = {
        each.step.alias if each.key is None else each.key.alias: each.step
        for each in reversed(plan_keys(known))
    }
    rows = join_keys(settings, known.keys, now=now).own
    return tuple(
        _check(gateway, row, steps[row.alias], known)
        for row in rows
        if row.declared
        # The new key of a declared alias has no step of its own: the step of the alias covers it.
        or (row.in_env and row.alias in steps and row.state not in {"retiring", "unfinished"})
    )


def _check(gateway: GatewayClient, row: KeyRow, step: KeyStep, known: KnownKeys) -> KeyCheck:
    secret = known.values.get(row.env) if row.env else None
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
        remedy=None if reason is None else _choose_remedy(row, step, known),
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


def _choose_remedy(row: KeyRow, step: KeyStep, known: KnownKeys) -> str:
    """What helps, as a sentence: `keys sync` changes neither undeclared nor foreign keys."""
    if step.action in CHANGES:
        return "Run `gatewayctl keys check --fix`."
    if step.action == "conflict" and row.env in known.outside:
        return f"{advise_unset(str(row.env))} Then run `gatewayctl keys create`."
    if step.action == "conflict":
        return f"Put the value of {row.alias} into .env as {row.env}, or declare another alias."
    rotate = f"`gatewayctl keys rotate {shlex.quote(str(row.alias))}`"
    if row.state == "blocked":
        return f"Unblock {row.alias} in LiteLLM (`gatewayctl ui`), or run {rotate}."
    return f"Run {rotate}."
