"""`keys check`: checks each key with real calls; with ``fix`` differences are fixed first.

A key is ok if its secret may list models, is refused on management routes, and is in LiteLLM
as gateway.yaml declares it. No model is called, so it costs nothing. Owns the result. Must not
know terminals.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from typing import Final

from gatewayctl.errors import (
    BudgetSpent,
    Drift,
    GatewayctlError,
    PartlyDone,
    Refused,
    VirtualKeyRefused,
)
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.key_probe import KeyProbe, is_management_refused, probe_key
from gatewayctl.gateway.limit_refusals import describe_spent
from gatewayctl.gateway.owners import Owner, find_owner
from gatewayctl.operations.counting import handle_all
from gatewayctl.operations.keys.list import KeyRow, KeyState, join_keys
from gatewayctl.operations.keys.metadata import advise_blocked
from gatewayctl.operations.keys.owners import CONFLICT_REMEDY, OwnerStep, plan_owners
from gatewayctl.operations.keys.plan import CHANGES, KeyStep, KnownKeys, load_known_keys, plan_keys
from gatewayctl.operations.keys.sync import KeysSyncReport, apply_sync
from gatewayctl.operations.keys.values import is_plausible_key
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.declared.keys import OwnerKind
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings
from gatewayctl.settings.overrides import advise_unset, warn_overrides

_FIX: Final = "Run `gatewayctl keys check --fix`."


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """One key and the result of its calls; None if there is no secret to call with.

    ``authenticates``: LiteLLM accepts the secret. ``management_refused``: LiteLLM refuses it on
    management routes; None if it refuses everything because a budget is spent. ``budget_spent``:
    that of the key, its team or its user. ``differs``: what is not as declared. ``reason``: why it
    is not ``ok``, and ``remedy`` what helps, as a sentence.
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
    budget_spent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysCheckReport:
    """Each declared key, and each other key of ours in .env; ``fixed`` are the repairs.

    ``teams`` and ``users`` are the declared ones.
    """

    keys: tuple[KeyCheck, ...]
    fixed: tuple[KeyStep, ...]
    warnings: tuple[str, ...] = ()
    teams: tuple[OwnerStep, ...] = ()
    users: tuple[OwnerStep, ...] = ()

    @property
    def problem(self) -> GatewayctlError | None:
        failed = [check for check in self.keys if not check.ok]
        differing = [owner for owner in (*self.users, *self.teams) if owner.drift]
        if not failed and not differing:
            return None
        remedies = dict.fromkeys(check.remedy for check in failed if check.remedy)
        messages = []
        if failed:
            reasons = "; ".join(f"{check.alias}: {check.reason}" for check in failed)
            messages.append(f"{len(failed)} of {len(self.keys)} keys failed the check: {reasons}.")
        for owner in differing:
            why = owner.error or "; ".join(owner.changes) or owner.reason or "missing"
            messages.append(f"{owner.title} differs: {why.removesuffix('.')}.")
            remedies[choose_owner_remedy(owner)] = None
        return Drift(" ".join(messages), hint=" ".join(remedies))


def check_keys(
    settings: Settings,
    gateway: GatewayClient,
    *,
    fix: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[Progress, None, KeysCheckReport]:
    """Check every key of .env, and yield progress; ``fix`` first runs `keys sync` without pruning.

    Raises MasterKeyMissing, MasterKeyRefused, GatewayDatabaseMissing, GatewayUnreachable
    and, with ``fix``, Locked and SecretOverridden. A key that is refused is a row, not an
    exception.
    """
    if not fix:
        warnings = warn_overrides(settings, [key.env for key in settings.keys])
        report = yield from _check_all(settings, gateway, now())
        return replace(report, warnings=warnings)
    with change_project(settings, "keys check --fix") as record:
        synced = yield from apply_sync(settings, gateway, prune=False, dry_run=False, now=now)
        report = _add_fix_errors(synced, (yield from _check_all(settings, gateway, now())))
        record.problem = report.problem
        record.subject = " ".join(key.alias for key in report.fixed if key.alias)
    return report


def choose_owner_remedy(owner: OwnerStep) -> str:
    """What to do about a team or user that differs."""
    if owner.action == "conflict":
        return CONFLICT_REMEDY
    return _FIX if owner.error is None else PartlyDone.remedy


def _add_fix_errors(synced: KeysSyncReport, checked: KeysCheckReport) -> KeysCheckReport:
    """The checks after the fix; those that still fail get the error of their fix as reason."""
    errors = {key.alias: key.error for key in synced.keys if key.error and key.action in CHANGES}
    owners = {each.title: each.error for each in (*synced.teams, *synced.users)}

    def with_error(owner: OwnerStep) -> OwnerStep:
        return replace(owner, error=owners.get(owner.title)) if owner.drift else owner

    return replace(
        checked,
        teams=tuple(map(with_error, checked.teams)),
        users=tuple(map(with_error, checked.users)),
        keys=tuple(
            replace(key, reason=errors[key.alias].removesuffix("."), remedy=PartlyDone.remedy)
            if not key.ok and key.alias in errors
            else key
            for key in checked.keys
        ),
        fixed=tuple(key for key in synced.keys if key.done),
        warnings=synced.warnings,
    )


def _check_all(
    settings: Settings, gateway: GatewayClient, now: datetime
) -> Generator[Progress, None, KeysCheckReport]:
    known = yield from load_known_keys(settings, gateway, now=now)
    # By the alias that the key has now: the step of a rotation has the alias it will get.
    steps = {
        each.step.alias if each.key is None else each.key.alias: each.step
        for each in reversed(plan_keys(known))
    }
    rows = join_keys(settings, known.keys, now=now).own
    master = require_master_key(settings)
    owners = [each.step for each in plan_owners(settings, gateway, master) if each.declared]
    find = cache(partial(find_owner, gateway, master))
    checked = [
        row
        for row in rows
        if row.declared
        # The new key of a declared alias has no step of its own: the step of the alias covers it.
        or (row.in_env and row.alias in steps and row.state not in {"retiring", "unfinished"})
    ]
    checks = yield from handle_all(
        "keys",
        checked,
        lambda row: _check(gateway, row, steps[row.alias], known, find),
        handled="checked",
    )
    return KeysCheckReport(
        keys=tuple(checks),
        fixed=(),
        teams=tuple(owner for owner in owners if owner.kind == "team"),
        users=tuple(owner for owner in owners if owner.kind == "user"),
    )


FindOwner = Callable[[OwnerKind, str], Owner | None]


def _check(
    gateway: GatewayClient, row: KeyRow, step: KeyStep, known: KnownKeys, find: FindOwner
) -> KeyCheck:
    secret = known.values.get(row.env) if row.env else None
    probe, refusal, management_refused = _probe(gateway, secret)
    spent = None if probe is None else _find_spent(row, probe, find)
    reason = _find_reason(row, step, refusal, management_refused, spent)
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
        remedy=None if reason is None else _choose_remedy(row, step, known, spent),
        budget_spent=spent is not None,
    )


def _find_spent(row: KeyRow, probe: KeyProbe, find: FindOwner) -> str | None:
    """Why a budget refuses every call with the key, or None.

    LiteLLM checks the budget of the key itself in every request, those of team and user only in
    calls of models. Its database has the spend some seconds later.
    """
    if row.spend is not None and row.max_budget is not None and row.state == "budget_spent":
        return describe_spent("the key", row.spend, row.max_budget)
    if probe.spent is not None:
        return probe.spent.message.removesuffix(".")
    owners: tuple[tuple[OwnerKind, str | None], ...] = (("team", row.team), ("user", row.user))
    for kind, name in owners:
        found = None if name is None else find(kind, name)
        if found is not None and found.is_spent and found.spend is not None:
            budget = float(found.limits["max_budget"])
            return describe_spent(f"{kind} {name}", found.spend, budget)
    return None


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
        refused = None if probe.spent else is_management_refused(gateway, secret)
        return probe, None, refused
    except Refused as refusal:
        return None, refusal, None


def _find_reason(
    row: KeyRow,
    step: KeyStep,
    refusal: Refused | None,
    management_refused: bool | None,
    spent: str | None,
) -> str | None:
    """Why the key is not ok, the most serious cause first; None if it is."""
    state = f"its state is {row.state}"
    if management_refused is False:
        return f"{row.env} may call management routes"
    if step.drift:
        differs = step.reason or "; ".join(step.changes) or state
        return differs if spent is None else f"{differs}; {spent}"
    if spent is not None:
        return spent
    if refusal is not None:
        return refusal.message.removesuffix(".")
    return None if row.state == "ok" else state


def _choose_remedy(row: KeyRow, step: KeyStep, known: KnownKeys, spent: str | None) -> str:
    """What helps, as a sentence: `keys sync` changes neither undeclared nor foreign keys."""
    if step.action in CHANGES:
        return _FIX
    if step.action == "conflict" and row.env in known.outside:
        return f"{advise_unset(str(row.env))} Then run `gatewayctl keys create`."
    if step.action == "conflict":
        return f"Put the value of {row.alias} into .env as {row.env}, or declare another alias."
    if "blocked" in {row.state, step.action}:
        return advise_blocked(str(row.alias))
    if spent is not None:
        return BudgetSpent.remedy
    return f"Run `gatewayctl keys rotate {shlex.quote(str(row.alias))}`."
