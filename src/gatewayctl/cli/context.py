"""The composition root: the one place that creates settings, runtime and clients.

Everything is lazy, because the root callback runs even for ``gatewayctl sub --help``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer

from gatewayctl.errors import (
    GatewayctlError,
    GatewayUnreachable,
    PhoenixUnreachable,
    Unreachable,
    VirtualKeyMissing,
)

if TYPE_CHECKING:
    import ssl

    import httpx
    from rich.console import RenderableType

    from gatewayctl.gateway.client import GatewayClient
    from gatewayctl.operations.diagnosis.port_owner import HttpService
    from gatewayctl.operations.project.snapshot import Project
    from gatewayctl.output.console import Console
    from gatewayctl.runtimes.base import Runtime
    from gatewayctl.runtimes.registry import ResolvedRuntime
    from gatewayctl.settings.model import RuntimeChoice, Settings

_LOG_LINES: Final = 400
_LOGGER: Final = logging.getLogger(__name__)
Report = TypeVar("Report")
_GENERAL_HINTS: Final = frozenset(
    kind.remedy for kind in (Unreachable, GatewayUnreachable, PhoenixUnreachable, VirtualKeyMissing)
)
Renderer = Callable[[Any], "Iterable[RenderableType]"]


@dataclass(slots=True, kw_only=True)
class Overrides:
    """What tests pass through ``CliRunner.invoke(..., obj=Overrides(...))``."""

    runtime: Runtime | None = None
    transport: httpx.BaseTransport | None = None


@dataclass(kw_only=True)
class App:
    """One run of the program: options, lazily created objects, and output."""

    project_dir: Path = Path()
    flags: Mapping[str, Any] = field(default_factory=dict)
    quiet: bool = False
    verbose: bool = False
    json: bool = False
    portable: bool = False
    """Use the runtime that works on any machine, unless a stack exists in another."""
    command: str = ""
    overrides: Overrides = field(default_factory=Overrides)
    _end_log: Callable[[], None] | None = None

    @cached_property
    def settings(self) -> Settings:
        """The checked settings of the project; raises SettingsProblem."""
        from gatewayctl.settings.load import load_settings

        return load_settings(self.project_dir, flags=self.flags, cores=_count_cores)

    def reload_settings(self) -> Settings:
        """Read the settings again, after .env or gateway.yaml was written.

        What was created from the old ones is created again when it is used.
        """
        for name in ("settings", "resolved_runtime", "gateway"):
            self.__dict__.pop(name, None)
        return self.settings

    @cached_property
    def resolved_runtime(self) -> ResolvedRuntime:
        """The runtime and why it was chosen; raises RuntimeUnavailable."""
        from gatewayctl.runtimes.registry import ResolvedRuntime, resolve_runtime

        if self.overrides.runtime is not None:
            fake = self.overrides.runtime
            return ResolvedRuntime(name=fake.name, why="given by the test", runtime=fake)
        resolved = resolve_runtime(self.settings, portable=self.portable)
        _LOGGER.info("%s runtime: %s", resolved.name, resolved.why)
        return resolved

    @property
    def runtime(self) -> Runtime:
        return self.resolved_runtime.runtime

    @cached_property
    def http(self) -> httpx.Client:
        """The one HTTP client of this process, closed when the command ends."""
        from gatewayctl.transport import new_http_client

        self._open_cluster()
        trust = self._trust() if self.settings.is_external else None
        return new_http_client(self.overrides.transport, trust=trust)

    def _open_cluster(self) -> None:
        """Keep the port-forward running that leads into a cluster, if the project uses one.

        Where it cannot run, the request reports that nothing answers.
        """
        # Cheap for all others: the file exists only while one is wanted.
        if not (self.settings.state_dir / "port-forward.json").exists():
            return
        from gatewayctl.runtimes.kubernetes import access
        from gatewayctl.runtimes.runtime_marker import is_kubernetes

        if is_kubernetes(self.settings):
            try:
                access.resume(self.settings)
            except GatewayctlError as error:
                self.console.say(f"Warning: {error.message}")

    def _trust(self) -> ssl.SSLContext:
        """The authorities of ca_bundle, else those of this machine. Raises CaBundleUnusable."""
        from gatewayctl.rendering.ca_bundle import read_certificates
        from gatewayctl.transport import trust_certificates

        settings = self.settings
        return trust_certificates(read_certificates(settings) if settings.ca_bundle else None)

    def require_managed(self, what: str) -> None:
        """Raise ExternallyManaged for what only the owner of an external gateway can do."""
        if self.settings.is_external:
            from gatewayctl.runtimes.external import refuse_external

            refuse_external(self.settings, what)

    @cached_property
    def gateway(self) -> GatewayClient:
        from gatewayctl.gateway.client import GatewayClient

        settings = self.settings
        source = settings.origins.get("LITELLM_MASTER_KEY")
        return GatewayClient(self.http, settings.gateway_url, master_source=source)

    def require_own(self, service: HttpService = "litellm") -> None:
        """Raise PortTaken if another project answers in its place; for what changes a service."""
        from gatewayctl.operations.diagnosis.port_owner import require_own_service

        require_own_service(self.settings, self.runtime, service)

    def note_other_project(self, *services: HttpService) -> None:
        """Say who answers if it is not this project; for what only asks a service."""
        from gatewayctl.operations.diagnosis.port_owner import find_other_project, is_surely_own

        for service in services:
            if is_surely_own(self.settings, service):
                continue
            with suppress(GatewayctlError):
                if found := find_other_project(self.settings, self.runtime, service):
                    self.console.say(f"Note: {found.message}")

    def read_litellm_log(self) -> str:
        """The end of LiteLLM's log, which has the causes of failed calls."""
        return self.runtime.last_lines("litellm", _LOG_LINES)

    def load_project(self) -> Project:
        """Settings, runtime and gateway of the current files."""
        from gatewayctl.operations.project.snapshot import Project

        settings = self.reload_settings()
        return Project(settings=settings, resolved=self.resolved_runtime, gateway=self.gateway)

    @cached_property
    def console(self) -> Console:
        from gatewayctl.output.console import Console
        from gatewayctl.output.program import find_program

        return Console(
            quiet=self.quiet,
            verbose=self.verbose,
            program=find_program(),
            project_dir=_from_here(self.project_dir),
            runtime=self.flags.get("runtime"),
        )

    def show(self, report: object, renderer: Renderer, *, reveal: bool = False) -> None:
        """Print a report as text or JSON; exit with the code of its problem, if any.

        Secrets are masked, unless to show them is the purpose of the command (``reveal``).
        """
        problem: GatewayctlError | None = getattr(report, "problem", None)
        if problem is not None:
            self._hint_by_state(problem)
        if self.json:
            from gatewayctl.output.envelope import render_document

            document = render_document(self.command, report, problem, reveal=reveal)
            self.console.result_text(document + "\n")
        else:
            self.console.result(renderer(report), reveal=reveal)
            if problem is not None:
                self.console.error(problem)
        if problem is not None:
            raise typer.Exit(problem.exit_code)

    def run(self, events: Generator[Any, None, Any], renderer: Renderer) -> None:
        """Run a verb that takes time, showing its progress, then show its report."""
        self.show(self.follow(events), renderer)

    def follow(self, events: Generator[Any, None, Report]) -> Report:
        """Show the progress of a verb and return its report."""
        from gatewayctl.output.progress import follow

        return follow(events, self.console)

    def show_error(self, error: GatewayctlError) -> None:
        """Print a failure as text or JSON; the caller exits."""
        from gatewayctl.output.envelope import render_error

        self._hint_by_state(error)
        if self.json:
            try:
                self.console.result_text(render_error(self.command, error) + "\n")
                return
            except GatewayctlError:
                # Standard output cannot be written, which may be the error itself.
                pass
        self.console.error(error)

    def log(self) -> None:
        """Log programs, requests, locks and files on stderr until the command ends."""
        from gatewayctl.output.terminal.log import start_log

        self.verbose = True
        if self._end_log is None:
            self._end_log = start_log()

    def _hint_by_state(self, error: GatewayctlError) -> None:
        """Replace a general hint to start the stack by what helps in its current state."""
        # Not loaded for a hint: the failure may be that they do not load.
        loaded: Settings | None = self.__dict__.get("settings")
        if loaded is not None and loaded.is_external:
            from gatewayctl.operations.diagnosis.external_hints import fit_hint

            fit_hint(error)
            return
        if error.hint not in _GENERAL_HINTS:
            return
        from gatewayctl.operations.diagnosis.health import check_services
        from gatewayctl.operations.diagnosis.next_step import suggest_next_step

        # Phoenix does not matter to who waits for LiteLLM, nor the other way round.
        other = "litellm" if error.hint == PhoenixUnreachable.remedy else "phoenix"
        with suppress(GatewayctlError):
            found = check_services(self.settings, self.runtime, self.http)
            concerned = [report for report in found if report.service != other]
            step = suggest_next_step(concerned, self.runtime, self.settings)
            if not step and error.hint != VirtualKeyMissing.remedy:
                step = "Run the command again: the service answers now."
            error.hint = step or error.hint

    def close(self) -> None:
        """Close what was opened; called when the command ends, however it ends."""
        if self._end_log is not None:
            self._end_log()
        if "http" in self.__dict__:
            self.http.close()


@cache
def _count_cores(choice: RuntimeChoice, state_dir: Path) -> int:
    # Imported only for a project whose number of workers depends on it, and asked once.
    from gatewayctl.runtimes.machine import count_cores

    return count_cores(choice, state_dir)


def _from_here(project_dir: Path) -> str | None:
    """The project's folder as seen from the current one; None if it is the same."""
    from gatewayctl.operating_system import real_path

    try:
        here, folder = Path.cwd(), real_path(project_dir)
    except OSError:
        return str(project_dir)
    if folder == here:
        return None
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def context(ctx: typer.Context) -> App:
    """The App of this run."""
    app = ctx.find_root().obj
    assert isinstance(app, App)  # noqa: S101 - created by the root callback
    return app
