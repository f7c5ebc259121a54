"""The table of contents: every command, in the order a new user needs them.

Command modules import only Typer and options; what they run is imported when it runs, so that
``--help`` costs what Typer costs.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from gatewayctl.cli import (
    backup,
    bench,
    chat,
    config,
    demo,
    doctor,
    keys,
    models,
    project,
    stack,
    state,
    traces,
    upgrade,
    usage,
)
from gatewayctl.cli.boundary import BoundaryGroup
from gatewayctl.cli.context import App, Overrides
from gatewayctl.cli.options import JsonFlag
from gatewayctl.errors import UsageProblem

START = "Getting started"
USE = "Use the gateway"
LOOK = "Monitoring and diagnosis"
END = "Maintenance"

contents = typer.Typer()
contents.command(rich_help_panel=START)(demo.demo)
contents.command(rich_help_panel=START)(project.init)
contents.command(rich_help_panel=START)(project.render)
contents.command(rich_help_panel=START)(stack.plan)
contents.command(rich_help_panel=START)(stack.up)
# Further arguments are the rest of a prompt without quotes.
contents.command(rich_help_panel=USE, context_settings={"allow_extra_args": True})(chat.chat)
contents.add_typer(keys.app, name="keys", rich_help_panel=USE)
contents.add_typer(models.app, name="models", rich_help_panel=USE)
contents.command(rich_help_panel=USE)(stack.env)
contents.command(rich_help_panel=LOOK)(stack.status)
contents.command(rich_help_panel=LOOK)(stack.logs)
contents.add_typer(traces.app, name="trace", rich_help_panel=LOOK)
contents.add_typer(usage.app, name="usage", rich_help_panel=LOOK)
contents.command(rich_help_panel=LOOK)(bench.bench)
contents.command(rich_help_panel=LOOK)(stack.ui)
contents.command(rich_help_panel=LOOK)(doctor.doctor)
contents.command(rich_help_panel=LOOK)(stack.sbom)
contents.command(rich_help_panel=LOOK)(state.audit)
contents.add_typer(config.app, name="config", rich_help_panel=END)
contents.command(rich_help_panel=END)(stack.scale)
contents.command(rich_help_panel=END)(stack.restart)
contents.command(rich_help_panel=END)(stack.down)
contents.command(rich_help_panel=END)(backup.backup)
contents.command(rich_help_panel=END)(backup.restore)
contents.command(rich_help_panel=END)(backup.reset)
contents.add_typer(upgrade.images, name="images", rich_help_panel=END)
contents.command(rich_help_panel=END)(upgrade.upgrade)
contents.command(rich_help_panel=END)(upgrade.rollback)


class Root(BoundaryGroup):
    """The root group with these commands."""

    contents = contents


app = typer.Typer(
    name="gatewayctl",
    cls=Root,
    no_args_is_help=True,
    # Tracebacks with locals would show keys; the boundary prints its own.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Operate the LiteLLM gateway: services, virtual keys, chat and traces.",
)


def _version(ctx: typer.Context, value: bool) -> None:
    # While a shell completes, the line is parsed and nothing is run.
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        typer.echo(f"gatewayctl {version('gatewayctl')}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    project_dir: Annotated[
        Path,
        typer.Option("-C", "--project-dir", help="Run in this project folder.", metavar="DIR"),
    ] = Path(),
    runtime: Annotated[
        Literal["auto", "embedded", "docker", "kubernetes", "external"] | None,
        typer.Option(
            metavar="NAME",
            help="Runtime: auto, embedded, docker, kubernetes or external "
            "(env: GATEWAYCTL_RUNTIME, default: auto).",
        ),
    ] = None,
    lock_timeout: Annotated[
        float | None,
        typer.Option(
            help="Wait this long for the lock (env: GATEWAYCTL_LOCK_TIMEOUT, "
            "default: 30 for short commands, 0 for long ones).",
            metavar="SECONDS",
            min=0,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print results only.")] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Log every command and request.")
    ] = False,
    json: JsonFlag = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Create the App of this run; nothing is read or started yet."""
    from gatewayctl.operating_system import require_unix

    require_unix()
    overrides = ctx.obj if isinstance(ctx.obj, Overrides) else Overrides()
    given = {"runtime": runtime, "lock_timeout": lock_timeout}
    ctx.obj = App(
        project_dir=_make_absolute(project_dir),
        flags={name: value for name, value in given.items() if value is not None},
        quiet=quiet,
        json=json,
        overrides=overrides,
    )
    ctx.call_on_close(ctx.obj.close)
    if verbose:
        ctx.obj.log()
    if quiet:
        # Without a handler Python prints warnings of any module on stderr.
        logger = logging.getLogger("gatewayctl")
        logger.setLevel(logging.ERROR)
        ctx.call_on_close(lambda: logger.setLevel(logging.NOTSET))


def _make_absolute(folder: Path) -> Path:
    try:
        return folder.absolute()
    except FileNotFoundError:
        raise UsageProblem(
            "The current folder no longer exists.", hint="Change to another one, or use -C."
        ) from None
