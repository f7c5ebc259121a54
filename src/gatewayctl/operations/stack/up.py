"""The verb up: bring up a stack that is healthy and has its keys.

settings → missing secrets → preflight → LiteLLM's own loader → render → start in dependency order →
wait → missing keys → apps. Running it twice changes nothing.

- Checked before anything starts: the master key, the salt key, ports and engine, the rendered
  files, programs and images. Secrets that were missing are in .env then.
- There is no point of no return: no data is deleted, and what runs with current settings stays.
- After the first start it can fail: a service that does not start or does not become healthy in
  time, a declared key that is not created (exit 7), an app. Everything keeps running, to look at,
  and the next up continues. Ctrl-C stops a stack that this run started from nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import GatewayctlError, SecretOverridden
from gatewayctl.gateway.models import list_served_models
from gatewayctl.generators import drain
from gatewayctl.operations.diagnosis.external import check_trace_stores
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.keys.create import KeysCreateReport, ensure_declared_keys
from gatewayctl.operations.keys.values import read_env_file_values
from gatewayctl.operations.models.warnings import warn_of_models
from gatewayctl.operations.project.init import Ensured, ensure_project
from gatewayctl.operations.project.proxies import warn_of_proxies
from gatewayctl.operations.project.render import RenderReport
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.stack.apps import start_apps
from gatewayctl.operations.stack.start import prepare_start
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.operations.state.exclusive import Change, change_project
from gatewayctl.operations.state.salt_key import (
    record_salt_key,
    recover_salt_key,
    require_same_salt_key,
)
from gatewayctl.operations.traces.probe import Tracing, has_probe_arrived, send_probe
from gatewayctl.operations.traces.retention import RetentionChange, apply_retention
from gatewayctl.runtimes.base import Progress, Runtime, StartReport
from gatewayctl.runtimes.kubernetes.context import ChosenContext, move_to
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.runtime_marker import read_runtime, record_runtime
from gatewayctl.settings.generate import with_generated_secrets
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import RuntimeName, Settings
from gatewayctl.settings.overrides import advise_unset

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient


UNVERIFIED: Final = (
    "Phoenix has not received a span from LiteLLM yet. Check with `gatewayctl chat --verify`."
)
_TRACE_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class UpReport:
    """What up did; ``changed`` is false if everything was up to date.

    ``started``, ``restarted`` and ``services`` include the user's apps, after the services.
    ``files`` are the rendered files that were written, ``seconds`` the duration. ``tracing``:
    whether spans of a real request reached Phoenix; None if no service
    started, or if no Phoenix can be asked. ``retention`` is what changed in Phoenix.
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
    phoenix_url: str | None
    seconds: float
    tracing: Tracing | None = None
    warnings: tuple[str, ...] = ()
    kubernetes: ChosenContext | None = None
    retention: RetentionChange | None = None

    @property
    def problem(self) -> GatewayctlError | None:
        """Set if the stack runs but some of its keys could not be created."""
        return None if self.keys is None else self.keys.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """Options of up; ``timeout`` in seconds. ``context`` is the cluster that the user agreed to."""

    timeout: float | None = None
    keys: bool = True
    pull: bool = False
    context: ChosenContext | None = None


def check_start(settings: Settings, runtime: Runtime) -> None:
    """Check what would make the first start of a project fail, before anything is written.

    Raises SettingsProblem for a weak master key, and for a virtual key of another gateway in the
    environment, and what `Runtime.preflight` raises.
    """
    require_master_key(with_generated_secrets(settings))
    with explain_failures(runtime, settings.state_dir):
        runtime.preflight()
        if not runtime.has_data():
            _refuse_keys_of_environment(settings)


def _refuse_keys_of_environment(settings: Settings) -> None:
    """Raise SecretOverridden for virtual keys that only the environment has: there are none yet."""
    stored = read_env_file_values(settings)
    names = [key.env for key in settings.keys if key.env in settings.environment]
    if foreign := [name for name in names if name not in stored]:
        raise SecretOverridden(
            f"The environment sets {' and '.join(foreign)}, but a new project has no virtual key"
            " yet: it creates its own in .env.",
            hint=advise_unset(*foreign),
        )


def up(
    settings: Settings, load: Callable[[], Project], options: UpOptions
) -> Generator[Progress, None, UpReport]:
    """Create what the project lacks, bring the stack up and wait until it is ready.

    ``load`` reads the project's files again, with the secrets that were generated. Raises
    SettingsProblem before anything is started, RuntimeProblem if a port is in use or a service
    fails, and the errors of `ensure_declared_keys`.
    """
    require_master_key(with_generated_secrets(settings))
    began = time.monotonic()
    with ExitStack() as stack:
        change = stack.enter_context(change_project(settings, "up"))
        change.state = "Nothing was started."
        project, ensured, rendered = yield from _prepare(settings, load, options, stack)
        settings, resolved, gateway = project.settings, project.resolved, project.gateway
        runtime = resolved.runtime
        other = _warn_other_stack(settings, resolved)
        with record_runtime(settings.state_dir, runtime):
            done, services = yield from _start(project, options, change)
        record_salt_key(settings)
        retention = apply_retention(settings, gateway.http)
        probe = send_probe(gateway, settings.secrets.master_key) if done.changed else None
        keys = (yield from ensure_declared_keys(settings, gateway)) if options.keys else None
        apps = yield from start_apps(settings, runtime, gateway.http, timeout=options.timeout)
        tracing = _check_tracing(settings, gateway, probe) if done.changed else None
        unserved = tuple(_warn_unserved(settings, gateway)) if done.changed else ()
        change.problem = None if keys is None else keys.problem
    started, restarted = (*done.started, *apps.started), (*done.restarted, *apps.restarted)
    written = tuple(str(file.path) for file in rendered.files if file.state != "unchanged")
    return UpReport(
        project=settings.project_name,
        runtime=resolved.name,
        runtime_why=resolved.why,
        changed=any((*started, *restarted, *written, *ensured.env_added, retention.change))
        or bool(keys and keys.changed),
        secrets_added=ensured.env_added,
        files=written,
        started=started,
        restarted=restarted,
        services=(*services, *apps.services),
        keys=keys,
        gateway_url=settings.gateway_url,
        phoenix_url=settings.traces_page,
        seconds=time.monotonic() - began,
        tracing=tracing,
        kubernetes=options.context,
        retention=retention.change,
        warnings=(
            *ensured.warnings,
            *warn_of_models(settings),
            *unserved,
            *other,
            *warn_of_proxies(settings, resolved.name),
            *rendered.warnings,
            *done.warnings,
            *apps.warnings,
            *retention.warnings,
            *((UNVERIFIED,) if tracing == "unverified" else ()),
        ),
    )


def _prepare(
    settings: Settings, load: Callable[[], Project], options: UpOptions, stack: ExitStack
) -> Generator[Progress, None, tuple[Project, Ensured, RenderReport]]:
    """Write what the project lacks, and do all of the start that can fail before it changes."""
    with move_to(settings, options.context):
        # Before .env is written: with a lost salt key nothing is changed.
        recovered = recover_salt_key(settings, load().resolved.runtime)
        ensured = ensure_project(settings, recovered=recovered)
        project = load()
        stack.enter_context(explain_failures(project.resolved.runtime, settings.state_dir))
        require_same_salt_key(project.settings)
        refresh = options.pull
        rendered = yield from prepare_start(project.settings, project.resolved, refresh=refresh)
    return project, ensured, rendered


def _warn_other_stack(settings: Settings, resolved: ResolvedRuntime) -> tuple[str, ...]:
    """Each runtime has its own data, so another runtime starts with none."""
    other = read_runtime(settings.state_dir)
    if other is None or other == resolved.name:
        return ()
    warning = (
        f"This project also has a stack in the {other} runtime, with its own keys and traces: "
        f"`gatewayctl --runtime {other} status`."
    )
    return (warning,)


def _warn_unserved(settings: Settings, gateway: GatewayClient) -> Iterator[str]:
    """Name models that LiteLLM leaves out, and trace stores that take no traces.

    LiteLLM starts without a model whose provider it does not know, and only logs that. Calls do not
    depend on a trace store, but their traces are lost.
    """
    for store in check_trace_stores(settings, gateway.http):
        if not store.usable:
            yield f"The trace store {store.name} ({store.address}) {store.detail}."
    try:
        groups = list_served_models(gateway, require_master_key(settings))
    except GatewayctlError:
        return
    served = {group.name for group in groups}
    names = [model.name for model in settings.models if model.name not in served]
    if names:
        yield f"LiteLLM does not serve {', '.join(names)}: see `gatewayctl logs litellm`."


def _check_tracing(settings: Settings, gateway: GatewayClient, probe: str | None) -> Tracing | None:
    """A late trace deserves a warning, not more waiting; None where no store can be asked."""
    if settings.asked_store is None:
        return None
    arrived = has_probe_arrived(settings, gateway, probe, timeout=_TRACE_SECONDS)
    return "verified" if arrived else "unverified"


def _start(
    project: Project, options: UpOptions, change: Change
) -> Generator[Progress, None, tuple[StartReport, tuple[ServiceReport, ...]]]:
    """Start and wait; if interrupted, stop again what was started from nothing."""
    settings, runtime, http = project.settings, project.resolved.runtime, project.gateway.http
    from_nothing = all(state.state == "stopped" for state in runtime.states())
    change.state = "What was started keeps running."
    try:
        done = yield from runtime.start(timeout=options.timeout)
        services = yield from wait_ready(settings, runtime, http, timeout=options.timeout)
    except (KeyboardInterrupt, GeneratorExit):
        if from_nothing:
            change.state = "Some services may still run."
            drain(runtime.stop())
            change.state = "What was started is stopped again."
        raise
    return done, services
