"""The commands that run the stack: plan, up, down, status, scale, restart, logs, ui, env."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gatewayctl.cli.confirm import (
    confirm_by_name,
    confirm_context,
    confirm_new_project,
    confirm_new_secrets,
)
from gatewayctl.cli.context import App, context
from gatewayctl.cli.options import AcceptRiskOption, JsonFlag, TimeoutOption, YesFlag
from gatewayctl.cli.syntax.since import since_moment
from gatewayctl.errors import Interrupted, ProjectMissing, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Generator

    from gatewayctl.operations.stack.up import UpReport
    from gatewayctl.runtimes.kubernetes.context import ChosenContext

Services = Annotated[
    list[str] | None,
    typer.Argument(help="Services (default: all).", metavar="[SERVICE]...", show_default=False),
]


def plan(ctx: typer.Context, json: JsonFlag = False) -> None:
    """Show what `up` would change, and why. Exits with 8 on changes."""
    from gatewayctl.operations.stack.plan import plan as operation
    from gatewayctl.output import stack

    app = context(ctx)
    app.run(operation(app.settings, app.resolved_runtime, app.gateway), stack.render_plan)


def up(
    ctx: typer.Context,
    timeout: TimeoutOption = None,
    no_keys: Annotated[
        bool, typer.Option("--no-keys", help="Do not create missing virtual keys.")
    ] = False,
    pull: Annotated[
        bool, typer.Option("--pull", help="Pull newer images, if the runtime uses images.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Create a missing project, or use another cluster, without asking."
        ),
    ] = False,
    accept_risk: AcceptRiskOption = None,
    json: JsonFlag = False,
) -> None:
    """Start the stack, wait until it is healthy, create missing keys."""
    from gatewayctl.output import stack

    app = context(ctx)
    app.require_managed("start")
    if not app.settings.is_project:
        confirm_new_project(app.project_dir, yes=yes)
    accepted = tuple(accept_risk or ())
    events = bring_up(
        app, timeout=timeout, keys=not no_keys, pull=pull, accepted_risks=accepted, yes=yes
    )
    app.run(events, stack.render_up)


def bring_up(
    app: App,
    *,
    timeout: float | None = None,
    keys: bool = True,
    pull: bool = False,
    accepted_risks: tuple[str, ...] = (),
    yes: bool = False,
) -> Generator[Any, None, UpReport]:
    """The verb up, not started yet; the user has agreed to its cluster, if it uses one."""
    from gatewayctl.operations.diagnosis.advisories import require_not_malicious
    from gatewayctl.operations.stack.up import UpOptions, check_start
    from gatewayctl.operations.stack.up import up as operation

    require_not_malicious(app.settings, app.resolved_runtime.name, accepted_risks)
    place = _agree_on_context(app, yes=yes) if app.resolved_runtime.name == "kubernetes" else None
    if not os.path.lexists(app.settings.state_dir):
        # A start that is refused leaves nothing in a new project.
        check_start(app.settings, app.runtime)
    options = UpOptions(timeout=timeout, keys=keys, pull=pull, context=place)
    return operation(app.settings, app.load_project, options)


def _agree_on_context(app: App, *, yes: bool) -> ChosenContext:
    """Where the stack is started, after the user agreed. Raises ConfirmationRequired."""
    from gatewayctl.runtimes.kubernetes.context import choose, needs_consent, read_record
    from gatewayctl.runtimes.kubernetes.secrets import has_other_master_key

    place = choose(app.settings)
    if needs_consent(app.settings, place):
        declared = app.settings.kubernetes.context is not None
        confirm_context(place, before=read_record(app.settings), declared=declared, yes=yes)
    if has_other_master_key(app.settings, place):
        confirm_new_secrets(place, yes=yes)
    app.console.say(f"Using {place}.")
    return place


def down(
    ctx: typer.Context,
    volumes: Annotated[bool, typer.Option("--volumes", help="Delete all data too.")] = False,
    yes: YesFlag = False,
    json: JsonFlag = False,
) -> None:
    """Stop the stack. Data stays unless --volumes is given."""
    from gatewayctl.operations.stack.down import down as operation
    from gatewayctl.output import stack

    app = context(ctx)
    app.require_managed("stop")
    if volumes:
        confirm_by_name(app.settings.project_name, "every key, all spend and all traces", yes=yes)
    app.run(operation(app.settings, app.runtime, volumes=volumes), stack.render_down)


def status(
    ctx: typer.Context,
    env_lines: Annotated[
        bool, typer.Option("--env", help="Print addresses as NAME=value lines.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Show services, keys and runtime. Exits with 0 if all are healthy."""
    from gatewayctl.operations.stack.status import status as operation
    from gatewayctl.output import stack

    app = context(ctx)
    report = operation(app.settings, app.resolved_runtime, app.http)
    app.show(report, stack.render_status_env if env_lines else stack.render_status)


def restart(
    ctx: typer.Context,
    services: Services = None,
    timeout: TimeoutOption = None,
    accept_risk: AcceptRiskOption = None,
    json: JsonFlag = False,
) -> None:
    """Restart services and wait until they are healthy."""
    from gatewayctl.operations.stack.restart import restart as operation
    from gatewayctl.output import stack

    app = context(ctx)
    app.require_managed("restart")
    events = operation(
        app.settings,
        app.resolved_runtime,
        app.http,
        services or [],
        timeout=timeout,
        accepted_risks=accept_risk or (),
    )
    app.run(events, stack.render_restart)


def scale(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="litellm=N", help="Number of LiteLLM's pods.")],
    timeout: TimeoutOption = None,
    json: JsonFlag = False,
) -> None:
    """Set the number of LiteLLM's pods in Kubernetes, and wait for them."""
    from gatewayctl.operations.stack.scale import parse_target
    from gatewayctl.operations.stack.scale import scale as operation
    from gatewayctl.output import stack

    app = context(ctx)
    replicas = parse_target(target)
    app.require_managed("scale")
    events = operation(
        app.resolved_runtime, app.load_project, app.settings, replicas, timeout=timeout
    )
    app.run(events, stack.render_scale)


def logs(
    ctx: typer.Context,
    services: Services = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Keep printing new lines.")
    ] = False,
    tail: Annotated[
        int | None,
        typer.Option(min=0, metavar="COUNT", help="Last lines per service (default: all)."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only lines newer than 10m, 2h or 2026-01-31T12:00.", metavar="TIME"),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Include health checks and other polling.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Show the logs of the services."""
    from gatewayctl.operations.stack.logs import LogsReport
    from gatewayctl.operations.stack.logs import logs as operation
    from gatewayctl.output import stack

    app = context(ctx)
    app.require_managed("read the logs of")
    if app.json and follow:
        raise UsageProblem("--follow never ends, and --json prints one document: use one of them.")
    lines = operation(
        app.runtime,
        services or [],
        tail=tail,
        since=since_moment(since),
        follow=follow,
        everything=everything,
    )
    with _ended_by_ctrl_c(follow):
        first = next(lines, None)
        if first is None and not app.settings.is_project:
            raise ProjectMissing(f"There is no gateway project in {app.project_dir}.")
        lines = lines if first is None else chain([first], lines)
        if app.json:
            app.show(LogsReport(lines=tuple(lines)), stack.render_logs)
            return
        for text in stack.format_log_lines(lines):
            app.console.result_text(text + "\n")


@contextmanager
def _ended_by_ctrl_c(follow: bool) -> Iterator[None]:
    """Nothing is said about it where it is the way to end: there is nothing to finish."""
    try:
        yield
    except KeyboardInterrupt:
        if not follow:
            raise
        raise typer.Exit(Interrupted.exit_code) from None


def ui(
    ctx: typer.Context,
    page: Annotated[
        Literal["litellm", "phoenix"],
        typer.Argument(metavar="PAGE", help="Page to open: litellm or phoenix."),
    ] = "litellm",
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the address instead of opening it.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Open LiteLLM's admin UI or Phoenix in a browser."""
    from gatewayctl.operations.stack.ui import ui as operation
    from gatewayctl.output import stack

    app = context(ctx)
    report = operation(app.settings, page)
    if report.login:
        app.console.say(f"Log in as {report.login}.")
    if not print_only:
        typer.launch(report.url)
    app.show(report, stack.render_ui)


def sbom(ctx: typer.Context, json: JsonFlag = False) -> None:
    """Print the software of the embedded stack as a CycloneDX SBOM."""
    from gatewayctl.operations.stack.sbom import sbom as operation
    from gatewayctl.output import stack

    app = context(ctx)
    app.require_managed("list the software of")
    app.show(operation(app.resolved_runtime), stack.render_sbom)


def env(
    ctx: typer.Context,
    format_: Annotated[
        Literal["dotenv", "shell", "json"], typer.Option("--format", help="Output format.")
    ] = "dotenv",
    place: Annotated[
        Literal["host", "container", "cluster"],
        typer.Option("--for", help="Where the application runs."),
    ] = "host",
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="ALIAS", help="Virtual key (default: the first declared)."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Print LLM_BASE_URL and LLM_API_KEY for an application."""
    from gatewayctl.operations.stack.env import env as operation
    from gatewayctl.output import stack

    app = context(ctx)
    # Only the address from elsewhere depends on the runtime, and resolving it may ask an engine.
    runtime = app.resolved_runtime.name if place != "host" else None
    report = operation(app.settings, runtime, place=place, alias=key)
    for warning in report.warnings:
        app.console.say(f"Warning: {warning}")
    app.show(report, stack.render_env(format_), reveal=True)
