"""The verb `usage`: requests, tokens, cost, errors and times by group.

Owns the totals of LiteLLM's spend logs. Must not know terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.gateway.spend import SpendLog, list_spend_logs
from gatewayctl.operations.traces.retention import find_spend_log_period
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

By = Literal["component", "operation", "key", "model", "deployment", "environment"]
LAG: Final = 15.0
"""Maximum delay of LiteLLM's spend logs with its default settings, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """The totals of one group; ``name`` is None for requests without that attribute.

    ``cost`` in US dollars; ``p50`` and ``p95`` in seconds, None if unknown. ``cached`` requests
    were answered by LiteLLM's cache, ``blocked`` ones by a guardrail; ``fallbacks`` by another
    model group, and ``retries`` counts attempts that were repeated.
    """

    name: str | None
    requests: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: float | None
    p50: float | None
    p95: float | None
    cached: int = 0
    blocked: int = 0
    retries: int = 0
    fallbacks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """The groups, largest first, and their total.

    ``newest`` is the last request included, ``may_lack`` the possible delay in seconds.
    ``kept_since`` is set if LiteLLM deleted spend logs of the period: those before it.
    """

    by: By
    since: datetime
    until: datetime
    newest: datetime | None
    may_lack: float
    rows: tuple[UsageRow, ...]
    total: UsageRow
    kept_since: datetime | None = None


def summarize_usage(
    settings: Settings,
    gateway: GatewayClient,
    *,
    by: By = "component",
    since: datetime,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> UsageReport:
    """Sum up the requests. Raises MasterKeyMissing and the errors of the gateway."""
    master = require_master_key(settings)
    until = now()
    logs = list_spend_logs(gateway, master, since=since, until=until)
    period = find_spend_log_period(settings)
    kept_since = None if period is None else until - period
    name = _choose_group(by, settings, gateway, master)
    groups: dict[str | None, list[SpendLog]] = {}
    for log in logs:
        groups.setdefault(name(log), []).append(log)
    rows = [_make_row(group, members) for group, members in groups.items()]
    return UsageReport(
        by=by,
        since=since,
        until=until,
        newest=max((log.start for log in logs if log.start), default=None),
        may_lack=LAG,
        rows=tuple(sorted(rows, key=lambda row: (-row.total_tokens, row.name or "~"))),
        total=_make_row(None, logs),
        kept_since=kept_since if kept_since and kept_since > since else None,
    )


def _choose_group(
    by: By, settings: Settings, gateway: GatewayClient, master: Secret
) -> Callable[[SpendLog], str | None]:
    if by == "component":
        return lambda log: log.tag_value("component")
    if by == "operation":
        return _name_operation
    if by == "model":
        return lambda log: log.model
    if by == "deployment":
        return lambda log: log.deployment
    if by == "key":
        return lambda log: log.key_alias
    environments = _read_environments(settings, gateway, master)
    return lambda log: environments.get(log.key_hash or "") or environments.get(log.key_alias or "")


def _name_operation(log: SpendLog) -> str | None:
    """Component and operation, since two components may use the same operation name."""
    parts = (log.tag_value("component"), log.tag_value("op"))
    return "/".join(part or "-" for part in parts) if any(parts) else None


def _read_environments(
    settings: Settings, gateway: GatewayClient, master: Secret
) -> dict[str, str]:
    """The environment of each key by alias (declared) and by hash (in LiteLLM)."""
    from gatewayctl.gateway.keys import iterate_keys

    found = {key.alias: key.metadata.get("environment") for key in settings.keys}
    for key in iterate_keys(gateway, master):
        found[key.hash] = key.metadata.get("environment")
    return {name: str(value) for name, value in found.items() if value}


def _make_row(name: str | None, logs: Sequence[SpendLog]) -> UsageRow:
    costs = [log.cost for log in logs if log.cost is not None]
    times = sorted(log.seconds for log in logs if log.seconds is not None and log.ok)
    return UsageRow(
        name=name,
        requests=len(logs),
        errors=sum(not log.ok for log in logs),
        prompt_tokens=sum(log.prompt_tokens for log in logs),
        completion_tokens=sum(log.completion_tokens for log in logs),
        total_tokens=sum(log.total_tokens for log in logs),
        cost=sum(costs) if costs else None,
        p50=percentile(times, 0.5),
        p95=percentile(times, 0.95),
        cached=sum(log.cached for log in logs),
        blocked=sum(bool(log.guardrail) for log in logs),
        retries=sum(log.retries for log in logs),
        fallbacks=sum(log.fell_back for log in logs),
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of all values do not exceed (nearest rank)."""
    if not ordered:
        return None
    rank = -(-len(ordered) * share // 1)
    return ordered[max(0, int(rank) - 1)]
