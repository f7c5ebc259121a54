"""The verb `usage`: requests, tokens, cost, errors and times by group.

Owns the totals of LiteLLM's spend logs. Must not know terminals.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.gateway.spend import SpendLog, iterate_spend_logs
from gatewayctl.operations.counting import read_all, tell_read
from gatewayctl.operations.traces.retention import find_spend_log_period
from gatewayctl.operations.traces.spend_log_times import DEFAULT_DELAY, find_spend_log_delay
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

By = Literal["component", "operation", "key", "model", "deployment", "environment"]
LAG: Final = DEFAULT_DELAY
"""Maximum delay of LiteLLM's spend logs with its default settings, in seconds."""
_COUNTED: Final = (
    *("requests", "errors", "prompt_tokens", "completion_tokens", "total_tokens"),
    *("cached", "blocked", "retries", "fallbacks"),
)


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
) -> Generator[Progress, None, UsageReport]:
    """Sum up the requests, and yield progress.

    Raises MasterKeyMissing and the errors of the gateway.
    """
    master = require_master_key(settings)
    until = now()
    period = find_spend_log_period(settings)
    kept_since = None if period is None else until - period
    name = yield from _choose_group(by, settings, gateway, master)
    groups: dict[str | None, _Totals] = {}
    total, number = _Totals(), 0
    for number, log in enumerate(iterate_spend_logs(gateway, master, since=since, until=until), 1):
        total.add(log)
        groups.setdefault(name(log), _Totals()).add(log)
        yield from tell_read("calls", number)
    yield from tell_read("calls", number, done=True)
    rows = [totals.make_row(group) for group, totals in groups.items()]
    return UsageReport(
        by=by,
        since=since,
        until=until,
        newest=total.newest,
        may_lack=find_spend_log_delay(settings),
        rows=tuple(sorted(rows, key=lambda row: (-row.total_tokens, row.name or "~"))),
        total=total.make_row(None),
        kept_since=kept_since if kept_since and kept_since > since else None,
    )


def _choose_group(
    by: By, settings: Settings, gateway: GatewayClient, master: Secret
) -> Generator[Progress, None, Callable[[SpendLog], str | None]]:
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
    environments = yield from _read_environments(settings, gateway, master)
    return lambda log: environments.get(log.key_hash or "") or environments.get(log.key_alias or "")


def _name_operation(log: SpendLog) -> str | None:
    """Component and operation, since two components may use the same operation name."""
    parts = (log.tag_value("component"), log.tag_value("op"))
    return "/".join(part or "-" for part in parts) if any(parts) else None


def _read_environments(
    settings: Settings, gateway: GatewayClient, master: Secret
) -> Generator[Progress, None, dict[str, str]]:
    """The environment of each key by alias (declared) and by hash (in LiteLLM)."""
    from gatewayctl.gateway.keys import iterate_keys

    found = {key.alias: key.metadata.get("environment") for key in settings.keys}
    for key in (yield from read_all("keys", iterate_keys(gateway, master))):
        found[key.hash] = key.metadata.get("environment")
    return {name: str(value) for name, value in found.items() if value}


@dataclass(slots=True, kw_only=True)
class _Totals:
    """The sums of a group so far; of each request only its time is kept."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    cost: float | None = None
    times: array[float] = field(default_factory=lambda: array("d"))
    newest: datetime | None = None

    def add(self, log: SpendLog) -> None:
        counted = (
            *(1, not log.ok, log.prompt_tokens, log.completion_tokens, log.total_tokens),
            *(log.cached, bool(log.guardrail), log.retries, log.fell_back),
        )
        for name, count in zip(_COUNTED, counted, strict=True):
            self.counts[name] += count
        if log.cost is not None:
            self.cost = (self.cost or 0) + log.cost
        if log.seconds is not None and log.ok:
            self.times.append(log.seconds)
        if log.start is not None:
            self.newest = max(log.start, self.newest or log.start)

    def make_row(self, name: str | None) -> UsageRow:
        times = sorted(self.times)
        return UsageRow(
            name=name,
            cost=self.cost,
            p50=percentile(times, 0.5),
            p95=percentile(times, 0.95),
            **self.counts,
        )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of all values do not exceed (nearest rank)."""
    if not ordered:
        return None
    rank = -(-len(ordered) * share // 1)
    return ordered[max(0, int(rank) - 1)]
