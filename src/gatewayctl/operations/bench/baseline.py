"""Stored runs: `.gatewayctl/bench/NAME.json`, readable by their owner only.

Owns the format and its version. A run keeps percentiles of every round, not its summary alone, so
that a later gatewayctl can compare by another statistic.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gatewayctl.errors import FileUnreadable, UsageProblem
from gatewayctl.files.atomic import PRIVATE, write_atomically
from gatewayctl.files.json_text import parse_json
from gatewayctl.operations.bench.parameters import BenchParameters
from gatewayctl.operations.bench.rounds import SIDES, Round, Side
from gatewayctl.operations.bench.summary import collect_latencies
from gatewayctl.rendering.plan import plan_files
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.model import Settings

_VERSION: Final = 2
"""Another yardstick, or another form: then it is raised."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What was measured: a difference is a reason for another result, and is shown."""

    machine: str
    runtime: str
    versions: Mapping[str, str]
    settings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run to compare with.

    ``rounds`` has, for each side and round, the latencies at evenly spaced ranks, lowest first, in
    milliseconds.
    """

    parameters: BenchParameters
    environment: Environment
    rounds: Mapping[Side, tuple[tuple[float, ...], ...]]
    cpu_ms_per_request: Mapping[str, float]


def describe_environment(settings: Settings, resolved: ResolvedRuntime) -> Environment:
    """Machine, versions, and a digest of the rendered files, which hold no secrets."""
    texts = [f"{file.path}\0{file.content}" for file in plan_files(settings, runtime=resolved.name)]
    states = resolved.runtime.states()
    return Environment(
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        runtime=resolved.name,
        versions={state.service: state.version for state in states if state.version},
        settings=hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16],
    )


def find_differences(before: Environment, now: Environment) -> tuple[str, ...]:
    """What is not the same, as phrases: another machine, runtime, version or settings."""
    found = []
    if before.machine != now.machine:
        found.append(f"machine: {before.machine} → {now.machine}")
    if before.runtime != now.runtime:
        found.append(f"runtime: {before.runtime} → {now.runtime}")
    for name in dict.fromkeys((*before.versions, *now.versions)):
        old, new = before.versions.get(name), now.versions.get(name)
        if old != new:
            found.append(f"{name}: {old or '-'} → {new or '-'}")
    if before.settings != now.settings:
        found.append("settings")
    return tuple(found)


def locate_run(settings: Settings, name: str, option: str) -> Path:
    """The file of a run. Raises UsageProblem for a name that cannot be that of a file."""
    if not _NAME.fullmatch(name):
        raise UsageProblem(
            f"Invalid {option} {name!r}: expected letters, digits, dots, hyphens, underscores.",
            hint=f"For example: {option} before-upgrade.",
        )
    return settings.state_dir / "bench" / f"{name}.json"


def store_run(
    path: Path,
    parameters: BenchParameters,
    environment: Environment,
    rounds: Sequence[Round],
    cpu_ms_per_request: Mapping[str, float],
) -> None:
    """Write or replace a stored run. Raises FileUnwritable."""
    body = {
        "version": _VERSION,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": asdict(parameters),
        "environment": asdict(environment),
        "cpu_ms_per_request": dict(cpu_ms_per_request),
        "rounds": collect_latencies(rounds),
    }
    write_atomically(path, (json.dumps(body) + "\n").encode(), mode=PRIVATE)


def read_run(path: Path, name: str) -> StoredRun:
    """Read a stored run. Raises UsageProblem if there is none, FileUnreadable if it is damaged."""
    try:
        body = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = sorted(file.stem for file in path.parent.glob("*.json"))
        raise UsageProblem(
            f"There is no stored run {name!r}.",
            hint=f"Stored runs: {', '.join(known)}."
            if known
            else f"Store one with `gatewayctl bench --save {name}`.",
        ) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, name, f"{error}") from None
    try:
        return _parse_run(body)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise _unreadable(path, name, "it is not a run of this version") from None


def _unreadable(path: Path, name: str, why: str) -> FileUnreadable:
    return FileUnreadable(
        f"Cannot read {path}: {why}.", hint=f"Store it again: `gatewayctl bench --save {name}`."
    )


def _parse_run(body: Any) -> StoredRun:
    if body["version"] != _VERSION:
        raise ValueError(body["version"])
    known = {item.name for item in fields(BenchParameters)}
    return StoredRun(
        # A parameter that a later version adds has its default in an older run.
        parameters=BenchParameters(**{k: v for k, v in body["parameters"].items() if k in known}),
        environment=Environment(**body["environment"]),
        rounds={
            side: tuple(tuple(float(value) for value in row) for row in body["rounds"][side])
            for side in SIDES
        },
        cpu_ms_per_request={str(k): float(v) for k, v in body["cpu_ms_per_request"].items()},
    )


def require_same_parameters(name: str, before: BenchParameters, now: BenchParameters) -> None:
    """Raise UsageProblem for runs that sent different loads: they cannot be compared."""
    differing = [
        f"{item.name} {getattr(before, item.name)} → {getattr(now, item.name)}"
        for item in fields(BenchParameters)
        if getattr(before, item.name) != getattr(now, item.name)
    ]
    if differing:
        raise UsageProblem(
            f"The run {name!r} cannot be compared with this one: {', '.join(differing)}.",
            hint="Use its parameters, or store another run with these.",
        )
