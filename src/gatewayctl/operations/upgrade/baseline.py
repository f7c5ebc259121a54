"""What LiteLLM's database contained before a change of release, and what it must still contain.

Owns the difference between what a migration lost and what may be gone at any time: keys that were
revoked, blocked or expired, and spend logs older than their retention. Must not know when it was
read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from gatewayctl.gateway.keys import hash_key
from gatewayctl.operations.backup.credentials import find_known_keys
from gatewayctl.operations.keys.values import read_current_values
from gatewayctl.operations.state.upgrade_journal import Journal
from gatewayctl.runtimes.database import Database
from gatewayctl.settings.declared.retention import parse_period
from gatewayctl.settings.model import Secret, Settings

_KEYS: Final = "LiteLLM_VerificationToken"
_SPEND: Final = "LiteLLM_SpendLogs"
TABLES: Final = (_KEYS, _SPEND)
"""The tables whose rows must not be lost."""
_DELETED: Final = "LiteLLM_DeletedVerificationToken"
"""Where LiteLLM keeps each key that was deleted, by a command, a team or the end of a session."""
_DELETED_KEYS: Final = f'select token from "{_DELETED}";'  # noqa: S608 - our own name
_SPEND_DAYS: Final = (
    f'select to_char("startTime", \'YYYY-MM-DD\'), count(*) from "{_SPEND}" group by 1 order by 1;'  # noqa: S608 - our own name
)
_APPLIED: Final = (
    'select migration_name from "_prisma_migrations" '
    "where finished_at is not null and rolled_back_at is null order by 1;"
)
_RETENTION: Final = "general_settings.maximum_spend_logs_retention_period"
_CLOCK_SKEW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """``keys`` are the variables whose virtual keys were usable, ``rows`` the counts by table.

    ``spend_days`` are the spend logs by the day of their call, in UTC.
    """

    migrations: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    spend_days: Mapping[str, int] = field(default_factory=dict)


def read_baseline(settings: Settings, database: Database) -> Baseline:
    """Read LiteLLM's database, whose server must run."""
    found = database.rows()
    values = read_current_values(settings)
    return Baseline(
        migrations=applied_migrations(database),
        keys=tuple(find_known_keys(database, "", values, usable=True)) if _KEYS in found else (),
        rows={table: found.get(table, 0) for table in (*TABLES, _DELETED)},
        spend_days=_count_days(database) if _SPEND in found else {},
    )


def baseline_of(journal: Journal) -> Baseline:
    """What an upgrade recorded."""
    return Baseline(
        migrations=journal.migrations,
        keys=journal.keys,
        rows=journal.rows,
        spend_days=journal.spend_days,
    )


def applied_migrations(database: Database) -> tuple[str, ...]:
    """The names of the applied migrations; none in an empty database."""
    return database.ask(_APPLIED) if "_prisma_migrations" in database.rows() else ()


def find_keys_to_try(settings: Settings, database: Database, keys: Sequence[str]) -> Sequence[str]:
    """Those of ``keys`` that must be accepted, then others that the database has now.

    Without those that it has as expired, blocked or deleted. One that it does not know at all is
    among them: the gateway's answer shows that it is lost.
    """
    values, found = read_current_values(settings), database.rows()
    known: Mapping[str, Secret] = {}
    usable: Mapping[str, Secret] = {}
    if _KEYS in found:
        known = find_known_keys(database, "", values)
        usable = find_known_keys(database, "", values, usable=True)
    deleted = set(database.ask(_DELETED_KEYS)) if found.get(_DELETED) else set[str]()
    lost = [
        name
        for name in keys
        if name in values and name not in known and hash_key(values[name]) not in deleted
    ]
    return tuple(name for name in dict.fromkeys((*keys, *usable)) if name in usable or name in lost)


def explain_loss(settings: Settings, database: Database, before: Baseline) -> str:
    """What the database lost since then; empty if it lost nothing."""
    found = database.rows()
    deleted = max(found.get(_DELETED, 0) - before.rows.get(_DELETED, 0), 0)
    counts = {_KEYS: (found.get(_KEYS, 0) + deleted, before.rows.get(_KEYS, 0))}
    retention = _spend_retention(settings)
    if retention is None:
        counts[_SPEND] = (found.get(_SPEND, 0), before.rows.get(_SPEND, 0))
    else:
        day = _first_kept_day(retention, datetime.now(UTC))
        wanted = sum(count for each, count in before.spend_days.items() if each >= day)
        counts[_SPEND] = (_count_since(database, day) if found.get(_SPEND) else 0, wanted)
    return ", ".join(f"{t} has {has} rows of {n}" for t, (has, n) in counts.items() if has < n)


def _spend_retention(settings: Settings) -> timedelta | None:
    """How long spend logs are kept; None for ever, and 0 where LiteLLM alone can read it."""
    if settings.retention.spend_logs is not None:
        return settings.retention.spend_logs
    node = None if settings.litellm is None else settings.litellm.at(_RETENTION)
    if node is None or node.value is None:
        return None
    # LiteLLM takes a number as days.
    text = f"{node.value}d" if isinstance(node.value, int) else str(node.value)
    return parse_period(text) or timedelta()


def _first_kept_day(retention: timedelta, now: datetime) -> str:
    """The first day of which no call can be older than the retention."""
    try:
        cutoff = now - retention + _CLOCK_SKEW
        return (cutoff.date() + timedelta(days=1)).isoformat()
    except OverflowError:
        return date.min.isoformat()


def _count_days(database: Database) -> dict[str, int]:
    found = (row.rpartition("|") for row in database.ask(_SPEND_DAYS))
    return {day: int(count) for day, _, count in found}


def _count_since(database: Database, day: str) -> int:
    sql = f'select count(*) from "{_SPEND}" where "startTime" >= \'{day}\';'  # noqa: S608 - a date of ours
    return int(database.ask(sql)[0])
