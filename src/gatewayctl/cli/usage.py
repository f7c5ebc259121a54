"""The commands usage and usage reconcile, from LiteLLM's spend logs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag
from gatewayctl.cli.syntax.since import parse_since

app = typer.Typer(help="Sum up requests, tokens, cost and errors.", invoke_without_command=True)

Since = Annotated[
    str, typer.Option(help="Only calls newer than 10m, 2h or 2026-01-31T12:00.", metavar="TIME")
]


@app.callback()
def usage(
    ctx: typer.Context,
    by: Annotated[
        Literal["component", "operation", "key", "model", "deployment", "environment"],
        typer.Option(
            metavar="FIELD",
            help="Group by component, operation, key, model, deployment or environment.",
        ),
    ] = "component",
    since: Since = "24h",
    json: JsonFlag = False,
) -> None:
    """Sum up requests, tokens, cost, errors and times by group."""
    if ctx.invoked_subcommand is not None:
        return
    from gatewayctl.operations.usage.summary import summarize_usage
    from gatewayctl.output import usage as shown

    app = context(ctx)
    app.note_other_project("litellm")
    app.run(
        summarize_usage(app.settings, app.gateway, by=by, since=parse_since(since)),
        shown.render_usage,
    )


@app.command("reconcile")
def reconcile_(
    ctx: typer.Context,
    since: Since = "24h",
    settle: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Ignore calls that ended less than this ago. Default: the delay of spend logs.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="COUNT", help="Maximum number of calls listed.")
    ] = 20,
    json: JsonFlag = False,
) -> None:
    """Compare spend logs with Phoenix. Exits with 7 if calls differ."""
    from gatewayctl.operations.usage.reconcile import reconcile
    from gatewayctl.output import usage as shown

    app = context(ctx)
    app.note_other_project("litellm", "phoenix")
    events = reconcile(
        app.settings, app.gateway, since=parse_since(since), settle=settle, limit=limit
    )
    app.run(events, shown.render_reconcile)
