"""The commands upgrade, rollback and images pin."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.confirm import confirm_by_name
from gatewayctl.cli.context import context
from gatewayctl.cli.options import AcceptRiskOption, JsonFlag, NoBackupFlag, TimeoutOption, YesFlag

images = typer.Typer(help="Pin container images.", no_args_is_help=True)


def upgrade(
    ctx: typer.Context,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Version or image (default: the one gatewayctl was tested with).",
        ),
    ] = None,
    no_backup: NoBackupFlag = False,
    accept_risk: AcceptRiskOption = None,
    timeout: TimeoutOption = None,
    json: JsonFlag = False,
) -> None:
    """Upgrade LiteLLM with backup, preflight check and verification."""
    from gatewayctl.operations.upgrade.run import UpgradeOptions
    from gatewayctl.operations.upgrade.run import upgrade as operation
    from gatewayctl.output import upgrade as shown

    app = context(ctx)
    app.require_managed("upgrade")
    options = UpgradeOptions(
        to=to, backup=not no_backup, timeout=timeout, accepted_risks=tuple(accept_risk or ())
    )
    app.run(operation(options, app.load_project), shown.render_upgrade)


def rollback(
    ctx: typer.Context,
    yes: YesFlag = False,
    no_backup: NoBackupFlag = False,
    timeout: TimeoutOption = None,
    json: JsonFlag = False,
) -> None:
    """Undo the last upgrade, restoring its database if it was migrated."""
    from gatewayctl.operations.upgrade.rollback import plan_rollback
    from gatewayctl.operations.upgrade.rollback import rollback as operation
    from gatewayctl.output import upgrade as shown

    app = context(ctx)
    app.require_managed("roll back")
    project = app.load_project()
    plan = plan_rollback(project)
    app.console.say(shown.describe_rollback(plan))
    loses_data = plan.restores is not False
    if loses_data:
        confirm_by_name(project.settings.project_name, shown.LOST, yes=yes)
    events = operation(
        app.load_project, consented=loses_data, backup=not no_backup, timeout=timeout
    )
    app.run(events, shown.render_rollback)


@images.command("pin")
def pin(ctx: typer.Context, json: JsonFlag = False) -> None:
    """Write the digests of the images into gateway.yaml; verify LiteLLM's signature."""
    from gatewayctl.operations.upgrade.pin import pin_images
    from gatewayctl.output import upgrade as shown

    app = context(ctx)
    app.require_managed("pin the images of")
    app.run(pin_images(app.settings, app.resolved_runtime), shown.render_pin)
