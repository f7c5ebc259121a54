"""`audit`: who changed this project, when, and how it ended."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag


def audit(
    ctx: typer.Context,
    tail: Annotated[int, typer.Option(min=1, help="Last entries.", metavar="N")] = 50,
    json_output: JsonFlag = False,
) -> None:
    """Show which verbs changed this project, when, and how they ended."""
    from gatewayctl.operations.state.audit import read_audit
    from gatewayctl.output import state as shown

    app = context(ctx)
    app.show("audit", read_audit(app.settings.state_dir, tail=tail), shown.render_audit)
