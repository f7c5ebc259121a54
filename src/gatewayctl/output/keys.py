"""Virtual keys as they are shown: tables of 80 columns, secrets masked.

Owns the looks of the `keys` verbs. Must not know how keys are made.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gatewayctl.output.table import make_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gatewayctl.operations.keys.check import KeyCheck, KeysCheckReport
    from gatewayctl.operations.keys.create import KeysCreateReport
    from gatewayctl.operations.keys.list import KeyRow, KeysListReport
    from gatewayctl.operations.keys.revoke import KeysRevokeReport
    from gatewayctl.operations.keys.rotate import KeysRotateReport
    from gatewayctl.operations.keys.show import KeysShowReport
    from gatewayctl.operations.keys.sync import KeysSyncReport

SCREENFUL: Final = 20
"""Rows of `keys list` without --all."""


def render_create(report: KeysCreateReport) -> Iterable[RenderableType]:
    """Each key with what became of it, and where it is written."""
    rows: list[tuple[object | None, ...]] = [
        (key.alias, key.env, key.status, key.key.masked(), _day(key.expires)) for key in report.keys
    ]
    rows += [(failure.alias, failure.env, "failed", None, None) for failure in report.failed]
    if rows:
        yield make_table(("ALIAS", "VARIABLE", "STATE", "KEY", "EXPIRES"), rows)
    if not report.keys and not report.failed:
        yield "gateway.yaml declares no keys."
    elif any(key.written for key in report.keys):
        yield f"Written to {report.env_file}."
    elif report.changed:
        yield f"Registered as {report.env_file} has them."
    elif not report.failed:
        yield "Nothing to do: every key exists."
    yield from _warnings(report.warnings)


def render_secrets(report: KeysCreateReport, *, alone: bool) -> Iterable[RenderableType]:
    """The plain keys: one ``alone``, several as lines for a shell."""
    for key in report.keys:
        yield str(key.plain) if alone else f"{key.env}={key.plain}"


def render_list(report: KeysListReport, *, everything: bool) -> Iterable[RenderableType]:
    """The project's keys in one screenful, and the others counted; or ``everything``."""
    rows = report.keys if everything else report.own[:SCREENFUL]
    if rows:
        heads = ("ALIAS", "VARIABLE", "STATE", "KEY", "MODELS", "EXPIRES", "SPEND")
        yield make_table(heads, [_list_cells(row) for row in rows])
    else:
        yield "No virtual keys."
    if everything:
        return
    more = len(report.own) - len(rows)
    if more:
        yield f"And {_count(more, 'more key')} of this project; --all shows them."
    if report.foreign:
        foreign = _count(len(report.foreign), "key")
        yield f"And {foreign} that gatewayctl did not make; --all shows them."


def render_show(report: KeysShowReport) -> Iterable[RenderableType]:
    """One key, a line for each thing known of it."""
    yield make_table(
        ("ALIAS", report.alias or "-"),
        [
            ("state", report.state),
            ("variable", report.env),
            ("declared", "yes" if report.declared else "no"),
            ("key", report.key),
            ("models", _models(report.models, known=report.in_gateway)),
            ("created", _minute(report.created_at)),
            ("last used", _minute(report.last_active)),
            ("expires", _minute(report.expires)),
            ("spend", _dollars(report.spend)),
            *((f"metadata {name}", str(value)) for name, value in _items(report.metadata)),
            *((f"limit {name}", str(value)) for name, value in _items(report.limits)),
            *((f"retiring {old.key}", _minute(old.expires)) for old in report.retiring),
        ],
    )


def render_check(report: KeysCheckReport) -> Iterable[RenderableType]:
    """What was put right, then each key with its proof; reasons are in the error below."""
    for fixed in report.fixed:
        yield f"Fixed {fixed.alias}: {fixed.action}{_because(fixed.changes, fixed.reason)}"
    if not report.keys:
        yield "gateway.yaml declares no keys."
    else:
        heads = ("ALIAS", "VARIABLE", "STATE", "CALL", "MANAGEMENT", "TIME")
        yield make_table(heads, [_check_cells(check) for check in report.keys])
    yield from _warnings(report.warnings)


def render_rotate(report: KeysRotateReport) -> Iterable[RenderableType]:
    """The new key, and until when the old one is accepted."""
    yield f"{report.alias} is {report.key.masked()} now, in {report.env_file} as {report.env}."
    if report.previous == "revoked":
        yield f"The old one ({report.previous_key}) is revoked; restart what still holds it."
    else:
        until = _minute(report.previous_until)
        yield f"The old one ({report.previous_key}) is accepted until {until}."
    yield from _warnings(report.warnings)


def render_revoke(report: KeysRevokeReport) -> Iterable[RenderableType]:
    """What is gone, and what would bring it back."""
    if report.revoked:
        yield f"{report.alias} is revoked: {', '.join(report.revoked)}."
    if report.env_removed:
        yield f"{report.env} is taken out of {report.env_file}."
    if report.declared:
        yield "gateway.yaml declares it still: the next `up` or `keys create` makes a new one."
    yield from _warnings(report.warnings)


def render_sync(report: KeysSyncReport) -> Iterable[RenderableType]:
    """The plan, a line for each key that is not as it should be, and the rest counted."""
    rows = [
        (
            key.alias,
            "failed" if key.error else key.action,
            "; ".join(key.changes) or key.error or key.reason,
        )
        for key in report.keys
        if key.action not in {"none", "foreign"}
    ]
    if rows:
        yield make_table(("ALIAS", "ACTION", "WHY"), rows)
    if not report.drift:
        yield "Nothing to do: the keys are as gateway.yaml declares them."
    kept = sum(key.reason == "not declared in gateway.yaml" for key in report.keys)
    if kept and not report.prune:
        yield f"{_count(kept, 'key')} not declared; --prune deletes what gatewayctl made."
    foreign = sum(key.action == "foreign" for key in report.keys)
    if foreign:
        yield f"{_count(foreign, 'key')} made by others: left alone."
    if report.dry_run and report.drift:
        yield "Nothing was changed: this was a dry run."
    yield from _warnings(report.warnings)


def _list_cells(row: KeyRow) -> tuple[object | None, ...]:
    return (
        row.alias,
        row.env,
        row.state,
        row.key,
        _models(row.models, known=row.in_gateway),
        _day(row.expires),
        _dollars(row.spend),
    )


def _check_cells(check: KeyCheck) -> tuple[object | None, ...]:
    return (
        check.alias,
        check.env,
        check.state if check.ok or check.state != "ok" else "differs",
        {None: None, True: "accepted", False: "refused"}[check.authenticates],
        {None: None, True: "refused", False: "OPEN"}[check.management_refused],
        None if check.latency_ms is None else f"{check.latency_ms:.0f} ms",
    )


def _models(models: tuple[str, ...], *, known: bool) -> str | None:
    return ", ".join(models) or ("all" if known else None)


def _because(changes: tuple[str, ...], reason: str | None) -> str:
    said = "; ".join(changes) or reason
    return f" ({said})" if said else ""


def _items(found: Any) -> list[tuple[str, Any]]:
    return sorted((found or {}).items())


def _warnings(warnings: tuple[str, ...]) -> Iterable[str]:
    return (f"Warning: {warning}" for warning in warnings)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _dollars(spend: float | None) -> str | None:
    return None if spend is None else f"${spend:.4f}"


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%d")


def _minute(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")
