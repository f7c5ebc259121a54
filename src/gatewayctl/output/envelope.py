"""The one JSON document of ``--json``: schema, command, status, data, error.

Owns the envelope and the conversion of any report to data. Must not know any report.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.diagnosis.findings.table import find_finding
from gatewayctl.settings.masking import mask
from gatewayctl.settings.model import Secret, Source

SCHEMA: Final = "gatewayctl/1"
Shown = Callable[[str], str]


def as_data(value: Any, shown: Shown = mask) -> Any:  # noqa: PLR0911 - one line per type
    """Convert a report to JSON data: field names stay, secrets are masked, None is null.

    ``shown`` masks the strings.
    """
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, str | PurePath | Source):
        return shown(str(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_data(getattr(value, item.name), shown) for item in fields(value)}
    if isinstance(value, Mapping):
        return {shown(str(key)): as_data(item, shown) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_data(item, shown) for item in value]
    if isinstance(value, float):
        # JSON has neither infinity nor not-a-number.
        return round(value, 6) if math.isfinite(value) else None
    return value


def render_document(
    command: str,
    report: object,
    problem: GatewayctlError | None = None,
    *,
    reveal: bool = False,
) -> str:
    """Render the document of a command with a result; a problem makes its status partial.

    ``reveal``: to show secrets is the purpose of the command.
    """
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "command": command,
        "status": "success" if problem is None else "partial",
        "data": as_data(report, str if reveal else mask),
    }
    if problem is not None:
        body["error"] = _error_data(problem)
    return json.dumps(body, ensure_ascii=False)


def render_error(command: str, error: GatewayctlError) -> str:
    """Render the document of a command that failed."""
    body = {"schema": SCHEMA, "command": command, "status": "error", "error": _error_data(error)}
    return json.dumps(body, ensure_ascii=False)


def _error_data(error: GatewayctlError) -> dict[str, Any]:
    data: dict[str, Any] = {
        "code": error.code,
        "message": mask(error.message),
        "hint": mask(error.hint),
    }
    finding = find_finding(error)
    if finding is not None:
        data["finding"] = finding
    if error.service is not None:
        data["service"] = error.service
    problems = getattr(error, "problems", None)
    if problems is not None:
        data["problems"] = as_data(problems)
    return data
