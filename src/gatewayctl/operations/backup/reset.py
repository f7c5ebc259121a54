"""The verb reset: LiteLLM's database emptied and its declared keys made anew.

Phoenix's traces stay, unless both are asked for. What is lost is in a backup first, which was read
back into scratch databases. Each step can be repeated, so that running reset again after an
interruption finishes it. The caller has shown what is lost and asked for consent.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayctl.errors import GatewayctlError
from gatewayctl.generators import drain
from gatewayctl.operations.backup.create import (
    default_file,
    has_user_data,
    start_databases,
    write_backup,
)
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.keys.create import KeysCreateReport, ensure_declared_keys
from gatewayctl.operations.project.render import render
from gatewayctl.operations.stack.apps import start_apps
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.operations.state import salt_key
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.databases import databases
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a reset loses; None where nobody says because it does not run.

    ``spend`` in US dollars, over the keys that exist now. ``requests`` are the rows of LiteLLM's
    spend logs. ``size`` and ``traces_size`` are bytes of LiteLLM's and Phoenix's database.
    """

    keys: int | None
    spend: float | None
    requests: int | None = None
    size: int | None = None
    traces: int | None = None
    traces_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetOptions:
    """How the operator wants it; ``timeout`` in seconds.

    ``backup``: keep what is lost, proven, in a file. ``keep_keys``: the declared keys keep their
    secrets. ``everything``: Phoenix's traces go too.
    """

    backup: bool = True
    keep_keys: bool = False
    everything: bool = False
    timeout: float = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetReport:
    """What was lost, where it is kept, and the stack and its new keys.

    ``backup`` is None where none was wanted, or where there was nothing to keep.
    """

    project: str
    lost: Loss
    traces_lost: bool
    backup: Path | None
    services: tuple[ServiceReport, ...]
    keys: KeysCreateReport

    @property
    def problem(self) -> GatewayctlError | None:
        """Set where some of the keys could not be made anew."""
        return self.keys.problem


def measure_loss(settings: Settings, gateway: GatewayClient, runtime: Runtime) -> Loss:
    """What is in the databases now. Never raises for what does not answer; starts nothing."""
    from gatewayctl.gateway.keys import iterate_keys

    keys: int | None = None
    spend: float | None = None
    try:
        found = list(iterate_keys(gateway, require_master_key(settings)))
        keys, spend = len(found), sum(key.spend or 0.0 for key in found)
    except GatewayctlError:
        pass
    requests, size = _measured(runtime, "litellm", "LiteLLM_SpendLogs")
    traces, traces_size = _measured(runtime, "phoenix", "traces")
    return Loss(
        keys=keys,
        spend=spend,
        requests=requests,
        size=size,
        traces=traces,
        traces_size=traces_size,
    )


def _measured(runtime: Runtime, name: str, table: str) -> tuple[int | None, int | None]:
    """The rows of a table and the bytes of its database; None where its server does not run."""
    database = next(each for each in databases(runtime) if each.name == name)
    try:
        if not database.shell.running():
            return None, None
        return database.count(table), database.size()
    except GatewayctlError:
        return None, None


def reset(
    settings: Settings,
    resolved: ResolvedRuntime,
    gateway: GatewayClient,
    options: ResetOptions,
    *,
    lost: Loss,
) -> Generator[Progress, None, ResetReport]:
    """Back up, empty, start, wait until ready, make the declared keys anew.

    Raises RestoreUnproven and FileUnwritable before anything is lost, and what `up` raises; the
    same command run again goes on.
    """
    require_master_key(settings)
    runtime = resolved.runtime
    with change_project(settings, "reset") as audit, explain_failures(runtime):
        runtime.preflight()
        render(settings, runtime=resolved.name)
        yield from runtime.prepare()
        write_runtime(settings.state_dir, resolved.name)
        kept = (yield from _kept(settings, resolved)) if options.backup else None
        yield from _emptied(runtime, everything=options.everything)
        yield from runtime.start()
        services = yield from wait_ready(settings, runtime, gateway.http, timeout=options.timeout)
        keys = ensure_declared_keys(settings, gateway, fresh=not options.keep_keys)
        apps = yield from start_apps(settings, runtime, gateway.http, timeout=options.timeout)
        salt_key.record_salt_key(settings, overwrite=True)
        audit.problem = keys.problem
    return ResetReport(
        project=settings.project_name,
        lost=lost,
        traces_lost=options.everything,
        backup=kept,
        services=(*services, *apps.services),
        keys=keys,
    )


def _kept(settings: Settings, resolved: ResolvedRuntime) -> Generator[Progress, None, Path | None]:
    """What is there now in a file, read back into scratch databases; None where it is empty."""
    yield from start_databases(settings, resolved)
    if not has_user_data(resolved.runtime):
        return None
    now = datetime.now(UTC)
    target = default_file(settings, now)
    report = yield from write_backup(settings, resolved, target, now=now, proven=True)
    return report.file


def _emptied(runtime: Runtime, *, everything: bool) -> Generator[Progress, None, None]:
    if everything:
        phoenix = databases(runtime)[-1]
        yield Progress(subject="services", state="working", detail="stopping")
        drain(runtime.stop())
        yield Progress(subject="services", state="stopped")
        phoenix.shell.start()
        yield Progress(subject="database phoenix", state="working", detail="dropping")
        phoenix.create()
        yield Progress(subject="database phoenix", state="ready", detail="empty")
    yield from runtime.empty_litellm_database()
