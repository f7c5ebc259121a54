"""The composition root: the one place that creates settings, runtime and clients.

Everything is lazy, because the root callback runs even for ``gatewayctl sub --help``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from gatewayctl.errors import GatewayctlError

if TYPE_CHECKING:
    import httpx
    from rich.console import RenderableType

    from gatewayctl.gateway.client import GatewayClient
    from gatewayctl.operations.project.snapshot import Project
    from gatewayctl.output.console import Console
    from gatewayctl.runtimes.base import Runtime
    from gatewayctl.runtimes.registry import ResolvedRuntime
    from gatewayctl.settings.model import Settings

Report = TypeVar("Report")
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
    command: str = ""
    overrides: Overrides = field(default_factory=Overrides)

    @cached_property
    def settings(self) -> Settings:
        """The checked settings of the project; raises SettingsProblem."""
        from gatewayctl.settings.load import load_settings

        return load_settings(self.project_dir, flags=self.flags)

    def reload_settings(self) -> Settings:
        """Read the settings again, after .env or gateway.yaml was written."""
        self.__dict__.pop("settings", None)
        return self.settings

    @cached_property
    def resolved_runtime(self) -> ResolvedRuntime:
        """The runtime and why it was chosen; raises RuntimeUnavailable."""
        from gatewayctl.runtimes.registry import ResolvedRuntime, resolve_runtime

        if self.overrides.runtime is not None:
            fake = self.overrides.runtime
            return ResolvedRuntime(name=fake.name, why="given by the test", runtime=fake)
        return resolve_runtime(self.settings)

    @property
    def runtime(self) -> Runtime:
        return self.resolved_runtime.runtime

    @cached_property
    def http(self) -> httpx.Client:
        """The one HTTP client of this process, closed when the command ends."""
        from gatewayctl.gateway.client import new_http_client

        return new_http_client(self.overrides.transport)

    @cached_property
    def gateway(self) -> GatewayClient:
        from gatewayctl.gateway.client import GatewayClient

        return GatewayClient(self.http, self.settings.gateway_url)

    def load_project(self) -> Project:
        """Settings, runtime and gateway of the current files."""
        from gatewayctl.operations.project.snapshot import Project

        for name in ("resolved_runtime", "gateway"):
            self.__dict__.pop(name, None)
        settings = self.reload_settings()
        return Project(settings=settings, resolved=self.resolved_runtime, gateway=self.gateway)

    @cached_property
    def console(self) -> Console:
        from gatewayctl.output.console import Console

        return Console(quiet=self.quiet)

    def show(self, report: object, renderer: Renderer) -> None:
        """Print a report as text or JSON; exit with the code of its problem, if any."""
        problem: GatewayctlError | None = getattr(report, "problem", None)
        if self.json:
            from gatewayctl.output.envelope import render_document

            self.console.result_text(render_document(self.command, report, problem) + "\n")
        else:
            self.console.result(renderer(report))
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

        if self.json:
            self.console.result_text(render_error(self.command, error) + "\n")
        else:
            self.console.error(error)

    def close(self) -> None:
        """Close what was opened; called when the command ends, however it ends."""
        if "http" in self.__dict__:
            self.http.close()


def context(ctx: typer.Context) -> App:
    """The App of this run."""
    app = ctx.find_root().obj
    assert isinstance(app, App)  # noqa: S101 - created by the root callback
    return app
