"""`usage`: what the calls came to, from LiteLLM's own ledger."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag

app = typer.Typer(help="Usage: requests, tokens, cost, errors.", invoke_without_command=True)

Since = Annotated[str, typer.Option(help="Requests of the last 30s, 10m, 1h, 2d.", metavar="TIME")]


@app.callback()
def usage(
    ctx: typer.Context,
    by: Annotated[
        Literal["component", "operation", "key", "model", "environment"],
        typer.Option(help="What to sum up by."),
    ] = "component",
    since: Since = "24h",
    json: JsonFlag = False,
) -> None:
    """Requests, tokens, cost, errors and times, by what they were for."""
    if ctx.invoked_subcommand is not None:
        return
    from gatewayctl.cli.since import parse_since
    from gatewayctl.operations.usage.summary import summarize_usage
    from gatewayctl.output import usage as shown

    app = context(ctx)
    app.show(
        "usage",
        summarize_usage(app.settings, app.gateway, by=by, since=parse_since(since)),
        shown.render_usage,
    )


@app.command("reconcile")
def reconcile_(
    ctx: typer.Context,
    since: Since = "24h",
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds a call is given to reach both ledgers.")
    ] = 20,
    json: JsonFlag = False,
) -> None:
    """The same requests in LiteLLM's spend logs and in Phoenix: gaps one by one, exit 7."""
    from gatewayctl.cli.since import parse_since
    from gatewayctl.operations.usage.reconcile import reconcile
    from gatewayctl.output import usage as shown

    app = context(ctx)
    report = reconcile(app.settings, app.gateway, since=parse_since(since), settle=settle)
    app.show("usage reconcile", report, shown.render_reconcile)
