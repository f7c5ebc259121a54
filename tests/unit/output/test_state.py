from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayctl.operations.state.audit import AuditEntry, AuditOutcome, AuditReport
from gatewayctl.output.state import render_audit
from tests.fakes.terminals import piped

AT = datetime(2026, 11, 29, 3, 36, 51, tzinfo=UTC)


def entry(
    verb: str, subject: str | None, outcome: AuditOutcome = "done", code: str | None = None
) -> AuditEntry:
    return AuditEntry(
        at=AT, verb=verb, subject=subject, user="operator", pid=7, outcome=outcome, code=code,
        seconds=61,
    )  # fmt: skip


def test_the_audit_log_fits_80_columns_and_breaks_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    entries = (
        entry("keys rotate", "litellm-eval"),
        entry("up", None, "failed", "not_healthy_in_time"),
        entry("keys create", None, "interrupted", "interrupted"),
    )
    console, out, _ = piped()

    console.result(render_audit(AuditReport(file=Path("audit"), entries=entries, unreadable=0)))

    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "WHEN (UTC)           USER      VERB                  OUTCOME               TOOK",
        "2026-11-29 03:36:51  operator  keys rotate           done                  1m01s",
        "                               litellm-eval",
        "2026-11-29 03:36:51  operator  up                    failed:               1m01s",
        "                                                     not_healthy_in_time",
        "2026-11-29 03:36:51  operator  keys create           interrupted           1m01s",
    ]
