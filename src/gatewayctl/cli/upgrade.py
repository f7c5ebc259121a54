"""The commands upgrade and rollback."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag, TimeoutOption, YesFlag


def upgrade(
    ctx: typer.Context,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Version or image (default: the one gatewayctl was tested with).",
        ),
    ] = None,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up the data first.")
    ] = False,
    timeout: TimeoutOption = 300,
    json_output: JsonFlag = False,
) -> None:
    """Upgrade LiteLLM after a backup and its preflight, and verify it."""
    from gatewayctl.operations.upgrade.run import UpgradeOptions
    from gatewayctl.operations.upgrade.run import upgrade as operation
    from gatewayctl.output import upgrade as shown

    app = context(ctx)
    options = UpgradeOptions(to=to, backup=not no_backup, timeout=timeout)
    app.run("upgrade", operation(options, app.afresh), shown.render_upgrade)


def rollback(
    ctx: typer.Context,
    yes: YesFlag = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up the current data first.")
    ] = False,
    timeout: TimeoutOption = 300,
    json_output: JsonFlag = False,
) -> None:
    """Undo the last upgrade, restoring its database if it was migrated."""
    from gatewayctl.cli.confirm import confirm_by_name
    from gatewayctl.operations.upgrade.rollback import plan_rollback
    from gatewayctl.operations.upgrade.rollback import rollback as operation
    from gatewayctl.output import upgrade as shown

    app = context(ctx)
    project = app.afresh()
    found = plan_rollback(project)
    app.console.say(shown.describe_rollback(found))
    if found.restores is not False:
        confirm_by_name(project.settings.project_name, shown.LOST, yes=yes)
    events = operation(
        app.afresh,
        consented=found.restores is not False,
        backup=not no_backup,
        timeout=timeout,
    )
    app.run("rollback", events, shown.render_rollback)
