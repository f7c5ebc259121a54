"""Runs a command that must fail: with a finding, a hint, and no secret in its output."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from tests.e2e.conftest import Project


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failed command: its exit code and the error of its JSON document."""

    exit_code: int
    error: dict[str, Any]
    narration: str

    @property
    def finding(self) -> str:
        return str(self.error.get("finding"))

    @property
    def where(self) -> tuple[int, str, str | None]:
        return self.exit_code, self.finding, self.error.get("service")


def failed(project: Project, *args: str) -> Failure:
    """Run a command that must fail with a finding and a hint."""
    done = project.run(*args, "--json")
    document = json.loads(done.stdout)
    assert document["status"] == "error", done.stdout
    found = Failure(exit_code=done.returncode, error=document["error"], narration=done.stderr)
    assert found.finding in FINDINGS, found
    assert found.error["hint"].strip(), found
    for name, secret in project.secrets().items():
        assert len(secret) < 20 or secret not in done.stdout + done.stderr, name
    return found
