"""Starting a stack whose databases or settings a verb has just changed: services, then apps.

Owns the order of the steps; each of them may be repeated. Must not know what was changed.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.project.load_check import check_config
from gatewayctl.operations.project.render import RenderReport, render
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.stack.apps import start_apps
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.operations.traces.retention import apply_retention
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedStack:
    """Which services and apps were started or restarted, and the health of all of them."""

    restarted: tuple[str, ...]
    services: tuple[ServiceReport, ...]
    warnings: tuple[str, ...]


def prepare_start(
    settings: Settings, resolved: ResolvedRuntime, *, refresh: bool = False
) -> Generator[Progress, None, RenderReport]:
    """Do all of a start that can fail before anything is stopped or lost; starts nothing.

    Ports, engine, LiteLLM's own loader, rendered files, programs and images; with ``refresh`` newer
    ones are fetched. The report has the warnings of all of it. Raises RuntimeProblem,
    SettingsInvalid and FileUnwritable.
    """
    resolved.runtime.preflight()
    # Before the files: a LiteLLM that is running would read them if it restarts.
    checked = yield from check_config(settings, resolved, fetch=True, refresh=refresh)
    rendered = render(settings, runtime=resolved.name)
    yield from resolved.runtime.prepare(refresh=refresh)
    return replace(rendered, warnings=(*checked.warnings, *rendered.warnings))


def start_stack(
    project: Project, *, timeout: float | None
) -> Generator[Progress, None, StartedStack]:
    """Render, start what does not run with the current settings, and wait until it is healthy.

    ``timeout`` in seconds. Raises RuntimeProblem and FileUnwritable, as `up` does.
    """
    settings, runtime, http = project.settings, project.resolved.runtime, project.gateway.http
    rendered = render(settings, runtime=project.resolved.name)
    yield from runtime.prepare()
    write_runtime(settings.state_dir, project.resolved.name)
    started = yield from runtime.start(timeout=timeout)
    services = yield from wait_ready(settings, runtime, http, timeout=timeout)
    # A restored database has the policy of its time.
    retention = apply_retention(settings, http)
    apps = yield from start_apps(settings, runtime, http, timeout=timeout)
    return StartedStack(
        restarted=(*started.started, *started.restarted, *apps.started, *apps.restarted),
        services=(*services, *apps.services),
        warnings=(*rendered.warnings, *started.warnings, *apps.warnings, *retention.warnings),
    )
