"""The verb up: from settings to a stack that is truly ready, with its keys.

settings → preflight → render → start in dependency order → wait → missing keys → apps. Running it
twice changes nothing. On failure nothing is torn down; on Ctrl-C what this run started is stopped.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.keys.create import KeysCreateReport, ensure_declared_keys
from gatewayctl.operations.project.render import render
from gatewayctl.operations.stack.apps import start_apps
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.operations.state.salt_key import record_salt_key, require_same_salt_key
from gatewayctl.operations.traces.probe import Tracing, has_probe_arrived, send_probe
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.runtime_marker import read_runtime, write_runtime
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import RuntimeName, Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient


UNPROVEN: Final = (
    "Phoenix has not shown a span of LiteLLM yet: `gatewayctl chat --verify` tells more."
)
_TRACE_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class UpReport:
    """What up did; ``changed`` is false when everything was as it should be already.

    ``started``, ``restarted`` and ``services`` tell of the user's apps too, after the services.
    ``files``: rendered files that were written. ``seconds``: how long it took. ``tracing``:
    whether spans of a real request got from LiteLLM to Phoenix; None where nothing started.
    """

    project: str
    runtime: RuntimeName
    runtime_why: str
    changed: bool
    secrets_added: tuple[str, ...]
    files: tuple[str, ...]
    started: tuple[str, ...]
    restarted: tuple[str, ...]
    services: tuple[ServiceReport, ...]
    keys: KeysCreateReport | None
    gateway_url: str
    phoenix_url: str
    seconds: float
    tracing: Tracing | None = None
    warnings: tuple[str, ...] = ()

    @property
    def problem(self) -> GatewayctlError | None:
        """Set where the stack runs and some of its keys could not be made."""
        return None if self.keys is None else self.keys.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """How the operator wants it; ``timeout`` in seconds."""

    timeout: float = 300
    keys: bool = True
    pull: bool = False


def up(
    settings: Settings,
    resolved: ResolvedRuntime,
    gateway: GatewayClient,
    options: UpOptions,
    *,
    secrets_added: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Generator[Progress, None, UpReport]:
    """Bring the stack up and wait until it is ready.

    Raises SettingsProblem before anything is touched, RuntimeProblem where a port is taken or a
    service fails, and what the keys raise.
    """
    require_master_key(settings)
    require_same_salt_key(settings)
    began = time.monotonic()
    runtime = resolved.runtime
    with change_project(settings, "up") as audit, explain_failures(runtime):
        runtime.preflight()
        rendered = render(settings, runtime=resolved.name)
        yield from runtime.prepare(refresh=options.pull)
        notes = _other_stack(settings, resolved)
        write_runtime(settings.state_dir, resolved.name)
        started = yield from _start(settings, runtime, gateway, options)
        record_salt_key(settings)
        moved = bool(started.begun or started.again)
        probe = send_probe(gateway, settings.secrets.master_key) if moved else None
        keys = ensure_declared_keys(settings, gateway) if options.keys else None
        apps = yield from start_apps(settings, runtime, gateway.http, timeout=options.timeout)
        tracing = _tracing(settings, gateway, probe) if moved else None
        audit.problem = None if keys is None else keys.problem
    begun, again = (*started.begun, *apps.started), (*started.again, *apps.restarted)
    written = tuple(str(file.path) for file in rendered.files if file.state != "unchanged")
    made = keys is not None and any(key.status != "exists" for key in keys.keys)
    return UpReport(
        project=settings.project_name,
        runtime=resolved.name,
        runtime_why=resolved.why,
        changed=bool(begun or again or written or made or secrets_added),
        secrets_added=secrets_added,
        files=written,
        started=begun,
        restarted=again,
        services=(*started.services, *apps.services),
        keys=keys,
        gateway_url=settings.gateway_url,
        phoenix_url=settings.phoenix_url,
        seconds=time.monotonic() - began,
        tracing=tracing,
        warnings=(
            *warnings,
            *notes,
            *rendered.warnings,
            *apps.warnings,
            *((UNPROVEN,) if tracing == "unproven" else ()),
        ),
    )


def _other_stack(settings: Settings, resolved: ResolvedRuntime) -> tuple[str, ...]:
    """Each runtime keeps its own data: a change of runtime begins with none."""
    other = read_runtime(settings.state_dir)
    if other is None or other == resolved.name:
        return ()
    warning = (
        f"This project has a stack of the {other} runtime too, whose keys and traces stay there: "
        f"`gatewayctl --runtime {other} status`."
    )
    return (warning,)


def _tracing(settings: Settings, gateway: GatewayClient, probe: str | None) -> Tracing:
    """A trace that is late is worth a warning, not more waiting."""
    there = has_probe_arrived(settings, gateway, probe, timeout=_TRACE_SECONDS)
    return "proven" if there else "unproven"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    begun: tuple[str, ...]
    again: tuple[str, ...]
    services: tuple[ServiceReport, ...]


def _start(
    settings: Settings, runtime: Runtime, gateway: GatewayClient, options: UpOptions
) -> Generator[Progress, None, _Running]:
    """Start and wait; an interruption takes back a start from nothing."""
    from_nothing = all(state.state == "stopped" for state in runtime.states())
    try:
        done = yield from runtime.start()
        services = yield from wait_ready(settings, runtime, gateway.http, timeout=options.timeout)
    except (KeyboardInterrupt, GeneratorExit):
        if from_nothing:
            for _ in runtime.stop():
                pass
        raise
    return _Running(begun=done.started, again=done.restarted, services=services)
