"""The command doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag


def doctor(
    ctx: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Apply safe fixes.")] = False,
    json: JsonFlag = False,
) -> None:
    """Find problems in the project and its stack, running or not."""
    from gatewayctl.operations.doctor.run import ProjectLoaders
    from gatewayctl.operations.doctor.run import doctor as operation
    from gatewayctl.output import doctor as shown

    app = context(ctx)
    loaders = ProjectLoaders(
        settings=app.reload_settings,
        runtime=lambda: app.resolved_runtime,
        gateway=lambda: app.gateway,
    )
    app.run(operation(app.project_dir, loaders, fix=fix), shown.render_doctor)
