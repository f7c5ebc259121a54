"""The one JSON document of ``--json``: schema, command, status, data, error.

Owns the envelope and the generic way from a report to data. Must not know any one report.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.settings.masking import mask_keys
from gatewayctl.settings.model import Secret, Source

SCHEMA: Final = "gatewayctl/1"


def as_data(value: Any) -> Any:  # noqa: PLR0911 - one line per kind of value
    """A report as JSON data: field names stay, secrets are masked, None stays null."""
    if isinstance(value, Secret | PurePath | Source):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_data(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_data(item) for item in value]
    if isinstance(value, float):
        # JSON has no word for infinity and not-a-number.
        return round(value, 6) if math.isfinite(value) else None
    return value


def render_document(command: str, report: object, problem: GatewayctlError | None = None) -> str:
    """The document of a verb that has a result; with a problem its status is partial."""
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "command": command,
        "status": "success" if problem is None else "partial",
        "data": as_data(report),
    }
    if problem is not None:
        body["error"] = _error(problem)
    return json.dumps(body, ensure_ascii=False)


def render_error(command: str, error: GatewayctlError) -> str:
    """The document of a verb that failed."""
    body = {"schema": SCHEMA, "command": command, "status": "error", "error": _error(error)}
    return json.dumps(body, ensure_ascii=False)


def _error(error: GatewayctlError) -> dict[str, Any]:
    found: dict[str, Any] = {
        "code": error.code,
        "message": mask_keys(error.message),
        "hint": mask_keys(error.hint),
    }
    # The code is the finding where the table has one of that name, else that of the family.
    codes = (getattr(kind, "code", "") for kind in type(error).__mro__)
    finding = error.finding or next((code for code in codes if code in FINDINGS), None)
    if finding is not None:
        found["finding"] = finding
    if error.service is not None:
        found["service"] = error.service
    problems = getattr(error, "problems", None)
    if problems is not None:
        found["problems"] = as_data(problems)
    return found
