"""The shape of every command's ``--json``: keys and types, from the annotations of its report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.operations.backup.create import BackupReport
from gatewayctl.operations.backup.reset import ResetReport
from gatewayctl.operations.backup.restore import RestoreReport
from gatewayctl.operations.bench.report import BenchReport
from gatewayctl.operations.chat.report import ChatReport
from gatewayctl.operations.config.pull import PullReport
from gatewayctl.operations.demo import DemoReport
from gatewayctl.operations.doctor.run import DoctorReport
from gatewayctl.operations.keys.check import KeysCheckReport
from gatewayctl.operations.keys.create import KeysCreateReport
from gatewayctl.operations.keys.list import KeysListReport
from gatewayctl.operations.keys.revoke import KeysRevokeReport
from gatewayctl.operations.keys.rotate import KeysRotateReport
from gatewayctl.operations.keys.show import KeysShowReport
from gatewayctl.operations.keys.sync import KeysSyncReport
from gatewayctl.operations.models.list import ModelsListReport
from gatewayctl.operations.project.init import InitReport
from gatewayctl.operations.project.render import RenderReport
from gatewayctl.operations.stack.down import DownReport
from gatewayctl.operations.stack.env import EnvReport
from gatewayctl.operations.stack.logs import LogsReport
from gatewayctl.operations.stack.plan import PlanReport
from gatewayctl.operations.stack.restart import RestartReport
from gatewayctl.operations.stack.sbom import SbomReport
from gatewayctl.operations.stack.scale import ScaleReport
from gatewayctl.operations.stack.status import StatusReport
from gatewayctl.operations.stack.ui import UiReport
from gatewayctl.operations.stack.up import UpReport
from gatewayctl.operations.state.audit import AuditReport
from gatewayctl.operations.traces.list import TraceListReport
from gatewayctl.operations.traces.show import TraceShowReport
from gatewayctl.operations.traces.verification import TraceVerification
from gatewayctl.operations.upgrade.pin import PinReport
from gatewayctl.operations.upgrade.rollback import RollbackReport
from gatewayctl.operations.upgrade.run import UpgradeReport
from gatewayctl.operations.usage.reconcile import ReconcileReport
from gatewayctl.operations.usage.summary import UsageReport
from gatewayctl.output.envelope import render_error
from gatewayctl.settings.model import Secret, Source

REPORTS: Final[Mapping[str, type]] = {
    "audit": AuditReport,
    "backup": BackupReport,
    "bench": BenchReport,
    "chat": ChatReport,
    "demo": DemoReport,
    "config pull": PullReport,
    "doctor": DoctorReport,
    "down": DownReport,
    "env": EnvReport,
    "images pin": PinReport,
    "init": InitReport,
    "keys check": KeysCheckReport,
    "keys create": KeysCreateReport,
    "keys list": KeysListReport,
    "keys revoke": KeysRevokeReport,
    "keys rotate": KeysRotateReport,
    "keys show": KeysShowReport,
    "keys sync": KeysSyncReport,
    "logs": LogsReport,
    "models list": ModelsListReport,
    "plan": PlanReport,
    "render": RenderReport,
    "reset": ResetReport,
    "restart": RestartReport,
    "restore": RestoreReport,
    "rollback": RollbackReport,
    "sbom": SbomReport,
    "scale": ScaleReport,
    "status": StatusReport,
    "trace list": TraceListReport,
    "trace show": TraceShowReport,
    "trace verify": TraceVerification,
    "ui": UiReport,
    "up": UpReport,
    "upgrade": UpgradeReport,
    "usage": UsageReport,
    "usage reconcile": ReconcileReport,
}
"""The report that each command prints as ``data``."""
_SCALARS: Final = {bool: "boolean", int: "integer", float: "number"}
_STRINGS: Final = (str, Secret, Source, PurePath, date)


def shape(annotation: Any) -> Any:
    """What the envelope makes of a value of this type: nested keys, and names of JSON types."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if is_dataclass(annotation) and isinstance(annotation, type):
        # Some annotations are imported for type checkers only.
        names = {report.__name__: report for report in REPORTS.values()}
        hints = get_type_hints(annotation, localns=names)
        return {item.name: shape(hints[item.name]) for item in fields(annotation)}
    if origin is Literal:
        return " | ".join(sorted(json.dumps(value) for value in parts))
    if origin in {Union, UnionType}:
        kinds = [shape(part) for part in parts if part is not NoneType]
        optional = ["null"] if NoneType in parts else []
        if len(kinds) == 1 and not isinstance(kinds[0], str):
            return {"or null": kinds[0]}
        return " | ".join([*map(str, kinds), *optional])
    if origin in {tuple, list} or (origin and issubclass(origin, frozenset | set)):
        return [shape(parts[0])]
    if origin is not None and issubclass(origin, Mapping):
        return {"*": shape(parts[1])}
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if annotation is Any or annotation is object:
        return "any"
    if isinstance(annotation, type) and issubclass(annotation, (*_STRINGS, Enum)):
        return "string"
    raise TypeError(f"no JSON shape for {annotation!r}")


def error_shape() -> Any:
    """The shape of the document of a failure that has every optional key."""
    error = SettingsInvalid(problems=(Problem(source="gateway.yaml line 1", message="unknown"),))
    error.finding = error.service = "known"

    def name_types(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: name_types(item) for key, item in value.items()}
        return [name_types(value[0])] if isinstance(value, list) else shape(type(value))

    return name_types(json.loads(render_error("up", error)))


def json_shapes() -> str:
    """All shapes as one JSON document: `data` of each command, and the document of a failure."""
    shapes = {command: shape(report) for command, report in REPORTS.items()}
    shapes["(error document)"] = error_shape()
    return json.dumps(shapes, indent=2, ensure_ascii=False) + "\n"
