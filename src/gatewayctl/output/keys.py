"""Renders the reports of `keys`: tables of 80 columns, secrets masked.

Owns the words and the layout. Must not know how keys are created.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gatewayctl.operations.keys.plan import NOT_DECLARED
from gatewayctl.output.table import make_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gatewayctl.operations.keys.check import KeyCheck, KeysCheckReport
    from gatewayctl.operations.keys.create import KeysCreateReport
    from gatewayctl.operations.keys.list import KeyRow, KeysListReport
    from gatewayctl.operations.keys.owners import OwnerStep
    from gatewayctl.operations.keys.revoke import KeysRevokeReport
    from gatewayctl.operations.keys.rotate import KeysRotateReport
    from gatewayctl.operations.keys.show import KeysShowReport
    from gatewayctl.operations.keys.sync import KeysSyncReport

SCREENFUL: Final = 20
"""Rows of `keys list` without --all."""
_OWNER_STATES: Final = {"create": "missing", "update": "differs", "conflict": "foreign"}
_STATES: Final = {
    "budget_spent": "budget spent",
    "not_in_gateway": "not in gateway",
    "not_in_env_file": "not in .env",
    "other_key_in_env_file": "other key in .env",
}


def render_create(report: KeysCreateReport) -> Iterable[RenderableType]:
    """Render each key with its outcome, and where it was written."""
    rows: list[tuple[object | None, ...]] = [
        (key.alias, key.env, key.status, key.key.masked(), _day(key.expires)) for key in report.keys
    ]
    rows += [(failure.alias, failure.env, "failed", None, None) for failure in report.failed]
    if rows:
        yield make_table(("ALIAS", "VARIABLE", "STATE", "KEY", "EXPIRES"), rows)
    for owner in report.owners:
        if owner.done:
            yield f"Created {owner.kind} {owner.name}."
    if not report.keys and not report.failed:
        yield "gateway.yaml declares no keys."
    elif any(key.written for key in report.keys):
        yield f"Written to {report.env_file}."
    elif any(key.status != "exists" for key in report.keys):
        yield f"Registered with the values of {report.env_file}."
    elif not report.failed and not report.changed:
        yield "Nothing to do: every key exists."
    yield from _warnings(report.warnings)


def render_secrets(report: KeysCreateReport, *, alone: bool) -> Iterable[RenderableType]:
    """Render the keys in plain text: one ``alone``, several as lines for a shell."""
    for key in report.keys:
        yield str(key.plain) if alone else f"{key.env}={key.plain}"


def render_list(report: KeysListReport, *, everything: bool) -> Iterable[RenderableType]:
    """Render one screenful of the project's keys and the number of the others; or all."""
    rows = report.keys if everything else report.own[:SCREENFUL]
    if rows:
        heads = ("ALIAS", "VARIABLE", "STATE", "KEY", "MODELS", "EXPIRES", "SPEND")
        yield make_table(heads, [_list_cells(row) for row in rows])
    else:
        yield "No virtual keys."
    yield from _owners_table((*report.teams, *report.users))
    for row in rows:
        if row.differs:
            yield f"{row.alias} differs: {'; '.join(row.differs)}."
    for owner in (*report.teams, *report.users):
        if owner.changes:
            yield f"{owner.kind} {owner.name} differs: {'; '.join(owner.changes)}."
    if everything:
        return
    more = len(report.own) - len(rows)
    if more:
        yield f"{_count(more, 'more key')} of this project; show with --all."
    if report.foreign:
        yield f"{_count(len(report.foreign), 'key')} not created by gatewayctl; show with --all."


def render_show(report: KeysShowReport) -> Iterable[RenderableType]:
    """Render one key, with a line for each detail."""
    yield make_table(
        ("ALIAS", report.alias or "-"),
        [
            ("state", _STATES.get(report.state, report.state)),
            ("variable", report.env),
            ("declared", "yes" if report.declared else "no"),
            ("key", report.key),
            ("models", _models(report.models, known=report.in_gateway)),
            *((("differs", each)) for each in report.differs),
            ("created", _minute(report.created_at)),
            ("last used", _minute(report.last_active)),
            ("expires", _minute(report.expires)),
            ("spend", _dollars(report.spend)),
            ("team", report.team),
            ("user", report.user),
            *((f"metadata {name}", str(value)) for name, value in _items(report.metadata)),
            *((f"limit {name}", str(value)) for name, value in _items(report.limits)),
            *((f"retiring {old.key}", _minute(old.expires)) for old in report.retiring),
        ],
    )


def render_check(report: KeysCheckReport) -> Iterable[RenderableType]:
    """Render the fixes, then each key with its result; the error has the reasons."""
    for fixed in report.fixed:
        why = "; ".join(fixed.changes) or fixed.reason
        yield f"Fixed {fixed.alias}: {fixed.action}{f' ({why})' if why else ''}"
    if not report.keys:
        yield "gateway.yaml declares no keys."
    else:
        heads = ("ALIAS", "VARIABLE", "STATE", "CALL", "MANAGEMENT", "TIME")
        yield make_table(heads, [_check_cells(check) for check in report.keys])
    yield from _warnings(report.warnings)


def render_rotate(report: KeysRotateReport) -> Iterable[RenderableType]:
    """Render the new key, and until when the old one is accepted."""
    new, old = report.key.masked(), f"The old key ({report.previous_key}) is"
    yield f"The new key of {report.alias} is {new}, in {report.env_file} as {report.env}."
    if report.previous == "revoked":
        yield f"{old} revoked: restart applications that still use it."
    else:
        yield f"{old} accepted until {_minute(report.previous_until)}."
    yield from _warnings(report.warnings)


def render_revoke(report: KeysRevokeReport) -> Iterable[RenderableType]:
    """Render what was deleted, and warn if it will be created again."""
    if report.revoked:
        yield f"Revoked {report.alias}: {', '.join(report.revoked)}."
    if report.env_removed:
        yield f"Removed {report.env} from {report.env_file}."
    if report.declared:
        yield "gateway.yaml still declares it: the next `up` or `keys create` creates a new key."
    yield from _warnings(report.warnings)


def render_sync(report: KeysSyncReport) -> Iterable[RenderableType]:
    """Render a line for each key that differs, and the number of the others."""
    rows: list[tuple[object | None, ...]] = [
        (
            f"{owner.kind} {owner.name}",
            "failed" if owner.error else owner.action,
            "; ".join(owner.changes) or owner.error or owner.reason,
        )
        for owner in (*report.users, *report.teams)
        if owner.action != "none"
    ]
    rows += [
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
    undeclared = {
        f"{owner.kind} {owner.name}": owner.undeclared for owner in (*report.users, *report.teams)
    } | {str(key.alias): key.undeclared for key in report.keys}
    for name, limits in undeclared.items():
        if limits:
            yield f"{name} has limits that gateway.yaml does not declare: {'; '.join(limits)}."
    if not report.drift:
        yield "Nothing to do: the keys match gateway.yaml."
    kept = {
        "key": sum(key.reason == NOT_DECLARED for key in report.keys),
        "team": sum(not team.declared for team in report.teams),
        "user": sum(not user.declared for user in report.users),
    }
    for noun, count in kept.items():
        if count and not report.prune:
            yield f"{_count(count, noun)} not declared in gateway.yaml; delete with --prune."
    foreign = sum(key.action == "foreign" for key in report.keys)
    if foreign:
        yield f"{_count(foreign, 'key')} of others: not changed."
    if report.dry_run and report.drift:
        yield "Nothing was changed: this was a dry run."
    yield from _warnings(report.warnings)


def _owners_table(owners: tuple[OwnerStep, ...]) -> Iterable[RenderableType]:
    if owners:
        heads = ("TEAM OR USER", "DECLARED", "STATE", "SPEND", "BUDGET")
        rows = [
            (
                f"{owner.kind} {owner.name}",
                "yes" if owner.declared else "no",
                _OWNER_STATES.get(owner.action, "ok"),
                _dollars(owner.spend),
                None if owner.max_budget is None else f"${owner.max_budget:g}",
            )
            for owner in owners
        ]
        yield make_table(heads, rows)


def _list_cells(row: KeyRow) -> tuple[object | None, ...]:
    return (
        row.alias,
        row.env,
        "differs" if row.differs and row.state == "ok" else _STATES.get(row.state, row.state),
        row.key,
        _models(row.models, known=row.in_gateway),
        _day(row.expires),
        _dollars(row.spend)
        if row.max_budget is None
        else f"{_dollars(row.spend) or '-'} of ${row.max_budget:g}",
    )


def _check_cells(check: KeyCheck) -> tuple[object | None, ...]:
    return (
        check.alias,
        check.env,
        _STATES.get(check.state, check.state) if check.ok or check.state != "ok" else "differs",
        {None: None, True: "accepted", False: "refused"}[check.authenticates],
        {None: None, True: "refused", False: "OPEN"}[check.management_refused],
        None if check.latency_ms is None else f"{check.latency_ms:.0f} ms",
    )


def _models(models: tuple[str, ...], *, known: bool) -> str | None:
    return ", ".join(models) or ("all" if known else None)


def _items(found: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
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
