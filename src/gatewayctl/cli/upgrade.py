"""Another release of LiteLLM, and back: upgrade, rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gatewayctl.cli.context import App, context
from gatewayctl.cli.options import JsonFlag, TimeoutOption, YesFlag

if TYPE_CHECKING:
    from gatewayctl.operations.upgrade_plan import Project


def upgrade(
    ctx: typer.Context,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Version or image of LiteLLM; by default the one gatewayctl was made for.",
        ),
    ] = None,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up first what could be lost.")
    ] = False,
    timeout: TimeoutOption = 300,
    json_output: JsonFlag = False,
) -> None:
    """Change LiteLLM's version: backup, its own pre-flight, the change, a proof."""
    from gatewayctl.operations.upgrade import UpgradeOptions
    from gatewayctl.operations.upgrade import upgrade as operation
    from gatewayctl.output import upgrade as shown

    app = context(ctx)
    options = UpgradeOptions(to=to, backup=not no_backup, timeout=timeout)
    app.run("upgrade", operation(options, lambda: _afresh(app)), shown.upgrade)


def rollback(
    ctx: typer.Context,
    yes: YesFlag = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up what is there now.")
    ] = False,
    timeout: TimeoutOption = 300,
    json_output: JsonFlag = False,
) -> None:
    """Go back to the version before the last upgrade, with its data where it was migrated."""
    from gatewayctl.cli.confirm import by_name
    from gatewayctl.operations.rollback import rollback as operation
    from gatewayctl.operations.rollback import way_back
    from gatewayctl.output import upgrade as shown

    app = context(ctx)
    project = _afresh(app)
    found = way_back(project)
    app.console.say(shown.way_back(found))
    if found.restores is not False:
        by_name(project.settings.project_name, shown.LOST, yes=yes)
    events = operation(
        lambda: _afresh(app),
        consented=found.restores is not False,
        backup=not no_backup,
        timeout=timeout,
    )
    app.run("rollback", events, shown.rollback)


def _afresh(app: App) -> Project:
    """Settings, runtime and gateway of the files as they are now."""
    from gatewayctl.operations.upgrade_plan import Project

    for made in ("resolved_runtime", "gateway"):
        app.__dict__.pop(made, None)
    settings = app.reload_settings()
    return Project(settings=settings, resolved=app.resolved_runtime, gateway=app.gateway)
