"""The command audit."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag


def audit(
    ctx: typer.Context,
    tail: Annotated[int, typer.Option(min=1, help="Number of last entries.", metavar="COUNT")] = 50,
    json: JsonFlag = False,
) -> None:
    """List the commands that changed this project, and how they ended."""
    from gatewayctl.operations.state.audit import read_audit
    from gatewayctl.output import state as shown

    app = context(ctx)
    app.show(read_audit(app.settings.state_dir, tail=tail), shown.render_audit)
