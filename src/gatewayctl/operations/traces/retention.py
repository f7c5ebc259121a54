"""Retention as declared, against what Phoenix and LiteLLM do: compare, apply, and how far it goes.

Phoenix's policy is a row in its database, which its own page changes too. A policy with the cron
expression `SCHEDULE` is one that gatewayctl wrote: without `retention.traces` any other policy is
the operator's own and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import PhoenixUnreachable
from gatewayctl.settings.declared.retention import format_period, parse_period
from gatewayctl.settings.model import Settings
from gatewayctl.tracing.retention import PolicyStore, TracePolicy, TraceRule

if TYPE_CHECKING:
    import httpx

SCHEDULE: Final = "0 0-23 * * *"
"""Each full hour: a Phoenix that is stopped at some hour of each day still deletes daily."""
_KEEP_ALL: Final = TraceRule()
_PERIOD: Final = "general_settings.maximum_spend_logs_retention_period"
_ADDED: Final = re.compile(rf"^\+\s+{_PERIOD.rpartition('.')[2]}:", re.MULTILINE)
"""In the diff of a rendered file."""
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionChange:
    """The retention of traces in Phoenix, and the declared one: ``30d``, ``all``."""

    before: str
    after: str

    def __str__(self) -> str:
        return f"Retention of traces in Phoenix: {self.before} → {self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRetention:
    """What was changed in Phoenix, and why something could not be."""

    change: RetentionChange | None = None
    warnings: tuple[str, ...] = ()


def compare_retention(settings: Settings, http: httpx.Client) -> RetentionChange | None:
    """What `up` would change in the project's own Phoenix. Raises PhoenixUnreachable."""
    store = _open(settings, http)
    return None if store is None else _compare(settings, store.read())


def apply_retention(settings: Settings, http: httpx.Client) -> AppliedRetention:
    """Make the policy of the project's own Phoenix the declared one; twice changes nothing.

    A Phoenix that refuses is a warning, if anything is declared: calls do not depend on it.
    """
    store = _open(settings, http)
    if store is None:
        return AppliedRetention()
    try:
        policy = store.read()
        change = _compare(settings, policy)
        if change is not None:
            _write(settings, store, policy)
    except PhoenixUnreachable as error:
        declared = settings.retention.traces is not None
        warning = f"The retention of traces is not applied: {error.message}"
        return AppliedRetention(warnings=(warning,) if declared else ())
    return AppliedRetention(change=change)


def _open(settings: Settings, http: httpx.Client) -> PolicyStore | None:
    own = next((store for store in settings.trace_stores if store.is_own), None)
    if own is None or settings.is_external:
        return None
    return PolicyStore(http, own, own.headers(settings.environment))


def _compare(settings: Settings, policy: TracePolicy) -> RetentionChange | None:
    wanted = _choose_rule(settings, policy)
    declared = settings.retention.traces is not None
    moves = declared and bool(policy.other)
    if not moves and _is_same(wanted, policy.rule):
        return None
    before = f"policy '{policy.other}'" if moves else _describe(policy.rule)
    return RetentionChange(before=before, after=_describe(wanted))


def _write(settings: Settings, store: PolicyStore, policy: TracePolicy) -> None:
    wanted = _choose_rule(settings, policy)
    if not _is_same(wanted, policy.rule):
        store.write(policy, wanted)
    if settings.retention.traces is not None and policy.other:
        store.use_default(policy)


def _choose_rule(settings: Settings, policy: TracePolicy) -> TraceRule:
    """The declared rule; without one, what an earlier one has set is undone."""
    period = settings.retention.traces
    if period is not None:
        return TraceRule(days=period / _DAY, cron=SCHEDULE)
    return _KEEP_ALL if policy.rule.cron == SCHEDULE else policy.rule


def _is_same(one: TraceRule, other: TraceRule) -> bool:
    same_days = abs(one.days - other.days) < _SECOND / _DAY
    return same_days and (one.count, one.cron) == (other.count, other.cron)


def _describe(rule: TraceRule) -> str:
    kept = [format_period(timedelta(days=min(rule.days, timedelta.max.days)))] if rule.days else []
    kept += [f"the newest {rule.count}"] if rule.count else []
    if not kept:
        return "all"
    return " and ".join(kept) + ("" if rule.cron == SCHEDULE else f" (schedule {rule.cron})")


def list_deletions(
    settings: Settings, change: RetentionChange | None, diffs: Iterable[str]
) -> tuple[str, ...]:
    """Sentences about what is deleted once the change and these diffs of files are applied."""
    traces = settings.retention.traces if change else None
    spend_logs = find_spend_log_period(settings) if any(map(_ADDED.search, diffs)) else None
    found = {"Traces": traces, "Spend logs": spend_logs}
    return tuple(
        f"{name} older than {format_period(period)} will be deleted, from the next hour on."
        for name, period in found.items()
        if period is not None
    )


def find_spend_log_period(settings: Settings) -> timedelta | None:
    """How long LiteLLM keeps spend logs, also by its own setting in `litellm:`; None for all."""
    declared, own = settings.retention.spend_logs, settings.litellm
    if declared is not None or own is None or settings.is_external:
        return declared
    node = own.at(_PERIOD)
    value = None if node is None else node.value
    # LiteLLM reads a number as days.
    return parse_period(f"{value}d" if isinstance(value, int) else str(value))
